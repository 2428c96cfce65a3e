//! Processes on this host: start, signal, see them end, find them again.
//!
//! Must not know why. A process belongs to an application and leads a process group of its own; it
//! outlives the agent, because nothing ties it to it: no death signal, and its output goes to a
//! file. A pid is not reused before its end was reaped here, so signals reach only what is meant.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal as OsSignal, killpg};
use nix::unistd::Pid;
use rustix::process::{
    PidfdFlags, Signal as PidSignal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};
use takeover_logic::host_agent::io::{ProcessInput, Signal};
use takeover_logic::ids::ApplicationName;
use takeover_logic::limits::GROUP_GONE_TIMEOUT;
use takeover_logic::link::{ApplicationSpec, Exit, SuspendSignal};
use tokio::sync::mpsc;

use super::Event;
use super::exit_watch::ExitWatch;
use super::options_file;
use super::proc_stat::ProcStat;
use crate::system_calls;

/// Time between two looks whether a killed process group is gone. Its workers die within
/// milliseconds, and a restart waits for it.
const GROUP_POLL_INTERVAL: Duration = Duration::from_millis(2);

/// A process that is watched.
struct Process {
    pid: u32,
    handle: Arc<OwnedFd>,
    /// Its end was told.
    has_ended: bool,
    task: tokio::task::JoinHandle<()>,
}

impl Process {
    /// Signals the main process, and no worker of its: to finish its work, or to read its options.
    fn tell(&self, name: &ApplicationName, how: SuspendSignal) {
        let signal = match how {
            SuspendSignal::Hangup => PidSignal::HUP,
            SuspendSignal::Interrupt => PidSignal::INT,
            SuspendSignal::Quit => PidSignal::QUIT,
            SuspendSignal::User1 => PidSignal::USR1,
            SuspendSignal::User2 => PidSignal::USR2,
            SuspendSignal::WindowChange => PidSignal::WINCH,
        };
        if let Err(error) = pidfd_send_signal(&self.handle, signal)
            && !self.has_ended
        {
            let (pid, how) = (self.pid, how.name());
            tracing::warn!(application = %name, pid, %error, "can not send {how}");
        }
    }
}

/// What a new process is told the places of.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    /// `NOTIFY_SOCKET`: its notification socket, where it has one.
    pub(super) notify: Option<PathBuf>,
    /// `TAKEOVER_CHANNEL`: its channel, where it has one.
    pub(super) channel: Option<PathBuf>,
    /// Its options.
    pub(super) options: PathBuf,
}

/// The processes of this host's applications.
pub(super) struct Processes {
    running: BTreeMap<ApplicationName, Process>,
    events: mpsc::Sender<Event>,
    exits: ExitWatch,
    output: PathBuf,
}

impl Processes {
    /// Nothing runs yet; output goes to files in a folder.
    pub(super) fn new(events: mpsc::Sender<Event>, exits: ExitWatch, output: PathBuf) -> Self {
        Self { running: BTreeMap::new(), events, exits, output }
    }

    /// Watches a process, whether started just now or by an earlier agent.
    pub(super) fn watch(&mut self, name: &ApplicationName, pid: u32) -> io::Result<()> {
        let handle = Arc::new(open_handle(pid)?);
        let wait = wait_for_end((name.clone(), pid), handle.clone(), self.events.clone());
        let task = tokio::spawn(wait);
        self.exits.watch(name.clone(), pid, self.events.clone());
        let process = Process { pid, handle, has_ended: false, task };
        if let Some(earlier) = self.running.insert(name.clone(), process) {
            earlier.task.abort();
        }
        Ok(())
    }

    /// Whether the end of a process is news. It may be seen twice: while the kernel still frees
    /// its memory, and when it has.
    pub(super) fn note_end(&mut self, name: &ApplicationName, pid: u32) -> bool {
        match self.running.get_mut(name) {
            Some(process) if process.pid == pid => !std::mem::replace(&mut process.has_ended, true),
            _ => false,
        }
    }

    /// Signals a process group, or with [`Signal::Suspend`] and [`Signal::Options`] its main
    /// process. After the main process has ended, a kill is followed by word that nothing of the
    /// group is left.
    pub(super) fn signal(&mut self, name: &ApplicationName, signal: Signal) {
        let Some(process) = self.running.get(name) else {
            return;
        };
        let group = group(process.pid);
        let (os_signal, sent) = match signal {
            Signal::Suspend(how) | Signal::Options(how) => return process.tell(name, how),
            Signal::Terminate => (OsSignal::SIGTERM, killpg(group, OsSignal::SIGTERM)),
            Signal::Kill => (OsSignal::SIGKILL, killpg(group, OsSignal::SIGKILL)),
        };
        if let Err(error) = sent
            && error != nix::Error::ESRCH
        {
            let pid = process.pid;
            tracing::warn!(application = %name, pid, %error, "can not send {os_signal}");
        }
        if signal == Signal::Kill
            && process.has_ended
            && let Some(process) = self.running.remove(name)
        {
            self.exits.forget(name);
            tokio::spawn(wait_for_group(name.clone(), process, self.events.clone()));
        }
    }

    /// Stops watching; the process goes on.
    pub(super) fn abandon(&mut self, name: &ApplicationName) {
        self.exits.forget(name);
        if let Some(process) = self.running.remove(name) {
            process.task.abort();
        }
    }

    /// Executes a command line. Blocks for the time of fork and exec, so not for the decision
    /// loop.
    pub(super) fn spawner(
        &self,
        spec: ApplicationSpec,
        files: Files,
    ) -> impl FnOnce() -> Result<u32, Arc<str>> + Send + use<> {
        let output = self.output.clone();
        move || {
            let started = spawn(&spec, &output, &files);
            started.map_err(|error| {
                let program = spec.command.first().map_or("", String::as_str);
                format!("can not execute {program}: {error}").into()
            })
        }
    }
}

/// The file that an application writes its output to.
pub(super) fn output_path(folder: &Path, name: &ApplicationName) -> PathBuf {
    folder.join(format!("{name}.log"))
}

fn spawn(spec: &ApplicationSpec, output: &Path, files: &Files) -> io::Result<u32> {
    let (program, arguments) = spec
        .command
        .split_first()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the command line is empty"))?;
    fs::create_dir_all(output)?;
    let file = File::options().append(true).create(true).open(output_path(output, &spec.name))?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .envs(&spec.environment)
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .process_group(0)
        .env_remove("NOTIFY_SOCKET")
        .env_remove(takeover_logic::channel::ENVIRONMENT)
        .env_remove("WATCHDOG_USEC")
        .env_remove("WATCHDOG_PID")
        .env_remove(options_file::VARIABLE);
    if let Some(folder) = &spec.working_directory {
        command.current_dir(folder);
    }
    if let Some(socket) = &files.channel {
        command.env(takeover_logic::channel::ENVIRONMENT, socket);
    }
    if files.options.exists() {
        command.env(options_file::VARIABLE, &files.options);
    }
    if let Some(socket) = &files.notify {
        command.env("NOTIFY_SOCKET", socket);
        if let Some(silence) = spec.watchdog_ms {
            command.env("WATCHDOG_USEC", silence.saturating_mul(1000).to_string());
        }
    }
    // Not waited for here: its end is taken by its handle.
    Ok(command.spawn()?.id())
}

fn open_handle(pid: u32) -> io::Result<OwnedFd> {
    let raw = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    let pid = raw.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    Ok(pidfd_open(pid, PidfdFlags::NONBLOCK)?)
}

fn group(pid: u32) -> Pid {
    // A pid always fits; zero would be the agent's own group, and is never sent to.
    Pid::from_raw(i32::try_from(pid).ok().filter(|pid| *pid > 1).unwrap_or(i32::MAX))
}

/// Tells the end of a process when the kernel reports it.
async fn wait_for_end(
    (application, pid): (ApplicationName, u32),
    handle: Arc<OwnedFd>,
    events: mpsc::Sender<Event>,
) {
    match system_calls::readable(handle.clone()) {
        Ok(ready) => drop(ready.readable().await),
        Err(error) => {
            tracing::error!(%application, %error, "can not wait for the process");
            return;
        }
    }
    let exit = how_it_ended(&handle);
    let _ = events.send(Event::Ended { application, pid, exit }).await;
}

/// Reads how a child ended and leaves it unreaped. A process that an earlier agent had started is
/// not a child: its end was not seen.
fn how_it_ended(handle: &OwnedFd) -> Exit {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    match waitid(WaitId::PidFd(handle.as_fd()), options) {
        Ok(Some(status)) => match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Exit::Code(code),
            (None, Some(signal)) => Exit::Signal(signal),
            (None, None) => Exit::Unseen,
        },
        Ok(None) | Err(_) => Exit::Unseen,
    }
}

/// Reaps the main process and waits until nothing of its group is left.
async fn wait_for_group(name: ApplicationName, process: Process, events: mpsc::Sender<Event>) {
    let Process { pid, handle, task, .. } = process;
    let until = Instant::now() + GROUP_GONE_TIMEOUT;
    // The handle can be waited for in one place at a time.
    task.abort();
    let _ = task.await;
    // Where its end was seen early, the kernel may still be freeing its memory.
    let ended = async {
        if let Ok(ready) = system_calls::readable(handle.clone()) {
            let _ = ready.readable().await;
        }
    };
    let _ = tokio::time::timeout(GROUP_GONE_TIMEOUT, ended).await;
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    let _ = waitid(WaitId::PidFd(handle.as_fd()), options);
    while !is_group_gone(pid) {
        if Instant::now() >= until {
            tracing::error!(application = %name, pid, "its process group does not end");
            break;
        }
        let _ = killpg(group(pid), OsSignal::SIGKILL);
        tokio::time::sleep(GROUP_POLL_INTERVAL).await;
    }
    let _ = events.send(Event::of_process(name, ProcessInput::GroupGone)).await;
}

/// Nothing of a group is left, or only processes that have ended and wait for their parent.
fn is_group_gone(pid: u32) -> bool {
    if killpg(group(pid), None::<OsSignal>) == Err(nix::Error::ESRCH) {
        return true;
    }
    let Ok(folder) = fs::read_dir("/proc") else {
        return false;
    };
    let pids = folder.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let mut members = pids.filter_map(|member| ProcStat::read(member).ok());
    !members.any(|stat| stat.group == pid && !stat.is_zombie())
}
