//! Whether the other node of the pair still serves callers: what a backup finds out when the
//! control server can not reach that node's host.
//!
//! ```text
//!             asked            an answer
//!    idle -----------> looking ----------> it serves
//!     ^                  | ^                  |
//!     |    time is over  | +---- silence -----+----> it is silent
//!     +------------------+
//! ```
//!
//! Says when to send a request to the shared address, and what follows from an answer or its
//! absence. Must not know SIP or addresses. Nothing is sent unless it was asked for: the requests
//! would count as traffic for the one that serves.

use takeover_logic::time::Instant;

use crate::limits::{LOOK_PROBE_INTERVAL, LOOK_SILENCE, LOOK_TIME};

#[cfg(test)]
mod tests;

/// What was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Seen {
    /// It was not looked, or not long enough.
    #[default]
    Nothing,
    /// It answers.
    Serves,
    /// It does not, so many times in a row.
    Silent(u32),
}

/// Looks for the other node.
#[derive(Clone, Debug, Default)]
pub struct Look {
    until: Option<Instant>,
    /// When the newest request left.
    sent: Option<Instant>,
    /// Number of the newest request.
    number: u64,
    unanswered: u32,
    seen: Seen,
    told: Seen,
}

impl Look {
    /// Looks from now on, or longer.
    pub fn ask(&mut self, now: Instant) {
        self.until = Some(now + LOOK_TIME);
    }

    /// Looks no longer: this node serves itself, or is told so.
    pub fn stop(&mut self) {
        *self = Look { number: self.number, told: self.told, ..Look::default() };
    }

    /// The number of the request that is to be sent now, if one is.
    pub fn tick(&mut self, now: Instant) -> Option<u64> {
        if self.until.is_some_and(|until| until <= now) {
            self.stop();
        }
        self.until?;
        if self.sent.is_some_and(|sent| now < sent + LOOK_PROBE_INTERVAL) {
            return None;
        }
        if self.unanswered >= LOOK_SILENCE {
            self.seen = Seen::Silent(self.unanswered);
        }
        self.sent = Some(now);
        self.number += 1;
        self.unanswered = self.unanswered.saturating_add(1);
        Some(self.number)
    }

    /// A request was answered. One of an earlier look says nothing.
    pub fn answered(&mut self, number: u64) {
        let waits = self.until.is_some() && self.number.saturating_sub(number) < 10;
        if waits && number <= self.number {
            self.unanswered = 0;
            self.seen = Seen::Serves;
        }
    }

    /// What was seen, where that is news: that it serves, that it fell silent, or that nobody looks
    /// any more.
    pub fn poll(&mut self) -> Option<Seen> {
        let same = std::mem::discriminant(&self.seen) == std::mem::discriminant(&self.told);
        self.told = self.seen;
        (!same).then_some(self.seen)
    }

    /// When [`Look::tick`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        let until = self.until?;
        Some(self.sent.map_or(Instant(0), |sent| until.min(sent + LOOK_PROBE_INTERVAL)))
    }
}
