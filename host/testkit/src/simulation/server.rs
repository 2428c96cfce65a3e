//! The control server: the real machine, the shell around it, and a journal that loses what was
//! not committed when the power goes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use takeover_logic::control::Control;
use takeover_logic::control::io::{
    Answer, Command, Input, LinkEnd, Output, ReactionRun, RecordedEvent, Refusal,
};
use takeover_logic::control::saved::Saved;
use takeover_logic::ids::{HostName, ReportSequence, RequestId};
use takeover_logic::link::{ControlMessage, Task};
use takeover_logic::log_event::LogEvent;

use super::clock::{Clock, MS, Time};
use super::network::{Freight, LinkId};
use super::world::{Event, World};

/// What is told only when everything before it is in the journal.
#[derive(Debug)]
enum Held {
    Answer(RequestId, Result<Answer, Refusal>),
    Stored(HostName, LinkId, ReportSequence),
}

/// The journal, and what waits for its next commit.
#[derive(Debug, Default)]
struct Journal {
    /// State and events as of the last commit, which a crash can not take away.
    committed: Option<Saved>,
    events: Vec<RecordedEvent>,
    pending: Vec<RecordedEvent>,
    held: Vec<Held>,
    is_dirty: bool,
    commit_is_due: bool,
}

/// A request that an operator made.
#[derive(Debug)]
struct Asked {
    command: Command,
    /// Which control server was asked, by count.
    life: u64,
    answers: u32,
    succeeded: bool,
}

/// The control server.
#[derive(Debug)]
pub(super) struct Server {
    clock: Clock,
    pub(super) control: Option<Control>,
    pub(super) life: u64,
    is_frozen: bool,
    inbox: VecDeque<Input>,
    wake_at: Option<Time>,
    idle_ticks: u32,
    journal: Journal,
    asked: BTreeMap<RequestId, Asked>,
    /// Every reaction that was ever run, by what it was run for.
    fired: BTreeSet<String>,
}

impl Server {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            control: None,
            life: 0,
            is_frozen: false,
            inbox: VecDeque::new(),
            wake_at: None,
            idle_ticks: 0,
            journal: Journal::default(),
            asked: BTreeMap::new(),
            fired: BTreeSet::new(),
        }
    }

    /// Whether its kernel accepts connections and somebody answers them.
    pub(super) fn is_listening(&self) -> bool {
        self.control.is_some() && !self.is_frozen
    }

    /// Every log event that is in the journal for good, in its order.
    pub(super) fn journal(&self) -> &[RecordedEvent] {
        &self.journal.events
    }

    /// Requests of operators that were not answered as they should have been.
    pub(super) fn unanswered(&self) -> Vec<String> {
        let is_wrong =
            |asked: &&Asked| asked.answers > 1 || (asked.answers == 0 && asked.life == self.life);
        let text =
            |asked: &Asked| format!("{:?} was answered {} times", asked.command, asked.answers);
        self.asked.values().filter(is_wrong).map(text).collect()
    }

    /// How many reactions were ever run.
    pub(super) fn fired(&self) -> usize {
        self.fired.len()
    }

    /// Whether a request succeeded.
    pub(super) fn succeeded(&self, request: RequestId) -> bool {
        self.asked.get(&request).is_some_and(|asked| asked.succeeded)
    }
}

impl World {
    /// Starts the control server, with what its journal holds.
    pub(super) fn start_control(&mut self) {
        if self.server.control.is_some() {
            return;
        }
        let now = self.server.clock.at(self.time);
        let config = self.config.clone();
        self.server.life += 1;
        let control = match self.server.journal.committed.clone() {
            Some(saved) => Control::restore(config, through_text(saved), now),
            None => Control::new(config, now),
        };
        self.tell(format!("control server {} started", self.server.life));
        self.server.control = Some(control);
        self.server.wake_at = None;
        self.server.inbox.clear();
        self.drain_control(true);
    }

    /// The control server is gone at once; its kernel closes the links.
    pub(super) fn kill_control(&mut self) {
        self.server.control = None;
        self.server.life += 1;
        self.server.is_frozen = false;
        self.server.inbox.clear();
        let journal = &mut self.server.journal;
        journal.pending.clear();
        journal.held.clear();
        (journal.is_dirty, journal.commit_is_due) = (false, false);
        self.reactions.clear();
        let hosts: Vec<HostName> = self.hosts.keys().cloned().collect();
        for host in &hosts {
            self.control_closes(host);
        }
    }

    /// SIGSTOP or SIGCONT.
    pub(super) fn freeze_control(&mut self, is_frozen: bool) {
        self.server.is_frozen = is_frozen;
        if is_frozen {
            return;
        }
        let waiting = std::mem::take(&mut self.server.inbox);
        // Whether the timer or the sockets are looked at first is chance.
        if self.rng.bool() {
            self.control_takes(Input::Tick);
        }
        for input in waiting {
            self.control_takes(input);
        }
        self.control_takes(Input::Tick);
    }

    /// Hands an input to the control server that lives now, a little later.
    pub(super) fn hand_control(&mut self, delay: Time, input: Input) {
        let life = self.server.life;
        self.after(delay, Event::ToControl(life, Box::new(input)));
    }

    /// An input reaches the control server, if it is still the same one.
    pub(super) fn control_receives(&mut self, life: u64, input: Input) {
        if self.server.life != life || self.server.control.is_none() {
            return;
        }
        if self.server.is_frozen {
            self.server.inbox.push_back(input);
        } else {
            self.control_takes(input);
        }
    }

    /// A deadline of the control server's is due.
    pub(super) fn control_wakes(&mut self, life: u64) {
        let is_due = self.server.wake_at.is_some_and(|at| at <= self.time);
        if self.server.life == life && is_due && !self.server.is_frozen {
            self.server.wake_at = None;
            self.control_takes(Input::Tick);
        }
    }

    /// An operator asks for something. Gives the request, if anybody is there to be asked.
    pub(super) fn ask(&mut self, command: Command) -> Option<RequestId> {
        self.server.control.as_ref()?;
        let request = self.new_request();
        self.tell(format!("operator asks ({request}): {command:?}"));
        let life = self.server.life;
        let asked = Asked { command: command.clone(), life, answers: 0, succeeded: false };
        self.server.asked.insert(request, asked);
        self.hand_control(0, Input::Operator { request, operator: "ann".into(), command });
        Some(request)
    }

    fn control_takes(&mut self, input: Input) {
        let now = self.server.clock.at(self.time);
        if let Some(control) = &mut self.server.control {
            control.handle(now, input);
        }
        self.drain_control(false);
    }

    /// Does what the control server wishes, and sleeps until its deadline.
    fn drain_control(&mut self, restored: bool) {
        while let Some(output) = self.server.control.as_mut().and_then(Control::poll) {
            if restored && matches!(output, Output::RunReaction(_)) {
                self.broke("a restart of the control server ran a reaction");
            }
            self.control_wishes(output);
        }
        if self.server.journal.is_dirty && !self.server.journal.commit_is_due {
            self.server.journal.commit_is_due = true;
            let delay = self.rng.u64(MS..self.hazards.commit_max);
            self.after(delay, Event::Commit(self.server.life));
        }
        let deadline = self.server.control.as_ref().and_then(Control::deadline);
        let Some(at) = deadline.map(|deadline| self.server.clock.when(deadline)) else { return };
        if self.server.wake_at.is_some_and(|earlier| earlier > self.time && earlier <= at) {
            return;
        }
        self.server.idle_ticks = if at <= self.time { self.server.idle_ticks + 1 } else { 0 };
        let at = at.max(self.time + 1_000) + self.rng.u64(0..self.hazards.timer_lateness);
        self.server.wake_at = Some(at);
        self.at(at, Event::ControlWakes(self.server.life));
        if self.server.idle_ticks > 1_000 {
            self.broke("the control server has a deadline that stays in the past");
        }
    }

    fn control_wishes(&mut self, output: Output) {
        match output {
            Output::Send { host, message } => self.control_sends(&host, message),
            Output::CloseLink { host, reason } => {
                self.tell(format!("control closes the link to {host}: {reason}"));
                self.control_closes(&host);
                self.hand_control(0, Input::LinkEnded { host, end: LinkEnd::Silent });
            }
            Output::RunReaction(run) => self.fire(run),
            Output::AnswerOperator { request, result } => {
                self.server.journal.held.push(Held::Answer(request, result));
                self.server.journal.is_dirty = true;
            }
            Output::AnswerComponent { request, result } => self.answer_reaction(request, result),
            Output::Record(recorded) => {
                self.tell(format!("{}", Spoken(&recorded.event)));
                self.server.journal.pending.push(recorded);
                self.server.journal.is_dirty = true;
            }
            Output::Explain(step) => {
                self.tell(format!("why {}: {}", step.switchover, step.sentence));
                self.server.journal.is_dirty = true;
            }
            Output::Changed(_) => self.server.journal.is_dirty = true,
            Output::ReportsStored { host, stored } => {
                let link = self.hosts.get(&host).and_then(|found| found.cable.at_control);
                if let Some(link) = link {
                    self.server.journal.held.push(Held::Stored(host, link, stored));
                }
                self.server.journal.is_dirty = true;
            }
        }
    }

    fn control_sends(&mut self, host: &HostName, message: ControlMessage) {
        if let ControlMessage::Order { order, task } = &message {
            self.tell(format!("order {order} to {host}: {task:?}"));
            if let Task::SetRunMode { application, pair, run_mode, term } = task {
                self.watch.ordered(application, pair, (*run_mode, *term));
                self.report_watch();
            }
        }
        let link = self.hosts.get(host).and_then(|found| found.cable.at_control);
        if let Some(link) = link {
            self.ship(host, link, Freight::Down(message));
        }
    }

    /// A reaction is run; never twice for the same event.
    fn fire(&mut self, run: ReactionRun) {
        let call = &run.call;
        let cause = format!(
            "{} of {} about {} ({:?}, test {}, event {} at {})",
            run.reaction,
            call.condition,
            call.application,
            call.phase,
            call.test,
            call.event.id,
            call.event.at
        );
        self.tell(format!("reaction {} runs: {cause}", run.run));
        if !self.server.fired.insert(cause.clone()) {
            self.broke(format!("reaction fired twice: {cause}"));
        }
        self.start_reaction(run);
    }

    /// What has happened so far is in the journal for good; what waited for that is told.
    pub(super) fn commit(&mut self, life: u64) {
        if self.server.life != life {
            return;
        }
        let journal = &mut self.server.journal;
        (journal.is_dirty, journal.commit_is_due) = (false, false);
        journal.committed = self.server.control.as_ref().map(Control::save);
        journal.events.append(&mut journal.pending);
        for held in std::mem::take(&mut self.server.journal.held) {
            match held {
                Held::Answer(request, result) => {
                    self.tell(format!("operator's request {request} answered: {result:?}"));
                    if let Some(asked) = self.server.asked.get_mut(&request) {
                        asked.answers += 1;
                        asked.succeeded = result.is_ok();
                    }
                }
                Held::Stored(host, link, stored) => {
                    let open = self.hosts.get(&host).and_then(|found| found.cable.at_control);
                    if open == Some(link) {
                        self.ship(&host, link, Freight::Down(ControlMessage::Stored(stored)));
                    }
                }
            }
        }
    }
}

/// State goes through the text that a journal keeps it as.
fn through_text(saved: Saved) -> Saved {
    let text = serde_json::to_string(&saved);
    text.ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(saved)
}

/// A log event within a story.
struct Spoken<'a>(&'a LogEvent);

impl std::fmt::Display for Spoken<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let about: Option<&str> = (self.0.application.as_ref().map(|name| name.as_str())).or(self
            .0
            .host
            .as_ref()
            .map(|name| name.as_str()));
        let about: Arc<str> = about.unwrap_or("control server").into();
        write!(f, "event {} ({about}) {}", self.0.id, self.0.text)
    }
}
