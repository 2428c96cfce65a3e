//! Cuts the bytes of a TCP or TLS connection into whole messages (RFC 3261 section 18.3).

use super::Message;
use super::scan::content_length;
use crate::limits::{HEAD_BYTES_MAX, MESSAGE_BYTES_MAX};

/// What the bytes so far begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A message of that many bytes.
    Message(usize),
    /// Line ends between messages: that many bytes to skip; `ping` where it was the double one
    /// that wants a single one as its answer (RFC 5626 section 4.4.1).
    KeepAlive {
        /// Bytes to skip.
        skip: usize,
        /// An answer is wanted.
        ping: bool,
    },
    /// Not yet a whole one.
    More,
}

/// Why a connection has to be closed: nobody can tell where the next message begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The headers are longer than [`HEAD_BYTES_MAX`].
    #[error("headers of more than {HEAD_BYTES_MAX} bytes")]
    Head,
    /// The message is longer than [`MESSAGE_BYTES_MAX`].
    #[error("a message of more than {MESSAGE_BYTES_MAX} bytes")]
    Size,
    /// No SIP.
    #[error("not SIP")]
    NotSip,
    /// Content-Length is missing, repeated or no number.
    #[error("no single, decimal Content-Length")]
    ContentLength,
}

/// What `bytes` begin with.
///
/// # Errors
/// What can not be framed.
pub fn next(bytes: &[u8]) -> Result<Piece, StreamError> {
    let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    if blank > 0 {
        return Ok(Piece::KeepAlive { skip: blank, ping: bytes.starts_with(b"\r\n\r\n") });
    }
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
        return if bytes.len() > HEAD_BYTES_MAX { Err(StreamError::Head) } else { Ok(Piece::More) };
    };
    let head = end + 4;
    if head > HEAD_BYTES_MAX {
        return Err(StreamError::Head);
    }
    let message = Message::scan(bytes.get(..head).unwrap_or_default());
    let message = message.map_err(|_| StreamError::NotSip)?;
    let length = content_length(&message).ok().flatten().ok_or(StreamError::ContentLength)?;
    let whole = head.saturating_add(length);
    match whole {
        whole if whole > MESSAGE_BYTES_MAX => Err(StreamError::Size),
        whole if whole > bytes.len() => Ok(Piece::More),
        whole => Ok(Piece::Message(whole)),
    }
}
