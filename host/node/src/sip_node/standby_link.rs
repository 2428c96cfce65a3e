//! The link between the two nodes of a pair: lines of text, in order, until it breaks. What they
//! say, and when there should be a link, is the machine's business.
//!
//! Both nodes have an address of their own; the one with the smaller name dials, whichever of them
//! is primary, when the machine says so. With certificates each side proves its name to the other.

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::connections::CurrentStreamTls;
use super::limits::{
    ACCEPT_RETRY, STANDBY_CONNECT_TIMEOUT, STANDBY_KEEPALIVE_S, STANDBY_LINE_BYTES_MAX,
    STANDBY_QUEUE_MAX, STANDBY_WRITE_TIMEOUT,
};
use super::machine::{Input, StandbyInput};
use super::thread::Item;
use super::wake::Post;
use crate::link::server::tune;
use crate::pki;

/// Where the two ends are and how they prove who they are.
#[derive(Clone, Debug)]
pub(crate) struct StandbySettings {
    /// Name of this node.
    pub(crate) name: Arc<str>,
    /// Name of the other one.
    pub(crate) peer: Arc<str>,
    /// Where this node listens: an address of its own, never the virtual one.
    pub(crate) listen: SocketAddr,
    /// Where the other node listens, `ADDRESS:PORT` or `NAME:PORT`.
    pub(crate) peer_address: Arc<str>,
    /// Mutual TLS; none: plain, for tests and networks that nobody else is on.
    pub(crate) tls: Option<StandbyTls>,
}

/// Both directions of mutual TLS.
#[derive(Clone, Debug)]
pub(crate) struct StandbyTls {
    /// For the node that is dialed, and for the one that dials.
    pub(crate) current: CurrentStreamTls,
    /// The name that the other node's certificate must have.
    pub(crate) peer_name: Arc<str>,
}

/// The link as the rest of the node has it.
#[derive(Clone, Debug)]
pub(crate) struct StandbyLink {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: StandbySettings,
    post: Post<Item>,
    wanted: watch::Sender<bool>,
    /// The other node is to be dialed once.
    dial: Notify,
    /// The writing end of the link that is there.
    current: Mutex<Option<Current>>,
    is_up: AtomicBool,
}

#[derive(Clone, Debug)]
struct Current {
    lines: mpsc::Sender<String>,
    stop: Arc<Notify>,
}

/// Why a link could not be made.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error("connect: {0}")]
    Connect(#[from] io::Error),
    #[error("tls: {0}")]
    Tls(io::Error),
    #[error("{0:?} is not the name of a host")]
    Name(Arc<str>),
    #[error("certificate: {0}")]
    Certificate(String),
    #[error("its certificate has the names {found:?}, allowed: {allowed}")]
    OtherName { found: Vec<String>, allowed: Arc<str> },
    #[error("not done within {STANDBY_CONNECT_TIMEOUT:?}")]
    Timeout,
}

impl StandbyLink {
    /// No link until it is wanted; what happens goes to `post`.
    pub(crate) fn start(settings: StandbySettings, post: Post<Item>, runtime: &Handle) -> Self {
        let (wanted, _) = watch::channel(false);
        let shared = Arc::new(Shared {
            settings,
            post,
            wanted,
            dial: Notify::new(),
            current: Mutex::default(),
            is_up: AtomicBool::new(false),
        });
        if dials(&shared.settings.name, &shared.settings.peer) {
            runtime.spawn(dial(Arc::clone(&shared)));
        } else {
            runtime.spawn(answer(Arc::clone(&shared)));
        }
        Self { shared }
    }

    /// Whether there should be a link. Where it should not, the one that is there is closed.
    pub(crate) fn set_wanted(&self, wanted: bool) {
        self.shared.wanted.send_if_modified(|now| std::mem::replace(now, wanted) != wanted);
    }

    /// Dials the other node once, where this one is to; what became of it goes to the machine.
    pub(crate) fn dial(&self) {
        self.shared.dial.notify_one();
    }

    /// Cuts the link that is there; what was sent before may be lost.
    pub(crate) fn cut(&self) {
        self.shared.stop();
    }

    /// The other node is there.
    pub(crate) fn is_up(&self) -> bool {
        self.shared.is_up.load(Ordering::Acquire)
    }

    /// Queues a line without its end. Never waits; without a link it is lost, and at the bound the
    /// link is closed.
    pub(crate) fn send(&self, line: String) {
        let mut current = self.shared.current.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(link) = &*current else { return };
        if let Err(TrySendError::Full(_)) = link.lines.try_send(line) {
            tracing::warn!("standby link closed: {STANDBY_QUEUE_MAX} changes wait for the standby");
            link.stop.notify_one();
            *current = None;
        }
    }
}

/// Whether a node dials: the one with the smaller name, whoever serves.
pub(crate) fn dials(name: &str, peer: &str) -> bool {
    name < peer
}

/// The dialing side. When is the machine's business.
async fn dial(shared: Arc<Shared>) {
    let mut told = String::new();
    loop {
        shared.dial.notified().await;
        match timeout(STANDBY_CONNECT_TIMEOUT, connect(&shared)).await {
            Ok(Ok(stream)) => {
                told = String::new();
                if !live(&shared, stream).await {
                    return;
                }
            }
            failed => {
                let error = failed.map_or(LinkError::Timeout, |failed| match failed {
                    Err(error) => error,
                    Ok(_) => LinkError::Timeout, // taken above
                });
                // An outage repeats the same error each time; it is worth one line.
                let text = format!("standby {}: {error}", shared.settings.peer_address);
                if text != told {
                    tracing::warn!("{text}");
                    told = text;
                }
                if !shared.tell(StandbyInput::DialFailed).await {
                    return;
                }
            }
        }
    }
}

async fn connect(shared: &Shared) -> Result<Box<dyn Stream>, LinkError> {
    let stream = TcpStream::connect(&*shared.settings.peer_address).await?;
    keep_alive(&stream)?;
    let Some(tls) = &shared.settings.tls else { return Ok(Box::new(stream)) };
    let name = ServerName::try_from(tls.peer_name.to_string())
        .map_err(|_| LinkError::Name(Arc::clone(&tls.peer_name)))?;
    let connector = TlsConnector::from(Arc::clone(&tls.current.load().client));
    Ok(Box::new(connector.connect(name, stream).await.map_err(LinkError::Tls)?))
}

/// The dialed side. A newer connection takes the place of the one that is there: the dialing node
/// has only one, so the older is dead without having been closed.
async fn answer(shared: Arc<Shared>) {
    let listener = loop {
        match TcpListener::bind(shared.settings.listen).await {
            Ok(listener) => break listener,
            Err(error) => {
                tracing::error!("standby link: listen on {}: {error}", shared.settings.listen);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    };
    let mut wanted = shared.wanted.subscribe();
    let mut living: Option<tokio::task::JoinHandle<bool>> = None;
    loop {
        let stream = match listener.accept().await {
            Ok((stream, from)) => {
                if !*wanted.borrow_and_update() {
                    continue;
                }
                match timeout(STANDBY_CONNECT_TIMEOUT, accept(&shared, stream)).await {
                    Ok(Ok(stream)) => stream,
                    Ok(Err(error)) => {
                        tracing::warn!("standby link refused from {from}: {error}");
                        continue;
                    }
                    Err(_) => {
                        tracing::warn!("standby link refused from {from}: {}", LinkError::Timeout);
                        continue;
                    }
                }
            }
            Err(error) => {
                tracing::warn!("standby link: accept: {error}");
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        if let Some(older) = living.take() {
            shared.stop();
            if !older.await.unwrap_or(true) {
                return;
            }
        }
        let shared = Arc::clone(&shared);
        living = Some(tokio::spawn(async move { live(&shared, stream).await }));
    }
}

async fn accept(shared: &Shared, stream: TcpStream) -> Result<Box<dyn Stream>, LinkError> {
    keep_alive(&stream)?;
    let Some(tls) = &shared.settings.tls else { return Ok(Box::new(stream)) };
    let accepting = TlsAcceptor::from(Arc::clone(&tls.current.load().server)).accept(stream);
    let stream = accepting.await.map_err(LinkError::Tls)?;
    let leaf = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let found = match leaf {
        Some(leaf) => pki::facts(leaf).map_err(LinkError::Certificate)?.names,
        None => Vec::new(),
    };
    if !found.iter().any(|name| **name == *tls.peer_name) {
        return Err(LinkError::OtherName { found, allowed: Arc::clone(&tls.peer_name) });
    }
    Ok(Box::new(stream))
}

/// Options of both ends: lines leave at once, and a link that only this end has is noticed, whether
/// or not there is something to say.
fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    tune(stream)?;
    setsockopt(stream, sockopt::KeepAlive, &true)?;
    setsockopt(stream, sockopt::TcpKeepIdle, &STANDBY_KEEPALIVE_S)?;
    setsockopt(stream, sockopt::TcpKeepInterval, &STANDBY_KEEPALIVE_S)?;
    Ok(())
}

/// Both kinds of connection.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// One link from its beginning to its end; whether the node goes on.
async fn live(shared: &Shared, stream: Box<dyn Stream>) -> bool {
    let (lines, mut queue) = mpsc::channel(STANDBY_QUEUE_MAX);
    let stop = Arc::new(Notify::new());
    let mut wanted = shared.wanted.subscribe();
    shared.set(Some(Current { lines, stop: Arc::clone(&stop) }));
    if !shared.tell(StandbyInput::Up).await {
        return false;
    }
    let (reader, mut writer) = tokio::io::split(stream);
    let reason = tokio::select! {
        () = stop.notified() => "closed: the other node is behind, or has come again".into(),
        _ = wanted.wait_for(|wanted| !*wanted) => "closed: it is not wanted any more".into(),
        reason = read(reader, shared) => reason,
        reason = write(&mut writer, &mut queue) => reason,
    };
    shared.set(None);
    // Who is gone need not hear it.
    let _ = timeout(STANDBY_WRITE_TIMEOUT, writer.shutdown()).await;
    tracing::info!("standby link ended: {reason}");
    shared.tell(StandbyInput::Down(reason.into())).await
}

impl Shared {
    fn set(&self, current: Option<Current>) {
        self.is_up.store(current.is_some(), Ordering::Release);
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = current;
    }

    fn stop(&self) {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(link) = &*current {
            link.stop.notify_one();
        }
    }

    async fn tell(&self, input: StandbyInput) -> bool {
        self.post.send(Item::Input(Input::Standby(input))).await.is_ok()
    }
}

async fn read(reader: impl AsyncRead + Unpin, shared: &Shared) -> String {
    let limit = STANDBY_LINE_BYTES_MAX as u64 + 1;
    let mut reader = BufReader::with_capacity(64 << 10, reader).take(limit);
    let mut line = Vec::new();
    loop {
        line.clear();
        reader.set_limit(limit);
        match reader.read_until(b'\n', &mut line).await {
            Err(error) => return error.to_string(),
            Ok(0) => return "closed by the other node".to_owned(),
            Ok(_) => {}
        }
        if line.pop() != Some(b'\n') {
            return match reader.limit() {
                0 => format!("a line of more than {STANDBY_LINE_BYTES_MAX} bytes"),
                _ => "closed by the other node in the middle of a line".to_owned(),
            };
        }
        let message = match std::str::from_utf8(&line) {
            Ok(message) => message.to_owned(),
            Err(error) => return format!("a line that is no text: {error}"),
        };
        if !shared.tell(StandbyInput::Message(message)).await {
            return "the node is stopping".to_owned();
        }
    }
}

async fn write(
    writer: &mut (impl AsyncWrite + Unpin),
    queue: &mut mpsc::Receiver<String>,
) -> String {
    let mut lines = Vec::with_capacity(256);
    let mut bytes = Vec::new();
    loop {
        lines.clear();
        if queue.recv_many(&mut lines, 256).await == 0 {
            return "closed by this node".to_owned();
        }
        bytes.clear();
        for line in &lines {
            if line.len() >= STANDBY_LINE_BYTES_MAX {
                return format!(
                    "a line to send has {} bytes, allowed: {STANDBY_LINE_BYTES_MAX}",
                    line.len() + 1
                );
            }
            bytes.extend_from_slice(line.as_bytes());
            bytes.push(b'\n');
        }
        let all = async {
            writer.write_all(&bytes).await?;
            writer.flush().await
        };
        match timeout(STANDBY_WRITE_TIMEOUT, all).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return error.to_string(),
            Err(_) => return "the other node does not read".to_owned(),
        }
    }
}
