//! The reactions that run or wait, and whose turn it is.
//!
//! ```text
//!            target free            answer, or deadline + grace
//!   waiting ------------> running -------------------------------> ended
//!      |                     ^
//!      +---- earlier run ----+
//!            on the same target ended
//! ```
//!
//! # Invariants
//! - Of the runs with the same target exactly the first one runs, in the order of their arrival;
//!   a run without a target never waits.
//! - There are never more than [`REACTION_RUNS_MAX`].
//! - Every run that was started has a deadline, so every run ends.
//!
//! This file must not know what an alarm is beyond its number.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::ids::{AlarmId, HostName, ReactionName, RunId};
use crate::limits::REACTION_RUNS_MAX;
use crate::time::Instant;

/// A run that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Whose reaction it is.
    pub(super) alarm: AlarmId,
    /// The reaction script.
    pub(super) reaction: ReactionName,
    /// Runs on the same target wait for each other.
    pub(super) target: Option<HostName>,
    /// When it counts as failed; none while it waits.
    pub(super) give_up_at: Option<Instant>,
}

/// What becomes of a new run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It is its turn: start it now.
    Starts,
    /// It waits for an earlier one.
    Waits,
    /// There are too many already.
    Refused,
}

/// All runs that have not ended.
#[derive(Debug, Default)]
pub(super) struct Runs {
    runs: BTreeMap<RunId, Run>,
    /// Runs by target; the first of each is the one that runs.
    queues: BTreeMap<HostName, VecDeque<RunId>>,
    give_ups: BTreeSet<(Instant, RunId)>,
}

impl Runs {
    /// Takes in a new run. One that starts must be followed by [`Self::started`] or
    /// [`Self::end`].
    pub(super) fn add(&mut self, id: RunId, run: Run) -> Admission {
        if self.runs.len() >= REACTION_RUNS_MAX {
            return Admission::Refused;
        }
        let mut admission = Admission::Starts;
        if let Some(target) = &run.target {
            let queue = self.queues.entry(target.clone()).or_default();
            if !queue.is_empty() {
                admission = Admission::Waits;
            }
            queue.push_back(id);
        }
        self.runs.insert(id, run);
        admission
    }

    /// A run.
    pub(super) fn get(&self, id: RunId) -> Option<&Run> {
        self.runs.get(&id)
    }

    /// A run was started and counts as failed at `give_up_at`.
    pub(super) fn started(&mut self, id: RunId, give_up_at: Instant) {
        if let Some(run) = self.runs.get_mut(&id) {
            run.give_up_at = Some(give_up_at);
            self.give_ups.insert((give_up_at, id));
        }
    }

    /// A run ended. Gives it back, and the run whose turn it is now.
    pub(super) fn end(&mut self, id: RunId) -> Option<(Run, Option<RunId>)> {
        let run = self.runs.remove(&id)?;
        if let Some(at) = run.give_up_at {
            self.give_ups.remove(&(at, id));
        }
        let mut next = None;
        if let Some(target) = &run.target
            && let Some(queue) = self.queues.get_mut(target)
        {
            let was_first = queue.front() == Some(&id);
            queue.retain(|waiting| *waiting != id);
            next = queue.front().copied().filter(|_| was_first);
            if queue.is_empty() {
                self.queues.remove(target);
            }
        }
        Some((run, next))
    }

    /// A run that counts as failed by now.
    pub(super) fn overdue(&self, now: Instant) -> Option<RunId> {
        self.give_ups.first().filter(|(at, _)| *at <= now).map(|(_, id)| *id)
    }

    /// When the next run counts as failed.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.give_ups.first().map(|(at, _)| *at)
    }
}
