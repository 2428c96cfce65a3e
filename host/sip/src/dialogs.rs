//! Which calls there are: counted for draining, for the capacity of trunks, for agents, and for the
//! report of a switchover.
//!
//! A call lives without this table (its messages carry what a proxy needs), so a wrong entry costs
//! a count and never a call. Must not know SIP text. Only the node that serves lets entries end by
//! time.
//!
//! ```text
//!    begin            answered                 ended, or time passed
//!    -----> early ----------------> confirmed ------------------------> (gone)
//!             |                                                            ^
//!             +--------------- failed, or time passed --------------------+
//! ```

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;
use takeover_logic::time::Timestamp;

use crate::clock::after;
use crate::limits::{
    CONFIRMED_LIFE_MAX, DIALOGS_MAX, EARLY_LIFE_MAX, FORKS_MAX, SESSION_EXPIRY_GRACE,
};

#[cfg(test)]
mod tests;

/// A call: keyed fingerprint of its Call-ID and the caller's tag. The same on both nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallKey(pub u64);

/// One call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialog {
    /// Fingerprints of the tags of those who answered; empty: nobody did yet.
    pub callees: Vec<u64>,
    /// DNs and trunks that take part.
    pub parties: Vec<Arc<str>>,
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

#[derive(Debug)]
struct Entry {
    dialog: Dialog,
    /// It was known when this node took over and nothing was heard of it since.
    is_silent: bool,
    /// Its place in the queue.
    due: Timestamp,
}

/// All calls.
#[derive(Debug)]
pub struct Dialogs {
    key: [u8; 16],
    entries: HashMap<CallKey, Entry>,
    queue: BinaryHeap<Reverse<(Timestamp, CallKey)>>,
    /// Calls by DN or trunk.
    busy: HashMap<Arc<str>, u32>,
    idle: VecDeque<Arc<str>>,
    figures: Figures,
    untracked: u64,
    changes: VecDeque<Change>,
}

impl Dialogs {
    /// No calls yet. Both nodes of a pair have the same key.
    pub fn new(key: [u8; 16]) -> Dialogs {
        Dialogs {
            key,
            entries: HashMap::new(),
            queue: BinaryHeap::new(),
            busy: HashMap::new(),
            idle: VecDeque::new(),
            figures: Figures::default(),
            untracked: 0,
            changes: VecDeque::new(),
        }
    }

    /// The key of a call: Call-ID and the caller's tag.
    pub fn key(&self, call_id: &[u8], caller_tag: &[u8]) -> CallKey {
        let mut bytes = Vec::with_capacity(call_id.len() + caller_tag.len() + 8);
        bytes.extend_from_slice(&call_id.len().to_le_bytes());
        bytes.extend_from_slice(call_id);
        bytes.extend_from_slice(caller_tag);
        CallKey(SipHasher13::new_with_key(&self.key).hash(&bytes))
    }

    fn tag(&self, tag: &[u8]) -> u64 {
        SipHasher13::new_with_key(&self.key).hash(tag)
    }

    /// An INVITE that begins a call goes on. False: there is no room to count it; it goes on all
    /// the same.
    pub fn begin(&mut self, at: Timestamp, key: CallKey, parties: &[Arc<str>]) -> bool {
        if self.entries.contains_key(&key) {
            self.heard(key);
            return true;
        }
        if self.entries.len() >= DIALOGS_MAX {
            self.untracked += 1;
            return false;
        }
        let expires = after(at, EARLY_LIFE_MAX);
        let parties = parties.to_vec();
        self.put(key, Some(Dialog { callees: Vec::new(), parties, since: at, expires }));
        true
    }

    /// A call that nobody answered yet may take so long: it waits on a routing point, or rings on.
    /// Never less long than before.
    pub fn may_last_until(&mut self, key: CallKey, until: Timestamp) {
        let early = self.entries.get(&key).filter(|entry| !entry.dialog.is_confirmed());
        if let Some(entry) = early.filter(|entry| entry.dialog.expires < until) {
            let dialog = Dialog { expires: until, ..entry.dialog.clone() };
            self.put(key, Some(dialog));
        }
    }

    /// A 2xx answers the INVITE. `session_expires_s`: what both agreed on (RFC 4028), after which a
    /// call of which nothing is heard has ended.
    pub fn answered(
        &mut self,
        at: Timestamp,
        key: CallKey,
        callee_tag: &[u8],
        session_expires_s: Option<u32>,
    ) {
        let tag = self.tag(callee_tag);
        self.heard(key);
        let Some(entry) = self.entries.get(&key) else { return };
        let mut dialog = entry.dialog.clone();
        if !dialog.callees.contains(&tag) && dialog.callees.len() < FORKS_MAX {
            dialog.callees.push(tag);
        }
        dialog.expires = life(at, session_expires_s);
        self.put(key, Some(dialog));
    }

    /// A final answer other than 2xx ends the call, unless somebody answered it before.
    pub fn failed(&mut self, key: CallKey) {
        self.heard(key);
        if self.entries.get(&key).is_some_and(|entry| !entry.dialog.is_confirmed()) {
            self.put(key, None);
        }
    }

    /// A request within a call was seen, which may renew its session. The tags in any order.
    pub fn seen(
        &mut self,
        at: Timestamp,
        call_id: &[u8],
        (one_tag, other_tag): (&[u8], &[u8]),
        session_expires_s: Option<u32>,
    ) {
        let Some((key, _)) = self.find(call_id, one_tag, other_tag) else { return };
        self.heard(key);
        let Some(entry) = self.entries.get(&key).filter(|_| session_expires_s.is_some()) else {
            return;
        };
        let dialog = Dialog { expires: life(at, session_expires_s), ..entry.dialog.clone() };
        self.put(key, Some(dialog));
    }

    /// A BYE was seen. The tags in any order.
    pub fn ended(&mut self, call_id: &[u8], one_tag: &[u8], other_tag: &[u8]) {
        let Some((key, callee)) = self.find(call_id, one_tag, other_tag) else { return };
        self.heard(key);
        let Some(entry) = self.entries.get(&key) else { return };
        let mut dialog = entry.dialog.clone();
        dialog.callees.retain(|tag| *tag != callee);
        let is_over = dialog.callees.is_empty() || dialog.callees == entry.dialog.callees;
        self.put(key, (!is_over).then_some(dialog));
    }

    /// The call of a message and the fingerprint of the callee's tag, whoever sent it.
    fn find(&self, call_id: &[u8], one: &[u8], other: &[u8]) -> Option<(CallKey, u64)> {
        let sides = [(one, other), (other, one)];
        sides.into_iter().find_map(|(caller, callee)| {
            let key = self.key(call_id, caller);
            self.entries.contains_key(&key).then(|| (key, self.tag(callee)))
        })
    }

    /// Something was heard of a call: it survived, where it was inherited.
    fn heard(&mut self, key: CallKey) {
        if let Some(entry) = self.entries.get_mut(&key)
            && std::mem::take(&mut entry.is_silent)
        {
            self.figures.kept += 1;
        }
    }

    /// This node serves from now on. What it knows now is what the switchover has to keep.
    pub fn take_over(&mut self) {
        let inherited = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        self.figures = Figures { inherited, ..Figures::default() };
        self.entries.values_mut().for_each(|entry| entry.is_silent = true);
    }

    /// How the last take-over went so far.
    pub fn figures(&self) -> Figures {
        self.figures
    }

    /// When the next call may end by time; at times earlier than needed. Only the node that serves
    /// has to care.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.queue.peek().map(|Reverse((due, _))| *due)
    }

    /// Ends calls of which nothing was heard for too long. For the node that serves only.
    pub fn expire(&mut self, at: Timestamp) {
        while self.deadline().is_some_and(|due| due <= at) {
            let Some(Reverse((due, key))) = self.queue.pop() else { return };
            let Some(entry) = self.entries.get_mut(&key).filter(|entry| entry.due == due) else {
                continue;
            };
            if entry.dialog.expires > at {
                entry.due = entry.dialog.expires;
                self.queue.push(Reverse((entry.due, key)));
                continue;
            }
            self.figures.lost += u64::from(entry.is_silent);
            self.put(key, None);
        }
    }

    /// Calls at a DN, or through a trunk.
    pub fn calls_of(&self, dn: &str) -> u32 {
        self.busy.get(dn).copied().unwrap_or(0)
    }

    /// Calls.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Calls that were answered; counted one by one.
    pub fn confirmed(&self) -> usize {
        self.entries.values().filter(|entry| entry.dialog.is_confirmed()).count()
    }

    /// Whether there is no call: a node that shuts down may end.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Calls that were not counted for want of room.
    pub fn untracked(&self) -> u64 {
        self.untracked
    }

    /// The next DN whose last call ended.
    pub fn poll_idle(&mut self) -> Option<Arc<str>> {
        self.idle.pop_front()
    }

    /// The next change to tell the other node.
    pub fn poll_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// Takes over what the other node told.
    pub fn apply(&mut self, change: Change) {
        self.set(change.key, change.dialog);
        self.idle.clear();
    }

    /// Keys of all calls.
    pub fn keys(&self) -> impl Iterator<Item = CallKey> {
        self.entries.keys().copied()
    }

    /// What is known of a call, as a change.
    pub fn change_of(&self, key: CallKey) -> Change {
        Change { key, dialog: self.entries.get(&key).map(|entry| entry.dialog.clone()) }
    }

    fn put(&mut self, key: CallKey, dialog: Option<Dialog>) {
        self.changes.push_back(Change { key, dialog: dialog.clone() });
        self.set(key, dialog);
    }

    fn set(&mut self, key: CallKey, dialog: Option<Dialog>) {
        let Some(dialog) = dialog else {
            if let Some(entry) = self.entries.remove(&key) {
                self.count(&entry.dialog.parties, false);
            }
            return;
        };
        match self.entries.get_mut(&key) {
            Some(entry) => {
                let parties = std::mem::replace(&mut entry.dialog, dialog).parties;
                let is_sooner = entry.dialog.expires < entry.due;
                let (due, now) = (entry.dialog.expires, entry.dialog.parties.clone());
                if is_sooner {
                    entry.due = due;
                    self.queue.push(Reverse((due, key)));
                }
                if parties != now {
                    self.count(&now, true);
                    self.count(&parties, false);
                }
            }
            None => {
                let due = dialog.expires;
                self.count(&dialog.parties, true);
                self.entries.insert(key, Entry { dialog, is_silent: false, due });
                self.queue.push(Reverse((due, key)));
                self.sweep();
            }
        }
    }

    fn count(&mut self, parties: &[Arc<str>], is_more: bool) {
        for dn in parties {
            let count = self.busy.entry(Arc::clone(dn)).or_default();
            if is_more {
                *count += 1;
                continue;
            }
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.busy.remove(dn);
                self.idle.push_back(Arc::clone(dn));
            }
        }
    }

    /// Drops outdated places in the queue: calls that ended leave one each.
    fn sweep(&mut self) {
        const SLACK: usize = 4096;
        if self.queue.len() > 2 * self.entries.len() + SLACK {
            let entries = &self.entries;
            self.queue.retain(|Reverse((due, key))| {
                entries.get(key).is_some_and(|entry| entry.due == *due)
            });
        }
    }
}

impl PartialEq for Dialogs {
    /// Whether two nodes know the same.
    fn eq(&self, other: &Dialogs) -> bool {
        let same = |(key, entry): (&CallKey, &Entry)| {
            other.entries.get(key).is_some_and(|theirs| theirs.dialog == entry.dialog)
        };
        self.entries.len() == other.entries.len() && self.entries.iter().all(same)
    }
}

/// Until when a confirmed call counts if nothing is heard of it.
fn life(at: Timestamp, session_expires_s: Option<u32>) -> Timestamp {
    match session_expires_s {
        Some(seconds) => after(at, Duration::from_secs(u64::from(seconds)) + SESSION_EXPIRY_GRACE),
        None => after(at, CONFIRMED_LIFE_MAX),
    }
}
