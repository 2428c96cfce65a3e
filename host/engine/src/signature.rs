//! Signatures of plugins: who vouches for a manifest, and through the digest in it for the
//! component.
//!
//! `plugin.sig` beside `plugin.toml` holds one line, `ed25519:<public key> <signature>`, both in
//! base64. What is signed is [`DOMAIN`] followed by the bytes of `plugin.toml` as they are on disk,
//! digest of the component included: a signature made for anything else can not pass for one of a
//! plugin. A key signs for nobody until an operator names it in `grants.d`.
//!
//! The algorithm comes from `ring`, which TLS needs here anyway: one implementation to keep
//! current.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{
    ED25519, ED25519_PUBLIC_KEY_LEN, Ed25519KeyPair, KeyPair, UnparsedPublicKey,
};

use crate::limits::{KEY_FILE_BYTES_MAX, SIGNATURE_BYTES_MAX};

/// What stands before the manifest in the message that is signed.
pub const DOMAIN: &[u8] = b"takeover plugin manifest signature, version 1\0";

/// The name of the file beside `plugin.toml`.
pub const SIGNATURE_FILE: &str = "plugin.sig";

const PUBLIC: &str = "ed25519:";
const PRIVATE: &str = "ed25519-private:";
const SEED_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 64;

/// A signer's public key. Its text is `ed25519:<base64>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; ED25519_PUBLIC_KEY_LEN]);

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC}{}", BASE64.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text is not a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a public key; allowed is ed25519: and 32 bytes in base64")]
pub struct NotAKey;

impl FromStr for PublicKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let bytes = text.strip_prefix(PUBLIC).and_then(|text| BASE64.decode(text).ok());
        bytes.and_then(|bytes| bytes.try_into().ok()).map(PublicKey).ok_or(NotAKey)
    }
}

/// Why a signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The file is no signature at all.
    #[error("plugin.sig is not `ed25519:KEY SIGNATURE` on one line, both in base64")]
    Malformed,
    /// It was made for another manifest, or by another key than it says.
    #[error("plugin.sig does not fit plugin.toml: it was changed, or {0} did not sign it")]
    Unfit(PublicKey),
}

/// Verifies the text of a `plugin.sig` against the bytes of `plugin.toml`, and says who signed.
///
/// # Errors
/// The text is no signature, or not one of this manifest.
pub fn verify(manifest: &[u8], signature: &str) -> Result<PublicKey, SignatureError> {
    if signature.len() > SIGNATURE_BYTES_MAX {
        return Err(SignatureError::Malformed);
    }
    let line = signature.strip_suffix('\n').unwrap_or(signature);
    let (key, bytes) = line.split_once(' ').ok_or(SignatureError::Malformed)?;
    let key: PublicKey = key.parse().map_err(|NotAKey| SignatureError::Malformed)?;
    let bytes = BASE64.decode(bytes).map_err(|_| SignatureError::Malformed)?;
    if bytes.len() != SIGNATURE_BYTES {
        return Err(SignatureError::Malformed);
    }
    UnparsedPublicKey::new(&ED25519, key.0)
        .verify(&message(manifest), &bytes)
        .map_err(|_| SignatureError::Unfit(key))?;
    Ok(key)
}

fn message(manifest: &[u8]) -> Vec<u8> {
    [DOMAIN, manifest].concat()
}

/// Why a key could not be made, kept or read.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The system gives no random bytes.
    #[error("no random bytes from the system")]
    NoRandom,
    /// The file can not be read or made.
    #[error("key file {}", .0.display())]
    File(PathBuf, #[source] io::Error),
    /// Others could sign in this name.
    #[error(
        "key file {} has mode {mode:03o}: others can read or change it; allowed is 600 or less",
        .path.display()
    )]
    Readable {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It holds something else.
    #[error("key file {}: not a private key; allowed is {PRIVATE} and 32 bytes in base64",
        .0.display())]
    NotAKey(PathBuf),
}

/// A signer's private key.
pub struct SigningKey {
    seed: [u8; SEED_BYTES],
    pair: Ed25519KeyPair,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.public()).finish()
    }
}

impl SigningKey {
    /// Makes a key from the system's random bytes.
    ///
    /// # Errors
    /// The system has none.
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = [0; SEED_BYTES];
        SystemRandom::new().fill(&mut seed).map_err(|_| KeyError::NoRandom)?;
        Self::from_seed(seed).ok_or(KeyError::NoRandom)
    }

    fn from_seed(seed: [u8; SEED_BYTES]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).ok()?;
        Some(Self { seed, pair })
    }

    /// The key that others verify with.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; ED25519_PUBLIC_KEY_LEN];
        bytes.copy_from_slice(self.pair.public_key().as_ref());
        PublicKey(bytes)
    }

    /// Signs the bytes of a `plugin.toml`; the answer is the text of its `plugin.sig`.
    pub fn sign(&self, manifest: &[u8]) -> String {
        let signature = self.pair.sign(&message(manifest));
        format!("{} {}\n", self.public(), BASE64.encode(signature))
    }

    /// Keeps the key in a new file that only its owner can read.
    ///
    /// # Errors
    /// The file is there already, or can not be made.
    pub fn write_new(&self, path: &Path) -> Result<(), KeyError> {
        let text = format!(
            "# Private key of a signer of plugins: whoever can read it can sign.\n\
             # Its public key: {}\n{PRIVATE}{}\n",
            self.public(),
            BASE64.encode(self.seed)
        );
        let open = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let write = |mut file: File| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        open().and_then(write).map_err(|error| KeyError::File(path.to_owned(), error))
    }

    /// Reads a key from a file that nobody but its owner can read.
    ///
    /// # Errors
    /// Others can read it, it can not be read at all, or it is no key.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let failed = |error| KeyError::File(path.to_owned(), error);
        let file = File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Readable { path: path.to_owned(), mode });
        }
        let mut text = String::new();
        file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
        let mut lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let key = match (lines.next(), lines.next()) {
            (Some(line), None) => line.strip_prefix(PRIVATE),
            _ => None,
        };
        let seed = key.and_then(|key| BASE64.decode(key).ok()?.try_into().ok());
        seed.and_then(Self::from_seed).ok_or_else(|| KeyError::NotAKey(path.to_owned()))
    }
}

#[cfg(test)]
mod tests;
