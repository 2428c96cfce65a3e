//! How often this server was promoted since it last got a SIP message.
//!
//! What came before the first sample may be unknown: then the count is a lower bound until the
//! next message, which makes it exact.

use crate::bindings::exports::takeover::plugin::monitor::Sample;
use crate::bindings::takeover::plugin::types::RunMode;

/// Promotions after which the time without messages does not grow any more: T, 2T, 4T.
const COUNT_MAX: u32 = 3;

/// Promotions without a message in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promotions {
    /// How many at least, up to [`COUNT_MAX`].
    pub count: u32,
    /// Whether it is exactly that many.
    pub exact: bool,
    /// How long this server had been primary at the last sample, in milliseconds; none: it was
    /// not.
    pub primary_for_ms: Option<u64>,
}

impl Promotions {
    /// Nothing was seen yet.
    pub const fn new() -> Self {
        Self { count: 0, exact: false, primary_for_ms: None }
    }

    /// Takes a sample into account.
    pub fn see(&mut self, sample: &Sample, last_message_ago_ms: Option<u64>) {
        let primary_for_ms = (sample.run_mode == RunMode::Primary).then_some(sample.in_run_mode_ms);
        let promoted = match (self.primary_for_ms, primary_for_ms) {
            (_, None) => false,
            (None, Some(_)) => true,
            // Younger than before: it was demoted and promoted again between the two samples.
            (Some(before_ms), Some(now_ms)) => now_ms < before_ms,
        };
        if promoted {
            self.count = (self.count + 1).min(COUNT_MAX);
        }
        self.primary_for_ms = primary_for_ms;
        // A message since the promotion counts even where the host's counter was read by an
        // instance that is gone.
        let since_promotion = primary_for_ms.zip(last_message_ago_ms).is_some_and(|(p, m)| m <= p);
        if sample.received > 0 || since_promotion {
            self.count = 0;
            self.exact = true;
        }
    }

    /// By how much T is multiplied, at least and at most; the same where the count is known.
    pub fn factors(&self) -> (u64, u64) {
        let factor = |count: u32| 1_u64 << count.clamp(1, COUNT_MAX).saturating_sub(1);
        let most = if self.exact { self.count } else { COUNT_MAX };
        (factor(self.count), factor(most))
    }
}
