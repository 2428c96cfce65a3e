//! A control server, two model agents, model components, and a script that moves the clock.
//!
//! A line of a script is `SECONDS WORDS`; [`Bench::say`] has the words. What the control server
//! does is written down as one line each; heartbeats and views only where a story asks for them.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use expect_test::Expect;

use crate::channel::Calls;
use crate::component::{ManagementAnswer, ManagementCall};
use crate::config::model::Config;
use crate::control::Control;
use crate::control::io::{Change, Command, Input, LinkEnd, Output, ReactionFault, ReactionRun};
use crate::control::saved::Saved;
use crate::ids::{
    ApplicationName, HostName, OrderId, ReportSequence, RequestId, RunId, Term, VipName,
};
use crate::link::{
    AgentMessage, ApplicationState, ControlMessage, Exit, Fault, Hello, PROTOCOL, Report, Sighting,
    Status, StatusCause, Task, Verdict, VipAction, VipState,
};
use crate::time::{Instant, Now, Timestamp};

pub(super) const HOSTS: &str = r#"
[[host]]
name = "h1"
address = "10.82.1.11"
[host.interfaces]
sip0 = ["10.81.1.11/24"]

[[host]]
name = "h2"
address = "10.82.1.12"
[host.interfaces]
sip0 = ["10.81.1.12/24"]
"#;

pub(super) const PAIR: &str = r#"
[[pair]]
name = "sip"
hosts = ["h1", "h2"]
vip = "10.81.1.100/24"
network_interface = "sip0"
port = 5060
[pair.application]
command = ["/usr/sbin/kamailio"]
[pair.primary]
name = "sip-1"
[pair.backup]
name = "sip-2"
"#;

/// Both hosts are linked, `sip-1` is primary with the address, `sip-2` stands by, and the alarms
/// of the start have cleared.
pub(super) const UP: &str = "
    0 link h1
    0 link h2
    5 tick";

pub(super) fn config(more: &str) -> Arc<Config> {
    let files = [("hosts.toml", HOSTS), ("sip.toml", PAIR), ("zz.toml", more)];
    config_of(&files)
}

pub(super) fn config_of(files: &[(&str, &str)]) -> Arc<Config> {
    let files: Vec<(String, String)> =
        files.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect();
    match crate::config::read(&files) {
        Ok(checked) => Arc::new(checked.config),
        Err(errors) => panic!("{errors:#?}"),
    }
}

/// How a model agent treats what it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Does it at once.
    Obedient,
    /// Takes it and never answers, but is alive.
    Deaf,
    /// Refuses every order.
    Contrary,
    /// Does everything but move addresses.
    Clumsy,
    /// Says nothing at all any more.
    Silent,
}

#[derive(Debug)]
pub(super) struct Agent {
    linked: bool,
    manner: Manner,
    applications: BTreeMap<ApplicationName, ApplicationState>,
    vips: BTreeMap<VipName, VipState>,
    last_pid: u32,
    reports: u64,
    /// Orders taken and not answered.
    open: Vec<(OrderId, Task)>,
}

/// The whole scene.
pub(super) struct Bench {
    pub(super) control: Control,
    pub(super) now: Instant,
    pub(super) agents: BTreeMap<HostName, Agent>,
    inbox: VecDeque<Input>,
    last_request: u64,
    /// Calls of components that were not yet answered.
    calls: BTreeMap<RequestId, RunId>,
    /// Reactions are not run by themselves.
    pub(super) reactions_hang: bool,
    runs: Vec<ReactionRun>,
    next_heartbeat: Instant,
    pub(super) story: String,
    pub(super) show_steps: bool,
    pub(super) show_views: bool,
    /// Every output, for laws and replays.
    pub(super) outputs: Vec<(Instant, Output)>,
    /// Every input, likewise.
    pub(super) inputs: Vec<(Now, Input)>,
}

impl Bench {
    pub(super) fn new(config: Arc<Config>) -> Self {
        let control = Control::new(config, now_at(Instant(0)));
        Self::with(control)
    }

    fn with(control: Control) -> Self {
        let agents = ["h1", "h2"].map(|host| (HostName::from(host), Agent::new()));
        Self {
            control,
            now: Instant(0),
            agents: agents.into(),
            inbox: VecDeque::new(),
            last_request: 0,
            calls: BTreeMap::new(),
            reactions_hang: false,
            runs: Vec::new(),
            next_heartbeat: Instant(0) + Duration::from_millis(50),
            story: String::new(),
            show_steps: false,
            show_views: false,
            outputs: Vec::new(),
            inputs: Vec::new(),
        }
    }

    /// The control server dies; another one goes on with what was saved, the links are gone.
    pub(super) fn restart_control(&mut self) {
        let json = serde_json::to_string(&self.control.save()).unwrap();
        let saved: Saved = serde_json::from_str(&json).unwrap();
        let config = self.control.config.clone();
        self.control = Control::restore(config, saved, now_at(self.now));
        self.calls.clear();
        self.inbox.clear();
        self.runs.clear();
        for agent in self.agents.values_mut() {
            agent.linked = false;
            agent.open.clear();
        }
        self.pump();
    }

    pub(super) fn run(&mut self, script: &str) {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (at, words) = line.split_once(' ').expect("SECONDS WORDS");
            self.wait_until(Instant(0) + Duration::from_secs_f64(at.parse().unwrap()));
            self.say(&words.split_whitespace().collect::<Vec<_>>());
            self.pump();
        }
    }

    /// Lets time pass: heartbeats come in, deadlines are due.
    pub(super) fn wait_until(&mut self, until: Instant) {
        loop {
            let due = Instant::earliest(self.control.deadline(), Some(self.next_heartbeat));
            let Some(due) = due.filter(|due| *due <= until) else { break };
            self.now = self.now.max(due);
            if self.now >= self.next_heartbeat {
                self.next_heartbeat = self.now + Duration::from_millis(50);
                for (host, agent) in &self.agents {
                    if agent.linked && agent.manner != Manner::Silent {
                        let message = AgentMessage::Heartbeat;
                        self.inbox.push_back(Input::Received { host: host.clone(), message });
                    }
                }
            } else {
                self.inbox.push_back(Input::Tick);
            }
            self.pump();
        }
        self.now = until;
    }

    pub(super) fn say(&mut self, words: &[&str]) {
        match words {
            ["tick"] => self.inbox.push_back(Input::Tick),
            ["link", host] => self.link(&(*host).into()),
            ["cut", host] => self.cut(&(*host).into()),
            ["restart"] => self.restart_control(),
            ["hang", "reactions"] => self.reactions_hang = true,
            ["release", "reactions"] => {
                self.reactions_hang = false;
                for run in std::mem::take(&mut self.runs) {
                    self.call_for(run);
                }
            }
            ["trap", "reactions"] => {
                for run in std::mem::take(&mut self.runs) {
                    let fault = ReactionFault::Ended("trap: unreachable".into());
                    self.inbox.push_back(Input::ReactionEnded { run: run.run, result: Err(fault) });
                }
            }
            ["died", name] => {
                let cause = StatusCause::Died(Exit::Signal(9));
                self.change(name, Status::Stopped, cause);
            }
            ["restarted", name] => {
                self.change(name, Status::StartTransition, StatusCause::Restarted);
                self.change(name, Status::Running, StatusCause::Restarted);
            }
            ["unavailable", name] => {
                self.change(name, Status::ServiceUnavailable, StatusCause::Reported);
            }
            ["available", name] => self.change(name, Status::Running, StatusCause::Reported),
            ["network", host, verdict] => {
                let bad = Verdict::Bad("no reference answers".into());
                let verdict = if *verdict == "good" { Verdict::Good } else { bad };
                self.tell_vip(host, |state| state.network = verdict);
            }
            ["sees", name, what] => {
                let silent = Verdict::Bad("3 requests without an answer".into());
                let seen = if *what == "serving" { Verdict::Good } else { silent };
                let application = (*name).into();
                let message = AgentMessage::Other { application, seen };
                self.inbox.push_back(Input::Received { host: "h2".into(), message });
            }
            ["let-go", host] => {
                self.tell_vip(host, |state| state.present = Verdict::Bad("let go".into()));
            }
            ["seen", host, what] => {
                let sighting = match *what {
                    "removed" => Sighting::Removed,
                    "restored" => Sighting::Restored,
                    "unclaimed" => Sighting::Unclaimed,
                    _ => Sighting::OtherHolder("02:00:00:00:00:09".into()),
                };
                let message = AgentMessage::Seen { vip: "sip-vip".into(), sighting };
                self.inbox.push_back(Input::Received { host: (*host).into(), message });
            }
            ["report", host, number] => {
                let about = crate::catalog::About::host(Timestamp(0), &(*host).into());
                let event = crate::catalog::critical_condition(&about, &format!("number {number}"));
                let sequence = ReportSequence(number.parse().unwrap());
                let message = AgentMessage::Report { sequence, report: Report::Event(event) };
                self.inbox.push_back(Input::Received { host: (*host).into(), message });
            }
            [host, "is", manner] => {
                let manner = match *manner {
                    "obedient" => Manner::Obedient,
                    "deaf" => Manner::Deaf,
                    "contrary" => Manner::Contrary,
                    "clumsy" => Manner::Clumsy,
                    "silent" => Manner::Silent,
                    _ => panic!("{manner} is not a manner"),
                };
                self.agent(host).manner = manner;
            }
            [host, "answers"] => {
                let host = HostName::from(*host);
                let open = std::mem::take(&mut self.agents.get_mut(&host).unwrap().open);
                for (order, task) in open {
                    self.obey(&host, order, task);
                }
            }
            ["operator", rest @ ..] => self.operator(rest),
            _ => panic!("{words:?} is not a line of a script"),
        }
    }

    fn operator(&mut self, words: &[&str]) {
        let command = match words {
            ["switchover"] => Command::Switchover { pair: "sip".into() },
            ["start", name] => Command::Start { application: (*name).into() },
            ["stop", name] => Command::Stop { application: (*name).into(), graceful: false },
            ["restart", name] => Command::Restart { application: (*name).into() },
            ["drain", milliseconds, max_calls] => Command::DrainedSwitchover {
                pair: "sip".into(),
                drain_ms: milliseconds.parse().unwrap(),
                max_calls: max_calls.parse().unwrap(),
            },
            ["pause"] => Command::Pause { pair: "sip".into() },
            ["resume"] => Command::Resume { pair: "sip".into() },
            ["test", name] => Command::TestAlarm { condition: (*name).into() },
            ["switchover-of", name] => Command::Switchover { pair: (*name).into() },
            _ => panic!("{words:?} is not a command"),
        };
        let request = self.next_request();
        self.inbox.push_back(Input::Operator { request, operator: "eve".into(), command });
    }

    pub(super) fn next_request(&mut self) -> RequestId {
        self.last_request += 1;
        RequestId(self.last_request)
    }

    /// Hands over one input as it is.
    pub(super) fn feed(&mut self, input: Input) {
        self.inbox.push_back(input);
        self.pump();
    }

    /// The reaction that was begun last.
    pub(super) fn last_run(&self) -> RunId {
        self.runs.last().expect("a reaction hangs").run
    }

    pub(super) fn config(&self) -> Arc<Config> {
        self.control.config.clone()
    }

    pub(super) fn agent(&mut self, host: &str) -> &mut Agent {
        self.agents.get_mut(&HostName::from(host)).unwrap()
    }

    fn link(&mut self, host: &HostName) {
        let agent = self.agents.get_mut(host).unwrap();
        agent.linked = true;
        agent.manner = Manner::Obedient;
        let hello = Hello {
            protocol: PROTOCOL,
            version: "0.1.0".into(),
            host: host.clone(),
            session: 1,
            applications: agent.applications.values().cloned().collect(),
            vips: agent.vips.values().cloned().collect(),
            newest_report: ReportSequence(agent.reports),
        };
        let message = AgentMessage::Hello(hello);
        self.inbox.push_back(Input::Received { host: host.clone(), message });
    }

    fn cut(&mut self, host: &HostName) {
        let agent = self.agents.get_mut(host).unwrap();
        agent.linked = false;
        agent.open.clear();
        self.inbox.push_back(Input::LinkEnded { host: host.clone(), end: LinkEnd::Closed });
    }

    /// The status of an application changes; its agent tells where it is linked.
    fn change(&mut self, name: &str, status: Status, cause: StatusCause) {
        let host = HostName::from(if name == "sip-1" { "h1" } else { "h2" });
        let agent = self.agents.get_mut(&host).unwrap();
        agent.last_pid += u32::from(status == Status::StartTransition);
        let pid = agent.last_pid;
        let state = agent.applications.get_mut(&ApplicationName::from(name)).unwrap();
        (state.status, state.cause) = (status, cause);
        state.pid = (status != Status::Stopped).then_some(pid);
        let state = state.clone();
        if agent.linked && agent.manner != Manner::Silent {
            let message = AgentMessage::Application(state);
            self.inbox.push_back(Input::Received { host, message });
        }
    }

    fn tell_vip(&mut self, host: &str, change: impl FnOnce(&mut VipState)) {
        let agent = self.agent(host);
        let state = agent.vips.get_mut(&VipName::from("sip-vip")).unwrap();
        change(state);
        let (state, linked) = (state.clone(), agent.linked && agent.manner != Manner::Silent);
        if linked {
            let message = AgentMessage::Vip(state);
            self.inbox.push_back(Input::Received { host: host.into(), message });
        }
    }

    /// Hands over what has come in, and does what comes out, until nothing moves.
    pub(super) fn pump(&mut self) {
        loop {
            while let Some(output) = self.control.poll() {
                self.outputs.push((self.now, output.clone()));
                self.write_down(&output);
                self.carry_out(output);
            }
            let Some(input) = self.inbox.pop_front() else { break };
            let now = now_at(self.now);
            self.inputs.push((now, input.clone()));
            self.control.handle(now, input);
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Send { host, message } => self.told(&host, message),
            Output::CloseLink { host, .. } => {
                if let Some(agent) = self.agents.get_mut(&host) {
                    agent.linked = false;
                    agent.open.clear();
                }
            }
            Output::RunReaction(run) if self.reactions_hang => self.runs.push(run),
            Output::RunReaction(run) => self.call_for(run),
            Output::AnswerComponent { request, result } => {
                if let Some(run) = self.calls.remove(&request) {
                    let result = result.map(said).map_err(ReactionFault::Fault);
                    self.inbox.push_back(Input::ReactionEnded { run, result });
                }
            }
            _ => {}
        }
    }

    /// Does what the component `reaction-vip` does.
    fn call_for(&mut self, run: ReactionRun) {
        let setting = |name: &str| run.settings[name].as_str().unwrap().to_owned();
        let (vip, application) =
            (setting("vip").as_str().into(), setting("application").as_str().into());
        let call = match setting("action").as_str() {
            "enable" => ManagementCall::EnableVip { vip, application },
            _ => ManagementCall::DisableVip { vip, application },
        };
        let request = self.next_request();
        self.calls.insert(request, run.run);
        self.inbox.push_back(Input::Component { request, run: run.run, call });
    }

    fn told(&mut self, host: &HostName, message: ControlMessage) {
        let Some(agent) = self.agents.get_mut(host).filter(|agent| agent.linked) else { return };
        match (message, agent.manner) {
            (ControlMessage::Welcome { spec, .. } | ControlMessage::Configure(spec), _) => {
                for application in spec.applications {
                    agent.know(&application.name);
                }
                for vip in spec.vips {
                    let state = agent.vips.entry(vip.name.clone());
                    let state = state.or_insert_with(|| absent(&vip.name)).clone();
                    let message = AgentMessage::Vip(state);
                    self.inbox.push_back(Input::Received { host: host.clone(), message });
                }
            }
            (ControlMessage::Order { order, task: Task::Vip { .. } }, Manner::Clumsy)
            | (ControlMessage::Order { order, .. }, Manner::Contrary) => {
                let result = Err(Fault::Failed("it says no".into()));
                let message = AgentMessage::Done { order, result };
                self.inbox.push_back(Input::Received { host: host.clone(), message });
            }
            (ControlMessage::Order { order, task }, Manner::Obedient | Manner::Clumsy) => {
                self.obey(host, order, task);
            }
            (ControlMessage::Order { order, task }, Manner::Deaf) => agent.open.push((order, task)),
            _ => {}
        }
    }

    fn obey(&mut self, host: &HostName, order: OrderId, task: Task) {
        let Some(agent) = self.agents.get_mut(host) else { return };
        let mut messages = agent.carry_out(&task);
        messages.push(AgentMessage::Done { order, result: Ok(()) });
        for message in messages {
            self.inbox.push_back(Input::Received { host: host.clone(), message });
        }
    }

    fn write_down(&mut self, output: &Output) {
        let line = match output {
            Output::Send { message: ControlMessage::Heartbeat, .. } => return,
            Output::Send { host, message } => format!("{host} <- {}", message_in_short(message)),
            Output::CloseLink { host, reason } => format!("{host} <- closed: {reason}"),
            Output::RunReaction(run) => format!("run {}", run.reaction),
            Output::AnswerOperator { request, result } => match result {
                Ok(answer) => format!("operator {request}: {answer:?}"),
                Err(refusal) => format!("operator {request}: refused, {refusal}"),
            },
            Output::AnswerComponent { result, .. } => match result {
                Ok(_) => return,
                Err(fault) => format!("component: {fault}"),
            },
            Output::Record(recorded) => {
                let event = &recorded.event;
                // The history of alarms is tested where it is made.
                if event.id.family == 90 && (4000..5000).contains(&event.id.number) {
                    return;
                }
                let about = event.application.as_ref().map(|name| name.as_str());
                format!("{} {}: {}", event.id, about.unwrap_or("-"), event.text)
            }
            Output::Explain(step) if self.show_steps => format!(
                "why {} term {} +{}: {}",
                step.switchover,
                step.term,
                step.after.as_secs_f64(),
                step.sentence
            ),
            Output::Explain(_) => return,
            Output::Changed(change) if self.show_views => view_in_short(change),
            Output::Changed(_) => return,
            Output::ReportsStored { host, stored } => format!("{host} stored up to {stored}"),
        };
        let at = self.now.since(Instant(0)).as_secs_f64();
        writeln!(self.story, "{at:.3} {line}").unwrap();
    }
}

impl Agent {
    fn new() -> Self {
        Self {
            linked: false,
            manner: Manner::Obedient,
            applications: BTreeMap::new(),
            vips: BTreeMap::new(),
            last_pid: 100,
            reports: 0,
            open: Vec::new(),
        }
    }

    fn know(&mut self, name: &ApplicationName) {
        self.applications.entry(name.clone()).or_insert_with(|| ApplicationState {
            name: name.clone(),
            status: Status::Stopped,
            cause: StatusCause::Reported,
            run_mode: None,
            pid: None,
            says: None,
        });
    }

    pub(super) fn holds(&self) -> bool {
        self.vips.values().any(|state| state.present == Verdict::Good)
    }

    fn carry_out(&mut self, task: &Task) -> Vec<AgentMessage> {
        match task {
            Task::SetRunMode { application, run_mode, term, .. } => {
                if let Some(state) = self.applications.get_mut(application) {
                    state.run_mode = Some((*run_mode, *term));
                }
                Vec::new()
            }
            Task::Start { application } => {
                self.know(application);
                self.last_pid += 1;
                let pid = self.last_pid;
                self.changes(application, &[Status::StartTransition, Status::Running], Some(pid))
            }
            Task::Stop { application, .. } => {
                self.changes(application, &[Status::StopTransition, Status::Stopped], None)
            }
            Task::Drain { application, max_calls, .. } => {
                let calls = Calls { established: *max_calls, ringing: 0, lost: 0 };
                vec![AgentMessage::Calls { application: application.clone(), calls }]
            }
            Task::EndDrain { .. } => Vec::new(),
            Task::Vip { vip, action, term, .. } => {
                let state = self.vips.entry(vip.clone()).or_insert_with(|| absent(vip));
                state.term = *term;
                state.present = match action {
                    VipAction::Up => Verdict::Good,
                    VipAction::Down => Verdict::Bad("deleted".into()),
                };
                vec![AgentMessage::Vip(state.clone())]
            }
        }
    }

    fn changes(
        &mut self,
        name: &ApplicationName,
        statuses: &[Status],
        pid: Option<u32>,
    ) -> Vec<AgentMessage> {
        let Some(state) = self.applications.get_mut(name) else { return Vec::new() };
        let tell = |status: &Status| {
            (state.status, state.cause) = (*status, StatusCause::Ordered);
            state.pid = pid;
            AgentMessage::Application(state.clone())
        };
        statuses.iter().map(tell).collect()
    }
}

fn absent(vip: &VipName) -> VipState {
    VipState {
        name: vip.clone(),
        present: Verdict::Bad("not here".into()),
        term: Term::default(),
        network: Verdict::Unknown("no references".into()),
    }
}

fn said(_: ManagementAnswer) -> Arc<str> {
    "done".into()
}

pub(super) fn now_at(instant: Instant) -> Now {
    Now { instant, at: Timestamp(1_000_000 + instant.0 / 1_000_000) }
}

fn message_in_short(message: &ControlMessage) -> String {
    match message {
        ControlMessage::Welcome { stored, spec } => format!(
            "welcome, {} applications, {} addresses, stored {stored}",
            spec.applications.len(),
            spec.vips.len()
        ),
        ControlMessage::Configure(spec) => format!(
            "configure, {} applications, {} addresses",
            spec.applications.len(),
            spec.vips.len()
        ),
        ControlMessage::Heartbeat => "heartbeat".into(),
        ControlMessage::Stored(stored) => format!("stored {stored}"),
        ControlMessage::Order { task, .. } => match task {
            Task::SetRunMode { application, run_mode, term, .. } => {
                format!("{application} {run_mode:?}, term {term}")
            }
            Task::Start { application } => format!("start {application}"),
            Task::Stop { application, .. } => format!("stop {application}"),
            Task::Drain { application, max_calls, time_left_ms, .. } => {
                format!("drain {application} to {max_calls} calls, {time_left_ms} ms")
            }
            Task::EndDrain { application } => format!("end drain of {application}"),
            Task::Vip { vip, action, term, release, time_left_ms } => {
                let release =
                    if *action == VipAction::Up { format!(", {release:?}") } else { "".into() };
                format!("{vip} {action:?}, term {term}{release}, {time_left_ms} ms")
            }
        },
        ControlMessage::Suspect { vip } => format!("suspect {vip}"),
        ControlMessage::Announce { vip } => format!("announce {vip}"),
        ControlMessage::Keep { application, .. } => format!("kept for {application}"),
        ControlMessage::Refused(reason) => format!("refused: {reason}"),
    }
}

fn view_in_short(change: &Change) -> String {
    match change {
        Change::Host(host) => format!("host {} {:?}", host.name, host.status),
        Change::Application(view) => {
            format!("application {} {:?} {:?}", view.name, view.status, view.run_mode)
        }
        Change::Pair(pair) => format!("pair {} term {}: {}", pair.name, pair.term, pair.state),
        Change::Vip(vip) => format!("vip {} {:?}", vip.name, vip.presence),
        Change::Alarm(alarm) => format!("alarm {} {}", alarm.id, alarm.condition),
    }
}

/// Runs `before` unseen, then `script`, and compares what was written down.
#[track_caller]
pub(super) fn check(before: &str, script: &str, expected: Expect) {
    check_with("", before, script, expected);
}

/// Likewise with more configuration.
#[track_caller]
pub(super) fn check_with(more: &str, before: &str, script: &str, expected: Expect) {
    let mut bench = Bench::new(config(more));
    bench.run(before);
    bench.story.clear();
    bench.run(script);
    expected.assert_eq(&bench.story);
}
