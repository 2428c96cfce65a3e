//! The DNs of which the store of the pair is to be told, in the order in which they changed.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

/// A queue in which each DN is once.
#[derive(Debug, Default)]
pub struct Unkept {
    is_wanted: bool,
    queue: VecDeque<Arc<str>>,
    members: HashSet<Arc<str>>,
}

impl Unkept {
    /// Somebody takes from it from now on; before, nothing is noted.
    pub fn want(&mut self) {
        self.is_wanted = true;
    }

    /// A DN changed.
    pub fn note(&mut self, dn: &Arc<str>) {
        if self.is_wanted && self.members.insert(Arc::clone(dn)) {
            self.queue.push_back(Arc::clone(dn));
        }
    }

    /// The one that waits longest.
    pub fn take(&mut self) -> Option<Arc<str>> {
        let dn = self.queue.pop_front()?;
        self.members.remove(&dn);
        Some(dn)
    }

    /// Whether a DN is in it.
    pub fn contains(&self, dn: &str) -> bool {
        self.members.contains(dn)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Forgets all of them, and their memory.
    pub fn clear(&mut self) {
        *self = Self { is_wanted: self.is_wanted, ..Self::default() };
    }
}
