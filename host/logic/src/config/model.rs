//! The checked and expanded configuration: the guide's objects, every reference resolved.
//!
//! Values of these types exist only for a configuration without errors, so no machine checks
//! again.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::component::Category;
use crate::ids::{
    ApplicationName, ConditionName, HostName, PairName, PluginName, ReactionName, SolutionName,
    VipName,
};
use crate::link::{Isolation, SuspendSignal, VipAction};
use crate::log_event::EventId;
use crate::options::Options;

/// A whole configuration.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// The control server's own settings.
    pub control: ControlSettings,
    /// Hosts by name.
    pub hosts: BTreeMap<HostName, Host>,
    /// Applications by name, those of pairs included.
    pub applications: BTreeMap<ApplicationName, Application>,
    /// Redundant pairs by name.
    pub pairs: BTreeMap<PairName, Pair>,
    /// Virtual IPs by name.
    pub vips: BTreeMap<VipName, Vip>,
    /// Alarm reaction scripts by name.
    pub reactions: BTreeMap<ReactionName, Reaction>,
    /// Alarm conditions by name.
    pub conditions: BTreeMap<ConditionName, Condition>,
    /// Solutions by name.
    pub solutions: BTreeMap<SolutionName, Solution>,
}

/// Settings of the control server that its machines use. Addresses, files and tokens are read by
/// the shell from the same `[control]` table and are not here.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ControlSettings {
    /// Time between two heartbeats on an agent's link. 10 ms to 10 s, default 100 ms.
    pub heartbeat_interval: Duration,
    /// Missing heartbeats in a row after which a host is lost. 2 to 20, default 3.
    pub heartbeat_misses: u32,
    /// Wait after a lost host before its applications are given up (guide:
    /// `disconnect-switchover-timeout`). 0 to 3600 s, default 0.
    pub disconnect_switchover_timeout: Duration,
    /// Longest further wait while the backup still sees the application of a lost host serve.
    /// 0 to 3600 s, default 10 s.
    pub evidence_wait: Duration,
    /// After a start of the control server, how long a host may take to link up before it counts
    /// as lost. 1 to 300 s, default 10 s.
    pub startup_grace: Duration,
    /// Longest wait for a run mode to be confirmed. 0.1 to 60 s, default 2 s.
    pub confirm_timeout: Duration,
}

/// A host.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Host {
    /// Its name.
    pub name: HostName,
    /// Its unique management address.
    pub address: IpAddr,
    /// Its network interfaces and their subnets, where stated; used to check virtual IPs.
    pub interfaces: BTreeMap<Arc<str>, Vec<Subnet>>,
}

/// A host's address on an interface and the subnet it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Subnet {
    /// The unique address.
    pub address: IpAddr,
    /// Prefix length.
    pub prefix: u8,
}

/// What starting an application means.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "runs")]
pub enum Runs {
    /// A program under the host's agent.
    Program(Program),
    /// A control application of the guide: "starting" it moves a virtual IP on its host.
    Vip {
        /// Which.
        vip: VipName,
        /// Which way.
        action: VipAction,
    },
}

/// A program and how to run it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Program {
    /// Program and arguments; no shell.
    pub command: Vec<String>,
    /// Working directory; the agent's own where none.
    pub working_directory: Option<String>,
    /// Variables added to the agent's environment.
    pub environment: BTreeMap<String, String>,
    /// Restart after a failure. Default true.
    pub auto_restart: bool,
    /// Start it whenever its host links up and it is not running and was not stopped by an
    /// operator. Default false (guide annex: `autostart`); true for the two of a pair.
    pub autostart: bool,
    /// It speaks `sd_notify`. Default false.
    pub notify: bool,
    /// It speaks on the application channel. Default false.
    pub channel: bool,
    /// Longest silence of the watchdog; none: not watched.
    pub watchdog: Option<Duration>,
    /// Longest time from the stop order to SIGKILL.
    pub shutdown_timeout: Duration,
    /// Longest time of a graceful stop before the ordinary one (guide annex:
    /// `suspending-wait-timeout`, 5 to 600 s, default 10 s).
    pub suspending_timeout: Duration,
    /// Signal that asks it to finish its work; none: a graceful stop is an ordinary one.
    pub suspend_signal: Option<SuspendSignal>,
    /// Its own options, by section and name.
    pub options: Options,
    /// Signal that tells it of changed options; none: it looks at their file.
    pub options_signal: Option<SuspendSignal>,
}

/// An application.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Application {
    /// Its name.
    pub name: ApplicationName,
    /// Its type, for conditions that select by type; `third-party-server` where nothing is said.
    pub kind: Arc<str>,
    /// Where it runs.
    pub host: HostName,
    /// What starting it means.
    pub runs: Runs,
    /// Timeout Startup: a start within it is "in progress". 8 s for control applications,
    /// 90 s otherwise.
    pub startup_timeout: Duration,
    /// The pair that it is one of.
    pub pair: Option<PairName>,
}

/// Redundancy type of a pair (guide, *HA Redundancy Types*).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Redundancy {
    /// Backup runs with a copy of the primary's state.
    Hot,
    /// Backup runs without it.
    Warm,
}

/// A redundant pair.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// Its name.
    pub name: PairName,
    /// Hot or warm.
    pub redundancy: Redundancy,
    /// The application configured as primary.
    pub primary: ApplicationName,
    /// The application configured as backup.
    pub backup: ApplicationName,
    /// The virtual IPs that follow the primary; none on a single-host pair.
    pub vips: Vec<VipName>,
}

/// A virtual IP.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Vip {
    /// Its name.
    pub name: VipName,
    /// The pair that it follows.
    pub pair: PairName,
    /// The address.
    pub address: IpAddr,
    /// Prefix length of its subnet.
    pub prefix: u8,
    /// Interface by host that may hold it.
    pub network_interfaces: BTreeMap<HostName, Arc<str>>,
    /// The port of the service, where known.
    pub port: Option<u16>,
    /// The component that moves it. Default `vip-linux`.
    pub backend: PluginName,
    /// Settings of the component.
    pub settings: BTreeMap<String, serde_json::Value>,
    /// Addresses on the same subnet by which a host judges whether it is cut off.
    pub references: Vec<IpAddr>,
    /// What the holder does when it is cut off. Default hold.
    pub isolation: Isolation,
    /// Lease of the holder: T of the inequality in architecture 5.4. 0.5 to 60 s, default 3 s.
    pub lease: Duration,
    /// Time between two probes for another holder. 10 to 1000 ms, default 50 ms.
    pub probe_interval: Duration,
}

/// An alarm reaction script: a component and its settings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reaction {
    /// Its name.
    pub name: ReactionName,
    /// The component.
    pub plugin: PluginName,
    /// Settings of the component.
    pub settings: BTreeMap<String, serde_json::Value>,
    /// Timeout Startup: instantiation, `init` and the call together. Default 8 s.
    pub timeout: Duration,
    /// Reactions on the same target wait for each other; others do not. The host of what the
    /// settings name where that is known, else none.
    pub target: Option<HostName>,
}

/// Which events a condition takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "by", content = "is")]
pub enum Selection {
    /// Events about this application.
    Application(ApplicationName),
    /// Events about any application of this type.
    ApplicationType(Arc<str>),
    /// Every event with the id.
    Any,
}

/// An event id together with the applications it is wanted from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventSelector {
    /// Which event.
    pub event: EventId,
    /// About whom.
    pub selection: Selection,
}

/// An alarm condition.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Condition {
    /// Its name.
    pub name: ConditionName,
    /// What it means, for the operator.
    pub description: Arc<str>,
    /// Severity. Default major.
    pub category: Category,
    /// Raises the alarm.
    pub detect: EventSelector,
    /// Clears the alarm.
    pub cancel: Option<EventSelector>,
    /// Clears the alarm by itself after so long, in whole seconds.
    pub cancel_timeout: Option<Duration>,
    /// Run when the alarm is raised, in this order.
    pub reactions: Vec<ReactionName>,
    /// Run when the alarm is cleared, in this order.
    pub clearance_reactions: Vec<ReactionName>,
    /// Matches events. Default true.
    pub enabled: bool,
}

/// A named list of applications.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Solution {
    /// Its name.
    pub name: SolutionName,
    /// Its applications, started in this order and stopped in the opposite one.
    pub applications: Vec<ApplicationName>,
}
