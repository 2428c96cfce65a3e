//! The life of one call: one task owns one store, from its making to its end. Components that live
//! longer than a call are in `resident` and `policy_pool`; they make their stores here.
//!
//! ```text
//!   gate -> room -> store -> instantiate -> init -> call -> answer
//!     |       |       |           |           |       |
//!     |       |       +-----------+-----------+-------+--> trap, limit, deadline: the store is
//!     |       |                                            dropped
//!     +-------+--> no room until the deadline, or too many wait: saturated
//! ```
//!
//! # Invariants
//! - A store in here serves one call. Whatever its end, nothing of it is used again: after a trap
//!   or a dropped call the engine itself would refuse to enter it.
//! - One absolute deadline ends the call, wherever it is. Guest code looks at it with every tick
//!   of the epoch; a host function that waits is dropped by the timer around the call.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use takeover_logic::component::{AlarmCall, VipBinding, VipOrder};
use takeover_logic::link::{Verdict, VipAction};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use wasmtime::{PoolConcurrencyLimitError, Store, Trap, UpdateDeadline};

use crate::aside;
use crate::bindings::reaction::{AlarmReaction, AlarmReactionPre};
use crate::bindings::types;
use crate::bindings::vip::{VipBackend, VipBackendPre};
use crate::convert;
use crate::interfaces::{ReactionSide, Side, State, VipSide};
use crate::limits::HOST_CALL_BYTES_MAX;
use crate::outcome::{Bound, Ended, Outcome};
use crate::ticker::Pulse;

/// What to do in a fresh store.
pub(crate) trait Entry: Send + 'static {
    /// The world's part of the state.
    type Side: Side;
    /// What the component answers.
    type Answer: Send + 'static;

    /// Instantiates, calls `init`, calls the function.
    fn enter(
        self,
        store: &mut Store<State<Self::Side>>,
    ) -> impl Future<Output = wasmtime::Result<Result<Self::Answer, types::Fault>>> + Send;
}

/// `reaction.react`.
pub(crate) struct React {
    pub(crate) component: AlarmReactionPre<State<ReactionSide>>,
    pub(crate) alarm: AlarmCall,
}

impl Entry for React {
    type Side = ReactionSide;
    type Answer = String;

    async fn enter(
        self,
        store: &mut Store<State<ReactionSide>>,
    ) -> wasmtime::Result<Result<String, types::Fault>> {
        let alarm = convert::alarm_to_guest(&self.alarm);
        let instance: AlarmReaction = self.component.instantiate_async(&mut *store).await?;
        if let Err(fault) = instance.takeover_plugin_lifecycle().call_init(&mut *store).await? {
            return Ok(Err(fault));
        }
        let text = instance.takeover_plugin_reaction().call_react(store, &alarm).await?;
        Ok(text.map(|text| convert::answer(&text)))
    }
}

/// `vip.up` and `vip.down`.
pub(crate) struct MoveVip {
    pub(crate) component: VipBackendPre<State<VipSide>>,
    pub(crate) action: VipAction,
    pub(crate) order: VipOrder,
}

impl Entry for MoveVip {
    type Side = VipSide;
    type Answer = ();

    async fn enter(
        self,
        store: &mut Store<State<VipSide>>,
    ) -> wasmtime::Result<Result<(), types::Fault>> {
        let instance: VipBackend = self.component.instantiate_async(&mut *store).await?;
        if let Err(fault) = instance.takeover_plugin_lifecycle().call_init(&mut *store).await? {
            return Ok(Err(fault));
        }
        let time_left = store.data().deadline.saturating_duration_since(Instant::now());
        let time_left_ms = u32::try_from(time_left.as_millis()).unwrap_or(u32::MAX);
        let order = convert::order_to_guest(&self.order, time_left_ms);
        let vip = instance.takeover_plugin_vip();
        match self.action {
            VipAction::Up => vip.call_up(store, &order).await,
            VipAction::Down => vip.call_down(store, &order).await,
        }
    }
}

/// `vip.probe`.
pub(crate) struct ProbeVip {
    pub(crate) component: VipBackendPre<State<VipSide>>,
    pub(crate) binding: VipBinding,
}

impl Entry for ProbeVip {
    type Side = VipSide;
    type Answer = Verdict;

    async fn enter(
        self,
        store: &mut Store<State<VipSide>>,
    ) -> wasmtime::Result<Result<Verdict, types::Fault>> {
        let instance: VipBackend = self.component.instantiate_async(&mut *store).await?;
        if let Err(fault) = instance.takeover_plugin_lifecycle().call_init(&mut *store).await? {
            return Ok(Err(fault));
        }
        let binding = convert::binding_to_guest(&self.binding);
        let presence = instance.takeover_plugin_vip().call_probe(store, &binding).await?;
        Ok(Ok(convert::verdict_from_guest(presence)))
    }
}

/// Runs one call to its end. Never returns later than a tick after the deadline.
pub(crate) async fn run<E: Entry>(
    engine: &wasmtime::Engine,
    room: &Semaphore,
    state: State<E::Side>,
    entry: E,
) -> Outcome<E::Answer> {
    let began = Instant::now();
    if began >= state.deadline {
        // A timer would still give the call its first turn.
        return without_instance(Ended::Deadline, began);
    }
    let deadline = tokio::time::Instant::from_std(state.deadline);
    let waiting = Waiting::begin(&state.waiting);
    let gate = Arc::clone(&state.gate);
    let _entered = match gate.enter(state.deadline).await {
        Ok(entered) => entered,
        Err(bound) => return without_instance(Ended::Saturated(bound), began),
    };
    let admitted = tokio::time::timeout_at(deadline, room.acquire()).await;
    drop(waiting);
    let Ok(Ok(_permit)) = admitted else {
        return without_instance(Ended::Saturated(Bound::Instances), began);
    };
    let made = Instant::now();
    let mut store = new_store(engine, state);
    let result = tokio::time::timeout_at(deadline, entry.enter(&mut store)).await;
    store.data_mut().report_dropped_lines();
    let host = store.data_mut().host_time.ended();
    let state = store.data();
    let ended = match result {
        Err(_elapsed) => Ended::Deadline,
        Ok(Ok(Ok(answer))) => Ended::Ok(answer),
        Ok(Ok(Err(fault))) => Ended::Fault(convert::fault_from_guest(fault)),
        Ok(Err(error)) => classify(&error, state),
    };
    let memory_bytes_max = state.limiter.memory_bytes();
    drop(store);
    Outcome {
        ended,
        took: began.elapsed(),
        instance: made.elapsed(),
        in_host: host.total,
        most_in: host.most,
        memory_bytes_max,
    }
}

/// A call that waits for room, counted for operators while it does.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn begin(calls: &'a AtomicU32) -> Self {
        calls.fetch_add(1, Ordering::Relaxed);
        Self(calls)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The outcome of a call for which no instance was made.
pub(crate) fn without_instance<T>(ended: Ended<T>, began: Instant) -> Outcome<T> {
    let zero = Duration::ZERO;
    Outcome {
        ended,
        took: began.elapsed(),
        instance: zero,
        in_host: zero,
        most_in: None,
        memory_bytes_max: 0,
    }
}

/// Raised inside guest code when its deadline has passed.
#[derive(Debug, thiserror::Error)]
#[error("deadline passed")]
struct DeadlinePassed;

/// A store that looks at its deadline with every tick.
pub(crate) fn new_store<S: Side>(engine: &wasmtime::Engine, state: State<S>) -> Store<State<S>> {
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.limiter);
    store.set_hostcall_fuel(HOST_CALL_BYTES_MAX);
    store.set_epoch_deadline(1);
    // The deadline is compared, ticks are not counted: on a loaded machine a count of ticks was
    // measured to drift by more than a second. Between the looks the guest gives way, and it does
    // so through tokio: the engine's own way of yielding starves timers of the same worker.
    store.epoch_deadline_callback(|store| {
        let now = Instant::now();
        if now >= store.data().deadline {
            return Err(wasmtime::Error::new(DeadlinePassed));
        }
        if store.data().in_place {
            return Ok(UpdateDeadline::Continue(1));
        }
        aside::computing(now);
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
    });
    store
}

/// What an error of the engine means.
pub(crate) fn classify<S: Side, T>(error: &wasmtime::Error, state: &State<S>) -> Ended<T> {
    if error.is::<DeadlinePassed>() {
        return Ended::Deadline;
    }
    if let Some(refused) = state.limiter.refused() {
        return Ended::Limit(refused.to_owned());
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return Ended::Saturated(Bound::Instances);
    }
    let trap = error.downcast_ref::<Trap>().map(ToString::to_string);
    let text = trap.unwrap_or_else(|| error.root_cause().to_string());
    // These two have no public type; the texts are pinned by tests against the real engine.
    if text.contains("fuel allocated for hostcalls") {
        return Ended::Limit(format!("more than {HOST_CALL_BYTES_MAX} bytes in one host call"));
    }
    if text.starts_with("resource limit exceeded") {
        return Ended::Limit(text);
    }
    let text = text.trim_start_matches("wasm trap: ").to_owned();
    let last_words = state.last_words();
    let said = if last_words.is_empty() { text } else { format!("{text} ({last_words})") };
    Ended::Trap(convert::answer(&said))
}

/// A task that ends when nobody waits for it any more.
#[derive(Debug)]
pub(crate) struct Task<T>(tokio::task::JoinHandle<T>);

impl<T: Send + 'static> Task<T> {
    pub(crate) fn spawn(
        runtime: &tokio::runtime::Handle,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Self {
        Self(runtime.spawn(work))
    }

    /// Waits for its end. None: it panicked, or its runtime is gone.
    pub(crate) async fn end(mut self) -> Option<T> {
        (&mut self.0).await.ok()
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Everything that the calls of one engine share.
pub(crate) struct Rooms {
    pub(crate) engine: wasmtime::Engine,
    /// What runs.
    pub(crate) pulse: Pulse,
    /// Where calls go on that compute for long.
    pub(crate) patient: Handle,
    /// How many there are.
    pub(crate) patients: aside::Patients,
    /// Which plugins do so.
    pub(crate) habits: aside::Habits,
    pub(crate) reactions: Semaphore,
    pub(crate) vip_calls: Semaphore,
    /// Monitors that live; each holds one for its life.
    pub(crate) residents: Arc<Semaphore>,
    /// Instances that pools of policies may have; each pool holds its share for its life.
    pub(crate) policy_instances: Arc<Semaphore>,
}

impl Rooms {
    pub(crate) fn reactions(&self) -> &Semaphore {
        &self.reactions
    }

    pub(crate) fn vip_calls(&self) -> &Semaphore {
        &self.vip_calls
    }
}

/// Which of the rooms a call uses.
pub(crate) type RoomOf = fn(&Rooms) -> &Semaphore;

/// Spawns a call on the guests' own runtime and waits for it there; see [`aside`].
pub(crate) fn spawn<E: Entry>(
    runtime: &tokio::runtime::Handle,
    rooms: &Arc<Rooms>,
    room: RoomOf,
    (state, entry): (State<E::Side>, E),
) -> impl Future<Output = Outcome<E::Answer>> + Send + use<E> {
    let began = Instant::now();
    let rooms = Arc::clone(rooms);
    let task = Task::spawn(runtime, async move {
        let (shared, manifest) = (Arc::clone(&rooms), Arc::clone(&state.manifest));
        let call = async move { run(&rooms.engine, room(&rooms), state, entry).await };
        let habit = (&shared.habits, manifest.name.as_str());
        let _beat = shared.pulse.guest();
        aside::run(Box::pin(call), (&shared.patient, &shared.patients), habit).await
    });
    async move {
        match task.end().await.flatten() {
            Some(outcome) => Outcome { took: began.elapsed(), ..outcome },
            None => {
                let text = "the host function that it called panicked, or the engine was stopped";
                without_instance(Ended::Trap(text.to_owned()), began)
            }
        }
    }
}
