//! Bodies of the HTTP API as JSON. The views inside are those of the deciding machines
//! (`takeover_logic::control::io`) and have the same JSON form there and here.
//!
//! The command line and the page read these; a field may be added, never renamed or removed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use takeover_logic::component::Category;
use takeover_logic::control::io::{AlarmView, Answer, Change, Overview, RecordedEvent, Step};
use takeover_logic::ids::{
    ConditionName, EventSequence, PairName, PluginName, ReactionName, SwitchoverId, Term,
};
use takeover_logic::log_event::EventId;
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

/// How to stop an application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StopBody {
    /// Let it finish what it has begun first. Default false.
    #[serde(default)]
    pub graceful: bool,
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

/// The components in the plugin folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginsBody {
    /// Those that can run, by name.
    pub plugins: Vec<PluginView>,
    /// Those that can not, and why.
    pub rejected: Vec<RejectedPlugin>,
}

/// A component as operators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginView {
    /// Its name.
    #[schema(value_type = String)]
    pub name: PluginName,
    /// Its version.
    pub version: String,
    /// Its kind: `alarm-reaction` or `vip-backend`.
    pub kind: String,
    /// SHA-256 of the component, in hexadecimal.
    pub sha256: String,
    /// `loaded`.
    pub state: String,
}

/// A folder that could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RejectedPlugin {
    /// The folder's name.
    pub folder: String,
    /// Why, in a sentence.
    pub reason: String,
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
