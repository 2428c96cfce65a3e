//! How a request looks when it leaves, and the CANCEL and ACK that belong to it.

use super::Names;
use crate::branch;
use crate::flow::{Flow, Transport};
use crate::message::edit::{Edits, needs_stamp, stamp_via, write_display};
use crate::message::{Address, HeaderName, Message, StartLine, check};

/// What changes on the way out (RFC 3261 section 16.6).
#[derive(Clone, Copy, Debug)]
pub(super) struct Change<'a> {
    /// Transport that it leaves by.
    pub(super) transport: Transport,
    /// The branch's number.
    pub(super) number: u128,
    /// Its loop mark.
    pub(super) mark: u32,
    /// The new Request-URI.
    pub(super) uri: Option<&'a [u8]>,
    /// Route values that go on top.
    pub(super) route: Option<&'a [u8]>,
    /// The dialog's mark, where this node wants to see the rest of it.
    pub(super) record_route: Option<u64>,
    /// How many Route values on top name this node and go.
    pub(super) own_routes: usize,
}

/// Appends the request as it leaves.
pub(super) fn request(
    edits: &mut Edits,
    (message, from): (&Message<'_>, &Flow),
    names: &Names,
    change: &Change<'_>,
    out: &mut Vec<u8>,
) {
    edits.clear();
    let Some(first) = message.headers().first().map(|header| header.line.start) else { return };
    edits.insert(first, |text| {
        via(text, names, change);
        if let Some(mark) = change.record_route {
            record_routes(text, (names, mark), from.transport, change.transport);
        }
        if let Some(route) = change.route {
            text.extend_from_slice(b"Route: ");
            text.extend_from_slice(route);
            text.extend_from_slice(b"\r\n");
        }
    });
    let strict = strict_router(message, change);
    let uri = strict.map(|router| router.uri).or(change.uri);
    if let (Some(uri), StartLine::Request { uri_at, .. }) = (uri, message.start()) {
        edits.replace(uri_at.clone(), |text| text.extend_from_slice(uri));
    }
    hops(edits, message, first);
    stamp(edits, message, from);
    own_routes(edits, message, change.own_routes + usize::from(strict.is_some()));
    if strict.is_some() {
        last_route(edits, message, change.uri.unwrap_or(message.request_uri()));
    }
    edits.write(message, out);
}

fn via(text: &mut Vec<u8>, names: &Names, change: &Change<'_>) {
    text.extend_from_slice(b"Via: SIP/2.0/");
    text.extend_from_slice(change.transport.name().as_bytes());
    text.push(b' ');
    text.extend_from_slice(names.of(change.transport).as_bytes());
    text.extend_from_slice(b";branch=");
    branch::write(text, change.number, change.mark);
    text.extend_from_slice(b"\r\n");
}

/// One Record-Route, or one for each side where the transport changes (RFC 5658 section 3).
fn record_routes(
    text: &mut Vec<u8>,
    (names, mark): (&Names, u64),
    came: Transport,
    leaves: Transport,
) {
    let mut line = |transport: Transport| {
        text.extend_from_slice(b"Record-Route: <sip:");
        text.extend_from_slice(names.of(transport).as_bytes());
        match transport {
            Transport::Udp => {}
            Transport::Tcp => text.extend_from_slice(b";transport=tcp"),
            Transport::Tls => text.extend_from_slice(b";transport=tls"),
        }
        write_display(text, &format_args!(";{}={mark:016x};lr>\r\n", branch::DIALOG));
    };
    line(leaves);
    if came != leaves {
        line(came);
    }
}

fn hops(edits: &mut Edits, message: &Message<'_>, first: usize) {
    let left = check::max_forwards(message).unwrap_or_default().saturating_sub(1);
    match message.header(HeaderName::MaxForwards) {
        Some(header) => edits.replace(header.value.clone(), |text| write_display(text, &left)),
        None => edits.insert(first, |text| {
            text.extend_from_slice(b"Max-Forwards: ");
            write_display(text, &left);
            text.extend_from_slice(b"\r\n");
        }),
    }
}

fn stamp(edits: &mut Edits, message: &Message<'_>, from: &Flow) {
    let Some(via) = message.top_via().filter(|via| needs_stamp(via, from.remote)) else { return };
    if let Some(place) = message.position(via.whole) {
        edits.replace(place, |text| stamp_via(&via, from.remote, text));
    }
}

/// The next Route value, where it names a strict router of RFC 2543 (section 16.6 step 6).
fn strict_router<'a>(message: &Message<'a>, change: &Change<'_>) -> Option<Address<'a>> {
    let mut routes = message.values(HeaderName::Route).flat_map(Address::list);
    let next = routes.nth(change.own_routes).filter(|_| change.route.is_none())?;
    next.parts().is_some_and(|uri| !uri.is_loose()).then_some(next)
}

/// What was the Request-URI goes behind the last Route value, where a strict router finds it.
fn last_route(edits: &mut Edits, message: &Message<'_>, uri: &[u8]) {
    let mut routes = message.headers().iter().filter(|header| header.name == HeaderName::Route);
    let Some(last) = routes.next_back() else { return };
    edits.insert(last.line.end + 2, |text| {
        text.extend_from_slice(b"Route: <");
        text.extend_from_slice(uri);
        text.extend_from_slice(b">\r\n");
    });
}

fn own_routes(edits: &mut Edits, message: &Message<'_>, mut own: usize) {
    for header in message.headers().iter().filter(|header| header.name == HeaderName::Route) {
        let value = message.at(&header.value);
        let values = Address::list(value).count();
        match own {
            0 => return,
            _ if own >= values => {
                edits.replace(header.line.start..header.line.end + 2, |_| {});
                own -= values;
            }
            _ => {
                let keep = Address::list(value).nth(own).and_then(|it| message.position(it.whole));
                if let Some(keep) = keep {
                    edits.replace(header.value.start..keep.start, |_| {});
                }
                return;
            }
        }
    }
}

/// Appends the CANCEL or the ACK of a non-2xx answer to a request that was sent (sections 9.1 and
/// 17.1.1.3): one Via, the same routes, and the To of the answer.
pub(super) fn sibling(method: &str, sent: &Message<'_>, to: Option<&[u8]>, out: &mut Vec<u8>) {
    out.extend_from_slice(method.as_bytes());
    out.push(b' ');
    out.extend_from_slice(sent.request_uri());
    out.extend_from_slice(b" SIP/2.0\r\n");
    let mut via = true;
    for header in sent.headers() {
        let line = match header.name {
            HeaderName::Via if via => {
                via = false;
                sent.at(&header.line)
            }
            HeaderName::To => {
                out.extend_from_slice(b"To: ");
                out.extend_from_slice(to.unwrap_or(sent.at(&header.value)));
                out.extend_from_slice(b"\r\n");
                continue;
            }
            HeaderName::Route | HeaderName::From | HeaderName::CallId => sent.at(&header.line),
            _ => continue,
        };
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    let cseq = sent.value(HeaderName::CSeq).unwrap_or_default();
    out.extend_from_slice(b"CSeq: ");
    out.extend_from_slice(cseq.split(u8::is_ascii_whitespace).next().unwrap_or_default());
    out.push(b' ');
    out.extend_from_slice(method.as_bytes());
    out.extend_from_slice(b"\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n");
}
