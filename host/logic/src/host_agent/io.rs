//! What comes into a host agent's machines and what leaves them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::address::io::{InterfaceState, KernelAnswer, KernelOperation, Packet};
use crate::channel::{FromProgram, ToProgram};
use crate::component::{AddressAnswer, AddressCall, VipOrder};
use crate::control::io::LinkEnd;
use crate::ids::{
    ApplicationName, BackendRunId, HostName, PairName, PluginName, ReportSequence, RequestId, Term,
    VipName,
};
use crate::link::{
    AgentMessage, ApplicationSpec, ControlMessage, Exit, Fault, HostSpec, Report, RunMode,
    SuspendSignal, VipAction, VipSpec,
};
use crate::log_event::LogEvent;
use crate::plugin::report::PluginView;
use crate::supervise::{Ending, Notification};
use crate::time::Instant;

/// Who this agent is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Name of the host.
    pub host: HostName,
    /// Version of the program.
    pub version: Arc<str>,
    /// Chosen at random when the agent started.
    pub session: u64,
}

/// A process that an earlier agent had started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldProcess {
    /// It still runs: same pid, same start time.
    Running {
        /// Its pid.
        pid: u32,
        /// What was becoming of it.
        ending: Ending,
    },
    /// It is gone.
    Gone {
        /// What was becoming of it.
        ending: Ending,
    },
}

/// What an earlier agent on this host left behind; empty on the first start.
#[derive(Clone, Debug, Default)]
pub struct Saved {
    /// The last configuration that it was told.
    pub spec: HostSpec,
    /// Highest term seen, by pair.
    pub terms: BTreeMap<PairName, Term>,
    /// Run mode and term last set, by application.
    pub run_modes: BTreeMap<ApplicationName, (RunMode, Term)>,
    /// Processes that it had not seen end.
    pub processes: BTreeMap<ApplicationName, OldProcess>,
    /// Reports that were not acknowledged, oldest first.
    pub reports: Vec<(ReportSequence, Report)>,
    /// Position of the newest report ever.
    pub newest_report: ReportSequence,
}

/// Something to keep for a later agent. Put together they make a [`Saved`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Record {
    /// The configuration.
    Spec(HostSpec),
    /// The highest term of a pair. The only record that must be kept before any output after it
    /// is carried out: it is what an older order is refused by.
    Term(PairName, Term),
    /// The run mode of an application.
    RunMode(ApplicationName, RunMode, Term),
    /// An application has no run mode any more.
    NoRunMode(ApplicationName),
    /// The process of an application; none: it has none.
    Process(ApplicationName, Option<(u32, Ending)>),
    /// A report.
    Report(ReportSequence, Report),
    /// Reports up to this one are not needed any more.
    ReportsUpTo(ReportSequence),
    /// All reports are forgotten; those that are still wanted follow with new numbers.
    ReportsRenumbered,
}

/// What happens to a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessInput {
    /// Answer to [`Output::Spawn`].
    Spawned(Result<u32, Arc<str>>),
    /// Its main process ended, or is certain to.
    Exited(Exit),
    /// Nothing of its process group is left; follows an [`Output::Signal`] with
    /// [`Signal::Kill`] that comes after the end of the main process.
    GroupGone,
    /// It says something.
    Notified(Notification),
    /// Something happened on its channel.
    Channel(ChannelInput),
}

/// What happens on the channel of an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelInput {
    /// Its program connected; an earlier connection has ended by that.
    Connected,
    /// The connection ended: closed by the program, or for this reason by the agent.
    Ended(Option<Arc<str>>),
    /// The program said something.
    Said(FromProgram),
}

/// One input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Time passed.
    Tick,
    /// A link to the control server is up; [`AgentMessage::Hello`] goes first.
    Linked,
    /// The link ended.
    LinkEnded(LinkEnd),
    /// The control server sent a message.
    Received(ControlMessage),
    /// Something happened to a process.
    Process {
        /// Whose.
        application: ApplicationName,
        /// What.
        event: ProcessInput,
    },
    /// Answer to the oldest unanswered [`Output::Kernel`] of this virtual IP.
    Kernel {
        /// Which.
        vip: VipName,
        /// The outcome.
        answer: KernelAnswer,
    },
    /// The kernel put an address on or took it off; who did that is not known.
    AddressChanged {
        /// Where.
        network_interface: Arc<str>,
        /// Which.
        address: IpAddr,
    },
    /// Notices of the kernel were lost; anything may have changed.
    KernelChanged,
    /// State of an interface; told for all of them at the start, then for every change.
    Interface {
        /// Which.
        network_interface: Arc<str>,
        /// Its state.
        state: InterfaceState,
    },
    /// Another host answers for an address, by ARP or ND.
    Answered {
        /// On which interface it was heard.
        network_interface: Arc<str>,
        /// Which address.
        address: IpAddr,
        /// Its link-layer address.
        from: Arc<str>,
    },
    /// A probe or an announcement could not be sent.
    NotSent {
        /// Of which virtual IP.
        vip: VipName,
        /// Which kind.
        packet: Packet,
        /// Why.
        reason: Arc<str>,
    },
    /// A running backend asks for something.
    BackendCall {
        /// Its virtual IP.
        vip: VipName,
        /// Which run.
        run: BackendRunId,
        /// Answered exactly once, unless the run is cancelled.
        request: RequestId,
        /// What.
        call: AddressCall,
    },
    /// A backend ended. Traps, limits and a missing plugin are [`Fault::Failed`], its deadline
    /// [`Fault::TimedOut`].
    BackendEnded {
        /// Its virtual IP.
        vip: VipName,
        /// Which run.
        run: BackendRunId,
        /// How.
        result: Result<(), Fault>,
    },
    /// An application or the agent's shell wrote a log event.
    Event(LogEvent),
    /// The plugins of this host as operators are to see them, all of them.
    Plugins(Vec<PluginView>),
    /// End in order: give up every address, leave every process running.
    Shutdown,
}

/// An address and where it belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The interface.
    pub network_interface: Arc<str>,
    /// The address.
    pub address: IpAddr,
    /// Prefix length of its subnet.
    pub prefix: u8,
}

impl Target {
    /// Where a virtual IP belongs on this host.
    pub fn of(spec: &VipSpec) -> Self {
        Self {
            network_interface: spec.network_interface.clone(),
            address: spec.address,
            prefix: spec.prefix,
        }
    }
}

/// A signal to a process group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// This one, to the main process only.
    Suspend(SuspendSignal),
    /// This one, to the main process only: its options have changed.
    Options(SuspendSignal),
    /// SIGTERM.
    Terminate,
    /// SIGKILL.
    Kill,
}

/// A run of a VIP backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendRun {
    /// Its virtual IP.
    pub vip: VipName,
    /// Its identity.
    pub run: BackendRunId,
    /// The component.
    pub backend: PluginName,
    /// Its settings.
    pub settings: BTreeMap<String, serde_json::Value>,
    /// Which way.
    pub action: VipAction,
    /// What it is told.
    pub order: VipOrder,
    /// When it must have ended.
    pub deadline: Instant,
}

/// One output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a message on the link. Dropped where there is none; the machine knows by then.
    Send(AgentMessage),
    /// Close the link.
    CloseLink(Arc<str>),
    /// Keep something for a later agent.
    Persist(Record),
    /// Execute a command line in a process group of its own.
    Spawn(ApplicationSpec),
    /// Replace the file with the options of an application, before what follows.
    Options(ApplicationSpec),
    /// Signal a process group, whether or not its main process has ended.
    Signal {
        /// Whose.
        application: ApplicationName,
        /// Which.
        signal: Signal,
    },
    /// Say something on the channel of an application. Dropped where nobody is connected.
    Tell {
        /// Whose.
        application: ApplicationName,
        /// What.
        message: ToProgram,
    },
    /// End the connection on the channel of an application, and why. Not answered.
    CloseChannel {
        /// Whose.
        application: ApplicationName,
        /// Why, for the log.
        reason: Arc<str>,
    },
    /// Stop watching a process: it is not managed any more, but goes on.
    Abandon(ApplicationName),
    /// Ask the kernel; answered in order for each virtual IP.
    Kernel {
        /// Which.
        vip: VipName,
        /// Where.
        target: Target,
        /// What.
        operation: KernelOperation,
    },
    /// Send one ARP or ND probe.
    Probe {
        /// For which virtual IP.
        vip: VipName,
        /// On which interface.
        network_interface: Arc<str>,
        /// For which address: the virtual IP or one of its references.
        address: IpAddr,
    },
    /// Send one announcement.
    Announce {
        /// Which.
        vip: VipName,
        /// Where.
        target: Target,
    },
    /// Run a backend, and answer with `BackendEnded`.
    RunBackend(BackendRun),
    /// Drop a run of a backend without an answer.
    CancelBackend(BackendRunId),
    /// Answer a call of a backend.
    AnswerBackend {
        /// Which call.
        request: RequestId,
        /// The outcome.
        result: Result<AddressAnswer, Fault>,
    },
    /// The control server refused this agent, and why; for the log.
    Refused(Arc<str>),
    /// Every address is off; the agent may end.
    Stopped,
}
