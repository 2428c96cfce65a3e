//! The arithmetic of digests: HA1, response, comparison in constant time, hexadecimal.

use std::fmt;

use md5::Md5;
use sha2::{Digest, Sha256};

use super::credentials::Credentials;

/// How a response is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// For telephones that know nothing newer.
    Md5,
    /// RFC 8760.
    Sha256,
}

impl Algorithm {
    /// Its name in a header.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
        }
    }

    /// The algorithm of a name, in any case. Those with `-sess` are not offered and not known.
    pub(super) fn from_name(name: &[u8]) -> Option<Algorithm> {
        [Algorithm::Md5, Algorithm::Sha256]
            .into_iter()
            .find(|algorithm| name.eq_ignore_ascii_case(algorithm.name().as_bytes()))
    }

    /// The hash of texts with colons between them, in hexadecimal.
    fn hash(self, parts: &[&[u8]]) -> String {
        match self {
            Algorithm::Md5 => joined::<Md5>(parts),
            Algorithm::Sha256 => joined::<Sha256>(parts),
        }
    }
}

fn joined<D: Digest>(parts: &[&[u8]]) -> String {
    let mut digest = D::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            digest.update(b":");
        }
        digest.update(part);
    }
    hex(&digest.finalize())
}

/// Hash of user name, realm and password: as good as the password for this realm. Never shown.
#[derive(Clone, PartialEq)]
pub struct Ha1(String);

impl Ha1 {
    /// Of a password.
    pub fn of(algorithm: Algorithm, username: &str, realm: &str, password: &str) -> Ha1 {
        let parts = [username.as_bytes(), realm.as_bytes(), password.as_bytes()];
        Ha1(algorithm.hash(&parts))
    }

    /// A ready one: so many bytes in hexadecimal.
    pub fn parse(text: &str, bytes: usize) -> Option<Ha1> {
        unhex(text.as_bytes()).filter(|read| read.len() == bytes).map(|read| Ha1(hex(&read)))
    }

    /// What the response must be (RFC 7616 section 3.4.1, qop=auth).
    pub(super) fn response(
        &self,
        algorithm: Algorithm,
        method: &[u8],
        with: &Credentials<'_>,
    ) -> String {
        let ha2 = algorithm.hash(&[method, with.uri]);
        algorithm.hash(&[
            self.0.as_bytes(),
            with.nonce,
            with.count_text,
            with.client_nonce,
            b"auth",
            ha2.as_bytes(),
        ])
    }
}

impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Whether two texts are equal, in a time that depends on their lengths only. Hexadecimal in any
/// case.
pub(super) fn equals(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let difference = a
        .iter()
        .zip(b)
        .fold(0_u8, |all, (a, b)| all | (a.to_ascii_lowercase() ^ b.to_ascii_lowercase()));
    std::hint::black_box(difference) == 0
}

/// Bytes in lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes of a hexadecimal text.
pub(super) fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |c: &u8| char::from(*c).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let (pairs, rest) = text.as_chunks::<2>();
    let byte = |[high, low]: &[u8; 2]| Some(digit(high)? << 4 | digit(low)?);
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}
