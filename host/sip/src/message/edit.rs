//! Changes of a message, written out in one pass over its bytes.

use std::net::SocketAddr;
use std::ops::Range;

use super::{Message, Via, params};

/// Changes in any order; each says which bytes go and what comes in their place. Reused between
/// messages, so that forwarding one allocates nothing.
#[derive(Debug, Default)]
pub struct Edits {
    list: Vec<Edit>,
    text: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Edit {
    away: Range<usize>,
    text: Range<usize>,
}

impl Edits {
    /// Forgets all changes.
    pub fn clear(&mut self) {
        self.list.clear();
        self.text.clear();
    }

    /// Replaces the bytes at a place by what `write` writes. Changes must not overlap; of several
    /// at one place, the first stands first.
    pub fn replace(&mut self, away: Range<usize>, write: impl FnOnce(&mut Vec<u8>)) {
        let from = self.text.len();
        write(&mut self.text);
        self.list.push(Edit { away, text: from..self.text.len() });
    }

    /// Inserts before a place.
    pub fn insert(&mut self, at: usize, write: impl FnOnce(&mut Vec<u8>)) {
        self.replace(at..at, write);
    }

    /// Removes the first value of a header's list: the whole line where it is the only one.
    pub fn remove_first_value(&mut self, message: &Message<'_>, header: usize, value: &[u8]) {
        let (Some(header), Some(place)) = (message.headers().get(header), message.position(value))
        else {
            return;
        };
        let rest = message.at(&(place.end..header.value.end)).trim_ascii_start();
        match rest.strip_prefix(b",") {
            Some(more) => {
                let more = more.trim_ascii_start();
                let to = message.position(more).map_or(header.value.end, |more| more.start);
                self.replace(header.value.start..to, |_| {});
            }
            // The line's own end goes with it.
            None => self.replace(header.line.start..header.line.end + 2, |_| {}),
        }
    }

    /// Appends the changed message to `out`, up to the end of its body.
    pub fn write(&mut self, message: &Message<'_>, out: &mut Vec<u8>) {
        self.list.sort_by_key(|edit| edit.away.start);
        let raw = message.raw();
        let end = message.body.end;
        out.reserve(end + self.text.len());
        let mut at = raw.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(0);
        for edit in &self.list {
            out.extend_from_slice(raw.get(at..edit.away.start).unwrap_or_default());
            out.extend_from_slice(self.text.get(edit.text.clone()).unwrap_or_default());
            at = at.max(edit.away.end);
        }
        out.extend_from_slice(raw.get(at..end).unwrap_or_default());
    }
}

/// Writes a Via as the element that received it has to leave it: with `received` and `rport` where
/// they are asked for or needed (RFC 3261 section 18.2.1, RFC 3581 section 4). What the sender
/// wrote there itself goes.
pub fn stamp_via(via: &Via<'_>, source: SocketAddr, out: &mut Vec<u8>) {
    let same = super::uri::address(via.host).is_some_and(|host| host == source.ip());
    if via.has_rport || via.has_received {
        write_unstamped(via, out);
    } else {
        out.extend_from_slice(via.whole);
    }
    if via.has_rport || !same {
        out.extend_from_slice(b";received=");
        write_display(out, &source.ip());
    }
    if via.has_rport {
        out.extend_from_slice(b";rport=");
        write_display(out, &source.port());
    }
}

/// Writes a Via without `received` and `rport`.
fn write_unstamped(via: &Via<'_>, out: &mut Vec<u8>) {
    let head = via.whole.len() - via.params.len();
    out.extend_from_slice(via.whole.get(..head).unwrap_or_default().trim_ascii_end());
    for (name, value) in params::iter(via.params) {
        if name.eq_ignore_ascii_case(b"received") || name.eq_ignore_ascii_case(b"rport") {
            continue;
        }
        out.push(b';');
        out.extend_from_slice(name);
        if let Some(value) = value {
            out.push(b'=');
            out.extend_from_slice(value);
        }
    }
}

/// Whether [`stamp_via`] would change it.
pub fn needs_stamp(via: &Via<'_>, source: SocketAddr) -> bool {
    let same = super::uri::address(via.host).is_some_and(|host| host == source.ip());
    !same || via.has_rport || via.has_received
}

/// Appends what a value displays as.
pub fn write_display(out: &mut Vec<u8>, value: &impl std::fmt::Display) {
    use std::io::Write as _;
    // Writing into memory can not fail.
    let _ = write!(out, "{value}");
}
