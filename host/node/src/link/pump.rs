//! Moves messages between a WebSocket and the channels of one link until either ends.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use takeover_logic::control::io::LinkEnd;
use takeover_logic::limits::LINK_MESSAGE_BYTES_MAX;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::limits::{LINK_WRITE_TIMEOUT, TCP_USER_TIMEOUT};

/// How a link ended, for the machine and for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) end: LinkEnd,
    pub(super) reason: Arc<str>,
}

impl Ending {
    pub(super) fn closed(reason: impl Into<Arc<str>>) -> Self {
        Self { end: LinkEnd::Closed, reason: reason.into() }
    }

    pub(super) fn invalid(reason: impl Into<Arc<str>>) -> Self {
        Self { end: LinkEnd::Invalid, reason: reason.into() }
    }

    /// This side dropped its sender.
    pub(super) fn by_this_side() -> Self {
        Self { end: LinkEnd::Silent, reason: "closed by this side".into() }
    }
}

/// Limits of both ends. Buffers are small because messages are; they grow when needed.
pub(super) fn websocket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(16 << 10)
        .write_buffer_size(16 << 10)
        .max_message_size(Some(LINK_MESSAGE_BYTES_MAX))
        .max_frame_size(Some(LINK_MESSAGE_BYTES_MAX))
}

/// Socket options of both ends: small messages leave at once, and a dead connection is cleaned up.
pub(super) fn tune(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let milliseconds = u32::try_from(TCP_USER_TIMEOUT.as_millis()).unwrap_or(u32::MAX);
    nix::sys::socket::setsockopt(stream, nix::sys::socket::sockopt::TcpUserTimeout, &milliseconds)?;
    Ok(())
}

/// Reads messages into `events` (each made one by `wrap`) and writes what comes from `outgoing`,
/// until the socket, the sender of `outgoing` or the receiver of `events` ends.
pub(super) async fn pump<S, In, Out, E>(
    socket: &mut WebSocketStream<S>,
    outgoing: &mut mpsc::Receiver<Out>,
    events: &mpsc::Sender<E>,
    wrap: impl Fn(In) -> E,
) -> Ending
where
    S: AsyncRead + AsyncWrite + Unpin,
    In: DeserializeOwned,
    Out: Serialize,
{
    loop {
        tokio::select! {
            biased;
            message = outgoing.recv() => {
                let Some(message) = message else {
                    close(socket).await;
                    return Ending::by_this_side();
                };
                if let Err(ending) = write(socket, message, outgoing).await {
                    return ending;
                }
            }
            received = read::<S, In>(socket) => match received {
                Ok(message) => {
                    if events.send(wrap(message)).await.is_err() {
                        return Ending::by_this_side();
                    }
                }
                Err(ending) => return ending,
            },
        }
    }
}

/// The next message. Cancel safe.
pub(super) async fn read<S, In>(socket: &mut WebSocketStream<S>) -> Result<In, Ending>
where
    S: AsyncRead + AsyncWrite + Unpin,
    In: DeserializeOwned,
{
    let text = read_text(socket).await?;
    serde_json::from_str(&text)
        .map_err(|error| Ending::invalid(format!("message not understood: {error}")))
}

/// The next text frame. Cancel safe.
pub(super) async fn read_text<S>(
    socket: &mut WebSocketStream<S>,
) -> Result<tokio_tungstenite::tungstenite::Utf8Bytes, Ending>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return Ok(text),
            // The library answers pings by itself.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Ok(Message::Binary(_))) => {
                return Err(Ending::invalid("found a binary frame, allowed: text frames of JSON"));
            }
            Some(Ok(Message::Close(_))) | None => {
                return Err(Ending::closed("closed by the other side"));
            }
            Some(Err(error)) => return Err(ending(error)),
        }
    }
}

/// Writes a message and whatever else waits by now, in one go.
async fn write<S, Out>(
    socket: &mut WebSocketStream<S>,
    message: Out,
    outgoing: &mut mpsc::Receiver<Out>,
) -> Result<(), Ending>
where
    S: AsyncRead + AsyncWrite + Unpin,
    Out: Serialize,
{
    let all = async {
        socket.feed(encode(&message)?).await.map_err(ending)?;
        while let Ok(message) = outgoing.try_recv() {
            socket.feed(encode(&message)?).await.map_err(ending)?;
        }
        socket.flush().await.map_err(ending)
    };
    timeout(LINK_WRITE_TIMEOUT, all).await.unwrap_or_else(|_| {
        Err(Ending::closed(format!("the other side has not read for {LINK_WRITE_TIMEOUT:?}")))
    })
}

/// Sends one message and waits until it is written.
pub(super) async fn send<S, Out>(
    socket: &mut WebSocketStream<S>,
    message: &Out,
) -> Result<(), Ending>
where
    S: AsyncRead + AsyncWrite + Unpin,
    Out: Serialize,
{
    let message = encode(message)?;
    timeout(LINK_WRITE_TIMEOUT, async { socket.send(message).await.map_err(ending) })
        .await
        .unwrap_or_else(|_| Err(Ending::closed("the other side does not read")))
}

/// Says good-bye; the other side need not be there to hear it.
pub(super) async fn close<S>(socket: &mut WebSocketStream<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Nobody is left to be told of an error, and a peer that does not read must not hold us up.
    let _ = timeout(LINK_WRITE_TIMEOUT / 10, socket.close(None)).await;
}

fn encode(message: &impl Serialize) -> Result<Message, Ending> {
    let text = serde_json::to_string(message)
        .map_err(|error| Ending::invalid(format!("message can not be written: {error}")))?;
    if text.len() > LINK_MESSAGE_BYTES_MAX {
        return Err(Ending::invalid(format!(
            "message to send is {} bytes, allowed: {LINK_MESSAGE_BYTES_MAX}",
            text.len()
        )));
    }
    Ok(Message::text(text))
}

/// What a socket error means for the link.
fn ending(error: Error) -> Ending {
    match error {
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            Ending::closed("closed by the other side")
        }
        Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
            Ending::invalid(format!("message of at least {size} bytes, allowed: {max_size}"))
        }
        Error::Io(error) => Ending::closed(error.to_string()),
        error => Ending::invalid(error.to_string()),
    }
}
