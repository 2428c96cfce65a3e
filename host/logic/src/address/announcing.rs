//! When to announce an address.

use std::time::Duration;

use crate::limits::{ANNOUNCE_BURST_MS, ANNOUNCE_MS, ANNOUNCE_REFRESH, REANNOUNCE_INTERVAL_MIN};
use crate::time::Instant;

/// Position in the schedule of announcements.
#[derive(Clone, Debug, Default)]
pub(super) struct Announcing {
    /// Begin of the schedule and what is left of it; none: not announcing.
    plan: Option<Plan>,
    sent_at: Option<Instant>,
}

#[derive(Clone, Debug)]
struct Plan {
    burst_began: Option<Instant>,
    began: Instant,
    done: usize,
    next_at: Instant,
}

impl Announcing {
    /// Begins the usual schedule; the first announcement is due at once.
    pub(super) fn begin(&mut self, now: Instant) {
        self.plan = Some(Plan { burst_began: None, began: now, done: 0, next_at: now });
    }

    /// Begins the usual schedule again because another holder was heard. Not so soon after the last
    /// announcement: the other one may answer each of ours with one of its own.
    pub(super) fn begin_again(&mut self, now: Instant) {
        let may = |at| now.since(at) >= REANNOUNCE_INTERVAL_MIN;
        if self.plan.is_none() || self.sent_at.is_none_or(may) {
            self.begin(now);
        }
    }

    /// Begins a burst with the usual schedule behind it.
    pub(super) fn burst(&mut self, now: Instant) {
        self.plan = Some(Plan { burst_began: Some(now), began: now, done: 0, next_at: now });
    }

    /// Ends.
    pub(super) fn end(&mut self) {
        self.plan = None;
    }

    /// Whether an announcement is due; if so, it counts as sent.
    pub(super) fn send(&mut self, now: Instant) -> bool {
        let Some(plan) = self.plan.as_mut().filter(|plan| plan.next_at <= now) else {
            return false;
        };
        plan.advance(now);
        self.sent_at = Some(now);
        true
    }

    /// When the next one is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.plan.as_ref().map(|plan| plan.next_at)
    }
}

impl Plan {
    fn advance(&mut self, now: Instant) {
        self.done += 1;
        if let Some(began) = self.burst_began {
            if let Some(offset) = ANNOUNCE_BURST_MS.get(self.done) {
                self.next_at = began + Duration::from_millis(*offset);
                return;
            }
            // The usual schedule has its own first announcement, which the burst's last one was.
            *self = Plan { burst_began: None, began: now, done: 1, next_at: now };
        }
        self.next_at = match ANNOUNCE_MS.get(self.done) {
            Some(offset) => self.began + Duration::from_millis(*offset),
            None => now + ANNOUNCE_REFRESH,
        };
    }
}
