//! Answers to a request, written beside it (RFC 3261 section 8.2.6).

use std::net::SocketAddr;

use super::edit::stamp_via;
use super::{HeaderName, Message, Via};

/// What is answered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answer<'a> {
    /// 100 to 699.
    pub code: u16,
    /// The phrase behind it; empty for the usual one.
    pub phrase: &'a str,
    /// The To tag of an answer that has none yet; none for 100.
    pub tag: Option<&'a str>,
    /// Value of `Server`; empty for none.
    pub server: &'a str,
    /// Whole header lines, each with its end.
    pub lines: &'a [u8],
}

/// Appends an answer to `request`, which came from `source`.
pub fn write(request: &Message<'_>, source: SocketAddr, answer: &Answer<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"SIP/2.0 ");
    out.extend_from_slice(&digits(answer.code));
    out.push(b' ');
    let phrase = if answer.phrase.is_empty() { phrase(answer.code) } else { answer.phrase };
    out.extend_from_slice(phrase.as_bytes());
    out.extend_from_slice(b"\r\n");
    let mut first = true;
    for header in request.headers() {
        match header.name {
            HeaderName::Via => {
                match request.top_vias().filter(|_| first) {
                    Some((via, rest)) => via_line(&via, rest, source, out),
                    None => line(request.at(&header.line), out),
                }
                first = false;
            }
            HeaderName::To => {
                let tag = answer.tag.filter(|_| request.to_tag().is_none());
                to_line(request.at(&header.line), tag, out);
            }
            HeaderName::From | HeaderName::CallId | HeaderName::CSeq => {
                line(request.at(&header.line), out);
            }
            HeaderName::RecordRoute if (101..300).contains(&answer.code) => {
                line(request.at(&header.line), out);
            }
            _ => {}
        }
    }
    if !answer.server.is_empty() {
        out.extend_from_slice(b"Server: ");
        line(answer.server.as_bytes(), out);
    }
    out.extend_from_slice(answer.lines);
    out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
}

/// The three digits of a code.
fn digits(code: u16) -> [u8; 3] {
    [code / 100, code / 10, code].map(|number| b'0' + (number % 10) as u8)
}

fn line(text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}

fn via_line(via: &Via<'_>, rest: &[u8], source: SocketAddr, out: &mut Vec<u8>) {
    out.extend_from_slice(b"Via: ");
    stamp_via(via, source, out);
    if !rest.is_empty() {
        out.extend_from_slice(b", ");
        out.extend_from_slice(rest.trim_ascii());
    }
    out.extend_from_slice(b"\r\n");
}

fn to_line(text: &[u8], tag: Option<&str>, out: &mut Vec<u8>) {
    out.extend_from_slice(text);
    if let Some(tag) = tag {
        out.extend_from_slice(b";tag=");
        out.extend_from_slice(tag.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// The usual phrase of a code (RFC 3261 section 21).
pub fn phrase(code: u16) -> &'static str {
    match code {
        100 => "Trying",
        180 => "Ringing",
        182 => "Queued",
        200 => "OK",
        202 => "Accepted",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        423 => "Interval Too Brief",
        429 => "Too Many Requests",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        486 => "Busy Here",
        487 => "Request Terminated",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        600 => "Busy Everywhere",
        603 => "Decline",
        _ => match code / 100 {
            1 => "Progress",
            2 => "OK",
            3 => "Redirection",
            4 => "Request Failure",
            5 => "Server Failure",
            _ => "Global Failure",
        },
    }
}
