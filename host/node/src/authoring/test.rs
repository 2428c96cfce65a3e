//! Plays the cases of a project around the real engine, with the case's clock and the case's host.
//! For Rust, the project's own tests run natively, too.

use std::sync::Arc;
use std::time::{Duration, Instant};

use takeover_engine::limits::CASE_TIMEOUT;
use takeover_engine::outcome::Ended;
use takeover_engine::player::{Player, Scenario};
use takeover_engine::{Call, Engine, EngineSettings, Plugin, Settings};

use super::{AuthoringError, Language, Project, Subject, build, tools};

/// How a case ended.
#[derive(Clone, Debug)]
pub struct CaseResult {
    /// Name of its file.
    pub file: String,
    /// What it shows.
    pub title: String,
    /// Everything in which it differed; empty: it holds.
    pub problems: Vec<String>,
    /// What the component wrote to the log.
    pub lines: Vec<String>,
    /// Real time.
    pub took: Duration,
}

/// Whether the project's native tests can be run: it is Rust, and cargo is there.
pub fn has_native(project: &Project) -> bool {
    project.language == Language::Rust && tools::is_there("cargo")
}

/// Runs the project's own tests natively; their output goes to standard error.
///
/// # Errors
/// Tests that fail, or cargo that can not be started.
pub fn native(project: &Project) -> Result<(), AuthoringError> {
    tools::run(build::cargo(&project.folder)?.args(["test", "--quiet"]))
}

/// Plays every case of a plugin under the grant that its project shows.
///
/// # Errors
/// Cases that can not be read, a plugin that is refused. What differs is in the results.
pub async fn cases(subject: &Subject) -> Result<Vec<CaseResult>, AuthoringError> {
    let mut player = Player::start(EngineSettings::default())?;
    let plugin = subject.load(player.engine())?;
    unreadable(player.engine(), &plugin).await.map_or(Ok(()), Err)?;
    let scenarios = Scenario::read_all(plugin.manifest.kind, subject.folder())
        .map_err(AuthoringError::Cases)?;
    let mut results = Vec::new();
    for (path, scenario) in scenarios {
        let played = player.play(&plugin, &scenario).await;
        let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        results.push(CaseResult {
            file,
            title: scenario.title().to_owned(),
            problems: played.problems,
            lines: played.lines,
            took: played.took,
        });
    }
    Ok(results)
}

/// What is wrong with the text of a policy, with its line: every case would only say the same.
/// None: nothing, or it is no policy.
pub(super) async fn unreadable(engine: &Engine, plugin: &Arc<Plugin>) -> Option<AuthoringError> {
    let policy = plugin.manifest.policy.as_ref()?;
    let (settings, deadline) = (Settings::new(), Instant::now() + CASE_TIMEOUT);
    let outcome = engine.try_out(Call { plugin, settings: &settings, deadline }).await;
    let ended = match outcome.ended {
        Ended::Ok(()) => return None,
        Ended::Fault(fault) => fault.to_string(),
        other => other.to_string(),
    };
    let shown = policy.excerpt(&ended).map(|lines| format!("\n{lines}")).unwrap_or_default();
    Some(AuthoringError::Policy(format!("{}{shown}", policy.explain(&ended))))
}
