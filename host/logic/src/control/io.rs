//! What comes into the control server's machines and what leaves them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::component::{AlarmCall, Category, ManagementAnswer, ManagementCall, Phase};
use crate::config::model::Config;
use crate::ids::{
    AlarmId, ApplicationName, ConditionName, EventSequence, HostName, PairName, PluginName,
    ReactionName, RequestId, RunId, SwitchoverId, Term, VipName,
};
use crate::link::{AgentMessage, ControlMessage, Fault, RunMode, Status, StatusCause, Verdict};
use crate::log_event::LogEvent;
use crate::options::OptionValue;
use crate::time::{Instant, Timestamp};

/// How a link to a host agent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkEnd {
    /// The connection was closed or reset: the agent is gone, its host's kernel still answers.
    Closed,
    /// Nothing was heard for so long that the machine itself ordered the link closed.
    Silent,
    /// The agent broke the protocol.
    Invalid,
}

/// One input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "input")]
pub enum Input {
    /// Time passed; a deadline is due.
    Tick,
    /// An agent sent a message. The first on a link is always `Hello`.
    Received {
        /// Which agent.
        host: HostName,
        /// What.
        message: AgentMessage,
    },
    /// A link ended.
    LinkEnded {
        /// Which agent.
        host: HostName,
        /// How.
        end: LinkEnd,
    },
    /// An operator asks for something.
    Operator {
        /// Answered exactly once.
        request: RequestId,
        /// Who, as the token names them.
        operator: Arc<str>,
        /// What.
        command: Command,
    },
    /// A running reaction asks for something.
    Component {
        /// Answered exactly once, also when the reaction has ended meanwhile.
        request: RequestId,
        /// Which run.
        run: RunId,
        /// What.
        call: ManagementCall,
    },
    /// A reaction ended.
    ReactionEnded {
        /// Which run.
        run: RunId,
        /// How; the text of a success is shown beside the alarm.
        result: Result<Arc<str>, ReactionFault>,
    },
    /// The shell or a component wrote a log event.
    Event {
        /// Which.
        event: LogEvent,
    },
}

/// How a reaction failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "fault", content = "detail")]
pub enum ReactionFault {
    /// It answered with a fault.
    #[error("{0}")]
    Fault(Fault),
    /// Its instance was ended: trap, limit or deadline, and which.
    #[error("{0}")]
    Ended(Arc<str>),
    /// There is no such plugin, or it was rejected when it was loaded.
    #[error("plugin {0} is not loaded")]
    NotLoaded(PluginName),
}

/// What an operator can ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "command")]
pub enum Command {
    /// Exchange the run modes of a pair.
    Switchover {
        /// Which.
        pair: PairName,
    },
    /// Exchange the run modes of a pair when its primary has few enough calls, or after a while.
    DrainedSwitchover {
        /// Which.
        pair: PairName,
        /// Longest wait for the calls to end, in milliseconds.
        drain_ms: u64,
        /// Calls that may be up at the exchange.
        max_calls: u32,
    },
    /// Start an application.
    Start {
        /// Which.
        application: ApplicationName,
    },
    /// Stop an application; it is not restarted.
    Stop {
        /// Which.
        application: ApplicationName,
        /// Let it finish first.
        graceful: bool,
    },
    /// Stop and start an application.
    Restart {
        /// Which.
        application: ApplicationName,
    },
    /// Set an option of an application.
    SetOption {
        /// Whose.
        application: ApplicationName,
        /// `SECTION/NAME`, or a name that only one section has.
        option: Arc<str>,
        /// Its new value as a text.
        value: Arc<str>,
    },
    /// Give an option the value of the configuration again.
    UnsetOption {
        /// Whose.
        application: ApplicationName,
        /// As in `SetOption`.
        option: Arc<str>,
    },
    /// Decide nothing by itself about a pair until it is resumed.
    Pause {
        /// Which.
        pair: PairName,
    },
    /// Decide again.
    Resume {
        /// Which.
        pair: PairName,
    },
    /// Simulate the detect event of a condition and run its reactions.
    TestAlarm {
        /// Which.
        condition: ConditionName,
    },
    /// Clear an active alarm.
    ClearAlarm {
        /// Which.
        alarm: AlarmId,
    },
}

/// Why a command was refused or did not succeed. Nothing is half done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "refusal", content = "detail")]
pub enum Refusal {
    /// There is no such object; the text names it.
    #[error("{0}")]
    NotFound(Arc<str>),
    /// It can not be done in the present state; the text says which and what would be needed.
    #[error("{0}")]
    Conflict(Arc<str>),
    /// It was tried and failed.
    #[error("{0}")]
    Failed(Arc<str>),
}

/// What a command answers when it succeeds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It is done.
    Done,
    /// The switchover is done: the old primary stands by, the new one is primary, and every
    /// virtual IP of the pair that could be moved was.
    #[cfg_attr(feature = "schema", schema(value_type = u64))]
    SwitchedOver(SwitchoverId),
    /// The alarm that a test raised.
    #[cfg_attr(feature = "schema", schema(value_type = u64))]
    Alarm(AlarmId),
}

/// A recorded log event with its place in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RecordedEvent {
    /// Its place; streams resume behind it.
    #[cfg_attr(feature = "schema", schema(value_type = u64))]
    pub sequence: EventSequence,
    /// The event.
    pub event: LogEvent,
}

/// One output.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "output")]
pub enum Output {
    /// Send a message to an agent. Dropped where there is no link; the machine knows by then.
    Send {
        /// Which agent.
        host: HostName,
        /// What.
        message: ControlMessage,
    },
    /// Close the link to an agent.
    CloseLink {
        /// Which agent.
        host: HostName,
        /// Why, for the log.
        reason: Arc<str>,
    },
    /// Run a reaction, and answer with `ReactionEnded`.
    RunReaction(ReactionRun),
    /// Answer an operator.
    AnswerOperator {
        /// Which request.
        request: RequestId,
        /// The outcome.
        result: Result<Answer, Refusal>,
    },
    /// Answer a component's call.
    AnswerComponent {
        /// Which request.
        request: RequestId,
        /// The outcome.
        result: Result<ManagementAnswer, Fault>,
    },
    /// Record a log event in the journal and show it on the streams.
    Record(RecordedEvent),
    /// Record a step of a run-mode decision.
    Explain(Step),
    /// Something that operators see has changed.
    Changed(Change),
    /// Reports of an agent up to `stored` are in the journal once everything before this output
    /// is; then send `Stored`.
    ReportsStored {
        /// Which agent.
        host: HostName,
        /// Up to here.
        stored: crate::ids::ReportSequence,
    },
}

/// A reaction to run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReactionRun {
    /// Identity of the run.
    pub run: RunId,
    /// The reaction script.
    pub reaction: ReactionName,
    /// The component.
    pub plugin: PluginName,
    /// Its settings.
    pub settings: BTreeMap<String, serde_json::Value>,
    /// What it is told.
    pub call: AlarmCall,
    /// When it must have ended.
    pub deadline: Instant,
}

/// One sentence of the explanation of a run-mode decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Step {
    /// Which decision.
    #[cfg_attr(feature = "schema", schema(value_type = u64))]
    pub switchover: SwitchoverId,
    /// Of which pair.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub pair: PairName,
    /// The term it is about.
    #[cfg_attr(feature = "schema", schema(value_type = u64))]
    pub term: Term,
    /// When, in milliseconds since 1970-01-01 UTC.
    #[cfg_attr(feature = "schema", schema(value_type = u64))]
    pub at: Timestamp,
    /// Time since the first step of this decision.
    #[cfg_attr(feature = "schema", schema(value_type = crate::description::Duration))]
    pub after: Duration,
    /// What was seen or decided, and why.
    pub sentence: Arc<str>,
}

/// Something that operators see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case", tag = "changed")]
pub enum Change {
    /// A host.
    Host(HostView),
    /// An application.
    Application(ApplicationView),
    /// A pair.
    Pair(PairView),
    /// A virtual IP.
    Vip(VipView),
    /// An alarm was raised, changed or cleared.
    Alarm(AlarmView),
}

/// A host as operators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct HostView {
    /// Its name.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub name: HostName,
    /// Its management address.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub address: std::net::IpAddr,
    /// Linked, or why not.
    pub status: HostStatus,
    /// Version of its agent, once known.
    pub version: Option<Arc<str>>,
}

/// Status of a host (domain 1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum HostStatus {
    /// Not yet heard of since the control server started.
    Unknown,
    /// Its agent can not be reached.
    Disconnected,
    /// Its agent is linked.
    Running,
}

/// An application as operators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ApplicationView {
    /// Its name.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub name: ApplicationName,
    /// Its type.
    pub kind: Arc<str>,
    /// Where it runs.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub host: HostName,
    /// Its status.
    pub status: Status,
    /// Why.
    pub cause: Option<StatusCause>,
    /// Its run mode, where it is one of a pair and the mode is confirmed.
    pub run_mode: Option<RunMode>,
    /// The pair that it is one of.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub pair: Option<PairName>,
    /// Its process.
    pub pid: Option<u32>,
    /// What the program says of itself.
    pub says: Option<Arc<str>>,
}

/// An application with what is not shown of every one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ApplicationDetail {
    /// As in the overview.
    pub application: ApplicationView,
    /// Its options, by section and name.
    pub options: Vec<OptionView>,
}

/// An option of an application as operators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct OptionView {
    /// Its section.
    pub section: Arc<str>,
    /// Its name there.
    pub name: Arc<str>,
    /// What it is.
    pub value: OptionValue,
    /// What the configuration says.
    pub configured: OptionValue,
    /// Who set it while the system ran, as in `operator anna`; absent: nobody.
    pub set_by: Option<Arc<str>>,
    /// When, in milliseconds since 1970-01-01 UTC.
    #[cfg_attr(feature = "schema", schema(value_type = Option<u64>))]
    pub set_at: Option<Timestamp>,
}

/// A pair as operators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PairView {
    /// Its name.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub name: PairName,
    /// The application that is primary now, if one is.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub primary: Option<ApplicationName>,
    /// The other one.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub backup: Option<ApplicationName>,
    /// The term of the last promotion.
    #[cfg_attr(feature = "schema", schema(value_type = u64))]
    pub term: Term,
    /// Decides nothing by itself.
    pub paused: bool,
    /// What the pair is doing or waiting for, in a sentence.
    pub state: Arc<str>,
    /// Number of the last decision.
    #[cfg_attr(feature = "schema", schema(value_type = Option<u64>))]
    pub switchover: Option<SwitchoverId>,
}

/// A virtual IP as operators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct VipView {
    /// Its name.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub name: VipName,
    /// Its pair.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub pair: PairName,
    /// The address with its prefix length.
    pub address: Arc<str>,
    /// Presence by host.
    #[cfg_attr(feature = "schema", schema(value_type = BTreeMap<String, Verdict>))]
    pub presence: BTreeMap<HostName, Verdict>,
}

/// An alarm as operators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct AlarmView {
    /// Its number.
    #[cfg_attr(feature = "schema", schema(value_type = u64))]
    pub id: AlarmId,
    /// The condition.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub condition: ConditionName,
    /// Its severity.
    pub category: Category,
    /// What it is about.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub application: ApplicationName,
    /// The host of that application.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub host: Option<HostName>,
    /// The event that raised it.
    pub event: LogEvent,
    /// When it was raised, in milliseconds since 1970-01-01 UTC.
    #[cfg_attr(feature = "schema", schema(value_type = u64))]
    pub raised_at: Timestamp,
    /// If it was cleared: when, in milliseconds since 1970-01-01 UTC, and by what.
    #[cfg_attr(feature = "schema", schema(value_type = Option<crate::description::Cleared>))]
    pub cleared: Option<(Timestamp, ClearedBy)>,
    /// Matching events beyond the first while it was active.
    pub repeats: u32,
    /// Raised by a test.
    pub test: bool,
    /// Its reactions and how each ended.
    pub reactions: Vec<ReactionView>,
}

/// What cleared an alarm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case", tag = "by", content = "who")]
pub enum ClearedBy {
    /// The cancel event.
    Event,
    /// The cancel timeout.
    Timeout,
    /// An operator.
    Operator(Arc<str>),
    /// The condition is no longer configured.
    Configuration,
}

/// A reaction of an alarm as operators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ReactionView {
    /// The reaction script.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub reaction: ReactionName,
    /// Its run.
    #[cfg_attr(feature = "schema", schema(value_type = u64))]
    pub run: RunId,
    /// Run because the alarm was raised, or because it was cleared.
    pub phase: Phase,
    /// Not yet begun, running, or how it ended.
    pub state: ReactionState,
}

/// Where a reaction stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case", tag = "is", content = "text")]
pub enum ReactionState {
    /// Waits for an earlier one on the same target.
    Waiting,
    /// Runs.
    Running,
    /// Succeeded; what it said.
    Succeeded(Arc<str>),
    /// Failed; why.
    Failed(Arc<str>),
}

impl ReactionState {
    /// Whether nothing more is to come.
    pub fn has_ended(&self) -> bool {
        matches!(self, ReactionState::Succeeded(_) | ReactionState::Failed(_))
    }
}

/// Everything that operators see, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Overview {
    /// Hosts in the order of their names; likewise below.
    pub hosts: Vec<HostView>,
    /// Applications.
    pub applications: Vec<ApplicationView>,
    /// Pairs.
    pub pairs: Vec<PairView>,
    /// Virtual IPs.
    pub vips: Vec<VipView>,
    /// Active alarms.
    pub alarms: Vec<AlarmView>,
}

/// The new configuration to use from now on; passed beside the inputs because it is checked, not
/// a fact from outside.
pub type NewConfig = Arc<Config>;
