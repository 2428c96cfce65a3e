//! Where HTTP requests may go. A URL is read once, brought into its one normal spelling, compared
//! in that spelling, and sent in that spelling.
//!
//! # Invariants
//! - What a server could take for a step out of the granted path is refused, however it is hidden.
//! - A URL in which two readers could see two hosts is refused.

use std::fmt;

use percent_encoding::percent_decode;
use url::{Origin, Url};

use crate::limits::HTTP_URL_BYTES_MAX;

/// A destination that a grant names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Destination {
    url: Url,
}

impl Destination {
    /// Reads a destination of a grant.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let url = target(text)?;
        if url.query().is_some() || text.contains('#') {
            return Err("a destination has no query and no fragment".to_owned());
        }
        if text.contains('*') {
            return Err("a destination has no wildcards".to_owned());
        }
        Ok(Self { url })
    }

    /// Whether a URL that [`target`] made is within it.
    pub(super) fn covers(&self, url: &Url) -> bool {
        let below = || {
            let rest = url.path().strip_prefix(self.url.path());
            rest.is_some_and(|rest| {
                rest.is_empty() || rest.starts_with('/') || self.url.path().ends_with('/')
            })
        };
        match (self.url.origin(), url.origin()) {
            (own @ Origin::Tuple(..), other) => own == other && below(),
            (Origin::Opaque(_), _) => false,
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str())
    }
}

/// Reads the URL of a request and brings it into its normal spelling, without a fragment.
///
/// # Errors
/// What is wrong with it.
pub(super) fn target(text: &str) -> Result<Url, String> {
    if text.len() > HTTP_URL_BYTES_MAX {
        return Err(format!("{} bytes, at most {HTTP_URL_BYTES_MAX}", text.len()));
    }
    // Readers of URLs drop or exchange these, and not all in the same way.
    if text.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err("it has a blank, a control character or a backslash".to_owned());
    }
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    if !lower.starts_with("http://") && !lower.starts_with("https://") {
        return Err("it begins with neither http:// nor https://".to_owned());
    }
    let mut url = Url::parse(text).map_err(|error| error.to_string())?;
    let authority = text.split("//").nth(1).and_then(|rest| rest.split(['/', '?', '#']).next());
    if authority.is_some_and(|authority| authority.contains('@')) {
        return Err("it has a user name".to_owned());
    }
    if hides_a_step(url.path()) {
        return Err("its path hides a step up or a control character".to_owned());
    }
    url.set_fragment(None);
    Ok(url)
}

/// Whether a server that decodes the path once more than it should would find a `.` or `..` in it,
/// also one with parameters (`..;a=b`), or a control character. Ordinary ones are gone already.
fn hides_a_step(path: &str) -> bool {
    let mut seen = path.as_bytes().to_vec();
    loop {
        let step = |segment: &[u8]| {
            let name = segment.split(|byte| *byte == b';').next();
            matches!(name, Some(b"." | b".."))
        };
        if seen.iter().any(u8::is_ascii_control)
            || seen.split(|byte| matches!(byte, b'/' | b'\\')).any(step)
        {
            return true;
        }
        // Each turn makes the path shorter, so this ends.
        let decoded: Vec<u8> = percent_decode(&seen).collect();
        if decoded == seen {
            return false;
        }
        seen = decoded;
    }
}
