//! Numbered reports, kept until the control server has stored them.

use std::collections::VecDeque;

use crate::ids::ReportSequence;
use crate::limits::{REPORTS_IN_FLIGHT_MAX, SPOOL_REPORTS_MAX};
use crate::link::Report;

/// The spool.
#[derive(Clone, Debug, Default)]
pub(super) struct Spool {
    reports: VecDeque<(ReportSequence, Report)>,
    newest: ReportSequence,
    /// Position of the newest report that was sent on this link.
    sent: ReportSequence,
}

impl Spool {
    pub(super) fn restore(reports: Vec<(ReportSequence, Report)>, newest: ReportSequence) -> Self {
        let last = reports.last().map_or(newest, |(sequence, _)| newest.max(*sequence));
        Self { reports: reports.into(), newest: last, sent: ReportSequence::default() }
    }

    /// Position of the newest report.
    pub(super) fn newest(&self) -> ReportSequence {
        self.newest
    }

    /// Adds a report. Where the spool is full, the two oldest become one that counts them, at the
    /// position of the newer; that one is answered, so that it can be kept in their place.
    pub(super) fn push(&mut self, report: Report) -> Pushed {
        self.newest = self.newest.next();
        self.reports.push_back((self.newest, report));
        let dropped = (self.reports.len() > SPOOL_REPORTS_MAX).then(|| self.merge_oldest());
        Pushed { sequence: self.newest, dropped: dropped.flatten() }
    }

    fn merge_oldest(&mut self) -> Option<(ReportSequence, Report)> {
        let (_, oldest) = self.reports.pop_front()?;
        let (sequence, next) = self.reports.front_mut()?;
        *next = Report::Dropped(count(&oldest) + count(next));
        Some((*sequence, next.clone()))
    }

    /// Begins to send from the oldest one, behind what is stored. Answers whether the reports
    /// have new numbers: the control server has more of this host than this spool ever had.
    pub(super) fn link(&mut self, stored: ReportSequence) -> bool {
        let is_behind = stored > self.newest;
        if is_behind {
            self.newest = stored;
            for (sequence, _) in &mut self.reports {
                self.newest = self.newest.next();
                *sequence = self.newest;
            }
        }
        self.trim(stored);
        self.sent = stored;
        is_behind
    }

    /// Forgets reports that are stored.
    pub(super) fn trim(&mut self, stored: ReportSequence) {
        while self.reports.front().is_some_and(|(sequence, _)| *sequence <= stored) {
            self.reports.pop_front();
        }
    }

    /// The next report to send, while not too many are on their way.
    pub(super) fn next_to_send(&mut self) -> Option<(ReportSequence, Report)> {
        let first = self.reports.partition_point(|(sequence, _)| *sequence <= self.sent);
        if first >= REPORTS_IN_FLIGHT_MAX {
            return None;
        }
        let (sequence, report) = self.reports.get(first)?;
        self.sent = *sequence;
        Some((*sequence, report.clone()))
    }

    /// All reports, oldest first.
    pub(super) fn all(&self) -> impl Iterator<Item = &(ReportSequence, Report)> {
        self.reports.iter()
    }
}

/// What became of a new report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pushed {
    pub(super) sequence: ReportSequence,
    /// The report that stands for those that had to be dropped.
    pub(super) dropped: Option<(ReportSequence, Report)>,
}

/// How many reports one of them stands for as a dropped one.
fn count(report: &Report) -> u64 {
    match report {
        Report::Dropped(count) => *count,
        Report::Event(_) => 1,
    }
}
