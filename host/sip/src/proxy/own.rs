//! Requests of the node's own: checks whether a device answers.

use takeover_logic::time::Instant;

use super::context::{Branch, Cancel, Client, Context, Server};
use super::{Proxy, Target};
use crate::branch;
use crate::flow::Flow;
use crate::limits::{T1, TRANSACTION_TIMEOUT};
use crate::message::edit::write_display;
use crate::outbox::Outbox;

impl Proxy {
    /// Sends OPTIONS to a URI; the answer comes out of [`Proxy::poll_own`] with the ticket.
    pub fn send_options(
        &mut self,
        now: Instant,
        (ticket, unique): (u64, u128),
        (uri, hop): (&[u8], Flow),
        out: &mut Outbox,
    ) {
        let number = unique;
        let host = self.names.of(hop.transport);
        let sent = out.send_kept(hop, |bytes| {
            bytes.extend_from_slice(b"OPTIONS ");
            bytes.extend_from_slice(uri);
            bytes.extend_from_slice(b" SIP/2.0\r\nVia: SIP/2.0/");
            write_display(bytes, &hop.transport);
            write_display(bytes, &format_args!(" {host};rport;branch="));
            branch::write(bytes, number, 0);
            write_display(bytes, &format_args!("\r\nFrom: <sip:{host}>;tag={ticket:x}\r\nTo: <"));
            bytes.extend_from_slice(uri);
            write_display(bytes, &format_args!(">\r\nCall-ID: {unique:032x}\r\n"));
            bytes.extend_from_slice(b"CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n");
            bytes.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        });
        let id = self.contexts.insert(Context {
            invite: false,
            server: Server::Ended,
            server_key: 0,
            from: hop,
            reply: hop,
            request: Box::default(),
            last: Box::default(),
            record_route: false,
            own_routes: 0,
            branches: vec![Branch {
                number,
                hop,
                target: Target { uri: None, hops: Vec::new(), route: None },
                tried: 0,
                sent,
                state: Client::Calling,
                cancel: Cancel::No,
                resend_at: (!hop.transport.is_reliable()).then_some(now + T1),
                resend_wait: T1,
                ends_at: Some(now + TRANSACTION_TIMEOUT),
            }],
            best: None,
            canceled: false,
            call: None,
            own: Some(ticket),
            resend_at: None,
            resend_wait: T1,
            ends_at: None,
            due: None,
            over_since: None,
        });
        self.by_client.insert(number, (id, 0));
        self.reschedule(now, id);
    }

    /// The next answer to a request of the node's own: its ticket and code; none: there was none.
    pub fn poll_own(&mut self) -> Option<(u64, Option<u16>)> {
        self.own_answers.pop_front()
    }
}
