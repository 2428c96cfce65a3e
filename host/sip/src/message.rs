//! A SIP message as received: its bytes, and where in them everything is.
//!
//! Nothing is copied and nothing is normalized: what a proxy does not have to change leaves as it
//! came (RFC 3261 section 16.6). Headers are found once ([`scan`]); what is inside one is read when
//! somebody asks ([`Uri`], [`Address`], [`Via`]); what has to change is written in one pass
//! ([`edit`]), and an answer is written beside its request ([`answer`]).
//!
//! Why not a library: the ones that take RFC 4475's messages as it says cost five to twelve times
//! as much per message (decision 0010). One of them is asked for a second opinion in the tests.

pub mod address;
pub mod answer;
pub mod check;
mod class;
pub mod edit;
pub mod name;
pub mod params;
pub mod scan;
pub mod sdp;
pub mod stream;
#[cfg(test)]
mod tests;
pub mod uri;
pub mod via;

use std::cell::OnceCell;
use std::ops::Range;

use crate::limits::HEADERS_MAX;
pub use address::Address;
pub use name::{HeaderName, Method};
pub use uri::{Scheme, Uri};
pub use via::Via;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartLine {
    /// Of a request.
    Request {
        /// What is asked.
        method: Method,
        /// Where the method's own letters are, for one that is not known by name.
        method_at: Range<usize>,
        /// Where the Request-URI is.
        uri_at: Range<usize>,
    },
    /// Of a response.
    Response {
        /// 100 to 699.
        code: u16,
    },
}

/// One header line, folded lines included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Which.
    pub name: HeaderName,
    /// From its name to the end of its last line.
    pub line: Range<usize>,
    /// Its value without the white space around it.
    pub value: Range<usize>,
}

/// What is wrong with the form of a message that could still be told apart. A request with one is
/// answered with 400 (or 505); anything else with one is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Spaces in the wrong places, or an impossible method.
    #[error("malformed start line")]
    StartLine,
    /// Not SIP/2.0.
    #[error("only SIP/2.0 is spoken here")]
    Version,
    /// A line that is not `name: value`.
    #[error("malformed header line")]
    HeaderLine,
    /// More header lines than [`crate::limits::HEADERS_MAX`].
    #[error("too many header lines")]
    TooManyHeaders,
    /// Content-Length is repeated, not a number, or more than there is.
    #[error("malformed Content-Length")]
    ContentLength,
    /// The empty line after the headers is missing.
    #[error("no empty line after the headers")]
    Unfinished,
}

/// A message and the places of its parts.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    raw: &'a [u8],
    start: StartLine,
    headers: Vec<Header>,
    places: Places,
    body: Range<usize>,
    fault: Option<Fault>,
    /// What several steps ask for, read once.
    request_parts: OnceCell<Option<Uri<'a>>>,
    top_vias: OnceCell<Option<(Via<'a>, &'a [u8])>>,
    from: OnceCell<Option<Address<'a>>>,
    from_parts: OnceCell<Option<Uri<'a>>>,
    to: OnceCell<Option<Address<'a>>>,
}

/// Which header of each name is the first one, so that nobody has to look for it.
#[derive(Clone, Copy, Debug)]
struct Places {
    /// By name; [`Places::NONE`] where there is none.
    first: [u8; HeaderName::COUNT],
    /// A bit for each name that there are several headers of.
    repeated: u32,
}

impl Places {
    const NONE: u8 = u8::MAX;

    fn new() -> Places {
        Places { first: [Self::NONE; HeaderName::COUNT], repeated: 0 }
    }

    /// A header of that name is at that place.
    fn note(&mut self, name: HeaderName, place: usize) {
        let Some(first) = self.first.get_mut(name as usize) else { return };
        match *first {
            Self::NONE => *first = u8::try_from(place).unwrap_or(Self::NONE),
            _ => self.repeated |= 1 << name as u32,
        }
    }

    fn first(&self, name: HeaderName) -> Option<usize> {
        let first = self.first.get(name as usize).copied().unwrap_or(Self::NONE);
        (first != Self::NONE).then_some(usize::from(first))
    }

    fn is_repeated(&self, name: HeaderName) -> bool {
        self.repeated & 1 << name as u32 != 0
    }
}

// Every header has a place, and every name a bit.
const _: () = assert!(HEADERS_MAX < Places::NONE as usize && HeaderName::COUNT <= 32);

impl<'a> Message<'a> {
    /// All of its bytes.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Its first line.
    pub fn start(&self) -> &StartLine {
        &self.start
    }

    /// The method of a request.
    pub fn method(&self) -> Option<Method> {
        match self.start {
            StartLine::Request { method, .. } => Some(method),
            StartLine::Response { .. } => None,
        }
    }

    /// The status code of a response.
    pub fn code(&self) -> Option<u16> {
        match self.start {
            StartLine::Request { .. } => None,
            StartLine::Response { code } => Some(code),
        }
    }

    /// The Request-URI as written; empty for a response.
    pub fn request_uri(&self) -> &'a [u8] {
        match &self.start {
            StartLine::Request { uri_at, .. } => self.at(uri_at),
            StartLine::Response { .. } => &[],
        }
    }

    /// The parts of the Request-URI, if it can be read.
    pub fn request_parts(&self) -> Option<Uri<'a>> {
        *self.request_parts.get_or_init(|| Uri::parse(self.request_uri()))
    }

    /// Every header line in order.
    pub fn headers(&self) -> &[Header] {
        &self.headers
    }

    /// Its memory, for the next message.
    pub fn into_headers(self) -> Vec<Header> {
        self.headers
    }

    /// The first header of that name.
    pub fn header(&self, name: HeaderName) -> Option<&Header> {
        self.headers.get(self.places.first(name)?)
    }

    /// The value of the first header of that name.
    pub fn value(&self, name: HeaderName) -> Option<&'a [u8]> {
        self.header(name).map(|header| self.at(&header.value))
    }

    /// The values of every header of that name.
    pub fn values(&self, name: HeaderName) -> impl Iterator<Item = &'a [u8]> {
        let first = self.places.first(name).unwrap_or(self.headers.len());
        let last = if self.is_repeated(name) { self.headers.len() } else { first + 1 };
        let among = self.headers.get(first..last).unwrap_or_default();
        let named = among.iter().filter(move |header| header.name == name);
        named.map(|header| self.at(&header.value))
    }

    /// Whether there are several header lines of that name.
    pub fn is_repeated(&self, name: HeaderName) -> bool {
        self.places.is_repeated(name)
    }

    /// The body; without Content-Length, a datagram's rest (RFC 3261 section 18.3).
    pub fn body(&self) -> &'a [u8] {
        self.at(&self.body)
    }

    /// What is wrong with its form, if anything: the first fault that was met.
    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Where a part of this message begins in its bytes; none where it is no part of it.
    pub fn position(&self, part: &[u8]) -> Option<Range<usize>> {
        let start = (part.as_ptr() as usize).checked_sub(self.raw.as_ptr() as usize)?;
        let end = start.checked_add(part.len())?;
        (end <= self.raw.len()).then_some(start..end)
    }

    /// The bytes at a place.
    pub fn at(&self, place: &Range<usize>) -> &'a [u8] {
        self.raw.get(place.clone()).unwrap_or_default()
    }

    /// The topmost Via, if it can be read.
    pub fn top_via(&self) -> Option<Via<'a>> {
        self.top_vias().map(|(via, _)| via)
    }

    /// The same, and the other values of its header.
    fn top_vias(&self) -> Option<(Via<'a>, &'a [u8])> {
        *self.top_vias.get_or_init(|| Via::parse(self.value(HeaderName::Via)?))
    }

    /// Every Via, the topmost first, as far as they can be read.
    pub fn vias(&self) -> impl Iterator<Item = Via<'a>> {
        let others = self.values(HeaderName::Via).skip(1).flat_map(Via::list);
        let top = self.top_vias();
        top.into_iter()
            .flat_map(|(via, rest)| std::iter::once(via).chain(Via::list(rest)))
            .chain(others)
    }

    /// The Call-ID; empty where there is none.
    pub fn call_id(&self) -> &'a [u8] {
        self.value(HeaderName::CallId).unwrap_or_default()
    }

    /// Number and method of the CSeq (RFC 3261 section 20.16).
    pub fn cseq(&self) -> Option<(u32, Method)> {
        check::cseq(self.value(HeaderName::CSeq)?)
    }

    /// The sender's address.
    pub fn from(&self) -> Option<Address<'a>> {
        let read = || Address::parse(self.value(HeaderName::From)?).map(|(address, _)| address);
        *self.from.get_or_init(read)
    }

    /// The parts of the sender's URI, if it can be read.
    pub fn from_parts(&self) -> Option<Uri<'a>> {
        *self.from_parts.get_or_init(|| self.from()?.parts())
    }

    /// The recipient's address.
    pub fn to(&self) -> Option<Address<'a>> {
        let read = || Address::parse(self.value(HeaderName::To)?).map(|(address, _)| address);
        *self.to.get_or_init(read)
    }

    /// The tag of the To header: a request with one is inside a dialog.
    pub fn to_tag(&self) -> Option<&'a [u8]> {
        self.to()?.tag
    }

    /// The tag of the From header.
    pub fn from_tag(&self) -> Option<&'a [u8]> {
        self.from()?.tag
    }
}
