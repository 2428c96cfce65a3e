//! What the primary of a pair has the control server keep for both: the second way by which the
//! backup learns of it, and the only one that survives the end of both programs.
//!
//! These types travel on the application channel and on the link between host agent and control
//! server, as they are: an agent passes them on and remembers nothing. Keys and values are the
//! program's own and mean nothing to anybody else. `host/docs/applications.md` is their page.
//!
//! One message is under way in each direction at a time, and its answer asks for the next. So
//! nothing piles up behind a slow reader: what changes meanwhile is told once, with its last value.
//!
//! [`store`] is what the control server does with them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::Term;

pub mod store;
#[cfg(test)]
mod tests;

/// Something that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What it is about. Its first word, up to `/`, says what kind of value that is.
    pub key: Arc<str>,
    /// What is known of it; null: nothing any more.
    pub value: Option<Arc<str>>,
}

impl Item {
    /// Its length as JSON, in bytes: what it takes of a line.
    pub fn bytes(&self) -> usize {
        const AROUND: usize = r#"{"key":"","value":null},"#.len();
        json_bytes(&self.key) + self.value.as_deref().map_or(0, json_bytes) + AROUND
    }
}

/// Length of a text within quotes in JSON.
fn json_bytes(text: &str) -> usize {
    let more = |byte: u8| match byte {
        b'"' | b'\\' => 1,
        // At most six bytes: \u001f.
        0..=0x1f => 5,
        _ => 0,
    };
    text.len() + text.bytes().map(more).sum::<usize>()
}

/// From a program to the store of its pair. `session` is a number that the program chose when it
/// opened; what has another one belongs to an earlier conversation and says nothing any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Keep {
    /// Tell me everything, and then what changes.
    Open {
        /// The number of the conversation; higher than any before.
        session: u64,
        /// The program knows what the primary knew lately. Then it is told only while the present
        /// primary has said that the store has all it knows; else whatever there is.
        knows: bool,
    },
    /// What was told last was taken: go on.
    Taken {
        /// See [`Keep`].
        session: u64,
    },
    /// These are to be kept; for the primary, after it was told everything.
    Put {
        /// See [`Keep`].
        session: u64,
        /// The term in which it is primary.
        term: Term,
        /// What is to be kept, or no longer.
        items: Vec<Item>,
        /// With this the store has all that the program knows.
        all: bool,
    },
    /// A message of a newer program.
    #[serde(other)]
    Unknown,
}

/// From the store of its pair to a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Kept {
    /// The control server is there, perhaps anew: who wants something opens.
    Again,
    /// This is kept; to be answered with [`Keep::Taken`].
    Told {
        /// See [`Keep`].
        session: u64,
        /// Everything is told from here on, whatever was told before.
        begin: bool,
        /// With this everything was told: what was not named since the begin is not kept.
        end: bool,
        /// What.
        items: Vec<Item>,
    },
    /// What was put is kept.
    Taken {
        /// See [`Keep`].
        session: u64,
    },
    /// It is not kept, because the program is not the pair's primary in that term, as far as the
    /// control server knows at the moment.
    Refused {
        /// See [`Keep`].
        session: u64,
    },
    /// A message of a newer control server.
    #[serde(other)]
    Unknown,
}

/// Takes items from a source until a message is full.
pub fn fill(mut next: impl FnMut() -> Option<Item>) -> Vec<Item> {
    let (mut items, mut bytes) = (Vec::new(), 0);
    while bytes < crate::limits::KEPT_MESSAGE_BYTES
        && let Some(item) = next()
    {
        bytes += item.bytes();
        items.push(item);
    }
    items
}
