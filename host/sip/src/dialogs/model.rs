//! What is known of one call.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use takeover_logic::time::Timestamp;

use crate::calls::CallType;
use crate::message::sdp::Description;

/// A call: keyed fingerprint of its Call-ID and the caller's tag. The same on both nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallKey(pub u64);

impl fmt::Display for CallKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl CallKey {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<CallKey> {
        let sound = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        sound.then(|| u64::from_str_radix(text, 16).ok().map(CallKey)).flatten()
    }
}

/// How far a call is.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It waits on a routing point.
    Queued,
    /// It was sent on.
    #[default]
    Dialing,
    /// Whoever is called is told.
    Ringing,
    /// Somebody answered.
    Established,
}

/// One end of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// Its DN or trunk; none: it is none of this switch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dn: Option<Arc<str>>,
    /// Its number.
    pub number: Arc<str>,
}

impl Party {
    /// Its DN, else its number.
    pub fn name(&self) -> Option<Arc<str>> {
        Some(Arc::clone(self.dn.as_ref().unwrap_or(&self.number)))
    }
}

/// Who takes part in a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Parties {
    /// Who calls.
    pub caller: Party,
    /// Who is called now.
    pub callee: Party,
    /// The number that was called first.
    pub dialed: Arc<str>,
    /// Between whom.
    pub call_type: CallType,
}

impl Parties {
    /// DNs and trunks that take part.
    pub fn dns(&self) -> impl Iterator<Item = &Arc<str>> {
        [&self.caller, &self.callee].into_iter().filter_map(|party| party.dn.as_ref())
    }
}

/// One value for each end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The caller put the call on hold.
    pub caller: bool,
    /// The callee did.
    pub callee: bool,
}

impl Held {
    /// Whether that end did.
    pub(super) fn of(self, callee: bool) -> bool {
        if callee { self.callee } else { self.caller }
    }

    /// That end does from now on, or no longer.
    pub(super) fn set(&mut self, callee: bool, hold: bool) {
        let end = if callee { &mut self.callee } else { &mut self.caller };
        *end = hold;
    }
}

/// A change of hold that was asked for and not yet answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Offer {
    /// The callee asks, not the caller.
    pub by_callee: bool,
    /// CSeq of the request: its answer has the same.
    pub number: u32,
    /// On hold, or not any more.
    pub hold: bool,
}

/// An INVITE within the call that has no offer, and wants the other end's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Asked {
    /// The callee asks, not the caller.
    pub by_callee: bool,
    /// CSeq of the request: its 2xx and its ACK have the same.
    pub number: u32,
    /// What the other end offered; none: it was not yet heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<Description>,
}

impl Asked {
    /// Whether it is the request with that number of that end.
    pub(super) fn is(&self, by_callee: bool, number: u32) -> bool {
        (self.by_callee, self.number) == (by_callee, number)
    }
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialog {
    /// Fingerprints of the tags of those who answered; empty: nobody did yet.
    pub callees: Vec<u64>,
    /// Who takes part.
    pub parties: Parties,
    /// How far it is.
    pub stage: Stage,
    /// The caller gave up before somebody answered.
    #[serde(default)]
    pub canceled: bool,
    /// Who put it on hold.
    #[serde(default)]
    pub held: Held,
    /// Who asked to, or not to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<Offer>,
    /// Who asked for the other end's offer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// When it began.
    pub since: Timestamp,
    /// When it counts as ended if nothing is heard of it.
    pub expires: Timestamp,
}

impl Dialog {
    /// Whether somebody answered.
    pub fn is_confirmed(&self) -> bool {
        !self.callees.is_empty()
    }
}

/// Everything that is known of a call now; none: it has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Which.
    pub key: CallKey,
    /// As it is.
    pub dialog: Option<Dialog>,
}

/// How a switchover went for the calls that were there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Calls that were known when this node took over.
    pub inherited: u64,
    /// Of them, those that something was heard of since: they live, or ended as calls end.
    pub kept: u64,
    /// Of them, those that ended by time without a word.
    pub lost: u64,
}

impl Figures {
    /// Those of which nothing is known yet.
    pub fn silent(&self) -> u64 {
        self.inherited.saturating_sub(self.kept).saturating_sub(self.lost)
    }
}
