//! JSON values as lines on a stream socket, one per line, for both ends of an application channel.
//!
//! Nothing here waits but [`JsonLines::ready`]; both directions are bounded. Must not know what
//! the values mean.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::Interest;
use tokio::net::UnixStream;

use crate::limits::{CHANNEL_LINE_BYTES_MAX, CHANNEL_WAITING_BYTES_MAX};

/// Bytes read at a time.
const CHUNK: usize = 4096;

/// Why a connection can not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinesError {
    /// The other side closed it.
    #[error("closed by the other side")]
    Closed,
    /// A line is too long.
    #[error("a line of more than {CHANNEL_LINE_BYTES_MAX} bytes")]
    TooLong,
    /// A line does not say what it should.
    #[error("a line that is not a message: {0}")]
    NotAMessage(serde_json::Error),
    /// The other side does not read.
    #[error("{CHANNEL_WAITING_BYTES_MAX} bytes wait to be read")]
    NotRead,
    /// The socket failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A connection.
#[derive(Debug)]
pub(crate) struct JsonLines {
    stream: UnixStream,
    /// Read, not yet taken.
    input: Vec<u8>,
    /// Not yet written.
    output: Vec<u8>,
}

impl JsonLines {
    pub(crate) fn new(stream: UnixStream) -> Self {
        Self { stream, input: Vec::new(), output: Vec::new() }
    }

    /// Writes a message, now where the other side reads as fast.
    pub(crate) fn write(&mut self, message: &impl Serialize) -> Result<(), LinesError> {
        serde_json::to_writer(&mut self.output, message).map_err(io::Error::from)?;
        self.output.push(b'\n');
        self.flush()?;
        if self.output.len() > CHANNEL_WAITING_BYTES_MAX {
            return Err(LinesError::NotRead);
        }
        Ok(())
    }

    /// Waits until something can be read or written, and does that. Cancel safe.
    pub(crate) async fn ready(&mut self) -> Result<(), LinesError> {
        let interest = if self.output.is_empty() {
            Interest::READABLE
        } else {
            Interest::READABLE | Interest::WRITABLE
        };
        let ready = self.stream.ready(interest).await?;
        if ready.is_writable() {
            self.flush()?;
        }
        if ready.is_readable() {
            self.fill()?;
        }
        Ok(())
    }

    /// The next message that was read whole.
    pub(crate) fn next<T: DeserializeOwned>(&mut self) -> Option<Result<T, LinesError>> {
        loop {
            let end = self.input.iter().position(|byte| *byte == b'\n')?;
            let line: Vec<u8> = self.input.drain(..=end).collect();
            if !line.iter().all(u8::is_ascii_whitespace) {
                return Some(serde_json::from_slice(&line).map_err(LinesError::NotAMessage));
            }
        }
    }

    fn flush(&mut self) -> Result<(), LinesError> {
        while !self.output.is_empty() {
            match self.stream.try_write(&self.output) {
                Ok(written) => drop(self.output.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // What it had still said is read first; its end is seen there.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    self.output.clear();
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn fill(&mut self) -> Result<(), LinesError> {
        // Whole lines are taken after each piece, so only one that never ends grows.
        if self.input.len() > CHANNEL_LINE_BYTES_MAX {
            return Err(LinesError::TooLong);
        }
        let mut chunk = [0; CHUNK];
        match self.stream.try_read(&mut chunk) {
            Ok(0) => Err(LinesError::Closed),
            Ok(read) => {
                self.input.extend_from_slice(chunk.get(..read).unwrap_or_default());
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Err(LinesError::Closed),
            Err(error) => Err(error.into()),
        }
    }
}
