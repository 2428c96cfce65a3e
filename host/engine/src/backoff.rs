//! When a component that ended badly is started again: a pure rule, told the time and the luck.

use std::time::{Duration, Instant};

use takeover_logic::limits::{RESTART_WAIT_MAX, RESTART_WAIT_MIN, RESTART_WAIT_RESET};

/// Waits of 200 ms, doubled with each failure in a row, to 30 s, each up to a quarter shorter by
/// chance: components that fall together do not rise together.
#[derive(Debug)]
pub(crate) struct Backoff {
    /// State of the generator of chance.
    seed: u64,
    /// Failures in a row.
    failures: u32,
    /// The last start, when it succeeded.
    started_at: Option<Instant>,
    restart_at: Option<Instant>,
}

impl Backoff {
    /// Nothing has failed yet. The same seed makes the same waits.
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, failures: 0, started_at: None, restart_at: None }
    }

    /// It was started, successfully.
    pub(crate) fn started(&mut self, now: Instant) {
        self.started_at = Some(now);
        self.restart_at = None;
    }

    /// It ended badly, or did not start. The answer is when it may be started again.
    pub(crate) fn failed(&mut self, now: Instant) -> Instant {
        let lived = self.started_at.take().map(|at| now.saturating_duration_since(at));
        if lived.is_some_and(|lived| lived >= RESTART_WAIT_RESET) {
            self.failures = 0;
        }
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let wait = RESTART_WAIT_MIN.saturating_mul(factor).min(RESTART_WAIT_MAX);
        self.failures = self.failures.saturating_add(1);
        let at = now + wait - self.shorter_by(wait);
        self.restart_at = Some(at);
        at
    }

    /// How long until it may be started; zero: now.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        self.restart_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now))
    }

    /// From nothing to a quarter of the wait. The generator is splitmix64.
    fn shorter_by(&mut self, wait: Duration) -> Duration {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let chance = u32::try_from((mixed ^ (mixed >> 31)) >> 48).unwrap_or_default();
        wait / 4 * chance / (1 << 16)
    }
}

#[cfg(test)]
mod tests;
