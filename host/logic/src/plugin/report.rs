//! A plugin as operators see it, wherever it runs: what the control server shows of its own, and
//! what host agents tell of theirs.
//!
//! These types are a format, of the link and of the HTTP API: a field may be added, never renamed
//! or removed. They must not know how anything is counted but for the times.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{HostName, PluginName};
use crate::limits::{PLUGIN_REPORT_LIST_MAX, PLUGIN_REPORT_TEXT_BYTES_MAX};

/// Upper bounds of the shares of time that calls are counted by, in microseconds. From an instance
/// that only answers (about 50 us) to Timeout Startup and beyond; longer ones are counted behind
/// the last.
pub const CALL_TIME_BOUNDS_US: [u64; 14] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_000_000,
    8_000_000,
];

/// A plugin as operators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PluginView {
    /// Its name.
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub name: PluginName,
    /// The host whose agent runs it; absent: the control server.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub host: Option<HostName>,
    /// Its version in use; empty where there is none.
    pub version: String,
    /// Its kind: `alarm-reaction` or `vip-backend`; empty where no version is in use.
    pub kind: String,
    /// The file of the version in use where it is a text policy; none: a component.
    #[serde(default)]
    pub policy_file: Option<String>,
    /// SHA-256 of the component or the text in use, in hexadecimal; empty where there is none.
    pub sha256: String,
    /// `active`, `probation`; without a version in use that of the newest other one.
    pub state: String,
    /// Number of the version in use, counted in this process.
    #[serde(default)]
    pub generation: u64,
    /// Times that another version came into use in this process, after the first.
    #[serde(default)]
    pub reloads: u64,
    /// Why calls are refused at the moment: `quarantine`, or the time of a rest.
    #[serde(default)]
    pub closed: Option<String>,
    /// Inputs that are put aside because they ended instances.
    #[serde(default)]
    pub inputs_aside: usize,
    /// The next version is to run in shadow.
    #[serde(default)]
    pub shadow: bool,
    /// What calls the plugin.
    #[serde(default)]
    pub used_by: Vec<String>,
    /// Changed settings that take effect when the plugin starts next, a sentence each.
    #[serde(default)]
    pub settings_waiting: Vec<String>,
    /// Calls under way on the version in use.
    #[serde(default)]
    pub in_flight: u32,
    /// Those of them that wait for room for their instance.
    #[serde(default)]
    pub waiting: u32,
    /// Calls that were not let in.
    #[serde(default)]
    pub refused: RefusedCalls,
    /// What calls of the version in use asked for and were refused, because it is granted to
    /// primaries only.
    #[serde(default)]
    pub not_primary: u64,
    /// Calls of the version in use.
    #[serde(default)]
    pub calls: CallCounts,
    /// Versions on their way, in shadow, or with their last calls, oldest first.
    #[serde(default)]
    pub others: Vec<PluginVersion>,
    /// Versions that a rollback goes to, newest first.
    #[serde(default)]
    pub previous: Vec<PreviousVersion>,
    /// Packages that were refused, oldest first.
    #[serde(default)]
    pub rejected: Vec<RejectedVersion>,
}

/// A version that is not in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PluginVersion {
    /// Its number, counted in this process.
    pub generation: u64,
    /// Its version; empty until it is verified.
    pub version: String,
    /// SHA-256 of the component; empty until it is verified.
    pub sha256: String,
    /// Where it stands, as in `compiled` or `shadow`.
    pub state: String,
    /// Calls under way on it.
    pub in_flight: u32,
    /// Calls that ended on it.
    pub calls: CallCounts,
}

/// A version that was in use before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PreviousVersion {
    /// SHA-256 over manifest and component.
    pub package: String,
    /// Its version; empty where this process has not loaded it.
    pub version: String,
    /// SHA-256 of the component; empty where this process has not loaded it.
    pub sha256: String,
}

/// A version that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RejectedVersion {
    /// SHA-256 over manifest and component.
    pub package: String,
    /// Its version; empty where it did not get so far.
    pub version: String,
    /// What failed: `verify`, `check`, `compile`, `link`, `start`, or `denied`.
    pub step: String,
    /// Why, in a sentence.
    pub reason: String,
}

/// Calls that were not let in, by why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct RefusedCalls {
    /// No version was in use.
    pub not_loaded: u64,
    /// The plugin rested after faults.
    pub resting: u64,
    /// It was in quarantine.
    pub quarantined: u64,
    /// What it was to be called with is put aside.
    pub put_aside: u64,
}

impl RefusedCalls {
    /// All together.
    pub fn total(&self) -> u64 {
        self.not_loaded + self.resting + self.quarantined + self.put_aside
    }
}

/// Calls of one version in one process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CallCounts {
    /// All that ended.
    pub calls: u64,
    /// With an answer.
    pub answered: u64,
    /// With a fault that the component reported.
    pub faults: u64,
    /// By a trap.
    pub traps: u64,
    /// By their deadline.
    pub deadlines: u64,
    /// By a limit.
    pub limits: u64,
    /// For which no instance could be made.
    pub saturated: u64,
    /// Milliseconds in the component, together.
    pub own_ms: u64,
    /// Milliseconds in functions of the host, together.
    pub host_ms: u64,
    /// Milliseconds of waiting for a thread or for room, together.
    pub queued_ms: u64,
    /// Milliseconds of the longest call.
    pub slowest_ms: u64,
    /// Highest memory of one call, in bytes.
    pub memory_bytes_max: u64,
    /// How the time in the component is spread over the calls that had an instance.
    #[serde(default)]
    pub own: CallTimes,
    /// The same for the time in functions of the host.
    #[serde(default)]
    pub host: CallTimes,
}

/// How long one share of calls took, as counts between fixed bounds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CallTimes {
    /// Calls by the least of the bounds 50, 100, 250, 500 us, 1, 2.5, 5, 10, 25, 50, 100, 500 ms,
    /// 2 and 8 s that they did not exceed, and those beyond the last. Empty: no call.
    pub counts: Vec<u64>,
    /// All together, in microseconds.
    pub total_us: u64,
    /// The longest, in microseconds.
    pub max_us: u64,
    /// Half of the calls took at most this, in microseconds: a bound, or the longest.
    pub median_us: u64,
    /// The same for 99 of 100.
    pub p99_us: u64,
}

impl CallTimes {
    /// Counts one more call; median and 99th are as they were until it is
    /// [`summarised`](Self::summarised).
    pub fn add(&mut self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.counts.resize(CALL_TIME_BOUNDS_US.len() + 1, 0);
        let place = CALL_TIME_BOUNDS_US.partition_point(|bound| *bound < took);
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
        }
        self.total_us = self.total_us.saturating_add(took);
        self.max_us = self.max_us.max(took);
    }

    /// With the shares that operators look at, which would be too dear to work out with every call.
    pub fn summarised(mut self) -> Self {
        self.median_us = self.at_most(50);
        self.p99_us = self.at_most(99);
        self
    }

    /// All calls.
    pub fn calls(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// What so many of a hundred calls took at most.
    fn at_most(&self, percent: u64) -> u64 {
        let wanted = self.calls().saturating_mul(percent).div_ceil(100);
        let mut counted = 0;
        for (count, bound) in self.counts.iter().zip(CALL_TIME_BOUNDS_US) {
            counted += count;
            if counted >= wanted {
                return bound.min(self.max_us);
            }
        }
        self.max_us
    }
}

impl PluginView {
    /// What is told over a link of it: lists and texts have bounds there.
    pub fn bounded(mut self) -> Self {
        keep_last(&mut self.others);
        keep_last(&mut self.rejected);
        self.previous.truncate(PLUGIN_REPORT_LIST_MAX);
        self.used_by.truncate(PLUGIN_REPORT_LIST_MAX);
        for rejected in &mut self.rejected {
            cut(&mut rejected.reason);
            cut(&mut rejected.version);
        }
        for other in &mut self.others {
            cut(&mut other.version);
        }
        self.settings_waiting.truncate(PLUGIN_REPORT_LIST_MAX);
        self.settings_waiting.iter_mut().for_each(cut);
        self.used_by.iter_mut().for_each(cut);
        cut(&mut self.version);
        self
    }
}

/// The newest are the last.
fn keep_last<T>(list: &mut Vec<T>) {
    list.drain(..list.len().saturating_sub(PLUGIN_REPORT_LIST_MAX));
}

fn cut(text: &mut String) {
    if text.len() > PLUGIN_REPORT_TEXT_BYTES_MAX {
        text.truncate(text.floor_char_boundary(PLUGIN_REPORT_TEXT_BYTES_MAX));
        text.push_str("...");
    }
}

#[cfg(test)]
mod tests;
