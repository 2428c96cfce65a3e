//! A new call: what is known of it, who decides, and what is done with the decision.

use std::net::SocketAddr;
use std::sync::Arc;

use takeover_logic::component::sip::{
    CallKind, ForwardingCall, ForwardingDecision, ForwardingDestination, ForwardingPeer, NodeMode,
    Refusal,
};
use takeover_logic::time::Now;

use super::registrar::Proof;
use super::told::{Told, told};
use super::way::uri_at;
use super::{Decider, Node};
use crate::branch::Hex;
use crate::directory::{Destination, DnType};
use crate::message::Message;
use crate::outbox::Outbox;
use crate::proxy::Arrival;

/// Parameter of a Contact to which a call was redirected: it has been forwarded once, and is not
/// forwarded again. Signed, so that nobody else can say so of a call.
const FORWARDED: &str = "x-forwarded";

/// Use of the keyed hash for that parameter.
const ABOUT_FORWARDED: u8 = b'f';

impl Node {
    /// A new call for a number of this switch.
    pub(super) fn call(
        &mut self,
        arrival: &Arrival<'_, '_>,
        number: &str,
        decider: &mut dyn Decider,
        out: &mut Outbox,
    ) {
        let now = arrival.now;
        if let Some(refusal) = self.draining.clone() {
            return self.refuse(arrival, &refusal, out);
        }
        match self.prove_caller(now, arrival, out) {
            Proof::Given => {}
            Proof::Refused => return,
        }
        let source = self.source_text(arrival.from.remote);
        let facts = self.facts(now, arrival, (number, source));
        match decider.decide(&facts) {
            ForwardingDecision::Deliver if !facts.destination.known => {
                self.answer_code(arrival, 404, out);
            }
            ForwardingDecision::Deliver => {
                let dn = self.directory.dn(number).filter(|dn| dn.kind.is_dialable());
                let party = dn.map(|dn| Arc::clone(&dn.number));
                match party.as_ref().filter(|_| dn.is_some_and(Self::is_routing_point)) {
                    Some(dn) => self.park(arrival, dn, out),
                    None => {
                        let targets = self.targets_of_number(now, number);
                        self.deliver(arrival, targets, party, out);
                    }
                }
            }
            ForwardingDecision::ThroughTrunk(name) => {
                let trunk = self.directory.dn(&name).filter(|dn| dn.kind == DnType::Trunk);
                let party = trunk.map(|trunk| Arc::clone(&trunk.number));
                match trunk.map(|trunk| self.targets_of_trunks(now, &[trunk], number)) {
                    Some(targets) => self.deliver(arrival, targets, party, out),
                    None => self.answer_code(arrival, 500, out),
                }
            }
            decision => {
                if let Some(told) = told(&decision, number) {
                    self.answer(arrival, &told.answer(), out);
                }
            }
        }
    }

    /// What a policy is shown.
    fn facts(
        &self,
        now: Now,
        arrival: &Arrival<'_, '_>,
        (number, source): (&str, Arc<str>),
    ) -> ForwardingCall {
        let message = arrival.message;
        let text = |bytes: &[u8]| -> Arc<str> { String::from_utf8_lossy(bytes).into() };
        let trunk = self.source_trunk(arrival);
        let peer = self.directory.peer_trunk();
        let from_peer_trunk =
            trunk.is_some() && trunk.map(|t| &t.number) == peer.map(|p| &p.number);
        let inbound = trunk.is_some() || self.caller_dn(arrival).is_none();
        ForwardingCall {
            kind: if inbound { CallKind::Inbound } else { CallKind::Internal },
            request_uri: text(message.request_uri()),
            caller: text(message.from().map(|from| from.uri).unwrap_or_default()),
            source,
            call_id: text(message.call_id()),
            from_peer: from_peer_trunk || self.was_forwarded(message, number),
            destination: self.destination(now, number),
            peer: peer.map(|trunk| ForwardingPeer {
                trunk: Arc::clone(&trunk.number),
                contact: self.peer_contact(trunk.contact.as_deref().unwrap_or_default(), number),
                in_service: self.state.devices.is_in_service(&trunk.number),
            }),
            node_mode: self.node_mode(),
            shutdown_reject_code: self.directory.application().shutdown_sip_reject_code,
            headers: Vec::new(),
        }
    }

    fn destination(&self, now: Now, number: &str) -> ForwardingDestination {
        let found = self.directory.destination(number);
        let dn = match found {
            Destination::Dn(dn) => Some(dn),
            _ => None,
        };
        ForwardingDestination {
            dn: number.into(),
            known: found != Destination::Unknown,
            registered: self.state.location.is_registered(number, now.at)
                || dn.is_some_and(|dn| dn.contact.is_some()),
            in_service: self.state.devices.is_in_service(number),
            agent_logged_in: self.state.agents.session(number).is_some(),
            dr_forward: dn.map_or(self.directory.application().dr_forward, |dn| {
                self.directory.dr_forward(dn)
            }),
        }
    }

    fn node_mode(&self) -> NodeMode {
        let peer = self.directory.peer_trunk();
        match peer {
            _ if self.suspended => NodeMode::ShuttingDown,
            Some(trunk) if !self.state.devices.is_in_service(&trunk.number) => NodeMode::SingleSite,
            _ => NodeMode::InService,
        }
    }

    /// Where callers are sent for the other site, marked so that it does not send them back.
    fn peer_contact(&self, contact: &str, number: &str) -> Arc<str> {
        [&uri_at(contact, number), ";", FORWARDED, "=", &self.mark(number)].concat().into()
    }

    /// As policies are shown it. Most calls come from a few trunks, so the last one is kept.
    fn source_text(&mut self, source: SocketAddr) -> Arc<str> {
        match &self.last_source {
            Some((address, text)) if *address == source => Arc::clone(text),
            _ => {
                let text: Arc<str> = source.to_string().into();
                self.last_source = Some((source, Arc::clone(&text)));
                text
            }
        }
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

    fn refuse(&mut self, arrival: &Arrival<'_, '_>, refusal: &Refusal, out: &mut Outbox) {
        self.answer(arrival, &Told::refused(refusal).answer(), out);
    }
}
