//! Requests that came from a strict router of RFC 2543 (RFC 3261 section 16.4): it has put our own
//! Route value into the Request-URI, and the Request-URI behind the last Route value.

use super::Node;
use crate::message::edit::Edits;
use crate::message::{Address, HeaderName, Message, StartLine};

impl Node {
    /// The request as a loose router would have sent it; none: it came as such.
    pub(super) fn loosened(&self, message: &Message<'_>) -> Option<Vec<u8>> {
        let StartLine::Request { uri_at, .. } = message.start() else { return None };
        message.header(HeaderName::Route)?;
        let uri = message.request_parts()?;
        let is_ours = uri.user.is_none() && uri.is_loose() && self.is_marked(message, &uri);
        if !is_ours || !self.is_here(&uri) {
            return None;
        }
        let routes = || message.headers().iter().filter(|it| it.name == HeaderName::Route);
        let (first, last) = (routes().next()?, routes().next_back()?);
        let values: Vec<Address<'_>> = Address::list(message.at(&last.value)).collect();
        let target = values.last()?;
        let mut edits = Edits::default();
        edits.replace(uri_at.clone(), |text| text.extend_from_slice(target.uri));
        edits.insert(first.line.start, |text| {
            text.extend_from_slice(b"Route: <");
            text.extend_from_slice(message.request_uri());
            text.extend_from_slice(b">\r\n");
        });
        let before = values.len().checked_sub(2).and_then(|index| values.get(index));
        match before.and_then(|value| message.position(value.whole)) {
            Some(kept) => edits.replace(kept.end..last.value.end, |_| {}),
            None => edits.replace(last.line.start..last.line.end + 2, |_| {}),
        }
        let mut bytes = Vec::with_capacity(message.raw().len() + 64);
        edits.write(message, &mut bytes);
        Some(bytes)
    }
}
