//! A call goes to its targets: counted, told to the other node, then sent.

use std::collections::HashMap;
use std::sync::Arc;

use takeover_logic::time::Now;

use super::Node;
use super::way::Targets;
use crate::dialogs::CallKey;
use crate::flow::Flow;
use crate::limits::{OPEN_SWEEP_INTERVAL, TARGETS_MAX};
use crate::message::{Address, HeaderName, Message};
use crate::open::{InviteKey, OpenInvite};
use crate::outbox::Outbox;
use crate::proxy::forward::Manner;
use crate::proxy::waiting::ServerKey;
use crate::proxy::{Arrival, Final, Target};
use crate::standby::WaitId;

/// A call that waits until the other node knows of it, before anything of it leaves.
#[derive(Debug)]
pub(super) struct Held {
    from: Flow,
    request: Box<[u8]>,
    targets: Vec<Target>,
    manner: Manner,
}

/// Calls that wait for the other node, at most a few at a time for a few milliseconds.
#[derive(Debug, Default)]
pub(super) struct HeldCalls {
    by_wait: HashMap<WaitId, (ServerKey, Held)>,
    keys: HashMap<ServerKey, WaitId>,
}

impl HeldCalls {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether a request is one of them, come again.
    pub(super) fn has(&self, key: ServerKey) -> bool {
        self.keys.contains_key(&key)
    }

    pub(super) fn take(&mut self, wait: WaitId) -> Option<Held> {
        let (key, held) = self.by_wait.remove(&wait)?;
        self.keys.remove(&key);
        Some(held)
    }

    /// Takes back a call whose caller gave up.
    pub(super) fn take_back(&mut self, key: ServerKey) -> bool {
        let wait = self.keys.remove(&key);
        wait.is_some_and(|wait| self.by_wait.remove(&wait).is_some())
    }

    fn hold(&mut self, wait: WaitId, key: ServerKey, held: Held) {
        self.keys.insert(key, wait);
        self.by_wait.insert(wait, (key, held));
    }
}

impl Node {
    /// Sends a new call to its targets. `party`: the DN or trunk that it is for.
    pub(super) fn deliver(
        &mut self,
        arrival: &Arrival<'_, '_>,
        targets: Targets,
        party: Option<Arc<str>>,
        out: &mut Outbox,
    ) {
        let targets = match targets {
            Targets::Ready(targets) if !targets.is_empty() => targets,
            Targets::Ready(_) => return self.answer_code(arrival, 480, out),
            other => return self.send_to(arrival, other, Manner::default(), out),
        };
        let Some(key) = self.proxy.key(arrival.message) else { return };
        let manner = self.begin(arrival, party.as_ref());
        self.record(arrival, key, (&targets, party));
        match self.wait_for_standby(arrival.now, out) {
            Some(wait) => {
                let (from, request) = (*arrival.from, arrival.message.raw().into());
                self.held.hold(wait, key, Held { from, request, targets, manner });
            }
            None => self.proxy.forward(arrival, targets, manner, out),
        }
    }

    /// Counts a new call.
    pub(super) fn begin(&mut self, arrival: &Arrival<'_, '_>, party: Option<&Arc<str>>) -> Manner {
        let message = arrival.message;
        let tag = message.from_tag().unwrap_or_default();
        let call = self.state.dialogs.key(message.call_id(), tag);
        let caller = self.caller_dn(arrival).map(|dn| Arc::clone(&dn.number));
        let trunk = self.source_trunk(arrival).map(|dn| Arc::clone(&dn.number));
        let parties: Vec<Arc<str>> = caller.or(trunk).into_iter().chain(party.cloned()).collect();
        self.state.dialogs.begin(arrival.now.at, call, &parties);
        Manner { record_route: true, own_routes: own_routes(message), call: Some(call) }
    }

    /// What the other node needs to go on with a call that nobody answered yet.
    pub(super) fn record(
        &mut self,
        arrival: &Arrival<'_, '_>,
        key: ServerKey,
        (targets, party): (&[Target], Option<Arc<str>>),
    ) {
        if !self.has_standby() {
            return;
        }
        let raw = arrival.message.raw();
        let record = |target: Option<&Target>| OpenInvite {
            from: *arrival.from,
            destination: party.clone(),
            target: target
                .and_then(|target| target.uri.as_deref())
                .map(|uri| String::from_utf8_lossy(uri).into())
                .unwrap_or_default(),
            flow: target.and_then(|target| target.hops.first().copied()),
            invite: raw.into(),
            last_response: None,
            canceled: false,
            since: arrival.now.at,
        };
        if targets.is_empty() {
            self.state.open.put(invite_key(key, 0), record(None));
        }
        for (index, target) in targets.iter().take(TARGETS_MAX).enumerate() {
            self.state.open.put(invite_key(key, index), record(Some(target)));
        }
    }

    /// The other node knows of a call, or could not be told in time: the call goes on.
    pub(super) fn release(&mut self, now: Now, wait: WaitId, out: &mut Outbox) {
        let Some(held) = self.held.take(wait) else { return };
        let Ok(message) = Message::scan(&held.request) else { return };
        let arrival = Arrival { now, message: &message, from: &held.from };
        self.proxy.forward(&arrival, held.targets, held.manner, out);
    }

    /// Notes what the answers of a call mean for the tables.
    pub(super) fn note_answer(&mut self, now: Now, message: &Message<'_>) {
        let invite =
            message.cseq().is_some_and(|(_, method)| method == crate::message::Method::Invite);
        let success = message.code().is_some_and(|code| (200..300).contains(&code));
        if !invite || !success {
            return;
        }
        let (from, to) = (message.from_tag(), message.to_tag());
        let key = self.state.dialogs.key(message.call_id(), from.unwrap_or_default());
        let session = session_expires(message);
        self.state.dialogs.answered(now.at, key, to.unwrap_or_default(), session);
    }

    /// Notes what a request inside a call means for the tables.
    pub(super) fn note_request(&mut self, now: Now, message: &Message<'_>) {
        let (Some(from), Some(to)) = (message.from_tag(), message.to_tag()) else { return };
        let call_id = message.call_id();
        match message.method() {
            Some(crate::message::Method::Bye) => self.state.dialogs.ended(call_id, from, to),
            _ => {
                let session = session_expires(message);
                self.state.dialogs.seen(now.at, call_id, (from, to), session);
            }
        }
    }

    /// Once a minute, removes records whose final answer was missed; parked calls stay.
    pub(super) fn forget_old_invites(&mut self, now: Now) {
        if now.instant < self.sweep_at {
            return;
        }
        self.sweep_at = now.instant + OPEN_SWEEP_INTERVAL;
        let parked = &self.state.parked;
        self.state.open.expire(now.at, |key| parked.call(key).is_some());
    }

    /// A call has its final answer: the other node need not go on with it.
    pub(super) fn note_final(&mut self, ended: Final) {
        let mut index = 0;
        while index < TARGETS_MAX && self.state.open.get(invite_key(ended.key, index)).is_some() {
            self.state.open.remove(invite_key(ended.key, index));
            index += 1;
        }
        if ended.refused {
            self.state.dialogs.failed(ended.call);
        }
    }
}

/// The key of a record: one for each target of a call.
pub(super) fn invite_key(key: ServerKey, index: usize) -> InviteKey {
    InviteKey(key.0.wrapping_add(index as u128))
}

/// Route values of a request whose way ends here: all of them name this node.
pub(super) fn own_routes(message: &Message<'_>) -> usize {
    message.values(HeaderName::Route).flat_map(Address::list).count()
}

/// Seconds of Session-Expires (RFC 4028).
fn session_expires(message: &Message<'_>) -> Option<u32> {
    let value = message.value(HeaderName::SessionExpires)?;
    crate::message::scan::decimal(value.split(|byte| *byte == b';').next()?.trim_ascii())
}

/// The call of a request, as the table of calls names it.
pub(super) fn call_key(node: &Node, message: &Message<'_>) -> CallKey {
    node.state.dialogs.key(message.call_id(), message.from_tag().unwrap_or_default())
}
