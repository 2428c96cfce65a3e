//! The control server's end of one link, from an upgraded connection to its end. Runs on the
//! decision thread.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use takeover_logic::ids::HostName;
use takeover_logic::link::{AgentMessage, ControlMessage, Hello, PROTOCOL};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::pump::{self, Ending, pump, websocket_config};
use super::{ControlEvent, LinkEvent, LinkNews, LinkSender};
use crate::limits::LINK_HANDSHAKE_TIMEOUT;

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// Where from.
    pub(crate) address: SocketAddr,
    /// The names in its certificate, which the CA signed.
    pub(crate) names: Arc<[String]>,
}

/// Options of an accepted TCP connection.
pub(crate) fn tune(stream: &TcpStream) -> std::io::Result<()> {
    pump::tune(stream)
}

/// Serves one link: `read` is what was read from `stream` beyond the HTTP upgrade.
pub(crate) async fn serve<S>(
    stream: S,
    read: Vec<u8>,
    (caller, link): (Caller, u64),
    news: mpsc::Sender<LinkNews>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut socket =
        WebSocketStream::from_partially_read(stream, read, Role::Server, Some(websocket_config()))
            .await;
    let hello = match greet(&mut socket, &caller, LINK_HANDSHAKE_TIMEOUT).await {
        Ok(hello) => hello,
        Err(ending) => {
            tracing::warn!(from = %caller.address, "link refused: {}", ending.reason);
            // Best effort: the peer may be gone or not speak this protocol.
            let _ = pump::send(&mut socket, &ControlMessage::Refused(ending.reason)).await;
            pump::close(&mut socket).await;
            return;
        }
    };
    let host = hello.host.clone();
    let (sender, mut outgoing) = LinkSender::channel();
    let wrap = |event: ControlEvent| LinkNews { host: host.clone(), link, event };
    let first = [LinkEvent::Linked(sender), LinkEvent::Message(AgentMessage::Hello(hello))];
    for event in first {
        if news.send(wrap(event)).await.is_err() {
            return;
        }
    }
    let message = |message| wrap(LinkEvent::Message(message));
    let Ending { end, reason } = pump(&mut socket, &mut outgoing, &news, message).await;
    tracing::warn!(%host, from = %caller.address, "link ended: {reason}");
    let _ = news.send(wrap(LinkEvent::Ended { end, reason })).await; // none: we are stopping
}

/// The first message must be a `Hello` of our protocol from the host that the certificate names.
async fn greet<S>(
    socket: &mut WebSocketStream<S>,
    caller: &Caller,
    limit: Duration,
) -> Result<Hello, Ending>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let text = timeout(limit, pump::read_text(socket))
        .await
        .map_err(|_| Ending::invalid(format!("no message within {limit:?}")))??;
    let hello = match serde_json::from_str(&text) {
        Ok(AgentMessage::Hello(hello)) => hello,
        Ok(_) => return Err(Ending::invalid("found another first message, allowed: hello")),
        Err(error) => return Err(not_understood(&text, &error)),
    };
    check_hello(&hello, &caller.names)?;
    Ok(hello)
}

fn check_hello(hello: &Hello, names: &[String]) -> Result<(), Ending> {
    check_protocol(u64::from(hello.protocol))?;
    if names.iter().any(|name| name == hello.host.as_str()) {
        return Ok(());
    }
    Err(Ending::invalid(format!(
        "host {:?} does not match its certificate, which is for {}",
        hello.host.as_str(),
        names.join(", ")
    )))
}

fn check_protocol(protocol: u64) -> Result<(), Ending> {
    if protocol == u64::from(PROTOCOL) {
        return Ok(());
    }
    Err(Ending::invalid(format!(
        "the agent speaks link protocol {protocol}, this control server {PROTOCOL}: \
         install the same version on both"
    )))
}

/// A `Hello` of another protocol may differ in more than its number; then the number says more
/// than the difference.
fn not_understood(text: &str, error: &serde_json::Error) -> Ending {
    let protocol = serde_json::from_str::<serde_json::Value>(text)
        .ok()
        .and_then(|message| message.get("protocol")?.as_u64());
    match protocol.map(check_protocol) {
        Some(Err(ending)) => ending,
        _ => Ending::invalid(format!("message not understood: {error}")),
    }
}

/// Who an in-process agent is: nobody else can be at the other end.
pub(crate) fn is_first_of(host: &HostName, message: &AgentMessage) -> bool {
    matches!(message, AgentMessage::Hello(hello) if hello.host == *host)
}
