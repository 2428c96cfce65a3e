//! Programs on this host: started without a shell, bounded in number, time and output, and never
//! left behind.
//!
//! Must not know why. Each program leads a process group, which is killed as a whole when the
//! program has ended, at its deadline, and when nobody waits for it any more. What is meant to stay
//! has to become a session of its own, as daemons do (`setsid`); such a process is not this
//! program's any more and is not ended here. Killing this very process (SIGKILL) leaves its
//! programs running.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use futures_util::future::{Either, join, select};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use rustix::process::{PidfdFlags, pidfd_open};
use takeover_engine::host::outside::CommandOutput;
use takeover_engine::limits::COMMAND_OUTPUT_BYTES_MAX;
use takeover_logic::link::Fault;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{failed, invalid, not_found, unavailable};
use crate::limits::{PROGRAM_OUTPUT_GRACE, PROGRAMS_MAX};
use crate::system_calls;

/// The programs of all components.
#[derive(Clone)]
pub(super) struct Programs {
    running: Arc<Semaphore>,
}

impl Default for Programs {
    fn default() -> Self {
        Self { running: Arc::new(Semaphore::new(PROGRAMS_MAX)) }
    }
}

impl Programs {
    /// Runs a program that a call names.
    pub(super) async fn run_here(
        &self,
        program: PathBuf,
        arguments: Vec<String>,
    ) -> Result<CommandOutput, Fault> {
        if !program.is_absolute() {
            let found = program.display();
            return Err(invalid(format!("program {found}: allowed is an absolute path")));
        }
        self.run(program, arguments.into_iter().map(OsString::from).collect()).await
    }

    /// Runs a program and waits for its end.
    ///
    /// # Cancel safety
    /// Dropping the future kills the program and its group.
    pub(super) async fn run(
        &self,
        program: PathBuf,
        arguments: Vec<OsString>,
    ) -> Result<CommandOutput, Fault> {
        let Ok(permit) = Arc::clone(&self.running).try_acquire_owned() else {
            return Err(unavailable(format!(
                "program {}: {PROGRAMS_MAX} programs of components run already, which is the most",
                program.display()
            )));
        };
        // Fork and exec wait for the disk that the program is on.
        let starting = tokio::task::spawn_blocking(move || {
            let group = Group::start(&program, &arguments, permit);
            group.map_err(|error| start_fault(&program, &error))
        });
        let group = starting.await.unwrap_or_else(|_| Err(unavailable("no program is started")))?;
        group.finish().await.map_err(|error| failed(format!("program: {error}")))
    }
}

/// A program, what it started, and its place among those that may run. Dropped, it is killed.
struct Group {
    child: Child,
    /// Becomes readable when the program ends, and leaves it unreaped.
    handle: Arc<OwnedFd>,
    leader: Pid,
    /// Its number may mean something else by now.
    is_killed: bool,
    _permit: OwnedSemaphorePermit,
}

impl Group {
    /// Blocks for the time of fork and exec; within a runtime.
    fn start(
        program: &Path,
        arguments: &[OsString],
        permit: OwnedSemaphorePermit,
    ) -> io::Result<Self> {
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LANG", "C.UTF-8")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        let raw = child.id().and_then(|pid| i32::try_from(pid).ok()).ok_or_else(gone)?;
        let leader = Pid::from_raw(raw);
        let opened = rustix::process::Pid::from_raw(raw)
            .ok_or_else(gone)
            .and_then(|pid| Ok(pidfd_open(pid, PidfdFlags::NONBLOCK)?));
        match opened {
            Ok(handle) => {
                let handle = Arc::new(handle);
                Ok(Self { child, handle, leader, is_killed: false, _permit: permit })
            }
            Err(error) => {
                let _ = killpg(leader, Signal::SIGKILL); // the first error is the one to tell
                let _ = child.start_kill();
                Err(error)
            }
        }
    }

    /// Reads what the program writes until it has ended and nothing of its group is left.
    async fn finish(mut self) -> io::Result<CommandOutput> {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let (out, err) = (self.child.stdout.take(), self.child.stderr.take());
        let status = {
            let reading = pin!(join(read(out, &mut stdout), read(err, &mut stderr)));
            match select(pin!(self.end()), reading).await {
                Either::Left((status, reading)) => {
                    // What is in the pipes by now is read at once. A process that left the group
                    // may hold them open for ever.
                    let _ = tokio::time::timeout(PROGRAM_OUTPUT_GRACE, reading).await;
                    status?
                }
                Either::Right((_, end)) => end.await?,
            }
        };
        Ok(CommandOutput {
            exit_code: exit_code(status),
            stdout: text(&stdout),
            stderr: text(&stderr),
        })
    }

    /// Waits for the program's end and then kills what it left in its group. The program is reaped
    /// after that, because until then its number, and so the group's, belongs to nobody else.
    async fn end(&mut self) -> io::Result<ExitStatus> {
        system_calls::readable(Arc::clone(&self.handle))?.readable().await?.retain_ready();
        self.kill();
        self.child.wait().await
    }

    fn kill(&mut self) {
        if !std::mem::replace(&mut self.is_killed, true)
            && let Err(error) = killpg(self.leader, Signal::SIGKILL)
            && error != nix::Error::ESRCH
        {
            tracing::warn!(group = self.leader.as_raw(), %error, "can not kill a program");
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The runtime reaps the program afterwards.
        self.kill();
    }
}

/// Keeps the beginning and drops the rest, so that the program never waits for its reader.
async fn read(stream: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut stream) = stream else { return };
    let mut buffer = vec![0; 8 << 10];
    // An error of a pipe is its end.
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        let room = COMMAND_OUTPUT_BYTES_MAX.saturating_sub(kept.len());
        kept.extend_from_slice(buffer.get(..count.min(room)).unwrap_or_default());
    }
}

/// As a shell tells it: 128 + n for signal n.
fn exit_code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

/// What is no UTF-8 is replaced; that may make it longer, so it is cut again. A character that the
/// first cut went through is dropped.
fn text(bytes: &[u8]) -> String {
    let is_cut = bytes.len() >= COMMAND_OUTPUT_BYTES_MAX;
    let whole = match std::str::from_utf8(bytes) {
        Err(error) if is_cut && error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    };
    let mut text = String::from_utf8_lossy(bytes.get(..whole).unwrap_or_default()).into_owned();
    text.truncate(text.floor_char_boundary(COMMAND_OUTPUT_BYTES_MAX));
    text
}

fn start_fault(program: &Path, error: &io::Error) -> Fault {
    let program = program.display();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => not_found(format!(
            "program {program}: there is no such file, or not the interpreter that it names"
        )),
        io::ErrorKind::PermissionDenied => {
            failed(format!("program {program}: not executable: {error}"))
        }
        io::ErrorKind::InvalidInput => {
            invalid(format!("program {program}: an argument has a zero byte in it"))
        }
        _ => failed(format!("program {program}: can not be executed: {error}")),
    }
}
