//! What waits for the journal: rows to be written, and what may be said to others only when they
//! are. The loop goes on meanwhile.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::journal::{Batch, Journal, JournalNews, Row};
use crate::limits::{JOURNAL_IDLE_COMMIT_INTERVAL, JOURNAL_WAITING_MAX};

/// Rows and promises between two commits. `P` is a promise: kept when every row added before it is
/// durable.
pub(super) struct Recorder<S, P> {
    journal: Journal<S>,
    rows: VecDeque<Row>,
    promises: Vec<P>,
    /// Promises of the batch under way; none: the journal is idle.
    under_way: Option<Vec<P>>,
    /// Something waits that somebody waits for.
    urgent: bool,
    /// When the oldest waiting row came.
    waiting_since: Option<Instant>,
    /// Rows dropped since the journal could last be written.
    lost: u64,
    failing: bool,
}

/// What news of the journal lead to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome<P> {
    /// These promises are to be kept now.
    Keep(Vec<P>),
    /// It can be written again: the same, and how many rows were lost meanwhile.
    Back(Vec<P>, u64),
    /// It can not be written, and why.
    Failing(String),
}

impl<S: Serialize + Send + 'static, P> Recorder<S, P> {
    pub(super) fn new(journal: Journal<S>) -> Self {
        Self {
            journal,
            rows: VecDeque::new(),
            promises: Vec::new(),
            under_way: None,
            urgent: false,
            waiting_since: None,
            lost: 0,
            failing: false,
        }
    }

    /// Adds a row. At the bound, which only a journal that can not be written reaches, inputs give
    /// way first: they explain, the others are what happened.
    pub(super) fn row(&mut self, row: Row) {
        if self.rows.len() >= JOURNAL_WAITING_MAX {
            let before = self.rows.len();
            self.rows.retain(|row| !matches!(row, Row::Input(..)));
            if self.rows.len() == before {
                self.rows.pop_front();
            }
            self.lost += (before - self.rows.len()) as u64;
        }
        self.waiting_since.get_or_insert_with(Instant::now);
        self.rows.push_back(row);
    }

    /// Adds a promise, to be kept when every row added so far is durable.
    pub(super) fn promise(&mut self, promise: P) {
        self.promises.push(promise);
        self.urgent = true;
    }

    /// What was added is worth a commit of its own.
    pub(super) fn hurry(&mut self) {
        self.urgent = true;
    }

    /// Rows that wait.
    pub(super) fn waiting(&self) -> usize {
        self.rows.len()
    }

    /// Time until waiting rows are due although nothing hurries; none: nothing waits, or the
    /// journal is busy.
    pub(super) fn due_in(&self) -> Option<Duration> {
        let since = self.waiting_since.filter(|_| self.under_way.is_none())?;
        if self.urgent {
            return Some(Duration::ZERO);
        }
        Some(JOURNAL_IDLE_COMMIT_INTERVAL.saturating_sub(since.elapsed()))
    }

    /// Hands over what waits, with the state as of now, if it is due.
    pub(super) fn flush(&mut self, state: impl FnOnce() -> S) {
        if self.due_in().is_some_and(|left| left.is_zero()) {
            let rows = std::mem::take(&mut self.rows).into();
            self.under_way = Some(std::mem::take(&mut self.promises));
            self.urgent = false;
            self.waiting_since = None;
            self.journal.write(Batch { rows, state: Some(state()) });
        }
    }

    /// Hears from the journal.
    pub(super) fn hear(&mut self, news: JournalNews) -> Outcome<P> {
        match news {
            JournalNews::Written => {
                let kept = self.under_way.take().unwrap_or_default();
                if std::mem::take(&mut self.failing) {
                    return Outcome::Back(kept, std::mem::take(&mut self.lost));
                }
                Outcome::Keep(kept)
            }
            JournalNews::Failing(reason) => {
                self.failing = true;
                Outcome::Failing(reason)
            }
        }
    }

    /// Whether a batch is under way or rows wait.
    pub(super) fn is_busy(&self) -> bool {
        self.under_way.is_some() || self.waiting_since.is_some()
    }

    /// The journal can not be written at the moment.
    pub(super) fn is_failing(&self) -> bool {
        self.failing
    }
}
