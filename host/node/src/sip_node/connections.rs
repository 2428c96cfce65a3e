//! TCP and TLS connections of the SIP node, those that it accepted and those that it opened.
//!
//! A message for an address goes over a connection to it where there is one, else over a new one
//! (RFC 3261 section 18, RFC 5923). Every connection has two bounds, one for what waits to be
//! written and one for what arrives and is not understood; at either it is closed. Reading order:
//! this file (finding and opening), `table` (who is connected), `pump` (one connection).

mod pump;
mod table;
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use arc_swap::ArcSwap;
use nix::sys::socket::{setsockopt, sockopt};
use rustls::pki_types::ServerName;
use takeover_sip::flow::{ConnectionId, Flow, Transport};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use self::pump::{Ending, pump};
use self::table::{Opened, Table};
use super::limits::{
    ACCEPT_RETRY, CONNECT_TIMEOUT, CONNECTIONS_MAX, CONNECTIONS_PER_SOURCE_MAX,
    STREAM_USER_TIMEOUT, TLS_ACCEPT_TIMEOUT,
};
use super::machine::Input;
use super::thread::Item;
use super::wake::Post;

pub(crate) use self::table::ConnectionCounts;

/// The TLS settings of both directions.
#[derive(Clone, Debug)]
pub(crate) struct StreamTls {
    /// For those who connect.
    pub(crate) server: Arc<rustls::ServerConfig>,
    /// For those that are connected to.
    pub(crate) client: Arc<rustls::ClientConfig>,
}

/// Those that are used now; exchanged when the certificates are read again.
pub(crate) type CurrentStreamTls = Arc<ArcSwap<StreamTls>>;

/// The settings of a TLS port without the protocols of HTTP: telephones name none, or `sip/2`.
pub(crate) fn sip_server(server: &rustls::ServerConfig) -> Arc<rustls::ServerConfig> {
    let mut server = server.clone();
    server.alpn_protocols.clear();
    Arc::new(server)
}

/// All connections of a node.
#[derive(Clone, Debug)]
pub(crate) struct Connections {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    table: Mutex<Table>,
    listeners: Mutex<Vec<Listener>>,
    post: Post<Item>,
    tls: Option<CurrentStreamTls>,
    /// Addresses of this node that connections come from, at most one of each family.
    sources: Vec<IpAddr>,
    runtime: Handle,
}

/// The socket is closed by dropping it here, whatever its task is doing.
#[derive(Debug)]
struct Listener {
    _socket: Arc<tokio::net::TcpListener>,
    task: AbortHandle,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
enum ConnectError {
    #[error("connect: {0}")]
    Connect(#[from] io::Error),
    #[error("tls: {0}")]
    Tls(io::Error),
    #[error("no TLS is configured")]
    NoTls,
    #[error("not done within {CONNECT_TIMEOUT:?}")]
    Timeout,
}

impl Connections {
    /// None yet. They live on `runtime`, and what they receive goes to `post`.
    pub(crate) fn new(
        post: Post<Item>,
        tls: Option<CurrentStreamTls>,
        sources: Vec<IpAddr>,
        runtime: Handle,
    ) -> Self {
        let (table, listeners) = (Mutex::default(), Mutex::default());
        Self { shared: Arc::new(Shared { table, listeners, post, tls, sources, runtime }) }
    }

    /// Queues a message for its connection, opening one where there is none. Never waits. `false`:
    /// there is no way to that destination.
    pub(crate) fn send(&self, flow: &Flow, message: &[u8]) -> bool {
        let mut table = self.shared.lock();
        let known = match flow.connection {
            Some(id) => Some(id),
            None => table.find(flow.transport, flow.remote),
        };
        if let Some(id) = known {
            match table.queue(id, message) {
                Ok(()) => return true,
                Err(TrySendError::Full(())) => {
                    tracing::warn!(%flow, "connection closed: the peer does not read");
                    table.overrun(id);
                    return false;
                }
                // Gone: another one may be there for the same address, but not the one meant.
                Err(TrySendError::Closed(())) if flow.connection.is_some() => return false,
                Err(TrySendError::Closed(())) => table.forget(id),
            }
        }
        let Some(opened) = table.open(flow.transport, flow.remote) else {
            tracing::warn!(%flow, "not connected: {CONNECTIONS_MAX} connections are open");
            return false;
        };
        let queued = table.queue(opened.id, message).is_ok();
        drop(table);
        let flow = Flow { connection: Some(opened.id), ..*flow };
        self.shared.runtime.spawn(connect(Arc::clone(&self.shared), flow, opened));
        queued
    }

    /// Accepts connections by TCP and TLS.
    pub(crate) fn listen(&self, tcp: Vec<TcpListener>, tls: Vec<TcpListener>) {
        let tcp = tcp.into_iter().map(|listener| (Transport::Tcp, listener));
        let tls = tls.into_iter().map(|listener| (Transport::Tls, listener));
        let mut listeners = self.shared.listeners();
        let _runtime = self.shared.runtime.enter();
        for (transport, listener) in tcp.chain(tls) {
            match tokio::net::TcpListener::from_std(listener) {
                Ok(socket) => {
                    let socket = Arc::new(socket);
                    let shared = Arc::clone(&self.shared);
                    let accepting = accept(shared, transport, Arc::downgrade(&socket));
                    let task = tokio::spawn(accepting).abort_handle();
                    listeners.push(Listener { _socket: socket, task });
                }
                Err(error) => tracing::error!("listen by {transport}: {error}"),
            }
        }
    }

    /// The name that the certificate of an address must have, because that name led there. Without
    /// one it must have the address.
    pub(crate) fn expect(&self, address: SocketAddr, name: &str) {
        if let Ok(name) = ServerName::try_from(name.to_owned()) {
            self.shared.lock().expect(address, name);
        }
    }

    /// Closes a connection when what waits is written.
    pub(crate) fn close(&self, id: ConnectionId) {
        self.shared.lock().finish(id);
    }

    /// Closes every listener and every connection at once.
    pub(crate) fn close_all(&self) {
        for listener in self.shared.listeners().drain(..) {
            listener.task.abort();
        }
        self.shared.lock().close_all();
    }

    /// What happened since the start.
    pub(crate) fn counts(&self) -> ConnectionCounts {
        self.shared.lock().counts()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listeners(&self) -> MutexGuard<'_, Vec<Listener>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection is over: nobody finds it any more, and the machine learns of it.
    async fn ended(&self, flow: Flow, ending: Ending) {
        let Some(id) = flow.connection else { return };
        self.lock().forget(id);
        tracing::debug!(%flow, "connection ended: {ending}");
        // An error is the end of the node.
        let _ = self.post.send(Item::Input(Input::ConnectionClosed(id))).await;
    }
}

async fn accept(
    shared: Arc<Shared>,
    transport: Transport,
    socket: std::sync::Weak<tokio::net::TcpListener>,
) {
    loop {
        let accepted = poll_fn(|context| match socket.upgrade() {
            Some(socket) => socket.poll_accept(context).map(Some),
            None => Poll::Ready(None),
        });
        match accepted.await {
            None => return,
            Some(Ok((stream, remote))) => {
                let opened = shared.lock().accept(transport, remote);
                let Some(opened) = opened else {
                    tracing::warn!(
                        "connection of {remote} closed: {CONNECTIONS_MAX} connections are open, or \
                         {CONNECTIONS_PER_SOURCE_MAX} of its address"
                    );
                    continue;
                };
                tokio::spawn(serve(Arc::clone(&shared), stream, (transport, remote), opened));
            }
            Some(Err(error)) => {
                tracing::warn!("accept by {transport}: {error}");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

/// One connection that was accepted.
async fn serve(
    shared: Arc<Shared>,
    stream: TcpStream,
    (transport, remote): (Transport, SocketAddr),
    opened: Opened,
) {
    let flow = Flow { transport, remote, connection: Some(opened.id) };
    let ending = match (transport, &shared.tls) {
        _ if tune(&stream).is_err() => Ending::Closed,
        (Transport::Tls, Some(tls)) => {
            let server = Arc::clone(&tls.load().server);
            let accepting = TlsAcceptor::from(server).accept(stream);
            match timeout(TLS_ACCEPT_TIMEOUT, accepting).await {
                Ok(Ok(stream)) => pump(stream, flow, opened, &shared.post).await.0,
                Ok(Err(error)) => Ending::Failed(error),
                Err(_) => Ending::Silent,
            }
        }
        _ => pump(stream, flow, opened, &shared.post).await.0,
    };
    shared.ended(flow, ending).await;
}

/// One connection that is opened, from its beginning to its end.
async fn connect(shared: Arc<Shared>, flow: Flow, opened: Opened) {
    let id = opened.id;
    let by_address = Flow { connection: None, ..flow };
    let connecting = async {
        let stream = open(&shared, flow.remote).await?;
        if flow.transport != Transport::Tls {
            return Ok((Some(stream), None));
        }
        let tls = shared.tls.as_ref().ok_or(ConnectError::NoTls)?;
        let name = shared.lock().expected(flow.remote);
        let name = name.unwrap_or_else(|| ServerName::IpAddress(flow.remote.ip().into()));
        let connector = TlsConnector::from(Arc::clone(&tls.load().client));
        let stream = connector.connect(name, stream).await.map_err(ConnectError::Tls)?;
        Ok((None, Some(stream)))
    };
    let connected =
        timeout(CONNECT_TIMEOUT, connecting).await.unwrap_or(Err(ConnectError::Timeout));
    let (ending, is_unsent) = match connected {
        Ok((Some(stream), _)) => pump(stream, flow, opened, &shared.post).await,
        Ok((None, Some(stream))) => pump(stream, flow, opened, &shared.post).await,
        Ok((None, None)) => (Ending::Closed, true),
        Err(error) => {
            tracing::warn!("{by_address}: {error}");
            shared.lock().failed(id);
            let _ = shared.post.send(Item::Input(Input::Unreachable(by_address))).await;
            return;
        }
    };
    shared.ended(flow, ending).await;
    if is_unsent {
        // Who sent to the address never knew the number of the connection.
        let _ = shared.post.send(Item::Input(Input::Unreachable(by_address))).await;
    }
}

/// A TCP connection from the address that the node listens on, where it is a certain one.
async fn open(shared: &Shared, remote: SocketAddr) -> io::Result<TcpStream> {
    let socket = if remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    let of_family = |source: &&IpAddr| source.is_ipv4() == remote.is_ipv4();
    if let Some(source) = shared.sources.iter().find(of_family) {
        socket.bind(SocketAddr::new(*source, 0))?;
    }
    let stream = socket.connect(remote).await?;
    tune(&stream)?;
    Ok(stream)
}

/// Small messages leave at once, and a dead peer is noticed.
fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let milliseconds = u32::try_from(STREAM_USER_TIMEOUT.as_millis()).unwrap_or(u32::MAX);
    setsockopt(stream, sockopt::TcpUserTimeout, &milliseconds)?;
    setsockopt(stream, sockopt::KeepAlive, &true)?;
    setsockopt(stream, sockopt::TcpKeepIdle, &60)?;
    setsockopt(stream, sockopt::TcpKeepInterval, &10)?;
    Ok(())
}
