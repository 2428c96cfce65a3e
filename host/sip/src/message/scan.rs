//! Finds the parts of a message: one pass over its head, nothing copied.

use std::cell::OnceCell;
use std::ops::Range;

use super::class::{self, TOKEN};
use super::{Fault, Header, HeaderName, Message, Method, Places, StartLine};
use crate::limits::{HEADERS_MAX, HEADERS_USUAL};

/// Why bytes are no message at all. Nothing is answered to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// Nothing but line ends: a keep-alive (RFC 5626 section 3.5.1).
    #[error("nothing but line ends")]
    KeepAlive,
    /// The first line is neither a request's nor a response's.
    #[error("neither a request nor a response")]
    NotSip,
}

impl<'a> Message<'a> {
    /// Finds the parts of a datagram, or of one whole message of a stream.
    ///
    /// # Errors
    /// What is no SIP at all. What is SIP with a fault is a message whose [`Message::fault`] says
    /// so, because a request has to be answered.
    pub fn scan(raw: &'a [u8]) -> Result<Message<'a>, ScanError> {
        Self::scan_into(raw, Vec::new())
    }

    /// The same with memory that is there, as [`Message::into_headers`] gives it: an allocator
    /// hands out other memory each time, which is in no cache.
    ///
    /// # Errors
    /// As [`Message::scan`].
    pub fn scan_into(raw: &'a [u8], mut headers: Vec<Header>) -> Result<Message<'a>, ScanError> {
        headers.clear();
        headers.reserve(HEADERS_USUAL);
        let begin = raw.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
        let begin = begin.ok_or(ScanError::KeepAlive)?;
        let (first, mut at) = line(raw, begin);
        let mut fault = None;
        let start = start_line(raw, first.place, &mut fault)?;
        let mut places = Places::new();
        let mut finished = false;
        while at < raw.len() {
            let (line, next) = logical_line(raw, at);
            at = next;
            if line.place.is_empty() {
                finished = true;
                break;
            }
            match header(raw, line) {
                Some(_) if headers.len() >= HEADERS_MAX => {
                    fault = fault.or(Some(Fault::TooManyHeaders));
                    break;
                }
                Some(header) => {
                    places.note(header.name, headers.len());
                    headers.push(header);
                }
                None => fault = fault.or(Some(Fault::HeaderLine)),
            }
        }
        if !finished {
            fault = fault.or(Some(Fault::Unfinished));
        }
        let mut message = Message {
            raw,
            start,
            headers,
            places,
            body: at..raw.len(),
            fault,
            request_parts: OnceCell::new(),
            top_vias: OnceCell::new(),
            from: OnceCell::new(),
            from_parts: OnceCell::new(),
            to: OnceCell::new(),
        };
        message.cut_body();
        Ok(message)
    }

    /// Ends the body where Content-Length says.
    fn cut_body(&mut self) {
        let length = match content_length(self) {
            Ok(Some(length)) => length,
            Ok(None) => return,
            Err(fault) => {
                self.fault = self.fault.or(Some(fault));
                return;
            }
        };
        match self.body.start.checked_add(length) {
            Some(end) if end <= self.body.end => self.body.end = end,
            _ => self.fault = self.fault.or(Some(Fault::ContentLength)),
        }
    }
}

/// The one Content-Length of a message.
pub(super) fn content_length(message: &Message<'_>) -> Result<Option<usize>, Fault> {
    let Some(value) = message.value(HeaderName::ContentLength) else { return Ok(None) };
    if message.is_repeated(HeaderName::ContentLength) {
        return Err(Fault::ContentLength);
    }
    decimal(value).map(|length| Some(length as usize)).ok_or(Fault::ContentLength)
}

/// A decimal number of at most nine digits; leading zeros beyond them are allowed.
pub(crate) fn decimal(text: &[u8]) -> Option<u32> {
    if text.is_empty() {
        return None;
    }
    let mut number = 0_u32;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number.checked_mul(10)?.checked_add(u32::from(digit))?;
    }
    Some(number)
}

/// A line without its end.
struct Line {
    place: Range<usize>,
    /// In it is a CR or LF that ends no line: what would be a header here could be another one
    /// elsewhere.
    has_bare_end: bool,
}

/// The line that begins at `at`, and where the next one begins. A line ends with CR LF; a bare LF
/// or CR ends none, so that nothing can hide behind one.
fn line(raw: &[u8], at: usize) -> (Line, usize) {
    let rest = raw.get(at..).unwrap_or_default();
    let (mut from, mut has_bare_end) = (0, false);
    while let Some(found) = rest.get(from..).and_then(|rest| memchr::memchr2(b'\r', b'\n', rest)) {
        let end = from + found;
        if rest.get(end..end + 2) == Some(b"\r\n") {
            return (Line { place: at..at + end, has_bare_end }, at + end + 2);
        }
        has_bare_end = true;
        from = end + 1;
    }
    (Line { place: at..raw.len(), has_bare_end }, raw.len())
}

/// The same with the lines that continue it (RFC 3261 section 7.3.1).
fn logical_line(raw: &[u8], at: usize) -> (Line, usize) {
    let (mut whole, mut next) = line(raw, at);
    while !whole.place.is_empty() && matches!(raw.get(next), Some(b' ' | b'\t')) {
        let (more, after) = line(raw, next);
        whole.place.end = more.place.end;
        whole.has_bare_end |= more.has_bare_end;
        next = after;
    }
    (whole, next)
}

fn start_line(
    raw: &[u8],
    line: Range<usize>,
    fault: &mut Option<Fault>,
) -> Result<StartLine, ScanError> {
    let text = raw.get(line.clone()).unwrap_or_default();
    if let Some(rest) = version(text) {
        return response_line(rest, text, fault);
    }
    let first = memchr::memchr(b' ', text).ok_or(ScanError::NotSip)?;
    let trimmed = text.trim_ascii_end();
    let last = memchr::memrchr(b' ', trimmed).ok_or(ScanError::NotSip)?;
    let spoken = trimmed.get(last + 1..).unwrap_or_default();
    let rest = version(spoken).ok_or(ScanError::NotSip)?;
    if !rest.is_empty() || trimmed.len() != text.len() {
        *fault = Some(Fault::StartLine);
    }
    if !spoken.eq_ignore_ascii_case(b"SIP/2.0") {
        *fault = Some(Fault::Version);
    }
    let method = text.get(..first).unwrap_or_default();
    let uri = if first < last { first + 1..last } else { first..first };
    let written = text.get(uri.clone()).unwrap_or_default();
    // White space other than blanks is among the control characters.
    let spaced = written.iter().any(|byte| *byte <= b' ' || *byte == 0x7f);
    if method.is_empty() || !class::all(method, TOKEN) || written.is_empty() || spaced {
        *fault = fault.or(Some(Fault::StartLine));
    }
    Ok(StartLine::Request {
        method: Method::of(method),
        method_at: line.start..line.start + first,
        uri_at: line.start + uri.start..line.start + uri.end,
    })
}

/// What follows `SIP/x.y`, if the text begins with that.
fn version(text: &[u8]) -> Option<&[u8]> {
    let (name, rest) = text.split_at_checked(4)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let sip = name.eq_ignore_ascii_case(b"SIP/") && digits > 0;
    sip.then(|| rest.get(digits..)).flatten()
}

fn response_line(
    rest: &[u8],
    text: &[u8],
    fault: &mut Option<Fault>,
) -> Result<StartLine, ScanError> {
    if !text.get(..7).unwrap_or_default().eq_ignore_ascii_case(b"SIP/2.0") {
        *fault = Some(Fault::Version);
    }
    let code = rest.strip_prefix(b" ").and_then(|rest| rest.get(..3)).and_then(decimal);
    match code {
        Some(code @ 100..=699) if matches!(rest.get(4), None | Some(b' ')) => {
            Ok(StartLine::Response { code: code as u16 })
        }
        _ => Err(ScanError::NotSip),
    }
}

fn header(raw: &[u8], line: Line) -> Option<Header> {
    let text = raw.get(line.place.clone())?;
    let (name, rest) = text.split_at_checked(class::length(text, TOKEN))?;
    let value = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    if name.is_empty() || line.has_bare_end {
        return None;
    }
    let from = line.place.end - value.len();
    let to = from + value.trim_ascii_end().len();
    Some(Header { name: HeaderName::of(name), line: line.place, value: from..to })
}
