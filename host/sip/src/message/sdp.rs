//! The one thing that is read of a session description: whether whoever sent it hears and speaks,
//! which says who puts the call on hold (RFC 3264 section 8.4, RFC 4566).

use serde::{Deserialize, Serialize};

use super::{HeaderName, Message};

/// What a description says of whoever sent it, over all streams of it that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// Something is to be heard there; not so: it puts the call on hold.
    pub hears: bool,
    /// Something may come from there.
    pub speaks: bool,
}

/// The description in a message. None: there is none, or no stream in it.
pub fn description(message: &Message<'_>) -> Option<Description> {
    let kind = message.value(HeaderName::ContentType)?;
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if !kind.eq_ignore_ascii_case(b"application/sdp") {
        return None;
    }
    let mut session = Stream::default();
    let mut streams: Vec<Stream> = Vec::new();
    for line in message.body().split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end) {
        if let Some(media) = line.strip_prefix(b"m=") {
            streams.push(Stream { is_used: is_used(media), ..session });
            continue;
        }
        streams.last_mut().unwrap_or(&mut session).note(line);
    }
    let used = || streams.iter().filter(|stream| stream.is_used);
    used().next()?;
    let hears = used().any(|stream| !stream.is_deaf && !stream.is_nowhere);
    Some(Description { hears, speaks: used().any(|stream| !stream.is_mute) })
}

/// One stream, or what holds for all of them.
#[derive(Clone, Copy, Default)]
struct Stream {
    /// Its port is not 0.
    is_used: bool,
    /// Its direction is one in which the other end is not heard.
    is_deaf: bool,
    /// Its direction is one in which the other end is told nothing.
    is_mute: bool,
    /// It is to be sent to no address: how hold was said before RFC 3264.
    is_nowhere: bool,
}

impl Stream {
    fn note(&mut self, line: &[u8]) {
        let mut goes = |deaf, mute| (self.is_deaf, self.is_mute) = (deaf, mute);
        match line {
            b"a=sendrecv" => goes(false, false),
            b"a=sendonly" => goes(true, false),
            b"a=recvonly" => goes(false, true),
            b"a=inactive" => goes(true, true),
            _ if line.starts_with(b"c=") => self.is_nowhere = line.ends_with(b" 0.0.0.0"),
            _ => {}
        }
    }
}

/// `audio 49170 RTP/AVP 0`: the port, before a count of ports, is not 0.
fn is_used(media: &[u8]) -> bool {
    let port = media.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    port.split(|byte| *byte == b'/').next() != Some(b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it hears and whether it speaks.
    fn said(body: &str) -> Option<(bool, bool)> {
        let body = body.replace('\n', "\r\n");
        let text = format!(
            "INVITE sip:a@b SIP/2.0\r\nContent-Type: application/SDP; charset=utf-8\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let description = description(&Message::scan(text.as_bytes()).unwrap())?;
        Some((description.hears, description.speaks))
    }

    #[test]
    fn hold_is_when_nobody_wants_to_hear() {
        let session = "v=0\no=- 1 1 IN IP4 10.0.0.1\ns=-\nc=IN IP4 10.0.0.1\nt=0 0\n";
        for (streams, expected) in [
            ("m=audio 4000 RTP/AVP 0\n", Some((true, true))),
            ("m=audio 4000 RTP/AVP 0\na=sendrecv\n", Some((true, true))),
            ("m=audio 4000 RTP/AVP 0\na=recvonly\n", Some((true, false))),
            ("m=audio 4000 RTP/AVP 0\na=sendonly\n", Some((false, true))),
            ("m=audio 4000 RTP/AVP 0\na=inactive\n", Some((false, false))),
            ("m=audio 4000 RTP/AVP 0\nc=IN IP4 0.0.0.0\n", Some((false, true))),
            ("a=inactive\nm=audio 4000 RTP/AVP 0\n", Some((false, false))),
            ("a=sendonly\nm=audio 4000 RTP/AVP 0\na=sendrecv\n", Some((true, true))),
            ("m=audio 4000 RTP/AVP 0\na=inactive\nm=video 4002 RTP/AVP 34\n", Some((true, true))),
            ("m=audio 4000 RTP/AVP 0\na=inactive\nm=video 0 RTP/AVP 34\n", Some((false, false))),
            (
                "m=audio 4000 RTP/AVP 0\na=sendonly\nm=video 2 RTP/AVP 34\na=recvonly\n",
                Some((true, true)),
            ),
            ("m=audio 0/2 RTP/AVP 0\n", None),
            ("", None),
        ] {
            assert_eq!(said(&format!("{session}{streams}")), expected, "{streams}");
        }
    }

    #[test]
    fn another_body_says_nothing() {
        let text = b"INFO sip:a@b SIP/2.0\r\nContent-Type: text/plain\r\n\r\nm=audio 1 x\r\n";
        assert_eq!(description(&Message::scan(text).unwrap()), None);
    }
}
