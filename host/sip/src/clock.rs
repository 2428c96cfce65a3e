//! Deadlines that both nodes of a pair must agree on are wall-clock times; this is their arithmetic.
//!
//! Only deadlines of seconds and more are such times, and only the node that serves acts on them:
//! a clock that jumps makes them early or late by as much, never lost.

use std::time::Duration;

use takeover_logic::time::{Instant, Now, Timestamp};

/// The time so long after another.
pub fn after(at: Timestamp, wait: Duration) -> Timestamp {
    let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    Timestamp(at.0.saturating_add(millis))
}

/// When, on the local monotonic clock, a wall-clock time comes; now, where it is past.
pub fn instant_of(now: Now, at: Timestamp) -> Instant {
    now.instant + Duration::from_millis(at.0.saturating_sub(now.at.0))
}
