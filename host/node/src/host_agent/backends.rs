//! Runs VIP backends in the sandbox and carries their calls into the decision loop and back.
//!
//! Must not know what a call does: the loop decides, a run only waits for its answer.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use sha2::{Digest, Sha256};
use takeover_engine::Call;
use takeover_engine::host::{HostAnswer, LogLine, VipHost};
use takeover_engine::outcome::{Ended, Outcome};
use takeover_engine::package::Settings;
use takeover_logic::component::{AddressAnswer, AddressCall, VipOrder};
use takeover_logic::host_agent::io::{BackendRun, Input};
use takeover_logic::ids::{BackendRunId, InputDigest, PluginName, RequestId, VipName};
use takeover_logic::limits::PLUGINS_TOLD_MAX;
use takeover_logic::link::{Fault, VipAction};
use takeover_logic::log_event::Level;
use takeover_logic::plugin::report::PluginView;
use tokio::sync::{mpsc, oneshot};

use super::Event;
use crate::limits::PLUGINS_TOLD_INTERVAL;
use crate::plugins::{
    Compared, NotCallable, Plugins, Recording, Rehearsal, Replay, Ticket, Transcript, ended_words,
};

/// What the calls of an order are written down as.
type Record = Transcript<AddressCall, AddressAnswer>;

/// The components that a host agent can run.
pub struct Backends {
    plugins: Arc<Plugins>,
    /// The agent reports what happens to them.
    reports: bool,
}

impl Backends {
    /// Runs them from these plugins, whose events somebody else keeps.
    pub fn new(plugins: Arc<Plugins>) -> Self {
        Self { plugins, reports: false }
    }

    /// Runs them from these plugins, and tells the control server what happens to them.
    pub fn reporting(plugins: Arc<Plugins>) -> Self {
        Self { plugins, reports: true }
    }

    /// Brings the events of the plugins into the decision loop. The steps of loading stay on this
    /// host: a report is kept on disk until the control server has it.
    pub(super) fn report_to(&self, loop_: mpsc::Sender<Event>) {
        if !self.reports {
            return;
        }
        tokio::spawn(tell_plugins(Arc::clone(&self.plugins), loop_.clone()));
        let mut events = self.plugins.events();
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                let input = Event::Input(Input::Event(event.clone()));
                if event.level < Level::Trace && loop_.send(input).await.is_err() {
                    return; // the agent is stopping
                }
            }
        });
    }

    /// Runs a backend; ends it when the returned future is dropped.
    pub(super) fn run(
        &self,
        run: BackendRun,
        deadline: Instant,
        calls: &Arc<Calls>,
    ) -> impl Future<Output = Result<(), Fault>> + Send + use<> {
        let backend = run.backend.clone();
        let input = fingerprint(&run);
        let ticket = self.plugins.begin(backend.as_str(), input);
        let started = ticket.map(|ticket| self.start(ticket, run, deadline, calls));
        let plugins = Arc::clone(&self.plugins);
        async move {
            let Started { ticket, outcome, repeat } = match started {
                Ok(started) => started,
                Err(refusal) => return Err(refused(&backend, &refusal)),
            };
            let outcome = outcome.await;
            tracing::debug!(
                %backend, took = ?outcome.took, in_host = ?outcome.in_host,
                "backend ended: {}", outcome.ended
            );
            let rehearsal = ticket.rehearsal();
            ticket.end(&outcome);
            if let (Some(rehearsal), Some(repeat)) = (rehearsal, repeat) {
                tokio::spawn(repeat.run(plugins, rehearsal, outcome.clone()));
            }
            match outcome.ended {
                Ended::Ok(()) => Ok(()),
                Ended::Fault(fault) => Err(fault),
                Ended::Deadline => Err(Fault::TimedOut),
                ended => Err(Fault::Failed(format!("plugin {backend} {ended}").into())),
            }
        }
    }

    /// Begins an order on the version that the ticket names.
    fn start(
        &self,
        ticket: Ticket,
        run: BackendRun,
        deadline: Instant,
        calls: &Arc<Calls>,
    ) -> Started<impl Future<Output = Outcome<()>> + Send + use<>> {
        let BackendRun { vip, run, backend, settings, action, order, .. } = run;
        let settings = self.plugins.settings_of(&ticket, &format!("virtual IP {vip}"), settings);
        let host = RunHost { vip, run, backend, calls: calls.clone() };
        let record = ticket.is_shadowed().then(|| Arc::new(Record::default()));
        let host: Arc<dyn VipHost> = match &record {
            Some(record) => Arc::new(Recording { host, transcript: Arc::clone(record) }),
            None => Arc::new(host),
        };
        let call = Call { plugin: ticket.plugin(), settings: &settings, deadline };
        let outcome = self.plugins.engine().move_vip(call, action, order.clone(), host);
        let repeat = record.map(|record| Repeat { settings, action, order, record });
        Started { ticket, outcome, repeat }
    }
}

/// Tells the decision loop of the plugins, at the start and whenever something about them changed.
async fn tell_plugins(plugins: Arc<Plugins>, loop_: mpsc::Sender<Event>) {
    let mut told = Vec::new();
    loop {
        let views = plugins.views().into_iter().take(PLUGINS_TOLD_MAX);
        let views: Vec<PluginView> = views.map(PluginView::bounded).collect();
        if views != told {
            told.clone_from(&views);
            if loop_.send(Event::Input(Input::Plugins(views))).await.is_err() {
                return; // the agent is stopping
            }
        }
        tokio::time::sleep(PLUGINS_TOLD_INTERVAL).await;
    }
}

/// An order under way.
struct Started<F> {
    ticket: Ticket,
    outcome: F,
    repeat: Option<Repeat>,
}

/// An order to be repeated on the version in shadow, with the answers that the version in use was
/// given.
struct Repeat {
    settings: Settings,
    action: VipAction,
    order: VipOrder,
    record: Arc<Record>,
}

impl Repeat {
    async fn run(self, plugins: Arc<Plugins>, rehearsal: Rehearsal, active: Outcome<()>) {
        let Repeat { settings, action, order, record } = self;
        let replay = Arc::new(Replay::new(Arc::clone(&record)));
        let deadline = Instant::now() + crate::limits::PLUGIN_TRIAL_TIMEOUT;
        let call = Call { plugin: rehearsal.plugin(), settings: &settings, deadline };
        let host = Arc::clone(&replay) as Arc<dyn VipHost>;
        let shadow = plugins.engine().rehearse_move_vip(call, action, order, host).await;
        let (active, shadow) = (ended_words(&active.ended), ended_words(&shadow.ended));
        rehearsal.end(Compared::new((&active, &record), (&shadow, &replay)));
    }
}

/// A fingerprint of what a backend is told, without what differs each time.
fn fingerprint(run: &BackendRun) -> InputDigest {
    let binding = &run.order.binding;
    let text = format!("{:?} {:?} {:?} {:?}", run.vip, run.settings, run.action, binding);
    let digest = Sha256::digest(text);
    InputDigest(digest.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte)))
}

/// A call that was not made, in the words of the order.
fn refused(backend: &PluginName, refusal: &NotCallable) -> Fault {
    match refusal {
        NotCallable::Unknown(_) => {
            Fault::NotFound(format!("plugin {backend} is not loaded on this host").into())
        }
        refused => Fault::Unavailable(refused.to_string().into()),
    }
}

/// Calls that wait for the decision loop.
pub(super) struct Calls {
    last: AtomicU64,
    waiting: Mutex<BTreeMap<RequestId, Waiting>>,
    events: mpsc::Sender<Event>,
}

struct Waiting {
    run: BackendRunId,
    answer: oneshot::Sender<Result<AddressAnswer, Fault>>,
}

impl Calls {
    pub(super) fn new(events: mpsc::Sender<Event>) -> Self {
        Self { last: AtomicU64::new(0), waiting: Mutex::default(), events }
    }

    /// Answers a call; one that nobody waits for any more is dropped.
    pub(super) fn answer(&self, request: RequestId, result: Result<AddressAnswer, Fault>) {
        if let Some(waiting) = self.waiting().remove(&request) {
            let _ = waiting.answer.send(result);
        }
    }

    /// Forgets the calls of a run that is over.
    pub(super) fn forget(&self, run: BackendRunId) {
        self.waiting().retain(|_, waiting| waiting.run != run);
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<RequestId, Waiting>> {
        // The map is whole after every operation, also after one that panicked.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(
        &self,
        vip: VipName,
        run: BackendRunId,
        call: AddressCall,
    ) -> Result<AddressAnswer, Fault> {
        let (answer, answered) = oneshot::channel();
        let request = RequestId(self.last.fetch_add(1, Ordering::Relaxed));
        self.waiting().insert(request, Waiting { run, answer });
        let input = Input::BackendCall { vip, run, request, call };
        let over = || Fault::Unavailable("the order is over".into());
        if self.events.send(Event::Input(input)).await.is_err() {
            return Err(over());
        }
        answered.await.unwrap_or_else(|_| Err(over()))
    }
}

/// What one run may use.
struct RunHost {
    vip: VipName,
    run: BackendRunId,
    backend: PluginName,
    calls: Arc<Calls>,
}

impl VipHost for RunHost {
    fn address(&self, call: AddressCall) -> HostAnswer<'_, AddressAnswer> {
        Box::pin(self.calls.ask(self.vip.clone(), self.run, call))
    }

    fn log(&self, line: LogLine) {
        let (vip, plugin, text) = (&self.vip, &self.backend, &line.text);
        let details: Vec<String> =
            line.attributes.iter().map(|at| format!("{}={}", at.name, at.value)).collect();
        let details = details.join(" ");
        match line.level {
            Level::Alarm => tracing::error!(%vip, %plugin, %details, "{text}"),
            Level::Standard | Level::Interaction => {
                tracing::info!(%vip, %plugin, %details, "{text}");
            }
            Level::Trace => tracing::debug!(%vip, %plugin, %details, "{text}"),
            Level::Debug => tracing::trace!(%vip, %plugin, %details, "{text}"),
        }
    }
}
