//! What is kept for one pair, and how far each of its programs was told.
//!
//! ```text
//!            Put (primary)                       Told, one at a time
//!   primary -------------> items by revision ----------------------> whoever opened
//!                          1  2  3 ... newest
//!                                 ^ told so far
//! ```
//!
//! Every change gives its key the next revision, so who was told up to one is told what is behind
//! it: only the last value of each key, however long it was away. Must not know what keys and
//! values mean, nor files and links.
//!
//! # Invariants
//!
//! - Only the pair's present primary changes what is kept, in its own term or a newer one than
//!   before.
//! - A program that knows what the primary knew is told nothing that the present primary has not
//!   confirmed: an old store does not make it forget.
//! - What is kept has bounds. What can not be kept is absent, never outdated.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::{Item, Keep, Kept, fill};
use crate::ids::{ApplicationName, HostName, Term};
use crate::limits::{
    KEPT_BYTES_MAX, KEPT_ITEM_BYTES_MAX, KEPT_ITEMS_MAX, KEPT_REMOVALS_MAX, PROGRAM_TEXT_MAX,
};

/// Who speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speaker {
    /// Which program.
    pub application: ApplicationName,
    /// Where it runs.
    pub host: HostName,
    /// The term in which it is the pair's primary; none: it is not.
    pub primary: Option<Term>,
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A word for a program.
    Tell(ApplicationName, Kept),
    /// Something could not be kept: the store is full, or an item too long. Said once, until
    /// everything is kept again.
    NotKept {
        /// Which, or its beginning.
        key: Arc<str>,
        /// Items that are kept.
        items: usize,
        /// Their bytes.
        bytes: usize,
    },
}

/// What is known under a key.
#[derive(Clone, Debug)]
struct Entry {
    /// None: removed, and somebody may not know it yet.
    value: Option<Arc<str>>,
    revision: u64,
}

/// How far a program was told.
#[derive(Clone, Debug)]
struct Reader {
    host: HostName,
    session: u64,
    /// It is told only what the primary has confirmed.
    knows: bool,
    /// Up to this revision; none: the next message begins anew.
    told: Option<u64>,
    /// It was told everything once.
    is_whole: bool,
    /// What was told last was not yet taken.
    is_under_way: bool,
}

impl Reader {
    fn begin_anew(&mut self) {
        (self.told, self.is_whole) = (None, false);
    }
}

/// What is kept for one pair.
#[derive(Clone, Debug, Default)]
pub struct Store {
    entries: BTreeMap<Arc<str>, Entry>,
    /// Keys by their revisions.
    order: BTreeMap<u64, Arc<str>>,
    /// Revisions of removals that are remembered.
    removals: BTreeSet<u64>,
    newest: u64,
    items: usize,
    bytes: usize,
    term: Term,
    /// The primary that has told all it knows, in its present conversation.
    confirmed_by: Option<(ApplicationName, u64)>,
    readers: BTreeMap<ApplicationName, Reader>,
    /// Fingerprints of keys that could not be kept, until they can, or need not be.
    not_kept: BTreeSet<u64>,
    is_changed: bool,
    outputs: VecDeque<Output>,
}

impl Store {
    /// A store as it was saved.
    pub fn restore(term: Term, items: impl Iterator<Item = (Arc<str>, Arc<str>)>) -> Self {
        let mut store = Self { term, ..Self::default() };
        for (key, value) in items {
            store.set(Item { key, value: Some(value) });
        }
        store.outputs.clear();
        store.is_changed = false;
        store
    }

    /// What is to be saved: the term, and every key with its value.
    pub fn saved(&self) -> (Term, impl Iterator<Item = (&str, &str)>) {
        let items = self.entries.iter();
        (self.term, items.filter_map(|(key, entry)| Some((&**key, entry.value.as_deref()?))))
    }

    /// Items that are kept.
    pub fn len(&self) -> usize {
        self.items
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.items == 0
    }

    /// Whether something changed since this was asked last.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.is_changed)
    }

    /// A program said something.
    pub fn hear(&mut self, speaker: &Speaker, keep: Keep) {
        match keep {
            Keep::Open { session, knows } => self.open(speaker, session, knows),
            Keep::Taken { session } => {
                if let Some(reader) = self.reader(&speaker.application, session) {
                    reader.is_under_way = false;
                }
            }
            Keep::Put { session, term, items, all } => {
                self.put(speaker, (session, term), items, all);
            }
            Keep::Unknown => {}
        }
        self.tell_all();
    }

    /// Nobody on that host can be told anything now.
    pub fn host_gone(&mut self, host: &HostName) {
        self.forget(|_, reader| reader.host == *host);
        self.drop_removals();
    }

    /// The next output.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn reader(&mut self, application: &ApplicationName, session: u64) -> Option<&mut Reader> {
        self.readers.get_mut(application).filter(|reader| reader.session == session)
    }

    fn forget(&mut self, is_gone: impl Fn(&ApplicationName, &Reader) -> bool) {
        self.readers.retain(|application, reader| !is_gone(application, reader));
        let readers = &self.readers;
        let is_there = |by: &(ApplicationName, u64)| {
            readers.get(&by.0).is_some_and(|reader| reader.session == by.1)
        };
        self.confirmed_by = self.confirmed_by.take().filter(is_there);
    }

    fn open(&mut self, speaker: &Speaker, session: u64, knows: bool) {
        let name = &speaker.application;
        self.forget(|application, _| application == name);
        let host = speaker.host.clone();
        // The primary itself has to know what to correct.
        let knows = knows && speaker.primary.is_none();
        let reader =
            Reader { host, session, knows, told: None, is_whole: false, is_under_way: false };
        self.readers.insert(name.clone(), reader);
    }

    fn put(
        &mut self,
        speaker: &Speaker,
        (session, term): (u64, Term),
        items: Vec<Item>,
        all: bool,
    ) {
        let name = &speaker.application;
        if self.reader(name, session).is_none() {
            return;
        }
        if speaker.primary != Some(term) || term < self.term {
            let refused = Kept::Refused { session };
            return self.outputs.push_back(Output::Tell(name.clone(), refused));
        }
        if self.term != term {
            (self.term, self.is_changed) = (term, true);
        }
        let before = self.newest;
        for item in items {
            self.set(item);
        }
        let newest = self.newest;
        if let Some(reader) = self.reader(name, session)
            && reader.is_whole
            && reader.told == Some(before)
        {
            // It knows what it put.
            reader.told = Some(newest);
        }
        let by = (name.clone(), session);
        if self.confirmed_by.as_ref().is_some_and(|confirmed| *confirmed != by) {
            self.confirmed_by = None;
        }
        if all {
            self.confirmed_by = Some(by);
        }
        self.outputs.push_back(Output::Tell(name.clone(), Kept::Taken { session }));
    }

    /// Keeps a value, or no longer.
    fn set(&mut self, item: Item) {
        let before = self.entries.get(&item.key);
        let old = before.map(|entry| entry.revision);
        let kept = before.and_then(|entry| entry.value.clone());
        let size = |value: &Arc<str>| item.key.len() + value.len();
        let freed = kept.as_ref().map_or(0, size);
        let has_room = item.bytes() <= KEPT_ITEM_BYTES_MAX
            && self.items + usize::from(kept.is_none()) <= KEPT_ITEMS_MAX
            && self.bytes - freed + item.value.as_ref().map_or(0, size) <= KEPT_BYTES_MAX;
        let value = item.value.clone().filter(|_| has_room);
        if item.value.is_some() && !has_room {
            self.not_kept(&item.key);
        } else {
            self.not_kept.remove(&fingerprint(&item.key));
        }
        if kept == value {
            return;
        }
        self.bytes = self.bytes - freed + value.as_ref().map_or(0, size);
        self.items = self.items - usize::from(kept.is_some()) + usize::from(value.is_some());
        if let Some(old) = old {
            self.order.remove(&old);
            self.removals.remove(&old);
        }
        self.newest += 1;
        let revision = self.newest;
        self.order.insert(revision, Arc::clone(&item.key));
        if value.is_none() {
            self.removals.insert(revision);
        }
        self.entries.insert(item.key, Entry { value, revision });
        self.is_changed = true;
    }

    fn not_kept(&mut self, key: &Arc<str>) {
        let is_first = self.not_kept.is_empty();
        if self.not_kept.len() < KEPT_ITEMS_MAX {
            self.not_kept.insert(fingerprint(key));
        }
        if is_first {
            let (items, bytes) = (self.items, self.bytes);
            let key = key.chars().take(PROGRAM_TEXT_MAX).collect::<String>().into();
            self.outputs.push_back(Output::NotKept { key, items, bytes });
        }
    }

    /// Tells each program what it may be told.
    fn tell_all(&mut self) {
        let names: Vec<ApplicationName> = self.readers.keys().cloned().collect();
        for name in &names {
            self.tell(name);
        }
        self.drop_removals();
    }

    fn tell(&mut self, name: &ApplicationName) {
        let is_confirmed = self.confirmed_by.is_some();
        let Some(reader) = self.readers.get_mut(name) else { return };
        if reader.is_under_way || (reader.knows && !is_confirmed) {
            return;
        }
        let begin = reader.told.is_none();
        let mut told = reader.told.unwrap_or_default();
        let mut waiting = self.order.range(told + 1..);
        let items = fill(|| {
            let (revision, key) = waiting.next()?;
            told = *revision;
            let value = self.entries.get(key).and_then(|entry| entry.value.clone());
            Some(Item { key: Arc::clone(key), value })
        });
        let is_last = waiting.next().is_none();
        let end = is_last && !reader.is_whole;
        if items.is_empty() && !end {
            return;
        }
        if is_last {
            told = self.newest;
        }
        (reader.told, reader.is_whole, reader.is_under_way) =
            (Some(told), reader.is_whole || end, true);
        let session = reader.session;
        let kept = Kept::Told { session, begin, end, items };
        self.outputs.push_back(Output::Tell(name.clone(), kept));
    }

    /// Forgets removals that everybody knows, and the oldest of too many.
    fn drop_removals(&mut self) {
        let known = self.readers.values().filter_map(|reader| reader.told).min();
        let known = known.unwrap_or(u64::MAX);
        while let Some(revision) = self.removals.first().copied() {
            if revision > known && self.removals.len() <= KEPT_REMOVALS_MAX {
                return;
            }
            self.removals.pop_first();
            if let Some(key) = self.order.remove(&revision) {
                self.entries.remove(&key);
            }
            let missed = |reader: &&mut Reader| reader.told.is_some_and(|told| told < revision);
            self.readers.values_mut().filter(missed).for_each(Reader::begin_anew);
        }
    }
}

/// Two keys with the same one cost an event at most.
fn fingerprint(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
