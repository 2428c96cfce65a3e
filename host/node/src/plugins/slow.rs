//! Calls that took long: which of them become log events, and what those say.

use takeover_engine::outcome::Outcome;
use takeover_engine::package::Manifest;
use takeover_logic::catalog::{self, About};
use takeover_logic::log_event::LogEvent;
use takeover_logic::time::Instant;

use crate::limits::SLOW_CALL_INTERVAL;

/// Slow calls of one plugin.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SlowCalls {
    told: Option<Instant>,
    untold: u64,
}

impl SlowCalls {
    /// Counts one; the number that nobody was told of, if it is time to tell.
    pub(super) fn add(&mut self, now: Instant) -> Option<u64> {
        if self.told.is_some_and(|told| now < told + SLOW_CALL_INTERVAL) {
            self.untold += 1;
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

/// The event about a slow call; `ended` is how, without the component's words.
pub(super) fn event<T>(
    about: &About,
    manifest: &Manifest,
    outcome: &Outcome<T>,
    (ended, untold): (&str, u64),
) -> LogEvent {
    let own = outcome.instance.saturating_sub(outcome.in_host).as_millis();
    let host = outcome.in_host.as_millis();
    let interface = match outcome.most_in {
        Some(part) => format!("{} ({} ms)", part.interface, part.took.as_millis()),
        None => "none".to_owned(),
    };
    let (plugin, version) = (&manifest.name, &manifest.version);
    catalog::plugin_slow_call(about, plugin, version, &own, &host, &interface, &ended, &untold)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_calls_are_told_at_intervals_with_the_number_of_the_others() {
        let mut slow = SlowCalls::default();
        let begin = Instant::default();
        assert_eq!(slow.add(begin), Some(0));
        assert_eq!(slow.add(begin), None);
        assert_eq!(slow.add(begin + SLOW_CALL_INTERVAL / 2), None);
        assert_eq!(slow.add(begin + SLOW_CALL_INTERVAL), Some(2));
        assert_eq!(slow.add(begin + SLOW_CALL_INTERVAL), None);
        assert_eq!(slow.add(begin + SLOW_CALL_INTERVAL * 2), Some(1));
    }
}
