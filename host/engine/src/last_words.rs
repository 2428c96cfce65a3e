//! A component's standard error: the end of what it wrote, kept to explain a trap. In most
//! languages that is the message of a panic.
//!
//! It takes everything and keeps the last of it, so that an instance that lives long and writes
//! now and then is never told that there is no more room.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::convert::bounded;
use crate::limits::STDERR_BYTES_MAX;

/// The last bytes that were written, shared by all handles of one instance.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastWords(Arc<Mutex<VecDeque<u8>>>);

impl LastWords {
    /// What is kept, on one line.
    pub(crate) fn text(&self) -> String {
        let bytes: Vec<u8> = self.kept().iter().copied().collect();
        bounded(String::from_utf8_lossy(&bytes).trim(), STDERR_BYTES_MAX)
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, written: &[u8]) {
        let mut kept = self.kept();
        let written = written.get(written.len().saturating_sub(STDERR_BYTES_MAX)..);
        kept.extend(written.unwrap_or_default());
        let excess = kept.len().saturating_sub(STDERR_BYTES_MAX);
        kept.drain(..excess);
    }
}

impl IsTerminal for LastWords {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LastWords {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

impl OutputStream for LastWords {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.keep(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        // What may come in one piece; the engine makes a buffer of this size at the most.
        Ok(STDERR_BYTES_MAX)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for LastWords {
    async fn ready(&mut self) {}
}

impl AsyncWrite for LastWords {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.keep(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_what_was_written_is_kept() {
        let words = LastWords::default();
        for _ in 0..1000 {
            words.keep(b"not so important\n");
        }
        words.keep(b"the last ones\n");
        assert!(words.text().ends_with("not so important the last ones"), "{}", words.text());
        assert!(words.text().len() <= STDERR_BYTES_MAX);
        words.keep(&[b'a'; 5000]);
        assert_eq!(words.text(), "a".repeat(STDERR_BYTES_MAX));
    }
}
