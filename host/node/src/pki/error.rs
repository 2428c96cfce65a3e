//! What can be wrong with certificates and keys, each with the file and what was found.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::limits::PEM_BYTES_MAX;

/// Why a certificate, key or CA file can not be used or made.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// It can not be read.
    #[error("{}: can not be read", file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is too large to be what it should be.
    #[error("{}: larger than {PEM_BYTES_MAX} bytes", file.display())]
    TooLarge {
        /// Which file.
        file: PathBuf,
    },
    /// It is not PEM.
    #[error("{}: not PEM: {reason}", file.display())]
    NotPem {
        /// Which file.
        file: PathBuf,
        /// What the reader stumbled over.
        reason: String,
    },
    /// It is PEM without a certificate.
    #[error("{}: found no certificate (-----BEGIN CERTIFICATE-----)", file.display())]
    NoCertificate {
        /// Which file.
        file: PathBuf,
    },
    /// It is PEM without a private key.
    #[error("{}: found no private key (-----BEGIN PRIVATE KEY-----)", file.display())]
    NoKey {
        /// Which file.
        file: PathBuf,
    },
    /// A certificate in it is malformed.
    #[error("{}: not a certificate: {reason}", file.display())]
    NotCertificate {
        /// Which file.
        file: PathBuf,
        /// What the reader stumbled over.
        reason: String,
    },
    /// Its time is over.
    #[error("{}: the certificate expired at {}", file.display(), utc(*at_s))]
    Expired {
        /// Which file.
        file: PathBuf,
        /// When, in seconds since 1970-01-01 UTC.
        at_s: i64,
    },
    /// Its time has not come: usually the clock of this host is wrong.
    #[error(
        "{}: the certificate is valid from {} only: is the clock right", file.display(), utc(*at_s)
    )]
    NotYetValid {
        /// Which file.
        file: PathBuf,
        /// When, in seconds since 1970-01-01 UTC.
        at_s: i64,
    },
    /// Key and certificate do not belong together.
    #[error("{}: not the key of {}", key.display(), certificate.display())]
    KeyMismatch {
        /// The key.
        key: PathBuf,
        /// The certificate.
        certificate: PathBuf,
    },
    /// The certificate comes from another CA.
    #[error("{}: issued by {issuer:?}, which is not in {}", certificate.display(), ca.display())]
    OtherIssuer {
        /// The certificate.
        certificate: PathBuf,
        /// Who issued it.
        issuer: String,
        /// The CA file.
        ca: PathBuf,
    },
    /// The TLS library refuses it.
    #[error("{}: {reason}", file.display())]
    Unusable {
        /// Which file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// It is there already and is not overwritten.
    #[error("{}: exists already; remove it first if it is to be replaced", file.display())]
    Exists {
        /// Which file.
        file: PathBuf,
    },
    /// It can not be written.
    #[error("{}: can not be written", file.display())]
    Unwritable {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A value asked for is out of range.
    #[error("{what}: found {found:?}, allowed: {allowed}")]
    OutOfRange {
        /// Which value.
        what: &'static str,
        /// What was given.
        found: String,
        /// What may be given.
        allowed: &'static str,
    },
    /// The certificate could not be made.
    #[error("{}: can not be made: {reason}", file.display())]
    Unmade {
        /// Which file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
}

fn utc(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |at| at.to_string())
}
