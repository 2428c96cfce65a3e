//! One connection: cuts what arrives into whole messages, writes what waits, answers keep-alives
//! (RFC 5626 section 4.4.1), and notices when either can not go on.

use std::fmt;
use std::io;
use std::pin::pin;

use takeover_sip::flow::Flow;
use takeover_sip::message::stream::{Piece, StreamError, next};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::table::Opened;
use crate::sip_node::limits::{
    STREAM_IDLE_MAX, STREAM_LAST_ANSWERS, STREAM_PART_TIMEOUT, STREAM_READ_BYTES,
    STREAM_WRITE_TIMEOUT,
};
use crate::sip_node::thread::Item;
use crate::sip_node::wake::Post;

/// The answer to a keep-alive.
const PONG: &[u8] = b"\r\n";

/// Why a connection ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// By the peer, in order; or by this node.
    Closed,
    /// The connection broke.
    Failed(io::Error),
    /// Nothing came for too long.
    Silent,
    /// The peer does not read.
    NotRead,
    /// Nobody can tell where the next message begins.
    NotFramed(StreamError),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Closed => f.write_str("closed"),
            Ending::Failed(error) => error.fmt(f),
            Ending::Silent => f.write_str("nothing came for too long"),
            Ending::NotRead => f.write_str("the peer does not read"),
            Ending::NotFramed(error) => error.fmt(f),
        }
    }
}

/// Serves a connection to its end; also whether something was queued and not written.
pub(super) async fn pump<S>(
    stream: S,
    flow: Flow,
    opened: Opened,
    post: &Post<Item>,
) -> (Ending, bool)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Opened { id, mut queue, stop } = opened;
    let (mut reader, mut writer) = tokio::io::split(stream);
    // One answer that waits is as good as many.
    let (pong, mut pongs) = mpsc::channel(1);
    let mut is_written = true;
    let ending = {
        let mut writing = pin!(write(&mut writer, &mut queue, &mut pongs, &mut is_written));
        let ending = tokio::select! {
            () = stop.notified() => Ending::Closed,
            ending = read(&mut reader, flow, post, pong) => ending,
            ending = &mut writing => ending,
        };
        if let Ending::NotFramed(_) = ending {
            let last_answers = async {
                // An error is the end of the node: nobody closes the queue, and time does it.
                let _ = post.send(Item::Close(id)).await;
                tokio::join!(writing, discard(&mut reader));
            };
            tokio::select! {
                () = stop.notified() => {}
                _ = timeout(STREAM_LAST_ANSWERS, last_answers) => {}
            }
        }
        ending
    };
    (ending, !is_written || queue.try_recv().is_ok())
}

async fn read(
    reader: &mut (impl AsyncRead + Unpin),
    flow: Flow,
    post: &Post<Item>,
    pong: mpsc::Sender<()>,
) -> Ending {
    let mut bytes: Vec<u8> = Vec::with_capacity(STREAM_READ_BYTES);
    let mut has_spoken = false;
    loop {
        bytes.reserve(STREAM_READ_BYTES);
        let between = has_spoken && bytes.is_empty();
        let longest = if between { STREAM_IDLE_MAX } else { STREAM_PART_TIMEOUT };
        match timeout(longest, reader.read_buf(&mut bytes)).await {
            Err(_) => return Ending::Silent,
            Ok(Err(error)) => return Ending::Failed(error),
            Ok(Ok(0)) => return Ending::Closed,
            Ok(Ok(_)) => has_spoken = true,
        }
        let mut used = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            match next(rest) {
                Ok(Piece::More) => break,
                Ok(Piece::Message(length)) => {
                    let message = rest.get(..length).unwrap_or(rest).into();
                    // Where the SIP thread is behind, this waits, and with it the peer.
                    if post.send(Item::Message(flow, message)).await.is_err() {
                        return Ending::Closed;
                    }
                    used += length;
                }
                Ok(Piece::KeepAlive { skip, ping }) => {
                    if ping {
                        let _ = pong.try_send(());
                    }
                    used += skip;
                }
                Err(error) => return Ending::NotFramed(error),
            }
        }
        bytes.drain(..used);
        if bytes.is_empty() && bytes.capacity() > 4 * STREAM_READ_BYTES {
            bytes = Vec::new();
        }
    }
}

/// Reads on for nothing, until the peer closes: the kernel resets a connection that is closed with
/// something unread, and the peer would lose what it was sent last.
async fn discard(reader: &mut (impl AsyncRead + Unpin)) {
    let mut bytes = [0; 1024];
    while reader.read(&mut bytes).await.is_ok_and(|length| length > 0) {}
}

async fn write(
    writer: &mut (impl AsyncWrite + Unpin),
    queue: &mut mpsc::Receiver<Box<[u8]>>,
    pongs: &mut mpsc::Receiver<()>,
    is_written: &mut bool,
) -> Ending {
    loop {
        let message = tokio::select! {
            message = queue.recv() => message,
            Some(()) = pongs.recv() => Some(PONG.into()),
        };
        let Some(message) = message else {
            // TLS says good-bye; who is gone need not hear it.
            let _ = timeout(STREAM_WRITE_TIMEOUT, writer.shutdown()).await;
            return Ending::Closed;
        };
        *is_written = false;
        let all = async {
            writer.write_all(&message).await?;
            writer.flush().await
        };
        match timeout(STREAM_WRITE_TIMEOUT, all).await {
            Ok(Ok(())) => *is_written = true,
            Ok(Err(error)) => return Ending::Failed(error),
            Err(_) => return Ending::NotRead,
        }
    }
}
