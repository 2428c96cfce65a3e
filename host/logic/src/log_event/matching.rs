//! Which of many selectors want an event, at a cost that does not grow with their number.
//!
//! This module must not know what a match leads to.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{BuildHasherDefault, Hash};
use std::sync::Arc;

use super::{EventId, LogEvent};
use crate::config::model::{EventSelector, Selection};
use crate::ids::ApplicationName;

/// A table that is only ever looked up, never walked, so its order can not reach a decision. Its
/// hash is the same in every process; the keys are an operator's, so nobody chooses them to clash.
type Lookup<K> = HashMap<K, Vec<usize>, BuildHasherDefault<DefaultHasher>>;

/// An index from events to the selectors that want them.
#[derive(Clone, Debug, Default)]
pub struct Matching {
    by_event: HashMap<EventId, Wanted, BuildHasherDefault<DefaultHasher>>,
}

/// Who wants an event, by how they select.
#[derive(Clone, Debug, Default)]
struct Wanted {
    by_application: Lookup<ApplicationName>,
    by_type: Lookup<Arc<str>>,
    any: Vec<usize>,
}

impl Matching {
    /// An index of selectors, each known by its number.
    pub fn new<'a>(selectors: impl IntoIterator<Item = (usize, &'a EventSelector)>) -> Self {
        let mut matching = Self::default();
        for (number, selector) in selectors {
            let wanted = matching.by_event.entry(selector.event).or_default();
            match &selector.selection {
                Selection::Application(name) => insert(&mut wanted.by_application, name, number),
                Selection::ApplicationType(kind) => insert(&mut wanted.by_type, kind, number),
                Selection::Any => wanted.any.push(number),
            }
        }
        matching
    }

    /// Puts the numbers of the selectors that want `event` into `found`, in rising order; what was
    /// in it before is gone. Three look-ups, however many selectors there are.
    pub fn find(&self, event: &LogEvent, found: &mut Vec<usize>) {
        found.clear();
        let Some(wanted) = self.by_event.get(&event.id) else { return };
        if let Some(application) = &event.application {
            extend(found, wanted.by_application.get(application));
        }
        if let Some(kind) = &event.application_type {
            extend(found, wanted.by_type.get(kind));
        }
        extend(found, Some(&wanted.any));
        found.sort_unstable();
    }
}

/// Adds a number under a key.
fn insert<K: Clone + Eq + Hash>(lookup: &mut Lookup<K>, key: &K, number: usize) {
    lookup.entry(key.clone()).or_default().push(number);
}

/// Adds what was found under a key.
fn extend(found: &mut Vec<usize>, numbers: Option<&Vec<usize>>) {
    found.extend(numbers.into_iter().flatten().copied());
}

#[cfg(test)]
mod tests;
