//! What a call of the machine caused: messages to send and wishes of other kinds.

use std::ops::Range;

use crate::flow::Flow;
use crate::wish::Wish;

/// Filled by the machine, emptied by the shell, reused: a message is written once, into a buffer
/// that all of them share.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    sends: Vec<(Flow, Range<usize>)>,
    wishes: Vec<Wish>,
}

impl Outbox {
    /// Everything to send, in order.
    pub fn sends(&self) -> impl Iterator<Item = (&Flow, &[u8])> {
        self.sends
            .iter()
            .map(|(flow, place)| (flow, self.bytes.get(place.clone()).unwrap_or_default()))
    }

    /// Everything else that is wanted, in order.
    pub fn wishes(&mut self) -> impl Iterator<Item = Wish> + '_ {
        self.wishes.drain(..)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.sends.is_empty() && self.wishes.is_empty()
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.sends.clear();
        self.wishes.clear();
    }

    /// Sends what `write` appends.
    pub(crate) fn send(&mut self, to: Flow, write: impl FnOnce(&mut Vec<u8>)) {
        let from = self.bytes.len();
        write(&mut self.bytes);
        self.sends.push((to, from..self.bytes.len()));
    }

    /// The same, and gives back a copy for sending it again.
    pub(crate) fn send_kept(&mut self, to: Flow, write: impl FnOnce(&mut Vec<u8>)) -> Box<[u8]> {
        self.send(to, write);
        let place = self.sends.last().map(|(_, place)| place.clone()).unwrap_or_default();
        self.bytes.get(place).unwrap_or_default().into()
    }

    /// Wants something.
    pub(crate) fn wish(&mut self, wish: Wish) {
        self.wishes.push(wish);
    }
}
