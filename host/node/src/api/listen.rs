//! Accepts connections on the TLS port and on the optional loopback page, and serves HTTP on them.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::Extension;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::agent::Connection;
use crate::limits::{ACCEPT_RETRY, CONNECTIONS_MAX, LINK_HANDSHAKE_TIMEOUT, REQUEST_HEAD_TIMEOUT};
use crate::link::movable::MovableTcp;
use crate::link::server::tune;
use crate::pki;

/// What every listener of a control server shares.
#[derive(Clone)]
pub(crate) struct Listeners {
    router: Router,
    room: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
}

/// TLS settings that a reload of the certificates exchanges.
pub(crate) type CurrentTls = Arc<ArcSwap<rustls::ServerConfig>>;

impl Listeners {
    pub(crate) fn new(router: Router, stop: watch::Receiver<bool>) -> Self {
        Self { router, room: Arc::new(Semaphore::new(CONNECTIONS_MAX)), stop }
    }

    /// Serves the listener until told to stop; by TLS where there are settings for it.
    pub(crate) async fn serve(self, listener: TcpListener, tls: Option<CurrentTls>) {
        let mut stop = self.stop.clone();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match accepted {
                Ok((stream, address)) => self.spawn(stream, address, tls.as_ref()),
                Err(error) => {
                    tracing::warn!("accept: {error}");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }

    fn spawn(&self, stream: TcpStream, address: SocketAddr, tls: Option<&CurrentTls>) {
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else {
            tracing::warn!(from = %address, "connection closed: {CONNECTIONS_MAX} are open");
            return;
        };
        let (this, tls) = (self.clone(), tls.map(|tls| tls.load_full()));
        tokio::spawn(async move {
            match tls {
                Some(tls) => this.serve_tls(stream, address, tls).await,
                None => this.serve_http(stream, Connection { address, names: None }).await,
            }
            drop(room);
        });
    }

    async fn serve_tls(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        tls: Arc<rustls::ServerConfig>,
    ) {
        if let Err(error) = tune(&stream) {
            tracing::debug!(from = %address, "connection closed: {error}");
            return;
        }
        let accept = TlsAcceptor::from(tls).accept(MovableTcp::new(stream));
        let stream = match timeout(LINK_HANDSHAKE_TIMEOUT, accept).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                tracing::warn!(from = %address, "tls: {error}");
                return;
            }
            Err(_) => {
                let limit = LINK_HANDSHAKE_TIMEOUT;
                tracing::warn!(from = %address, "tls: handshake not done within {limit:?}");
                return;
            }
        };
        let names = match stream.get_ref().1.peer_certificates().map(<[_]>::first) {
            Some(Some(leaf)) => match pki::facts(leaf) {
                Ok(facts) => Some(facts.names.into()),
                Err(error) => {
                    tracing::warn!(from = %address, "client certificate: {error}");
                    return;
                }
            },
            _ => None,
        };
        self.serve_http(stream, Connection { address, names }).await;
    }

    async fn serve_http<S>(&self, stream: S, connection: Connection)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let from = connection.address;
        let service = TowerToHyperService::new(self.router.clone().layer(Extension(connection)));
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(REQUEST_HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut stop = self.stop.clone();
        let ended = tokio::select! {
            ended = served => ended,
            // Streams would go on for ever; the readers come back to the next control server.
            _ = stop.wait_for(|stop| *stop) => return,
        };
        if let Err(error) = ended {
            tracing::debug!(%from, "connection ended: {error}");
        }
    }
}
