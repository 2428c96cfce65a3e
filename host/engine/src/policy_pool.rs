//! Forwarding policies, kept warm: a stack of instances that are lent to one call at a time and run
//! on the thread that asks.
//!
//! ```text
//!   decide -> warm instance, the one used last -> clean: back on the stack
//!       |                                      -> anything else, or its time has come: dropped,
//!       |                                         and replaced in the background
//!       +---> all lent: a one-shot instance, within bounds
//!       +---> beyond: saturated, at once
//! ```
//!
//! # Invariants
//! - An instance is off the stack while it is called, and is put back only after a clean end with
//!   an answer within its bounds.
//! - A policy can not wait: one that wants to, and it can only want to sleep, is ended there. The
//!   caller's thread is held by computation alone, and that ends at the deadline, give or take a
//!   tick of the epoch. A call needs no stack of its own; see `at_once`.
//! - The threads that call this carry SIP messages. Threads that carry run modes or heartbeats must
//!   not: see decision 0007.

mod counters;
mod lent;
mod settings;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use futures_util::FutureExt as _;
use takeover_logic::component::sip::{ForwardingCall, ForwardingDecision};
use takeover_logic::limits::FORWARDING_CALL_BYTES_MAX;
use takeover_logic::link::Fault;
use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::timeout_at;

pub use counters::PoolCounts;
pub use settings::PoolSettings;

use crate::at_once::WAITS;
use crate::backoff::Backoff;
use crate::bindings::policy::ForwardingPolicyPre;
use crate::instance::{Task, without_instance};
use crate::interfaces::{PolicySide, State};
use crate::lasting::{Instance, Recipe};
use crate::limits::POOL_START_TIMEOUT;
use crate::outcome::{Ended, Outcome};
use counters::Counters;
use lent::{Lent, Policy};

/// A linked policy.
pub(crate) type Component = ForwardingPolicyPre<State<PolicySide>>;

/// The warm instances of one policy with one set of settings.
#[derive(Debug)]
pub struct PolicyPool {
    shared: Arc<Shared>,
    _refill: Task<()>,
}

/// What callers and the refilling task share.
pub(crate) struct Shared {
    recipe: Recipe,
    component: Component,
    settings: PoolSettings,
    runtime: Handle,
    /// Interfaces of the system that deal in time look for a runtime; any will do.
    asks_for_time: bool,
    /// Last in, first out: the instance whose memory is still in the caches.
    warm: Mutex<Vec<Policy>>,
    /// One-shot instances under way.
    one_shots: AtomicUsize,
    /// Instances that are to be replaced.
    missing: AtomicUsize,
    missed: Notify,
    counters: Counters,
    _slots: OwnedSemaphorePermit,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("plugin", &self.recipe.plugin).finish_non_exhaustive()
    }
}

const PANICKED: &str = "the host function that it called panicked";

impl PolicyPool {
    /// Makes a pool and fills it; every instance must succeed in `init` before `deadline`.
    pub(crate) fn start(
        shared: Arc<Shared>,
        deadline: Instant,
    ) -> impl Future<Output = Result<Self, Ended<()>>> + Send + use<> {
        let runtime = shared.runtime.clone();
        let filling = Task::spawn(&runtime, async move {
            for _ in 0..shared.settings.warm {
                shared.put(Policy::new(shared.make::<()>(deadline).await?));
            }
            Ok::<_, Ended<()>>(shared)
        });
        async move {
            let gone = || Err(Ended::Trap("the engine was stopped".to_owned()));
            let shared = filling.end().await.unwrap_or_else(gone)?;
            let refill = Task::spawn(&runtime, refill(Arc::clone(&shared)));
            Ok(Self { shared, _refill: refill })
        }
    }

    /// Asks the policy, here and now, on this thread. Ends within the configured deadline, give or
    /// take a tick of the epoch (10 ms).
    pub fn decide(&self, call: &ForwardingCall) -> Outcome<ForwardingDecision> {
        let outcome = self.ask(call);
        self.shared.counters.count(&outcome);
        outcome
    }

    fn ask(&self, call: &ForwardingCall) -> Outcome<ForwardingDecision> {
        let began = Instant::now();
        let size = call.size_bytes();
        if size > FORWARDING_CALL_BYTES_MAX {
            let text = format!("call of {size} bytes, at most {FORWARDING_CALL_BYTES_MAX}");
            return without_instance(Ended::Fault(Fault::Invalid(text.into())), began);
        }
        let _runtime = self.shared.asks_for_time.then(|| self.shared.runtime.enter());
        let deadline = began + self.shared.settings.deadline;
        let lent = match Lent::of(&self.shared, deadline) {
            Ok(lent) => lent,
            Err(ended) => return without_instance(ended, began),
        };
        lent.decide(call, began, deadline)
    }

    /// Calls, how they ended, and their time, since the pool was started.
    pub fn counts(&self) -> PoolCounts {
        self.shared.counters.now()
    }

    /// Instances that are free at this moment.
    pub fn free(&self) -> usize {
        self.shared.stack().len()
    }

    /// The name of the policy.
    pub fn plugin(&self) -> &str {
        &self.shared.recipe.plugin.manifest.name
    }
}

impl Shared {
    pub(crate) fn new(
        recipe: Recipe,
        component: Component,
        settings: PoolSettings,
        runtime: Handle,
        slots: OwnedSemaphorePermit,
    ) -> Self {
        recipe.rooms.pulse.allow(settings.deadline);
        Self {
            warm: Mutex::new(Vec::with_capacity(settings.warm)),
            asks_for_time: recipe.plugin.imports.iter().any(|name| name.starts_with("wasi:clocks")),
            recipe,
            component,
            settings,
            runtime,
            one_shots: AtomicUsize::new(0),
            missing: AtomicUsize::new(0),
            missed: Notify::new(),
            counters: Counters::default(),
            _slots: slots,
        }
    }

    fn stack(&self) -> MutexGuard<'_, Vec<Policy>> {
        self.warm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, policy: Policy) {
        self.stack().push(policy);
    }

    /// An instance of the pool is gone; another one is to take its place.
    fn lost_one(&self) {
        self.missing.fetch_add(1, Ordering::AcqRel);
        self.missed.notify_one();
    }

    /// Makes an instance on the guests' own threads.
    async fn make<T>(&self, deadline: Instant) -> Result<Instance<Component>, Ended<T>> {
        let made = Instance::make(&self.recipe, &self.component, deadline, false);
        match AssertUnwindSafe(timeout_at(deadline.into(), made)).catch_unwind().await {
            Ok(Ok(made)) => made,
            Ok(Err(_elapsed)) => Err(Ended::Deadline),
            Err(_panic) => Err(Ended::Trap(PANICKED.to_owned())),
        }
    }

    /// Makes an instance here and now.
    fn make_in_place<T>(&self, deadline: Instant) -> Result<Instance<Component>, Ended<T>> {
        let make = || {
            Instance::make(&self.recipe, &self.component, deadline, true)
                .now_or_never()
                .unwrap_or_else(|| Err(Ended::Trap(WAITS.to_owned())))
        };
        catch_unwind(AssertUnwindSafe(make))
            .unwrap_or_else(|_panic| Err(Ended::Trap(PANICKED.to_owned())))
    }
}

/// Replaces what went missing, until the pool is dropped, which ends this task. An instance that
/// can not be made is tried again after a while; until then the pool is smaller.
async fn refill(shared: Arc<Shared>) {
    let mut backoff = Backoff::new(shared.settings.seed);
    loop {
        if shared.missing.load(Ordering::Acquire) == 0 {
            shared.missed.notified().await;
            continue;
        }
        match shared.make::<()>(Instant::now() + POOL_START_TIMEOUT).await {
            Ok(instance) => {
                backoff.started(Instant::now());
                shared.put(Policy::new(instance));
                shared.missing.fetch_sub(1, Ordering::AcqRel);
                shared.counters.replaced();
            }
            Err(ended) => {
                let now = Instant::now();
                let wait = backoff.failed(now).saturating_duration_since(now);
                let plugin = &shared.recipe.plugin.manifest.name;
                tracing::warn!(%plugin, ?wait, "no new instance of the policy: {ended}");
                tokio::time::sleep(wait).await;
            }
        }
    }
}
