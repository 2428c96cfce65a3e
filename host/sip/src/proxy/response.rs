//! Answers from targets, and which of them go back (RFC 3261 section 16.7).

use takeover_logic::time::Instant;

use super::context::{Best, Cancel, Client, Server};
use super::waiting::ServerKey;
use super::write;
use super::{Final, Proxy, Spot};
use crate::branch;
use crate::flow::Flow;
use crate::limits::{T2, T4, TRANSACTION_TIMEOUT};
use crate::message::edit::Edits;
use crate::message::{HeaderName, Message, Method};
use crate::outbox::Outbox;

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It belongs to a transaction here.
    Known,
    /// It belongs to none and was relayed.
    Relayed,
    /// It is not for this node.
    Dropped,
}

impl Proxy {
    /// An answer that came in and has been checked.
    pub fn response(&mut self, now: Instant, message: &Message<'_>, out: &mut Outbox) -> Seen {
        let (Some(code), Some(via)) = (message.code(), message.top_via()) else {
            return Seen::Dropped;
        };
        if !self.names.are(via.host, via.port) {
            self.counters.dropped += 1;
            return Seen::Dropped;
        }
        let number = branch::read(via.branch).map(|(number, _)| number);
        let Some(number) = number else {
            self.counters.dropped += 1;
            return Seen::Dropped;
        };
        let Some(&(id, index)) = self.by_client.get(&number) else {
            return self.relay_stateless(message, out);
        };
        let method = message.cseq().map(|(_, method)| method);
        if method == Some(Method::Cancel) {
            self.cancel_answered(id, index);
        } else {
            self.take(Spot { now, id, index }, code, message, out);
        }
        self.reschedule(now, id);
        Seen::Known
    }

    fn cancel_answered(&mut self, id: usize, index: usize) {
        let context = self.contexts.get_mut(id);
        let Some(branch) = context.and_then(|context| context.branches.get_mut(index)) else {
            return;
        };
        if branch.cancel == Cancel::Sent {
            branch.cancel = Cancel::Answered;
            branch.resend_at = None;
        }
    }

    fn take(&mut self, spot: Spot, code: u16, message: &Message<'_>, out: &mut Outbox) {
        let Spot { now, id, index } = spot;
        let Some(context) = self.contexts.get_mut(id) else { return };
        let invite = context.invite;
        let Some(branch) = context.branches.get_mut(index) else { return };
        match (branch.state, code) {
            (Client::Calling | Client::Proceeding, 100..=199) => {
                if invite {
                    branch.ring(now, out);
                } else {
                    branch.state = Client::Proceeding;
                    branch.resend_wait = T2;
                }
                if code > 100 && context.server == Server::Proceeding {
                    context.last = relay(&mut self.edits, message, context.reply, out);
                }
            }
            (Client::Calling | Client::Proceeding, 200..=299) if invite => {
                branch.state = Client::Accepted;
                branch.resend_at = None;
                branch.ends_at = Some(now + TRANSACTION_TIMEOUT);
                branch.sent = Box::default();
                self.accept(now, id, message, out);
            }
            (Client::Accepted, 200..=299) => {
                relay(&mut self.edits, message, context.reply, out);
            }
            (Client::Calling | Client::Proceeding, _) => {
                let reliable = branch.hop.transport.is_reliable();
                let wait = if invite { TRANSACTION_TIMEOUT } else { T4 };
                branch.state = if reliable { Client::Ended } else { Client::Completed };
                branch.resend_at = None;
                branch.ends_at = (!reliable).then_some(now + wait);
                branch.sent = if invite { ack(branch, message, out) } else { Box::default() };
                self.final_answer(spot, code, message, out);
            }
            (Client::Completed, 300..) if invite => {
                let (hop, ack) = (branch.hop, &branch.sent);
                out.send(hop, |bytes| bytes.extend_from_slice(ack));
            }
            _ => {}
        }
    }

    /// The first 2xx of an INVITE: relayed at once, the other branches are taken back.
    fn accept(&mut self, now: Instant, id: usize, message: &Message<'_>, out: &mut Outbox) {
        let Some(context) = self.contexts.get_mut(id) else { return };
        relay(&mut self.edits, message, context.reply, out);
        let key = ServerKey(context.server_key);
        self.finals.extend(context.call.map(|call| Final { key, call, refused: None }));
        context.server = Server::Accepted;
        context.resend_at = None;
        context.ends_at = Some(now + TRANSACTION_TIMEOUT);
        context.last = Box::default();
        context.best = None;
        context.settle();
        context.cancel_all(now, out);
    }

    fn final_answer(&mut self, spot: Spot, code: u16, message: &Message<'_>, out: &mut Outbox) {
        if let Some(ticket) = self.contexts.get(spot.id).and_then(|context| context.own) {
            self.own_answers.push_back((ticket, Some(code)));
            return;
        }
        // A host that refuses for now is followed by the target's next one (RFC 3263 section 4.3).
        if code == 503 && self.next_hop(spot, out) {
            return;
        }
        let mut bytes = Vec::new();
        without_our_via(&mut self.edits, message, &mut bytes);
        self.consider(spot.now, spot.id, Best::Received(code, bytes.into()), out);
    }
}

fn ack(branch: &super::context::Branch, message: &Message<'_>, out: &mut Outbox) -> Box<[u8]> {
    let Ok(sent) = Message::scan(&branch.sent) else { return Box::default() };
    let to = message.value(HeaderName::To);
    out.send_kept(branch.hop, |bytes| write::sibling("ACK", &sent, to, bytes))
}

/// Sends an answer back without our Via, and gives a copy.
pub(super) fn relay(
    edits: &mut Edits,
    message: &Message<'_>,
    to: Flow,
    out: &mut Outbox,
) -> Box<[u8]> {
    out.send_kept(to, |bytes| without_our_via(edits, message, bytes))
}

pub(super) fn without_our_via(edits: &mut Edits, message: &Message<'_>, out: &mut Vec<u8>) {
    edits.clear();
    let index = message.headers().iter().position(|header| header.name == HeaderName::Via);
    if let (Some(index), Some(via)) = (index, message.top_via()) {
        edits.remove_first_value(message, index, via.whole);
    }
    edits.write(message, out);
}
