//! The connection to a mail relay: reached, secured, greeted, and bounded in what it may say.
//!
//! Must not know what is sent.

use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, AsyncTokioStream, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::extension::ClientId;
use takeover_engine::host::outside::{Relay, RelaySecurity};
use takeover_logic::link::Fault;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::authorities::{Authorities, Trusted, tls_fault};
use super::reach::{Resolver, io_fault, without_brackets};
use super::{chain, failed, unavailable};
use crate::limits::RELAY_BYTES_MAX;

/// What it takes to reach a relay.
pub(super) struct Dialer<'a> {
    pub(super) resolver: &'a Resolver,
    pub(super) authorities: &'a Authorities,
    pub(super) relay: &'a Relay,
    /// How faults call it.
    pub(super) peer: &'a str,
}

impl Dialer<'_> {
    /// A connection on which the relay has been greeted by this host's name, secured as the grant
    /// says.
    pub(super) async fn connect(
        &self,
        host_name: &str,
        deadline: Instant,
    ) -> Result<AsyncSmtpConnection, Fault> {
        let Self { relay, peer, .. } = self;
        let hello = ClientId::Domain(host_name.to_owned());
        let fault = |error| smtp_fault(peer, &error);
        let stream = self.resolver.connect(&relay.host, relay.port, deadline).await?;
        let address = stream.peer_addr().map_err(|error| io_fault(peer, &error))?;
        let stream: Box<dyn AsyncTokioStream> = match relay.security {
            RelaySecurity::None | RelaySecurity::StartTls => Bounded::new(stream, address),
            RelaySecurity::Tls => {
                let trusted = self.authorities.of(None).await?;
                Bounded::new(trusted.secure(stream, &relay.host, peer).await?, address)
            }
        };
        let greeted = AsyncSmtpConnection::connect_with_transport(stream, &hello);
        let mut connection = greeted.await.map_err(fault)?;
        if relay.security == RelaySecurity::StartTls {
            if !connection.can_starttls() {
                return Err(failed(format!("{peer} does not offer STARTTLS, so nothing was sent")));
            }
            let trusted = self.authorities.of(None).await?;
            let parameters = parameters(&trusted, &relay.host).map_err(fault)?;
            connection.starttls(parameters, &hello).await.map_err(fault)?;
        }
        Ok(connection)
    }
}

/// Trusts the authorities that everything else trusts, and the name of the relay.
fn parameters(trusted: &Trusted, host: &str) -> Result<TlsParameters, SmtpError> {
    let builder = TlsParameters::builder(without_brackets(host).to_owned());
    let mut builder = builder.certificate_store(CertificateStore::None);
    for certificate in &trusted.certificates {
        builder = builder.add_root_certificate(Certificate::from_der(certificate.to_vec())?);
    }
    builder.build()
}

/// What an error of the exchange means to a component.
pub(super) fn smtp_fault(peer: &str, error: &SmtpError) -> Fault {
    if let Some(code) = error.status() {
        let words = error.source().map(ToString::to_string).unwrap_or_default();
        let text = format!("{peer} refused the message: {code} {words}");
        // 4xx: not now (RFC 5321 section 4.2.1).
        return if error.is_transient() { unavailable(text) } else { failed(text) };
    }
    let mut cause = error.source();
    while let Some(found) = cause {
        if let Some(error) = found.downcast_ref::<io::Error>() {
            let is_tls = error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
            return if is_tls { tls_fault(peer, error) } else { io_fault(peer, error) };
        }
        cause = found.source();
    }
    failed(format!("{peer}: {}", chain(error)))
}

/// A connection that gives [`RELAY_BYTES_MAX`] and then an error: the lines of a relay are read
/// whole, however long they are.
#[derive(Debug)]
struct Bounded<S> {
    stream: S,
    address: SocketAddr,
    left: usize,
}

impl<S> Bounded<S> {
    fn new(stream: S, address: SocketAddr) -> Box<Self> {
        Box::new(Self { stream, address, left: RELAY_BYTES_MAX })
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == 0 {
            let text = format!("says more than {RELAY_BYTES_MAX} bytes");
            return Poll::Ready(Err(io::Error::other(text)));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.left = self.left.saturating_sub(buffer.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S> AsyncTokioStream for Bounded<S>
where
    S: AsyncRead + AsyncWrite + Send + Sync + Unpin + std::fmt::Debug,
{
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}
