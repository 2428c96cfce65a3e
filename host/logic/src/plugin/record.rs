//! How a version did: the last calls, and the judgement of a version on probation against the one
//! before it.

use std::collections::VecDeque;
use std::time::Duration;

use super::io::CallReport;
use crate::limits::{
    PLUGIN_CALLS_REMEMBERED, PROBATION_FAULT_RATE_CALLS_MIN, PROBATION_FAULT_RATE_MAX_PERCENT,
    PROBATION_FAULTS_MAX, PROBATION_LATENCY_CALLS_MIN, PROBATION_LATENCY_FACTOR,
    PROBATION_LATENCY_FLOOR,
};

/// The last calls of a version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// All calls, also those that are forgotten.
    pub(super) calls: u64,
    /// All faults.
    pub(super) faults: u64,
    recent: VecDeque<(bool, Duration)>,
}

impl Record {
    pub(super) fn add(&mut self, report: &CallReport) {
        self.calls += 1;
        self.faults += u64::from(report.is_fault());
        if self.recent.len() == PLUGIN_CALLS_REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back((report.is_fault(), report.own()));
    }

    /// Forgets one fault, which turned out to be its input's.
    pub(super) fn excuse(&mut self) {
        self.faults = self.faults.saturating_sub(1);
        if let Some(last) = self.recent.iter_mut().rev().find(|(fault, _)| *fault) {
            last.0 = false;
        }
    }

    /// Of the calls remembered: how many there are, and how many were faults.
    fn recent(&self) -> (u64, u64) {
        let faults = self.recent.iter().filter(|(fault, _)| *fault).count();
        (self.recent.len() as u64, faults as u64)
    }

    /// The median of the component's own time, where there are enough calls to speak of one.
    fn median(&self) -> Option<Duration> {
        if self.recent.len() < PROBATION_LATENCY_CALLS_MIN {
            return None;
        }
        let mut times: Vec<Duration> = self.recent.iter().map(|(_, own)| *own).collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied()
    }

    /// Why this version is to be exchanged for the one before, if it is. Both rules compare: a
    /// version that is no worse than the one before stays.
    pub(super) fn verdict(&self, before: &Record) -> Option<String> {
        let (calls, faults) = self.recent();
        let (calls_before, faults_before) = before.recent();
        let often = calls >= PROBATION_FAULT_RATE_CALLS_MIN
            && faults * 100 > calls * PROBATION_FAULT_RATE_MAX_PERCENT;
        // faults / calls > faults_before / calls_before, without dividing by zero.
        let worse = faults * calls_before.max(1) > faults_before * calls;
        if (faults >= PROBATION_FAULTS_MAX || often) && worse {
            return Some(format!(
                "{faults} of {calls} calls were its fault, before {faults_before} of {calls_before}"
            ));
        }
        let (now, before) = (self.median()?, before.median()?);
        if now > before * PROBATION_LATENCY_FACTOR && now > PROBATION_LATENCY_FLOOR {
            return Some(format!(
                "half of its calls take more than {} ms of its own, before {} ms",
                now.as_millis(),
                before.as_millis()
            ));
        }
        None
    }
}
