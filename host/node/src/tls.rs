//! TLS settings of both ends, made from checked files. One provider (ring), named explicitly, so
//! that an embedding program's own choice is left alone.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::pki::{self, Identity, PkiError, TlsFiles};

/// The TLS port of the control server: a certificate of the same CA is asked from clients but not
/// demanded, because operators come with tokens; the agents' path demands it.
///
/// # Errors
/// Whatever is wrong with a file: unreadable, not what it should be, expired, not matching.
pub fn server(files: &TlsFiles) -> Result<Arc<ServerConfig>, PkiError> {
    let Identity { chain, key, roots, .. } = pki::load(files)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(store(files, roots)?, provider.clone())
            .allow_unauthenticated()
            .build()
            .map_err(|source| files.unusable(&files.ca, source))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| files.unusable(&files.certificate, source))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(|source| files.unusable(&files.key, source))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The agent's end of the link: shows its certificate and trusts only the CA.
///
/// # Errors
/// Whatever is wrong with a file: unreadable, not what it should be, expired, not matching.
pub fn client(files: &TlsFiles) -> Result<Arc<ClientConfig>, PkiError> {
    let Identity { chain, key, roots, .. } = pki::load(files)?;
    let config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|source| files.unusable(&files.certificate, source))?
            .with_root_certificates(store(files, roots)?)
            .with_client_auth_cert(chain, key)
            .map_err(|source| files.unusable(&files.key, source))?;
    Ok(Arc::new(config))
}

fn store(
    files: &TlsFiles,
    roots: Vec<CertificateDer<'static>>,
) -> Result<Arc<RootCertStore>, PkiError> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root).map_err(|source| files.unusable(&files.ca, source))?;
    }
    Ok(Arc::new(store))
}
