//! Real processes: started, signalled, seen to end.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use takeover_logic::host_agent::io::{Input, ProcessInput, Signal};
use takeover_logic::ids::ApplicationName;
use takeover_logic::link::{ApplicationSpec, Exit};
use tokio::sync::mpsc;

use super::namespace::wait_until;
use crate::host_agent::Event;
use crate::host_agent::exit_watch::ExitWatch;
use crate::host_agent::proc_stat::ProcStat;
use crate::host_agent::process::{Files, Processes, output_path};

pub(crate) fn spec(command: &[&str]) -> ApplicationSpec {
    ApplicationSpec {
        name: "sip1".into(),
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        working_directory: None,
        environment: BTreeMap::from([("WORD".to_owned(), "hello".to_owned())]),
        auto_restart: false,
        notify: false,
        watchdog_ms: None,
        startup_timeout_ms: 5000,
        shutdown_timeout_ms: 1000,
        suspending_timeout_ms: 1000,
        suspend_signal: None,
        channel: None,
        options: Default::default(),
        options_signal: None,
    }
}

/// Neither a socket nor options.
fn files(folder: &Path) -> Files {
    Files { options: folder.join("none"), ..Files::default() }
}

struct Rig {
    processes: Processes,
    events: mpsc::Receiver<Event>,
    _folder: tempfile::TempDir,
    output: std::path::PathBuf,
}

fn name() -> ApplicationName {
    "sip1".into()
}

impl Rig {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("output");
        let (sender, events) = mpsc::channel(64);
        let processes = Processes::new(sender, ExitWatch::start().unwrap(), output.clone());
        Self { processes, events, _folder: folder, output }
    }

    fn start(&mut self, command: &[&str]) -> u32 {
        let pid = self.processes.spawner(spec(command), files(&self.output))().unwrap();
        self.processes.watch(&name(), pid).unwrap();
        pid
    }

    async fn event(&mut self) -> Event {
        let next = tokio::time::timeout(Duration::from_secs(30), self.events.recv());
        next.await.expect("nothing happened in 30 s").unwrap()
    }

    /// How it ended, and that nothing of it is left afterwards.
    async fn end(&mut self) -> Exit {
        let Event::Ended { application, pid, exit } = self.event().await else {
            panic!("not an end");
        };
        assert!(self.processes.note_end(&application, pid));
        self.processes.signal(&application, Signal::Kill);
        loop {
            match self.event().await {
                // Seen in both ways.
                Event::Ended { pid, .. } => assert!(!self.processes.note_end(&name(), pid)),
                Event::Input(Input::Process { event: ProcessInput::GroupGone, .. }) => break,
                other => panic!("not the end of the group: {other:?}"),
            }
        }
        assert!(ProcStat::read(pid).is_err(), "process {pid} is still there");
        exit
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[tokio::test]
async fn a_program_runs_with_its_environment_and_its_output_is_kept() {
    let mut rig = Rig::new();
    rig.start(&["sh", "-c", "echo $WORD; echo oops >&2; exit 3"]);
    assert_eq!(rig.end().await, Exit::Code(3));
    assert_eq!(read(&output_path(&rig.output, &name())), "hello\noops\n");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let rig = Rig::new();
    let files = files(&rig.output);
    let error = rig.processes.spawner(spec(&["/no/such/program"]), files)().unwrap_err();
    assert!(error.starts_with("can not execute /no/such/program: No such file"), "{error}");
}

#[tokio::test]
async fn a_stop_reaches_the_whole_group() {
    let mut rig = Rig::new();
    let pid = rig.start(&["sh", "-c", "sleep 1000 & wait"]);
    wait_until("the worker", || {
        let children = read(Path::new(&format!("/proc/{pid}/task/{pid}/children")));
        if children.trim().is_empty() { Err(children) } else { Ok(()) }
    });
    let children = read(Path::new(&format!("/proc/{pid}/task/{pid}/children")));
    rig.processes.signal(&name(), Signal::Terminate);
    assert_eq!(rig.end().await, Exit::Signal(15));
    let worker: u32 = children.trim().parse().unwrap();
    let left = ProcStat::read(worker);
    assert!(left.as_ref().map_or(true, ProcStat::is_zombie), "worker {worker} is still there");
}

#[tokio::test]
async fn workers_that_outlive_their_main_process_are_killed() {
    let mut rig = Rig::new();
    // The worker ignores everything but SIGKILL and tells its pid by a file.
    let file = rig._folder.path().join("worker");
    let script =
        format!("(trap '' TERM HUP INT; echo $$ > {0}; sleep 1000) & sleep 1000", file.display());
    let pid = rig.start(&["sh", "-c", &script]);
    wait_until("the worker", || if file.exists() { Ok(()) } else { Err("not started") });
    let main = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
    nix::sys::signal::kill(main, nix::sys::signal::Signal::SIGKILL).unwrap();
    assert_eq!(rig.end().await, Exit::Signal(9));
}

#[tokio::test]
async fn a_process_that_is_not_a_child_is_seen_to_end() {
    let mut rig = Rig::new();
    // The shell ends at once, and its background process is nobody's child.
    let file = rig._folder.path().join("pid");
    let script = format!("sleep 1000 & echo $! > {}", file.display());
    let mut shell = std::process::Command::new("sh").args(["-c", &script]).spawn().unwrap();
    shell.wait().unwrap();
    let pid: u32 = read(&file).trim().parse().unwrap();
    rig.processes.watch(&name(), pid).unwrap();
    let orphan = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
    nix::sys::signal::kill(orphan, nix::sys::signal::Signal::SIGKILL).unwrap();
    let Event::Ended { exit, .. } = rig.event().await else {
        panic!("not an end");
    };
    // Only the flag says how; the handle of a process that is not a child does not.
    assert!(matches!(exit, Exit::Unseen | Exit::Signal(9)), "{exit:?}");
}

#[test]
fn the_end_of_a_large_process_is_seen_by_its_flag() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    // Read by nobody, so that the writer stays, with its buffer full of what it has read.
    let _reader = std::fs::File::options().read(true).write(true).open(&fifo).unwrap();
    let mut large = std::process::Command::new("dd")
        .args(["if=/dev/zero", "bs=64M", "count=1"])
        .arg(format!("of={}", fifo.display()))
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let pid = large.id();
    wait_until("64 MiB", || match ProcStat::read(pid).unwrap().resident_pages {
        pages if pages * 4096 >= 64 << 20 => Ok(()),
        pages => Err(pages),
    });
    let (sender, mut events) = mpsc::channel(4);
    let watch = ExitWatch::start().unwrap();
    watch.watch(name(), pid, sender);
    large.kill().unwrap();
    // Only the flag is watched here; the process is not even waited for.
    let Some(Event::Ended { exit, pid: of, .. }) = events.blocking_recv() else {
        panic!("not an end");
    };
    assert_eq!((of, exit), (pid, Exit::Signal(9)));
    large.wait().unwrap();
}

#[tokio::test]
async fn program_with_options_is_told_where_they_are_and_another_one_nothing() {
    let mut rig = Rig::new();
    let print = ["/bin/sh", "-c", "echo \"options: $X_TAKEOVER_OPTIONS.\""];
    let options = rig.output.with_file_name("sip1.options.json");
    std::fs::write(&options, "{}").unwrap();
    let files = Files { options: options.clone(), ..Files::default() };
    let pid = rig.processes.spawner(spec(&print), files)().unwrap();
    rig.processes.watch(&name(), pid).unwrap();
    assert_eq!(rig.end().await, Exit::Code(0));
    rig.start(&print);
    assert_eq!(rig.end().await, Exit::Code(0));
    let written = std::fs::read_to_string(output_path(&rig.output, &name())).unwrap();
    assert_eq!(written, format!("options: {}.\noptions: .\n", options.display()));
}
