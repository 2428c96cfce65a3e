//! The whole agent with a scripted control server, real components and a real kernel.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use takeover_engine::{Engine, EngineSettings, Kind};
use takeover_logic::control::io::LinkEnd;
use takeover_logic::ids::{OrderId, ReportSequence, Term};
use takeover_logic::link::{
    AgentMessage, ApplicationSpec, ApplicationState, ControlMessage, Exit, Fault, Hello, HostSpec,
    Isolation, Release, RunMode, Sighting, Status, StatusCause, SuspendSignal, Task, Verdict,
    VipAction, VipSpec,
};
use tokio::sync::{mpsc, oneshot};

use super::namespace::{Namespace, wait_until};
use crate::host_agent::{Backends, Settings, run_here};
use crate::link::{AgentEvent, AgentLink, LinkEvent, LinkSender};
use crate::plugins::{PluginFolders, Plugins, Uses};

/// A running agent and the test's side of its link.
pub(super) struct Rig {
    events: mpsc::Sender<AgentEvent>,
    pub(super) messages: mpsc::Receiver<AgentMessage>,
    shutdown: Option<oneshot::Sender<()>>,
    ended: std::sync::mpsc::Receiver<()>,
    pub(super) last_order: u64,
    /// Everything that the agent said, for when a test fails.
    heard: Vec<AgentMessage>,
}

fn engine() -> Arc<Engine> {
    Arc::new(Engine::start(EngineSettings::default()).unwrap())
}

/// The shipped plugins, as built; or none.
fn plugins(folder: &Path, shipped: bool) -> Arc<Plugins> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins.d");
    let plugins = if shipped { built } else { folder.join("no-plugins.d") };
    let folders = PluginFolders::beside(plugins, folder.join("state/plugins"), &[Kind::VipBackend]);
    // Its threads must outlive this function.
    let runtime = Box::leak(Box::new(tokio::runtime::Runtime::new().unwrap()));
    let plugins = runtime.block_on(Plugins::start(engine(), folders, None, Uses::new())).unwrap();
    let is_there = plugins.plugin("vip-linux").is_some();
    assert!(is_there || !shipped, "no vip-linux: run `cargo xtask build-plugins` first");
    plugins
}

pub(super) fn application(command: &[&str]) -> ApplicationSpec {
    ApplicationSpec {
        name: "sip1".into(),
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        working_directory: None,
        environment: BTreeMap::new(),
        auto_restart: true,
        notify: false,
        watchdog_ms: None,
        startup_timeout_ms: 20_000,
        shutdown_timeout_ms: 5000,
        suspending_timeout_ms: 5000,
        suspend_signal: None,
        channel: None,
        options: Default::default(),
        options_signal: None,
    }
}

fn vip(address: &str, prefix: u8) -> VipSpec {
    VipSpec {
        name: "sip".into(),
        pair: "pair".into(),
        address: address.parse().unwrap(),
        prefix,
        network_interface: "eth0".into(),
        port: Some(5060),
        backend: "vip-linux".into(),
        settings: BTreeMap::new(),
        other_hosts: vec!["h2".into()],
        references: Vec::new(),
        isolation: Isolation::Hold,
        lease_ms: 3000,
        probe_interval_ms: 50,
    }
}

/// The test does not send heartbeats, so they may be late.
pub(super) fn spec(applications: Vec<ApplicationSpec>, vips: Vec<VipSpec>) -> HostSpec {
    HostSpec { heartbeat_interval_ms: 5000, heartbeat_misses: 20, applications, vips }
}

impl Rig {
    /// Starts an agent in a namespace, or on the test's own one.
    pub(super) fn start(namespace: Option<&Namespace>, folder: &Path, plugins: bool) -> Self {
        let (events, link) = AgentLink::channel();
        let (shutdown, asked) = oneshot::channel::<()>();
        let (end, ended) = std::sync::mpsc::channel();
        let settings = Settings {
            host: "h1".into(),
            state_folder: folder.join("state"),
            run_folder: folder.join("run"),
        };
        let backends = Arc::new(Backends::new(self::plugins(folder, plugins)));
        let body = move || {
            let shutdown = async move { drop(asked.await) };
            run_here(&settings, link, backends, shutdown).unwrap();
            let _ = end.send(());
        };
        match namespace {
            Some(namespace) => namespace.start(body),
            None => drop(std::thread::spawn(body)),
        }
        let (_, messages) = mpsc::channel(1);
        let heard = Vec::new();
        Self { events, messages, shutdown: Some(shutdown), ended, last_order: 0, heard }
    }

    /// Links up and welcomes the agent; what it says of itself.
    pub(super) fn link(&mut self, spec: HostSpec) -> Hello {
        let (sender, messages) = LinkSender::channel();
        self.messages = messages;
        self.events.blocking_send(LinkEvent::Linked(sender)).unwrap();
        let hello = self.wait("hello", |message| match message {
            AgentMessage::Hello(hello) => Some(hello.clone()),
            _ => None,
        });
        self.tell(ControlMessage::Welcome { spec, stored: ReportSequence(0) });
        hello
    }

    pub(super) fn tell(&self, message: ControlMessage) {
        self.events.blocking_send(LinkEvent::Message(message)).unwrap();
    }

    /// Waits for a message.
    pub(super) fn wait<T>(
        &mut self,
        what: &str,
        mut pick: impl FnMut(&AgentMessage) -> Option<T>,
    ) -> T {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            match self.messages.try_recv() {
                Ok(message) => {
                    let picked = pick(&message);
                    self.heard.push(message);
                    if let Some(picked) = picked {
                        return picked;
                    }
                }
                Err(_) => {
                    assert!(Instant::now() < until, "no {what} in 30 s: {:#?}", self.heard);
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
    }

    pub(super) fn order(&mut self, task: Task) -> Result<(), Fault> {
        self.last_order += 1;
        let order = OrderId(self.last_order);
        self.tell(ControlMessage::Order { order, task });
        self.wait("answer", |message| match message {
            AgentMessage::Done { order: of, result } if *of == order => Some(result.clone()),
            _ => None,
        })
    }

    fn move_vip(&mut self, action: VipAction, term: u64, release: Release) -> Result<(), Fault> {
        let (vip, term) = ("sip".into(), Term(term));
        self.order(Task::Vip { vip, action, term, release, time_left_ms: 8000 })
    }

    pub(super) fn status(&mut self, what: &str, wanted: Status) -> ApplicationState {
        self.wait(what, |message| match message {
            AgentMessage::Application(state) if state.status == wanted => Some(state.clone()),
            _ => None,
        })
    }

    /// Ends the agent in order.
    pub(super) fn stop(&mut self) {
        drop(self.shutdown.take());
        self.ended.recv_timeout(Duration::from_secs(30)).expect("the agent did not end");
    }
}

fn kill(pid: u32) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
}

fn addresses(host: &Namespace) -> String {
    host.ip("addr show eth0")
}

#[test]
fn a_virtual_ip_goes_up_is_kept_and_goes_down() {
    let test = "a_virtual_ip_goes_up_is_kept_and_goes_down";
    for (address, prefix) in [("10.81.1.100", 24), ("fd81:1::100", 64)] {
        let (Some(h1), Some(h2)) = (Namespace::new(test), Namespace::new(test)) else {
            return;
        };
        h1.connect(&h2);
        h1.ip("addr add 10.81.1.11/24 dev eth0");
        let folder = tempfile::tempdir().unwrap();
        let mut rig = Rig::start(Some(&h1), folder.path(), true);
        rig.link(spec(Vec::new(), vec![vip(address, prefix)]));
        let observer = Observer::new(&h1);
        assert_eq!(rig.move_vip(VipAction::Up, 1, Release::Confirmed), Ok(()));
        assert!(observer.addresses().contains(address), "{}", observer.addresses());

        // Longer than the kernel's lease.
        let held_until = Instant::now() + Duration::from_secs(3);
        wait_until("three seconds", || {
            assert!(observer.addresses().contains(address), "{}", observer.addresses());
            if Instant::now() >= held_until { Ok(()) } else { Err(()) }
        });

        observer.ip(&format!("addr del {address}/{prefix} dev eth0"));
        rig.wait("restored", |message| {
            matches!(message, AgentMessage::Seen { sighting: Sighting::Restored, .. }).then_some(())
        });
        assert!(observer.addresses().contains(address));

        let stale = rig.move_vip(VipAction::Down, 0, Release::Confirmed);
        assert_eq!(stale, Err(Fault::StaleTerm(Term(1))));
        assert_eq!(rig.move_vip(VipAction::Down, 2, Release::Confirmed), Ok(()));
        assert!(!observer.addresses().contains(address));

        observer.ip(&format!("addr add {address}/{prefix} dev eth0"));
        rig.wait("removed", |message| {
            matches!(message, AgentMessage::Seen { sighting: Sighting::Removed, .. }).then_some(())
        });
        assert!(!observer.addresses().contains(address));
        rig.stop();
    }
}

/// Looks into a namespace whose own thread is busy.
struct Observer(std::path::PathBuf);

impl Observer {
    fn new(host: &Namespace) -> Self {
        Self(format!("/proc/{}/ns/net", host.thread_id()).into())
    }

    fn ip(&self, arguments: &str) -> String {
        let path = self.0.clone();
        let arguments: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
        let look = move || {
            let file = std::fs::File::open(path).unwrap();
            nix::sched::setns(file, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
            super::namespace::ip(&arguments)
        };
        std::thread::spawn(look).join().unwrap()
    }

    fn addresses(&self) -> String {
        self.ip("addr show eth0")
    }
}

#[test]
fn a_store_that_can_not_be_written_delays_an_order_and_no_sign_of_life() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(None, folder.path(), false);
    let applications = vec![application(&["sleep", "60"])];
    let spec = spec(applications, Vec::new());
    rig.link(HostSpec { heartbeat_interval_ms: 20, heartbeat_misses: 1000, ..spec });
    assert_eq!(rig.order(Task::Start { application: "sip1".into() }), Ok(()));
    rig.wait("sign of life", |message| (*message == AgentMessage::Heartbeat).then_some(()));
    let other = rusqlite::Connection::open(folder.path().join("state/host-agent.db")).unwrap();
    other.busy_timeout(Duration::from_secs(10)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();

    let (application, pair) = ("sip1".into(), "pair".into());
    let (run_mode, term) = (RunMode::Backup, Term(1));
    rig.last_order = 2;
    let order = OrderId(2);
    let task = Task::SetRunMode { application, pair, run_mode, term };
    rig.tell(ControlMessage::Order { order, task });
    let mut beats = 0;
    let is_answered = |message: &AgentMessage| {
        beats += u32::from(*message == AgentMessage::Heartbeat);
        matches!(message, AgentMessage::Done { order: of, .. } if *of == order).then_some(())
    };
    rig.wait("answer", is_answered);
    // 500 ms, 20 ms each; a machine under load leaves some out.
    assert!(beats >= 5, "{beats} signs of life while the term was waited for");

    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(rig.order(Task::Stop { application: "sip1".into(), graceful: false }), Ok(()));
    rig.stop();
}

#[test]
fn what_waits_for_terms_does_not_wait_beyond_its_link() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(None, folder.path(), false);
    let applications = vec![application(&["sleep", "60"])];
    rig.link(spec(applications.clone(), Vec::new()));
    assert_eq!(rig.order(Task::Start { application: "sip1".into() }), Ok(()));
    let other = rusqlite::Connection::open(folder.path().join("state/host-agent.db")).unwrap();
    other.busy_timeout(Duration::from_secs(10)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for term in [1, 2] {
        let (application, pair) = ("sip1".into(), "pair".into());
        let (run_mode, order) = (RunMode::Backup, OrderId(1 + term));
        let task = Task::SetRunMode { application, pair, run_mode, term: Term(term) };
        rig.tell(ControlMessage::Order { order, task });
    }
    let (end, reason) = (LinkEnd::Closed, "cut".into());
    rig.events.blocking_send(LinkEvent::Ended { end, reason }).unwrap();
    let (sender, mut messages) = LinkSender::channel();
    rig.events.blocking_send(LinkEvent::Linked(sender)).unwrap();
    let first = messages.blocking_recv().unwrap();
    assert!(matches!(first, AgentMessage::Hello(_)), "{first:?}");
    other.execute_batch("ROLLBACK").unwrap();
    rig.link(spec(applications, Vec::new()));
    rig.last_order = 3;
    assert_eq!(rig.order(Task::Stop { application: "sip1".into(), graceful: false }), Ok(()));
    rig.stop();
}

#[test]
fn an_unconfirmed_takeover_waits_until_the_other_host_is_silent() {
    let test = "an_unconfirmed_takeover_waits_until_the_other_host_is_silent";
    let (Some(h1), Some(h2)) = (Namespace::new(test), Namespace::new(test)) else {
        return;
    };
    h1.connect(&h2);
    h1.ip("addr add 10.81.1.11/24 dev eth0");
    h2.ip("addr add 10.81.1.12/24 dev eth0");
    h2.ip("addr add 10.81.1.100/24 dev eth0");
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(Some(&h1), folder.path(), true);
    rig.link(spec(Vec::new(), vec![vip("10.81.1.100", 24)]));
    let observer = Observer::new(&h1);
    let (order, vip) = (OrderId(1), "sip".into());
    rig.last_order = 1;
    let (action, release, term) = (VipAction::Up, Release::Unknown, Term(1));
    let task = Task::Vip { vip, action, term, release, time_left_ms: 8000 };
    rig.tell(ControlMessage::Order { order, task });
    // A few rounds of probes, each answered by the other host.
    let probed_until = Instant::now() + Duration::from_millis(700);
    wait_until("some rounds", || {
        let here = observer.addresses();
        assert!(!here.contains("10.81.1.100"), "taken from a living holder: {here}");
        if Instant::now() >= probed_until { Ok(()) } else { Err(()) }
    });
    h2.ip("addr del 10.81.1.100/24 dev eth0");
    let result = rig.wait("answer", |message| match message {
        AgentMessage::Done { result, .. } => Some(result.clone()),
        _ => None,
    });
    assert_eq!(result, Ok(()));
    assert!(observer.addresses().contains("10.81.1.100"));
    rig.stop();
}

#[test]
fn an_orderly_end_takes_the_address_off() {
    let test = "an_orderly_end_takes_the_address_off";
    let (Some(h1), Some(h2)) = (Namespace::new(test), Namespace::new(test)) else {
        return;
    };
    h1.connect(&h2);
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(Some(&h1), folder.path(), true);
    rig.link(spec(Vec::new(), vec![vip("10.81.1.100", 24)]));
    assert_eq!(rig.move_vip(VipAction::Up, 1, Release::Confirmed), Ok(()));
    rig.stop();
    assert!(!addresses(&h1).contains("10.81.1.100"), "{}", addresses(&h1));
}

#[test]
fn an_interface_that_goes_down_is_told() {
    let test = "an_interface_that_goes_down_is_told";
    let (Some(h1), Some(h2)) = (Namespace::new(test), Namespace::new(test)) else {
        return;
    };
    h1.connect(&h2);
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(Some(&h1), folder.path(), true);
    rig.link(spec(Vec::new(), vec![vip("10.81.1.100", 24)]));
    assert_eq!(rig.move_vip(VipAction::Up, 1, Release::Confirmed), Ok(()));
    // The far end is switched off, so this end has no carrier.
    h2.ip("link set eth0 down");
    rig.wait("letting go", |message| {
        matches!(message, AgentMessage::Seen { sighting: Sighting::LetGo(_), .. }).then_some(())
    });
    let network = rig.wait("state", |message| match message {
        AgentMessage::Vip(state) if state.network != Verdict::Good => Some(state.network.clone()),
        _ => None,
    });
    assert_eq!(network, Verdict::Bad("network interface eth0 is down".into()));
    assert!(!Observer::new(&h1).addresses().contains("10.81.1.100"));
    rig.stop();
}

#[test]
fn a_program_is_started_and_restarted_when_it_dies() {
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(None, folder.path(), false);
    rig.link(spec(vec![application(&["sleep", "1000"])], Vec::new()));
    assert_eq!(rig.order(Task::Start { application: "sip1".into() }), Ok(()));
    let first = rig
        .heard
        .iter()
        .find_map(|message| match message {
            AgentMessage::Application(state) if state.status == Status::Running => state.pid,
            _ => None,
        })
        .unwrap();
    kill(first);
    let died = rig.status("death", Status::Stopped);
    assert_eq!(died.cause, StatusCause::Died(Exit::Signal(9)));
    let again = rig.status("restart", Status::Running);
    assert_eq!(again.cause, StatusCause::Restarted);
    assert_ne!(again.pid, Some(first));
    let stop = Task::Stop { application: "sip1".into(), graceful: false };
    assert_eq!(rig.order(stop), Ok(()));
    assert!(crate::host_agent::proc_stat::ProcStat::read(again.pid.unwrap()).is_err());
    rig.stop();
}

#[test]
fn a_program_outlives_its_agent_and_is_adopted_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec(vec![application(&["sleep", "1000"])], Vec::new());
    let mut rig = Rig::start(None, folder.path(), false);
    rig.link(spec.clone());
    assert_eq!(rig.order(Task::Start { application: "sip1".into() }), Ok(()));
    rig.stop();

    let mut rig = Rig::start(None, folder.path(), false);
    let hello = rig.link(spec);
    let state = hello.applications.first().unwrap();
    assert_eq!((state.status, state.cause), (Status::Running, StatusCause::Adopted));
    let pid = state.pid.unwrap();
    kill(pid);
    let died = rig.status("death", Status::Stopped);
    assert!(matches!(died.cause, StatusCause::Died(_)), "{died:?}");
    let again = rig.status("restart", Status::Running);
    assert_eq!(again.cause, StatusCause::Restarted);
    let stop = Task::Stop { application: "sip1".into(), graceful: false };
    assert_eq!(rig.order(stop), Ok(()));
    rig.stop();
}

#[test]
fn a_graceful_stop_asks_the_program_to_finish_its_work() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready");
    let script = format!(
        "trap 'exit 7' USR1; trap '' TERM; touch {}; while :; do sleep 0.01; done",
        ready.display()
    );
    let mut application = application(&["sh", "-c", &script]);
    application.suspend_signal = Some(SuspendSignal::User1);
    let mut rig = Rig::start(None, folder.path(), false);
    rig.link(spec(vec![application], Vec::new()));
    assert_eq!(rig.order(Task::Start { application: "sip1".into() }), Ok(()));
    wait_until("it listens to signals", || if ready.exists() { Ok(()) } else { Err(()) });
    let stop = Task::Stop { application: "sip1".into(), graceful: true };
    assert_eq!(rig.order(stop), Ok(()));
    let statuses = |wanted: Status| {
        rig.heard.iter().any(
            |message| matches!(message, AgentMessage::Application(state) if state.status == wanted),
        )
    };
    // It does not listen to SIGTERM, so the signal that it asked for has ended it.
    assert!(statuses(Status::Suspending), "{:#?}", rig.heard);
    assert!(!statuses(Status::StopTransition), "{:#?}", rig.heard);
    rig.stop();
}

#[test]
fn what_one_agent_was_stopping_the_next_does_not_start_again() {
    let folder = tempfile::tempdir().unwrap();
    // Ends when it may, and its agent is replaced before.
    let (ready, may_end) = (folder.path().join("ready"), folder.path().join("may-end"));
    let script = format!(
        "trap 'while [ ! -e {} ]; do sleep 0.01; done; exit 0' TERM; touch {}; \
         while :; do sleep 0.01; done",
        may_end.display(),
        ready.display()
    );
    let spec = spec(vec![application(&["sh", "-c", &script])], Vec::new());
    let mut rig = Rig::start(None, folder.path(), false);
    rig.link(spec.clone());
    assert_eq!(rig.order(Task::Start { application: "sip1".into() }), Ok(()));
    wait_until("it listens to signals", || if ready.exists() { Ok(()) } else { Err(()) });
    let (order, application) = (OrderId(99), "sip1".into());
    let task = Task::Stop { application, graceful: false };
    rig.tell(ControlMessage::Order { order, task });
    let ending = rig.status("the order to end", Status::StopTransition);
    rig.stop();

    let mut rig = Rig::start(None, folder.path(), false);
    let hello = rig.link(spec);
    let state = hello.applications.first().unwrap();
    assert_eq!((state.status, state.pid), (Status::StopTransition, ending.pid));
    std::fs::write(&may_end, "").unwrap();
    let stopped = rig.status("the end", Status::Stopped);
    assert_eq!(stopped.cause, StatusCause::Ordered);
    // Longer than the wait before a restart.
    let watched_until = Instant::now() + Duration::from_millis(600);
    wait_until("no restart", || {
        while let Ok(message) = rig.messages.try_recv() {
            let started =
                matches!(&message, AgentMessage::Application(state) if state.pid.is_some());
            assert!(!started, "{message:?}");
        }
        if Instant::now() >= watched_until { Ok(()) } else { Err(()) }
    });
    rig.stop();
}

#[test]
fn a_program_that_speaks_is_ready_when_it_says_so_and_killed_when_it_falls_silent() {
    let has_python = std::process::Command::new("python3").arg("--version").output().is_ok();
    if !has_python {
        assert!(std::env::var_os("REQUIRE_ALL").is_none(), "needs python3");
        println!("SKIP a_program_that_speaks: needs python3");
        return;
    }
    // Ready after a while, alive three times, then silent for ever.
    let script = "import os, socket, time\n\
                  s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n\
                  say = lambda text: s.sendto(text, os.environ['NOTIFY_SOCKET'])\n\
                  say(b'STATUS=loading')\n\
                  say(b'READY=1')\n\
                  say(b'WATCHDOG=1')\n\
                  time.sleep(1000)\n";
    let mut application = application(&["python3", "-c", script]);
    (application.notify, application.watchdog_ms) = (true, Some(500));
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(None, folder.path(), false);
    rig.link(spec(vec![application], Vec::new()));
    assert_eq!(rig.order(Task::Start { application: "sip1".into() }), Ok(()));
    let ready = rig.status("readiness", Status::Running);
    assert_eq!(ready.says.as_deref(), Some("loading"));
    let hung = rig.status("hang-up", Status::Stopped);
    assert_eq!(hung.cause, StatusCause::HungUp);
    let stop = Task::Stop { application: "sip1".into(), graceful: false };
    assert_eq!(rig.order(stop), Ok(()));
    rig.stop();
}

#[test]
fn an_agent_goes_on_without_its_control_server() {
    let folder = tempfile::tempdir().unwrap();
    let pids = folder.path().join("pids");
    let script = format!("echo $$ >> {}; exec sleep 1000", pids.display());
    let spec = spec(vec![application(&["sh", "-c", &script])], Vec::new());
    let mut rig = Rig::start(None, folder.path(), false);
    rig.link(spec.clone());
    assert_eq!(rig.order(Task::Start { application: "sip1".into() }), Ok(()));
    let started = || -> Vec<u32> {
        let text = std::fs::read_to_string(&pids).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    };
    wait_until("a start", || if started().is_empty() { Err("not started") } else { Ok(()) });
    let (end, reason) = (LinkEnd::Closed, "the test ends it".into());
    rig.events.blocking_send(LinkEvent::Ended { end, reason }).unwrap();
    kill(started()[0]);
    wait_until("a restart", || match started().len() {
        2 => Ok(()),
        count => Err(count),
    });
    let hello = rig.link(spec);
    // The new process may have written its pid before the agent has taken note of it.
    let told = hello.applications.first().unwrap().pid;
    let pid = told.or_else(|| rig.status("restart", Status::Running).pid);
    assert_eq!(pid, started().last().copied());
    let reported = rig.wait("report", |message| match message {
        AgentMessage::Report { report, .. } => Some(format!("{report:?}")),
        _ => None,
    });
    assert!(reported.contains("signal 9"), "{reported}");
    let stop = Task::Stop { application: "sip1".into(), graceful: false };
    assert_eq!(rig.order(stop), Ok(()));
    rig.stop();
}
