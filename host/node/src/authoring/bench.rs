//! What a plugin costs: compiling once, and a fresh instance with a call for every case played.

use std::time::Duration;

use takeover_engine::EngineSettings;
use takeover_engine::player::{Player, Scenario};

use super::{AuthoringError, Subject};

/// What was measured.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Name of the plugin.
    pub name: String,
    /// Title of the case that was played.
    pub case: String,
    /// What compiling took.
    pub compile: Duration,
    /// Fresh instance, `init`, call (for a monitor, one for each sample) and drop, shortest first.
    /// The case's host answers at once.
    pub calls: Vec<Duration>,
    /// Memory of an instance at its highest.
    pub memory_bytes: usize,
    /// What it may have.
    pub memory_bytes_max: usize,
}

impl Measured {
    /// The call that is longer than `share` of all (0 to 1).
    pub fn quantile(&self, share: f64) -> Duration {
        let last = self.calls.len().saturating_sub(1);
        let index = (last as f64 * share.clamp(0.0, 1.0)).round() as usize;
        self.calls.get(index).copied().unwrap_or_default()
    }
}

/// Plays the first case of a plugin so many times.
///
/// # Errors
/// Cases that can not be read, a plugin that is refused, a case that does not hold: its time would
/// say nothing.
pub async fn bench(subject: &Subject, calls: u32) -> Result<Measured, AuthoringError> {
    let mut player = Player::start(EngineSettings::default())?;
    let folder = subject.folder();
    let plugin = subject.load(player.engine())?;
    let scenarios =
        Scenario::read_all(plugin.manifest.kind, folder).map_err(AuthoringError::Cases)?;
    // A case in which something is done says more than one in which it is refused.
    let succeeds = scenarios.iter().find(|(_, scenario)| scenario.succeeds());
    let Some((path, scenario)) = succeeds.or(scenarios.first()) else {
        return Err(AuthoringError::Cases(format!("{}: no cases", folder.display())));
    };
    let mut measured = Measured {
        name: plugin.manifest.name.clone(),
        case: scenario.title().to_owned(),
        compile: plugin.compile_time,
        calls: Vec::new(),
        memory_bytes: 0,
        memory_bytes_max: player.engine().memory_bytes_of(&plugin),
    };
    for _ in 0..calls {
        let played = player.play(&plugin, scenario).await;
        if let Some(problem) = played.problems.first() {
            return Err(AuthoringError::Cases(format!("{}: {problem}", path.display())));
        }
        measured.calls.push(played.took);
        measured.memory_bytes = measured.memory_bytes.max(played.memory_bytes_max);
    }
    measured.calls.sort();
    Ok(measured)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_calls_that_were_measured() {
        let mut measured = Measured {
            name: String::new(),
            case: String::new(),
            compile: Duration::ZERO,
            calls: (1..=101).map(Duration::from_millis).collect(),
            memory_bytes: 0,
            memory_bytes_max: 0,
        };
        let found = [0.0, 0.5, 0.95, 1.0].map(|share| measured.quantile(share).as_millis());
        assert_eq!(found, [1, 51, 96, 101]);
        measured.calls.clear();
        assert_eq!(measured.quantile(0.5), Duration::ZERO);
    }
}
