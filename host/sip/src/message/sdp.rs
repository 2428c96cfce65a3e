//! The one thing that is read of a session description: whether it puts the call on hold (RFC 3264
//! section 8.4, RFC 4566).

use super::{HeaderName, Message};

/// Whether the description in a message puts the call on hold: no stream of it that is used may be
/// heard by whoever sent it. None: there is no description, or no stream in it.
pub fn holds(message: &Message<'_>) -> Option<bool> {
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
    let mut used = streams.iter().filter(|stream| stream.is_used).peekable();
    used.peek()?;
    Some(used.all(|stream| stream.is_silent || stream.is_nowhere))
}

/// One stream, or what holds for all of them.
#[derive(Clone, Copy, Default)]
struct Stream {
    /// Its port is not 0.
    is_used: bool,
    /// Its direction is one in which the other end is not heard.
    is_silent: bool,
    /// It is to be sent to no address: how hold was said before RFC 3264.
    is_nowhere: bool,
}

impl Stream {
    fn note(&mut self, line: &[u8]) {
        match line {
            b"a=sendonly" | b"a=inactive" => self.is_silent = true,
            b"a=sendrecv" | b"a=recvonly" => self.is_silent = false,
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

    fn said(body: &str) -> Option<bool> {
        let body = body.replace('\n', "\r\n");
        let text = format!(
            "INVITE sip:a@b SIP/2.0\r\nContent-Type: application/SDP; charset=utf-8\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        holds(&Message::scan(text.as_bytes()).unwrap())
    }

    #[test]
    fn hold_is_when_nobody_wants_to_hear() {
        let session = "v=0\no=- 1 1 IN IP4 10.0.0.1\ns=-\nc=IN IP4 10.0.0.1\nt=0 0\n";
        for (streams, expected) in [
            ("m=audio 4000 RTP/AVP 0\n", Some(false)),
            ("m=audio 4000 RTP/AVP 0\na=sendrecv\n", Some(false)),
            ("m=audio 4000 RTP/AVP 0\na=recvonly\n", Some(false)),
            ("m=audio 4000 RTP/AVP 0\na=sendonly\n", Some(true)),
            ("m=audio 4000 RTP/AVP 0\na=inactive\n", Some(true)),
            ("m=audio 4000 RTP/AVP 0\nc=IN IP4 0.0.0.0\n", Some(true)),
            ("a=inactive\nm=audio 4000 RTP/AVP 0\n", Some(true)),
            ("a=sendonly\nm=audio 4000 RTP/AVP 0\na=sendrecv\n", Some(false)),
            ("m=audio 4000 RTP/AVP 0\na=inactive\nm=video 4002 RTP/AVP 34\n", Some(false)),
            ("m=audio 4000 RTP/AVP 0\na=inactive\nm=video 0 RTP/AVP 34\n", Some(true)),
            ("m=audio 0/2 RTP/AVP 0\n", None),
            ("", None),
        ] {
            assert_eq!(said(&format!("{session}{streams}")), expected, "{streams}");
        }
    }

    #[test]
    fn another_body_says_nothing() {
        let text = b"INFO sip:a@b SIP/2.0\r\nContent-Type: text/plain\r\n\r\nm=audio 1 x\r\n";
        assert_eq!(holds(&Message::scan(text).unwrap()), None);
    }
}
