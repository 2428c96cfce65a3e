//! Calls that wait on a routing point until somebody routes them.
//!
//! A call is queued (182), then either a decision takes it, or its caller gives up, or
//! `router-timeout` passes and it goes to `default-dn`. Must not know SIP: the call itself is an
//! open INVITE under the same key. Only the node that serves lets times pass.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use takeover_logic::time::Timestamp;

use crate::clock::after;
use crate::dialogs::CallKey;
use crate::limits::{PARKED_MAX, PARKED_PER_DN_MAX};
use crate::open::InviteKey;

#[cfg(test)]
mod tests;

/// A call that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedCall {
    /// Key of its open INVITE.
    pub key: InviteKey,
    /// The call, as events name it.
    pub call: CallKey,
    /// The routing point.
    pub dn: Arc<str>,
    /// Since when it waits.
    pub since: Timestamp,
    /// When it is not waited for any longer.
    pub deadline: Timestamp,
    /// Where it goes then; none: it is refused.
    pub default_dn: Option<Arc<str>>,
}

/// Why a call can not wait; refuse it (486 or 503).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParkError {
    /// The routing point is full.
    #[error("routing point: {PARKED_PER_DN_MAX} calls wait")]
    DnFull,
    /// The node is.
    #[error("routing points: {PARKED_MAX} calls wait")]
    Full,
}

/// Everything that is known of a waiting call now; none: it does not wait any longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Which.
    pub key: InviteKey,
    /// As it is.
    pub call: Option<ParkedCall>,
}

/// All calls that wait.
#[derive(Debug, Default)]
pub struct Parked {
    calls: BTreeMap<InviteKey, ParkedCall>,
    by_call: BTreeMap<CallKey, InviteKey>,
    deadlines: BTreeSet<(Timestamp, InviteKey)>,
    /// Keys by routing point, in the order in which they came.
    queues: BTreeMap<Arc<str>, BTreeSet<(Timestamp, InviteKey)>>,
    changes: VecDeque<Change>,
}

impl Parked {
    /// Lets a call wait. One that waits already goes on waiting as before.
    ///
    /// # Errors
    /// There is no room.
    pub fn park(
        &mut self,
        at: Timestamp,
        (key, call): (InviteKey, CallKey),
        dn: &Arc<str>,
        (timeout, default_dn): (Duration, Option<&Arc<str>>),
    ) -> Result<(), ParkError> {
        if self.calls.contains_key(&key) {
            return Ok(());
        }
        if self.calls.len() >= PARKED_MAX {
            return Err(ParkError::Full);
        }
        if self.waiting(dn) >= PARKED_PER_DN_MAX {
            return Err(ParkError::DnFull);
        }
        let call = ParkedCall {
            key,
            call,
            dn: Arc::clone(dn),
            since: at,
            deadline: after(at, timeout),
            default_dn: default_dn.cloned(),
        };
        self.put(key, Some(call));
        Ok(())
    }

    /// Takes a call that was routed or whose caller gave up.
    pub fn take(&mut self, key: InviteKey) -> Option<ParkedCall> {
        let call = self.calls.get(&key).cloned()?;
        self.put(key, None);
        Some(call)
    }

    /// Takes the next call whose time has passed. For the node that serves only.
    pub fn take_due(&mut self, at: Timestamp) -> Option<ParkedCall> {
        let (due, key) = self.deadlines.first()?;
        if *due > at {
            return None;
        }
        let key = *key;
        self.take(key)
    }

    /// When the next time passes. Only the node that serves has to care.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(due, _)| *due)
    }

    /// Calls that wait on a routing point.
    pub fn waiting(&self, dn: &str) -> usize {
        self.queues.get(dn).map_or(0, BTreeSet::len)
    }

    /// The calls that wait on a routing point, longest first.
    pub fn queue(&self, dn: &str) -> impl Iterator<Item = &ParkedCall> {
        let keys = self.queues.get(dn).into_iter().flatten();
        keys.filter_map(|(_, key)| self.calls.get(key))
    }

    /// A waiting call.
    pub fn call(&self, key: InviteKey) -> Option<&ParkedCall> {
        self.calls.get(&key)
    }

    /// The waiting INVITE of a call; the latest, where several of it wait.
    pub fn of_call(&self, call: CallKey) -> Option<InviteKey> {
        self.by_call.get(&call).copied()
    }

    /// Calls that wait.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether no call waits.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// The next change to tell the other node.
    pub fn poll_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// Takes over what the other node told.
    pub fn apply(&mut self, change: Change) {
        self.set(change.key, change.call);
    }

    /// Keys of all calls.
    pub fn keys(&self) -> impl Iterator<Item = InviteKey> {
        self.calls.keys().copied()
    }

    /// What is known of a call, as a change.
    pub fn change_of(&self, key: InviteKey) -> Change {
        Change { key, call: self.calls.get(&key).cloned() }
    }

    fn put(&mut self, key: InviteKey, call: Option<ParkedCall>) {
        self.set(key, call.clone());
        self.changes.push_back(Change { key, call });
    }

    fn set(&mut self, key: InviteKey, call: Option<ParkedCall>) {
        if let Some(before) = self.calls.remove(&key) {
            self.deadlines.remove(&(before.deadline, key));
            if self.by_call.get(&before.call) == Some(&key) {
                self.by_call.remove(&before.call);
            }
            if let Some(queue) = self.queues.get_mut(&before.dn) {
                queue.remove(&(before.since, key));
                if queue.is_empty() {
                    self.queues.remove(&before.dn);
                }
            }
        }
        if let Some(call) = call {
            self.deadlines.insert((call.deadline, key));
            self.by_call.insert(call.call, key);
            let queue = self.queues.entry(Arc::clone(&call.dn)).or_default();
            queue.insert((call.since, key));
            self.calls.insert(key, call);
        }
    }
}

impl PartialEq for Parked {
    /// Whether two nodes know the same.
    fn eq(&self, other: &Parked) -> bool {
        self.calls == other.calls
    }
}
