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
    /// Those that have a version in use, or one that waits, by name.
    pub plugins: Vec<PluginView>,
    /// Packages that were refused, and why; the version in use stays.
    pub rejected: Vec<RejectedPlugin>,
}

/// A component as operators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginView {
    /// Its name.
    #[schema(value_type = String)]
    pub name: PluginName,
    /// Its version in use; empty where there is none.
    pub version: String,
    /// Its kind: `alarm-reaction` or `vip-backend`; empty where no version is in use.
    pub kind: String,
    /// The file of the version in use where it is a text policy; none: a component.
    #[serde(default)]
    pub policy_file: Option<String>,
    /// SHA-256 of the component or the text in use, in hexadecimal; empty where there is none.
    pub sha256: String,
    /// `active`, `probation`; without a version in use that of the newest other one.
    pub state: String,
    /// Number of the version in use, counted in this process.
    #[serde(default)]
    pub generation: u64,
    /// Why calls are refused at the moment: `quarantine`, or the time of a rest.
    #[serde(default)]
    pub closed: Option<String>,
    /// Inputs that are put aside because they ended instances.
    #[serde(default)]
    pub inputs_aside: usize,
    /// The next version is to run in shadow.
    #[serde(default)]
    pub shadow: bool,
    /// What calls the plugin.
    #[serde(default)]
    pub used_by: Vec<String>,
    /// Calls of the version in use.
    #[serde(default)]
    pub calls: CallCounts,
    /// Versions on their way, in shadow, or with their last calls, oldest first.
    #[serde(default)]
    pub others: Vec<PluginVersion>,
    /// Versions that a rollback goes to, newest first.
    #[serde(default)]
    pub previous: Vec<PreviousVersion>,
    /// Packages that were refused, oldest first.
    #[serde(default)]
    pub rejected: Vec<RejectedVersion>,
}

/// A version that is not in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginVersion {
    /// Its number, counted in this process.
    pub generation: u64,
    /// Its version; empty until it is verified.
    pub version: String,
    /// SHA-256 of the component; empty until it is verified.
    pub sha256: String,
    /// Where it stands, as in `compiled` or `shadow`.
    pub state: String,
    /// Calls under way on it.
    pub in_flight: u32,
    /// Calls that ended on it.
    pub calls: CallCounts,
}

/// A version that was in use before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviousVersion {
    /// SHA-256 over manifest and component.
    pub package: String,
    /// Its version; empty where this process has not loaded it.
    pub version: String,
    /// SHA-256 of the component; empty where this process has not loaded it.
    pub sha256: String,
}

/// A version that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RejectedVersion {
    /// SHA-256 over manifest and component.
    pub package: String,
    /// Its version; empty where it did not get so far.
    pub version: String,
    /// What failed: `verify`, `check`, `compile`, `link`, `start`, or `denied`.
    pub step: String,
    /// Why, in a sentence.
    pub reason: String,
}

/// Calls of one version in this process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallCounts {
    /// All that ended.
    pub calls: u64,
    /// With an answer.
    pub answered: u64,
    /// With a fault that the component reported.
    pub faults: u64,
    /// By a trap.
    pub traps: u64,
    /// By their deadline.
    pub deadlines: u64,
    /// By a limit.
    pub limits: u64,
    /// For which no instance could be made.
    pub saturated: u64,
    /// Milliseconds in the component, together.
    pub own_ms: u64,
    /// Milliseconds in functions of the host, together.
    pub host_ms: u64,
    /// Milliseconds of waiting for a thread or for room, together.
    pub queued_ms: u64,
    /// Milliseconds of the longest call.
    pub slowest_ms: u64,
    /// Highest memory of one call, in bytes.
    pub memory_bytes_max: u64,
}

/// A folder that could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RejectedPlugin {
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
