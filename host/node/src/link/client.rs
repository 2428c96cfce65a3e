//! The agent's end: connects to one of the control addresses, and again whenever the link ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::AlertDescription;
use rustls::pki_types::ServerName;
use takeover_logic::ids::HostName;
use takeover_logic::link::{AgentMessage, ControlMessage};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::pump::{Ending, pump, tune, websocket_config};
use super::{AgentEvent, AgentLink, LinkEvent, LinkSender};
use crate::limits::{
    LINK_BACKOFF_MAX, LINK_BACKOFF_MIN, LINK_CONNECT_TIMEOUT, LINK_GOOD_AFTER,
    LINK_HANDSHAKE_TIMEOUT,
};

/// Path of the agents' WebSocket on the control server.
pub const AGENT_PATH: &str = "/v1/agent";

/// Where and as whom to link.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// The name of this host, as in its certificate; only for the log here.
    pub host: HostName,
    /// Addresses of the control server, `NAME:PORT` or `ADDRESS:PORT`, tried in turn. The name or
    /// address must be one of those in its certificate.
    pub addresses: Vec<String>,
    /// What `tls::client` made of the agent's files.
    pub tls: Arc<rustls::ClientConfig>,
}

/// Why an address could not be linked to.
#[derive(Debug, thiserror::Error)]
enum ConnectError {
    #[error("{0:?} is not NAME:PORT or ADDRESS:PORT")]
    Address(String),
    #[error("connect: {0}")]
    Connect(std::io::Error),
    #[error("connect: no answer within {LINK_CONNECT_TIMEOUT:?}")]
    NoAnswer,
    #[error("tls: {0}")]
    Tls(std::io::Error),
    #[error("the control server does not accept this agent's certificate: {0:?}")]
    Refused(AlertDescription),
    #[error("handshake: {0}")]
    WebSocket(tokio_tungstenite::tungstenite::Error),
    #[error("handshake: not done within {LINK_HANDSHAKE_TIMEOUT:?}")]
    Handshake,
}

/// Links to the control server, and again until the returned end is dropped. Begins with the first
/// [`AgentLink::next`], on the runtime of that call.
pub fn connect(settings: ClientSettings) -> AgentLink {
    let (events, link) = AgentLink::channel();
    link.fed_by(async move {
        tokio::select! {
            () = events.closed() => {}
            () = run(&settings, &events) => {}
        }
    })
}

async fn run(settings: &ClientSettings, events: &mpsc::Sender<AgentEvent>) {
    let mut backoff = Backoff::default();
    // An outage repeats the same error every two seconds; it is worth one line.
    let mut told = String::new();
    loop {
        for address in &settings.addresses {
            match open(settings, address).await {
                Ok(socket) => {
                    told.clear();
                    tracing::info!(host = %settings.host, %address, "linked to control server");
                    let since = tokio::time::Instant::now();
                    let (ending, refused) = live(socket, events).await;
                    tracing::warn!(%address, "link ended: {}", ending.reason);
                    if since.elapsed() >= LINK_GOOD_AFTER && !refused {
                        backoff = Backoff::default();
                    }
                    let Ending { end, reason } = ending;
                    if events.send(LinkEvent::Ended { end, reason }).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    let text = format!("control server {address}: {error}");
                    if text != told {
                        tracing::warn!("{text}");
                        told = text;
                    }
                }
            }
        }
        tokio::time::sleep(backoff.next()).await;
    }
}

type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// From a TCP connection to an open WebSocket, each step bounded.
async fn open(settings: &ClientSettings, address: &str) -> Result<Socket, ConnectError> {
    let name = server_name(address)?;
    let tcp = timeout(LINK_CONNECT_TIMEOUT, TcpStream::connect(address))
        .await
        .map_err(|_| ConnectError::NoAnswer)?
        .map_err(ConnectError::Connect)?;
    tune(&tcp).map_err(ConnectError::Connect)?;
    let handshakes = async {
        let connector = TlsConnector::from(settings.tls.clone());
        let tls = connector.connect(name, tcp).await.map_err(ConnectError::Tls)?;
        let url = format!("ws://{address}{AGENT_PATH}");
        client_async_with_config(url, tls, Some(websocket_config()))
            .await
            .map(|(socket, _)| socket)
            .map_err(|error| match refusal(&error) {
                Some(alert) => ConnectError::Refused(alert),
                None => ConnectError::WebSocket(error),
            })
    };
    timeout(LINK_HANDSHAKE_TIMEOUT, handshakes).await.map_err(|_| ConnectError::Handshake)?
}

/// The alert by which the other side refused our certificate. With TLS 1.3 it comes after our part
/// of the handshake is done, as the failure of the first read (RFC 8446 section 4.4.2.4).
fn refusal(error: &tokio_tungstenite::tungstenite::Error) -> Option<AlertDescription> {
    let tokio_tungstenite::tungstenite::Error::Io(error) = error else { return None };
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::AlertReceived(alert) => matches!(
            alert,
            AlertDescription::UnknownCA
                | AlertDescription::DecryptError
                | AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::CertificateRequired
                | AlertDescription::AccessDenied
        )
        .then_some(*alert),
        _ => None,
    }
}

fn server_name(address: &str) -> Result<ServerName<'static>, ConnectError> {
    let error = || ConnectError::Address(address.to_owned());
    let (host, port) = address.rsplit_once(':').ok_or_else(error)?;
    port.parse::<u16>().map_err(|_| error())?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(host.to_owned()).map_err(|_| error())
}

/// One link from its first event to its last but `Ended`; also whether the control server refused
/// it, which a quick next attempt would not change.
async fn live(mut socket: Socket, events: &mpsc::Sender<AgentEvent>) -> (Ending, bool) {
    let (sender, mut outgoing) = LinkSender::<AgentMessage>::channel();
    if events.send(LinkEvent::Linked(sender)).await.is_err() {
        return (Ending::by_this_side(), false);
    }
    let refused = AtomicBool::new(false);
    let ending = pump(&mut socket, &mut outgoing, events, |message: ControlMessage| {
        if let ControlMessage::Refused(reason) = &message {
            tracing::error!("refused by the control server: {reason}");
            refused.store(true, Ordering::Relaxed);
        }
        LinkEvent::Message(message)
    })
    .await;
    (ending, refused.load(Ordering::Relaxed))
}

/// Doubling waits of which half is random.
#[derive(Debug, Default)]
struct Backoff {
    failures: u32,
}

impl Backoff {
    fn next(&mut self) -> Duration {
        let full = (LINK_BACKOFF_MIN * 2u32.saturating_pow(self.failures)).min(LINK_BACKOFF_MAX);
        self.failures = (self.failures + 1).min(16);
        let mut random = [0u8; 4];
        // Without random bytes the wait is the shortest of its range: still bounded.
        let _ = getrandom::fill(&mut random);
        let share = f64::from(u32::from_ne_bytes(random)) / f64::from(u32::MAX);
        full / 2 + (full / 2).mul_f64(share)
    }
}
