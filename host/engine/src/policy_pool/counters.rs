//! What a pool counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::outcome::{Ended, Outcome};

/// Calls of a pool since it was started. Every call is in exactly one of the first six.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolCounts {
    /// Decided.
    pub decided: u64,
    /// Ended with a fault: the call was too large, or the answer out of its bounds.
    pub faults: u64,
    /// Trapped, or wanted to wait.
    pub traps: u64,
    /// Ran into the deadline.
    pub deadlines: u64,
    /// Went beyond memory, tables or answer bytes.
    pub limits: u64,
    /// Found no instance.
    pub saturated: u64,
    /// Of all calls, those in a one-shot instance.
    pub one_shots: u64,
    /// Instances that ended because of their number of calls.
    pub retired: u64,
    /// Instances that were made to replace others.
    pub replaced: u64,
    /// Time of all calls together.
    pub time: Duration,
}

/// The same, while it is counted.
#[derive(Debug, Default)]
pub(super) struct Counters {
    decided: AtomicU64,
    faults: AtomicU64,
    traps: AtomicU64,
    deadlines: AtomicU64,
    limits: AtomicU64,
    saturated: AtomicU64,
    one_shots: AtomicU64,
    retired: AtomicU64,
    replaced: AtomicU64,
    time_ns: AtomicU64,
}

impl Counters {
    pub(super) fn count<T>(&self, outcome: &Outcome<T>) {
        let counter = match &outcome.ended {
            Ended::Ok(_) => &self.decided,
            Ended::Fault(_) => &self.faults,
            Ended::Trap(_) => &self.traps,
            Ended::Deadline => &self.deadlines,
            Ended::Limit(_) => &self.limits,
            Ended::Saturated(_) => &self.saturated,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let took = u64::try_from(outcome.took.as_nanos()).unwrap_or(u64::MAX);
        self.time_ns.fetch_add(took, Ordering::Relaxed);
    }

    pub(super) fn one_shot(&self) {
        self.one_shots.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn retired(&self) {
        self.retired.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn replaced(&self) {
        self.replaced.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> PoolCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        PoolCounts {
            decided: read(&self.decided),
            faults: read(&self.faults),
            traps: read(&self.traps),
            deadlines: read(&self.deadlines),
            limits: read(&self.limits),
            saturated: read(&self.saturated),
            one_shots: read(&self.one_shots),
            retired: read(&self.retired),
            replaced: read(&self.replaced),
            time: Duration::from_nanos(read(&self.time_ns)),
        }
    }
}
