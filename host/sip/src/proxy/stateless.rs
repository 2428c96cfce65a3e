//! Relaying without a transaction (RFC 3261 section 16.11): responses, ACKs and CANCELs whose
//! transaction the other node of the pair had, and everything when there is no room for another.

use super::forward::{Manner, target_key};
use super::response::{Seen, without_our_via};
use super::write::{self, Change};
use super::{Arrival, Proxy, Target};
use crate::branch;
use crate::flow::{Flow, Transport};
use crate::message::{Message, Via};
use crate::outbox::Outbox;

impl Proxy {
    /// Sends a request to a target's first host, without remembering it. The branch is the one that
    /// it would have had with a transaction, here or on the other node.
    pub fn forward_stateless(
        &mut self,
        arrival: &Arrival<'_, '_>,
        target: &Target,
        manner: Manner,
        out: &mut Outbox,
    ) {
        let message = arrival.message;
        let (Some(hop), Some(via)) = (target.hops.first(), message.top_via()) else { return };
        let change = Change {
            transport: hop.transport,
            number: branch::branch(&self.secret, message, &via, &target_key(target, hop)),
            mark: branch::loop_mark(&self.secret, message),
            uri: target.uri.as_deref(),
            route: target.route.as_deref(),
            record_route: manner
                .record_route
                .then(|| branch::dialog_mark(&self.secret, message.call_id())),
            own_routes: manner.own_routes,
        };
        let (edits, names) = (&mut self.edits, &self.names);
        out.send(*hop, |bytes| {
            write::request(edits, (message, arrival.from), names, &change, bytes)
        });
        self.counters.stateless += 1;
    }

    /// Sends a response to the Via below ours.
    pub(super) fn relay_stateless(&mut self, message: &Message<'_>, out: &mut Outbox) -> Seen {
        let Some(flow) = below(message).and_then(|via| way_back(&via)) else {
            self.counters.dropped += 1;
            return Seen::Dropped;
        };
        let edits = &mut self.edits;
        out.send(flow, |bytes| without_our_via(edits, message, bytes));
        self.counters.stateless += 1;
        Seen::Relayed
    }

    /// Whether the request was here before, unchanged: it goes in a circle (section 16.3 step 4).
    pub fn is_loop(&self, message: &Message<'_>) -> bool {
        let own = |via: &Via<'_>| self.names.are(via.host, via.port);
        let mut marks = message
            .vias()
            .filter(own)
            .filter_map(|via| branch::read(via.branch).map(|(_, mark)| mark))
            .peekable();
        marks.peek().is_some() && marks.any(|mark| mark == branch::loop_mark(&self.secret, message))
    }
}

fn below<'a>(message: &Message<'a>) -> Option<Via<'a>> {
    message.vias().nth(1)
}

fn way_back(via: &Via<'_>) -> Option<Flow> {
    let transport = Transport::from_name(via.transport)?;
    Some(Flow { transport, remote: via.reply_address()?, connection: None })
}
