//! keepalived in the lab, the peer of the failover bench, in two configurations that people use.
//!
//! VRRP version 3, `nopreempt` on both hosts, one address; a SIP server that ends is noticed by
//! process events (`track_process`), the fastest that it offers.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::lab::{Lab, Node, Running, VIP};
use crate::scheduling;

/// How keepalived is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// Advertisements each second, priorities 150 and 100: the default interval and the numbers
    /// of most examples.
    Usual,
    /// Each 10 ms, priorities 254 and 253, real-time: what an expert gets out of it, at the risk
    /// of takeovers for nothing on a busy host.
    Expert,
}

impl Setup {
    /// Time between two advertisements, in seconds.
    pub fn interval_s(self) -> f64 {
        match self {
            Setup::Usual => 1.0,
            Setup::Expert => 0.01,
        }
    }

    fn priority(self, node: Node) -> u8 {
        match (self, node) {
            (Setup::Usual, Node::H1) => 150,
            (Setup::Usual, _) => 100,
            (Setup::Expert, Node::H1) => 254,
            (Setup::Expert, _) => 253,
        }
    }

    /// The configuration file of a host; `process`: name of the SIP server's program.
    fn file(self, node: Node, process: &str) -> String {
        let realtime = match self {
            Setup::Usual => "",
            Setup::Expert => "  vrrp_rt_priority 50\n  vrrp_no_swap\n",
        };
        format!(
            "global_defs {{\n  router_id {host}\n  vrrp_version 3\n  script_user root\n\
             {realtime}}}\n\
             vrrp_track_process sip {{\n  process {process}\n}}\n\
             vrrp_instance sip {{\n  state BACKUP\n  nopreempt\n  interface sip0\n\
             \x20 virtual_router_id 51\n  priority {priority}\n  advert_int {interval}\n\
             \x20 virtual_ipaddress {{\n    {VIP}/24 dev sip0\n  }}\n\
             \x20 track_process {{\n    sip\n  }}\n}}\n",
            host = node.name(),
            priority = self.priority(node),
            interval = self.interval_s(),
        )
    }
}

/// Whether the program is installed.
pub fn is_installed() -> bool {
    let version = Command::new("keepalived")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    version.is_ok()
}

/// Starts keepalived for a host. It runs in the root namespace's view of processes and enters the
/// host's network itself (`-s`), because process events exist only there.
///
/// # Errors
/// Where it can not be started.
pub fn start(
    lab: &Lab,
    node: Node,
    setup: Setup,
    process: &str,
    realtime: bool,
) -> Result<Running> {
    let base = lab.state().join(format!("keepalived-{}", node.name()));
    let with = |extension: &str| base.with_extension(extension).display().to_string();
    fs::write(with("conf"), setup.file(node, process)).context("write keepalived.conf")?;
    // One left behind keeps the next from starting.
    for extension in ["pid", "vrrp"] {
        let _ = fs::remove_file(with(extension));
    }
    let mut argv: Vec<String> = Vec::new();
    if realtime {
        argv.extend(scheduling::realtime_prefix(scheduling::TAKEOVER));
    }
    argv.extend(["keepalived", "-n", "-l", "-D", "-P"].map(str::to_owned));
    let namespace = lab.namespace(node);
    argv.extend(["-s".into(), namespace, "-f".into(), with("conf")]);
    argv.extend(["-p".into(), with("pid"), "-r".into(), with("vrrp")]);
    let (program, arguments) = argv.split_first().context("empty command")?;
    let mut command = Command::new(program);
    command.args(arguments);
    lab.spawn_outside(&format!("keepalived-{}", node.name()), command)
}
