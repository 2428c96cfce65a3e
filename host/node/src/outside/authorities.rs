//! The certificate authorities that connections of components are checked against, and the check.
//!
//! Must not know what is said on a connection.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use takeover_logic::link::Fault;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::reach::{io_fault, without_brackets};
use super::{chain, failed, invalid};
use crate::limits::AUTHORITIES_AGE_MAX;
use crate::pki;

/// Certificates of authorities and the TLS settings that trust them and nothing else.
pub(super) struct Trusted {
    pub(super) certificates: Vec<CertificateDer<'static>>,
    tls: Arc<ClientConfig>,
}

impl Trusted {
    /// Makes a connection one that only the host of that name, or address, can read. `peer` is how
    /// faults call it.
    pub(super) async fn secure(
        &self,
        stream: TcpStream,
        host: &str,
        peer: &str,
    ) -> Result<TlsStream<TcpStream>, Fault> {
        let name = ServerName::try_from(without_brackets(host).to_owned())
            .map_err(|_| invalid(format!("{peer}: is no name that a certificate could have")))?;
        let connecting = TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await;
        connecting.map_err(|error| tls_fault(peer, &error))
    }
}

/// Also what is wrong with a certificate comes as an error of the socket.
pub(super) fn tls_fault(peer: &str, error: &std::io::Error) -> Fault {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(tls) => failed(format!("{peer}: TLS: {tls}")),
        None => io_fault(&format!("{peer}: TLS"), error),
    }
}

/// Those that are trusted where a call names none. Read when first used, and again when they are
/// older than [`AUTHORITIES_AGE_MAX`], so that an authority that is added is found without a
/// restart.
#[derive(Clone)]
pub(super) struct Authorities {
    file: Option<Arc<Path>>,
    newest: Arc<Mutex<Option<Reading>>>,
}

/// What was read, and when.
type Reading = (Instant, Arc<Trusted>);

impl Authorities {
    /// Those in a PEM file; none: those of the operating system.
    pub(super) fn new(file: Option<PathBuf>) -> Self {
        Self { file: file.map(Into::into), newest: Arc::default() }
    }

    /// Those in the file of a call, or the default ones.
    pub(super) async fn of(&self, file: Option<PathBuf>) -> Result<Arc<Trusted>, Fault> {
        let own = self.clone();
        let reading = tokio::task::spawn_blocking(move || match file {
            Some(file) => from_file(&file).map(Arc::new),
            None => own.default_ones(),
        });
        reading.await.unwrap_or_else(|_| Err(failed("certificate authorities can not be read")))
    }

    fn default_ones(&self) -> Result<Arc<Trusted>, Fault> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, trusted)) = &*newest
            && at.elapsed() < AUTHORITIES_AGE_MAX
        {
            return Ok(Arc::clone(trusted));
        }
        let trusted = Arc::new(match &self.file {
            Some(file) => from_file(file)?,
            None => from_system()?,
        });
        *newest = Some((Instant::now(), Arc::clone(&trusted)));
        Ok(trusted)
    }
}

fn from_file(file: &Path) -> Result<Trusted, Fault> {
    let certificates = pki::read_certificates(file).map_err(|error| failed(chain(&error)))?;
    trusting(certificates)
}

/// A system has certificates now and then that nothing can read; the rest is as good.
fn from_system() -> Result<Trusted, Fault> {
    let found = rustls_native_certs::load_native_certs();
    if let Some(error) = found.errors.first() {
        tracing::warn!(count = found.errors.len(), "authorities of this system: {error}");
    }
    trusting(found.certs)
}

fn trusting(mut certificates: Vec<CertificateDer<'static>>) -> Result<Trusted, Fault> {
    let mut store = RootCertStore::empty();
    certificates.retain(|certificate| store.add(certificate.clone()).is_ok());
    if store.is_empty() {
        return Err(failed("no certificate authority is trusted: none was found that can be read"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(format!("TLS: {error}")))?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(Trusted { certificates, tls: Arc::new(tls) })
}
