//! A request comes in: whether it is processed at all, and by whom (RFC 3261 section 16.3).

use super::way::Way;
use super::{Decider, Node};
use crate::branch;
use crate::limits::{ADMIT_ALL, RETRY_AFTER_S};
use crate::message::answer::{self, Answer};
use crate::message::check::{self, Objection};
use crate::message::{HeaderName, Message, Method};
use crate::outbox::Outbox;
use crate::proxy::waiting::ServerKey;
use crate::proxy::{Arrival, refusal_flow};

impl Node {
    /// A request that came in, or waited for a name.
    pub(super) fn request(
        &mut self,
        arrival: &Arrival<'_, '_>,
        decider: &mut dyn Decider,
        out: &mut Outbox,
    ) {
        let Arrival { now, message, .. } = *arrival;
        let method = message.method().unwrap_or(Method::Other);
        // First, because it costs least: every call that is refused or redirected brings one, it is
        // told by a keyed hash, and an ACK is never answered.
        if method == Method::Ack && self.acknowledges_us(message) {
            self.proxy.absorb(now.instant, message, out);
            return;
        }
        if let Err(objection) = check::request(message) {
            return self.object(arrival, objection, out);
        }
        if self.proxy.absorb(now.instant, message, out) || self.held_again(arrival, method, out) {
            return;
        }
        if method == Method::Cancel {
            self.note_cancel(now, message);
            if self.proxy.cancel(arrival, out) {
                return;
            }
        }
        if let Err(objection) = self.may_travel(arrival, method) {
            return self.object(arrival, objection, out);
        }
        if method != Method::Ack && self.wants_unknown_extension(arrival, out) {
            return;
        }
        let fresh = message.to_tag().is_none();
        if fresh && !self.may_begin(arrival) {
            return;
        }
        let refusable = fresh && matches!(method, Method::Invite | Method::Register);
        if refusable && !(self.is_let_in(arrival) && self.proxy.make_room(now.instant)) {
            return self.refuse_for_now(arrival, out);
        }
        match self.way(message) {
            Some(Way::Here { user: None, .. }) if method != Method::Register => {
                self.answer_for_node(arrival, method, out);
            }
            Some(Way::Here { .. }) if method == Method::Register => {
                self.register(now, arrival, out)
            }
            Some(Way::Here { user: Some(user), .. }) if method == Method::Invite && fresh => {
                self.call(arrival, &user, decider, out);
            }
            Some(way) => self.send_on(now, arrival, &way, out),
            None => self.object(arrival, Objection { code: 416, phrase: "" }, out),
        }
    }

    /// One source does not keep the node from serving the others. What it sends too much of is
    /// dropped: an answer would be what a spoofed source wants.
    fn may_begin(&mut self, arrival: &Arrival<'_, '_>) -> bool {
        let rate = self.settings.source_rate;
        rate == 0
            || self.source_trunk(arrival).is_some()
            || self.is_trusted(arrival.now.at, arrival)
            || self.sources.take(arrival.now.instant, arrival.from.remote.ip(), rate)
    }

    /// Whether a new call is among those that are let in under overload; sent again, it still is.
    fn is_let_in(&self, arrival: &Arrival<'_, '_>) -> bool {
        let place = |key: ServerKey| key.0 % u128::from(ADMIT_ALL);
        self.admitted >= ADMIT_ALL
            || self
                .proxy
                .key(arrival.message)
                .is_some_and(|key| place(key) < u128::from(self.admitted))
    }

    /// The ACK of an answer that was ours: nobody else is to see it.
    fn acknowledges_us(&self, message: &Message<'_>) -> bool {
        let ours = || branch::tag(&self.settings.secret, message);
        message.to_tag().is_some_and(|tag| tag == ours().as_bytes())
    }

    /// A call that waits for the other node came again, or was taken back before it left.
    fn held_again(&mut self, arrival: &Arrival<'_, '_>, method: Method, out: &mut Outbox) -> bool {
        if self.held.is_empty() {
            return false;
        }
        let Some(key) = self.proxy.key(arrival.message).filter(|key| self.held.has(*key)) else {
            return false;
        };
        let held = (method == Method::Cancel).then(|| self.held.take_back(key)).flatten();
        if let Some(held) = held {
            self.note_cancel(arrival.now, arrival.message);
            self.answer_code(arrival, 200, out);
            self.give_back(arrival.now, key, &held, out);
        }
        true
    }

    /// Hops are left and it does not go in a circle.
    fn may_travel(&self, arrival: &Arrival<'_, '_>, method: Method) -> Result<(), Objection> {
        let last_hop = check::max_forwards(arrival.message) == Some(0);
        if last_hop && method != Method::Register {
            return Err(Objection { code: 483, phrase: "" });
        }
        if self.proxy.is_loop(arrival.message) {
            return Err(Objection { code: 482, phrase: "" });
        }
        Ok(())
    }

    /// Nothing that a request could require of a proxy is known here (section 16.3 step 5).
    fn wants_unknown_extension(&mut self, arrival: &Arrival<'_, '_>, out: &mut Outbox) -> bool {
        let wanted: Vec<&[u8]> = arrival.message.values(HeaderName::ProxyRequire).collect();
        if wanted.is_empty() {
            return false;
        }
        let mut lines = Vec::new();
        for value in wanted {
            lines.extend_from_slice(b"Unsupported: ");
            lines.extend_from_slice(value);
            lines.extend_from_slice(b"\r\n");
        }
        self.answer(arrival, &Answer { code: 420, lines: &lines, ..Answer::default() }, out);
        true
    }

    fn answer_for_node(&mut self, arrival: &Arrival<'_, '_>, method: Method, out: &mut Outbox) {
        match method {
            Method::Options => {
                let lines = b"Accept: application/sdp\r\nSupported: path\r\n\
                    Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, REGISTER, REFER, NOTIFY, SUBSCRIBE, \
                    UPDATE, PRACK, INFO, MESSAGE\r\n";
                self.answer(arrival, &Answer { code: 200, lines, ..Answer::default() }, out);
            }
            Method::Cancel => self.answer_code(arrival, 481, out),
            _ => self.answer_code(arrival, 404, out),
        }
    }

    /// 503 with Retry-After: the caller may try again, here or elsewhere.
    pub(super) fn refuse_for_now(&mut self, arrival: &Arrival<'_, '_>, out: &mut Outbox) {
        let lines = format!("Retry-After: {RETRY_AFTER_S}\r\n");
        let answer = Answer { code: 503, lines: lines.as_bytes(), ..Answer::default() };
        self.answer(arrival, &answer, out);
    }

    fn object(&mut self, arrival: &Arrival<'_, '_>, objection: Objection, out: &mut Outbox) {
        let Objection { code, phrase } = objection;
        self.answer(arrival, &Answer { code, phrase, ..Answer::default() }, out);
    }

    /// Answers with the code's usual phrase.
    pub(super) fn answer_code(&mut self, arrival: &Arrival<'_, '_>, code: u16, out: &mut Outbox) {
        self.answer(arrival, &Answer { code, ..Answer::default() }, out);
    }

    /// Answers without remembering it: the same request gets the same answer again. Nothing is ever
    /// answered to an ACK, nor where the way back can not be read.
    pub(super) fn answer(
        &mut self,
        arrival: &Arrival<'_, '_>,
        answer: &Answer<'_>,
        out: &mut Outbox,
    ) {
        let message = arrival.message;
        if message.method() == Some(Method::Ack) {
            return;
        }
        let Some(reply) = refusal_flow(message, arrival.from) else { return };
        let tag = branch::tag(&self.settings.secret, message);
        let answer = Answer { tag: Some(&tag), server: &self.settings.server, ..*answer };
        self.traffic.response(answer.code);
        out.send(reply, |bytes| {
            answer::write(message, arrival.from.remote, &answer, bytes);
        });
    }
}
