//! What happens when nothing happens: retransmissions, timeouts, unreachable hosts.

use takeover_logic::time::Instant;

use super::context::{Best, Cancel, Client, Server};
use super::forward::Attempt;
use super::{Proxy, Spot};
use crate::flow::Flow;
use crate::limits::T2;
use crate::message::Message;
use crate::outbox::Outbox;

impl Proxy {
    /// Does what is due.
    pub fn tick(&mut self, now: Instant, out: &mut Outbox) {
        while let Some(&(at, id)) = self.due.first()
            && at <= now
        {
            self.server_due(now, id, out);
            let branches = self.contexts.get(id).map_or(0, |context| context.branches.len());
            for index in 0..branches {
                self.branch_due(now, id, index, out);
            }
            self.reschedule(now, id);
        }
    }

    fn server_due(&mut self, now: Instant, id: usize, out: &mut Outbox) {
        let Some(context) = self.contexts.get_mut(id) else { return };
        if context.ends_at.is_some_and(|at| at <= now) {
            context.server = Server::Ended;
            context.ends_at = None;
            context.resend_at = None;
            context.last = Box::default();
        }
        if context.resend_at.is_some_and(|at| at <= now) {
            let (reply, last) = (context.reply, &context.last);
            out.send(reply, |bytes| bytes.extend_from_slice(last));
            context.resend_wait = context.resend_wait.saturating_mul(2).min(T2);
            context.resend_at = Some(now + context.resend_wait);
            self.counters.resent += 1;
        }
    }

    fn branch_due(&mut self, now: Instant, id: usize, index: usize, out: &mut Outbox) {
        let Some(context) = self.contexts.get_mut(id) else { return };
        let invite = context.invite;
        let Some(branch) = context.branches.get_mut(index) else { return };
        if branch.ends_at.is_some_and(|at| at <= now) {
            let ringing = invite && branch.state == Client::Proceeding;
            if ringing && branch.cancel == Cancel::No {
                // Timer C (section 16.8).
                branch.cancel = Cancel::Wanted;
                branch.send_cancel(now, out);
                return;
            }
            let waited = branch.is_waiting();
            branch.state = Client::Ended;
            branch.ends_at = None;
            branch.resend_at = None;
            branch.sent = Box::default();
            if waited {
                self.counters.timeouts += 1;
                self.gave_no_answer(Spot { now, id, index }, 408, out);
            }
        } else if branch.resend_at.is_some_and(|at| at <= now) {
            branch.resend(now, invite, out);
            self.counters.resent += 1;
        }
    }

    /// A branch ended without an answer: the target's next hop, or the answer that stands for that.
    fn gave_no_answer(&mut self, spot: Spot, code: u16, out: &mut Outbox) {
        let Spot { now, id, .. } = spot;
        if let Some(ticket) = self.contexts.get(id).and_then(|context| context.own) {
            self.own_answers.push_back((ticket, None));
            return;
        }
        if self.next_hop(spot, out) {
            return;
        }
        let Some(context) = self.contexts.get_mut(id) else { return };
        if context.invite || code != 408 {
            self.consider(now, id, Best::Own(code), out);
        } else if context.is_settled() && context.best.is_none() {
            // No 408 to anything but an INVITE: it would come too late to be of use (RFC 4320).
            context.server = Server::Ended;
            context.settle();
        } else if context.is_settled()
            && let Some(best) = context.best.take()
        {
            self.consider(now, id, best, out);
        }
    }

    /// Goes on with the next host of a branch's target. False where there is none, or nobody waits
    /// any more.
    pub(super) fn next_hop(&mut self, spot: Spot, out: &mut Outbox) -> bool {
        let Spot { id, index, .. } = spot;
        let Some(context) = self.contexts.get(id) else { return false };
        if context.canceled || context.server != Server::Proceeding {
            return false;
        }
        let Some(branch) = context.branches.get(index) else { return false };
        if branch.tried >= branch.target.hops.len() {
            return false;
        }
        let (request, target, tried) =
            (context.request.clone(), branch.target.clone(), branch.tried);
        let Ok(message) = Message::scan(&request) else { return false };
        self.send_branch(spot, &message, Attempt { target, tried }, out)
    }

    /// A peer can not be reached: every branch to it that had no answer yet is over.
    pub fn unreachable(&mut self, now: Instant, flow: &Flow, out: &mut Outbox) {
        let same = |hop: &Flow| hop.transport == flow.transport && hop.remote == flow.remote;
        let mut lost = Vec::new();
        for (id, context) in &self.contexts {
            for (index, branch) in context.branches.iter().enumerate() {
                if branch.state == Client::Calling && same(&branch.hop) {
                    lost.push((id, index));
                }
            }
        }
        for (id, index) in lost {
            let branch = self.contexts.get_mut(id).and_then(|it| it.branches.get_mut(index));
            let Some(branch) = branch else { continue };
            branch.state = Client::Ended;
            branch.ends_at = None;
            branch.resend_at = None;
            // Treated as a 503 from there, which no proxy passes on (sections 16.7 and 16.9).
            self.gave_no_answer(Spot { now, id, index }, 500, out);
            self.reschedule(now, id);
        }
    }
}
