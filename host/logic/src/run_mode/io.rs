//! What comes into the run-mode machine and what leaves it, and the sentences that explain both.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::ids::{ApplicationName, HostName, Term};
use crate::link::{Fault, RunMode, Status, StatusCause, Verdict};

/// One of the two applications of a pair, by its place in the configuration, which says nothing
/// about its run mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The one configured as primary.
    First,
    /// The one configured as backup.
    Second,
}

impl Side {
    /// Both, in order.
    pub const BOTH: [Side; 2] = [Side::First, Side::Second];

    /// The other one.
    #[must_use]
    pub fn other(self) -> Side {
        match self {
            Side::First => Side::Second,
            Side::Second => Side::First,
        }
    }
}

/// What an application of a pair is called, and where it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The application.
    pub application: ApplicationName,
    /// Its host.
    pub host: HostName,
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.application, self.host)
    }
}

/// Waiting times; see [`crate::config::model::ControlSettings`] for ranges and defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Wait after a lost host before its application is given up.
    pub disconnect_switchover_timeout: Duration,
    /// Longest further wait while the backup still sees the lost one serve.
    pub evidence_wait: Duration,
    /// How long the configured backup waits for the configured primary at the first start.
    pub startup_grace: Duration,
    /// Longest wait for a run mode to be confirmed.
    pub confirm_timeout: Duration,
}

/// One input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Time passed; a deadline is due.
    Tick,
    /// The host of a side linked up, and its agent told everything.
    Linked {
        /// Which side.
        side: Side,
        /// Status of the application.
        status: Status,
        /// Why it is in that status.
        cause: StatusCause,
        /// Run mode and term that the agent set last, if it remembers any.
        reported: Option<(RunMode, Term)>,
        /// Its process is not the one that was there when the link ended.
        restarted: bool,
    },
    /// The link to the host of a side ended, or it did not come up in time.
    Lost {
        /// Which side.
        side: Side,
    },
    /// The status of an application changed.
    Status {
        /// Which side.
        side: Side,
        /// The new one.
        status: Status,
        /// Why.
        cause: StatusCause,
    },
    /// Whether the host of a side reaches the network that the service is on.
    Network {
        /// Which side.
        side: Side,
        /// What its agent found.
        verdict: Verdict,
    },
    /// What an application sees of the other one, whose host may be lost.
    Other {
        /// Which side looked.
        side: Side,
        /// Good: the other one serves; bad: it does not.
        seen: Verdict,
    },
    /// An agent has seen this term, perhaps from an order that is no longer remembered here.
    TermSeen(Term),
    /// An order was answered.
    Answered {
        /// Which side.
        side: Side,
        /// The run mode that it ordered.
        run_mode: RunMode,
        /// The term of the order.
        term: Term,
        /// The outcome.
        result: Result<(), Fault>,
    },
    /// Decide nothing until `Resume`.
    Pause,
    /// Decide again.
    Resume,
}

/// Why a run mode is to change. Its `Display` is the first sentence of the explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The configured primary runs for the first time.
    Startup(Label),
    /// The configured primary did not run in time at the first start.
    NotStarted {
        /// The configured primary, as it is.
        primary: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// Nobody was primary and this one can serve.
    FirstRunning(Label),
    /// An operator asked for a switchover.
    Operator(Arc<str>),
    /// An alarm reaction asked for a switchover.
    Reaction(Arc<str>),
    /// The primary's process ended.
    Ended {
        /// The primary.
        primary: Label,
        /// Its status now.
        status: Status,
        /// Why.
        cause: StatusCause,
    },
    /// The primary's host can not be reached.
    HostLost(Label),
    /// The primary says that it can not serve.
    ServiceUnavailable(Label),
    /// The primary's host is cut off from the network of the service, the backup's is not.
    CutOff {
        /// The primary.
        primary: Label,
        /// What its agent found.
        reason: Arc<str>,
    },
    /// The primary no longer has the run mode that it confirmed.
    RunModeGone(Label),
    /// A link came back, and both were primary.
    BothPrimary {
        /// The one whose link came back.
        restored: Label,
        /// The one that stays.
        kept: Label,
    },
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Startup(label) => {
                write!(f, "{label} runs and is configured as primary")
            }
            Cause::NotStarted { primary, waited } => {
                write!(f, "{primary}, {} s after the start", waited.as_secs_f64())
            }
            Cause::FirstRunning(label) => {
                write!(f, "nobody is primary and {label} is the first that can be")
            }
            Cause::Operator(operator) => write!(f, "operator {operator} asked for it"),
            Cause::Reaction(reaction) => write!(f, "alarm reaction {reaction} asked for it"),
            Cause::Ended { primary, status, cause } => match cause {
                StatusCause::Ordered => write!(f, "{primary} was stopped as ordered"),
                StatusCause::Died(exit) => write!(f, "{primary} ended by itself ({exit})"),
                StatusCause::HungUp => {
                    write!(f, "{primary} hung, its watchdog stayed silent, and was ended")
                }
                StatusCause::StartFailed => write!(f, "{primary} could not be started"),
                StatusCause::Restarted => write!(f, "{primary} is restarted after a failure"),
                StatusCause::Reported | StatusCause::Adopted => {
                    write!(f, "{primary} is {}", Spoken(*status))
                }
            },
            Cause::HostLost(label) => {
                write!(f, "host {} of {} can not be reached", label.host, label.application)
            }
            Cause::ServiceUnavailable(label) => {
                write!(f, "{label} says that it can not serve")
            }
            Cause::CutOff { primary, reason } => {
                write!(f, "{primary} is cut off from the network of the service: {reason}")
            }
            Cause::RunModeGone(label) => {
                write!(f, "{label} no longer has the run mode that it confirmed")
            }
            Cause::BothPrimary { restored, kept } => write!(
                f,
                "the link to {} is back and {} is still primary, as is {}",
                restored.host, restored.application, kept.application
            ),
        }
    }
}

/// A status or run mode as it is written within a sentence.
pub(crate) struct Spoken<T>(pub(crate) T);

impl fmt::Display for Spoken<Status> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Status::Unknown => "in an unknown status",
            Status::Stopped => "stopped",
            Status::StartPending => "waiting to be started",
            Status::StartTransition => "starting",
            Status::Initializing => "initializing",
            Status::Running => "running",
            Status::ServiceUnavailable => "running but can not serve",
            Status::Suspending => "finishing its work",
            Status::Suspended => "finished with its work",
            Status::StopPending | Status::StopTransition => "stopping",
        })
    }
}

impl fmt::Display for Spoken<RunMode> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            RunMode::Primary => "primary",
            RunMode::Backup => "backup",
            RunMode::Exiting => "exiting",
        })
    }
}

/// Something that operators should read, beside the explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The primary is in trouble and nobody can take over.
    BackupNotRunning {
        /// The trouble.
        cause: Cause,
        /// The one that can not take over.
        backup: Side,
        /// Its status.
        status: Status,
    },
    /// The primary is in trouble and the pair is paused.
    Paused {
        /// The trouble.
        cause: Cause,
    },
    /// The primary's host is lost and its backup still sees it serve: the takeover waits.
    Postponed {
        /// The primary.
        primary: Side,
        /// The one that sees it.
        backup: Side,
        /// How long it waits at most.
        at_most: Duration,
    },
    /// Nobody is primary any more.
    Leaderless {
        /// What the two are.
        reason: Arc<str>,
    },
    /// Both were primary when a link came back.
    BothPrimary {
        /// Goes to backup.
        restored: Side,
        /// Stays primary.
        kept: Side,
    },
    /// The old primary did not confirm that it stands by.
    DemotionNotConfirmed {
        /// The old primary.
        side: Side,
        /// What is done about it.
        decision: &'static str,
    },
    /// A run mode was not confirmed.
    NotSet {
        /// Which side.
        side: Side,
        /// The run mode.
        run_mode: RunMode,
        /// Why.
        fault: Fault,
    },
}

/// One output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A decision begins; the steps that follow belong to it.
    Decided {
        /// Why.
        cause: Cause,
        /// Who is to be primary, where that changes.
        to: Option<Side>,
        /// The term of the decision.
        term: Term,
    },
    /// A step of the decision, with the term that it is about.
    Step {
        /// The term.
        term: Term,
        /// What was seen or decided, and why.
        sentence: Arc<str>,
    },
    /// Set a run mode; to be answered with [`Input::Answered`].
    Order {
        /// Of which side.
        side: Side,
        /// The run mode.
        run_mode: RunMode,
        /// The fencing token.
        term: Term,
    },
    /// The host of the primary is lost: the side is to look whether that one serves, and to say
    /// so by [`Input::Other`].
    Look {
        /// Who is to look.
        side: Side,
    },
    /// A run mode that the side did not have before is confirmed.
    Confirmed {
        /// Which side.
        side: Side,
        /// The run mode.
        run_mode: RunMode,
    },
    /// The decision came to its end: its primary confirmed, or why not.
    Ended {
        /// The term it ended with.
        term: Term,
        /// The outcome.
        result: Result<(), Arc<str>>,
    },
    /// Operators should read this.
    Notice(Notice),
}
