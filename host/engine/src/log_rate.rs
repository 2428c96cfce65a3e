//! How many log lines a plugin may write: a bucket that refills with time.

use std::time::Instant;

use crate::limits::{LOG_LINES_BURST, LOG_LINES_PER_S};

/// The bucket of one plugin, shared by all of its instances.
#[derive(Debug)]
pub(crate) struct LogRate {
    /// Lines that may be written now.
    lines: f64,
    refilled_at: Instant,
}

impl LogRate {
    /// A full bucket.
    pub(crate) fn new(now: Instant) -> Self {
        Self { lines: f64::from(LOG_LINES_BURST), refilled_at: now }
    }

    /// Takes one line out. False: there is none.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.refilled_at).as_secs_f64();
        self.refilled_at = now;
        self.lines = (self.lines + since * f64::from(LOG_LINES_PER_S)).min(LOG_LINES_BURST.into());
        let allowed = self.lines >= 1.0;
        if allowed {
            self.lines -= 1.0;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn burst_passes_and_the_rest_waits_for_time_to_pass() {
        let start = Instant::now();
        let mut rate = LogRate::new(start);
        let passed = (0..1000).filter(|_| rate.take(start)).count();
        assert_eq!(passed, 64);
        let later = start + Duration::from_secs(1);
        let passed = (0..1000).filter(|_| rate.take(later)).count();
        assert_eq!(passed, 16);
    }
}
