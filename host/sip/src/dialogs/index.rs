//! Which calls there are, in the order of their keys, in all and at each DN or trunk.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use super::CallKey;

/// The keys of calls.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    all: BTreeSet<CallKey>,
    by_dn: HashMap<Arc<str>, BTreeSet<CallKey>>,
}

impl Index {
    /// A call is there, at these DNs.
    pub(super) fn add<'a>(&mut self, key: CallKey, dns: impl Iterator<Item = &'a Arc<str>>) {
        self.all.insert(key);
        for dn in dns {
            self.by_dn.entry(Arc::clone(dn)).or_default().insert(key);
        }
    }

    /// A call is not at these DNs any more; DNs whose last call it was go to `idle`.
    pub(super) fn leave<'a>(
        &mut self,
        key: CallKey,
        dns: impl Iterator<Item = &'a Arc<str>>,
        idle: &mut VecDeque<Arc<str>>,
    ) {
        for dn in dns {
            let Some(calls) = self.by_dn.get_mut(dn) else { continue };
            calls.remove(&key);
            if calls.is_empty() {
                self.by_dn.remove(dn);
                idle.push_back(Arc::clone(dn));
            }
        }
    }

    /// A call is not there any more; it has left its DNs before.
    pub(super) fn remove(&mut self, key: CallKey) {
        self.all.remove(&key);
    }

    /// Calls at a DN.
    pub(super) fn count(&self, dn: &str) -> u32 {
        let calls = self.by_dn.get(dn).map_or(0, BTreeSet::len);
        u32::try_from(calls).unwrap_or(u32::MAX)
    }

    /// Whether no DN has a call.
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.by_dn.is_empty()
    }

    /// Keys after one, in their order: at a DN, or all.
    pub(super) fn after(
        &self,
        dn: Option<&str>,
        key: Option<CallKey>,
    ) -> impl Iterator<Item = CallKey> {
        let calls = match dn {
            Some(dn) => self.by_dn.get(dn),
            None => Some(&self.all),
        };
        let from = key.map_or(Bound::Unbounded, Bound::Excluded);
        calls.into_iter().flat_map(move |calls| calls.range((from, Bound::Unbounded))).copied()
    }
}
