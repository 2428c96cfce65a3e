//! A SIP monitor that lives: one task owns one instance at a time for the life of a generation,
//! and calls it when the host's clock says so.
//!
//! ```text
//!   started -> idle -> assess -> idle ...
//!                        |
//!                        +--> trap, limit, deadline, nobody waits: the instance is dropped
//!                               -> waiting (200 ms, doubled to 30 s) -> started, with fresh state
//! ```
//!
//! # Invariants
//! - An instance is taken out before it is called, and put back only after a clean end. There is no
//!   way back for one that trapped, was ended or was left.
//! - A monitor that fails says nothing about the service: the verdict is unknown, never bad.
//! - Nothing runs between two calls, so a monitor that waits to be started again costs nothing.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use takeover_logic::component::sip::{MonitorAnswer, MonitorSample};
use takeover_logic::limits::MONITOR_DEVICES_MAX;
use takeover_logic::link::{Fault, Verdict};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::timeout_at;

use crate::backoff::Backoff;
use crate::bindings::monitor::SipMonitorPre;
use crate::convert::sip::{answer_from_guest, sample_to_guest};
use crate::instance::{Task, classify, without_instance};
use crate::interfaces::{MonitorSide, State};
use crate::lasting::{Instance, Recipe};
use crate::outcome::{Bound, Ended, Outcome};

/// A linked monitor.
pub(crate) type Monitor = SipMonitorPre<State<MonitorSide>>;

/// What came of one call of a monitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessed {
    /// What is to be believed: the monitor's own verdict, or unknown and why there is none.
    pub verdict: Verdict,
    /// How the call ended and what it cost. [`MonitorAnswer::next_in`] is in it; where there is no
    /// answer, the interval stays as it was.
    pub outcome: Outcome<MonitorAnswer>,
}

impl Assessed {
    fn new(outcome: Outcome<MonitorAnswer>) -> Self {
        let verdict = match &outcome.ended {
            Ended::Ok(answer) => answer.assessment.clone(),
            other => Verdict::Unknown(format!("the monitor gave no answer: {other}").into()),
        };
        Self { verdict, outcome }
    }

    fn without_instance(ended: Ended<MonitorAnswer>, began: Instant) -> Self {
        Self::new(without_instance(ended, began))
    }
}

/// What a resident did since it was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResidentCounts {
    /// Calls.
    pub calls: u64,
    /// Of those, without an answer.
    pub failed: u64,
    /// Instances made after the first.
    pub restarts: u64,
    /// Time of all calls together.
    pub time: Duration,
}

#[derive(Debug, Default)]
struct Counters {
    calls: AtomicU64,
    failed: AtomicU64,
    restarts: AtomicU64,
    time_ns: AtomicU64,
}

/// A monitor that was started. Dropping it ends its instance.
#[derive(Debug)]
pub struct Resident {
    requests: mpsc::Sender<Request>,
    counters: Arc<Counters>,
    _task: Task<()>,
}

#[derive(Debug)]
struct Request {
    sample: MonitorSample,
    deadline: Instant,
    answer: oneshot::Sender<Assessed>,
}

impl Resident {
    /// Starts a monitor: its first instance must succeed in `init` before `deadline`.
    pub(crate) fn start(
        runtime: &Handle,
        life: Life,
        deadline: Instant,
    ) -> impl Future<Output = Result<Self, Ended<()>>> + Send + use<> {
        let starting = Task::spawn(runtime, async move {
            let mut life = life;
            life.start::<()>(deadline).await.map(|()| life)
        });
        let runtime = runtime.clone();
        async move {
            let life = starting.end().await.unwrap_or_else(|| Err(Ended::Trap(GONE.to_owned())))?;
            let counters = Arc::clone(&life.counters);
            // One call at a time; the one that is under way is no longer in the queue.
            let (requests, receiver) = mpsc::channel(1);
            let task = Task::spawn(&runtime, live(life, receiver));
            Ok(Self { requests, counters, _task: task })
        }
    }

    /// Shows the monitor a sample. One call at a time: another one meanwhile is `Saturated` at
    /// once. A call that nobody waits for any more is ended, and its instance with it.
    ///
    /// `deadline`: 0.8 of the time until the next call is due, by the rule of the contract.
    pub fn assess(
        &self,
        sample: MonitorSample,
        deadline: Instant,
    ) -> impl Future<Output = Assessed> + Send + use<> {
        let began = Instant::now();
        let (answer, answered) = oneshot::channel();
        let accepted = self.requests.try_send(Request { sample, deadline, answer });
        async move {
            let ended = match accepted {
                Ok(()) => match answered.await {
                    Ok(assessed) => return assessed,
                    Err(_) => Ended::Trap(GONE.to_owned()),
                },
                Err(mpsc::error::TrySendError::Full(_)) => Ended::Saturated(Bound::Instances),
                Err(mpsc::error::TrySendError::Closed(_)) => Ended::Trap(GONE.to_owned()),
            };
            Assessed::without_instance(ended, began)
        }
    }

    /// What it did since it was started.
    pub fn counts(&self) -> ResidentCounts {
        let counters = &self.counters;
        ResidentCounts {
            calls: counters.calls.load(Ordering::Relaxed),
            failed: counters.failed.load(Ordering::Relaxed),
            restarts: counters.restarts.load(Ordering::Relaxed),
            time: Duration::from_nanos(counters.time_ns.load(Ordering::Relaxed)),
        }
    }
}

const GONE: &str = "the engine was stopped";
const PANICKED: &str = "the host function that it called panicked";

/// Serves requests until nobody can make any.
async fn live(mut life: Life, mut requests: mpsc::Receiver<Request>) {
    while let Some(request) = requests.recv().await {
        let Request { sample, deadline, mut answer } = request;
        let assessed = tokio::select! {
            biased;
            () = answer.closed() => None,
            assessed = life.assess(&sample, deadline) => Some(assessed),
        };
        if let Some(assessed) = assessed {
            // Nobody waits any more: there is nobody to tell.
            let _ = answer.send(assessed);
        }
    }
}

/// What the task of a resident owns.
pub(crate) struct Life {
    recipe: Recipe,
    world: Monitor,
    instance: Option<Instance<Monitor>>,
    backoff: Backoff,
    /// How the last instance ended, while there is no new one.
    ended: String,
    counters: Arc<Counters>,
    _slot: OwnedSemaphorePermit,
}

impl Life {
    pub(crate) fn new(
        recipe: Recipe,
        world: Monitor,
        seed: u64,
        slot: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            recipe,
            world,
            instance: None,
            backoff: Backoff::new(seed),
            ended: String::new(),
            counters: Arc::default(),
            _slot: slot,
        }
    }

    /// Makes the first instance, or the next one.
    async fn start<T>(&mut self, deadline: Instant) -> Result<(), Ended<T>> {
        let made = Instance::make(&self.recipe, &self.world, deadline, false);
        let made = AssertUnwindSafe(timeout_at(deadline.into(), made)).catch_unwind().await;
        let ended = match made {
            Ok(Ok(Ok(instance))) => {
                self.backoff.started(Instant::now());
                self.instance = Some(instance);
                return Ok(());
            }
            Ok(Ok(Err(ended))) => ended,
            Ok(Err(_elapsed)) => Ended::Deadline,
            Err(_panic) => Ended::Trap(PANICKED.to_owned()),
        };
        self.failed(&ended);
        Err(ended)
    }

    fn failed<T>(&mut self, ended: &Ended<T>) {
        self.ended = ended.to_string();
        let _ = self.backoff.failed(Instant::now());
    }

    /// One call, counted.
    async fn assess(&mut self, sample: &MonitorSample, deadline: Instant) -> Assessed {
        let rooms = Arc::clone(&self.recipe.rooms);
        let _beat = rooms.pulse.guest();
        let assessed = self.call(sample, deadline).await;
        let (counters, outcome) = (&self.counters, &assessed.outcome);
        counters.calls.fetch_add(1, Ordering::Relaxed);
        if !matches!(outcome.ended, Ended::Ok(_)) {
            counters.failed.fetch_add(1, Ordering::Relaxed);
        }
        let took = u64::try_from(outcome.took.as_nanos()).unwrap_or(u64::MAX);
        counters.time_ns.fetch_add(took, Ordering::Relaxed);
        assessed
    }

    async fn call(&mut self, sample: &MonitorSample, deadline: Instant) -> Assessed {
        let began = Instant::now();
        if began >= deadline {
            // A timer would still give the call its first turn.
            return Assessed::without_instance(Ended::Deadline, began);
        }
        if sample.devices.len() > MONITOR_DEVICES_MAX {
            let found = sample.devices.len();
            let text = format!("sample of {found} devices, at most {MONITOR_DEVICES_MAX}");
            return Assessed::without_instance(Ended::Fault(Fault::Invalid(text.into())), began);
        }
        let mut instance = match self.take(deadline).await {
            Ok(instance) => instance,
            Err(ended) => return Assessed::without_instance(ended, began),
        };
        instance.store.data_mut().begin(deadline);
        let sample = sample_to_guest(sample);
        let monitor = instance.exports.takeover_plugin_monitor();
        let call = monitor.call_assess(&mut instance.store, &sample);
        let result = AssertUnwindSafe(timeout_at(deadline.into(), call)).catch_unwind().await;
        let ended = match result {
            Ok(Ok(Ok(answer))) => Ended::Ok(answer_from_guest(answer)),
            Ok(Ok(Err(error))) => classify(&error, instance.store.data()),
            Ok(Err(_elapsed)) => Ended::Deadline,
            Err(_panic) => Ended::Trap(PANICKED.to_owned()),
        };
        let state = instance.store.data_mut();
        state.mention_dropped_lines();
        let host = state.host_time.ended();
        let memory_bytes_max = state.limiter.memory_bytes();
        if matches!(ended, Ended::Ok(_)) {
            self.instance = Some(instance);
        } else {
            drop(instance);
            self.failed(&ended);
        }
        let took = began.elapsed();
        let (in_host, most_in) = (host.total, host.most);
        Assessed::new(Outcome { ended, took, instance: took, in_host, most_in, memory_bytes_max })
    }

    /// Takes the instance out, or makes one if it is time.
    async fn take(&mut self, deadline: Instant) -> Result<Instance<Monitor>, Ended<MonitorAnswer>> {
        if let Some(instance) = self.instance.take() {
            return Ok(instance);
        }
        let wait = self.backoff.wait(Instant::now());
        if !wait.is_zero() {
            let text = format!("it is started again in {} ms; {}", wait.as_millis(), self.ended);
            return Err(Ended::Fault(Fault::Unavailable(text.into())));
        }
        self.counters.restarts.fetch_add(1, Ordering::Relaxed);
        self.start::<MonitorAnswer>(deadline).await?;
        self.instance.take().ok_or(Ended::Saturated(Bound::Instances))
    }
}
