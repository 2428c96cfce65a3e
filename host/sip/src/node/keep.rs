//! The node's end of the store of its pair.

use takeover_logic::keep::Kept;
use takeover_logic::link::RunMode;
use takeover_logic::time::Now;

use super::Node;
use crate::keep::{KeepInput, Stance};
use crate::outbox::Outbox;
use crate::standby::Standby;
use crate::wish::Wish;

impl Node {
    pub(super) fn keep_input(&mut self, now: Now, input: KeepInput) {
        match input {
            KeepInput::There => self.keep.there(now, &mut self.state.location),
            KeepInput::Lost => self.keep.lost(),
            KeepInput::Heard(Kept::Again) => self.keep.open_at(now.instant),
            KeepInput::Heard(kept) => {
                self.keep.hear(now, kept, (&mut self.state.location, &self.directory));
            }
        }
    }

    /// Opens, closes and tells, as it is due and as the node stands now.
    pub(super) fn review_keeping(&mut self, now: Now, out: &mut Outbox) {
        let stance = Stance {
            serves: self.mode == RunMode::Primary,
            term: self.term,
            follows: self.standby.as_ref().is_some_and(Standby::follows),
        };
        let location = &mut self.state.location;
        self.keep.review(now, stance, location);
        while let Some(word) = self.keep.due(now, location) {
            out.wish(Wish::Keep(word));
        }
    }
}
