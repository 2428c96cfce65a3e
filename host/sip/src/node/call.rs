//! A new call: what is known of it, who decides, and what is done with the decision.

use std::sync::Arc;

use takeover_logic::component::sip::{ForwardingDecision, Refusal};

use super::told::{Told, told_into};
use super::{Decider, Node};
use crate::directory::DnType;
use crate::outbox::Outbox;
use crate::proxy::Arrival;

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
        let Some(kind) = self.prove_caller(arrival, out) else { return };
        let mut facts = std::mem::take(&mut self.facts);
        self.write_facts(arrival, (number, kind), &mut facts);
        let decision = decider.decide(&facts.call);
        let known = facts.call.destination.known;
        self.facts = facts;
        match decision {
            ForwardingDecision::Deliver if !known => {
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
                let lines = std::mem::take(&mut self.lines);
                if let Some(told) = told_into(&decision, number, lines) {
                    self.answer(arrival, &told.answer(), out);
                    self.lines = told.lines;
                }
            }
        }
    }

    fn refuse(&mut self, arrival: &Arrival<'_, '_>, refusal: &Refusal, out: &mut Outbox) {
        self.answer(arrival, &Told::refused(refusal).answer(), out);
    }
}
