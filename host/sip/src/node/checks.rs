//! Devices are asked whether they are there, and what follows is told.

use std::sync::Arc;

use takeover_logic::time::Now;

use super::Node;
use super::way::Targets;
use crate::devices::Output;
use crate::event::NodeEvent;
use crate::outbox::Outbox;

/// Use of the keyed hash for the branches of checks.
const ABOUT_CHECK: u8 = b'o';

impl Node {
    /// Carries out what the devices' machine wants.
    pub(super) fn device(&mut self, now: Now, output: Output, out: &mut Outbox) {
        match output {
            Output::Check(dn) => self.check(now, dn, out),
            Output::OutOfService(dn) => {
                Self::event(out, NodeEvent::OutOfService { dn: dn.to_string() });
            }
            Output::BackInService(dn) => {
                Self::event(out, NodeEvent::BackInService { dn: dn.to_string() });
            }
        }
    }

    fn check(&mut self, now: Now, dn: Arc<str>, out: &mut Outbox) {
        let targets = self.directory.dn(&dn).map(|dn| self.targets_of_dn(now, dn));
        let target = match targets {
            Some(Targets::Ready(targets)) => targets.into_iter().next(),
            _ => None,
        };
        let hop = target.as_ref().and_then(|target| target.hops.first().copied());
        let (Some(hop), Some(uri)) = (hop, target.and_then(|target| target.uri)) else {
            return self.devices.failed(now, &dn);
        };
        self.tickets += 1;
        let ticket = self.tickets;
        let parts = [dn.as_bytes(), &ticket.to_be_bytes(), &now.at.0.to_be_bytes()];
        let unique = self.settings.secret.hash(ABOUT_CHECK, &parts);
        self.asked.insert(ticket, dn);
        self.proxy.send_options(now.instant, (ticket, unique), (&uri, hop), out);
    }
}
