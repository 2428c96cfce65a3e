//! Log events: what is recorded, what alarm conditions match, what operators read.
//!
//! This module must not know what an event leads to; that is [`crate::alarm`]. Reading order:
//! this file (the record), [`matching`] (which of many selectors want an event).

pub mod matching;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::{ApplicationName, HostName};
use crate::time::Timestamp;

/// Identity of a log event: component family and number, as in `00-05150`.
///
/// Family `00` is common to all applications; families of the guide's vendor are kept apart from
/// ours, which all lie in family `90` (see the catalogue).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventId {
    /// Application-type number of the component family, 0 to 99.
    pub family: u8,
    /// Number within the family, 0 to 99999.
    pub number: u32,
}

impl EventId {
    /// An id from its two parts.
    pub const fn new(family: u8, number: u32) -> Self {
        Self { family, number }
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}-{:05}", self.family, self.number)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<EventId> for String {
    fn from(id: EventId) -> String {
        id.to_string()
    }
}

/// A text that is not a log-event id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("log event id {0:?}: expected FAMILY-NUMBER, as in 00-05150, or NUMBER, as in 5150")]
pub struct EventIdError(pub String);

impl FromStr for EventId {
    type Err = EventIdError;

    /// Accepts every spelling of the guide: `00-05150`, `00-5150`, `05150`, `5150`.
    fn from_str(text: &str) -> Result<Self, EventIdError> {
        let error = || EventIdError(text.to_owned());
        let digits = |part: &str, max: usize| {
            let well_formed =
                (1..=max).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            well_formed.then(|| part.parse::<u32>().ok()).flatten().ok_or_else(error)
        };
        let (family, number) = text.split_once('-').unwrap_or(("0", text));
        let family = u8::try_from(digits(family, 2)?).map_err(|_| error())?;
        Ok(Self { family, number: digits(number, 5)? })
    }
}

impl TryFrom<String> for EventId {
    type Error = EventIdError;

    fn try_from(text: String) -> Result<Self, EventIdError> {
        text.parse()
    }
}

/// Severity of a log event, highest first (store priorities 5 to 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// An alarm was raised or cleared.
    Alarm,
    /// Something an operator should be able to read later.
    Standard,
    /// One interaction, for example a call.
    Interaction,
    /// Steps inside a component.
    Trace,
    /// For developers; never sent to the control server.
    Debug,
}

/// A name and a value that belong to an event.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Attribute {
    /// What the value is.
    pub name: Arc<str>,
    /// The value as text.
    pub value: Arc<str>,
}

impl Attribute {
    /// An attribute from anything that prints.
    pub fn new(name: &str, value: impl fmt::Display) -> Self {
        Self { name: name.into(), value: value.to_string().into() }
    }
}

/// One log event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LogEvent {
    /// Identity in the catalogue: component family and number, as in `00-05150`.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub id: EventId,
    /// Severity.
    pub level: Level,
    /// The sentence an operator reads.
    pub text: Arc<str>,
    /// The application that the event is about, which is not always the one that wrote it:
    /// 00-05150 is written by the control server and belongs to the SIP server.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub application: Option<ApplicationName>,
    /// Type of that application, for conditions that select by type.
    pub application_type: Option<Arc<str>>,
    /// The host that the event is about.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub host: Option<HostName>,
    /// When it was written, by the writer's wall clock, in milliseconds since 1970-01-01 UTC.
    #[cfg_attr(feature = "schema", schema(value_type = u64))]
    pub at: Timestamp,
    /// Details, each named.
    pub attributes: Vec<Attribute>,
}
