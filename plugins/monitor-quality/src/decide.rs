//! What the monitor does, apart from the sandbox: judges how requests end, against what is usual.
//!
//! What the node counted is added up to intervals. An interval has evidence: shares of refused,
//! failed and unanswered requests and of messages that came again, each beside its limit. A failing
//! service shows in what fails and what is not answered; what is refused or comes again alone is
//! more often the doing of callers or of the network, which another host does not mend. So the
//! first two weigh [`BAD_WEIGHT`], the others half of it, and an interval is bad only when that
//! much is against the service. Service is unavailable after several bad intervals in a row, and
//! given again after several good ones.
//!
//! Reading order: this file (the judgement), [`evidence`] (one interval), [`baseline`] (what is
//! usual), [`keep`] (how that survives a reload).

mod baseline;
mod evidence;
mod keep;

use baseline::Baseline;
use evidence::{Counts, Evidence};
use keep::Keeper;

use crate::bindings::exports::takeover::plugin::monitor::{Answer, Assessment, Sample};
use crate::bindings::takeover::plugin::types::{Fault, RunMode};

/// Weight of evidence that makes an interval bad.
const BAD_WEIGHT: u32 = 2;

/// Time between two samples at most, in milliseconds: how late a change of the run mode is seen.
const NEXT_MS_MAX: u64 = 1_000;

/// Time between two samples at least, in milliseconds.
const NEXT_MS_MIN: u64 = 100;

/// What the monitor asks of the host.
pub trait Host {
    /// A setting, as text.
    fn setting(&mut self, key: &str) -> Option<String>;
    /// What was last remembered under a key.
    fn recall(&mut self, key: &str) -> Result<Option<Vec<u8>>, Fault>;
    /// Remembers.
    fn remember(&mut self, key: &str, value: &[u8]) -> Result<(), Fault>;
    /// Writes a line for operators.
    fn log(&mut self, text: &str);
}

/// The settings, within the bounds of the manifest.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    interval_ms: u64,
    /// Answers and timeouts of an interval that can be judged.
    pub messages_min: u64,
    bad_intervals: u64,
    good_intervals: u64,
    /// How many times the usual share is too much.
    pub factor: u64,
    /// Least limit of a share, in percent.
    pub limit_min_percent: u64,
    /// Largest limit of a share, in percent.
    pub limit_max_percent: u64,
    /// Intervals after which what was seen counts as usual.
    pub learn_intervals: u64,
    /// Intervals over which what is usual is forgotten.
    pub memory_intervals: u64,
}

impl Settings {
    fn read(host: &mut impl Host) -> Self {
        // Bounds and defaults are the manifest's; the host has checked them.
        let mut number = |key: &str, default: u64| {
            host.setting(key).and_then(|text| text.parse().ok()).unwrap_or(default).max(1)
        };
        Self {
            interval_ms: number("interval_s", 10).saturating_mul(1_000),
            messages_min: number("min_messages", 20),
            bad_intervals: number("bad_intervals", 3),
            good_intervals: number("good_intervals", 2),
            factor: number("factor", 4),
            limit_min_percent: number("limit_min_percent", 10),
            limit_max_percent: number("limit_max_percent", 80),
            learn_intervals: number("learn_intervals", 12),
            memory_intervals: number("memory_intervals", 360),
        }
    }
}

/// What was found of the intervals so far.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Finding {
    /// No interval has ended yet.
    Nothing,
    /// So little was answered in the last one that nothing can be said.
    TooLittle(String),
    /// Service is given.
    Good,
    /// The last ones were bad, but not enough of them.
    Doubtful(String),
    /// Enough of them were; and not enough good ones came after them.
    Bad(String),
}

/// A monitor between two samples.
#[derive(Debug)]
pub struct Monitor {
    baseline: Baseline,
    keeper: Keeper,
    counts: Counts,
    /// How long this server had been primary when the interval began, and at the last sample, in
    /// milliseconds; none: it is not primary.
    primary: Option<(u64, u64)>,
    bad_in_a_row: u64,
    good_in_a_row: u64,
    finding: Finding,
}

impl Monitor {
    /// A monitor that has seen nothing.
    pub const fn new() -> Self {
        Self {
            baseline: Baseline::new(),
            keeper: Keeper::new(),
            counts: Counts::new(),
            primary: None,
            bad_in_a_row: 0,
            good_in_a_row: 0,
            finding: Finding::Nothing,
        }
    }

    /// Judges a sample.
    pub fn assess(&mut self, sample: &Sample, host: &mut impl Host) -> Answer {
        let settings = Settings::read(host);
        self.keeper.restore(&mut self.baseline, host);
        if sample.run_mode != RunMode::Primary {
            self.begin_anew(None);
            let assessment = match sample.run_mode {
                RunMode::Exiting => unknown("this server is ending"),
                // As the guide has it: a server that became backup reports that it runs.
                _ => Assessment::Running,
            };
            return answer(assessment, NEXT_MS_MAX);
        }
        let now_ms = sample.in_run_mode_ms;
        let began_ms = match self.primary {
            // Younger than before: it was demoted and promoted again between the two samples.
            Some((began_ms, last_ms)) if last_ms <= now_ms => {
                self.counts.add(sample);
                began_ms
            }
            // What was counted until now belongs to a time that this monitor did not see.
            _ => {
                self.begin_anew(Some(now_ms));
                now_ms
            }
        };
        self.primary = Some((began_ms, now_ms));
        let mut left_ms = (began_ms + settings.interval_ms).saturating_sub(now_ms);
        if left_ms == 0 {
            self.interval(now_ms - began_ms, &settings, host);
            self.primary = Some((now_ms, now_ms));
            left_ms = settings.interval_ms;
        }
        answer(self.assessment(&settings), left_ms)
    }

    fn begin_anew(&mut self, primary_for_ms: Option<u64>) {
        self.counts = Counts::new();
        self.primary = primary_for_ms.map(|ms| (ms, ms));
        (self.bad_in_a_row, self.good_in_a_row) = (0, 0);
        self.finding = Finding::Nothing;
    }

    /// An interval is over.
    fn interval(&mut self, length_ms: u64, settings: &Settings, host: &mut impl Host) {
        let counts = std::mem::replace(&mut self.counts, Counts::new());
        let ended = counts.ended();
        if ended < settings.messages_min {
            (self.bad_in_a_row, self.good_in_a_row) = (0, 0);
            self.finding = Finding::TooLittle(format!(
                "{ended} answers and timeouts in {} s, at least {} are needed",
                length_ms / 1_000,
                settings.messages_min,
            ));
            return;
        }
        let evidence = Evidence::of(&counts, &self.baseline, settings);
        match evidence.weight() {
            0 => {
                self.bad_in_a_row = 0;
                self.good_in_a_row += 1;
            }
            weight if weight >= BAD_WEIGHT => {
                self.bad_in_a_row += 1;
                self.good_in_a_row = 0;
            }
            // Neither here nor there: what was in a row still is, but does not grow.
            _ => self.good_in_a_row = 0,
        }
        self.finding = self.find(&evidence, settings);
        if self.finding == Finding::Good && evidence.weight() == 0 {
            self.baseline.learn(&evidence, settings);
            self.keeper.keep(&self.baseline, host);
        }
    }

    fn find(&self, evidence: &Evidence, settings: &Settings) -> Finding {
        let was_bad = matches!(self.finding, Finding::Bad(_));
        if self.bad_in_a_row >= settings.bad_intervals {
            return Finding::Bad(format!("{} bad intervals; {evidence}", self.bad_in_a_row));
        }
        if was_bad && self.good_in_a_row < settings.good_intervals {
            let (good, wanted) = (self.good_in_a_row, settings.good_intervals);
            return Finding::Bad(format!("{good} of {wanted} good intervals; {evidence}"));
        }
        if self.bad_in_a_row > 0 {
            let (bad, limit) = (self.bad_in_a_row, settings.bad_intervals);
            return Finding::Doubtful(format!("{bad} of {limit} bad intervals; {evidence}"));
        }
        Finding::Good
    }

    fn assessment(&self, settings: &Settings) -> Assessment {
        match &self.finding {
            Finding::Nothing => {
                unknown(format!("the first {} s are not over", settings.interval_ms / 1_000))
            }
            Finding::TooLittle(why) | Finding::Doubtful(why) => unknown(why.clone()),
            Finding::Good => Assessment::Running,
            Finding::Bad(why) => Assessment::Unavailable(why.clone()),
        }
    }
}

fn answer(assessment: Assessment, next_in_ms: u64) -> Answer {
    let next_in_ms = next_in_ms.clamp(NEXT_MS_MIN, NEXT_MS_MAX);
    Answer { assessment, next_in_ms: u32::try_from(next_in_ms).unwrap_or(u32::MAX) }
}

fn unknown(text: impl Into<String>) -> Assessment {
    Assessment::Unknown(text.into())
}

#[cfg(test)]
mod tests;
