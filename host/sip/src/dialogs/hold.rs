//! Hold: which end of a call does not want to hear the other one (RFC 3264 section 8.4).
//!
//! ```text
//!    request with an offer     2xx: it holds
//!    re-INVITE without one     2xx with the other end's offer     ACK with the answer: both hold
//! ```
//!
//! What was asked for and not yet answered is kept with the call, so that a node which took over
//! in between still knows it. Must not know SIP text.

use takeover_logic::time::Timestamp;

use super::{Asked, Dialog, Dialogs, Found, Offer};
use crate::message::sdp::Description;

/// A request within a call, by which its answer and its ACK are known, too.
#[derive(Clone, Copy, Debug)]
pub struct Inside<'a> {
    /// Call-ID.
    pub call_id: &'a [u8],
    /// Tag of whoever sent the request.
    pub from_tag: &'a [u8],
    /// Tag of the other end.
    pub to_tag: &'a [u8],
    /// Its number in CSeq.
    pub number: u32,
}

impl Dialogs {
    /// It has an offer: it asks to put the call on hold, or not any more.
    pub fn offered(&mut self, at: Timestamp, request: Inside<'_>, offer: Description) {
        let Some((found, dialog)) = self.answered_call(request) else { return };
        let (by_callee, hold) = (found.by_callee, !offer.hears);
        let offer = Offer { by_callee, number: request.number, hold };
        let offer = (dialog.held.of(by_callee) != hold).then_some(offer);
        if dialog.offer != offer {
            let dialog = Dialog { offer, ..dialog.clone() };
            self.put(at, found.key, Ok(dialog));
        }
    }

    /// It is an INVITE without an offer: its 2xx will have one (RFC 3261 section 13.2.1).
    pub fn asked(&mut self, at: Timestamp, request: Inside<'_>) {
        let Some((found, dialog)) = self.answered_call(request) else { return };
        let (by_callee, number) = (found.by_callee, request.number);
        if !dialog.asked.is_some_and(|asked| asked.is(by_callee, number)) {
            let asked = Some(Asked { by_callee, number, offer: None });
            let dialog = Dialog { asked, ..dialog.clone() };
            self.put(at, found.key, Ok(dialog));
        }
    }

    /// It was answered with 2xx: what it asked for holds. Where it asked for an offer, that is what
    /// the answer describes; nobody looks at it otherwise.
    pub fn accepted(
        &mut self,
        at: Timestamp,
        request: Inside<'_>,
        described: impl FnOnce() -> Option<Description>,
    ) {
        let Some((found, dialog)) = self.answered_call(request) else { return };
        let (by_callee, number) = (found.by_callee, request.number);
        let is_its = |offer: &Offer| (offer.by_callee, offer.number) == (by_callee, number);
        let waits = |asked: &Asked| asked.is(by_callee, number) && asked.offer.is_none();
        let dialog = if let Some(offer) = dialog.offer.filter(is_its) {
            let mut dialog = Dialog { offer: None, ..dialog.clone() };
            dialog.held.set(by_callee, offer.hold);
            dialog
        } else if let Some(asked) = dialog.asked.filter(waits)
            && let Some(offer) = described()
        {
            Dialog { asked: Some(Asked { offer: Some(offer), ..asked }), ..dialog.clone() }
        } else {
            return;
        };
        self.put(at, found.key, Ok(dialog));
    }

    /// Its ACK answers the offer that it asked for: both descriptions hold. Who is told that the
    /// other end does not speak can not but answer that it does not hear, which is no hold of its
    /// own.
    pub fn acknowledged(&mut self, at: Timestamp, request: Inside<'_>, answer: Description) {
        let Some((found, dialog)) = self.answered_call(request) else { return };
        let by_callee = found.by_callee;
        let asked = dialog.asked.filter(|asked| asked.is(by_callee, request.number));
        let Some(offer) = asked.and_then(|asked| asked.offer) else { return };
        let mut dialog = Dialog { asked: None, ..dialog.clone() };
        dialog.held.set(!by_callee, !offer.hears);
        if offer.speaks {
            dialog.held.set(by_callee, !answer.hears);
        }
        self.put(at, found.key, Ok(dialog));
    }

    /// The call of a request within it, once somebody has answered it.
    fn answered_call(&self, request: Inside<'_>) -> Option<(Found, &Dialog)> {
        let found = self.find(request.call_id, request.from_tag, request.to_tag)?;
        let dialog = &self.entries.get(&found.key)?.dialog;
        dialog.is_confirmed().then_some((found, dialog))
    }
}
