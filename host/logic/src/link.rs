//! What the control server and a host agent tell each other.
//!
//! The link carries these values as JSON, one message per WebSocket text frame, so that any
//! language can speak it; these types are that format (decision 0001). Two rules keep it simple:
//! state is told as a whole whenever a link comes up ([`Hello`], [`ControlMessage::Welcome`]), so
//! that nothing depends on history; and what must not be lost ([`Report`]) is numbered, kept by the
//! agent until it is acknowledged, and told again.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::channel::{Calls, Reject};
use crate::ids::{
    ApplicationName, HostName, OrderId, PairName, PluginName, ReportSequence, Term, VipName,
};
use crate::keep::{Keep, Kept};
use crate::log_event::{Attribute, LogEvent};
use crate::options::Options;
use crate::plugin::report::PluginView;

/// Version of this protocol. An agent and a control server that differ refuse each other.
pub const PROTOCOL: u32 = 1;

/// Status of an application (guide and domain table 1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// The host agent can not be reached, so nobody knows.
    Unknown,
    /// Not running.
    Stopped,
    /// A start was accepted and waits for its host.
    StartPending,
    /// The command line was executed.
    StartTransition,
    /// Running, not yet ready.
    Initializing,
    /// Ready to serve.
    Running,
    /// Running, but reports that it can not serve.
    ServiceUnavailable,
    /// Finishing what it has begun, refusing what is new.
    Suspending,
    /// Has finished what it had begun.
    Suspended,
    /// A stop was accepted and waits for its host.
    StopPending,
    /// Was told to end.
    StopTransition,
}

/// Part of a redundant pair that an application plays at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RunMode {
    /// Serves.
    Primary,
    /// Stands by.
    Backup,
    /// Is ending.
    Exiting,
}

/// What is known of something outside: never "healthy" for want of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case", tag = "is", content = "reason")]
pub enum Verdict {
    /// It was seen to work.
    Good,
    /// It was seen not to work.
    Bad(Arc<str>),
    /// It could not be judged.
    Unknown(Arc<str>),
}

/// Why an order or a call was not carried out. The same cases as `fault` of the plugin contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "fault", content = "detail")]
pub enum Fault {
    /// Not allowed; names the missing permission.
    #[error("denied: {0}")]
    Denied(Arc<str>),
    /// There is no such thing.
    #[error("not found: {0}")]
    NotFound(Arc<str>),
    /// The other side can not be reached now.
    #[error("unavailable: {0}")]
    Unavailable(Arc<str>),
    /// The same work is under way.
    #[error("already in progress")]
    InProgress,
    /// The deadline passed.
    #[error("timed out")]
    TimedOut,
    /// A newer promotion exists.
    #[error("stale term: the newest is {0}")]
    StaleTerm(Term),
    /// The request makes no sense.
    #[error("invalid: {0}")]
    Invalid(Arc<str>),
    /// It was tried and did not work.
    #[error("{0}")]
    Failed(Arc<str>),
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case", tag = "by", content = "value")]
pub enum Exit {
    /// It returned this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// It ended while the agent was away, so nobody saw how.
    Unseen,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exit code {code}"),
            Exit::Signal(signal) => write!(f, "signal {signal}"),
            Exit::Unseen => f.write_str("end not seen"),
        }
    }
}

/// Why an application is in its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case", tag = "why", content = "exit")]
pub enum StatusCause {
    /// The control server ordered it.
    Ordered,
    /// The application or its watchdog said so.
    Reported,
    /// The process ended by itself.
    Died(Exit),
    /// The watchdog stayed silent, so the agent ended the process.
    HungUp,
    /// The command line could not be executed, or was not ready within its startup timeout.
    StartFailed,
    /// The agent restarts it after a failure.
    Restarted,
    /// It ran before the agent did and was adopted.
    Adopted,
}

/// What an agent runs, as the control server configured it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationSpec {
    /// Its name.
    pub name: ApplicationName,
    /// Program and arguments; no shell.
    pub command: Vec<String>,
    /// Working directory; the agent's own where empty.
    pub working_directory: Option<String>,
    /// Variables added to the agent's environment.
    pub environment: BTreeMap<String, String>,
    /// Restart after a failure.
    pub auto_restart: bool,
    /// The program speaks `sd_notify`: it is `Initializing` until READY=1. Without this and
    /// without a channel it is `Running` as soon as its process exists.
    pub notify: bool,
    /// Longest silence between WATCHDOG=1 messages, in milliseconds; none: not watched.
    pub watchdog_ms: Option<u64>,
    /// Longest time to become ready, in milliseconds.
    pub startup_timeout_ms: u64,
    /// Longest time between SIGTERM and SIGKILL, in milliseconds.
    pub shutdown_timeout_ms: u64,
    /// Longest time of a graceful stop before the ordinary one, in milliseconds.
    pub suspending_timeout_ms: u64,
    /// Signal that asks the main process to finish its work; none: it knows no graceful stop.
    #[serde(default)]
    pub suspend_signal: Option<SuspendSignal>,
    /// It speaks on the application channel; none: it has none.
    #[serde(default)]
    pub channel: Option<ChannelSpec>,
    /// Its own options, as they are to be now.
    #[serde(default)]
    pub options: Options,
    /// Signal that tells the main process of changed options; none: it is not told.
    #[serde(default)]
    pub options_signal: Option<SuspendSignal>,
}

/// What the agent must know about an application that speaks on the application channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelSpec {
    /// The pair that it is one of; none: it is not redundant.
    pub pair: Option<PairName>,
    /// Longest wait for the program to say that it is in a run mode, in milliseconds; less than
    /// the control server waits for the agent.
    pub run_mode_timeout_ms: u64,
}

/// A signal by which a program can be asked to finish what it has begun and take nothing new, or
/// told that its options have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SuspendSignal {
    /// Hang up.
    #[serde(rename = "SIGHUP")]
    Hangup,
    /// Interrupt.
    #[serde(rename = "SIGINT")]
    Interrupt,
    /// Quit, as nginx takes it.
    #[serde(rename = "SIGQUIT")]
    Quit,
    /// Whatever the program takes it for.
    #[serde(rename = "SIGUSR1")]
    User1,
    /// Likewise.
    #[serde(rename = "SIGUSR2")]
    User2,
    /// Window change, as Apache takes it.
    #[serde(rename = "SIGWINCH")]
    WindowChange,
}

impl SuspendSignal {
    /// All of them, in the order of their names.
    pub const ALL: [SuspendSignal; 6] = [
        SuspendSignal::Hangup,
        SuspendSignal::Interrupt,
        SuspendSignal::Quit,
        SuspendSignal::User1,
        SuspendSignal::User2,
        SuspendSignal::WindowChange,
    ];

    /// Its name, as in `SIGQUIT`.
    pub fn name(self) -> &'static str {
        match self {
            SuspendSignal::Hangup => "SIGHUP",
            SuspendSignal::Interrupt => "SIGINT",
            SuspendSignal::Quit => "SIGQUIT",
            SuspendSignal::User1 => "SIGUSR1",
            SuspendSignal::User2 => "SIGUSR2",
            SuspendSignal::WindowChange => "SIGWINCH",
        }
    }
}

/// What the holder does when it can reach neither the control server nor its other references.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Isolation {
    /// Keep the address until the link is back (the guide's behaviour).
    #[default]
    Hold,
    /// Let go of the address within its lease.
    Release,
}

/// A virtual IP as one host's agent needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VipSpec {
    /// Its name.
    pub name: VipName,
    /// The pair whose term fences it.
    pub pair: PairName,
    /// The address.
    pub address: IpAddr,
    /// Prefix length of its subnet.
    pub prefix: u8,
    /// The interface on this host that carries it.
    pub network_interface: Arc<str>,
    /// The port of the service on it, where known.
    pub port: Option<u16>,
    /// The component that moves it.
    pub backend: PluginName,
    /// Settings of the component, as JSON values.
    pub settings: BTreeMap<String, serde_json::Value>,
    /// The other hosts that may hold it.
    pub other_hosts: Vec<HostName>,
    /// Addresses on the same subnet that a host which is not cut off can reach (ARP, ND).
    pub references: Vec<IpAddr>,
    /// What the holder does when it is cut off.
    pub isolation: Isolation,
    /// Lease of the holder, in milliseconds: without contact for so long it is cut off.
    pub lease_ms: u64,
    /// Time between two probes for another holder, in milliseconds; three unanswered ones are
    /// silence.
    pub probe_interval_ms: u64,
}

/// Everything an agent must know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostSpec {
    /// Time between two heartbeats, in milliseconds.
    pub heartbeat_interval_ms: u64,
    /// Missing heartbeats in a row after which the other side is lost.
    pub heartbeat_misses: u32,
    /// The applications of this host.
    pub applications: Vec<ApplicationSpec>,
    /// The virtual IPs that this host may hold.
    pub vips: Vec<VipSpec>,
}

/// State of one application on its host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationState {
    /// Its name.
    pub name: ApplicationName,
    /// Its status.
    pub status: Status,
    /// Why it is in that status.
    pub cause: StatusCause,
    /// Run mode and term last set here, if any.
    pub run_mode: Option<(RunMode, Term)>,
    /// Its process.
    pub pid: Option<u32>,
    /// What the program says of itself (`STATUS=` of `sd_notify`).
    pub says: Option<Arc<str>>,
}

/// State of one virtual IP on one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VipState {
    /// Its name.
    pub name: VipName,
    /// Present as the kernel has it (good: present, bad: absent, unknown: could not be read).
    pub present: Verdict,
    /// The highest term seen here for its pair.
    pub term: Term,
    /// Whether this host reaches its references on the address's network; without references,
    /// whether its interface is up.
    pub network: Verdict,
}

/// First message of an agent on a new link: everything about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`] of the agent.
    pub protocol: u32,
    /// Version of the agent's program.
    pub version: Arc<str>,
    /// Name of the host; must be the one in the agent's certificate.
    pub host: HostName,
    /// Chosen at random when the agent started, so that its restart is seen.
    pub session: u64,
    /// Its applications.
    pub applications: Vec<ApplicationState>,
    /// Its virtual IPs.
    pub vips: Vec<VipState>,
    /// Position of the newest report in its spool; zero: none ever.
    pub newest_report: ReportSequence,
}

/// Something that must reach the control server once, in order, even after an outage of the link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Report {
    /// An application or the agent wrote a log event.
    Event(LogEvent),
    /// The spool was full and this many of the oldest reports were dropped.
    Dropped(u64),
}

/// What an agent saw happen to an address without having been asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "saw", content = "detail")]
pub enum Sighting {
    /// It vanished although this host is to hold it; the agent put it back.
    Restored,
    /// It appeared although this host is not to hold it; the agent took it off.
    Removed,
    /// Another host answers for it (its link-layer address) while this one holds it or is to.
    OtherHolder(Arc<str>),
    /// The other host whose answers made an up fail is silent now.
    Unclaimed,
    /// The agent let go of it: cut off, or the interface went down.
    LetGo(Arc<str>),
    /// The agent could not take it off, and why.
    Stuck(Arc<str>),
    /// An announcement could not be sent, and why.
    NotAnnounced(Arc<str>),
}

/// From agent to control server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "tell")]
pub enum AgentMessage {
    /// First message on a link.
    Hello(Hello),
    /// Nothing but a sign of life.
    Heartbeat,
    /// The state of an application changed.
    Application(ApplicationState),
    /// The state of an address changed.
    Vip(VipState),
    /// Something happened to an address that nobody had ordered.
    Seen {
        /// The address.
        vip: VipName,
        /// What.
        sighting: Sighting,
    },
    /// An order was carried out, or not.
    Done {
        /// Which.
        order: OrderId,
        /// The outcome.
        result: Result<(), Fault>,
    },
    /// How many calls an application says that it has; told while it matters.
    Calls {
        /// Which.
        application: ApplicationName,
        /// How many.
        calls: Calls,
    },
    /// What an application sees of the other one of its pair, whose host may be lost: good: it
    /// serves; bad: it does not.
    Other {
        /// Which application looked.
        application: ApplicationName,
        /// What it saw.
        seen: Verdict,
    },
    /// The plugins of the host, all of them, for operators: after `Welcome`, then some seconds
    /// after something about them changed. Only the newest counts.
    Plugins {
        /// By name; lists and texts in them have bounds.
        plugins: Vec<PluginView>,
    },
    /// A program's word to the store of its pair.
    Keep {
        /// Which program.
        application: ApplicationName,
        /// The word.
        keep: Keep,
    },
    /// A numbered report.
    Report {
        /// Its position in the spool.
        sequence: ReportSequence,
        /// What.
        report: Report,
    },
}

/// Whether the old holder is known to have let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Release {
    /// Its agent re-read the kernel and reported the address gone.
    Confirmed,
    /// Nobody can say.
    Unknown,
}

/// Which way a virtual IP is to be moved on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VipAction {
    /// Put it on.
    Up,
    /// Take it off.
    Down,
}

/// What an order asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum Task {
    /// Set the run mode of an application.
    SetRunMode {
        /// Which.
        application: ApplicationName,
        /// Its pair, whose terms fence the order.
        pair: PairName,
        /// The mode.
        run_mode: RunMode,
        /// The term of the decision; older ones are refused.
        term: Term,
    },
    /// Start an application. `Done` when the command line was executed; its readiness comes as
    /// a change of status.
    Start {
        /// Which.
        application: ApplicationName,
    },
    /// Stop an application. `Done` when its process group is gone.
    Stop {
        /// Which.
        application: ApplicationName,
        /// Let it finish first.
        graceful: bool,
    },
    /// Have an application take no new calls and let those that are up end. `Done` when so few are
    /// left, or when the time is over; the last number comes before it.
    Drain {
        /// Which.
        application: ApplicationName,
        /// How it refuses calls meanwhile.
        reject: Reject,
        /// Calls that may be left.
        max_calls: u32,
        /// Time left, in milliseconds, when the order was sent.
        time_left_ms: u64,
    },
    /// Have an application that was drained take calls again.
    EndDrain {
        /// Which.
        application: ApplicationName,
    },
    /// Run the backend of a virtual IP. `Done` when the address is verified.
    Vip {
        /// Which.
        vip: VipName,
        /// Which way.
        action: VipAction,
        /// The term of the decision; older ones are refused.
        term: Term,
        /// For up: whether the old holder let go.
        release: Release,
        /// Time left, in milliseconds, when the order was sent.
        time_left_ms: u64,
    },
}

/// From control server to agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "tell", content = "body")]
pub enum ControlMessage {
    /// Answer to `Hello`: everything the agent must know.
    Welcome {
        /// What to run and hold.
        spec: HostSpec,
        /// The newest report of this agent that is safely stored; the agent goes on behind it.
        stored: ReportSequence,
    },
    /// The configuration changed.
    Configure(HostSpec),
    /// A word of the store of its pair to a program.
    Keep {
        /// Which program.
        application: ApplicationName,
        /// The word.
        kept: Kept,
    },
    /// Nothing but a sign of life.
    Heartbeat,
    /// Reports up to this one are safely stored.
    Stored(ReportSequence),
    /// Work to do.
    Order {
        /// To be answered with `Done`.
        order: OrderId,
        /// What.
        task: Task,
    },
    /// The holder of this address may be gone: begin to probe for it, so that an order to take it
    /// over finds the evidence ready.
    Suspect {
        /// Which.
        vip: VipName,
    },
    /// Another host that held this address came back: if it is here, announce it again.
    Announce {
        /// Which.
        vip: VipName,
    },
    /// The control server closes the link, and why.
    Refused(Arc<str>),
}

/// Free-form details of a log line, shared by the component interfaces.
pub type Attributes = Vec<Attribute>;
