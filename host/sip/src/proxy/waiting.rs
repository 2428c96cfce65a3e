//! Requests whose targets are not known yet: calls on a routing point.

use takeover_logic::time::Instant;

use super::context::{Best, Server};
use super::forward::{Attempt, Manner};
use super::{Arrival, Proxy, Spot, Target};
use crate::branch;
use crate::limits::TARGETS_MAX;
use crate::message::Message;
use crate::message::answer::{self, Answer};
use crate::outbox::Outbox;

/// A transaction that waits, by what both nodes of a pair compute alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ServerKey(pub u128);

impl Proxy {
    /// The key of a request.
    pub fn key(&self, message: &Message<'_>) -> Option<ServerKey> {
        let via = message.top_via()?;
        Some(ServerKey(branch::server_key(&self.secret, message, &via)))
    }

    /// Opens the transaction of an INVITE without targets, and says that the call is queued (182).
    /// It waits until [`Proxy::send_waiting`] or [`Proxy::refuse_waiting`], at most until `until`.
    pub fn wait(
        &mut self,
        arrival: &Arrival<'_, '_>,
        manner: Manner,
        until: Instant,
        out: &mut Outbox,
    ) {
        let Some(id) = self.open(arrival, manner, out) else { return };
        let tag = branch::tag(&self.secret, arrival.message);
        let answer = Answer { code: 182, tag: Some(&tag), ..Answer::default() };
        if let Some(context) = self.contexts.get_mut(id) {
            let source = arrival.from.remote;
            context.last = out.send_kept(context.reply, |bytes| {
                answer::write(arrival.message, source, &answer, bytes);
            });
            context.ends_at = Some(until);
        }
        self.reschedule(arrival.now.instant, id);
    }

    /// Sends a request that waits to its targets. False where it does not wait here (any more).
    pub fn send_waiting(
        &mut self,
        now: Instant,
        key: ServerKey,
        targets: Vec<Target>,
        out: &mut Outbox,
    ) -> bool {
        let Some(id) = self.waiting(key) else { return false };
        let Some(context) = self.contexts.get_mut(id) else { return false };
        context.ends_at = None;
        let request = context.request.clone();
        let Ok(message) = Message::scan(&request) else { return false };
        for target in targets.into_iter().take(TARGETS_MAX) {
            let spot = Spot { now, id, index: 0 };
            self.send_branch(spot, &message, Attempt { target, tried: 0 }, out);
        }
        self.reschedule(now, id);
        true
    }

    /// Gives a request that waits a final answer.
    pub fn refuse_waiting(&mut self, now: Instant, key: ServerKey, code: u16, out: &mut Outbox) {
        if let Some(id) = self.waiting(key) {
            self.consider(now, id, Best::Own(code), out);
            self.reschedule(now, id);
        }
    }

    /// Takes an INVITE back, as its caller wanted before this node knew of it.
    pub fn cancel_key(&mut self, now: Instant, key: ServerKey, out: &mut Outbox) {
        let Some(&id) = self.by_server.get(&key.0) else { return };
        self.cancel_context(now, id, out);
        self.reschedule(now, id);
    }

    fn waiting(&self, key: ServerKey) -> Option<usize> {
        let id = *self.by_server.get(&key.0)?;
        let context = self.contexts.get(id)?;
        let waits = context.server == Server::Proceeding && context.branches.is_empty();
        waits.then_some(id)
    }
}
