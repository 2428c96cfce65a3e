//! What is usual here: the mean of each share over good intervals, later ones weighing more.

use super::Settings;
use super::evidence::{Evidence, SHARES, WHOLE};

/// Means in millionths, and over how many intervals each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Baseline([Mean; SHARES]);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mean {
    share: u64,
    intervals: u64,
}

/// Most intervals that are counted: more than any setting asks for.
const INTERVALS_MAX: u64 = 1_000_000;

impl Baseline {
    /// Nothing is known.
    pub const fn new() -> Self {
        Self([Mean { share: 0, intervals: 0 }; SHARES])
    }

    /// The usual shares; none for one that was not seen often enough.
    pub fn usual(&self, settings: &Settings) -> [Option<u64>; SHARES] {
        let known = |mean: &Mean| mean.intervals >= settings.learn_intervals;
        self.0.map(|mean| known(&mean).then_some(mean.share))
    }

    /// Adds a good interval: with equal weight in the beginning, then as much as is forgotten.
    pub fn learn(&mut self, evidence: &Evidence, settings: &Settings) {
        for (mean, found) in self.0.iter_mut().zip(evidence.found()) {
            let Some(found) = found.map(|found| found.min(WHOLE)) else { continue };
            mean.intervals = (mean.intervals + 1).min(INTERVALS_MAX);
            let weight = mean.intervals.min(settings.memory_intervals).max(1);
            mean.share = match found >= mean.share {
                true => mean.share + (found - mean.share) / weight,
                false => mean.share - (mean.share - found) / weight,
            };
        }
    }

    /// Intervals of the share that was seen most often.
    pub fn intervals(&self) -> u64 {
        self.0.iter().map(|mean| mean.intervals).max().unwrap_or_default()
    }

    /// `SHARE INTERVALS` of each, behind one another.
    pub fn print(&self) -> String {
        let words = self.0.map(|mean| format!("{} {}", mean.share, mean.intervals));
        words.join(" ")
    }

    /// Reads what was printed; none where it is not ours, or out of bounds.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let mut next = |most: u64| words.next()?.parse().ok().filter(|number| *number <= most);
        let mut means = [Mean { share: 0, intervals: 0 }; SHARES];
        for mean in &mut means {
            *mean = Mean { share: next(WHOLE)?, intervals: next(INTERVALS_MAX)? };
        }
        words.next().is_none().then_some(Self(means))
    }
}
