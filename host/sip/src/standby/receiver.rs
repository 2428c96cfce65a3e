//! The end that is told: takes items in their order, and notices what is missing.

use std::collections::HashMap;

use super::message::{Item, Position, StreamId};
use crate::state::{Change, Key, State};

/// What a line of items led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Everything up to this position is here.
    All(Position),
    /// The same, and with it a snapshot is whole, of so many entries.
    Whole(Position, usize),
    /// Something before it is missing.
    Missing(Position),
    /// The same, and that was said already.
    StillMissing,
}

/// Follows the other node's stream.
#[derive(Debug, Default)]
pub(super) struct Receiver {
    position: Option<Position>,
    /// A snapshot that is not whole yet: kept apart, so that what is known stays until it is.
    arriving: Option<HashMap<Key, Change>>,
    is_missing: bool,
}

impl Receiver {
    /// How far it has followed.
    pub(super) fn position(&self) -> Option<Position> {
        self.position
    }

    /// Everything that was told is here.
    pub(super) fn is_whole(&self) -> bool {
        self.position.is_some() && self.arriving.is_none() && !self.is_missing
    }

    /// A new link: what was said on the old one is not known to have arrived.
    pub(super) fn link_up(&mut self) {
        self.is_missing = false;
    }

    /// Takes items.
    pub(super) fn take(
        &mut self,
        stream: StreamId,
        first: u64,
        items: Vec<Item>,
        state: &mut State,
    ) -> Taken {
        let mut whole = None;
        for (number, item) in (first..).zip(items) {
            let follows = self
                .position
                .is_some_and(|at| at.stream == stream && at.number.checked_add(1) == Some(number));
            let is_known =
                self.position.is_some_and(|at| at.stream == stream && at.number >= number);
            let is_begin = item == Item::Begin;
            if is_known {
                continue;
            }
            if !follows && !is_begin {
                let none = Position { stream, number: 0 };
                let missing = self.position.filter(|at| at.stream == stream).unwrap_or(none);
                return match std::mem::replace(&mut self.is_missing, true) {
                    true => Taken::StillMissing,
                    false => Taken::Missing(missing),
                };
            }
            self.position = Some(Position { stream, number });
            match item {
                Item::Begin => {
                    self.arriving = Some(HashMap::new());
                    self.is_missing = false;
                }
                Item::Change(change) => self.change(*change, state),
                Item::End => whole = self.finish(state).or(whole),
            }
        }
        let position = self.position.unwrap_or(Position { stream, number: 0 });
        match whole {
            Some(entries) => Taken::Whole(position, entries),
            None => Taken::All(position),
        }
    }

    fn change(&mut self, change: Change, state: &mut State) {
        match &mut self.arriving {
            Some(arriving) if change.is_removal() => {
                arriving.remove(&change.key());
            }
            Some(arriving) => {
                arriving.insert(change.key(), change);
            }
            None => state.apply(change),
        }
    }

    /// The snapshot is whole: it replaces what was known.
    fn finish(&mut self, state: &mut State) -> Option<usize> {
        let arriving = self.arriving.take()?;
        let gone = state.keys().into_iter().filter(|key| !arriving.contains_key(key));
        let removals: Vec<Change> = gone.map(Key::removal).collect();
        let entries = arriving.len();
        removals.into_iter().chain(arriving.into_values()).for_each(|change| state.apply(change));
        Some(entries)
    }

    /// This node begins to serve. A snapshot that is not whole only adds to what is known: nobody
    /// can say what it would have left out.
    pub(super) fn stop(&mut self, state: &mut State) {
        let arriving = self.arriving.take().unwrap_or_default();
        arriving.into_values().for_each(|change| state.apply(change));
        *self = Receiver::default();
    }
}
