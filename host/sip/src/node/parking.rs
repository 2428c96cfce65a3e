//! Calls on a routing point: queued, routed by whoever decides, or by default after a time.

use std::sync::Arc;

use takeover_logic::time::Now;

use super::Node;
use super::deliver::call_key;
use super::way::Targets;
use crate::calls;
use crate::clock::{after, instant_of};
use crate::dialogs::{CallKey, Party, Stage};
use crate::directory::Dn;
use crate::limits::PARK_GRACE;
use crate::message::Message;
use crate::open::InviteKey;
use crate::outbox::Outbox;
use crate::parked::{ParkError, ParkedCall};
use crate::proxy::waiting::ServerKey;
use crate::proxy::{Arrival, Target};

/// Why a parked call could not be routed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// No call with that key waits.
    #[error("call {0}: it does not wait (any more)")]
    NoSuchCall(InviteKey),
    /// The number leads nowhere at the moment.
    #[error("number {0:?}: nobody is there")]
    Nobody(Arc<str>),
}

impl Node {
    /// A call for a routing point waits there.
    pub(super) fn park(&mut self, arrival: &Arrival<'_, '_>, dn: &Arc<str>, out: &mut Outbox) {
        let Some(key) = self.proxy.key(arrival.message) else { return };
        let routing = self.directory.dn(dn).map(|dn| self.directory.default_routing(dn));
        let Some((timeout, default)) = routing else { return };
        let at = arrival.now.at;
        let call = call_key(self, arrival.message);
        match self.state.parked.park(at, (InviteKey(key.0), call), dn, (timeout, default)) {
            Ok(()) => {}
            Err(ParkError::DnFull) => return self.answer_code(arrival, 486, out),
            Err(ParkError::Full) => return self.refuse_for_now(arrival, out),
        }
        let until = after(at, timeout + PARK_GRACE);
        let manner = self.begin(arrival, Some(dn), Stage::Queued);
        self.state.dialogs.may_last_until(at, call, until);
        self.record(arrival, key, (&[], Some(Arc::clone(dn))));
        self.proxy.wait(arrival, manner, instant_of(arrival.now, until), out);
    }

    /// Whether a DN is a place where calls wait.
    pub(super) fn is_routing_point(dn: &Dn) -> bool {
        dn.kind == crate::directory::DnType::RoutingPoint
    }

    /// The key of the waiting INVITE of a call.
    pub fn waiting(&self, call: CallKey) -> Option<InviteKey> {
        self.state.parked.of_call(call)
    }

    /// Routes a call that waits to a number.
    ///
    /// # Errors
    /// It does not wait, or nobody is there; then it goes on waiting.
    pub fn route_call(
        &mut self,
        now: Now,
        key: InviteKey,
        number: &Arc<str>,
        out: &mut Outbox,
    ) -> Result<(), RouteError> {
        let Some(call) = self.state.parked.call(key).cloned() else {
            return Err(RouteError::NoSuchCall(key));
        };
        let Targets::Ready(targets) = self.targets_of_number(now, number) else {
            return Err(RouteError::Nobody(Arc::clone(number)));
        };
        self.state.parked.take(key);
        self.send_routed(now, &call, (number, targets), out);
        self.settle(now, out);
        Ok(())
    }

    /// A call has left its routing point: told to clients and to the other node, then sent.
    fn send_routed(
        &mut self,
        now: Now,
        call: &ParkedCall,
        (number, targets): (&Arc<str>, Vec<Target>),
        out: &mut Outbox,
    ) {
        let dn = self.directory.dn(number).filter(|dn| dn.kind.is_dialable());
        let dn = dn.map(|dn| Arc::clone(&dn.number));
        if let Some(open) = self.state.open.get(call.key).cloned()
            && let Ok(message) = Message::scan(&open.invite.0)
        {
            let arrival = Arrival { now, message: &message, from: &open.from };
            self.record(&arrival, ServerKey(call.key.0), (&targets, dn.clone()));
        }
        let callee = Party { dn, number: calls::number(number) };
        self.state.dialogs.routed(now.at, call.call, callee);
        self.proxy.send_waiting(now.instant, ServerKey(call.key.0), targets, out);
    }

    /// Calls whose time has passed go to their default number, or are refused.
    pub(super) fn parked_due(&mut self, now: Now, out: &mut Outbox) {
        while let Some(call) = self.state.parked.take_due(now.at) {
            let key = ServerKey(call.key.0);
            let targets = match &call.default_dn {
                Some(number) => self.targets_of_number(now, number),
                None => Targets::Nobody,
            };
            match (targets, &call.default_dn) {
                (Targets::Ready(targets), Some(number)) if !targets.is_empty() => {
                    self.send_routed(now, &call, (number, targets), out);
                }
                _ => self.proxy.refuse_waiting(now.instant, key, 480, out),
            }
        }
    }
}
