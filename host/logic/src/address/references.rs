//! Whether this host reaches the network of an address: it does while any reference answers.

use std::net::IpAddr;
use std::sync::Arc;

use crate::limits::{REFERENCE_MISSES, REFERENCE_PROBE_INTERVAL};
use crate::link::Verdict;
use crate::time::Instant;

/// Probes to the references and what came back.
#[derive(Clone, Debug, Default)]
pub(super) struct References {
    sent_at: Option<Instant>,
    /// Rounds of probes in a row that no reference answered.
    misses: u32,
    /// Something answered since the last round.
    heard: bool,
    answered_at: Option<Instant>,
}

impl References {
    /// Whether a round of probes is due; if so, it counts as sent.
    pub(super) fn send(&mut self, now: Instant, references: &[IpAddr]) -> bool {
        let due = self.deadline(references).is_some_and(|at| at <= now);
        if due {
            if self.sent_at.is_some() && !self.heard {
                self.misses = self.misses.saturating_add(1);
            }
            self.heard = false;
            self.sent_at = Some(now);
        }
        due
    }

    /// A reference answered.
    pub(super) fn answered(&mut self, now: Instant) {
        self.heard = true;
        self.misses = 0;
        self.answered_at = Some(now);
    }

    /// The last round never left, so its silence says nothing.
    pub(super) fn not_sent(&mut self) {
        self.heard = true;
    }

    /// Forgets everything: the interface changed.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// When a reference last answered.
    pub(super) fn answered_at(&self) -> Option<Instant> {
        self.answered_at
    }

    /// What is known of the network.
    pub(super) fn verdict(&self, references: &[IpAddr]) -> Verdict {
        if references.is_empty() {
            Verdict::Unknown("no references are configured".into())
        } else if self.misses >= REFERENCE_MISSES {
            Verdict::Bad(silence(references))
        } else if self.answered_at.is_some() {
            Verdict::Good
        } else {
            Verdict::Unknown("no reference has answered yet".into())
        }
    }

    /// When the next round is due.
    pub(super) fn deadline(&self, references: &[IpAddr]) -> Option<Instant> {
        if references.is_empty() {
            return None;
        }
        Some(self.sent_at.map_or(Instant(0), |at| at + REFERENCE_PROBE_INTERVAL))
    }
}

fn silence(references: &[IpAddr]) -> Arc<str> {
    match references {
        [only] => format!("{only} does not answer").into(),
        many => format!("none of {} references answers", many.len()).into(),
    }
}
