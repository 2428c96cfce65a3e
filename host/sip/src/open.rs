//! INVITEs that have no final answer yet: what the other node needs to go on with them.
//!
//! A record is on the other node before 100 Trying leaves (design 2.4): if this node dies before
//! the callee answered, the other one sends the same INVITE again, under the same branch. Must not
//! know what is in the messages.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use takeover_logic::time::Timestamp;

use crate::clock::after;
use crate::flow::Flow;
use crate::limits::{OPEN_INVITE_LIFE_MAX, OPEN_INVITES_MAX};

#[cfg(test)]
mod tests;

/// Bytes of a message, in Base64 on the link: a message may hold any bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raw(pub Box<[u8]>);

impl From<&[u8]> for Raw {
    fn from(bytes: &[u8]) -> Raw {
        Raw(bytes.into())
    }
}

impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Raw, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(from)?;
        let bytes = STANDARD.decode(text.as_bytes()).map_err(de::Error::custom)?;
        Ok(Raw(bytes.into()))
    }
}

/// An INVITE without a final answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenInvite {
    /// Where it came from.
    pub from: Flow,
    /// The DN or trunk it goes to; none: it is not decided.
    pub destination: Option<Arc<str>>,
    /// The URI it goes to.
    pub target: Box<str>,
    /// How it went there; none: it did not yet.
    pub flow: Option<Flow>,
    /// As it was received.
    pub invite: Raw,
    /// The last answer that went back.
    pub last_response: Option<Raw>,
    /// When it came.
    pub since: Timestamp,
}

/// Everything that is known of an INVITE now; none: it has its final answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its key: the branch, or whatever else both nodes compute alike.
    pub key: Arc<str>,
    /// As it is.
    pub record: Option<OpenInvite>,
}

/// All of them, at most [`OPEN_INVITES_MAX`].
#[derive(Debug, Default)]
pub struct OpenInvites {
    records: BTreeMap<Arc<str>, OpenInvite>,
    order: BTreeSet<(Timestamp, Arc<str>)>,
    dropped: u64,
    changes: VecDeque<Change>,
}

impl OpenInvites {
    /// Keeps or replaces a record. Beyond the bound the oldest one is dropped and counted: it is the
    /// one whose caller has most likely given up.
    pub fn put(&mut self, key: &Arc<str>, record: OpenInvite) {
        self.change(Arc::clone(key), Some(record));
        if self.records.len() > OPEN_INVITES_MAX
            && let Some((_, oldest)) = self.order.first().cloned()
        {
            self.dropped += 1;
            self.change(oldest, None);
        }
    }

    /// An answer that is not final went back.
    pub fn answered(&mut self, key: &Arc<str>, response: &[u8]) {
        if let Some(record) = self.records.get(key) {
            let last_response = Some(response.into());
            let record = OpenInvite { last_response, ..record.clone() };
            self.change(Arc::clone(key), Some(record));
        }
    }

    /// It has its final answer.
    pub fn remove(&mut self, key: &Arc<str>) {
        if self.records.contains_key(key) {
            self.change(Arc::clone(key), None);
        }
    }

    /// A record.
    pub fn get(&self, key: &str) -> Option<&OpenInvite> {
        self.records.get(key)
    }

    /// All of them, by key. After a take-over: what is to be sent again, or answered.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &OpenInvite)> {
        self.records.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// How many were dropped for want of room.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Removes records whose final answer was missed; call it once a minute. For the node that serves
    /// only; keys of which `is_waiting` says so (parked calls) stay.
    pub fn expire(&mut self, at: Timestamp, is_waiting: impl Fn(&str) -> bool) {
        let ended = |since: Timestamp| after(since, OPEN_INVITE_LIFE_MAX) <= at;
        let over = self.order.iter().take_while(|(since, _)| ended(*since));
        let keys: Vec<Arc<str>> =
            over.map(|(_, key)| key).filter(|key| !is_waiting(key)).cloned().collect();
        keys.into_iter().for_each(|key| self.change(key, None));
    }

    /// The next change to tell the other node.
    pub fn poll_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// Takes over what the other node told.
    pub fn apply(&mut self, change: Change) {
        self.set(&change.key, change.record);
    }

    /// Keys of all records.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<str>> {
        self.records.keys()
    }

    /// What is known of an INVITE, as a change.
    pub fn change_of(&self, key: &Arc<str>) -> Change {
        Change { key: Arc::clone(key), record: self.records.get(key).cloned() }
    }

    fn change(&mut self, key: Arc<str>, record: Option<OpenInvite>) {
        self.set(&key, record.clone());
        self.changes.push_back(Change { key, record });
    }

    fn set(&mut self, key: &Arc<str>, record: Option<OpenInvite>) {
        if let Some(before) = self.records.remove(key) {
            self.order.remove(&(before.since, Arc::clone(key)));
        }
        if let Some(record) = record {
            self.order.insert((record.since, Arc::clone(key)));
            self.records.insert(Arc::clone(key), record);
        }
    }
}

impl PartialEq for OpenInvites {
    /// Whether two nodes know the same.
    fn eq(&self, other: &OpenInvites) -> bool {
        self.records == other.records
    }
}
