//! What RFC 3261 requires of a message before anything is done with it (sections 8.1.1, 16.3).

use super::scan::decimal;
use super::{Address, Fault, HeaderName, Message, Method, Uri, Via};

/// Why a request is not processed: the code and phrase of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Objection {
    /// 400, 416, 483 or 505.
    pub code: u16,
    /// What is wrong, in the answer's own words.
    pub phrase: &'static str,
}

const fn bad(phrase: &'static str) -> Objection {
    Objection { code: 400, phrase }
}

/// Number and method of a CSeq value: the number is less than 2^31.
pub(super) fn cseq(value: &[u8]) -> Option<(u32, Method)> {
    let space = value.iter().position(u8::is_ascii_whitespace)?;
    let (number, method) = value.split_at_checked(space)?;
    let number = decimal(number).filter(|number| *number < 1 << 31)?;
    Some((number, Method::of(method.trim_ascii())))
}

/// Headers that there may be one of.
const ONCE: [HeaderName; 6] = [
    HeaderName::CSeq,
    HeaderName::CallId,
    HeaderName::From,
    HeaderName::MaxForwards,
    HeaderName::To,
    HeaderName::ContentLength,
];

/// Whether a request may be processed.
///
/// # Errors
/// The first objection.
pub fn request(message: &Message<'_>) -> Result<(), Objection> {
    match message.fault() {
        Some(Fault::Version) => {
            return Err(Objection { code: 505, phrase: "Version Not Supported" });
        }
        Some(Fault::StartLine) => return Err(bad("Bad Request Line")),
        Some(Fault::HeaderLine) => return Err(bad("Bad Header Line")),
        Some(Fault::TooManyHeaders) => return Err(bad("Too Many Headers")),
        Some(Fault::ContentLength) => return Err(bad("Bad Content-Length")),
        Some(Fault::Unfinished) => return Err(bad("Unfinished Message")),
        None => {}
    }
    if ONCE.into_iter().any(|name| message.is_repeated(name)) {
        return Err(bad("Repeated Header"));
    }
    let sound = message.top_vias().is_some_and(|(_, rest)| rest.is_empty() || vias_are_sound(rest));
    if !sound || !message.values(HeaderName::Via).skip(1).all(vias_are_sound) {
        return Err(bad("Bad Via"));
    }
    if message.call_id().is_empty() {
        return Err(bad("Missing Call-ID"));
    }
    let is_lone =
        |address: &Address<'_>, name| lone(message, name, address) && !address.repeats_tag;
    message.from().filter(|from| is_lone(from, HeaderName::From)).ok_or(bad("Bad From"))?;
    let to = message.to().filter(|to| is_lone(to, HeaderName::To)).ok_or(bad("Bad To"))?;
    if message.from_parts().is_none() || to.parts().is_none() {
        return Err(bad("Bad From or To"));
    }
    let (_, method) = message.cseq().ok_or(bad("Bad CSeq"))?;
    if !same_method(message, method) {
        return Err(bad("CSeq Of Another Method"));
    }
    // No headers in a Request-URI (RFC 3261 section 19.1.1).
    message.request_parts().filter(|uri| uri.headers.is_empty()).ok_or(bad("Bad Request-URI"))?;
    if max_forwards(message).is_none() {
        return Err(bad("Bad Max-Forwards"));
    }
    contacts(message)
}

/// Whether a response may be relayed; one that may not is dropped.
pub fn response(message: &Message<'_>) -> bool {
    let once = !ONCE.into_iter().any(|name| message.is_repeated(name));
    message.fault().is_none()
        && once
        && message.values(HeaderName::Via).all(vias_are_sound)
        && message.cseq().is_some()
        && !message.call_id().is_empty()
}

/// How many more hops are allowed: 70 where none is written (section 16.6); none where what is
/// written is no number up to 255.
pub fn max_forwards(message: &Message<'_>) -> Option<u8> {
    match message.value(HeaderName::MaxForwards) {
        Some(value) => decimal(value).and_then(|hops| u8::try_from(hops).ok()),
        None => Some(70),
    }
}

fn vias_are_sound(value: &[u8]) -> bool {
    let mut rest = value;
    loop {
        match Via::parse(rest) {
            Some((_, [])) => return true,
            Some((_, more)) => rest = more,
            None => return false,
        }
    }
}

/// Whether a header holds this address and no list: a tag behind a comma would be another's.
fn lone(message: &Message<'_>, name: HeaderName, address: &Address<'_>) -> bool {
    message.value(name).is_some_and(|value| address.whole.len() == value.trim_ascii().len())
}

fn same_method(message: &Message<'_>, method: Method) -> bool {
    let super::StartLine::Request { method: asked, method_at, .. } = message.start() else {
        return false;
    };
    let written = message.value(HeaderName::CSeq).unwrap_or_default();
    let named = written.split(u8::is_ascii_whitespace).next_back().unwrap_or_default();
    *asked == method && named == message.at(method_at)
}

/// Every Contact can be read; `*` is for REGISTER to judge.
fn contacts(message: &Message<'_>) -> Result<(), Objection> {
    for value in message.values(HeaderName::Contact) {
        let mut rest = value.trim_ascii();
        while !rest.is_empty() && rest != b"*" {
            let Some((address, more)) = Address::parse(rest) else {
                return Err(bad("Bad Contact"));
            };
            if Uri::parse(address.uri).is_none() {
                return Err(bad("Bad Contact"));
            }
            rest = more;
        }
    }
    Ok(())
}
