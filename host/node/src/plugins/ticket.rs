//! One call of a plugin, from the choice of its version to what its end means for that version.

use std::sync::Arc;

use takeover_engine::Plugin;
use takeover_engine::outcome::{Ended, Outcome};
use takeover_logic::ids::{Fingerprint, Generation, InputDigest};
use takeover_logic::plugin::io::{CallEnd, CallReport, Difference, Input, Refusal};
use takeover_logic::plugin::report::RefusedCalls;

use super::rehearsal::Compared;
use super::slot::Slot;
use super::{NotCallable, Plugins, slow};

/// A call that was let in. It keeps its version, whatever comes into use meanwhile. Dropped
/// without [`end`](Self::end) it counts as one that nobody waited for.
pub struct Ticket<I: Fingerprint = InputDigest> {
    plugins: Arc<Plugins>,
    pub(super) slot: Arc<Slot>,
    generation: Generation,
    input: I,
    plugin: Arc<Plugin>,
    shadow: Option<(Generation, Arc<Plugin>)>,
    ended: bool,
}

impl<I: Fingerprint> Ticket<I> {
    pub(super) fn begin(
        plugins: Arc<Plugins>,
        slot: Arc<Slot>,
        input: I,
    ) -> Result<Self, NotCallable> {
        let mut state = slot.lock();
        let mut refused = state.refused;
        let admission = state
            .machine
            .begin_call(plugins.clock.instant(), &input)
            .inspect_err(|refusal| count(&mut refused, refusal))
            .map_err(|refusal| NotCallable::Refused(Arc::clone(&slot.name), refusal));
        state.refused = refused;
        let admission = admission?;
        let generation = admission.generation;
        let loaded = |generation| state.loads.get(&generation)?.plugin.clone();
        let shadow = admission.shadow.and_then(|shadow| Some((shadow, loaded(shadow)?)));
        let plugin = loaded(generation);
        drop(state);
        let Some(plugin) = plugin else {
            // Activated means linked; were it not so, nothing could be called.
            let refusal = Refusal::NotLoaded(Arc::default());
            return Err(NotCallable::Refused(Arc::clone(&slot.name), refusal));
        };
        Ok(Self { plugins, slot, generation, input, plugin, shadow, ended: false })
    }

    /// The version to call.
    pub fn plugin(&self) -> &Arc<Plugin> {
        &self.plugin
    }

    /// Its number in this process.
    pub(super) fn generation(&self) -> Generation {
        self.generation
    }

    /// Whether the call is to be repeated on another version, so that its answers are to be
    /// recorded.
    pub fn is_shadowed(&self) -> bool {
        self.shadow.is_some()
    }

    /// The call ended.
    pub fn end<T>(mut self, outcome: &Outcome<T>) {
        self.ended = true;
        let end = match &outcome.ended {
            Ended::Ok(_) | Ended::Fault(_) => CallEnd::Answered,
            Ended::Trap(_) => CallEnd::Trap,
            Ended::Deadline => CallEnd::Deadline,
            Ended::Limit(_) => CallEnd::Limit,
            Ended::Saturated(_) => CallEnd::Saturated,
        };
        let report = CallReport { end, instance: outcome.instance, in_host: outcome.in_host };
        let is_slow = self.plugins.is_slow(outcome.instance);
        let generation = self.generation;
        let is_answered = end == CallEnd::Answered;
        if is_answered && !is_slow && self.slot.note_answered(generation, &report, outcome) {
            return;
        }
        // Only a failure is followed by a rest.
        let jitter = if is_answered { 0 } else { jitter() };
        let untold = self.slot.with(&self.plugins, |state, now| {
            if let Some(load) = state.loads.get_mut(&generation) {
                load.counters.add(outcome);
            }
            let input = self.input.digest();
            let input = Input::CallEnded { generation, input, report, jitter };
            state.machine.handle(now, input);
            if is_slow { state.slow.add(now) } else { None }
        });
        if let Some(untold) = untold {
            let (about, told) = (self.plugins.about(), (ended_word(&outcome.ended), untold));
            self.plugins.tell(slow::event(&about, &self.plugin.manifest, outcome, told));
        }
    }

    /// The version that the call is to be repeated on, if one is and no other repetition is under
    /// way. Taken before [`end`](Self::end).
    pub(crate) fn rehearsal(&self) -> Option<Rehearsal> {
        let (generation, plugin) = self.shadow.clone()?;
        let mut state = self.slot.lock();
        if std::mem::replace(&mut state.rehearses, true) {
            return None;
        }
        drop(state);
        let (plugins, slot) = (Arc::clone(&self.plugins), Arc::clone(&self.slot));
        Some(Rehearsal { plugins, slot, generation, plugin, input: self.input.digest() })
    }
}

impl<I: Fingerprint> Drop for Ticket<I> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let zero = std::time::Duration::ZERO;
        let report = CallReport { end: CallEnd::Dropped, instance: zero, in_host: zero };
        let (generation, input) = (self.generation, self.input.digest());
        let input = Input::CallEnded { generation, input, report, jitter: 0 };
        self.slot.handle(&self.plugins, input);
    }
}

/// The repetition of one call on the shadowed version.
pub(crate) struct Rehearsal {
    plugins: Arc<Plugins>,
    slot: Arc<Slot>,
    generation: Generation,
    plugin: Arc<Plugin>,
    input: InputDigest,
}

impl Rehearsal {
    /// The number of the version in this process.
    pub(super) fn generation(&self) -> Generation {
        self.generation
    }

    /// The version to call.
    pub(crate) fn plugin(&self) -> &Arc<Plugin> {
        &self.plugin
    }

    /// What both versions did.
    pub(crate) fn end(self, compared: Compared) {
        let Compared { active, shadow, differs } = compared;
        let difference = differs.then(|| Difference {
            input: self.input,
            active: active.into(),
            shadow: shadow.into(),
        });
        let compared = Input::Compared { generation: self.generation, difference };
        self.slot.handle(&self.plugins, compared);
    }
}

impl Drop for Rehearsal {
    fn drop(&mut self) {
        self.slot.lock().rehearses = false;
    }
}

fn count(refused: &mut RefusedCalls, refusal: &Refusal) {
    let count = match refusal {
        Refusal::NotLoaded(_) => &mut refused.not_loaded,
        Refusal::Resting(_) => &mut refused.resting,
        Refusal::Quarantined => &mut refused.quarantined,
        Refusal::PutAside => &mut refused.put_aside,
    };
    *count += 1;
}

/// The kind of an end without the component's words.
fn ended_word<T>(ended: &Ended<T>) -> &'static str {
    match ended {
        Ended::Ok(_) => "answered",
        Ended::Fault(_) => "fault",
        Ended::Trap(_) => "trap",
        Ended::Deadline => "deadline",
        Ended::Limit(_) => "limit",
        Ended::Saturated(_) => "saturated",
    }
}

/// Chance for the length of a rest; without random bytes plugins of several hosts may come back
/// in step, which is no worse than slow.
fn jitter() -> u16 {
    let mut bytes = [0; 2];
    let _ = getrandom::fill(&mut bytes);
    u16::from_le_bytes(bytes) % 1000
}
