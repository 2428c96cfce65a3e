//! The plugins of a process: what lies in their folder, which version of each is called, and how
//! another one takes its place while calls go on.
//!
//! The deciding is [`takeover_logic::plugin`], one machine for each plugin; here is what it wants
//! done. Reading order: this file (how to use it), `slot` (one plugin), `keeper` (the thread that
//! looks at the folder and the time), `scan`, `steps` (the loading of a version), `store` (what
//! outlives the process), `ticket` (one call), `rehearsal` (versions that run beside the one in
//! use), `standing` (plugins whose instances outlive a call), `counters`, `views`.
//!
//! ```text
//!   folder --notify, every 5 s--> keeper --sights, ticks--> Lifecycle --steps--> tasks
//!                                                            |    ^               |
//!   call --begin--> Ticket <--------- version to call -------+    +----- done ----+
//!            end -----------------------------------------------^
//! ```
//!
//! Where things are: copies of versions that are in use or were, and what was decided about them,
//! in the folder `plugins` beside the journal (host agent: in its state folder), because the
//! folder that operators copy to need not be writable for this process.

mod counters;
mod held;
mod keeper;
mod rehearsal;
mod scan;
mod slot;
mod slow;
mod standing;
mod steps;
mod store;
#[cfg(test)]
mod tests;
mod ticket;
mod views;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use takeover_engine::package::{CodeCache, Effect, Setting, Settings};
use takeover_engine::{Engine, Kind, Plugin};
use takeover_logic::catalog::About;
use takeover_logic::ids::{HostName, InputDigest};
use takeover_logic::log_event::{Level, LogEvent};
use takeover_logic::plugin::io::{Action, Input, Refusal};
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};

pub(crate) use rehearsal::{Compared, Recording, Replay, Transcript, ended_words};
pub use standing::{Lasting, Standing, StandingMonitor, StandingPolicy};
pub(crate) use ticket::Rehearsal;
pub use ticket::Ticket;

use self::keeper::Waker;
use self::slot::Slot;
use self::store::Store;
use crate::clock::{self, Clock};
use crate::limits::{PLUGIN_EVENTS_MAX, PLUGIN_LOAD_TIMEOUT, SLOW_CALL_DEFAULT_MS};

/// Where plugins are.
#[derive(Clone, Debug)]
pub struct PluginFolders {
    /// Where operators put them.
    pub plugins: PathBuf,
    /// Where operators answer what they ask for; it need not exist.
    pub grants: PathBuf,
    /// Where operators put text policies; it need not exist.
    pub policies: PathBuf,
    /// What this process keeps about them. Made where missing, for nobody else.
    pub state: PathBuf,
    /// Those that this process runs; what else is in the folder is another process's.
    pub kinds: Vec<Kind>,
}

impl PluginFolders {
    /// A folder of plugins with `grants.d` and `policies.d` beside it, and what is kept about them.
    pub fn beside(plugins: PathBuf, state: PathBuf, kinds: &[Kind]) -> Self {
        let around = plugins.parent().unwrap_or(&plugins);
        let (grants, policies) = (around.join("grants.d"), around.join("policies.d"));
        Self { plugins, grants, policies, state, kinds: kinds.to_vec() }
    }

    /// The same with another folder of grants, where one is configured.
    #[must_use]
    pub fn granted_in(mut self, grants: Option<PathBuf>) -> Self {
        self.grants = grants.unwrap_or(self.grants);
        self
    }
}

/// Something that calls a plugin, with its settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Use {
    /// What it is, as in `reaction page-oncall`.
    pub what: Arc<str>,
    /// The component's settings.
    pub settings: Settings,
}

/// Everything that calls plugins, by the plugins' names.
pub type Uses = BTreeMap<Arc<str>, Vec<Use>>;

/// Why a call can not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCallable {
    /// There is no such plugin.
    #[error("plugin {0} is not loaded")]
    Unknown(Arc<str>),
    /// It is not to be called now.
    #[error("plugin {0}: {1}")]
    Refused(Arc<str>, Refusal),
    /// A version is in use, but its instances are not there: they are being made, or could not be.
    #[error("plugin {0}: its instances are not started")]
    NotStarted(Arc<str>),
}

/// Why an operator's order is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    /// There is no such plugin.
    #[error("there is no plugin {0}")]
    Unknown(String),
    /// It can not be done now.
    #[error("plugin {0}: {1}")]
    Refused(Arc<str>, Arc<str>),
}

/// The plugins of a process. Dropping it ends the watching; calls under way go on.
pub struct Plugins {
    engine: Arc<Engine>,
    folders: PluginFolders,
    store: Store,
    cache: Option<Arc<CodeCache>>,
    slots: RwLock<BTreeMap<Arc<str>, Arc<Slot>>>,
    uses: ArcSwap<Uses>,
    /// The host that events are about; none: the control server.
    host: Option<HostName>,
    clock: Clock,
    /// Steps run here.
    runtime: Handle,
    keeper: Arc<Waker>,
    /// Told after everything that may have changed whether plugins are being loaded.
    moved: Notify,
    events: Mutex<Events>,
    /// Longer calls are log events, in milliseconds.
    slow_call_ms: AtomicU64,
    /// The first loading is over.
    started: AtomicBool,
}

/// Log events on their way to whoever keeps them.
#[derive(Default)]
struct Events {
    listener: Option<mpsc::Sender<LogEvent>>,
    /// Before there is a listener.
    waiting: VecDeque<LogEvent>,
    dropped: u64,
}

impl Plugins {
    /// Watches a folder and loads what is in it; returns when everything in it was loaded or
    /// refused. `uses` is what the configuration calls them with. Must be called on a runtime with
    /// timers, where the loading goes on.
    ///
    /// # Errors
    /// There is no thread. Whatever is wrong with a plugin or a folder is an event.
    pub async fn start(
        engine: Arc<Engine>,
        folders: PluginFolders,
        host: Option<HostName>,
        uses: Uses,
    ) -> io::Result<Arc<Self>> {
        Self::start_with(engine, folders, (host, uses), Clock::new()).await
    }

    /// The same with a clock of the caller's.
    async fn start_with(
        engine: Arc<Engine>,
        folders: PluginFolders,
        (host, uses): (Option<HostName>, Uses),
        clock: Clock,
    ) -> io::Result<Arc<Self>> {
        let (keeper, woken) = Waker::new();
        let cache = CodeCache::open(&folders.state.join(".code"));
        let cache = cache
            .inspect_err(|error| tracing::warn!("machine code of plugins is not kept: {error}"))
            .ok()
            .map(Arc::new);
        let plugins = Arc::new(Self {
            engine,
            store: Store::open(&folders.state),
            cache,
            folders,
            slots: RwLock::default(),
            uses: ArcSwap::from_pointee(uses),
            host,
            clock,
            runtime: Handle::current(),
            keeper,
            moved: Notify::new(),
            events: Mutex::default(),
            slow_call_ms: AtomicU64::new(SLOW_CALL_DEFAULT_MS),
            started: AtomicBool::new(false),
        });
        plugins.recall();
        keeper::start(&plugins, woken)?;
        plugins.wait_until_loaded(PLUGIN_LOAD_TIMEOUT).await;
        plugins.started.store(true, Ordering::Release);
        Ok(plugins)
    }

    /// The engine that runs them.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// The version of a plugin that is in use.
    pub fn plugin(&self, name: &str) -> Option<Arc<Plugin>> {
        self.slot(name)?.active.load_full()
    }

    /// Lets a call in and chooses its version; `input` is a fingerprint of what it is called with.
    ///
    /// # Errors
    /// Why it must not be made now.
    pub fn begin(self: &Arc<Self>, name: &str, input: InputDigest) -> Result<Ticket, NotCallable> {
        let Some(slot) = self.slot(name) else { return Err(NotCallable::Unknown(name.into())) };
        Ticket::begin(Arc::clone(self), slot, input)
    }

    /// The settings to call a plugin with, given those written for one that calls it.
    pub(crate) fn settings_of(&self, ticket: &Ticket, what: &str, written: Settings) -> Settings {
        let plugin = ticket.plugin();
        let next_start = |setting: &Setting| setting.effect == Effect::NextStart;
        if !plugin.manifest.settings.values().any(next_start) {
            return written;
        }
        ticket.slot.lock().held.of(plugin, &what.into(), written)
    }

    /// Does what an operator asks for; a sentence that says what is done.
    ///
    /// # Errors
    /// Why not.
    pub fn operate(self: &Arc<Self>, name: &str, action: Action) -> Result<Arc<str>, NotDone> {
        let slot = self.slot(name).ok_or_else(|| NotDone::Unknown(name.to_owned()))?;
        let refused = |why| NotDone::Refused(Arc::clone(&slot.name), why);
        slot.with(self, |state, now| state.machine.operate(now, action)).map_err(refused)
    }

    /// Says what calls the plugins from now on.
    pub fn set_uses(self: &Arc<Self>, uses: Uses) {
        self.uses.store(Arc::new(uses));
        for slot in self.all() {
            self.tell_uses(&slot);
        }
    }

    /// Calls that take longer are log events from now on.
    pub fn set_slow_call(&self, longest: Duration) {
        let longest = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
        self.slow_call_ms.store(longest, Ordering::Relaxed);
    }

    fn is_slow(&self, took: Duration) -> bool {
        took.as_millis() >= self.slow_call_ms.load(Ordering::Relaxed).into()
    }

    /// What the operator granted has changed: versions that wait for it are looked at again.
    pub fn grants_changed(self: &Arc<Self>) {
        for slot in self.all() {
            slot.handle(self, Input::GrantsChanged);
        }
    }

    /// The events of the plugins, from the first one on; one listener, the last one that asked.
    pub fn events(&self) -> mpsc::Receiver<LogEvent> {
        let (listener, events) = mpsc::channel(PLUGIN_EVENTS_MAX);
        let mut waiting = self.lock_events();
        for event in std::mem::take(&mut waiting.waiting) {
            let _ = listener.try_send(event); // as many as may wait have room
        }
        waiting.listener = Some(listener);
        events
    }

    /// Looks at the folder now.
    pub fn look(&self) {
        self.keeper.look();
    }

    /// Waits until nothing is being loaded, or for so long.
    async fn wait_until_loaded(&self, longest: Duration) {
        let waited = async {
            loop {
                let mut moved = pin!(self.moved.notified());
                // From here on, so that nothing is missed between the look and the wait.
                moved.as_mut().enable();
                if self.is_loaded() {
                    return;
                }
                moved.await;
            }
        };
        if tokio::time::timeout(longest, waited).await.is_err() {
            tracing::warn!("plugins are still being loaded after {longest:?}; going on without");
        }
    }

    fn is_loaded(&self) -> bool {
        // In this order: what the first scan found is there once it is over.
        self.store.was_scanned() && self.all().iter().all(|slot| slot.is_idle())
    }

    /// Plugins of which an earlier process knows something.
    fn recall(self: &Arc<Self>) {
        for name in self.store.names() {
            self.slot_or_new(&name);
        }
    }

    fn slot(&self, name: &str) -> Option<Arc<Slot>> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner).get(name).map(Arc::clone)
    }

    fn slot_or_new(self: &Arc<Self>, name: &str) -> Arc<Slot> {
        if let Some(slot) = self.slot(name) {
            return slot;
        }
        let saved = self.store.saved(name);
        let slot = Arc::new(Slot::new(name.into(), saved, self.clock.instant()));
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        slots.insert(Arc::clone(&slot.name), Arc::clone(&slot));
        drop(slots);
        self.tell_uses(&slot);
        slot
    }

    fn all(&self) -> Vec<Arc<Slot>> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.values().map(Arc::clone).collect()
    }

    fn tell_uses(self: &Arc<Self>, slot: &Arc<Slot>) {
        let uses = self.uses.load();
        let names = uses.get(&slot.name).map(Vec::as_slice).unwrap_or_default();
        slot.lock().held.set(names);
        let names: Vec<&str> = names.iter().map(|it| &*it.what).collect();
        slot.handle(self, Input::UsedBy(names.join(", ").into()));
    }

    fn about(&self) -> About {
        match &self.host {
            Some(host) => About::host(clock::timestamp(), host),
            None => About::control_server(clock::timestamp()),
        }
    }

    fn tell(&self, event: LogEvent) {
        if event.level >= Level::Trace {
            tracing::debug!(id = %event.id, "{}", event.text);
            // The steps of every plugin at every start would bury the start.
            if !self.started.load(Ordering::Acquire) {
                return;
            }
        } else {
            tracing::info!(id = %event.id, "{}", event.text);
        }
        let mut events = self.lock_events();
        let refused = match &events.listener {
            Some(listener) => match listener.try_send(event) {
                Ok(()) => return,
                Err(mpsc::error::TrySendError::Closed(event)) => event,
                Err(mpsc::error::TrySendError::Full(_)) => {
                    events.dropped += 1;
                    let dropped = events.dropped;
                    tracing::warn!("{dropped} events of plugins were not kept");
                    return;
                }
            },
            None => event,
        };
        if events.waiting.len() == PLUGIN_EVENTS_MAX {
            events.waiting.pop_front();
            events.dropped += 1;
        }
        events.waiting.push_back(refused);
    }

    fn lock_events(&self) -> MutexGuard<'_, Events> {
        // The queue is whole after every operation, also after one that panicked.
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn plugins_folder(&self) -> &Path {
        &self.folders.plugins
    }
}

impl Drop for Plugins {
    /// What was decided last is written before the thread that writes could.
    fn drop(&mut self) {
        keeper::save(self);
        self.keeper.wake();
    }
}

impl fmt::Debug for Plugins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugins").field("folders", &self.folders).finish_non_exhaustive()
    }
}
