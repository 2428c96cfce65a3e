//! Addresses of From, To, Contact, Route and Record-Route: `"name" <uri>;params`, or a bare URI.

use super::Uri;
use super::class::{self, BARE_END, SPACE, TOKEN};
use super::params::{self, quoted_end};

/// One address, read in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// The URI as written, without brackets.
    pub uri: &'a [u8],
    /// The header's parameters with their leading `;`.
    pub params: &'a [u8],
    /// The whole of it, from the name to the last parameter.
    pub whole: &'a [u8],
    /// The header's parameter `tag`, the first one; empty for one without a value.
    pub tag: Option<&'a [u8]>,
    /// There are several of it.
    pub repeats_tag: bool,
}

impl<'a> Address<'a> {
    /// Reads the first address of a list; also what follows its comma, empty after the last one.
    pub fn parse(text: &'a [u8]) -> Option<(Address<'a>, &'a [u8])> {
        let text = text.trim_ascii();
        let (uri, after, bracketed) = match angle(text)? {
            Some(open) => {
                let inside = text.get(open + 1..)?;
                let close = memchr::memchr(b'>', inside)?;
                (inside.get(..close)?, inside.get(close + 1..)?, true)
            }
            None => {
                let end = class::find(text, BARE_END);
                (text.get(..end)?, text.get(end..)?, false)
            }
        };
        let end = list_end(after)?;
        let (params, rest) = after.split_at_checked(end)?;
        // Without brackets a `?` could begin the URI's headers or not: forbidden (section 20).
        let ambiguous = !bracketed && memchr::memchr(b'?', uri).is_some();
        let (mut tag, mut repeats_tag) = (None, false);
        let sound = params::read(params, |name, value| {
            if name.eq_ignore_ascii_case(b"tag") {
                repeats_tag = tag.is_some();
                tag = tag.or(Some(value.unwrap_or_default()));
            }
        });
        if !sound || ambiguous || uri.is_empty() {
            return None;
        }
        let whole = text.get(..text.len() - rest.len())?.trim_ascii_end();
        let address = Address { uri, params, whole, tag, repeats_tag };
        Some((address, rest.get(1..).unwrap_or_default()))
    }

    /// Every address of a header's value; ends at one that can not be read.
    pub fn list(text: &'a [u8]) -> impl Iterator<Item = Address<'a>> {
        let mut rest = text;
        std::iter::from_fn(move || {
            let (address, more) = Address::parse(rest)?;
            rest = more;
            Some(address)
        })
    }

    /// The parts of its URI.
    pub fn parts(&self) -> Option<Uri<'a>> {
        Uri::parse(self.uri)
    }

    /// A parameter of the header (not of the URI); empty for one without a value.
    pub fn param(&self, name: &[u8]) -> Option<&'a [u8]> {
        params::get(self.params, name)
    }
}

/// Where the `<` is: behind a quoted name, or behind words, or nowhere. None where what is before
/// it is no name.
#[expect(clippy::option_option, reason = "malformed, absent and present are three things")]
fn angle(text: &[u8]) -> Option<Option<usize>> {
    if text.first() == Some(&b'"') {
        let end = quoted_end(text)?;
        let rest = text.get(end..)?;
        let spaces = rest.len() - rest.trim_ascii_start().len();
        return (rest.trim_ascii_start().first() == Some(&b'<')).then_some(Some(end + spaces));
    }
    let stop = text.iter().position(|byte| matches!(byte, b'<' | b';' | b',' | b'"'));
    match stop.and_then(|at| text.get(at).map(|byte| (at, *byte))) {
        Some((at, b'<')) => {
            let name = text.get(..at)?;
            // Liberal: bytes of other encodings in a name harm nobody.
            let word = |byte: &u8| class::is(*byte, TOKEN | SPACE) || !byte.is_ascii();
            name.iter().all(word).then_some(Some(at))
        }
        Some((_, b'"')) => None,
        _ => Some(None),
    }
}

/// Where a list element ends: at a comma outside quotes, or with the text.
pub(super) fn list_end(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| memchr::memchr2(b',', b'"', rest)) {
        at += found;
        if text.get(at) == Some(&b',') {
            return Some(at);
        }
        at += quoted_end(text.get(at..)?)?;
    }
    Some(text.len())
}
