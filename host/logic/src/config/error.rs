//! What is wrong with a configuration, and what an operator should know about one that is not.
//!
//! Must not know what any key means: the reader and the checks fill these in.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// A place in a configuration: where an error is, or where something was said first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// Name of the file, as the shell gave it.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// The object, as in `pair "sip"`; empty at the top of a file.
    pub object: Arc<str>,
    /// The path of the key within the object, as in `application.command`; empty for the object
    /// as a whole.
    pub key: Arc<str>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        for part in [&self.object, &self.key] {
            if !part.is_empty() {
                write!(f, ": {part}")?;
            }
        }
        Ok(())
    }
}

/// One error of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, thiserror::Error)]
#[error("{place}: found {found}, allowed: {allowed}{}", nearest_part(.nearest))]
pub struct ConfigError {
    /// Where.
    pub place: Place,
    /// What is there, as the file has it; `nothing` where something is missing.
    pub found: String,
    /// What may be there.
    pub allowed: String,
    /// The known name that is spelled most like what was found.
    pub nearest: Option<String>,
}

/// The last part of an error's text.
fn nearest_part(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!("; nearest: {name}")).unwrap_or_default()
}

/// Something that is allowed but that an operator may not have meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Notice {
    /// Where.
    pub place: Place,
    /// What, in a sentence.
    pub text: String,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

/// The name out of `known` that is spelled most like `found`, if one is near enough to be meant.
pub fn nearest<'a>(found: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    /// Below this likeness (0 to 1) a suggestion misleads more often than it helps: of ten
    /// usual slips (letters swapped, dropped, doubled, a unit forgotten) all are above 0.75.
    const LIKENESS_MIN: f64 = 0.75;
    known
        .map(|name| (strsim::jaro_winkler(found, name), name))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.to_owned())
}
