//! Status of applications and hosts, as their agents tell it: what a new state means compared
//! with the one before.
//!
//! This module must not know what follows from a status; that is [`crate::run_mode`].
//!
//! ```text
//!            accepted            executed                  registered           ready
//!   Stopped ---------> StartPending --> StartTransition ----------> Initializing ---+
//!    ^  ^                                     |                                     v
//!    |  |                                     +------------------------------> Running <--+
//!    |  |   from every live status:                                            |     |    | reports
//!    |  +-- the process was lost                                       graceful|     |    v
//!    |                                                                 stop    v     |  ServiceUnavailable
//!    |                                              Suspended <----- Suspending      |
//!    |                  group gone                      |                |      stop |
//!    +---------------------------- StopTransition <-----+------ StopPending <-------+
//! ```
//!
//! The link to the host's agent ends: `Unknown`, from every status; it is back: whatever the agent
//! tells. What was known before is kept, so that nothing is reported twice.
//!
//! # Invariants
//!
//! - A state that can not follow the one before means that a step was missed: the process ended
//!   in between. The same where its process number changed.
//! - What is shown of an application whose host can not be reached is `Unknown`, never its past.

use std::sync::Arc;

use crate::control::io::HostStatus;
use crate::link::{ApplicationState, Status, StatusCause};

#[cfg(test)]
mod tests;

/// Whether `to` can follow `from` without a step that nobody saw.
pub fn is_transition_valid(from: Status, to: Status) -> bool {
    use Status::*;
    let stop = matches!(to, StopPending | StopTransition);
    from == to
        || matches!(to, Unknown | Stopped)
        || match from {
            Unknown => true,
            Stopped => matches!(to, StartPending | StartTransition),
            StartPending => stop || to == StartTransition,
            StartTransition => stop || matches!(to, Initializing | Running | ServiceUnavailable),
            Initializing => stop || matches!(to, Running | ServiceUnavailable),
            Running => stop || matches!(to, ServiceUnavailable | Suspending),
            ServiceUnavailable => stop || matches!(to, Running | Suspending),
            Suspending => stop || to == Suspended,
            Suspended => stop,
            StopPending => to == StopTransition,
            StopTransition => false,
        }
}

/// Whether `to` can follow `from` for a host: once heard of, it is never unknown again.
pub fn is_host_transition_valid(from: HostStatus, to: HostStatus) -> bool {
    from == to || to != HostStatus::Unknown
}

/// Whether an application in this status has a process.
pub fn is_live(status: Status) -> bool {
    use Status::*;
    !matches!(status, Unknown | Stopped | StartPending)
}

/// Whether an application in this status can have a run mode.
pub fn takes_run_modes(status: Status) -> bool {
    matches!(status, Status::Running | Status::ServiceUnavailable | Status::Suspending)
}

/// What a told state means compared with the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transition {
    /// The process that was there before is gone, and why.
    pub ended: Option<StatusCause>,
    /// A start did not lead to a process that is ready.
    pub start_failed: bool,
    /// It is ready for the first time in this life of its process.
    pub started: bool,
    /// It can no longer serve, by its own word.
    pub unavailable: bool,
    /// It can serve again, by its own word.
    pub available: bool,
    /// Something that operators see is different.
    pub changed: bool,
}

/// An application as its agent told of it last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationStatus {
    /// The last status told; kept while the host can not be reached.
    told: Status,
    cause: Option<StatusCause>,
    pid: Option<u32>,
    says: Option<Arc<str>>,
    /// Its host is linked.
    in_sight: bool,
    /// The present process was ready once.
    was_ready: bool,
}

impl Default for ApplicationStatus {
    fn default() -> Self {
        Self::restore(Status::Unknown, None)
    }
}

impl ApplicationStatus {
    /// An application whose host has not yet linked up, with what was last known of it.
    pub fn restore(told: Status, pid: Option<u32>) -> Self {
        let was_ready = takes_run_modes(told);
        Self { told, cause: None, pid, says: None, in_sight: false, was_ready }
    }

    /// The status to show: `Unknown` while the host can not be reached.
    pub fn shown(&self) -> Status {
        if self.in_sight { self.told } else { Status::Unknown }
    }

    /// The last status told, however long ago.
    pub fn last_known(&self) -> Status {
        self.told
    }

    /// Why it is in that status; none while the host can not be reached.
    pub fn cause(&self) -> Option<StatusCause> {
        self.cause.filter(|_| self.in_sight)
    }

    /// Its process; none while the host can not be reached.
    pub fn pid(&self) -> Option<u32> {
        self.pid.filter(|_| self.in_sight)
    }

    /// The process last told of, however long ago.
    pub fn last_pid(&self) -> Option<u32> {
        self.pid
    }

    /// What the program says of itself; none while the host can not be reached.
    pub fn says(&self) -> Option<Arc<str>> {
        self.says.clone().filter(|_| self.in_sight)
    }

    /// The agent told its state.
    pub fn tell(&mut self, state: &ApplicationState) -> Transition {
        let (from, to) = (self.told, state.status);
        let other_process = matches!((self.pid, state.pid), (Some(a), Some(b)) if a != b);
        let missed = !is_transition_valid(from, to) || other_process;
        let over = is_live(from) && (!is_live(to) && to != Status::Unknown || missed);
        let failed = to == Status::Stopped && state.cause == StatusCause::StartFailed;
        if over || !is_live(to) {
            self.was_ready = false;
        }
        let ready = takes_run_modes(to);
        let transition = Transition {
            ended: over.then_some(state.cause),
            start_failed: failed && from != Status::Stopped,
            started: ready && !self.was_ready && from != Status::Unknown,
            unavailable: to == Status::ServiceUnavailable && from != to,
            available: to == Status::Running && from == Status::ServiceUnavailable && !over,
            changed: !self.in_sight
                || (from, self.cause, self.pid, &self.says)
                    != (to, Some(state.cause), state.pid, &state.says),
        };
        *self = Self {
            told: to,
            cause: Some(state.cause),
            pid: state.pid,
            says: state.says.clone(),
            in_sight: true,
            was_ready: self.was_ready || ready,
        };
        transition
    }

    /// The link to its host ended: nobody knows any more.
    pub fn lose_sight(&mut self) {
        self.in_sight = false;
    }
}
