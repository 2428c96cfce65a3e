//! The second way of registrations: through the store that the control server keeps for the pair.
//!
//! The node that serves has its registrations kept there, and the other one is told of them from
//! there, a second later than by the standby link: a link that is dead without a word is not seen
//! by who only listens. A node that starts with nobody to ask learns them as well. Both ends are
//! this machine. It must not know how words travel ([`takeover_logic::keep`] says
//! what they mean), nor SIP.
//!
//! ```text
//!   Closed ---> Opening ---> Open: told everything ---> Open: whole
//!      ^           ^           |                          |  serves: puts what differs
//!      +-----------+-----------+--------------------------+  stands by: takes what is newer
//!         the role, the agent or the control server is another one; no answer
//! ```
//!
//! # Invariants
//!
//! - A node that serves and knew what the other one knew takes nothing from the store: it tells it
//!   what differs. One that began to serve with nothing takes what it has not learned itself since.
//! - A node that stands by, and to all appearance is told by the link, takes nothing from the
//!   store that is older than what it knows, nor that a registration of the last seconds is gone:
//!   there the link may be ahead.
//! - Times are wall-clock times, as on the standby link: a registration that ended is not found.
//! - No step takes long: what is to be compared or told is, a little at a time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use siphasher::sip::SipHasher13;
use takeover_logic::ids::Term;
use takeover_logic::keep::{Item, Keep, Kept, fill};
use takeover_logic::limits::KEPT_ITEM_BYTES_MAX;
use takeover_logic::time::{Instant, Now};

use crate::directory::Directory;
use crate::limits::{
    KEEP_ANSWER_TIMEOUT, KEEP_COMPARED_MAX, KEEP_INTERVAL, KEEP_OPEN_DELAY, KEEP_PACE,
};
use crate::location::{Binding, Change, Location};

#[cfg(test)]
mod tests;

/// First word of the keys, and with it version of the values. What has another one is let be.
const KIND: &str = "contacts-1/";

/// What happened on the way to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeepInput {
    /// There is a host agent, and a pair: a way, from now on or anew.
    There,
    /// There is none any more.
    Lost,
    /// A word of the store.
    Heard(Kept),
}

/// How the node stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stance {
    /// It serves.
    pub serves: bool,
    /// In this term.
    pub term: Term,
    /// It stands by, and the standby link has told it everything.
    pub follows: bool,
}

/// A conversation.
#[derive(Debug)]
struct Session {
    id: u64,
    /// Everything was told.
    is_whole: bool,
    /// The store has all that this node knows, as it said itself.
    is_confirmed: bool,
    /// An answer is due by then.
    answer_by: Option<Instant>,
    /// What was told last is answered then.
    taken_at: Option<Instant>,
    /// What differs may be put from then on.
    put_at: Instant,
    /// Of these it was told last.
    put: Vec<Arc<str>>,
    /// With that it would have all.
    put_all: bool,
    /// Named since the store began to tell everything; at a node that stands by.
    named: HashSet<Arc<str>>,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Closed,
    Opening(Instant),
    Open(Session),
}

/// One node's end.
#[derive(Debug, Default)]
pub struct Keeping {
    is_there: bool,
    stance: Stance,
    /// It knew once, in this life, what the one that serves knew.
    knows: bool,
    phase: Phase,
    last_session: u64,
    /// Fingerprints of what the store has, at a node that serves.
    kept: HashMap<Arc<str>, u64>,
}

impl Keeping {
    /// There is a way to the store. What was agreed on another one is not known on this one.
    pub fn there(&mut self, now: Now, location: &mut Location) {
        location.unkept_mut().want();
        self.is_there = true;
        self.open_at(now.instant);
    }

    /// There is none any more.
    pub fn lost(&mut self) {
        (self.is_there, self.phase) = (false, Phase::Closed);
    }

    /// Opens anew, where there is a way.
    pub fn open_at(&mut self, at: Instant) {
        self.phase = if self.is_there { Phase::Opening(at) } else { Phase::Closed };
    }

    /// Looks how the node stands now.
    pub fn review(&mut self, now: Now, stance: Stance, location: &mut Location) {
        let before = (self.stance.serves, self.stance.term, self.knows);
        self.knows |= stance.follows;
        if before == (stance.serves, stance.term, self.knows) {
            return;
        }
        let began = stance.serves && !self.stance.serves;
        if !stance.serves {
            // Only what is learned while it serves is its own.
            location.unkept_mut().clear();
            self.kept = HashMap::new();
        }
        self.stance = stance;
        let delay = if began && self.knows { KEEP_OPEN_DELAY } else { KEEP_PACE };
        self.open_at(now.instant + delay);
    }

    /// When [`Self::due`] has something.
    pub fn deadline(&self, location: &Location) -> Option<Instant> {
        match &self.phase {
            Phase::Closed => None,
            Phase::Opening(at) => Some(*at),
            Phase::Open(session) => {
                let put =
                    (self.stance.serves && session.may_put(location)).then_some(session.put_at);
                Instant::earliest(Instant::earliest(session.answer_by, session.taken_at), put)
            }
        }
    }

    /// Whether the store has everything that is known here.
    pub fn is_all_kept(&self, location: &Location) -> bool {
        let is_confirmed = matches!(&self.phase, Phase::Open(session) if session.is_confirmed);
        self.stance.serves && is_confirmed && location.unkept().is_empty()
    }

    /// The next word that is due.
    pub fn due(&mut self, now: Now, location: &mut Location) -> Option<Keep> {
        let at = now.instant;
        match &mut self.phase {
            Phase::Opening(due) if *due <= at => Some(self.open(now)),
            Phase::Closed | Phase::Opening(_) => None,
            Phase::Open(session) if session.answer_by.is_some_and(|by| by <= at) => {
                Some(self.open(now))
            }
            Phase::Open(session) => {
                if session.taken_at.is_some_and(|due| due <= at) {
                    session.taken_at = None;
                    return Some(Keep::Taken { session: session.id });
                }
                if self.stance.serves && session.may_put(location) && session.put_at <= at {
                    return session.put(at, self.stance.term, (location, &mut self.kept));
                }
                None
            }
        }
    }

    fn open(&mut self, now: Now) -> Keep {
        // Higher than in an earlier life, as long as the clock is right; else the store's words to
        // that life find nobody, which is all that it is for.
        self.last_session = now.at.0.max(self.last_session + 1);
        let (id, knows) = (self.last_session, self.knows);
        // Who stands by and knows may be told nothing for ever.
        let is_answered = self.stance.serves || !knows;
        self.phase = Phase::Open(Session {
            id,
            is_whole: false,
            is_confirmed: false,
            answer_by: is_answered.then(|| now.instant + KEEP_ANSWER_TIMEOUT),
            taken_at: None,
            put_at: now.instant,
            put: Vec::new(),
            put_all: false,
            named: HashSet::new(),
        });
        Keep::Open { session: id, knows }
    }

    /// Takes a word of the store.
    pub fn hear(
        &mut self,
        now: Now,
        kept: Kept,
        (location, directory): (&mut Location, &Directory),
    ) {
        let Phase::Open(open) = &mut self.phase else { return };
        match kept {
            Kept::Told { session, begin, end, items } if session == open.id => {
                open.answer_by = None;
                open.taken_at = Some(now.instant + KEEP_PACE);
                if begin {
                    (open.is_whole, open.named) = (false, HashSet::new());
                    self.kept.clear();
                }
                for item in items {
                    self.told(now, item, (location, directory));
                }
                if end {
                    self.told_all(now, location);
                }
            }
            Kept::Taken { session } if session == open.id => {
                open.answer_by = None;
                open.is_confirmed |= open.put_all;
                open.put.clear();
            }
            Kept::Refused { session } if session == open.id => {
                (open.answer_by, open.is_confirmed) = (None, false);
                open.put_at = now.instant + KEEP_INTERVAL;
                for dn in open.put.drain(..) {
                    self.kept.remove(&dn);
                    location.unkept_mut().note(&dn);
                }
            }
            Kept::Told { .. } | Kept::Taken { .. } | Kept::Refused { .. } => {}
            Kept::Again | Kept::Unknown => {}
        }
    }

    /// One item that the store has.
    fn told(&mut self, now: Now, item: Item, (location, directory): (&mut Location, &Directory)) {
        let Some(number) = item.key.strip_prefix(KIND) else { return };
        let known = directory.dn(number).filter(|dn| dn.kind.is_dialable());
        let dn: Arc<str> = known.map_or_else(|| number.into(), |dn| Arc::clone(&dn.number));
        let bindings = item.value.as_deref().filter(|_| known.is_some());
        // What can not be read counts as absent; the one that serves puts it right.
        let bindings = bindings.and_then(|value| serde_json::from_str(value).ok());
        let bindings: Vec<Binding> = bindings.unwrap_or_default();
        if self.stance.serves {
            match &item.value {
                Some(value) => self.kept.insert(Arc::clone(&dn), fingerprint(value)),
                None => self.kept.remove(&dn),
            };
            if !self.knows && !location.unkept().contains(&dn) {
                location.recall(now.at, Change { dn: Arc::clone(&dn), bindings });
            }
            if fingerprint_of(location, &dn) != self.kept.get(&dn).copied() {
                location.unkept_mut().note(&dn);
            }
        } else if let Phase::Open(open) = &mut self.phase {
            if !open.is_whole {
                open.named.insert(Arc::clone(&dn));
            }
            self.take(now, Change { dn, bindings }, location);
        }
    }

    /// Takes over what the store has, at a node that stands by. As long as the link seems to tell
    /// everything, which is sooner, it counts as the newer one.
    fn take(&self, now: Now, change: Change, location: &mut Location) {
        match self.stance.follows {
            true => location.catch_up(now.at, change),
            false => location.apply(change),
        }
    }

    /// The store has told everything.
    fn told_all(&mut self, now: Now, location: &mut Location) {
        let Phase::Open(open) = &mut self.phase else { return };
        open.is_whole = true;
        self.knows = true;
        let named = std::mem::take(&mut open.named);
        let is_known = |dn: &&Arc<str>| match self.stance.serves {
            true => self.kept.contains_key(*dn),
            false => named.contains(*dn),
        };
        let others: Vec<Arc<str>> = location.dns().filter(|dn| !is_known(dn)).cloned().collect();
        for dn in others {
            match self.stance.serves {
                true => location.unkept_mut().note(&dn),
                false => self.take(now, Change { dn, bindings: Vec::new() }, location),
            }
        }
    }
}

impl Session {
    /// Whether there is something to put, and nothing put that is not yet answered.
    fn may_put(&self, location: &Location) -> bool {
        let has_news = !location.unkept().is_empty() || !self.is_confirmed;
        self.is_whole && self.taken_at.is_none() && self.answer_by.is_none() && has_news
    }

    /// Puts what differs, as much as fits. None: nothing of what was compared does.
    fn put(
        &mut self,
        now: Instant,
        term: Term,
        (location, kept): (&mut Location, &mut HashMap<Arc<str>, u64>),
    ) -> Option<Keep> {
        let mut compared = 0;
        let put = &mut self.put;
        let items = fill(|| {
            while compared < KEEP_COMPARED_MAX {
                compared += 1;
                let dn = location.unkept_mut().take()?;
                let value = value_of(location, &dn);
                let print = value.as_deref().map(fingerprint);
                if kept.get(&dn).copied() == print {
                    continue;
                }
                match print {
                    Some(print) => kept.insert(Arc::clone(&dn), print),
                    None => kept.remove(&dn),
                };
                let key = format!("{KIND}{dn}").into();
                put.push(dn);
                return Some(Item { key, value });
            }
            None
        });
        let all = location.unkept().is_empty();
        self.put_at = now + if all { KEEP_INTERVAL } else { KEEP_PACE };
        if items.is_empty() && (self.is_confirmed || !all) {
            return None;
        }
        self.put_all = all;
        self.answer_by = Some(now + KEEP_ANSWER_TIMEOUT);
        Some(Keep::Put { session: self.id, term, items, all })
    }
}

/// What is to be kept of a DN; none: nothing. Where its contacts are too much for an item, those
/// that would be tried last are left out.
fn value_of(location: &Location, dn: &Arc<str>) -> Option<Arc<str>> {
    let mut bindings = location.change_of(dn).bindings;
    bindings.iter_mut().for_each(|binding| binding.flow.connection = None);
    while !bindings.is_empty() {
        // Keys are texts and nothing is a map, so there is nothing that JSON could not hold.
        let value: Arc<str> = serde_json::to_string(&bindings).unwrap_or_default().into();
        let item = Item { key: format!("{KIND}{dn}").into(), value: Some(value) };
        if item.bytes() <= KEPT_ITEM_BYTES_MAX {
            return item.value;
        }
        bindings.pop();
    }
    None
}

fn fingerprint_of(location: &Location, dn: &Arc<str>) -> Option<u64> {
    value_of(location, dn).as_deref().map(fingerprint)
}

fn fingerprint(value: &str) -> u64 {
    SipHasher13::new().hash(value.as_bytes())
}
