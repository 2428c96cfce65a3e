//! What the two nodes tell each other: one JSON value per line.

use std::fmt;

use serde::{Deserialize, Serialize};
use takeover_logic::ids::Term;
use takeover_logic::time::Timestamp;

use crate::limits::STANDBY_LINE_BYTES_MAX;
use crate::state::Change;

/// Version of this protocol. Two nodes that differ refuse each other.
pub const PROTOCOL: u32 = 2;

/// One course of numbered items: everything that a node told while it served without a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StreamId {
    /// The term in which it serves.
    pub term: Term,
    /// When it began to.
    pub at: Timestamp,
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.term, self.at)
    }
}

/// How far a node has followed a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Which.
    pub stream: StreamId,
    /// Number of the last item that it took.
    pub number: u64,
}

/// One numbered item of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Item {
    /// A snapshot begins: forget all of it that was told before.
    Begin,
    /// What is known under one key now.
    Change(Box<Change>),
    /// The snapshot is whole: what it did not name is not there.
    End,
}

/// First words on a link, from both ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Hello {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// Name of the pair.
    pub pair: String,
    /// Name of the application that speaks.
    pub application: String,
    /// Which of a node's machines: each has its own link.
    pub machine: u32,
    /// Highest term that the speaker knows.
    pub term: Term,
    /// It serves.
    pub serves: bool,
    /// How far it has followed the other one, in its present life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// Its `addp-remote-timeout`, in milliseconds; 0: none.
    pub remote_timeout_ms: u64,
    /// Its `addp-trace` wants that the other node notes what the keep-alive does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trace: bool,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Message {
    /// First words.
    Hello(Hello),
    /// The other end will not do; the link is closed after it.
    Refused {
        /// Why.
        reason: String,
    },
    /// The speaker began or ended to serve.
    Serves {
        /// Its term.
        term: Term,
        /// It does.
        serves: bool,
    },
    /// Items with rising numbers.
    Items {
        /// Of which stream.
        stream: StreamId,
        /// Number of the first.
        first: u64,
        /// They.
        items: Vec<Item>,
    },
    /// Everything up to there was taken.
    Taken(Position),
    /// Something is missing: begin a snapshot.
    Missing(Position),
    /// Are you there?
    Ping,
    /// Yes.
    Pong,
}

/// Why a line can not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// It is too long.
    #[error("a line of {0} bytes, at most {STANDBY_LINE_BYTES_MAX} are allowed")]
    TooLong(usize),
    /// It is not a message of this protocol.
    #[error("not a message of this protocol: {0}")]
    NotUnderstood(String),
}

impl Message {
    /// The message as a line, with its end.
    pub(super) fn line(&self) -> Vec<u8> {
        // Keys are texts and nothing is a map, so there is nothing that JSON could not hold.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }

    /// Reads a line, with or without its end.
    pub(super) fn read(line: &[u8]) -> Result<Message, LineError> {
        if line.len() > STANDBY_LINE_BYTES_MAX {
            return Err(LineError::TooLong(line.len()));
        }
        serde_json::from_slice(line).map_err(|error| LineError::NotUnderstood(error.to_string()))
    }
}
