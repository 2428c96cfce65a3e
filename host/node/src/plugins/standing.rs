//! Plugins whose instances outlive a call, as a SIP node uses them: forwarding policies and
//! monitors. A [`Standing`] is one place where such a plugin is used, with its own settings; it
//! leads to the instances of whichever version is in use, like an atomic pointer.
//!
//! ```text
//!   version 2 is started --> its instances are made here, beside those of version 1
//!   version 2 in use     --> new calls go to its instances; those under way end where they began
//!   probation failed     --> new calls go to those of version 1 again, which were kept
//!   version 1 retired    --> its instances are dropped when the last call has ended
//! ```
//!
//! # What a new version finds
//! A policy is asked anew with every call, so there is nothing to hand over. A monitor begins anew:
//! what is to outlive the exchange belongs in the interface `memory`, where the new version reads
//! what the old one wrote last. While a probation lasts the old monitor stays as it is and is not
//! called; should it be used again, it goes on with what it knew.
//!
//! Policies run in shadow, too; monitors do not, as two of them would write to the same `memory`.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use takeover_engine::engine::Call;
use takeover_engine::fallback::Policy;
use takeover_engine::host::SipHost;
use takeover_engine::outcome::{Ended, Outcome};
use takeover_engine::package::Settings;
use takeover_engine::{Assessed, Engine, Plugin, PolicyPool, PoolSettings, Resident};
use takeover_logic::component::sip::{ForwardingCall, ForwardingDecision, MonitorSample};
use takeover_logic::ids::{Fingerprint, Generation, InputDigest};
use takeover_logic::link::{Fault, Verdict};

use super::rehearsal::{Compared, ended_words};
use super::slot::Slot;
use super::ticket::{Rehearsal, Ticket};
use super::{NotCallable, Plugins};
use crate::limits::{PLUGIN_TRIAL_TIMEOUT, STANDING_RETRY};

/// The end of a start.
pub(super) type Starting<T> = Pin<Box<dyn Future<Output = Result<T, Ended<()>>> + Send>>;

/// Instances of one version that outlive a call.
pub trait Lasting: Sized + Send + Sync + 'static {
    /// What can be chosen about them.
    type Wish: Clone + Send + Sync;

    /// Makes them.
    fn start(
        engine: &Engine,
        call: Call<'_>,
        host: Arc<dyn SipHost>,
        wish: &Self::Wish,
    ) -> Starting<Self>;
}

impl Lasting for PolicyPool {
    type Wish = PoolSettings;

    fn start(
        engine: &Engine,
        call: Call<'_>,
        host: Arc<dyn SipHost>,
        wish: &PoolSettings,
    ) -> Starting<Self> {
        Box::pin(engine.start_policies(call, host, *wish))
    }
}

impl Lasting for Resident {
    /// Decides the chance in the waits after failures; each monitor of a node has another one.
    type Wish = u64;

    fn start(
        engine: &Engine,
        call: Call<'_>,
        host: Arc<dyn SipHost>,
        seed: &u64,
    ) -> Starting<Self> {
        Box::pin(engine.start_monitor(call, host, *seed))
    }
}

/// A place where a plugin is used, as its slot sees it.
pub(super) trait Seat: Send + Sync {
    /// Makes the instances of a version here, unless they are there already.
    fn prepare(
        self: Arc<Self>,
        engine: Arc<Engine>,
        generation: Generation,
        plugin: Arc<Plugin>,
    ) -> Starting<()>;

    /// Drops the instances of a version; calls under way keep them until they end.
    fn forget(&self, generation: Generation);
}

/// What runs in one place, by version.
struct Place<L: Lasting> {
    settings: Settings,
    host: Arc<dyn SipHost>,
    wish: L::Wish,
    running: ArcSwap<BTreeMap<Generation, Arc<L>>>,
    /// One start at a time, or two would make the same instances.
    starting: tokio::sync::Mutex<()>,
    /// When a call last asked for what was missing.
    asked: Mutex<Option<Instant>>,
    calls: AtomicU64,
}

impl<L: Lasting> Place<L> {
    fn of(&self, generation: Generation) -> Option<Arc<L>> {
        self.running.load().get(&generation).map(Arc::clone)
    }

    fn change(&self, change: impl Fn(&mut BTreeMap<Generation, Arc<L>>)) {
        self.running.rcu(|running| {
            let mut running = BTreeMap::clone(running);
            change(&mut running);
            running
        });
    }

    /// Whether it is time to make again what could not be made.
    fn may_ask(&self) -> bool {
        let now = Instant::now();
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let may = asked.is_none_or(|at| now.duration_since(at) >= STANDING_RETRY);
        if may {
            *asked = Some(now);
        }
        may
    }
}

impl<L: Lasting> Seat for Place<L> {
    fn prepare(
        self: Arc<Self>,
        engine: Arc<Engine>,
        generation: Generation,
        plugin: Arc<Plugin>,
    ) -> Starting<()> {
        Box::pin(async move {
            let _alone = self.starting.lock().await;
            if self.of(generation).is_some() {
                return Ok(());
            }
            let deadline = Instant::now() + PLUGIN_TRIAL_TIMEOUT;
            let call = Call { plugin: &plugin, settings: &self.settings, deadline };
            let started = L::start(&engine, call, Arc::clone(&self.host), &self.wish);
            let started = Arc::new(started.await?);
            self.change(|running| {
                running.insert(generation, Arc::clone(&started));
            });
            Ok(())
        })
    }

    fn forget(&self, generation: Generation) {
        self.change(|running| {
            running.remove(&generation);
        });
    }
}

/// One place where a policy or a monitor is used. Dropping it ends its instances.
pub struct Standing<L: Lasting> {
    plugins: Arc<Plugins>,
    slot: Arc<Slot>,
    place: Arc<Place<L>>,
}

/// A forwarding policy in use.
pub type StandingPolicy = Standing<PolicyPool>;

/// A monitor in use.
pub type StandingMonitor = Standing<Resident>;

impl Plugins {
    /// Uses a plugin whose instances outlive a call; they are there when this returns, if a version
    /// of it is in use. Whatever is wrong with it is in the log, and in the answer to each call:
    /// the plugin may come later, and go.
    pub async fn stand<L: Lasting>(
        self: &Arc<Self>,
        name: &str,
        settings: Settings,
        host: Arc<dyn SipHost>,
        wish: L::Wish,
    ) -> Standing<L> {
        let place = Arc::new(Place {
            settings,
            host,
            wish,
            running: ArcSwap::default(),
            starting: tokio::sync::Mutex::default(),
            asked: Mutex::default(),
            calls: AtomicU64::new(0),
        });
        let slot = self.slot_or_new(name);
        let seat: Arc<dyn Seat> = Arc::clone(&place) as _;
        slot.add_seat(&seat);
        slot.furnish(self).await;
        Standing { plugins: Arc::clone(self), slot, place }
    }
}

impl<L: Lasting> Standing<L> {
    /// What runs the version in use; none: there is no such version, or its instances are not made
    /// yet. For views; calls go through [`Standing::decide`] and [`Standing::assess`], which tell
    /// the plugin's machine how they ended.
    pub fn in_use(&self) -> Option<Arc<L>> {
        let active = self.slot.lock().machine.active()?;
        self.place.of(active)
    }

    /// The plugin's name.
    pub fn plugin(&self) -> &str {
        &self.slot.name
    }

    /// The version that a call goes to, and its instances.
    fn begin<I: Fingerprint>(&self, input: I) -> Result<(Ticket<I>, Arc<L>), NotCallable> {
        let ticket = Ticket::begin(Arc::clone(&self.plugins), Arc::clone(&self.slot), input)?;
        if let Some(running) = self.place.of(ticket.generation()) {
            return Ok((ticket, running));
        }
        if self.place.may_ask() {
            let (plugins, slot) = (Arc::clone(&self.plugins), Arc::clone(&self.slot));
            let furnish = async move { slot.furnish(&plugins).await };
            self.plugins.runtime.spawn(furnish);
        }
        Err(NotCallable::NotStarted(Arc::clone(&self.slot.name)))
    }
}

impl StandingPolicy {
    /// Asks the policy in use, here and now, on this thread; see [`PolicyPool::decide`]. A policy
    /// that must not be called now is a fault, after which the caller's fallback decides.
    pub fn decide(&self, call: &ForwardingCall) -> Outcome<ForwardingDecision> {
        let (ticket, pool) = match self.begin(Asked(call)) {
            Ok(begun) => begun,
            Err(why) => return not_called(&why),
        };
        let outcome = pool.decide(call);
        let rehearsal = ticket.rehearsal();
        ticket.end(&blamed(&outcome));
        if let Some(rehearsal) = rehearsal {
            self.rehearse(rehearsal, call.clone(), ended_words(&outcome.ended));
        }
        outcome
    }

    /// Asks the version in shadow the same, where nobody waits for it.
    fn rehearse(&self, rehearsal: Rehearsal, call: ForwardingCall, active: String) {
        let Some(pool) = self.place.of(rehearsal.generation()) else { return };
        self.plugins.runtime.spawn_blocking(move || {
            let shadow = ended_words(&pool.decide(&call).ended);
            let differs = active != shadow;
            rehearsal.end(Compared { active, shadow, differs });
        });
    }
}

impl Policy for StandingPolicy {
    fn decide(&self, call: &ForwardingCall) -> Outcome<ForwardingDecision> {
        StandingPolicy::decide(self, call)
    }

    fn name(&self) -> &str {
        self.plugin()
    }
}

impl StandingMonitor {
    /// Shows the monitor in use a sample; see [`Resident::assess`]. A monitor that must not be
    /// called now judges nothing: the verdict is unknown.
    pub async fn assess(&self, sample: MonitorSample, deadline: Instant) -> Assessed {
        // No two samples are the same one: none of them is put aside.
        let input = InputDigest(self.place.calls.fetch_add(1, Ordering::Relaxed));
        let (ticket, resident) = match self.begin(input) {
            Ok(begun) => begun,
            Err(why) => {
                let outcome = not_called(&why);
                return Assessed { verdict: Verdict::Unknown(why.to_string().into()), outcome };
            }
        };
        let assessed = resident.assess(sample, deadline).await;
        ticket.end(&assessed.outcome);
        assessed
    }
}

impl<L: Lasting> fmt::Debug for Standing<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Standing").field("plugin", &self.slot.name).finish_non_exhaustive()
    }
}

/// The outcome of a call that was not made.
fn not_called<T>(why: &NotCallable) -> Outcome<T> {
    let ended = Ended::Fault(Fault::Unavailable(why.to_string().into()));
    let zero = Duration::ZERO;
    Outcome { ended, took: zero, instance: zero, in_host: zero, most_in: None, memory_bytes_max: 0 }
}

/// The same for the plugin's machine: a decision out of its bounds is the component's fault.
fn blamed(outcome: &Outcome<ForwardingDecision>) -> Outcome<()> {
    let ended = match &outcome.ended {
        Ended::Ok(_) => Ended::Ok(()),
        Ended::Fault(fault) if !outcome.instance.is_zero() => Ended::Trap(fault.to_string()),
        other => other.clone().map(|_| ()),
    };
    let Outcome { took, instance, in_host, most_in, memory_bytes_max, .. } = *outcome;
    Outcome { ended, took, instance, in_host, most_in, memory_bytes_max }
}

/// Calls are told apart by what a policy may go by. Not the Call-ID: a call that is tried again is
/// the same input.
struct Asked<'a>(&'a ForwardingCall);

impl Fingerprint for Asked<'_> {
    fn digest(&self) -> InputDigest {
        let Asked(call) = self;
        let mut hasher = DefaultHasher::new();
        (&call.request_uri, &call.caller, &call.source, &call.destination.dn).hash(&mut hasher);
        for header in &call.headers {
            (&header.name, &header.value).hash(&mut hasher);
        }
        InputDigest(hasher.finish())
    }
}
