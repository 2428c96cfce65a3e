//! Certificates: makes those of a small installation (`takeover pki`), and reads and checks those
//! that a daemon was given, so that what is wrong with a file is said before it is used.
//!
//! One CA signs the control server's certificate (its DNS names and addresses) and one certificate
//! per host, whose common name is the name of the host: that is how an agent proves who it is.

mod create;
mod error;
#[cfg(test)]
pub(crate) mod tests;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

pub(crate) use create::hex;
pub use create::{Created, create_ca, create_control, create_host, create_node, create_token};
pub use error::PkiError;

use crate::limits::PEM_BYTES_MAX;

/// The three files of one daemon, each PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// Its certificate, followed by those that lead to the CA, if any.
    pub certificate: PathBuf,
    /// The private key of that certificate.
    pub key: PathBuf,
    /// The certificates of the CAs that the other side's certificate must come from.
    pub ca: PathBuf,
}

impl TlsFiles {
    /// The error that the TLS library found something wrong with one of the files.
    pub(crate) fn unusable(&self, file: &Path, source: impl std::fmt::Display) -> PkiError {
        PkiError::Unusable { file: file.to_owned(), reason: source.to_string() }
    }
}

/// What the three files hold, checked.
pub(crate) struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
    pub(crate) roots: Vec<CertificateDer<'static>>,
    pub(crate) facts: CertificateFacts,
}

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Its common name and its subject alternative names, DNS names and addresses.
    pub names: Vec<String>,
    /// Valid from, in seconds since 1970-01-01 UTC.
    pub not_before_s: i64,
    /// Valid until, in seconds since 1970-01-01 UTC.
    pub not_after_s: i64,
}

/// Reads and checks the files of a daemon: each readable and what it should be, the certificate
/// valid today and signed by the CA, the key its own.
///
/// # Errors
/// The first thing that is wrong, naming the file.
pub fn check(files: &TlsFiles) -> Result<CertificateFacts, PkiError> {
    load(files).map(|identity| identity.facts)
}

pub(crate) fn load(files: &TlsFiles) -> Result<Identity, PkiError> {
    let chain = read_certificates(&files.certificate)?;
    let roots = read_certificates(&files.ca)?;
    let key = read_key(&files.key)?;
    let leaf = chain.first().ok_or_else(|| PkiError::NoCertificate {
        file: files.certificate.clone(), // read_certificates never gives an empty list
    })?;
    let facts = facts(leaf)
        .map_err(|reason| PkiError::NotCertificate { file: files.certificate.clone(), reason })?;
    check_validity(&files.certificate, &facts)?;
    for root in &roots {
        let facts = self::facts(root)
            .map_err(|reason| PkiError::NotCertificate { file: files.ca.clone(), reason })?;
        check_validity(&files.ca, &facts)?;
    }
    check_key(files, leaf, &key)?;
    check_issuer(files, &chain, &roots)?;
    Ok(Identity { chain, key, roots, facts })
}

/// Names and validity of a DER certificate.
///
/// # Errors
/// What makes it unreadable.
pub fn facts(certificate: &CertificateDer<'_>) -> Result<CertificateFacts, String> {
    let (_, parsed) =
        X509Certificate::from_der(certificate.as_ref()).map_err(|error| error.to_string())?;
    let mut names: Vec<String> = parsed
        .subject()
        .iter_common_name()
        .filter_map(|name| name.as_str().ok().map(str::to_owned))
        .collect();
    if let Ok(Some(alternatives)) = parsed.subject_alternative_name() {
        for name in &alternatives.value.general_names {
            let name = match name {
                GeneralName::DNSName(name) => (*name).to_owned(),
                GeneralName::IPAddress(bytes) => match address(bytes) {
                    Some(address) => address.to_string(),
                    None => continue,
                },
                _ => continue,
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    Ok(CertificateFacts {
        names,
        not_before_s: parsed.validity().not_before.timestamp(),
        not_after_s: parsed.validity().not_after.timestamp(),
    })
}

fn address(bytes: &[u8]) -> Option<std::net::IpAddr> {
    <[u8; 4]>::try_from(bytes)
        .map(std::net::IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(bytes).map(std::net::IpAddr::from))
        .ok()
}

fn check_validity(file: &Path, facts: &CertificateFacts) -> Result<(), PkiError> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now_s = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    if now_s > facts.not_after_s {
        return Err(PkiError::Expired { file: file.to_owned(), at_s: facts.not_after_s });
    }
    if now_s < facts.not_before_s {
        return Err(PkiError::NotYetValid { file: file.to_owned(), at_s: facts.not_before_s });
    }
    Ok(())
}

/// The key must be the certificate's own: otherwise every handshake fails with a text that does not
/// say so.
fn check_key(
    files: &TlsFiles,
    leaf: &CertificateDer<'static>,
    key: &PrivateKeyDer<'static>,
) -> Result<(), PkiError> {
    let signing = rustls::crypto::ring::sign::any_supported_type(key)
        .map_err(|source| files.unusable(&files.key, source))?;
    let certified = rustls::sign::CertifiedKey::new(vec![leaf.clone()], signing);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(()),
        Err(_) => Err(PkiError::KeyMismatch {
            key: files.key.clone(),
            certificate: files.certificate.clone(),
        }),
    }
}

/// The last certificate of the chain must be one of the CA's or be issued by one of them. Only the
/// names are compared; the handshake checks signatures.
fn check_issuer(
    files: &TlsFiles,
    chain: &[CertificateDer<'static>],
    roots: &[CertificateDer<'static>],
) -> Result<(), PkiError> {
    let Some(last) = chain.last() else { return Ok(()) };
    let name = |certificate: &CertificateDer<'_>, issuer: bool| {
        let (_, parsed) = X509Certificate::from_der(certificate.as_ref()).ok()?;
        let name = if issuer { parsed.issuer() } else { parsed.subject() };
        Some((name.as_raw().to_vec(), name.to_string()))
    };
    let (issuer, text) = name(last, true).unwrap_or_default();
    if roots.iter().any(|root| name(root, false).is_some_and(|(subject, _)| subject == issuer)) {
        return Ok(());
    }
    Err(PkiError::OtherIssuer {
        certificate: files.certificate.clone(),
        issuer: text,
        ca: files.ca.clone(),
    })
}

pub(crate) fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, PkiError> {
    let text = read_bounded(file)?;
    let certificates = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| PkiError::NotPem { file: file.to_owned(), reason: error.to_string() })?;
    if certificates.is_empty() {
        return Err(PkiError::NoCertificate { file: file.to_owned() });
    }
    Ok(certificates)
}

fn read_key(file: &Path) -> Result<PrivateKeyDer<'static>, PkiError> {
    let text = read_bounded(file)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| PkiError::NoKey { file: file.to_owned() })
}

fn read_bounded(file: &Path) -> Result<Vec<u8>, PkiError> {
    let unreadable = |source| PkiError::Unreadable { file: file.to_owned(), source };
    let mut text = Vec::new();
    File::open(file)
        .and_then(|opened| opened.take(PEM_BYTES_MAX + 1).read_to_end(&mut text))
        .map_err(unreadable)?;
    if text.len() as u64 > PEM_BYTES_MAX {
        return Err(PkiError::TooLarge { file: file.to_owned() });
    }
    Ok(text)
}
