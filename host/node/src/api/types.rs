//! Bodies of the HTTP API as JSON. The views inside are those of the deciding machines
//! (`takeover_logic::control::io`) and have the same JSON form there and here.
//!
//! The command line and the page read these; a field may be added, never renamed or removed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use takeover_logic::component::Category;
use takeover_logic::control::io::{AlarmView, Answer, Change, Overview, RecordedEvent, Step};
use takeover_logic::ids::{
    ConditionName, EventSequence, HostName, PairName, ReactionName, SwitchoverId, Term,
};
use takeover_logic::log_event::EventId;
pub use takeover_logic::plugin::report::{
    CallCounts, CallTimes, PluginVersion, PluginView, PreviousVersion, RefusedCalls,
    RejectedVersion,
};
use takeover_logic::time::Timestamp;
use utoipa::ToSchema;

/// Everything that operators see, and as of when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OverviewBody {
    /// Version of the control server's program.
    pub version: String,
    /// When it was put together, in milliseconds since 1970-01-01 UTC.
    #[schema(value_type = u64)]
    pub at: Timestamp,
    /// The newest log event by then; a stream resumed after it misses nothing.
    #[schema(value_type = u64)]
    pub journal_sequence: EventSequence,
    /// Hosts, applications, pairs, virtual IPs and active alarms.
    #[serde(flatten)]
    pub overview: Overview,
}

/// The data of one item of the stream; which of these it is, the item's name says.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum StreamItem {
    /// `overview`: everything as it is; the first item and only that.
    Overview(Arc<OverviewBody>),
    /// `event`: a recorded log event; its sequence is also the item's id.
    Event(Arc<RecordedEvent>),
    /// `changed`: something that operators see has changed.
    Changed(Arc<Change>),
    /// `step`: a step of a run-mode decision.
    Step(Arc<Step>),
}

impl StreamItem {
    /// Its name in the stream.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Overview(_) => "overview",
            Self::Event(_) => "event",
            Self::Changed(_) => "changed",
            Self::Step(_) => "step",
        }
    }
}

/// A page of log events, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventsBody {
    /// The events.
    pub events: Vec<RecordedEvent>,
}

/// Alarms, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlarmsBody {
    /// The alarms.
    pub alarms: Vec<AlarmView>,
}

/// What an operator's command answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AnswerBody {
    /// `"done"`, `{"switched-over": ID}` or `{"alarm": ID}`.
    pub answer: Answer,
}

/// How to switch over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SwitchoverBody {
    /// Have the primary take no new calls and wait so long for those that are up, in seconds, 1 to
    /// 600. Default: switch over at once.
    #[serde(default)]
    pub drain_s: Option<u32>,
    /// Calls that may be up at the switchover, where it waits. Default 0.
    #[serde(default)]
    pub max_calls: u32,
}

/// How to stop an application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StopBody {
    /// Let it finish what it has begun first. Default false.
    #[serde(default)]
    pub graceful: bool,
}

/// Which option of an application, and what it is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OptionBody {
    /// `SECTION/NAME`, or a name that only one section has.
    pub option: String,
    /// Its new value as a text: of the type that the configuration gives it. Absent where the
    /// option is to be unset.
    #[serde(default)]
    pub value: Option<String>,
}

/// What an order about an application may be given with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ApplicationOrderBody {
    /// For `stop`.
    Stop(StopBody),
    /// For `set-option` and `unset-option`.
    Option(OptionBody),
}

/// The configured alarm conditions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConditionsBody {
    /// By name.
    pub conditions: Vec<ConditionView>,
}

/// An alarm condition as operators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConditionView {
    /// Its name.
    #[schema(value_type = String)]
    pub name: ConditionName,
    /// What it means.
    pub description: Arc<str>,
    /// Its severity.
    pub category: Category,
    /// Matches events.
    pub enabled: bool,
    /// Raises the alarm.
    pub detect: SelectorView,
    /// Clears the alarm, where an event does.
    pub cancel: Option<SelectorView>,
    /// Clears the alarm by itself after so many seconds.
    pub cancel_timeout_s: Option<u64>,
    /// Run when the alarm is raised, in this order.
    #[schema(value_type = Vec<String>)]
    pub reactions: Vec<ReactionName>,
    /// Run when the alarm is cleared, in this order.
    #[schema(value_type = Vec<String>)]
    pub clearance_reactions: Vec<ReactionName>,
}

/// Which log events a condition takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SelectorView {
    /// The event, as in `00-05150`.
    #[schema(value_type = String)]
    pub event: EventId,
    /// About what.
    pub by: SelectorBy,
    /// Name of the application or of the application type; absent for `any`.
    pub name: Option<Arc<str>>,
}

/// How a selector chooses among the events with its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SelectorBy {
    /// Those about one application.
    Application,
    /// Those about applications of one type.
    ApplicationType,
    /// All.
    Any,
}

/// Past run-mode decisions, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SwitchoversBody {
    /// The decisions.
    pub switchovers: Vec<SwitchoverView>,
}

/// A run-mode decision in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SwitchoverView {
    /// Its number.
    #[schema(value_type = u64)]
    pub id: SwitchoverId,
    /// The pair.
    #[schema(value_type = String)]
    pub pair: PairName,
    /// The term of the decision: the newest that its steps name.
    #[schema(value_type = u64)]
    pub term: Term,
    /// When it began, in milliseconds since 1970-01-01 UTC.
    #[schema(value_type = u64)]
    pub at: Timestamp,
    /// The first sentence of its explanation: the cause.
    pub sentence: Arc<str>,
}

/// The explanation of one run-mode decision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StepsBody {
    /// Its steps in order.
    pub steps: Vec<Step>,
}

/// The plugins of the control server and of every host agent that was heard of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginsBody {
    /// Those that have a version in use, or one that waits: first the control server's, then each
    /// host's, by name.
    pub plugins: Vec<PluginView>,
    /// Packages that were refused, and why; the version in use stays.
    pub rejected: Vec<RejectedPlugin>,
}

/// A folder that could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RejectedPlugin {
    /// The host whose agent refused it; absent: the control server.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub host: Option<HostName>,
    /// The folder's name.
    pub folder: String,
    /// Why, in a sentence.
    pub reason: String,
}

/// What an order about a plugin answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginOrderBody {
    /// What is done, in a sentence; what takes time is told by events.
    pub done: String,
}

/// Whether the next version of a plugin runs in shadow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShadowOrder {
    /// True: the next version runs beside the one in use. False: the shadowed one is given up.
    pub on: bool,
}

/// What a version in shadow does differently.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShadowBody {
    /// Shadow is on for the next version.
    pub on: bool,
    /// The version in use.
    pub active: String,
    /// The version in shadow; absent where there is none.
    pub shadow: Option<String>,
    /// Calls that were compared.
    pub compared: u64,
    /// Calls that differed.
    pub differed: u64,
    /// The last of those, oldest first; at most 20.
    pub differences: Vec<ShadowDifference>,
}

/// What two versions did differently with the same input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShadowDifference {
    /// Fingerprint of the input, in hexadecimal.
    pub input: String,
    /// What the version in use did.
    pub active: String,
    /// What the version in shadow did.
    pub shadow: String,
}

/// Whether the control server is well; answered without a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthBody {
    /// `ok` or `failing`.
    pub status: String,
    /// `ok`, or why the journal can not be written.
    pub journal: String,
}

/// The body of every answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorDetail {
    /// For programs.
    pub code: ErrorCode,
    /// For people: one sentence.
    pub message: String,
}

/// Kinds of errors, each with one HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// 404: there is no such object or path.
    NotFound,
    /// 409: it can not be done in the present state.
    Conflict,
    /// 422: it was tried and did not work.
    Failed,
    /// 401: no token, or an unknown one.
    Unauthorized,
    /// 403: the token's role does not allow it.
    Forbidden,
    /// 400: the request makes no sense.
    Invalid,
    /// 413: the body is larger than the limit.
    TooLarge,
    /// 503: the control server is overloaded, stopping, or its journal can not be written.
    Unavailable,
}
