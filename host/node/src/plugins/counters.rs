//! What the calls of one version cost, for operators.

use std::time::Duration;

use takeover_engine::outcome::{Ended, Outcome};

use crate::api::types::CallCounts;

/// Counts of one version in this process.
#[derive(Clone, Debug, Default)]
pub(super) struct Counters {
    counts: CallCounts,
    own: Duration,
    in_host: Duration,
    queued: Duration,
}

impl Counters {
    pub(super) fn add<T>(&mut self, outcome: &Outcome<T>) {
        let counts = &mut self.counts;
        counts.calls += 1;
        match outcome.ended {
            Ended::Ok(_) => counts.answered += 1,
            Ended::Fault(_) => counts.faults += 1,
            Ended::Trap(_) => counts.traps += 1,
            Ended::Deadline => counts.deadlines += 1,
            Ended::Limit(_) => counts.limits += 1,
            Ended::Saturated(_) => counts.saturated += 1,
        }
        let own = outcome.instance.saturating_sub(outcome.in_host);
        self.own += own;
        // A call without an instance has no time to be spread.
        if !outcome.instance.is_zero() {
            counts.own.add(own);
            counts.host.add(outcome.in_host);
        }
        self.in_host += outcome.in_host;
        self.queued += outcome.took.saturating_sub(outcome.instance);
        counts.slowest_ms = counts.slowest_ms.max(milliseconds(outcome.instance));
        let memory = u64::try_from(outcome.memory_bytes_max).unwrap_or(u64::MAX);
        counts.memory_bytes_max = counts.memory_bytes_max.max(memory);
    }

    /// As operators see them.
    pub(super) fn view(&self) -> CallCounts {
        let counts = self.counts.clone();
        CallCounts {
            own: counts.own.summarised(),
            host: counts.host.summarised(),
            own_ms: milliseconds(self.own),
            host_ms: milliseconds(self.in_host),
            queued_ms: milliseconds(self.queued),
            ..counts
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
