//! Whether calls are let in: faults in a row lead to a rest, rests in a row to quarantine. An input
//! that ends instances by itself is put aside before the plugin is blamed.

use std::collections::VecDeque;
use std::time::Duration;

use super::io::{Note, Refusal};
use crate::ids::{Fingerprint, InputDigest};
use crate::limits::{
    PLUGIN_FAULT_WINDOW, PLUGIN_FAULTS_MAX, PLUGIN_INPUT_FAULTS_MAX, PLUGIN_INPUTS_ASIDE_MAX,
    PLUGIN_REST_MAX, PLUGIN_REST_MIN, PLUGIN_RESTS_MAX,
};
use crate::time::Instant;

/// Why calls are not let in at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closed {
    Until(Instant),
    Quarantine,
}

/// How a plugin has been doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Health {
    /// Faults within the window, oldest first. Never more than [`PLUGIN_FAULTS_MAX`].
    faults: VecDeque<(Instant, InputDigest)>,
    closed: Option<Closed>,
    /// Rests without a good window between them.
    rests: u32,
    last_fault: Option<Instant>,
    /// Inputs that are refused, oldest first.
    aside: VecDeque<InputDigest>,
}

impl Health {
    /// Whether a call with this input may begin.
    pub(super) fn admit(&self, now: Instant, input: &impl Fingerprint) -> Result<(), Refusal> {
        match self.closed {
            Some(Closed::Quarantine) => return Err(Refusal::Quarantined),
            Some(Closed::Until(until)) if now < until => {
                return Err(Refusal::Resting(until.since(now)));
            }
            _ => {}
        }
        let is_aside = !self.aside.is_empty() && self.is_aside(input.digest());
        if is_aside { Err(Refusal::PutAside) } else { Ok(()) }
    }

    pub(super) fn is_aside(&self, input: InputDigest) -> bool {
        self.aside.contains(&input)
    }

    pub(super) fn is_quarantined(&self) -> bool {
        self.closed == Some(Closed::Quarantine)
    }

    /// The end of the present rest.
    pub(super) fn rests_until(&self, now: Instant) -> Option<Instant> {
        match self.closed {
            Some(Closed::Until(until)) if now < until => Some(until),
            _ => None,
        }
    }

    /// Inputs that are put aside.
    pub(super) fn aside(&self) -> impl Iterator<Item = InputDigest> + '_ {
        self.aside.iter().copied()
    }

    /// Refuses an input from now on.
    pub(super) fn put_aside(&mut self, input: InputDigest) {
        if self.aside.len() == PLUGIN_INPUTS_ASIDE_MAX {
            self.aside.pop_front();
        }
        self.aside.push_back(input);
        self.faults.retain(|(_, other)| *other != input);
    }

    /// A call was the component's fault; what follows from it.
    pub(super) fn fault(&mut self, now: Instant, input: InputDigest, jitter: u16) -> Option<Note> {
        if self.is_quarantined() || self.rests_until(now).is_some() {
            // A call that began before: it is a part of what led here.
            return None;
        }
        if self.last_fault.is_some_and(|at| now.since(at) >= PLUGIN_FAULT_WINDOW) {
            self.rests = 0;
        }
        self.last_fault = Some(now);
        self.faults.retain(|(at, _)| now.since(*at) < PLUGIN_FAULT_WINDOW);
        let same = 1 + self.faults.iter().filter(|(_, other)| *other == input).count();
        if same >= PLUGIN_INPUT_FAULTS_MAX && !self.is_aside(input) {
            self.put_aside(input);
            return Some(Note::PutAside(input));
        }
        self.faults.push_back((now, input));
        // After a rest the next fault leads to the next one: the plugin was given its chance.
        if self.faults.len() < PLUGIN_FAULTS_MAX && self.rests == 0 {
            return None;
        }
        self.faults.clear();
        if self.rests == PLUGIN_RESTS_MAX {
            self.closed = Some(Closed::Quarantine);
            return Some(Note::Quarantined { rests: self.rests });
        }
        let wait = rest(self.rests, jitter);
        self.rests += 1;
        self.closed = Some(Closed::Until(now + wait));
        Some(Note::Resting { wait, rests: self.rests })
    }
}

/// The length of a rest after `before` others: doubled each time, half of it random so that the
/// plugins of several hosts do not come back in step.
fn rest(before: u32, jitter: u16) -> Duration {
    let full = PLUGIN_REST_MIN.saturating_mul(1 << before.min(16)).min(PLUGIN_REST_MAX);
    full / 2 + full / 2 * u32::from(jitter.min(999)) / 999
}
