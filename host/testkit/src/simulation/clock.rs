//! Time: the one that the simulation counts, and the clocks of machines, which run a little fast
//! or slow and began at different origins.

use takeover_logic::time::{Instant, Now, Timestamp};

/// A point of simulated time, in nanoseconds since its beginning.
pub(super) type Time = u64;

/// One millisecond.
pub(super) const MS: Time = 1_000_000;
/// One second.
pub(super) const S: Time = 1_000 * MS;

/// The clock of one machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// What it showed at simulated time zero.
    origin: u64,
    /// How much faster than simulated time it runs, in parts per million.
    drift_ppm: i64,
}

impl Clock {
    /// A clock of a machine; crystals of servers are within 100 ppm, a bad one within 500.
    pub(super) fn new(rng: &mut fastrand::Rng) -> Self {
        Self { origin: rng.u64(S..1_000 * S), drift_ppm: rng.i64(-500..=500) }
    }

    /// What it shows at a simulated time.
    pub(super) fn at(&self, time: Time) -> Now {
        let drift = i128::from(time) * i128::from(self.drift_ppm) / 1_000_000;
        let shown = i128::from(self.origin) + i128::from(time) + drift;
        let shown = u64::try_from(shown).unwrap_or(0);
        let wall = 1_700_000_000_000 + time / MS;
        Now { instant: Instant(shown), at: Timestamp(wall) }
    }

    /// The simulated time at which it shows at least `instant`.
    pub(super) fn when(&self, instant: Instant) -> Time {
        let ran = i128::from(instant.0) - i128::from(self.origin);
        let time = ran * 1_000_000 / (1_000_000 + i128::from(self.drift_ppm));
        // One nanosecond later, because the division rounds down.
        u64::try_from(time + 1).unwrap_or(0)
    }
}
