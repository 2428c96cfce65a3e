//! The loop of the control server: take an input, hand it to the machines, carry out what they
//! want, and again.
//!
//! It has a thread of its own, with the links on it and nothing else: no guest code, no disk, no
//! HTTP. It never waits for anything but the next input.
//!
//! ```text
//!     links ------\                                 /-> links        at once
//!     API --------+-> Input -> Control -> Output --+--> sandbox      at once
//!     sandbox ----+                                 +-> streams      at once, events when durable
//!     deadline ---/                                 \-> journal      answers when durable
//! ```
//!
//! What is acknowledged is durable: an answer to an operator and `Stored` to an agent wait for the
//! commit of everything before them; orders do not. Reading order: `effects` (each
//! output), `record` (what waits for the journal), `links`, `reactions`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use takeover_logic::catalog::{self, About};
use takeover_logic::config::model::Config;
use takeover_logic::control::Control;
use takeover_logic::control::io::Input;
use takeover_logic::control::saved::Saved;
use takeover_logic::ids::{EventSequence, RequestId};
use takeover_logic::keep::store::Speaker;
use takeover_logic::link::{AgentMessage, ControlMessage};
use takeover_logic::log_event::LogEvent;
use takeover_logic::time::Now;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::effects::{Asker, Promise};
use super::keeper::{FromKeeper, Keeper};
use super::links::Links;
use super::reactions::{FromReaction, Reactions};
use super::record::{Outcome, Recorder};
use super::shared::{Ask, NewConfiguration, NewLink, Shared};
use crate::api::types::OverviewBody;
use crate::clock::Clock;
use crate::journal::{ConfigurationText, JournalNews, Row};
use crate::limits::{BURST_MAX, TICK_INTERVAL_MIN};
use crate::link::{LinkNews, server};

/// Everything that the loop listens to.
pub(super) struct Sources {
    pub(super) links: mpsc::Receiver<LinkNews>,
    pub(super) asks: mpsc::Receiver<Ask>,
    pub(super) reactions: mpsc::Receiver<FromReaction>,
    pub(super) keeper: mpsc::Receiver<FromKeeper>,
    pub(super) journal: mpsc::Receiver<JournalNews>,
    pub(super) stop: watch::Receiver<bool>,
}

/// One reason to wake up.
enum Wake {
    Link(LinkNews),
    Ask(Ask),
    Reaction(FromReaction),
    Keeper(FromKeeper),
    Journal(JournalNews),
    /// A deadline of the machines or of the journal may be due.
    Due,
    Stop,
}

/// The loop and what it owns.
pub(super) struct Drive {
    pub(super) control: Control,
    config: Arc<Config>,
    pub(super) clock: Clock,
    pub(super) recorder: Recorder<Saved, Promise>,
    pub(super) reactions: Reactions,
    keeper: Keeper,
    pub(super) shared: Arc<Shared>,
    pub(super) links: Links,
    /// Where the tasks of new links report.
    link_news: mpsc::Sender<LinkNews>,
    link_numbers: Arc<AtomicU64>,
    pub(super) askers: BTreeMap<RequestId, Asker>,
    next_request: RequestId,
    /// Newest event on the streams.
    pub(super) published: EventSequence,
    /// The last overview, until something changes.
    pub(super) overview: Option<Arc<OverviewBody>>,
    /// The machines' deadlines are not served before this.
    next_tick: Instant,
}

/// What a new loop begins with, besides what it owns for good.
pub(super) struct Parts {
    pub(super) control: Control,
    pub(super) config: Arc<Config>,
    pub(super) clock: Clock,
    pub(super) recorder: Recorder<Saved, Promise>,
    pub(super) reactions: Reactions,
    pub(super) keeper: Keeper,
    pub(super) shared: Arc<Shared>,
    pub(super) link_news: mpsc::Sender<LinkNews>,
    pub(super) link_numbers: Arc<AtomicU64>,
    pub(super) newest: EventSequence,
}

impl Drive {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { control, config, clock, recorder, reactions, keeper, shared, .. } = parts;
        Self {
            control,
            config,
            clock,
            recorder,
            reactions,
            keeper,
            shared,
            links: Links::default(),
            link_news: parts.link_news,
            link_numbers: parts.link_numbers,
            askers: BTreeMap::new(),
            next_request: RequestId::default(),
            published: parts.newest,
            overview: None,
            next_tick: Instant::now(),
        }
    }

    /// What is told before the first input: which configuration, and what the shell found.
    pub(super) fn begin(&mut self, text: ConfigurationText, now: Now, events: Vec<LogEvent>) {
        self.recorder.row(Row::Configured(now, text));
        self.recorder.hurry();
        for event in events {
            self.event(event);
        }
    }

    /// Where links of this process report.
    pub(super) fn link_news(&self) -> mpsc::Sender<LinkNews> {
        self.link_news.clone()
    }

    /// The next free number of a link.
    pub(super) fn link_numbers(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.link_numbers)
    }

    /// Runs until told to stop, then waits until the journal has everything, if it can have it.
    pub(super) async fn run(mut self, mut sources: Sources) {
        self.drain();
        loop {
            let mut wake = Some(self.wait(&mut sources).await);
            let mut left = BURST_MAX;
            while let Some(reason) = wake {
                if matches!(reason, Wake::Stop) {
                    return self.stop(&mut sources).await;
                }
                self.take(reason);
                left -= 1;
                wake = if left == 0 { None } else { sources.ready() };
            }
            self.tick();
            // The orders just given leave before the state is copied for the journal.
            tokio::task::yield_now().await;
            self.recorder.flush(|| self.control.save());
            self.shared.figures.journal_waiting(self.recorder.waiting());
        }
    }

    async fn wait(&self, sources: &mut Sources) -> Wake {
        let deadline = self.control.deadline().map(|at| self.clock.to_std(at).into());
        let deadline = deadline.map(|at: Instant| at.max(self.next_tick));
        let commit = self.recorder.due_in().map(|left| Instant::now() + left);
        let due = [deadline, commit].into_iter().flatten().min();
        let sleep = async {
            match due {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(news) = sources.links.recv() => Wake::Link(news),
            Some(from) = sources.reactions.recv() => Wake::Reaction(from),
            () = sleep => Wake::Due,
            Some(news) = sources.journal.recv() => Wake::Journal(news),
            Some(from) = sources.keeper.recv() => Wake::Keeper(from),
            Some(ask) = sources.asks.recv() => Wake::Ask(ask),
            _ = sources.stop.wait_for(|stop| *stop) => Wake::Stop,
        }
    }

    fn take(&mut self, wake: Wake) {
        match wake {
            Wake::Link(news) => {
                for input in self.links.take(news, |host| self.config.hosts.contains_key(host)) {
                    if let Some(input) = self.told(input) {
                        self.handle(input);
                    }
                }
            }
            Wake::Reaction(from) => self.reaction(from),
            Wake::Keeper(from) => self.keeper_says(from),
            Wake::Journal(news) => self.journal(news),
            Wake::Ask(ask) => self.ask(ask),
            Wake::Due | Wake::Stop => {}
        }
    }

    /// Serves the machines' deadline if it is due.
    fn tick(&mut self) {
        let due = self.control.deadline().is_some_and(|at| at <= self.clock.instant());
        if due && self.next_tick <= Instant::now() {
            self.handle(Input::Tick);
            self.next_tick = Instant::now() + TICK_INTERVAL_MIN;
        }
    }

    /// What agents tell of their plugins is shown; to the machines it is a sign of life. What is to
    /// be kept goes to the keeper.
    fn told(&self, input: Input) -> Option<Input> {
        match input {
            Input::Received { host, message: AgentMessage::Plugins { plugins } } => {
                self.shared.told_plugins.tell(&host, plugins);
                Some(Input::Received { host, message: AgentMessage::Heartbeat })
            }
            Input::Received { host, message: AgentMessage::Keep { application, keep } } => {
                if let Some((pair, primary)) = self.control.place_of(&host, &application) {
                    self.keeper.said(pair, Speaker { application, host, primary }, keep);
                }
                None
            }
            Input::LinkEnded { host, end } => {
                self.shared.told_plugins.forget(&host);
                self.keeper.host_gone(&host);
                Some(Input::LinkEnded { host, end })
            }
            other => Some(other),
        }
    }

    fn keeper_says(&mut self, from: FromKeeper) {
        match from {
            FromKeeper::Tell(application, kept) => {
                let host = self.config.applications.get(&application).map(|it| it.host.clone());
                if let Some(host) = host {
                    self.links.send(&host, ControlMessage::Keep { application, kept });
                }
            }
            FromKeeper::Event(event) => self.event(*event),
        }
    }

    /// One input, and everything that the machines want because of it.
    fn handle(&mut self, input: Input) {
        let now = self.clock.now();
        let sign_of_life = match &input {
            Input::Tick => true,
            Input::Received { message, .. } => *message == AgentMessage::Heartbeat,
            _ => false,
        };
        self.recorder.row(Row::Input(now, input.clone()));
        self.control.handle(now, input);
        self.shared.figures.input();
        if self.drain() || !sign_of_life {
            self.recorder.hurry();
        }
    }

    /// Carries out what the machines want; whether any of it is more than a heartbeat.
    fn drain(&mut self) -> bool {
        let mut matters = false;
        while let Some(output) = self.control.poll() {
            matters |= self.carry_out(output);
        }
        matters
    }

    fn ask(&mut self, ask: Ask) {
        match ask {
            Ask::Overview(reply) => {
                let _ = reply.send(self.overview()); // the asker may have gone
            }
            Ask::Application(name, reply) => {
                let detail = self.control.application(&name).map(Box::new);
                let _ = reply.send(detail); // the asker may have gone
            }
            Ask::Command { operator, command, decided, durable } => {
                let request = self.request(Asker::Operator { decided, durable });
                self.handle(Input::Operator { request, operator, command });
            }
            Ask::Event(event) => self.event(event),
            Ask::Reconfigure(new) => self.reconfigure(*new),
            Ask::Link(new) => self.link(*new),
        }
    }

    fn request(&mut self, asker: Asker) -> RequestId {
        self.next_request = self.next_request.next();
        self.askers.insert(self.next_request, asker);
        self.next_request
    }

    fn event(&mut self, event: LogEvent) {
        self.handle(Input::Event { event });
    }

    fn about_us(&self) -> About {
        About::control_server(self.clock.now().at)
    }

    /// Kept until something changes, because pages ask more often than that.
    fn overview(&mut self) -> Arc<OverviewBody> {
        let overview = self.overview.get_or_insert_with(|| {
            Arc::new(OverviewBody {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                at: self.clock.now().at,
                journal_sequence: self.published,
                overview: self.control.overview(),
            })
        });
        Arc::clone(overview)
    }

    fn reconfigure(&mut self, new: NewConfiguration) {
        let now = self.clock.now();
        self.config = new.config;
        self.recorder.row(Row::Configured(now, new.text));
        self.control.reconfigure(now, Arc::clone(&self.config));
        self.overview = None;
        self.drain();
        self.recorder.hurry();
        let summary = new.summary;
        self.event(catalog::configuration_reloaded(&self.about_us(), &summary));
    }

    /// From here on the connection is served on this thread.
    fn link(&mut self, new: NewLink) {
        let NewLink { mut stream, read, caller } = new;
        let link = self.link_numbers.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = stream.get_mut().0.move_here() {
            tracing::warn!(from = %caller.address, "link refused: {error}");
            return;
        }
        let news = self.link_news.clone();
        tokio::spawn(server::serve(stream, read, (caller, link), news));
    }

    fn reaction(&mut self, from: FromReaction) {
        match from {
            FromReaction::Call { run, call, answer } => {
                let request = self.request(Asker::Component(answer));
                self.handle(Input::Component { request, run, call });
            }
            FromReaction::Ended { run, result, broken, recorded } => {
                if let Some(recorded) = recorded {
                    self.recorder.row(Row::Run(recorded));
                }
                if let Some((plugin, why)) = broken {
                    self.event(catalog::plugin_ended(&self.about_us(), &plugin, &why));
                }
                self.handle(Input::ReactionEnded { run, result });
            }
        }
    }

    fn journal(&mut self, news: JournalNews) {
        match self.recorder.hear(news) {
            Outcome::Keep(promises) => self.keep(promises),
            Outcome::Back(promises, lost) => {
                self.shared.journal_failing.store(Arc::new(None));
                self.keep(promises);
                self.event(catalog::journal_write_back(&self.about_us(), &lost));
            }
            Outcome::Failing(reason) => {
                self.shared.journal_failing.store(Arc::new(Some(reason.clone())));
                self.event(catalog::journal_write_failed(&self.about_us(), &reason));
            }
        }
    }

    /// Nothing new is taken; what was decided and what is kept is written.
    async fn stop(mut self, sources: &mut Sources) {
        self.write_journal(sources).await;
        sources.keeper.close();
        self.keeper.end();
    }

    /// Waits until the journal has everything; one that can not be written does not hold up the
    /// stop.
    async fn write_journal(&mut self, sources: &mut Sources) {
        self.recorder.hurry();
        self.recorder.flush(|| self.control.save());
        while self.recorder.is_busy() && !self.recorder.is_failing() {
            let Some(news) = sources.journal.recv().await else { return };
            if let Outcome::Keep(promises) = self.recorder.hear(news) {
                self.keep(promises);
            }
            self.recorder.hurry();
            self.recorder.flush(|| self.control.save());
        }
    }
}

impl Sources {
    /// What is there without waiting, in the order of urgency.
    fn ready(&mut self) -> Option<Wake> {
        let link = self.links.try_recv().ok().map(Wake::Link);
        let reaction = || self.reactions.try_recv().ok().map(Wake::Reaction);
        let journal = || self.journal.try_recv().ok().map(Wake::Journal);
        let keeper = || self.keeper.try_recv().ok().map(Wake::Keeper);
        let ask = || self.asks.try_recv().ok().map(Wake::Ask);
        link.or_else(reaction).or_else(journal).or_else(keeper).or_else(ask)
    }
}
