//! Load by sipp: a number of calls at a rate, and how they went.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::server::Server;

/// Port of the callee.
pub(crate) const CALLEE_PORT: u16 = 5170;

/// Longest time beyond the load itself until sipp ends.
const TAIL: Duration = Duration::from_secs(30);

/// What is asked of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Load {
    /// INVITE, 302, ACK.
    Redirect,
    /// OPTIONS, 200.
    Options,
    /// REGISTER, 200.
    Register,
    /// INVITE, 180, 200, ACK, 100 ms, BYE, 200 through the server.
    Proxy,
}

/// How a step went.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Step {
    pub(crate) successful: u64,
    pub(crate) failed: u64,
    pub(crate) retransmissions: u64,
    /// On-CPU time of the server per successful call, in microseconds.
    pub(crate) cpu_us: f64,
    /// Memory of the server afterwards, in MiB.
    pub(crate) memory_mib: f64,
}

impl Step {
    /// No call failed and nothing was sent again.
    pub(crate) fn is_clean(&self) -> bool {
        self.failed == 0 && self.retransmissions == 0 && self.successful > 0
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Step { successful, failed, retransmissions, cpu_us, memory_mib } = self;
        write!(f, "{successful} ok, {failed} failed, {retransmissions} sent again, ")?;
        write!(f, "{cpu_us:.1} us, {memory_mib:.0} MiB")
    }
}

impl Load {
    /// All of them.
    pub(crate) const ALL: [Load; 4] = [Load::Redirect, Load::Options, Load::Register, Load::Proxy];

    /// Its name in results.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Load::Redirect => "redirect",
            Load::Options => "options",
            Load::Register => "register",
            Load::Proxy => "proxy",
        }
    }

    fn scenario(self) -> &'static str {
        match self {
            Load::Redirect => "bench-redirect.xml",
            Load::Options => "bench-options.xml",
            Load::Register => "bench-register.xml",
            Load::Proxy => "bench-caller.xml",
        }
    }

    /// Calls at `rate` for so many seconds.
    pub(crate) fn run(
        self,
        folder: &Path,
        rate: u32,
        seconds: u32,
        server: &Server,
    ) -> Result<Step> {
        self.run_count(folder, rate, rate * seconds, server)
    }

    /// So many calls at `rate`.
    pub(crate) fn run_count(
        self,
        folder: &Path,
        rate: u32,
        count: u32,
        server: &Server,
    ) -> Result<Step> {
        let callee = match self {
            Load::Proxy => Some(callee(folder)?),
            _ => None,
        };
        let statistics = folder.join("statistics.csv");
        let _ = std::fs::remove_file(&statistics);
        let mut command = sipp(self.scenario());
        command.args(["-p", "5180", "-r", &rate.to_string(), "-m", &count.to_string()]);
        command.args(["-l", "200000", "-recv_timeout", "6000"]);
        command.args(["-s", if self == Load::Proxy { "callee" } else { "1000" }]);
        command.args(["-trace_stat", "-fd", "1", "-stf"]).arg(&statistics);
        if self == Load::Register {
            command.arg("-inf").arg(numbers(folder)?);
        }
        command.arg(format!("127.0.0.1:{}", server.who().port()));
        let before = server.cpu()?;
        let mut caller = Guard(command.spawn().context("sipp")?);
        let limit = Duration::from_secs(u64::from(count / rate.max(1))) + TAIL;
        caller.wait(limit)?;
        let cpu = server.cpu()? - before;
        drop(callee);
        let text = std::fs::read_to_string(&statistics).context("statistics of sipp")?;
        let mut step = outcome(&text).context("statistics of sipp make no sense")?;
        step.cpu_us = cpu.as_secs_f64() * 1e6 / step.successful.max(1) as f64;
        step.memory_mib = server.memory_mib()?;
        Ok(step)
    }
}

/// A process that ends with its owner.
struct Guard(Child);

impl Guard {
    fn wait(&mut self, limit: Duration) -> Result<()> {
        let end = Instant::now() + limit;
        while self.0.try_wait()?.is_none() {
            if Instant::now() > end {
                bail!("sipp did not end within {limit:?}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn sipp(scenario: &str) -> Command {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("sipp").join(scenario);
    let mut command = Command::new("sipp");
    command.arg("-sf").arg(file).args(["-i", "127.0.0.1", "-nostdin", "-buff_size", "4194304"]);
    command.env("TERM", "dumb").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn callee(folder: &Path) -> Result<Guard> {
    let mut command = sipp("bench-callee.xml");
    command.args(["-p", &CALLEE_PORT.to_string()]).current_dir(folder);
    let callee = Guard(command.spawn().context("sipp")?);
    let listens = || {
        let text = std::fs::read_to_string("/proc/net/udp").unwrap_or_default();
        text.contains(&format!(":{CALLEE_PORT:04X} "))
    };
    let end = Instant::now() + Duration::from_secs(10);
    while !listens() {
        if Instant::now() > end {
            bail!("the callee does not listen");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(callee)
}

/// Numbers of telephones, as sipp reads them.
fn numbers(folder: &Path) -> Result<PathBuf> {
    let path = folder.join("numbers.csv");
    let lines: String = (10_000..20_000).map(|number| format!("{number}\n")).collect();
    std::fs::write(&path, format!("SEQUENTIAL\n{lines}"))?;
    Ok(path)
}

fn outcome(text: &str) -> Option<Step> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let names: Vec<&str> = lines.next()?.split(';').collect();
    let values: Vec<&str> = lines.next_back()?.split(';').collect();
    let total = |name: &str| -> Option<u64> {
        let column = names.iter().position(|found| *found == name)?;
        values.get(column)?.trim().parse().ok()
    };
    Some(Step {
        successful: total("SuccessfulCall(C)")?,
        failed: total("FailedCall(C)")?,
        retransmissions: total("Retransmissions(C)")?,
        ..Step::default()
    })
}
