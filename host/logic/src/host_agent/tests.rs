//! A host agent against a model kernel: links, terms, spool, configuration, end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::address::io::{KernelAnswer, KernelOperation, Reading};
use crate::component::AddressCall;
use crate::control::io::LinkEnd;
use crate::ids::{OrderId, ReportSequence, RequestId};
use crate::limits::SPOOL_REPORTS_MAX;
use crate::link::{
    ApplicationSpec, ControlMessage, Exit, Fault, Release, Status, Task, Verdict, VipAction,
    VipSpec,
};
use crate::log_event::{EventId, Level};
use crate::supervise::Ending;
use crate::time::Timestamp;

use super::io::Signal;

pub(super) struct Rig {
    pub(super) agent: HostAgent,
    pub(super) now: Instant,
    present: bool,
    /// Every output but kernel operations and probes, oldest first.
    pub(super) seen: Vec<Output>,
    order: u64,
}

pub(super) fn application(name: &str) -> ApplicationSpec {
    ApplicationSpec {
        name: name.into(),
        command: vec!["sipd".into()],
        working_directory: None,
        environment: BTreeMap::new(),
        auto_restart: true,
        notify: false,
        watchdog_ms: None,
        startup_timeout_ms: 5000,
        shutdown_timeout_ms: 1000,
        suspending_timeout_ms: 10_000,
        suspend_signal: None,
        channel: None,
        options: Default::default(),
        options_signal: None,
    }
}

fn vip(interface: &str) -> VipSpec {
    VipSpec {
        name: "sip".into(),
        pair: "pair".into(),
        address: "10.0.0.100".parse().unwrap(),
        prefix: 24,
        network_interface: interface.into(),
        port: None,
        backend: "vip-linux".into(),
        settings: BTreeMap::new(),
        other_hosts: vec!["h2".into()],
        references: Vec::new(),
        isolation: Default::default(),
        lease_ms: 3000,
        probe_interval_ms: 50,
    }
}

pub(super) fn spec() -> HostSpec {
    HostSpec {
        heartbeat_interval_ms: 100,
        heartbeat_misses: 3,
        applications: vec![application("sip1")],
        vips: vec![vip("eth1")],
    }
}

fn event(text: &str) -> LogEvent {
    LogEvent {
        id: EventId::new(0, 5061),
        level: Level::Standard,
        text: text.into(),
        application: None,
        application_type: None,
        host: None,
        at: Timestamp(0),
        attributes: Vec::new(),
    }
}

impl Rig {
    pub(super) fn new(saved: Saved) -> Self {
        let identity = Identity { host: "h1".into(), version: "1".into(), session: 7 };
        let now = Now::default();
        let mut rig = Rig {
            agent: HostAgent::new(identity, saved, now),
            now: now.instant,
            present: false,
            seen: Vec::new(),
            order: 0,
        };
        rig.give(Input::Tick);
        rig
    }

    /// Linked, welcomed, with one application and one virtual IP.
    pub(super) fn linked() -> Self {
        let mut rig = Rig::new(Saved::default());
        rig.link(ReportSequence(0));
        rig
    }

    pub(super) fn link(&mut self, stored: ReportSequence) {
        self.give(Input::Linked);
        self.receive(ControlMessage::Welcome { spec: spec(), stored });
    }

    pub(super) fn give(&mut self, input: Input) {
        self.agent.handle(Now { instant: self.now, at: Timestamp(0) }, input);
        while let Some(output) = self.agent.poll() {
            match output {
                Output::Kernel { vip, operation, .. } => {
                    match operation {
                        KernelOperation::Add => self.present = true,
                        KernelOperation::Delete => self.present = false,
                        KernelOperation::Refresh | KernelOperation::Read => {}
                    }
                    let reading = if self.present { Reading::Present } else { Reading::Absent };
                    let answer = KernelAnswer { result: Ok(()), reading };
                    let now = Now { instant: self.now, at: Timestamp(0) };
                    self.agent.handle(now, Input::Kernel { vip, answer });
                }
                Output::Probe { .. } => {}
                other => self.seen.push(other),
            }
        }
    }

    pub(super) fn receive(&mut self, message: ControlMessage) {
        self.give(Input::Received(message));
    }

    pub(super) fn order(&mut self, task: Task) -> OrderId {
        self.order += 1;
        let order = OrderId(self.order);
        self.receive(ControlMessage::Order { order, task });
        order
    }

    pub(super) fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(due) = self.agent.deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.give(Input::Tick);
        }
        self.now = end;
    }

    pub(super) fn vip_up(&mut self, term: u64) -> OrderId {
        let order = self.order(vip_task(VipAction::Up, term));
        let Some(Output::RunBackend(run)) =
            self.seen.iter().rev().find(|output| matches!(output, Output::RunBackend(_)))
        else {
            panic!("no backend was run: {:?}", self.seen);
        };
        let (vip, run) = (run.vip.clone(), run.run);
        let (call, request) = (AddressCall::Add, RequestId(1));
        self.give(Input::BackendCall { vip: vip.clone(), run, request, call });
        self.give(Input::BackendEnded { vip, run, result: Ok(()) });
        order
    }

    pub(super) fn result(&self, order: OrderId) -> Option<Result<(), Fault>> {
        self.seen.iter().find_map(|output| match output {
            Output::Send(AgentMessage::Done { order: of, result }) if *of == order => {
                Some(result.clone())
            }
            _ => None,
        })
    }

    pub(super) fn take(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.seen)
    }

    /// Positions and texts of the reports that were sent.
    pub(super) fn reports(&mut self) -> Vec<(u64, String)> {
        self.take()
            .into_iter()
            .filter_map(|output| match output {
                Output::Send(AgentMessage::Report { sequence, report }) => Some(match report {
                    Report::Event(event) => (sequence.0, event.text.to_string()),
                    Report::Dropped(count) => (sequence.0, format!("{count} dropped")),
                }),
                _ => None,
            })
            .collect()
    }
}

fn vip_task(action: VipAction, term: u64) -> Task {
    let (release, time_left_ms) = (Release::Confirmed, 7000);
    Task::Vip { vip: "sip".into(), action, term: Term(term), release, time_left_ms }
}

pub(super) fn run_mode(run_mode: RunMode, term: u64) -> Task {
    let (application, pair) = ("sip1".into(), "pair".into());
    Task::SetRunMode { application, pair, run_mode, term: Term(term) }
}

#[test]
fn a_new_term_is_kept_before_the_backend_runs() {
    let mut rig = Rig::linked();
    rig.take();
    let order = rig.vip_up(3);
    assert_eq!(rig.result(order), Some(Ok(())));
    let place = |wanted: &dyn Fn(&Output) -> bool| rig.seen.iter().position(wanted).unwrap();
    let kept = place(&|output| match output {
        Output::Persist(Record::Term(pair, Term(3))) => pair.as_str() == "pair",
        _ => false,
    });
    let ran = place(&|output| matches!(output, Output::RunBackend(_)));
    assert!(kept < ran, "{:?}", rig.seen);
}

#[test]
fn an_order_of_an_older_term_is_refused() {
    let mut rig = Rig::linked();
    rig.vip_up(3);
    let order = rig.order(vip_task(VipAction::Down, 2));
    assert_eq!(rig.result(order), Some(Err(Fault::StaleTerm(Term(3)))));
    let order = rig.order(run_mode(RunMode::Backup, 2));
    assert_eq!(rig.result(order), Some(Err(Fault::StaleTerm(Term(3)))));
    assert!(rig.present, "a late order took the address off");
}

#[test]
fn terms_are_fenced_also_after_a_restart_of_the_agent() {
    let terms = [("pair".into(), Term(9))].into();
    let mut rig = Rig::new(Saved { spec: spec(), terms, ..Saved::default() });
    rig.link(ReportSequence(0));
    let order = rig.order(vip_task(VipAction::Up, 8));
    assert_eq!(rig.result(order), Some(Err(Fault::StaleTerm(Term(9)))));
}

#[test]
fn a_program_that_does_not_run_is_not_confirmed_as_primary() {
    let mut rig = Rig::linked();
    let order = rig.order(run_mode(RunMode::Primary, 1));
    assert!(matches!(rig.result(order), Some(Err(Fault::Unavailable(_)))));
    let order = rig.order(run_mode(RunMode::Backup, 1));
    assert_eq!(rig.result(order), Some(Ok(())));
}

#[test]
fn hello_tells_everything() {
    let mut rig = Rig::linked();
    rig.vip_up(3);
    rig.order(Task::Start { application: "sip1".into() });
    let event = ProcessInput::Spawned(Ok(42));
    rig.give(Input::Process { application: "sip1".into(), event });
    rig.order(run_mode(RunMode::Primary, 3));
    rig.give(Input::LinkEnded(LinkEnd::Closed));
    rig.take();
    rig.give(Input::Linked);
    let seen = rig.take();
    let [Output::Send(AgentMessage::Hello(hello))] = seen.as_slice() else {
        panic!("not only a hello: {seen:?}");
    };
    assert_eq!(hello.applications[0].status, Status::Running);
    assert_eq!(hello.applications[0].run_mode, Some((RunMode::Primary, Term(3))));
    assert_eq!(hello.applications[0].pid, Some(42));
    assert_eq!(hello.vips[0].present, Verdict::Good);
    assert_eq!(hello.vips[0].term, Term(3));
}

#[test]
fn a_silent_control_server_is_a_lost_link_and_addresses_are_kept() {
    let mut rig = Rig::linked();
    rig.vip_up(1);
    rig.pass(Duration::from_millis(299));
    assert!(!rig.seen.iter().any(|output| matches!(output, Output::CloseLink(_))));
    rig.pass(Duration::from_millis(2));
    assert!(rig.seen.iter().any(|output| matches!(output, Output::CloseLink(_))));
    rig.pass(Duration::from_secs(20));
    assert!(rig.present);
}

#[test]
fn heartbeats_go_out_while_linked() {
    let mut rig = Rig::linked();
    rig.take();
    for _ in 0..10 {
        rig.pass(Duration::from_millis(100));
        rig.receive(ControlMessage::Heartbeat);
    }
    let beats = |output: &&Output| matches!(output, Output::Send(AgentMessage::Heartbeat));
    assert_eq!(rig.seen.iter().filter(beats).count(), 10);
}

#[test]
fn an_agent_that_stood_still_gives_up_before_it_hears_an_order() {
    let mut rig = Rig::linked();
    rig.vip_up(1);
    rig.take();
    rig.now = rig.now + Duration::from_secs(3);
    rig.receive(ControlMessage::Announce { vip: "sip".into() });
    assert!(!rig.present);
    let announced = |output: &Output| matches!(output, Output::Announce { .. });
    assert!(!rig.seen.iter().any(announced), "{:?}", rig.seen);
}

#[test]
fn reports_wait_for_the_link_and_are_told_again_until_they_are_stored() {
    let mut rig = Rig::new(Saved::default());
    for text in ["a", "b", "c"] {
        rig.give(Input::Event(event(text)));
    }
    assert_eq!(rig.reports(), []);
    rig.link(ReportSequence(0));
    let all = [(1, "a".to_owned()), (2, "b".to_owned()), (3, "c".to_owned())];
    assert_eq!(rig.reports(), all);
    rig.receive(ControlMessage::Stored(ReportSequence(1)));
    rig.give(Input::LinkEnded(LinkEnd::Closed));
    rig.link(ReportSequence(2));
    assert_eq!(rig.reports(), all[2..]);
}

#[test]
fn reports_of_a_new_store_go_on_behind_what_the_control_server_has() {
    let mut rig = Rig::new(Saved::default());
    rig.give(Input::Event(event("a")));
    rig.link(ReportSequence(70));
    assert_eq!(rig.reports(), [(71, "a".to_owned())]);
    rig.give(Input::Event(event("b")));
    assert_eq!(rig.reports(), [(72, "b".to_owned())]);
}

#[test]
fn a_full_spool_drops_and_counts_the_oldest() {
    let mut rig = Rig::new(Saved::default());
    for _ in 0..SPOOL_REPORTS_MAX + 5 {
        rig.give(Input::Event(event("x")));
        rig.seen.clear();
    }
    rig.link(ReportSequence(0));
    let sent = rig.reports();
    assert_eq!(sent[0], (6, "6 dropped".to_owned()));
    assert_eq!(sent[1].0, 7);
}

#[test]
fn what_happened_to_a_program_while_nobody_listened_is_reported() {
    let mut rig = Rig::linked();
    rig.order(Task::Start { application: "sip1".into() });
    let spawned = |pid| ProcessInput::Spawned(Ok(pid));
    rig.give(Input::Process { application: "sip1".into(), event: spawned(1) });
    rig.give(Input::LinkEnded(LinkEnd::Closed));
    let exited = ProcessInput::Exited(Exit::Signal(11));
    rig.give(Input::Process { application: "sip1".into(), event: exited });
    rig.give(Input::Process { application: "sip1".into(), event: ProcessInput::GroupGone });
    rig.pass(Duration::from_millis(300));
    rig.give(Input::Process { application: "sip1".into(), event: spawned(2) });
    rig.take();
    rig.link(ReportSequence(0));
    let texts: Vec<_> = rig.reports().into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[0].contains("signal 11"), "{texts:?}");
}

#[test]
fn a_sighting_while_nobody_listens_is_told_later() {
    let mut rig = Rig::linked();
    rig.vip_up(1);
    rig.give(Input::LinkEnded(LinkEnd::Closed));
    rig.present = false;
    let (network_interface, address) = (Arc::from("eth1"), "10.0.0.100".parse().unwrap());
    rig.give(Input::AddressChanged { network_interface, address });
    assert!(rig.present, "it was not put back");
    rig.take();
    rig.link(ReportSequence(0));
    let restored = |output: &Output| {
        matches!(output, Output::Send(AgentMessage::Seen { sighting: Sighting::Restored, .. }))
    };
    assert!(rig.seen.iter().any(restored), "{:?}", rig.seen);
}

#[test]
fn a_process_of_an_earlier_agent_is_adopted() {
    let processes = [("sip1".into(), OldProcess::Running { pid: 42, ending: Ending::No })].into();
    let mut rig = Rig::new(Saved { spec: spec(), processes, ..Saved::default() });
    rig.link(ReportSequence(0));
    let state = &rig.agent.applications()[0];
    assert_eq!((state.status, state.pid), (Status::Running, Some(42)));
    assert!(!rig.seen.iter().any(|output| matches!(output, Output::Spawn(_))));
}

#[test]
fn a_program_that_is_no_longer_configured_goes_on() {
    let mut rig = Rig::linked();
    rig.order(Task::Start { application: "sip1".into() });
    let event = ProcessInput::Spawned(Ok(1));
    rig.give(Input::Process { application: "sip1".into(), event });
    rig.take();
    rig.receive(ControlMessage::Configure(HostSpec { applications: Vec::new(), ..spec() }));
    assert!(rig.seen.contains(&Output::Abandon("sip1".into())), "{:?}", rig.seen);
    let signal = |output: &Output| matches!(output, Output::Signal { .. });
    assert!(!rig.seen.iter().any(signal), "{:?}", rig.seen);
}

#[test]
fn a_reload_that_keeps_an_address_does_not_touch_it() {
    let mut rig = Rig::linked();
    rig.vip_up(1);
    let mut changed = spec();
    changed.vips[0].probe_interval_ms = 20;
    rig.receive(ControlMessage::Configure(changed));
    assert!(rig.present);
    assert_eq!(rig.agent.vips()[0].present, Verdict::Good);
}

#[test]
fn an_address_that_moves_to_another_interface_is_given_up() {
    let mut rig = Rig::linked();
    rig.vip_up(1);
    rig.receive(ControlMessage::Configure(HostSpec { vips: vec![vip("eth2")], ..spec() }));
    rig.give(Input::Tick);
    assert!(!rig.present);
    assert_eq!(rig.agent.vips()[0].present, Verdict::Bad("absent".into()));
    let order = rig.vip_up(1);
    assert_eq!(rig.result(order), Some(Ok(())));
}

#[test]
fn an_orderly_end_takes_addresses_off_and_leaves_processes_running() {
    let mut rig = Rig::linked();
    rig.vip_up(1);
    rig.order(Task::Start { application: "sip1".into() });
    let event = ProcessInput::Spawned(Ok(1));
    rig.give(Input::Process { application: "sip1".into(), event });
    rig.take();
    rig.give(Input::Shutdown);
    rig.give(Input::Tick);
    assert!(!rig.present);
    assert_eq!(rig.seen.last(), Some(&Output::Stopped), "{:?}", rig.seen);
    let signal = |output: &Output| matches!(output, Output::Signal { .. });
    assert!(!rig.seen.iter().any(signal), "{:?}", rig.seen);
}

#[test]
fn a_stop_ends_the_group_and_is_answered_when_it_is_gone() {
    let mut rig = Rig::linked();
    rig.order(Task::Start { application: "sip1".into() });
    let give = |rig: &mut Rig, event| {
        rig.give(Input::Process { application: "sip1".into(), event });
    };
    give(&mut rig, ProcessInput::Spawned(Ok(1)));
    let order = rig.order(Task::Stop { application: "sip1".into(), graceful: false });
    let kill = Output::Signal { application: "sip1".into(), signal: Signal::Kill };
    give(&mut rig, ProcessInput::Exited(Exit::Code(0)));
    assert!(rig.seen.contains(&kill));
    assert_eq!(rig.result(order), None);
    give(&mut rig, ProcessInput::GroupGone);
    assert_eq!(rig.result(order), Some(Ok(())));
}

#[test]
fn unknown_names_are_answered_with_the_name() {
    let mut rig = Rig::linked();
    let order = rig.order(Task::Start { application: "nope".into() });
    let fault = rig.result(order).unwrap().unwrap_err();
    assert_eq!(fault.to_string(), "not found: application nope is not configured on this host");
}

/// What of the outputs is about options: a file, a start, a signal.
fn about_options(rig: &mut Rig) -> Vec<String> {
    let words = |output: Output| match output {
        Output::Options(spec) => Some(format!("file {:?}", spec.options)),
        Output::Spawn(_) => Some("start".to_owned()),
        Output::Signal { signal: Signal::Options(signal), .. } => Some(signal.name().to_owned()),
        _ => None,
    };
    rig.take().into_iter().filter_map(words).collect()
}

fn with_option(value: i64) -> HostSpec {
    let mut spec = spec();
    let number = crate::options::OptionValue::Number(value);
    let section = BTreeMap::from([(Arc::from("oos-check"), number)]);
    spec.applications[0].options = BTreeMap::from([(Arc::from("TServer"), section)]);
    spec.applications[0].options_signal = Some(crate::link::SuspendSignal::User1);
    spec.applications[0].notify = true;
    spec
}

#[test]
fn changed_options_are_written_and_told_once_the_program_serves() {
    let file = |value| format!("file {{\"TServer\": {{\"oos-check\": Number({value})}}}}");
    let mut rig = Rig::linked();
    rig.take();
    rig.receive(ControlMessage::Configure(with_option(1)));
    assert_eq!(about_options(&mut rig), [file(1)], "nothing runs that could be told");
    rig.order(Task::Start { application: "sip1".into() });
    assert_eq!(about_options(&mut rig), ["start"]);
    let process = |event| Input::Process { application: "sip1".into(), event };
    rig.give(process(ProcessInput::Spawned(Ok(77))));
    rig.receive(ControlMessage::Configure(with_option(2)));
    assert_eq!(about_options(&mut rig), [file(2)], "it may not know the signal yet");
    rig.give(process(ProcessInput::Notified(crate::supervise::Notification::Ready)));
    assert_eq!(about_options(&mut rig), ["SIGUSR1"]);
    rig.receive(ControlMessage::Configure(with_option(3)));
    assert_eq!(about_options(&mut rig), [file(3), "SIGUSR1".to_owned()]);
    let mut other = with_option(3);
    other.heartbeat_interval_ms = 50;
    rig.receive(ControlMessage::Configure(other));
    assert_eq!(about_options(&mut rig), Vec::<String>::new(), "the options are the same");
}

#[test]
fn plugins_are_told_at_once_and_on_a_new_link() {
    let view: crate::plugin::report::PluginView = serde_json::from_str(
        r#"{"name": "vip-linux", "version": "1", "kind": "", "sha256": "", "state": "active"}"#,
    )
    .unwrap();
    let told = |rig: &mut Rig| {
        let is = |output: &Output| matches!(output, Output::Send(AgentMessage::Plugins { .. }));
        rig.take().into_iter().filter(is).count()
    };
    let mut rig = Rig::new(Saved::default());
    rig.give(Input::Plugins(vec![view.clone()]));
    assert_eq!(told(&mut rig), 0, "there is no link");
    rig.link(ReportSequence(0));
    assert_eq!(told(&mut rig), 1);
    rig.give(Input::Plugins(vec![view]));
    assert_eq!(told(&mut rig), 1);
    rig.give(Input::LinkEnded(LinkEnd::Closed));
    rig.link(ReportSequence(0));
    assert_eq!(told(&mut rig), 1);
}
