//! What comes into the alarm machine and what leaves it.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::control::io::{AlarmView, ReactionFault, ReactionRun, RecordedEvent};
use crate::ids::{AlarmId, ApplicationName, ConditionName, RunId};
use crate::log_event::LogEvent;

/// One input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A log event was recorded. Every recorded event comes in here, those that this machine
    /// itself asked to record included; events of level `Alarm` are ignored.
    Event(RecordedEvent),
    /// A reaction ended.
    ReactionEnded {
        /// Which run. Unknown ones are ignored: the run's own deadline came first.
        run: RunId,
        /// How; the text of a success is shown beside the alarm.
        result: Result<Arc<str>, ReactionFault>,
    },
    /// Time passed; a deadline is due.
    Tick,
}

/// One output.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Run a reaction; to be answered with [`Input::ReactionEnded`].
    Run(ReactionRun),
    /// An alarm was raised, changed or cleared. A cleared one comes a last time when the last of
    /// its reactions ended.
    Changed(AlarmView),
    /// Record a log event.
    Record(LogEvent),
    /// A condition takes events about this application again, and this many were only counted
    /// while its alarm was active (never zero): what they would have led to was not done.
    Rearmed {
        /// Which condition.
        condition: ConditionName,
        /// About whom.
        application: ApplicationName,
        /// Events that ran no reactions.
        suppressed: u32,
    },
}

/// What must survive a restart of the control server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// The last alarm number given.
    pub last_alarm: AlarmId,
    /// The last run number given.
    pub last_run: RunId,
    /// Active alarms, and cleared ones whose reactions have not all ended.
    pub alarms: Vec<SavedAlarm>,
}

/// An alarm as it is saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedAlarm {
    /// Everything that operators see of it.
    pub view: AlarmView,
    /// Time left until it clears itself.
    pub cancel_in: Option<Duration>,
}
