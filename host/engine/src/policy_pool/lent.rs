//! An instance while one call has it. It goes back only by [`Lent::decide`]'s clean end; on every
//! other way out, a panic included, it is dropped here and its room is given free.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::time::Instant;

use takeover_logic::component::sip::{ForwardingCall, ForwardingDecision};
use takeover_logic::link::Fault;

use super::{Component, PANICKED, Shared};
use crate::bindings::types;
use crate::convert::attributes_to_guest;
use crate::convert::sip::{call_to_guest, decision_from_guest};
use crate::instance::classify;
use crate::lasting::Instance;
use crate::outcome::{Bound, Ended, Outcome};

/// An instance and its age.
pub(super) struct Policy {
    instance: Instance<Component>,
    calls: u32,
}

impl Policy {
    pub(super) fn new(instance: Instance<Component>) -> Self {
        Self { instance, calls: 0 }
    }

    /// One call, on this thread, to its end.
    fn decide(&mut self, call: &ForwardingCall, deadline: Instant) -> Ended<ForwardingDecision> {
        self.calls = self.calls.saturating_add(1);
        let Instance { store, exports } = &mut self.instance;
        let state = store.data_mut();
        state.begin(deadline);
        state.in_place = true;
        // The first look at the clock comes with the first tick, not with the first check.
        store.set_epoch_deadline(1);
        let headers = attributes_to_guest(&call.headers);
        let headers: Vec<&types::Attribute> = headers.iter().collect();
        let call = call_to_guest(call, &headers);
        let answer = exports.takeover_plugin_forwarding().call_decide(&mut *store, call);
        store.data_mut().mention_dropped_lines();
        match answer {
            Ok(decision) => match decision_from_guest(decision) {
                Ok(decision) => Ended::Ok(decision),
                Err(beyond) => Ended::Fault(Fault::Invalid(format!("decision: {beyond}").into())),
            },
            Err(error) => classify(&error, store.data()),
        }
    }
}

/// Where a lent instance comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    Warm,
    OneShot,
    /// It is there again.
    Back,
}

/// An instance that one call has.
pub(super) struct Lent<'a> {
    shared: &'a Shared,
    /// None: it is on the stack again, or was never made.
    policy: Option<Policy>,
    room: Room,
}

impl<'a> Lent<'a> {
    /// The warm instance that was used last, else a one-shot one.
    pub(super) fn of(
        shared: &'a Shared,
        deadline: Instant,
    ) -> Result<Self, Ended<ForwardingDecision>> {
        let warm = shared.stack().pop();
        if let Some(policy) = warm {
            return Ok(Self { shared, policy: Some(policy), room: Room::Warm });
        }
        let max = shared.settings.one_shots;
        let more = |count: usize| (count < max).then_some(count + 1);
        if shared.one_shots.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_err() {
            return Err(Ended::Saturated(Bound::Instances));
        }
        shared.counters.one_shot();
        // From here on the room is given free by dropping.
        let mut lent = Self { shared, policy: None, room: Room::OneShot };
        lent.policy = Some(Policy::new(shared.make_in_place::<ForwardingDecision>(deadline)?));
        Ok(lent)
    }

    /// Makes the call, and decides about the instance by its end.
    pub(super) fn decide(
        mut self,
        call: &ForwardingCall,
        began: Instant,
        deadline: Instant,
    ) -> Outcome<ForwardingDecision> {
        let Some(mut policy) = self.policy.take() else {
            return crate::instance::without_instance(Ended::Saturated(Bound::Instances), began);
        };
        let beat = self.shared.recipe.rooms.pulse.in_place();
        let ended = catch_unwind(AssertUnwindSafe(|| policy.decide(call, deadline)))
            .unwrap_or_else(|_panic| Ended::Trap(PANICKED.to_owned()));
        drop(beat);
        let state = policy.instance.store.data_mut();
        let host = state.host_time.ended();
        let memory_bytes_max = state.limiter.memory_bytes();
        if matches!(ended, Ended::Ok(_)) {
            self.give_back(policy);
        } else {
            self.policy = Some(policy);
            drop(self);
        }
        let took = began.elapsed();
        let (in_host, most_in) = (host.total, host.most);
        Outcome { ended, took, instance: took, in_host, most_in, memory_bytes_max }
    }

    fn give_back(mut self, policy: Policy) {
        let shared = self.shared;
        if self.room == Room::Warm && policy.calls < shared.settings.calls_max {
            shared.put(policy);
            self.room = Room::Back;
            return;
        }
        if self.room == Room::Warm {
            shared.counters.retired();
        }
        self.policy = Some(policy);
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        // The instance goes first: its slot must be free before another one is made.
        self.policy = None;
        match self.room {
            Room::Back => {}
            Room::Warm => self.shared.lost_one(),
            Room::OneShot => {
                self.shared.one_shots.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }
}
