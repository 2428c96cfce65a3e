//! The two clocks of a process, read together: the only place that reads them for the machines.

#[cfg(test)]
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, Timespec, clock_gettime};
use takeover_logic::time::{Instant, Now, Timestamp};

/// The clocks of one process. Cheap to copy; all copies have the same origin.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: std::time::Instant,
    /// What a test has skipped, in milliseconds.
    #[cfg(test)]
    skipped: Option<&'static AtomicU64>,
}

impl Clock {
    /// Clocks whose monotonic one begins at zero now.
    #[expect(clippy::new_without_default, reason = "it reads the clock: not a neutral value")]
    pub fn new() -> Self {
        Self {
            origin: std::time::Instant::now(),
            #[cfg(test)]
            skipped: None,
        }
    }

    /// Clocks that a test can put forward, by adding milliseconds. They live as long as the
    /// process.
    #[cfg(test)]
    pub(crate) fn skipping() -> (Self, &'static AtomicU64) {
        let skipped: &AtomicU64 = Box::leak(Box::default());
        (Self { skipped: Some(skipped), ..Self::new() }, skipped)
    }

    #[cfg(test)]
    fn skipped(&self) -> Duration {
        let milliseconds = self.skipped.map_or(0, |skipped| skipped.load(Ordering::SeqCst));
        Duration::from_millis(milliseconds)
    }

    #[cfg(not(test))]
    fn skipped(&self) -> Duration {
        Duration::ZERO
    }

    /// Both clocks, now.
    pub fn now(&self) -> Now {
        Now { instant: self.instant(), at: timestamp() }
    }

    /// The monotonic clock, now.
    pub fn instant(&self) -> Instant {
        Instant::default() + self.origin.elapsed() + self.skipped()
    }

    /// The same point of time as the standard library has it, for timers.
    pub fn to_std(&self, instant: Instant) -> std::time::Instant {
        // Beyond what the standard clock can hold is "never"; a century is as good.
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
        let after = instant.since(Instant::default()).min(CENTURY).saturating_sub(self.skipped());
        self.origin.checked_add(after).unwrap_or(self.origin)
    }
}

/// The wall clock at the kernel's last tick, 10 ms ago at most; zero where it is before 1970. It is
/// read without the processor's counter: for what is counted in seconds, a thousand times in each.
pub(crate) fn coarse_timestamp() -> Timestamp {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::RealtimeCoarse);
    Timestamp(u64::try_from(tv_sec * 1_000 + tv_nsec / 1_000_000).unwrap_or_default())
}

/// The wall clock, now; zero where it is before 1970.
pub fn timestamp() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
