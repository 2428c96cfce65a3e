//! One plugin: its machine, its loaded versions, and the pointer that calls follow.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arc_swap::ArcSwapOption;
use takeover_engine::outcome::Outcome;
use takeover_engine::package::{Compiled, Verified};
use takeover_engine::{Kind, Plugin};
use takeover_logic::ids::Generation;
use takeover_logic::plugin::io::{CallReport, Input, Output, Settings};
use takeover_logic::plugin::report::RefusedCalls;
use takeover_logic::plugin::{self, Lifecycle, Saved};
use takeover_logic::time::Instant;

use super::counters::Counters;
use super::held::Held;
use super::slow::SlowCalls;
use super::standing::Seat;
use super::{Plugins, steps};

/// One plugin.
pub(super) struct Slot {
    pub(super) name: Arc<str>,
    /// The version in use, for whoever only looks.
    pub(super) active: ArcSwapOption<Plugin>,
    /// Where its instances outlive a call.
    seats: Mutex<Vec<Weak<dyn Seat>>>,
    state: Mutex<State>,
}

/// What is changed together, by whoever holds the lock. Nothing waits while it is held, so that
/// the decision loops may take it.
pub(super) struct State {
    pub(super) machine: Lifecycle,
    pub(super) loads: BTreeMap<Generation, Load>,
    /// A repetition for the shadowed version is under way.
    pub(super) rehearses: bool,
    /// Calls that were not let in.
    pub(super) refused: RefusedCalls,
    pub(super) slow: SlowCalls,
    pub(super) held: Held,
    /// The version that came into use last, and how often one took the place of another.
    used: Option<Generation>,
    pub(super) reloads: u64,
    /// What is to be kept has changed.
    pub(super) unsaved: bool,
}

/// What was made of a version so far.
#[derive(Clone, Default)]
pub(super) struct Load {
    pub(super) verified: Option<Arc<Verified>>,
    pub(super) compiled: Option<Compiled>,
    pub(super) plugin: Option<Arc<Plugin>>,
    pub(super) counters: Counters,
}

/// How versions of a kind are exchanged.
pub(super) fn settings_of(kind: Kind) -> Settings {
    let address = kind == Kind::VipBackend;
    Settings { exclusive: address, put_off: !address }
}

impl Slot {
    pub(super) fn new(name: Arc<str>, saved: Saved, now: Instant) -> Self {
        // Until the kind is known nothing is called.
        let settings = settings_of(Kind::AlarmReaction);
        Self {
            name,
            active: ArcSwapOption::empty(),
            seats: Mutex::default(),
            state: Mutex::new(State {
                machine: Lifecycle::new(settings, saved, now),
                loads: BTreeMap::new(),
                rehearses: false,
                refused: RefusedCalls::default(),
                slow: SlowCalls::default(),
                held: Held::default(),
                used: None,
                reloads: 0,
                unsaved: false,
            }),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is whole before the lock is given back, also where a later one panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the machine something.
    pub(super) fn handle(self: &Arc<Self>, plugins: &Arc<Plugins>, input: Input) {
        self.with(plugins, |state, now| state.machine.handle(now, input));
    }

    /// Changes the state, then does what the machine wants because of it.
    pub(super) fn with<T>(
        self: &Arc<Self>,
        plugins: &Arc<Plugins>,
        change: impl FnOnce(&mut State, Instant) -> T,
    ) -> T {
        let mut state = self.lock();
        let now = plugins.clock.instant();
        let due = state.machine.deadline();
        let result = change(&mut state, now);
        while let Some(output) = state.machine.poll() {
            self.carry_out(plugins, &mut state, output);
        }
        let sooner = match (due, state.machine.deadline()) {
            (Some(before), Some(after)) => after < before,
            (None, after) => after.is_some(),
            (Some(_), None) => false,
        };
        if sooner || state.unsaved {
            plugins.keeper.wake();
        }
        drop(state);
        plugins.moved.notify_waiters();
        result
    }

    /// Counts a call that was answered, where nothing follows from its end. False: it was not
    /// counted, and is to be told by [`with`](Self::with).
    pub(super) fn note_answered<T>(
        &self,
        generation: Generation,
        report: &CallReport,
        outcome: &Outcome<T>,
    ) -> bool {
        let mut state = self.lock();
        if !state.machine.note_answered(generation, report) {
            return false;
        }
        if let Some(load) = state.loads.get_mut(&generation) {
            load.counters.add(outcome);
        }
        true
    }

    fn carry_out(self: &Arc<Self>, plugins: &Arc<Plugins>, state: &mut State, output: Output) {
        match output {
            Output::Look => plugins.look(),
            Output::Do { generation, step, digest, source } => {
                let load = state.loads.entry(generation).or_default().clone();
                let work = steps::Work { generation, step, digest, source, load };
                let (plugins, slot) = (Arc::clone(plugins), Arc::clone(self));
                let runtime = plugins.runtime.clone();
                runtime.spawn(steps::run(plugins, slot, work));
            }
            Output::Activate(generation) => {
                let load = generation.and_then(|generation| state.loads.get(&generation));
                self.active.store(load.and_then(|load| load.plugin.clone()));
                if generation.is_some() && generation != state.used {
                    state.reloads += u64::from(state.used.is_some());
                    state.used = generation;
                    state.held.start();
                }
                // They were made when the version was started, but for those asked for since then.
                if !self.seats().is_empty() {
                    let (plugins, slot) = (Arc::clone(plugins), Arc::clone(self));
                    let runtime = plugins.runtime.clone();
                    runtime.spawn(async move { slot.furnish(&plugins).await });
                }
            }
            // A call asks the machine which version it is repeated on.
            Output::Shadow(_) => {}
            Output::Retire(generation) => {
                state.loads.remove(&generation);
                // Dropping instances takes a while.
                let seats = self.seats();
                plugins.runtime.spawn(async move {
                    seats.iter().for_each(|seat| seat.forget(generation));
                });
            }
            Output::Save => state.unsaved = true,
            Output::Note(note) => {
                plugins.tell(plugin::event(&plugins.about(), &self.name, &note));
            }
        }
    }

    /// Places where its instances outlive a call.
    pub(super) fn seats(&self) -> Vec<Arc<dyn Seat>> {
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        seats.retain(|seat| seat.strong_count() > 0);
        seats.iter().filter_map(Weak::upgrade).collect()
    }

    pub(super) fn add_seat(&self, seat: &Arc<dyn Seat>) {
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        seats.push(Arc::downgrade(seat));
    }

    /// The version in use.
    fn in_use(&self) -> Option<(Generation, Arc<Plugin>)> {
        let state = self.lock();
        let active = state.machine.active()?;
        let plugin = state.loads.get(&active)?.plugin.clone()?;
        Some((active, plugin))
    }

    /// Makes the instances of the version in use where they are missing.
    pub(super) async fn furnish(&self, plugins: &Plugins) {
        let Some((generation, plugin)) = self.in_use() else { return };
        for seat in self.seats() {
            let engine = Arc::clone(&plugins.engine);
            let made = Arc::clone(&seat).prepare(engine, generation, Arc::clone(&plugin)).await;
            if let Err(ended) = made {
                tracing::warn!("plugin {}: its instances are not started: {ended}", self.name);
            }
            if !self.lock().loads.contains_key(&generation) {
                seat.forget(generation);
            }
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.lock().machine.is_idle()
    }
}
