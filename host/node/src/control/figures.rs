//! What the decision loop counts for operators, read without asking it.

use std::sync::atomic::{AtomicU64, Ordering};

use takeover_logic::log_event::Level;

/// Counts since the start of this process, and a length.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    events: [AtomicU64; LEVELS.len()],
    inputs: AtomicU64,
    journal_waiting: AtomicU64,
}

/// The levels, in the order in which their events are counted.
const LEVELS: [Level; 5] =
    [Level::Alarm, Level::Standard, Level::Interaction, Level::Trace, Level::Debug];

impl Figures {
    /// A log event was recorded.
    pub(super) fn event(&self, level: Level) {
        for (count, _) in self.events.iter().zip(LEVELS).filter(|(_, of)| *of == level) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The machines took an input.
    pub(super) fn input(&self) {
        self.inputs.fetch_add(1, Ordering::Relaxed);
    }

    /// So many rows wait for the journal.
    pub(super) fn journal_waiting(&self, rows: usize) {
        self.journal_waiting.store(rows as u64, Ordering::Relaxed);
    }

    /// Log events recorded, by level.
    pub(crate) fn events(&self) -> impl Iterator<Item = (Level, u64)> + '_ {
        let counts = self.events.iter().map(|count| count.load(Ordering::Relaxed));
        LEVELS.into_iter().zip(counts)
    }

    /// Inputs of the machines.
    pub(crate) fn inputs(&self) -> u64 {
        self.inputs.load(Ordering::Relaxed)
    }

    /// Rows that wait for the journal.
    pub(crate) fn rows_waiting(&self) -> u64 {
        self.journal_waiting.load(Ordering::Relaxed)
    }
}
