//! What components may ask of the deciding machines, as plain values. The sandbox (`host/engine`)
//! turns calls of the plugin contract (`wit/`) into these and the answers back.
//!
//! [`sip`] has what the components of a SIP node are told and answer.

pub mod sip;

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::Term;
use crate::ids::{ApplicationName, ConditionName, HostName, SolutionName, VipName};
use crate::link::{Release, RunMode, Status};
use crate::log_event::{Attribute, LogEvent};

/// A call of the `management` or `vip-control` interface by an alarm reaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "call")]
pub enum ManagementCall {
    /// State of an application.
    GetApplication {
        /// Which.
        name: ApplicationName,
    },
    /// Start an application; for a control application, move its virtual IP.
    StartApplication {
        /// Which.
        name: ApplicationName,
    },
    /// Stop an application.
    StopApplication {
        /// Which.
        name: ApplicationName,
        /// Let it finish first.
        graceful: bool,
    },
    /// Stop and start an application.
    RestartApplication {
        /// Which.
        name: ApplicationName,
    },
    /// Start every application of a solution.
    StartSolution {
        /// Which.
        name: SolutionName,
    },
    /// Stop every application of a solution.
    StopSolution {
        /// Which.
        name: SolutionName,
    },
    /// Exchange the run modes of the pair of an application.
    Switchover {
        /// Which.
        application: ApplicationName,
        /// Only when the application has this run mode; none: regardless.
        only_if: Option<RunMode>,
    },
    /// Put a virtual IP on the host of an application; answered when the address is verified.
    EnableVip {
        /// Which.
        vip: VipName,
        /// Whose host.
        application: ApplicationName,
    },
    /// Take a virtual IP off the host of an application; answered when its absence is verified.
    DisableVip {
        /// Which.
        vip: VipName,
        /// Whose host.
        application: ApplicationName,
    },
    /// Whether the application that the call is for is primary, with the term that the call began
    /// under. Asked by the sandbox for a grant that says so.
    RequirePrimary,
    /// Set an option of an application.
    SetOption {
        /// Whose.
        application: ApplicationName,
        /// Where the option is.
        section: Arc<str>,
        /// Its name there.
        key: Arc<str>,
        /// What it is to be.
        value: Arc<str>,
    },
}

/// What a [`ManagementCall`] answers when it succeeds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ManagementAnswer {
    /// It is done.
    Done,
    /// State of an application.
    Application(ApplicationFacts),
}

/// What a reaction learns about an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationFacts {
    /// Its name.
    pub name: ApplicationName,
    /// Where it runs.
    pub host: HostName,
    /// Its type.
    pub kind: Arc<str>,
    /// Its status.
    pub status: Status,
    /// Its run mode, where it is one of a pair.
    pub run_mode: Option<RunMode>,
}

/// A call of the `addresses` interface by a VIP backend. The address is always the one of the VIP
/// that the backend was called for; anything else is denied before it gets here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "call")]
pub enum AddressCall {
    /// Put the address on, leased.
    Add,
    /// Take it off.
    Delete,
    /// Is it on this host?
    Present,
    /// Does another host answer for it?
    WhoHas {
        /// Probes to send, 1 to 10.
        attempts: u8,
        /// Time to wait after each, in milliseconds, 1 to 1000.
        interval_ms: u32,
    },
    /// Tell the network that it is here.
    Announce,
}

/// What an [`AddressCall`] answers when it succeeds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressAnswer {
    /// It is done, and was verified by re-reading the kernel.
    Done,
    /// Whether it is here.
    Present(bool),
    /// Link-layer address of whoever answered.
    Holder(Option<Arc<str>>),
}

/// Severity of an alarm, as the condition says.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    /// Service is lost or about to be.
    Critical,
    /// Something that will matter.
    #[default]
    Major,
    /// Something to look at.
    Minor,
}

/// Why a reaction runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The alarm was raised.
    Raised,
    /// The alarm was cleared.
    Cleared,
}

/// What an alarm reaction is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmCall {
    /// The condition that matched.
    pub condition: ConditionName,
    /// Its severity.
    pub category: Category,
    /// The application that the alarm is about.
    pub application: ApplicationName,
    /// Its host.
    pub host: Option<HostName>,
    /// The event that matched.
    pub event: LogEvent,
    /// Raised or cleared.
    pub phase: Phase,
    /// Matching events beyond the first while the alarm is active.
    pub repeats: u32,
    /// An operator tests the condition.
    pub test: bool,
}

/// What a VIP backend is told about the address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VipBinding {
    /// Name of the virtual IP.
    pub name: VipName,
    /// The address.
    pub address: IpAddr,
    /// Prefix length of its subnet.
    pub prefix: u8,
    /// The interface that carries it.
    pub network_interface: Arc<str>,
    /// The port of the service, where known.
    pub port: Option<u16>,
    /// Time between two probes for another holder, in milliseconds, as configured.
    pub probe_interval_ms: u64,
    /// This host.
    pub host: HostName,
    /// The other hosts that may hold it.
    pub other_hosts: Vec<HostName>,
    /// Settings of the operator beyond the component's own.
    pub options: Vec<Attribute>,
}

/// An order to a VIP backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VipOrder {
    /// What it is about.
    pub binding: VipBinding,
    /// The fencing token.
    pub term: Term,
    /// Whether the old holder is known to have let go.
    pub release: Release,
    /// Time left when the order was given, in milliseconds.
    pub time_left_ms: u32,
}
