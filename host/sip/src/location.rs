//! Where the DNs are: their registered contacts (RFC 3261 section 10.3).
//!
//! Must not know SIP text: who parsed a REGISTER asks with typed values and gets typed refusals.
//! Nothing expires by itself: the node that serves calls [`Location::expire`], the other one only
//! applies [`Change`]s, so that both always have the same table.
//!
//! # Invariants
//!
//! - A change holds everything that is known of its DN, so applying it twice, or after a later one
//!   was lost and told again, gives the same table.
//! - The contacts of a DN are in the order in which they are to be tried: ways that are not lost,
//!   then the greater q, then the newer registration.
//! - A registration is taken as a whole or not at all.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;
use takeover_logic::time::Timestamp;

use crate::clock::after;
use crate::directory::Registrar;
use crate::flow::{ConnectionId, Flow};
use crate::limits::{
    BINDING_TEXT_BYTES_MAX, BINDINGS_PER_DN_MAX, KEEP_LAG_MAX, REGISTERED_DNS_MAX,
};

#[cfg(test)]
mod tests;
mod unkept;

pub use unkept::Unkept;

/// Outdated entries that the queue of expiries may hold before it is swept: telephones that come
/// and go leave one each time.
const QUEUE_SLACK: usize = 1024;

/// One contact of a DN.
///
/// 10,000 DNs with one contact each of 45 bytes take 370 bytes per binding, table, queue and
/// allocator together (resident memory, measured on x86-64 Linux).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// Its URI, as the telephone wrote it.
    pub contact: Box<str>,
    /// Value of the Path headers (RFC 3327), where there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Box<str>>,
    /// How it was reached last.
    pub flow: Flow,
    /// The connection of that flow is gone: only a new registration repairs it.
    pub flow_lost: bool,
    /// Preference, in thousandths.
    pub q: u16,
    /// Number of the REGISTER that told it.
    pub cseq: u32,
    /// Fingerprint of that REGISTER's Call-ID.
    pub call: u64,
    /// What makes two contacts the same; see [`identity`].
    pub identity: u64,
    /// When it was told.
    pub registered: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

/// A contact of a REGISTER.
#[derive(Clone, Copy, Debug)]
pub struct NewContact<'a> {
    /// Its URI.
    pub contact: &'a str,
    /// See [`identity`].
    pub identity: u64,
    /// Its q parameter in thousandths; 1000 where there is none.
    pub q: u16,
    /// Its expires parameter, or else the Expires header, in seconds; none: neither. 0: removed.
    pub expires_s: Option<u32>,
}

/// What a REGISTER wants.
#[derive(Clone, Copy, Debug)]
pub enum Wish<'a> {
    /// Contact `*` with Expires 0: nothing is to be left.
    RemoveAll,
    /// These are added, refreshed or removed.
    Update(&'a [NewContact<'a>]),
}

/// A REGISTER that may be carried out: its sender is proved.
#[derive(Clone, Copy, Debug)]
pub struct Register<'a> {
    /// The DN, as the directory has it.
    pub dn: &'a Arc<str>,
    /// Its Call-ID.
    pub call_id: &'a [u8],
    /// Number of its CSeq.
    pub cseq: u32,
    /// Where it came from.
    pub flow: Flow,
    /// Value of its Path headers.
    pub path: Option<&'a str>,
    /// What it wants.
    pub wish: Wish<'a>,
}

/// Why a REGISTER was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// 423, with Min-Expires.
    #[error("registration: {found_s} s are wanted, at least {min_s} s are allowed")]
    IntervalTooBrief {
        /// What was wanted.
        found_s: u32,
        /// Value of Min-Expires.
        min_s: u32,
    },
    /// 500: an older request of the same telephone that arrives late.
    #[error("registration: CSeq {found} is not above {last}")]
    OutOfOrder {
        /// Its number.
        found: u32,
        /// The number of the one that was carried out.
        last: u32,
    },
    /// 403: the DN has too many contacts.
    #[error("registration: more than {BINDINGS_PER_DN_MAX} contacts")]
    TooManyContacts,
    /// 503: the node has too many.
    #[error("registration: more than {REGISTERED_DNS_MAX} DNs are registered")]
    TooManyDns,
    /// 400 (or 513): a text is too long.
    #[error("registration: a contact or path of {0} bytes, at most {BINDING_TEXT_BYTES_MAX}")]
    TooLong(usize),
}

/// Everything that is known of a DN now; none left: it is not registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The DN.
    pub dn: Arc<str>,
    /// Its contacts, in their order.
    pub bindings: Vec<Binding>,
}

/// What is known of one DN.
#[derive(Debug)]
struct Entry {
    bindings: Vec<Binding>,
    /// Time of its earliest entry in the queue of expiries.
    due: Timestamp,
}

/// The registered contacts of all DNs.
#[derive(Debug, Default)]
pub struct Location {
    limits: Registrar,
    entries: HashMap<Arc<str>, Entry>,
    /// When to look at a DN next; may be earlier than needed, never later.
    queue: BinaryHeap<Reverse<(Timestamp, Arc<str>)>>,
    /// DNs by the connection that one of their contacts came over.
    connections: HashMap<ConnectionId, Vec<Arc<str>>>,
    changes: VecDeque<Change>,
    unkept: Unkept,
}

impl Location {
    /// Nobody is registered.
    pub fn new(limits: Registrar) -> Location {
        Location { limits, ..Location::default() }
    }

    /// Takes changed options. What is registered stays as it is.
    pub fn set_limits(&mut self, limits: Registrar) {
        self.limits = limits;
    }

    /// Carries out a REGISTER. The contacts of the DN afterwards: [`Location::lookup`].
    ///
    /// # Errors
    /// What makes it impossible; then nothing was changed.
    pub fn register(
        &mut self,
        at: Timestamp,
        register: &Register<'_>,
    ) -> Result<(), RegisterError> {
        let call = fingerprint(&[register.call_id]);
        let before = self.entries.get(register.dn).map(|entry| entry.bindings.as_slice());
        if before.is_none() && self.entries.len() >= REGISTERED_DNS_MAX {
            return Err(RegisterError::TooManyDns);
        }
        let before = before.unwrap_or_default();
        let live = before.iter().filter(|binding| binding.expires > at);
        let mut bindings: Vec<Binding> = live.cloned().collect();
        match register.wish {
            Wish::RemoveAll => {
                for binding in &bindings {
                    in_order(binding, call, register.cseq)?;
                }
                bindings.clear();
            }
            Wish::Update(contacts) => {
                let path = register.path.map_or(0, str::len);
                let longest = contacts.iter().map(|c| c.contact.len()).fold(path, usize::max);
                if longest > BINDING_TEXT_BYTES_MAX {
                    return Err(RegisterError::TooLong(longest));
                }
                for contact in contacts {
                    self.update(at, register, (call, contact), &mut bindings)?;
                }
            }
        }
        if bindings.len() > BINDINGS_PER_DN_MAX {
            return Err(RegisterError::TooManyContacts);
        }
        order(&mut bindings);
        if bindings != before {
            self.put(register.dn, bindings);
        }
        Ok(())
    }

    /// Adds, refreshes or removes one contact.
    fn update(
        &self,
        at: Timestamp,
        register: &Register<'_>,
        (call, contact): (u64, &NewContact<'_>),
        bindings: &mut Vec<Binding>,
    ) -> Result<(), RegisterError> {
        let expires = self.granted(contact.expires_s)?;
        let known = bindings.iter().position(|binding| binding.identity == contact.identity);
        if let Some(binding) = known.and_then(|known| bindings.get(known))
            && !in_order(binding, call, register.cseq)?
        {
            return Ok(());
        }
        let new = (!expires.is_zero()).then(|| Binding {
            contact: contact.contact.into(),
            path: register.path.map(Into::into),
            flow: register.flow,
            flow_lost: false,
            q: contact.q.min(1000),
            cseq: register.cseq,
            call,
            identity: contact.identity,
            registered: at,
            expires: after(at, expires),
        });
        if let Some(known) = known {
            bindings.remove(known);
        }
        bindings.extend(new);
        Ok(())
    }

    /// How long a contact is registered for a wish.
    fn granted(&self, wish_s: Option<u32>) -> Result<Duration, RegisterError> {
        let limits = &self.limits;
        match wish_s {
            None => Ok(limits.expires_default_s),
            Some(found_s) if (1..limits.expires_min_s).contains(&found_s) => {
                Err(RegisterError::IntervalTooBrief { found_s, min_s: limits.expires_min_s })
            }
            Some(wish_s) => Ok(wish_s.min(limits.expires_max_s)),
        }
        .map(|seconds| Duration::from_secs(u64::from(seconds)))
    }

    /// The contacts of a DN that are good at a time, in the order in which they are to be tried.
    /// Those whose way is lost come last and say so.
    pub fn lookup(&self, dn: &str, at: Timestamp) -> impl Iterator<Item = &Binding> {
        let bindings = self.entries.get(dn).map_or(&[][..], |entry| &entry.bindings);
        bindings.iter().filter(move |binding| binding.expires > at)
    }

    /// Whether a DN is registered.
    pub fn is_registered(&self, dn: &str, at: Timestamp) -> bool {
        self.lookup(dn, at).next().is_some()
    }

    /// Registered DNs.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nobody is registered.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Removes a DN that is no longer configured.
    pub fn remove(&mut self, dn: &Arc<str>) {
        if self.entries.contains_key(dn) {
            self.put(dn, Vec::new());
        }
    }

    /// Marks the contacts that came over a connection, which is gone.
    pub fn connection_closed(&mut self, connection: ConnectionId) {
        for dn in self.connections.remove(&connection).unwrap_or_default() {
            let Some(entry) = self.entries.get_mut(&dn) else { continue };
            let lost = entry.bindings.iter_mut().filter(|b| b.flow.connection == Some(connection));
            lost.for_each(|binding| (binding.flow_lost, binding.flow.connection) = (true, None));
            order(&mut entry.bindings);
            let bindings = entry.bindings.clone();
            self.unkept.note(&dn);
            self.changes.push_back(Change { dn, bindings });
        }
    }

    /// This node serves from now on: connections ended with the node that had them. Not told as
    /// changes: whoever takes over tells everything anew.
    pub fn take_over(&mut self) {
        self.connections.clear();
        for entry in self.entries.values_mut() {
            for binding in &mut entry.bindings {
                binding.flow_lost |= binding.flow.transport.is_reliable();
                binding.flow.connection = None;
            }
            order(&mut entry.bindings);
        }
    }

    /// When the next contact may end. Only the node that serves has to care.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.queue.peek().map(|Reverse((due, _))| *due)
    }

    /// Removes what has ended; DNs that have no contact left go to `gone`. For the node that serves
    /// only.
    pub fn expire(&mut self, at: Timestamp, gone: &mut Vec<Arc<str>>) {
        while self.deadline().is_some_and(|due| due <= at) {
            let Some(Reverse((due, dn))) = self.queue.pop() else { return };
            let Some(entry) = self.entries.get(&dn).filter(|entry| entry.due == due) else {
                continue;
            };
            let live = entry.bindings.iter().filter(|binding| binding.expires > at);
            let bindings: Vec<Binding> = live.cloned().collect();
            if bindings.len() == entry.bindings.len() {
                self.schedule(&dn, true);
                continue;
            }
            if bindings.is_empty() {
                gone.push(Arc::clone(&dn));
            }
            self.put(&dn, bindings);
            self.schedule(&dn, true);
        }
    }

    /// The next change to tell the other node.
    pub fn poll_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// Takes over what the other node told.
    pub fn apply(&mut self, change: Change) {
        self.set(&change.dn, change.bindings);
    }

    /// Takes over, at a node that serves, what was known of a DN before it began, unless it knows
    /// something newer itself. Connections have ended since. Told to the other node.
    pub fn recall(&mut self, at: Timestamp, change: Change) {
        let Change { dn, mut bindings } = change;
        bindings.retain(|binding| binding.expires > at);
        for binding in &mut bindings {
            binding.flow_lost |= binding.flow.transport.is_reliable();
            binding.flow.connection = None;
        }
        let known = self.entries.get(&dn).and_then(|entry| newest(&entry.bindings));
        let has_room = known.is_some() || self.entries.len() < REGISTERED_DNS_MAX;
        if has_room && newest(&bindings) > known {
            order(&mut bindings);
            self.put(&dn, bindings);
        }
    }

    /// Takes over, at a node that stands by, what the store of the pair says a little late: nothing
    /// older than what is known, and no end of a registration of the last seconds.
    pub fn catch_up(&mut self, at: Timestamp, change: Change) {
        let told = newest(&change.bindings);
        let known = self.entries.get(&change.dn).and_then(|entry| newest(&entry.bindings));
        let is_fresh = known.is_some_and(|known| after(known, KEEP_LAG_MAX) > at);
        if told >= known || !is_fresh {
            self.apply(change);
        }
    }

    /// DNs of which the store of the pair is to be told.
    pub fn unkept(&self) -> &Unkept {
        &self.unkept
    }

    /// The same, to take from.
    pub fn unkept_mut(&mut self) -> &mut Unkept {
        &mut self.unkept
    }

    /// DNs of which something is known.
    pub fn dns(&self) -> impl Iterator<Item = &Arc<str>> {
        self.entries.keys()
    }

    /// What is known of a DN, as a change.
    pub fn change_of(&self, dn: &Arc<str>) -> Change {
        let bindings = self.entries.get(dn).map(|entry| entry.bindings.clone());
        Change { dn: Arc::clone(dn), bindings: bindings.unwrap_or_default() }
    }

    /// Replaces the contacts of a DN and tells it.
    fn put(&mut self, dn: &Arc<str>, bindings: Vec<Binding>) {
        self.unkept.note(dn);
        self.changes.push_back(Change { dn: Arc::clone(dn), bindings: bindings.clone() });
        self.set(dn, bindings);
    }

    /// Replaces the contacts of a DN.
    fn set(&mut self, dn: &Arc<str>, mut bindings: Vec<Binding>) {
        self.forget_connections(dn);
        if bindings.is_empty() {
            self.entries.remove(dn);
            return;
        }
        bindings.shrink_to_fit();
        for connection in bindings.iter().filter_map(|binding| binding.flow.connection) {
            let dns = self.connections.entry(connection).or_default();
            if !dns.contains(dn) {
                dns.push(Arc::clone(dn));
            }
        }
        match self.entries.get_mut(dn) {
            Some(entry) => {
                entry.bindings = bindings;
                self.schedule(dn, false);
            }
            None => {
                let entry = Entry { bindings, due: Timestamp(u64::MAX) };
                self.entries.insert(Arc::clone(dn), entry);
                self.schedule(dn, true);
            }
        }
    }

    fn forget_connections(&mut self, dn: &Arc<str>) {
        let Some(entry) = self.entries.get(dn) else { return };
        for connection in entry.bindings.iter().filter_map(|binding| binding.flow.connection) {
            if let Some(dns) = self.connections.get_mut(&connection) {
                dns.retain(|of| of != dn);
                if dns.is_empty() {
                    self.connections.remove(&connection);
                }
            }
        }
    }

    /// Puts a DN into the queue, where it is not there early enough or has just left it.
    fn schedule(&mut self, dn: &Arc<str>, has_left: bool) {
        let Some(entry) = self.entries.get_mut(dn) else { return };
        let earliest = entry.bindings.iter().map(|binding| binding.expires).min();
        let Some(earliest) = earliest.filter(|earliest| has_left || *earliest < entry.due) else {
            return;
        };
        entry.due = earliest;
        self.queue.push(Reverse((earliest, Arc::clone(dn))));
        if self.queue.len() > 2 * self.entries.len() + QUEUE_SLACK {
            let entries = &self.entries;
            let is_current = |Reverse((due, dn)): &Reverse<(Timestamp, Arc<str>)>| {
                entries.get(dn).is_some_and(|entry| entry.due == *due)
            };
            self.queue.retain(is_current);
        }
    }
}

impl PartialEq for Location {
    /// Whether two tables know the same.
    fn eq(&self, other: &Location) -> bool {
        let same = |(dn, entry): (&Arc<str>, &Entry)| {
            other.entries.get(dn).is_some_and(|theirs| theirs.bindings == entry.bindings)
        };
        self.entries.len() == other.entries.len() && self.entries.iter().all(same)
    }
}

/// Whether a REGISTER comes after the one that told a binding; false: it is that one again.
fn in_order(binding: &Binding, call: u64, cseq: u32) -> Result<bool, RegisterError> {
    if binding.call == call && cseq < binding.cseq {
        return Err(RegisterError::OutOfOrder { found: cseq, last: binding.cseq });
    }
    Ok(binding.call != call || cseq > binding.cseq)
}

/// When the last one was told.
fn newest(bindings: &[Binding]) -> Option<Timestamp> {
    bindings.iter().map(|binding| binding.registered).max()
}

fn order(bindings: &mut [Binding]) {
    bindings.sort_by_key(|b| (b.flow_lost, Reverse(b.q), Reverse(b.registered), b.identity));
}

/// What makes two contacts the same (RFC 3261 section 19.1.4): a fingerprint of the parts of their
/// URIs that count, each in one form (user, host in lower case, port, transport), or of the
/// instance and its number where a telephone names them (RFC 5626).
pub fn identity(parts: &[&[u8]]) -> u64 {
    fingerprint(parts)
}

/// A fingerprint that is the same on both nodes. Who makes two texts with the same one harms only
/// its own registration.
fn fingerprint(parts: &[&[u8]]) -> u64 {
    let mut bytes = Vec::with_capacity(64);
    for part in parts {
        bytes.extend_from_slice(&part.len().to_le_bytes());
        bytes.extend_from_slice(part);
    }
    SipHasher13::new().hash(&bytes)
}
