//! A program that runs in the lab: started in a node, its output in a file, ended on drop.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;

use crate::wait;

/// Lines of output shown when something went wrong.
const LOG_LINES_SHOWN: usize = 30;

/// Starts a program with no signal blocked, whatever the caller blocks: it would inherit that, and
/// one that blocks SIGTERM can not be stopped in order.
///
/// # Errors
/// Where it can not be started.
pub fn spawn_unblocked(command: &mut Command) -> Result<Child> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            SigSet::empty().thread_set_mask()?;
            command.spawn().with_context(|| format!("start {command:?}"))
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// A running program. Killed when dropped.
pub struct Running {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Running {
    pub(super) fn new(name: String, child: Child, log: PathBuf) -> Self {
        Self { name, child, log }
    }

    /// Its process id, as every namespace of process ids in use here sees it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to it, not to its children.
    ///
    /// # Errors
    /// Where it no longer exists.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(self.pid().cast_signed()), signal)
            .with_context(|| format!("{signal} to {}", self.name))
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// After `timeout`, with its last output.
    pub fn wait(&mut self, timeout: Duration) -> Result<ExitStatus> {
        let name = format!("{} ends", self.name);
        let log = self.log.clone();
        wait::until(&name, timeout, || match self.child.try_wait() {
            Ok(Some(status)) => Ok(status),
            _ => Err(format!("still running\n{}", last_lines(&log))),
        })
    }

    /// Everything it wrote so far.
    pub fn output(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The end of what it wrote, under its name; how it ended, if it has.
    pub fn story(&mut self) -> String {
        let end = match self.ended() {
            None => "running".to_owned(),
            Some(status) => match status.signal() {
                Some(signal) => format!("ended by signal {signal}"),
                None => format!("ended with {status}"),
            },
        };
        format!("--- {} ({end})\n{}", self.name, last_lines(&self.log))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The last lines of a file.
fn last_lines(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(LOG_LINES_SHOWN)..).unwrap_or_default().join("\n")
}
