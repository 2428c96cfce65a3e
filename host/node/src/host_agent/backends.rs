//! Runs VIP backends in the sandbox and carries their calls into the decision loop and back.
//!
//! Must not know what a call does: the loop decides, a run only waits for its answer.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use takeover_engine::host::{HostAnswer, LogLine, VipHost};
use takeover_engine::outcome::Ended;
use takeover_engine::{Call, Engine, Plugin};
use takeover_logic::component::{AddressAnswer, AddressCall};
use takeover_logic::host_agent::io::{BackendRun, Input};
use takeover_logic::ids::{BackendRunId, PluginName, RequestId, VipName};
use takeover_logic::link::Fault;
use takeover_logic::log_event::Level;
use tokio::sync::{mpsc, oneshot};

use super::Event;

/// The components that a host agent can run.
pub struct Backends {
    engine: Arc<Engine>,
    plugins: BTreeMap<PluginName, Arc<Plugin>>,
}

impl Backends {
    /// The loaded components, by the names of their folders.
    pub fn new(engine: Arc<Engine>, plugins: impl IntoIterator<Item = Arc<Plugin>>) -> Self {
        let plugins = plugins
            .into_iter()
            .map(|plugin| (PluginName::from(plugin.manifest.name.as_str()), plugin))
            .collect();
        Self { engine, plugins }
    }

    /// Runs a backend; ends it when the returned future is dropped.
    pub(super) fn run(
        &self,
        run: BackendRun,
        deadline: Instant,
        calls: &Arc<Calls>,
    ) -> impl Future<Output = Result<(), Fault>> + Send + use<> {
        let BackendRun { vip, run, backend, settings, action, order, .. } = run;
        let started = self.plugins.get(&backend).map(|plugin| {
            let host =
                Arc::new(RunHost { vip, run, backend: backend.clone(), calls: calls.clone() });
            let call = Call { plugin, settings: &settings, deadline };
            self.engine.move_vip(call, action, order, host)
        });
        async move {
            let Some(started) = started else {
                let text = format!("plugin {backend} is not loaded on this host");
                return Err(Fault::NotFound(text.into()));
            };
            let outcome = started.await;
            tracing::debug!(
                %backend, run = run.0, took = ?outcome.took, in_host = ?outcome.in_host,
                "backend ended: {}", outcome.ended
            );
            match outcome.ended {
                Ended::Ok(()) => Ok(()),
                Ended::Fault(fault) => Err(fault),
                Ended::Deadline => Err(Fault::TimedOut),
                ended => Err(Fault::Failed(format!("plugin {backend} {ended}").into())),
            }
        }
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
