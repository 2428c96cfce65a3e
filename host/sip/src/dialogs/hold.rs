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

/// The tags of a request within a call: its sender's, and the other end's.
type Tags<'a> = (&'a [u8], &'a [u8]);

impl Dialogs {
    /// A request within a call has an offer: it asks to put the call on hold, or not any more.
    pub fn offered(
        &mut self,
        at: Timestamp,
        call_id: &[u8],
        tags: Tags<'_>,
        (number, described): (u32, Description),
    ) {
        let Some((found, dialog)) = self.answered_call(call_id, tags) else { return };
        let (by_callee, hold) = (found.by_callee, !described.hears);
        let offer = Offer { by_callee, number, hold };
        let offer = (dialog.held.of(by_callee) != hold).then_some(offer);
        if dialog.offer != offer {
            let dialog = Dialog { offer, ..dialog.clone() };
            self.put(at, found.key, Ok(dialog));
        }
    }

    /// An INVITE within a call has no offer: its 2xx will have one (RFC 3261 section 13.2.1).
    pub fn asked(&mut self, at: Timestamp, call_id: &[u8], tags: Tags<'_>, number: u32) {
        let Some((found, dialog)) = self.answered_call(call_id, tags) else { return };
        if !dialog.asked.is_some_and(|asked| asked.is(found.by_callee, number)) {
            let asked = Some(Asked { by_callee: found.by_callee, number, offer: None });
            let dialog = Dialog { asked, ..dialog.clone() };
            self.put(at, found.key, Ok(dialog));
        }
    }

    /// A request within a call was answered with 2xx: what it asked for holds. Where it asked for
    /// an offer, that is what the answer describes.
    pub fn accepted(
        &mut self,
        at: Timestamp,
        call_id: &[u8],
        tags: Tags<'_>,
        (number, described): (u32, Option<Description>),
    ) {
        let Some((found, dialog)) = self.answered_call(call_id, tags) else { return };
        let by_callee = found.by_callee;
        let is_its = |offer: &Offer| (offer.by_callee, offer.number) == (by_callee, number);
        let offer = dialog.offer.filter(is_its);
        let asked = dialog.asked.filter(|asked| asked.is(by_callee, number));
        let mut dialog = dialog.clone();
        if let Some(offer) = offer {
            dialog.offer = None;
            dialog.held.set(by_callee, offer.hold);
        } else if let Some(asked) = asked.filter(|asked| asked.offer.is_none())
            && described.is_some()
        {
            dialog.asked = Some(Asked { offer: described, ..asked });
        } else {
            return;
        }
        self.put(at, found.key, Ok(dialog));
    }

    /// The ACK of an INVITE that asked for an offer answers it: both descriptions hold. Who is told
    /// that the other end does not speak can not but answer that it does not hear, which is no
    /// hold of its own.
    pub fn acknowledged(
        &mut self,
        at: Timestamp,
        call_id: &[u8],
        tags: Tags<'_>,
        (number, answer): (u32, Description),
    ) {
        let Some((found, dialog)) = self.answered_call(call_id, tags) else { return };
        let by_callee = found.by_callee;
        let asked = dialog.asked.filter(|asked| asked.is(by_callee, number));
        let Some(offer) = asked.and_then(|asked| asked.offer) else { return };
        let mut dialog = Dialog { asked: None, ..dialog.clone() };
        dialog.held.set(!by_callee, !offer.hears);
        if offer.speaks {
            dialog.held.set(by_callee, !answer.hears);
        }
        self.put(at, found.key, Ok(dialog));
    }

    /// The call of a request within it, once somebody has answered it.
    fn answered_call(&self, call_id: &[u8], (from, to): Tags<'_>) -> Option<(Found, &Dialog)> {
        let found = self.find(call_id, from, to)?;
        let dialog = &self.entries.get(&found.key)?.dialog;
        dialog.is_confirmed().then_some((found, dialog))
    }
}
