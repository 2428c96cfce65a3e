//! Which counts of which nonces were used, so that no proof is good twice.

use std::collections::BTreeMap;

use takeover_logic::time::Timestamp;

use crate::limits::NONCES_MAX;

/// What is known of a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    /// It was not used yet; now it is.
    New,
    /// It was used, or is too far behind the highest that was.
    Used,
    /// The nonce is so old that its counts are forgotten.
    Forgotten,
}

/// Highest count of a nonce, and which of the 64 up to it were used (bit 0: the highest).
#[derive(Clone, Copy, Debug)]
struct Window {
    highest: u32,
    used: u64,
}

/// Used counts, at most [`NONCES_MAX`] nonces.
#[derive(Debug, Default)]
pub(super) struct Replays {
    windows: BTreeMap<(Timestamp, u64), Window>,
    /// Nonces up to this one are forgotten.
    floor: Option<(Timestamp, u64)>,
}

impl Replays {
    /// Uses a count of a nonce.
    pub(super) fn count(&mut self, at: Timestamp, number: u64, count: u32) -> Count {
        let nonce = (at, number);
        if self.floor.is_some_and(|floor| nonce <= floor) {
            return Count::Forgotten;
        }
        let Some(window) = self.windows.get_mut(&nonce) else {
            self.windows.insert(nonce, Window { highest: count, used: 1 });
            if self.windows.len() > NONCES_MAX {
                let oldest = self.windows.pop_first().map(|(oldest, _)| oldest);
                self.floor = self.floor.max(oldest);
            }
            return Count::New;
        };
        if count > window.highest {
            let shift = count - window.highest;
            window.used = window.used.checked_shl(shift).unwrap_or(0) | 1;
            window.highest = count;
            return Count::New;
        }
        let bit = 1_u64.checked_shl(window.highest - count).unwrap_or(0);
        if bit == 0 || window.used & bit != 0 {
            return Count::Used;
        }
        window.used |= bit;
        Count::New
    }

    /// How many nonces are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.windows.len()
    }
}
