//! Which calls there are: counted for draining, for the capacity of trunks, for agents, and for the
//! report of a switchover; and what clients are told of them.
//!
//! A call lives without this table (its messages carry what a proxy needs), so a wrong entry costs
//! a count and never a call. Must not know SIP text. Only the node that serves lets entries end by
//! time, and tells of them.
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

use siphasher::sip::SipHasher13;
use takeover_logic::time::Timestamp;

use crate::calls::{Cause, End, Event, Told};
use crate::clock::after;
use crate::limits::{
    CALLS_LISTED_MAX, CONFIRMED_LIFE_MAX, DIALOGS_MAX, EARLY_LIFE_MAX, FORKS_MAX,
    SESSION_EXPIRY_GRACE,
};

mod hold;
mod index;
mod model;
#[cfg(test)]
mod tests;

pub use hold::Inside;
use index::Index;
pub use model::{Asked, CallKey, Change, Dialog, Figures, Held, Offer, Parties, Party, Stage};

#[derive(Debug)]
struct Entry {
    dialog: Dialog,
    /// It was known when this node took over and nothing was heard of it since.
    is_silent: bool,
    /// Its place in the queue.
    due: Timestamp,
}

/// Whose message it is.
struct Found {
    key: CallKey,
    /// Fingerprint of the callee's tag.
    callee: u64,
    /// The callee sent it.
    by_callee: bool,
}

/// All calls.
#[derive(Debug)]
pub struct Dialogs {
    key: [u8; 16],
    entries: HashMap<CallKey, Entry>,
    queue: BinaryHeap<Reverse<(Timestamp, CallKey)>>,
    index: Index,
    idle: VecDeque<Arc<str>>,
    figures: Figures,
    untracked: u64,
    changes: VecDeque<Change>,
    events: VecDeque<Event>,
}

impl Dialogs {
    /// No calls yet. Both nodes of a pair have the same key.
    pub fn new(key: [u8; 16]) -> Dialogs {
        Dialogs {
            key,
            entries: HashMap::new(),
            queue: BinaryHeap::new(),
            index: Index::default(),
            idle: VecDeque::new(),
            figures: Figures::default(),
            untracked: 0,
            changes: VecDeque::new(),
            events: VecDeque::new(),
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

    /// An INVITE that begins a call goes on, or waits on a routing point. False: there is no room
    /// to count it; it goes on all the same.
    pub fn begin(&mut self, at: Timestamp, key: CallKey, parties: Parties, stage: Stage) -> bool {
        if self.entries.contains_key(&key) {
            self.heard(key);
            return true;
        }
        if self.entries.len() >= DIALOGS_MAX {
            self.untracked += 1;
            return false;
        }
        let dialog = Dialog {
            callees: Vec::new(),
            parties,
            stage,
            canceled: false,
            held: Held::default(),
            offer: None,
            asked: None,
            since: at,
            expires: after(at, EARLY_LIFE_MAX),
        };
        self.put(at, key, Ok(dialog));
        true
    }

    /// Changes a call that nobody answered yet.
    fn change_early(&mut self, at: Timestamp, key: CallKey, change: impl FnOnce(&mut Dialog)) {
        let early = self.entries.get(&key).filter(|entry| !entry.dialog.is_confirmed());
        let Some(before) = early.map(|entry| &entry.dialog) else { return };
        let mut dialog = before.clone();
        change(&mut dialog);
        if dialog != *before {
            self.put(at, key, Ok(dialog));
        }
    }

    /// A call that nobody answered yet may take so long: it waits on a routing point, or rings on.
    /// Never less long than before.
    pub fn may_last_until(&mut self, at: Timestamp, key: CallKey, until: Timestamp) {
        self.change_early(at, key, |dialog| dialog.expires = dialog.expires.max(until));
    }

    /// A call leaves its routing point for somebody else.
    pub fn routed(&mut self, at: Timestamp, key: CallKey, callee: Party) {
        self.change_early(at, key, |dialog| {
            dialog.parties.callee = callee;
            dialog.stage = Stage::Dialing;
        });
    }

    /// Whoever is called is told of it: a 1xx beyond 100.
    pub fn alerting(&mut self, at: Timestamp, key: CallKey) {
        self.change_early(at, key, |dialog| {
            if dialog.stage == Stage::Dialing {
                dialog.stage = Stage::Ringing;
            }
        });
    }

    /// The caller gives up. The call ends with its final answer.
    pub fn canceled(&mut self, at: Timestamp, key: CallKey) {
        self.change_early(at, key, |dialog| dialog.canceled = true);
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
        dialog.stage = Stage::Established;
        dialog.expires = life(at, session_expires_s);
        self.put(at, key, Ok(dialog));
    }

    /// A final answer other than 2xx ends the call, unless somebody answered it before.
    pub fn failed(&mut self, at: Timestamp, key: CallKey, code: u16) {
        self.heard(key);
        let early = self.entries.get(&key).filter(|entry| !entry.dialog.is_confirmed());
        let Some(canceled) = early.map(|entry| entry.dialog.canceled) else { return };
        let end = match canceled {
            true => End::of(Cause::Canceled),
            false => End { cause: Cause::Refused, code: Some(code) },
        };
        self.put(at, key, Err(end));
    }

    /// A request within a call was seen, which may renew its session. The tags in any order.
    pub fn seen(
        &mut self,
        at: Timestamp,
        call_id: &[u8],
        (one_tag, other_tag): (&[u8], &[u8]),
        session_expires_s: Option<u32>,
    ) {
        let Some(found) = self.find(call_id, one_tag, other_tag) else { return };
        self.heard(found.key);
        let Some(entry) = self.entries.get(&found.key).filter(|_| session_expires_s.is_some())
        else {
            return;
        };
        let dialog = Dialog { expires: life(at, session_expires_s), ..entry.dialog.clone() };
        self.put(at, found.key, Ok(dialog));
    }

    /// A BYE was seen. The tags in any order.
    pub fn ended(&mut self, at: Timestamp, call_id: &[u8], (one, other): (&[u8], &[u8])) {
        let Some(found) = self.find(call_id, one, other) else { return };
        self.heard(found.key);
        let Some(entry) = self.entries.get(&found.key) else { return };
        let mut dialog = entry.dialog.clone();
        dialog.callees.retain(|tag| *tag != found.callee);
        let is_over = dialog.callees.is_empty() || dialog.callees == entry.dialog.callees;
        self.put(at, found.key, if is_over { Err(End::of(Cause::Bye)) } else { Ok(dialog) });
    }

    /// The call of a message, whoever sent it.
    fn find(&self, call_id: &[u8], from: &[u8], to: &[u8]) -> Option<Found> {
        let sides = [(from, to, false), (to, from, true)];
        sides.into_iter().find_map(|(caller, callee, by_callee)| {
            let key = self.key(call_id, caller);
            let callee = self.tag(callee);
            self.entries.contains_key(&key).then_some(Found { key, callee, by_callee })
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
            self.put(at, key, Err(End::of(Cause::Silence)));
        }
    }

    /// Calls at a DN, or through a trunk.
    pub fn calls_of(&self, dn: &str) -> u32 {
        self.index.count(dn)
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

    /// Calls after one, in the order of their keys, at a DN or all: at most [`CALLS_LISTED_MAX`].
    pub fn list(&self, dn: Option<&str>, after: Option<CallKey>) -> Vec<(CallKey, &Dialog)> {
        let keys = self.index.after(dn, after).take(CALLS_LISTED_MAX);
        keys.filter_map(|key| Some((key, &self.entries.get(&key)?.dialog))).collect()
    }

    /// What is known of a call.
    pub fn get(&self, key: CallKey) -> Option<&Dialog> {
        self.entries.get(&key).map(|entry| &entry.dialog)
    }

    /// The next event to tell clients.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
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

    /// A call is like this from now on, or has ended: told to the other node and to clients.
    fn put(&mut self, at: Timestamp, key: CallKey, now: Result<Dialog, End>) {
        let before = self.entries.get(&key).map(|entry| &entry.dialog);
        let mut told = Told { at, key, events: &mut self.events };
        match (before, &now) {
            (None, Ok(dialog)) => told.began(dialog),
            (Some(before), Ok(dialog)) => told.changed(before, dialog),
            (Some(before), Err(end)) => told.ended(before, *end),
            (None, Err(_)) => {}
        }
        let dialog = now.ok();
        self.changes.push_back(Change { key, dialog: dialog.clone() });
        self.set(key, dialog);
    }

    fn set(&mut self, key: CallKey, dialog: Option<Dialog>) {
        let Some(dialog) = dialog else {
            if let Some(entry) = self.entries.remove(&key) {
                self.index.leave(key, entry.dialog.parties.dns(), &mut self.idle);
                self.index.remove(key);
            }
            return;
        };
        match self.entries.get_mut(&key) {
            Some(entry) => {
                let before = std::mem::replace(&mut entry.dialog, dialog).parties;
                let parties = &entry.dialog.parties;
                if before != *parties {
                    self.index.add(key, parties.dns());
                    let gone = before.dns().filter(|dn| !parties.dns().any(|now| now == *dn));
                    self.index.leave(key, gone, &mut self.idle);
                }
                let due = entry.dialog.expires;
                if due < entry.due {
                    entry.due = due;
                    self.queue.push(Reverse((due, key)));
                }
            }
            None => {
                let due = dialog.expires;
                self.index.add(key, dialog.parties.dns());
                self.entries.insert(key, Entry { dialog, is_silent: false, due });
                self.queue.push(Reverse((due, key)));
                self.sweep();
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
