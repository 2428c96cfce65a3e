//! A host agent that follows a script: every order succeeds at once.

use std::collections::BTreeMap;
use std::time::Duration;

use takeover_logic::catalog::{self, About};
use takeover_logic::channel::Calls;
use takeover_logic::ids::{ApplicationName, ReportSequence, Term, VipName};
use takeover_logic::keep::{Keep, Kept};
use takeover_logic::link::{
    AgentMessage, ApplicationState, ControlMessage, Exit, Hello, HostSpec, PROTOCOL, Report,
    Status, StatusCause, Task, Verdict, VipAction, VipState,
};
use takeover_logic::plugin::report::PluginView;
use takeover_logic::time::Timestamp;
use tokio::sync::mpsc;

use crate::link::client::{ClientSettings, connect};
use crate::link::{AgentLink, LinkEvent, LinkSender};
use crate::pki::TlsFiles;
use crate::tls;

const WAIT: Duration = Duration::from_secs(20);
const HEARTBEAT: Duration = Duration::from_millis(50);

/// What a test tells it.
enum Cue {
    Die(ApplicationName),
    Start(ApplicationName),
    Report(ReportSequence, String),
    MoveTo(String),
    Plugins(Vec<PluginView>),
    Keep(ApplicationName, Keep),
}

/// What it heard that tests wait for.
enum Heard {
    Stored(u64),
    Refused(String),
    Kept(ApplicationName, Kept),
}

/// The handle of a scripted agent; dropping it ends the agent.
pub(crate) struct ScriptedAgent {
    cues: mpsc::UnboundedSender<Cue>,
    heard: mpsc::UnboundedReceiver<Heard>,
}

impl ScriptedAgent {
    pub(crate) fn start(host: &str, address: String, files: &TlsFiles) -> Self {
        let (cues, script) = mpsc::unbounded_channel();
        let (telling, heard) = mpsc::unbounded_channel();
        let settings = ClientSettings {
            host: host.into(),
            addresses: vec![address],
            tls: tls::client(files).unwrap(),
        };
        let agent = Agent {
            link: connect(settings.clone()),
            settings,
            sender: None,
            applications: BTreeMap::new(),
            vips: BTreeMap::new(),
            reports: vec![],
            telling,
        };
        tokio::spawn(agent.run(script));
        Self { cues, heard }
    }

    fn cue(&self, cue: Cue) {
        assert!(self.cues.send(cue).is_ok(), "the agent has ended");
    }

    /// The process of an application ends by SIGKILL.
    /// Tells of its plugins.
    pub(crate) fn plugins(&self, plugins: Vec<PluginView>) {
        self.cues.send(Cue::Plugins(plugins)).unwrap();
    }

    pub(crate) fn die(&self, application: &str) {
        self.cue(Cue::Die(application.into()));
    }

    /// An application is running again.
    pub(crate) fn start_application(&self, application: &str) {
        self.cue(Cue::Start(application.into()));
    }

    /// Reports an event with this text.
    pub(crate) fn report(&self, sequence: u64, text: &str) {
        self.cue(Cue::Report(ReportSequence(sequence), text.to_owned()));
    }

    /// Links to another address; what runs keeps running.
    pub(crate) async fn move_to(self, address: String) -> Self {
        self.cue(Cue::MoveTo(address));
        self
    }

    /// The next acknowledgement.
    pub(crate) async fn stored(&mut self) -> u64 {
        loop {
            if let Heard::Stored(stored) = self.hear().await {
                return stored;
            }
        }
    }

    /// Why the control server refused it.
    pub(crate) async fn refused(&mut self) -> String {
        loop {
            if let Heard::Refused(reason) = self.hear().await {
                return reason;
            }
        }
    }

    /// A program says this to the store of its pair.
    pub(crate) fn keep(&self, application: &str, keep: Keep) {
        self.cue(Cue::Keep(application.into(), keep));
    }

    /// The next word of the store of its pair to a program.
    pub(crate) async fn kept(&mut self, application: &str) -> Kept {
        loop {
            match self.hear().await {
                Heard::Kept(to, kept) if to.as_str() == application => return kept,
                _ => {}
            }
        }
    }

    async fn hear(&mut self) -> Heard {
        let heard = tokio::time::timeout(WAIT, self.heard.recv()).await;
        heard.expect("heard in time").expect("the agent is there")
    }
}

struct Agent {
    settings: ClientSettings,
    link: AgentLink,
    sender: Option<LinkSender<AgentMessage>>,
    applications: BTreeMap<ApplicationName, ApplicationState>,
    vips: BTreeMap<VipName, VipState>,
    /// Told again after every `Welcome`, as far as they are not stored.
    reports: Vec<(ReportSequence, Report)>,
    telling: mpsc::UnboundedSender<Heard>,
}

impl Agent {
    async fn run(mut self, mut script: mpsc::UnboundedReceiver<Cue>) {
        let mut beat = tokio::time::interval(HEARTBEAT);
        loop {
            tokio::select! {
                cue = script.recv() => match cue {
                    Some(cue) => self.follow(cue),
                    None => return,
                },
                event = self.link.next() => match event {
                    Some(LinkEvent::Linked(sender)) => {
                        self.sender = Some(sender);
                        self.hello();
                    }
                    Some(LinkEvent::Message(message)) => self.message(message),
                    Some(LinkEvent::Ended { .. }) => self.sender = None,
                    None => return,
                },
                _ = beat.tick() => self.tell(AgentMessage::Heartbeat),
            }
        }
    }

    fn tell(&self, message: AgentMessage) {
        if let Some(sender) = &self.sender {
            let _ = sender.send(message); // the link's end comes as an event
        }
    }

    fn hello(&self) {
        self.tell(AgentMessage::Hello(Hello {
            protocol: PROTOCOL,
            version: "scripted".into(),
            host: self.settings.host.clone(),
            session: 1,
            applications: self.applications.values().cloned().collect(),
            vips: self.vips.values().cloned().collect(),
            newest_report: self.reports.last().map_or(ReportSequence(0), |(newest, _)| *newest),
        }));
    }

    fn follow(&mut self, cue: Cue) {
        match cue {
            Cue::Keep(application, keep) => self.tell(AgentMessage::Keep { application, keep }),
            Cue::Plugins(plugins) => self.tell(AgentMessage::Plugins { plugins }),
            Cue::Die(name) => self.application(&name, |state| {
                state.status = Status::Stopped;
                state.cause = StatusCause::Died(Exit::Signal(9));
                state.pid = None;
                state.run_mode = None;
            }),
            Cue::Start(name) => self.application(&name, |state| {
                state.status = Status::Running;
                state.cause = StatusCause::Restarted;
                state.pid = Some(101);
            }),
            Cue::Report(sequence, text) => {
                let about = About::host(Timestamp(1), &self.settings.host);
                let mut event = catalog::control_started(&about, &"report");
                event.text = text.as_str().into();
                self.reports.push((sequence, Report::Event(event)));
                self.report_after(ReportSequence(sequence.0 - 1));
            }
            Cue::MoveTo(address) => {
                self.settings.addresses = vec![address];
                self.sender = None;
                self.link = connect(self.settings.clone());
            }
        }
    }

    fn message(&mut self, message: ControlMessage) {
        match message {
            ControlMessage::Configure(spec) => self.learn(spec),
            ControlMessage::Welcome { spec, stored } => {
                self.learn(spec);
                self.report_after(stored);
            }
            ControlMessage::Order { order, task } => {
                self.obey(task);
                self.tell(AgentMessage::Done { order, result: Ok(()) });
            }
            ControlMessage::Stored(stored) => {
                let _ = self.telling.send(Heard::Stored(stored.0)); // the test may be over
            }
            ControlMessage::Refused(reason) => {
                let _ = self.telling.send(Heard::Refused(reason.to_string())); // likewise
            }
            ControlMessage::Keep { application, kept } => {
                let _ = self.telling.send(Heard::Kept(application, kept)); // likewise
            }
            ControlMessage::Heartbeat
            | ControlMessage::Suspect { .. }
            | ControlMessage::Announce { .. } => {}
        }
    }

    fn report_after(&self, stored: ReportSequence) {
        for (sequence, report) in self.reports.iter().filter(|(sequence, _)| *sequence > stored) {
            let (sequence, report) = (*sequence, report.clone());
            self.tell(AgentMessage::Report { sequence, report });
        }
    }

    fn learn(&mut self, spec: HostSpec) {
        for application in spec.applications {
            let state = ApplicationState {
                name: application.name.clone(),
                status: Status::Stopped,
                cause: StatusCause::Ordered,
                run_mode: None,
                pid: None,
                says: None,
            };
            let state = self.applications.entry(application.name).or_insert(state).clone();
            self.tell(AgentMessage::Application(state));
        }
        for vip in spec.vips {
            let state = VipState {
                name: vip.name.clone(),
                present: Verdict::Bad("absent".into()),
                term: Term(0),
                network: Verdict::Good,
            };
            let state = self.vips.entry(vip.name).or_insert(state).clone();
            self.tell(AgentMessage::Vip(state));
        }
    }

    fn obey(&mut self, task: Task) {
        match task {
            Task::SetRunMode { application, run_mode, term, .. } => {
                self.application(&application, |state| state.run_mode = Some((run_mode, term)));
            }
            Task::Start { application } => self.application(&application, |state| {
                state.status = Status::Running;
                state.cause = StatusCause::Ordered;
                state.pid = Some(100);
            }),
            Task::Stop { application, .. } => self.application(&application, |state| {
                state.status = Status::Stopped;
                state.cause = StatusCause::Ordered;
                state.pid = None;
                state.run_mode = None;
            }),
            Task::Drain { application, max_calls, .. } => {
                let calls = Calls { established: max_calls, ringing: 0, lost: 0 };
                self.tell(AgentMessage::Calls { application, calls });
            }
            Task::EndDrain { .. } => {}
            Task::Vip { vip, action, term, .. } => {
                let state = self.vips.get_mut(&vip).expect("a VIP of the spec");
                state.present = match action {
                    VipAction::Up => Verdict::Good,
                    VipAction::Down => Verdict::Bad("absent".into()),
                };
                state.term = term;
                let state = state.clone();
                self.tell(AgentMessage::Vip(state));
            }
        }
    }

    fn application(&mut self, name: &ApplicationName, change: impl FnOnce(&mut ApplicationState)) {
        let state = self.applications.get_mut(name).expect("an application of the spec");
        change(state);
        let state = state.clone();
        self.tell(AgentMessage::Application(state));
    }
}
