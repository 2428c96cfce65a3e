//! A call goes to its targets: counted, told to the other node, then sent.

use std::collections::HashMap;
use std::sync::Arc;

use takeover_logic::time::Now;

use super::Node;
use super::way::{Targets, secured};
use crate::calls::{self, CallType};
use crate::dialogs::{CallKey, Inside, Parties, Party, Stage};
use crate::directory::DnType;
use crate::flow::Flow;
use crate::limits::{OPEN_SWEEP_INTERVAL, TARGETS_MAX};
use crate::message::{Address, HeaderName, Message, Method, Uri, sdp};
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
    pub(super) fn take_back(&mut self, key: ServerKey) -> Option<Held> {
        let wait = self.keys.remove(&key)?;
        self.by_wait.remove(&wait).map(|(_, held)| held)
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
        let targets = match secured(arrival.message, targets) {
            Targets::Ready(targets) => targets,
            other => return self.send_to(arrival, other, Manner::default(), out),
        };
        let Some(key) = self.proxy.key(arrival.message) else { return };
        let manner = self.begin(arrival, party.as_ref(), Stage::Dialing);
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
    pub(super) fn begin(
        &mut self,
        arrival: &Arrival<'_, '_>,
        party: Option<&Arc<str>>,
        stage: Stage,
    ) -> Manner {
        let message = arrival.message;
        let call = call_key(self, message);
        let parties = self.parties(arrival, party);
        self.state.dialogs.begin(arrival.now.at, call, parties, stage);
        Manner { record_route: true, own_routes: own_routes(message), call: Some(call) }
    }

    /// Who takes part in a new call. `party`: the DN or trunk that it is for.
    fn parties(&self, arrival: &Arrival<'_, '_>, party: Option<&Arc<str>>) -> Parties {
        let user = |uri: Option<Uri<'_>>| {
            let user = uri.and_then(|uri| uri.user).map(String::from_utf8_lossy);
            calls::number(&user.unwrap_or_default())
        };
        let message = arrival.message;
        let (caller, trunk) = (self.caller_dn(arrival), self.source_trunk(arrival));
        let dialed = user(Uri::parse(message.request_uri()));
        let is_here =
            party.and_then(|dn| self.directory.dn(dn)).is_some_and(|dn| dn.kind != DnType::Trunk);
        Parties {
            caller: Party {
                dn: caller.or(trunk).map(|dn| Arc::clone(&dn.number)),
                number: user(message.from().and_then(|from| from.parts())),
            },
            callee: Party { dn: party.cloned(), number: Arc::clone(&dialed) },
            dialed,
            call_type: match (caller.is_some(), is_here) {
                (true, true) => CallType::Internal,
                (true, false) => CallType::Outbound,
                (false, true) => CallType::Inbound,
                (false, false) => CallType::Unknown,
            },
        }
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
        let Some((number, method)) = message.cseq() else { return };
        let code = message.code().unwrap_or_default();
        let success = (200..300).contains(&code);
        let call_id = message.call_id();
        let (from, to) = (message.from_tag().unwrap_or_default(), message.to_tag());
        let key = self.state.dialogs.key(call_id, from);
        let dialogs = &mut self.state.dialogs;
        match (method, to) {
            (Method::Invite, _) if (101..200).contains(&code) => dialogs.alerting(now.at, key),
            (Method::Invite, to) if success => {
                let (to, session) = (to.unwrap_or_default(), session_expires(message));
                dialogs.answered(now.at, key, to, session);
                let request = Inside { call_id, from_tag: from, to_tag: to, number };
                dialogs.accepted(now.at, request, || sdp::description(message));
            }
            (Method::Update, Some(to)) if success => {
                let request = Inside { call_id, from_tag: from, to_tag: to, number };
                dialogs.accepted(now.at, request, || None);
            }
            _ => {}
        }
    }

    /// Notes what a request inside a call means for the tables.
    pub(super) fn note_request(&mut self, now: Now, message: &Message<'_>) {
        let (Some(from), Some(to)) = (message.from_tag(), message.to_tag()) else { return };
        let call_id = message.call_id();
        let dialogs = &mut self.state.dialogs;
        match message.method() {
            Some(Method::Bye) => dialogs.ended(now.at, call_id, (from, to)),
            _ => dialogs.seen(now.at, call_id, (from, to), session_expires(message)),
        }
        let Some((number, _)) = message.cseq() else { return };
        let request = Inside { call_id, from_tag: from, to_tag: to, number };
        let (method, described) = (message.method(), || sdp::description(message));
        match method {
            Some(Method::Invite | Method::Update) => match described() {
                Some(offer) => dialogs.offered(now.at, request, offer),
                None if method == Some(Method::Invite) => dialogs.asked(now.at, request),
                None => {}
            },
            Some(Method::Ack) => {
                if let Some(answer) = described() {
                    dialogs.acknowledged(now.at, request, answer);
                }
            }
            _ => {}
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
    pub(super) fn note_final(&mut self, now: Now, ended: Final) {
        let mut index = 0;
        while index < TARGETS_MAX && self.state.open.get(invite_key(ended.key, index)).is_some() {
            self.state.open.remove(invite_key(ended.key, index));
            index += 1;
        }
        if let Some(code) = ended.refused {
            self.state.dialogs.failed(now.at, ended.call, code);
        }
    }

    /// A call that waits for the other node is taken back before it left (RFC 3261 section 9.2).
    pub(super) fn give_back(&mut self, now: Now, key: ServerKey, held: &Held, out: &mut Outbox) {
        let Ok(message) = Message::scan(&held.request) else { return };
        let arrival = Arrival { now, message: &message, from: &held.from };
        self.answer_code(&arrival, 487, out);
        if let Some(call) = held.manner.call {
            self.note_final(now, Final { key, call, refused: Some(487) });
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
