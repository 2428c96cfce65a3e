//! Calls by sipp: a callee that answers everything, and callers whose calls last a given time.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::lab::{Lab, Net, Node, Running};
use crate::wait;

/// Port of the callee.
pub const CALLEE_PORT: u16 = 5070;

fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sipp").join(name)
}

/// Longest time until sipp listens; it reads its scenario first.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// Starts the callee, and returns when it can be called: a call before that is refused.
///
/// # Errors
/// Where sipp can not be started, or does not listen.
pub fn callee(lab: &Lab) -> Result<Running> {
    callee_of(lab, "callee.xml")
}

/// The same with another scenario of this folder.
///
/// # Errors
/// As [`callee`].
pub fn callee_of(lab: &Lab, file: &str) -> Result<Running> {
    let mut command = Command::new("sipp");
    command.arg("-sf").arg(scenario(file));
    listen(lab, command)
}

/// One of the scenarios that sipp itself has, as callee.
///
/// # Errors
/// As [`callee`].
pub fn standard_callee(lab: &Lab, name: &str) -> Result<Running> {
    let mut command = Command::new("sipp");
    command.args(["-sn", name]);
    listen(lab, command)
}

fn listen(lab: &Lab, mut command: Command) -> Result<Running> {
    command.args(["-i", &Node::C2.address(Net::Sip).to_string()]);
    command.args(["-p", &CALLEE_PORT.to_string(), "-nostdin", "-trace_err", "-error_file"]);
    command.arg(lab.state().join("callee-errors.log"));
    command.env("TERM", "dumb");
    let mut callee = lab.spawn(Node::C2, "callee", command)?;
    let sockets = format!("/proc/{}/net/udp", callee.pid());
    wait::until("sipp answers calls", START_TIMEOUT, || {
        let text = std::fs::read_to_string(&sockets).unwrap_or_default();
        if listens(&text, CALLEE_PORT) { Ok(()) } else { Err(callee.story()) }
    })?;
    Ok(callee)
}

/// Whether the kernel's list of UDP sockets (proc(5), `/proc/net/udp`) has one on this port.
fn listens(sockets: &str, port: u16) -> bool {
    let wanted = format!(":{port:04X}");
    let local = |line: &str| line.split_whitespace().nth(1).is_some_and(|at| at.ends_with(&wanted));
    sockets.lines().skip(1).any(local)
}

/// What callers do.
#[derive(Clone, Debug)]
pub struct Calls {
    /// Names their files.
    pub name: &'static str,
    /// Where they call.
    pub target: SocketAddr,
    /// Local port of signaling.
    pub port: u16,
    /// How many calls in all.
    pub count: u32,
    /// New calls per second.
    pub rate: u32,
    /// Answer to hang-up.
    pub hold: Duration,
}

/// Callers at work.
pub struct Callers {
    running: Running,
    statistics: PathBuf,
}

/// How calls went so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Begun.
    pub created: u64,
    /// Between answer and hang-up, or not yet answered.
    pub current: u64,
    /// Answered, held and ended as planned.
    pub successful: u64,
    /// Not so.
    pub failed: u64,
    /// Messages that had to be sent again.
    pub retransmissions: u64,
}

impl Calls {
    /// Starts the callers on the client.
    ///
    /// # Errors
    /// Where sipp can not be started.
    pub fn start(&self, lab: &Lab) -> Result<Callers> {
        self.start_scenario(lab, "caller.xml", "callee")
    }

    /// The same with another scenario of this folder, for another number.
    ///
    /// # Errors
    /// As [`Calls::start`].
    pub fn start_scenario(&self, lab: &Lab, file: &str, service: &str) -> Result<Callers> {
        let mut command = Command::new("sipp");
        command.arg("-sf").arg(scenario(file));
        self.spawn(lab, command, service)
    }

    /// The same through a proxy of others, to which everything is sent.
    ///
    /// # Errors
    /// As [`Calls::start`].
    pub fn start_through(
        &self,
        lab: &Lab,
        proxy: SocketAddr,
        (file, service): (&str, &str),
    ) -> Result<Callers> {
        let mut command = Command::new("sipp");
        command.arg("-sf").arg(scenario(file)).args(["-rsa", &proxy.to_string()]);
        self.spawn(lab, command, service)
    }

    /// One of the scenarios that sipp itself has, for a number.
    ///
    /// # Errors
    /// As [`Calls::start`].
    pub fn start_standard(&self, lab: &Lab, name: &str, service: &str) -> Result<Callers> {
        let mut command = Command::new("sipp");
        command.args(["-sn", name]);
        self.spawn(lab, command, service)
    }

    fn spawn(&self, lab: &Lab, mut command: Command, service: &str) -> Result<Callers> {
        let statistics = lab.state().join(format!("calls-{}-{}.csv", self.name, self.port));
        command.args(["-i", &Node::C1.address(Net::Sip).to_string(), "-p", &self.port.to_string()]);
        command.args(["-m", &self.count.to_string(), "-r", &self.rate.to_string()]);
        command.args(["-l", &self.count.to_string(), "-d", &self.hold.as_millis().to_string()]);
        command.args(["-s", service, "-nostdin", "-recv_timeout", "10000", "-trace_stat"]);
        command.arg("-stf").arg(&statistics).args(["-fd", "200ms"]);
        command.arg("-trace_err").arg("-error_file");
        command.arg(lab.state().join(format!("calls-{}-{}-errors.log", self.name, self.port)));
        command.arg(self.target.to_string()).env("TERM", "dumb");
        Ok(Callers { running: lab.spawn(Node::C1, self.name, command)?, statistics })
    }
}

/// Registers telephones of these numbers, each once, at the client's address, so many a second.
///
/// # Errors
/// Where sipp can not be started, or does not end.
pub fn register(lab: &Lab, target: SocketAddr, numbers: Range<u32>, rate: u32) -> Result<Outcome> {
    register_through(lab, target, target, (numbers, rate))
}

/// The same through a proxy of others, to which everything is sent.
///
/// # Errors
/// As [`register`].
pub fn register_through(
    lab: &Lab,
    proxy: SocketAddr,
    target: SocketAddr,
    (numbers, rate): (Range<u32>, u32),
) -> Result<Outcome> {
    let file = lab.state().join("numbers.csv");
    let count = numbers.len();
    let lines: String = numbers.map(|number| format!("{number}\n")).collect();
    std::fs::write(&file, format!("SEQUENTIAL\n{lines}"))?;
    let statistics = lab.state().join("registers.csv");
    let mut command = Command::new("sipp");
    command.arg("-sf").arg(scenario("register.xml")).arg("-inf").arg(&file);
    command.args(["-rsa", &proxy.to_string()]);
    command.args(["-i", &Node::C1.address(Net::Sip).to_string(), "-p", "5085"]);
    command.args(["-m", &count.to_string(), "-r", &rate.to_string()]);
    command.args(["-nostdin", "-recv_timeout", "10000"]);
    command.arg("-trace_stat").arg("-stf").arg(&statistics).args(["-fd", "200ms"]);
    command.arg(target.to_string()).env("TERM", "dumb");
    let running = lab.spawn(Node::C1, "registers", command)?;
    Callers { running, statistics }.finish(Duration::from_secs(60))
}

impl Callers {
    /// How the calls went so far.
    pub fn so_far(&self) -> Outcome {
        let text = std::fs::read_to_string(&self.statistics).unwrap_or_default();
        outcome(&text).unwrap_or_default()
    }

    /// Waits until every call has ended.
    ///
    /// # Errors
    /// After `timeout`.
    pub fn finish(mut self, timeout: Duration) -> Result<Outcome> {
        // Its exit code says whether all calls succeeded; so does the outcome, with numbers.
        self.running.wait(timeout)?;
        let text = std::fs::read_to_string(&self.statistics).context("statistics of sipp")?;
        outcome(&text).context("statistics of sipp make no sense")
    }
}

/// The totals in the last line of sipp's statistics.
fn outcome(text: &str) -> Option<Outcome> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let names: Vec<&str> = lines.next()?.split(';').collect();
    let values: Vec<&str> = lines.next_back()?.split(';').collect();
    let total = |name: &str| -> Option<u64> {
        let column = names.iter().position(|found| *found == name)?;
        values.get(column)?.trim().parse().ok()
    };
    Some(Outcome {
        created: total("TotalCallCreated")?,
        current: total("CurrentCall")?,
        successful: total("SuccessfulCall(C)")?,
        failed: total("FailedCall(C)")?,
        retransmissions: total("Retransmissions(C)")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_found_by_its_local_port_only() {
        let sockets = "  sl  local_address rem_address   st tx_queue rx_queue\n\
                       \u{20}  7: 0C64510A:13CE 00000000:1F90 07 00000000:00000000\n";
        assert!(listens(sockets, 5070));
        assert!(!listens(sockets, 8080));
        assert!(!listens("", 5070));
    }
}
