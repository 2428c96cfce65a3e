//! Makes the CA and the certificates of a small installation. Larger ones bring their own.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use sha2::{Digest, Sha256};

use super::PkiError;

/// A certificate and its key, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Validity begins a little in the past, because the hosts' clocks differ.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(3600);

/// Makes `ca.pem` and `ca.key` in `folder`. `days`: 1 to 36500.
///
/// # Errors
/// A file exists or can not be written, or `days` is out of range. Nothing is left behind then.
pub fn create_ca(folder: &Path, name: &str, days: u32) -> Result<Created, PkiError> {
    let target = target(folder, "ca");
    let (mut params, key) = prepare(&target, name, days)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key).map_err(|error| unmade(&target, &error))?;
    write_pair(target, &certificate.pem(), &key.serialize_pem())
}

/// Makes `control.pem` and `control.key` in `folder`, signed by the CA there, good for the given
/// DNS names and addresses: those by which agents and operators reach the control server.
///
/// # Errors
/// As [`create_ca`]; also where the CA is missing or no name is given.
pub fn create_control(folder: &Path, names: &[String], days: u32) -> Result<Created, PkiError> {
    let Some(first) = names.first() else {
        return Err(PkiError::OutOfRange {
            what: "names of the control server",
            found: String::new(),
            allowed: "at least one DNS name or address",
        });
    };
    let target = target(folder, "control");
    let (mut params, key) = prepare(&target, first, days)?;
    let names = CertificateParams::new(names).map_err(|error| unmade(&target, &error))?;
    params.subject_alt_names = names.subject_alt_names;
    params.insert_extended_key_usage(ExtendedKeyUsagePurpose::ServerAuth);
    sign(folder, target, &params, &key)
}

/// Makes `HOST.pem` and `HOST.key` in `folder`, signed by the CA there, whose common name is the
/// name of the host.
///
/// # Errors
/// As [`create_ca`]; also where the CA is missing or the name could not be a file's name.
pub fn create_host(folder: &Path, host: &str, days: u32) -> Result<Created, PkiError> {
    let (target, mut params, key) = named(folder, "name of the host", host, days)?;
    params.insert_extended_key_usage(ExtendedKeyUsagePurpose::ClientAuth);
    sign(folder, target, &params, &key)
}

/// Makes `NODE.pem` and `NODE.key` in `folder`, signed by the CA there: the certificate of a SIP
/// node, by which it connects and is connected to. It is good for its name and for `names`, DNS
/// names and addresses: the virtual one, and those of its own.
///
/// # Errors
/// As [`create_host`].
pub fn create_node(
    folder: &Path,
    node: &str,
    names: &[String],
    days: u32,
) -> Result<Created, PkiError> {
    let (target, mut params, key) = named(folder, "name of the node", node, days)?;
    let names = CertificateParams::new(names).map_err(|error| unmade(&target, &error))?;
    params.subject_alt_names.extend(names.subject_alt_names);
    params.insert_extended_key_usage(ExtendedKeyUsagePurpose::ClientAuth);
    params.insert_extended_key_usage(ExtendedKeyUsagePurpose::ServerAuth);
    sign(folder, target, &params, &key)
}

/// What certificates with the name of somebody have in common.
fn named(
    folder: &Path,
    what: &'static str,
    name: &str,
    days: u32,
) -> Result<(Created, CertificateParams, KeyPair), PkiError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let reserved = matches!(name, "ca" | "control");
    if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.chars().all(plain) {
        return Err(PkiError::OutOfRange {
            what,
            found: name.to_owned(),
            allowed: "1 to 64 letters, digits, -, _ and ., not beginning with .",
        });
    }
    // The files of a host with such a name would be those of the CA or the control server.
    let stem = if reserved { format!("host-{name}") } else { name.to_owned() };
    let target = target(folder, &stem);
    let (mut params, key) = prepare(&target, name, days)?;
    if name.parse::<IpAddr>().is_err()
        && let Ok(named) = CertificateParams::new(vec![name.to_owned()])
    {
        params.subject_alt_names = named.subject_alt_names;
    }
    Ok((target, params, key))
}

/// A new random token for the HTTP API and its SHA-256 in hexadecimal, which is what the
/// configuration holds.
///
/// # Errors
/// The operating system has no random bytes.
pub fn create_token() -> Result<(String, String), PkiError> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| PkiError::Unmade {
        file: PathBuf::from("token"),
        reason: error.to_string(),
    })?;
    let token = hex(&bytes);
    let digest = hex(&Sha256::digest(token.as_bytes()));
    Ok((token, digest))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a String can not fail
        text
    })
}

fn target(folder: &Path, stem: &str) -> Created {
    Created {
        certificate: folder.join(format!("{stem}.pem")),
        key: folder.join(format!("{stem}.key")),
    }
}

fn unmade(target: &Created, error: &rcgen::Error) -> PkiError {
    PkiError::Unmade { file: target.certificate.clone(), reason: error.to_string() }
}

/// Refuses to overwrite and makes what all three kinds have in common.
fn prepare(
    target: &Created,
    name: &str,
    days: u32,
) -> Result<(CertificateParams, KeyPair), PkiError> {
    if !(1..=36_500).contains(&days) {
        return Err(PkiError::OutOfRange {
            what: "validity",
            found: days.to_string(),
            allowed: "1 to 36500 days",
        });
    }
    for file in [&target.certificate, &target.key] {
        if file.symlink_metadata().is_ok() {
            return Err(PkiError::Exists { file: file.clone() });
        }
    }
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    params.not_before = epoch + now.saturating_sub(CLOCK_TOLERANCE);
    params.not_after = epoch + now + DAY * days;
    let key = KeyPair::generate().map_err(|error| unmade(target, &error))?;
    Ok((params, key))
}

fn sign(
    folder: &Path,
    target: Created,
    params: &CertificateParams,
    key: &KeyPair,
) -> Result<Created, PkiError> {
    let ca = self::target(folder, "ca");
    let read = |file: &Path| {
        fs::read_to_string(file)
            .map_err(|source| PkiError::Unreadable { file: file.to_owned(), source })
    };
    let ca_certificate = read(&ca.certificate)?;
    let ca_key =
        KeyPair::from_pem(&read(&ca.key)?).map_err(|_| PkiError::NoKey { file: ca.key.clone() })?;
    let issuer = Issuer::from_ca_cert_pem(&ca_certificate, ca_key).map_err(|error| {
        PkiError::NotCertificate { file: ca.certificate.clone(), reason: error.to_string() }
    })?;
    let certificate = params.signed_by(key, &issuer).map_err(|error| unmade(&target, &error))?;
    write_pair(target, &certificate.pem(), &key.serialize_pem())
}

/// Writes both files or none.
fn write_pair(target: Created, certificate: &str, key: &str) -> Result<Created, PkiError> {
    write_new(&target.key, key)?;
    if let Err(error) = write_new(&target.certificate, certificate) {
        let _ = fs::remove_file(&target.key); // the first error is the one to tell
        return Err(error);
    }
    Ok(target)
}

fn write_new(file: &Path, text: &str) -> Result<(), PkiError> {
    let mut opened =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(
            |source| match source.kind() {
                io::ErrorKind::AlreadyExists => PkiError::Exists { file: file.to_owned() },
                _ => PkiError::Unwritable { file: file.to_owned(), source },
            },
        )?;
    opened.write_all(text.as_bytes()).and_then(|()| opened.sync_all()).map_err(|source| {
        let _ = fs::remove_file(file); // a half written file is worse than none
        PkiError::Unwritable { file: file.to_owned(), source }
    })
}
