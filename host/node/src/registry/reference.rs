//! The name of an artifact: `REGISTRY/REPOSITORY:TAG` or `REGISTRY/REPOSITORY@sha256:DIGEST`. The
//! registry is always named: there is none that plugins come from by default.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::RegistryError;

/// Longest name of a repository (distribution specification, with the registry at most 255).
const REPOSITORY_BYTES_MAX: usize = 255;

/// Longest tag (distribution specification, "pulling manifests").
const TAG_BYTES_MAX: usize = 128;

/// The name of an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    registry: String,
    repository: String,
    version: Version,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Version {
    Tag(String),
    Digest(String),
}

impl Reference {
    /// Host, and port where one is named.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The path below the registry.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The digest, where the reference has one.
    pub fn digest(&self) -> Option<&str> {
        match &self.version {
            Version::Digest(digest) => Some(digest),
            Version::Tag(_) => None,
        }
    }

    /// Tag or digest, as the protocol writes it.
    pub(super) fn version(&self) -> &str {
        match &self.version {
            Version::Tag(text) | Version::Digest(text) => text,
        }
    }

    /// The registry is this machine: the only one that is reached without TLS.
    pub(super) fn is_local(&self) -> bool {
        let host = match self.registry.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => &self.registry,
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Where its protocol begins.
    pub(super) fn base(&self) -> String {
        let scheme = if self.is_local() { "http" } else { "https" };
        format!("{scheme}://{}", self.registry)
    }

    pub(super) fn wrong(&self, problem: &'static str) -> RegistryError {
        RegistryError::Reference { found: self.to_string(), problem }
    }
}

impl FromStr for Reference {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self, RegistryError> {
        let wrong = |problem| RegistryError::Reference { found: text.to_owned(), problem };
        let form = "allowed is REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@sha256:DIGEST";
        let (registry, rest) = text.split_once('/').ok_or_else(|| wrong(form))?;
        if !(registry.contains(['.', ':']) || registry == "localhost") {
            return Err(wrong("the first part is not a registry: a host with a dot or a port"));
        }
        let of_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
        if !registry.bytes().all(of_host) {
            return Err(wrong("the registry is not a host, with a port or without"));
        }
        let (repository, version) = match rest.split_once('@') {
            Some((repository, digest)) => (repository, Version::Digest(digest.to_owned())),
            None => {
                let (repository, tag) = rest.split_once(':').ok_or_else(|| wrong(form))?;
                (repository, Version::Tag(tag.to_owned()))
            }
        };
        let is_good = match &version {
            Version::Tag(tag) => is_tag(tag),
            Version::Digest(digest) => is_digest(digest),
        };
        if !is_good {
            return Err(wrong(form));
        }
        if !is_repository(repository) {
            return Err(wrong(
                "the repository is not lower-case letters, digits, `.`, `-`, `_` and `/`",
            ));
        }
        let (registry, repository) = (registry.to_owned(), repository.to_owned());
        Ok(Self { registry, repository, version })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.digest().is_some() { '@' } else { ':' };
        write!(f, "{}/{}{mark}{}", self.registry, self.repository, self.version())
    }
}

fn is_repository(text: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    let part = |part: &str| {
        part.bytes().all(plain) && part.starts_with(|c: char| c.is_ascii_alphanumeric())
    };
    text.len() <= REPOSITORY_BYTES_MAX && text.split('/').all(part)
}

fn is_tag(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    text.len() <= TAG_BYTES_MAX
        && text.bytes().all(plain)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether a digest is one that we compare: SHA-256 in lower case.
pub(super) fn is_digest(text: &str) -> bool {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.strip_prefix("sha256:").is_some_and(|it| it.len() == 64 && it.bytes().all(hex))
}
