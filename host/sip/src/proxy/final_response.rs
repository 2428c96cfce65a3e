//! Which final answer goes back when every target has given one (RFC 3261 section 16.7).

use takeover_logic::time::Instant;

use super::context::{Best, Server};
use super::waiting::ServerKey;
use super::{Final, Proxy};
use crate::branch;
use crate::limits::{T1, TRANSACTION_TIMEOUT};
use crate::message::Message;
use crate::message::answer::{self, Answer};
use crate::outbox::Outbox;

impl Proxy {
    /// A branch had its final answer, or ended without one.
    pub(super) fn consider(&mut self, now: Instant, id: usize, answer: Best, out: &mut Outbox) {
        let Some(context) = self.contexts.get_mut(id) else { return };
        if context.server != Server::Proceeding {
            return;
        }
        if answer.code() >= 600 {
            context.cancel_all(now, out);
        }
        let better =
            context.best.as_ref().is_none_or(|best| rank(answer.code()) < rank(best.code()));
        if better {
            context.best = Some(answer);
        }
        if context.is_settled() {
            self.answer_best(now, id, out);
        }
    }

    fn answer_best(&mut self, now: Instant, id: usize, out: &mut Outbox) {
        let Some(context) = self.contexts.get_mut(id) else { return };
        let Some(best) = context.best.take() else { return };
        // Only of our own hosts do we know that they refuse everybody (step 6).
        let code = if matches!(best, Best::Received(503, _)) { 500 } else { best.code() };
        let answer = match best {
            Best::Received(received, bytes) if received == code => bytes,
            Best::Received(..) | Best::Own(_) => self.own_answer(id, code),
        };
        let Some(context) = self.contexts.get_mut(id) else { return };
        out.send(context.reply, |bytes| bytes.extend_from_slice(&answer));
        context.last = answer;
        context.server = Server::Completed;
        let key = ServerKey(context.server_key);
        let refused = Some(code);
        self.finals.extend(context.call.map(|call| Final { key, call, refused }));
        if context.invite {
            let reliable = context.reply.transport.is_reliable();
            context.resend_wait = T1;
            context.resend_at = (!reliable).then_some(now + T1);
            context.ends_at = Some(now + TRANSACTION_TIMEOUT);
        } else {
            context.ends_at = context.linger(now);
        }
        context.settle();
    }

    fn own_answer(&self, id: usize, code: u16) -> Box<[u8]> {
        let mut bytes = Vec::new();
        if let Some(context) = self.contexts.get(id)
            && let Ok(request) = Message::scan(&context.request)
        {
            let tag = branch::tag(&self.secret, &request);
            let answer = Answer { code, tag: Some(&tag), ..Answer::default() };
            answer::write(&request, context.from.remote, &answer, &mut bytes);
        }
        bytes.into()
    }
}

/// The order of preference: 6xx before all, then the lowest class, and in 4xx first what the caller
/// can do something about.
fn rank(code: u16) -> (u16, u16) {
    let class = if code >= 600 { 0 } else { code / 100 };
    let within = match code {
        401 | 407 | 415 | 420 | 484 => 0,
        _ => code,
    };
    (class, within)
}
