//! What a forwarding policy is shown of a call.
//!
//! Calls come by the thousand a second and their texts are short, so all of them are written into
//! the same memory, one after the other.

use std::fmt::Write as _;
use std::net::SocketAddr;

use takeover_logic::component::sip::{
    CallKind, ForwardingCall, ForwardingDestination, ForwardingPeer, NodeMode,
};
use takeover_logic::time::Now;

use super::Node;
use super::way::uri_at;
use crate::branch::Hex;
use crate::directory::Destination;
use crate::message::Message;
use crate::proxy::Arrival;

/// Parameter of a Contact to which a call was redirected: it has been forwarded once, and is not
/// forwarded again. Signed, so that nobody else can say so of a call.
const FORWARDED: &str = "x-forwarded";

/// Use of the keyed hash for that parameter.
const ABOUT_FORWARDED: u8 = b'f';

/// What was shown last, and its memory.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) call: ForwardingCall,
    /// Whose address `call.source` says: most calls come from a few trunks.
    source: Option<SocketAddr>,
}

impl Node {
    /// Writes what a policy is shown of a call for `number`, of the kind that its caller makes it.
    pub(super) fn write_facts(
        &self,
        arrival: &Arrival<'_, '_>,
        (number, kind): (&str, CallKind),
        facts: &mut Facts,
    ) {
        facts.note_source(arrival.from.remote);
        let call = &mut facts.call;
        let message = arrival.message;
        let trunk = self.source_trunk(arrival);
        let peer = self.directory.peer_trunk();
        let from_peer_trunk =
            trunk.is_some() && trunk.map(|t| &t.number) == peer.map(|p| &p.number);
        call.kind = if trunk.is_some() { CallKind::Inbound } else { kind };
        set(&mut call.request_uri, message.request_uri());
        set(&mut call.caller, message.from().map(|from| from.uri).unwrap_or_default());
        set(&mut call.call_id, message.call_id());
        call.from_peer = from_peer_trunk || self.was_forwarded(message, number);
        self.write_destination(arrival.now, number, &mut call.destination);
        match peer {
            Some(trunk) => {
                let shown = call.peer.get_or_insert_default();
                set(&mut shown.trunk, trunk.number.as_bytes());
                self.write_contact(trunk.contact.as_deref().unwrap_or_default(), number, shown);
                shown.in_service = self.state.devices.is_in_service(&trunk.number);
            }
            None => call.peer = None,
        }
        call.node_mode = match &call.peer {
            _ if self.suspended => NodeMode::ShuttingDown,
            Some(peer) if !peer.in_service => NodeMode::SingleSite,
            _ => NodeMode::InService,
        };
        call.shutdown_reject_code = self.directory.application().shutdown_sip_reject_code;
    }

    fn write_destination(&self, now: Now, number: &str, shown: &mut ForwardingDestination) {
        let found = self.directory.destination(number);
        let dn = match found {
            Destination::Dn(dn) => Some(dn),
            _ => None,
        };
        set(&mut shown.dn, number.as_bytes());
        shown.known = found != Destination::Unknown;
        shown.registered = self.state.location.is_registered(number, now.at)
            || dn.is_some_and(|dn| dn.contact.is_some());
        shown.in_service = self.state.devices.is_in_service(number);
        shown.agent_logged_in = self.state.agents.session(number).is_some();
        let everywhere = self.directory.application().dr_forward;
        shown.dr_forward = dn.map_or(everywhere, |dn| self.directory.dr_forward(dn));
    }

    /// Where callers are sent for the other site, marked so that it does not send them back.
    fn write_contact(&self, contact: &str, number: &str, shown: &mut ForwardingPeer) {
        let mark = self.mark(number);
        shown.contact.clear();
        shown.contact.extend(uri_at(contact, number));
        shown.contact.extend([";", FORWARDED, "=", &*mark]);
    }

    fn mark(&self, number: &str) -> Hex {
        let mark = self.settings.secret.hash(ABOUT_FORWARDED, &[number.as_bytes()]);
        Hex::of((mark >> 64) as u64)
    }

    fn was_forwarded(&self, message: &Message<'_>, number: &str) -> bool {
        let uri = message.request_parts();
        let mark = uri.and_then(|uri| uri.param(FORWARDED.as_bytes()));
        mark.is_some_and(|mark| mark == self.mark(number).as_bytes())
    }
}

impl Facts {
    fn note_source(&mut self, source: SocketAddr) {
        if self.source != Some(source) {
            self.call.source.clear();
            // Writing to a text does not fail.
            let _ = write!(self.call.source, "{source}");
            self.source = Some(source);
        }
    }
}

/// Replaces a text; what is no UTF-8 in it is shown as U+FFFD.
fn set(text: &mut String, bytes: &[u8]) {
    text.clear();
    match std::str::from_utf8(bytes) {
        Ok(good) => text.push_str(good),
        Err(_) => text.push_str(&String::from_utf8_lossy(bytes)),
    }
}
