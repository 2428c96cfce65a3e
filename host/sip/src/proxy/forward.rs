//! A new request is sent on: context, branches, 100 Trying.

use std::time::Duration;

use takeover_logic::time::{Instant, Now};

use super::context::{Best, Branch, Cancel, Client, Context, Server};
use super::write::{self, Change};
use super::{Arrival, Proxy, Spot, Target, reply_flow};
use crate::branch;
use crate::dialogs::CallKey;
use crate::flow::Flow;
use crate::limits::{T1, T2, TARGETS_MAX, TIMER_C, TRANSACTION_TIMEOUT};
use crate::message::answer::{self, Answer};
use crate::message::{Message, Method};
use crate::outbox::Outbox;

/// How a request is sent on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// Record the route, so that the dialog's later requests come through here.
    pub record_route: bool,
    /// How many Route values on top name this node and do not travel on.
    pub own_routes: usize,
    /// The call that this request begins: told when it gets its final answer.
    pub call: Option<CallKey>,
}

/// A target, and how many of its hops were tried.
pub(super) struct Attempt {
    pub(super) target: Target,
    pub(super) tried: usize,
}

impl Proxy {
    /// Sends a new request to all targets at once (section 16.6). The caller has asked
    /// [`Proxy::absorb`] before, and [`Proxy::make_room`].
    pub fn forward(
        &mut self,
        arrival: &Arrival<'_, '_>,
        targets: Vec<Target>,
        manner: Manner,
        out: &mut Outbox,
    ) {
        let Some(id) = self.open(arrival, manner, out) else { return };
        for target in targets.into_iter().take(TARGETS_MAX) {
            let spot = Spot { now: arrival.now.instant, id, index: 0 };
            self.send_branch(spot, arrival.message, Attempt { target, tried: 0 }, out);
        }
        self.reschedule(arrival.now.instant, id);
    }

    /// Opens a server transaction; an INVITE gets its 100 Trying.
    pub(super) fn open(
        &mut self,
        arrival: &Arrival<'_, '_>,
        manner: Manner,
        out: &mut Outbox,
    ) -> Option<usize> {
        let Arrival { message, from, .. } = *arrival;
        let via = message.top_via()?;
        let invite = message.method() == Some(Method::Invite);
        let reply = reply_flow(&via, from);
        let server_key = branch::server_key(&self.secret, message, &via);
        let last = if invite { trying(message, from, reply, out) } else { Box::default() };
        let context = Context {
            invite,
            server: Server::Proceeding,
            server_key,
            from: *from,
            reply,
            request: message.raw().into(),
            last,
            record_route: manner.record_route,
            own_routes: manner.own_routes,
            branches: Vec::new(),
            call: manner.call,
            best: None,
            canceled: false,
            own: None,
            resend_at: None,
            resend_wait: T1,
            ends_at: None,
            due: None,
            over_since: None,
        };
        let id = self.contexts.insert(context);
        self.by_server.insert(server_key, id);
        Some(id)
    }

    /// Sends the context's request to the next untried hop of a target. False where there is none.
    pub(super) fn send_branch(
        &mut self,
        spot: Spot,
        message: &Message<'_>,
        attempt: Attempt,
        out: &mut Outbox,
    ) -> bool {
        let (Spot { now, id, .. }, Attempt { target, tried }) = (spot, attempt);
        let Some(&hop) = target.hops.get(tried) else { return false };
        let (Some(context), Some(via)) = (self.contexts.get_mut(id), message.top_via()) else {
            return false;
        };
        let key = target_key(&target, &hop);
        let number = branch::branch(&self.secret, message, &via, &key);
        let change = Change {
            transport: hop.transport,
            number,
            mark: branch::loop_mark(&self.secret, message),
            uri: target.uri.as_deref(),
            route: target.route.as_deref(),
            record_route: context
                .record_route
                .then(|| branch::dialog_mark(&self.secret, message.call_id())),
            own_routes: context.own_routes,
        };
        let (edits, names) = (&mut self.edits, &self.names);
        let from = context.from;
        let sent = out.send_kept(hop, |bytes| {
            write::request(edits, (message, &from), names, &change, bytes);
        });
        let index = context.branches.len();
        self.by_client.insert(number, (id, index));
        context.branches.push(Branch {
            number,
            hop,
            target,
            tried: tried + 1,
            sent,
            state: Client::Calling,
            cancel: Cancel::No,
            resend_at: (!hop.transport.is_reliable()).then_some(now + T1),
            resend_wait: T1,
            ends_at: Some(now + TRANSACTION_TIMEOUT),
        });
        true
    }

    /// A CANCEL of an INVITE that is here (section 16.10): answered, and every branch taken back.
    /// False where the INVITE is not here.
    pub fn cancel(&mut self, arrival: &Arrival<'_, '_>, out: &mut Outbox) -> bool {
        let Arrival { now: Now { instant: now, .. }, message, from } = *arrival;
        let Some(via) = message.top_via() else { return false };
        let key = branch::server_key(&self.secret, message, &via);
        let Some(&id) = self.by_server.get(&key) else { return false };
        let tag = branch::tag(&self.secret, message);
        let answer = Answer { code: 200, tag: Some(&tag), ..Answer::default() };
        out.send(reply_flow(&via, from), |bytes| {
            answer::write(message, from.remote, &answer, bytes);
        });
        self.cancel_context(now, id, out);
        self.reschedule(now, id);
        true
    }

    pub(super) fn cancel_context(&mut self, now: Instant, id: usize, out: &mut Outbox) {
        let Some(context) = self.contexts.get_mut(id) else { return };
        context.canceled = true;
        context.cancel_all(now, out);
        if context.branches.is_empty() {
            self.consider(now, id, Best::Own(487), out);
        }
    }
}

/// What a branch's number depends on besides the request: where it goes, whoever computes it.
pub(super) fn target_key(target: &Target, hop: &Flow) -> Vec<u8> {
    let mut key = target.uri.as_deref().unwrap_or_default().to_vec();
    key.push(0);
    crate::message::edit::write_display(&mut key, hop);
    key
}

fn trying(message: &Message<'_>, from: &Flow, reply: Flow, out: &mut Outbox) -> Box<[u8]> {
    let answer = Answer { code: 100, ..Answer::default() };
    out.send_kept(reply, |bytes| answer::write(message, from.remote, &answer, bytes))
}

impl Context {
    /// Takes back every branch that still waits.
    pub(super) fn cancel_all(&mut self, now: Instant, out: &mut Outbox) {
        for branch in &mut self.branches {
            branch.want_cancel(now, out);
        }
    }
}

impl Branch {
    fn want_cancel(&mut self, now: Instant, out: &mut Outbox) {
        if !self.is_waiting() || self.cancel != Cancel::No {
            return;
        }
        self.cancel = Cancel::Wanted;
        if self.state == Client::Proceeding {
            self.send_cancel(now, out);
        }
    }

    /// Sends the CANCEL that is wanted, now that a provisional answer is there; the branch may take
    /// another 64 T1 to end (section 9.1).
    pub(super) fn send_cancel(&mut self, now: Instant, out: &mut Outbox) {
        self.write_cancel(out);
        self.cancel = Cancel::Sent;
        self.resend_wait = T1;
        self.resend_at = (!self.hop.transport.is_reliable()).then_some(now + T1);
        self.ends_at = Some(now + TRANSACTION_TIMEOUT);
    }

    fn write_cancel(&self, out: &mut Outbox) {
        let Ok(sent) = Message::scan(&self.sent) else { return };
        out.send(self.hop, |bytes| write::sibling("CANCEL", &sent, None, bytes));
    }

    /// Sends again what nobody answered (timers A and E, and that of a CANCEL).
    pub(super) fn resend(&mut self, now: Instant, invite: bool, out: &mut Outbox) {
        if self.cancel == Cancel::Sent {
            self.write_cancel(out);
        } else {
            out.send(self.hop, |bytes| bytes.extend_from_slice(&self.sent));
        }
        let longest = if invite && self.cancel != Cancel::Sent { Duration::MAX } else { T2 };
        self.resend_wait = self.resend_wait.saturating_mul(2).min(longest);
        self.resend_at = Some(now + self.resend_wait);
    }

    /// A provisional answer to an INVITE: nothing is sent again, ringing is bounded by timer C.
    pub(super) fn ring(&mut self, now: Instant, out: &mut Outbox) {
        self.state = Client::Proceeding;
        match self.cancel {
            Cancel::Wanted => self.send_cancel(now, out),
            Cancel::No => {
                self.resend_at = None;
                self.ends_at = Some(now + TIMER_C);
            }
            Cancel::Sent | Cancel::Answered => {}
        }
    }
}
