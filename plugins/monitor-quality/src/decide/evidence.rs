//! What one interval says for and against the service: four shares, each beside its limit.

use std::fmt;

use super::Settings;
use super::baseline::Baseline;
use crate::bindings::exports::takeover::plugin::monitor::Sample;

/// Parts of a whole: shares are kept in millionths, so that no rounding shows.
pub const WHOLE: u64 = 1_000_000;

/// Shares of an interval.
pub const SHARES: usize = 4;

/// Their names, and how much each says against the service when it is above its limit; in the order
/// of [`Counts::shares`].
const KINDS: [(&str, u32); SHARES] = [("5xx", 2), ("timeouts", 2), ("4xx", 1), ("resent", 1)];

/// What was counted since the interval began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    received: u64,
    good: u64,
    refused: u64,
    failed: u64,
    timeouts: u64,
    resent: u64,
}

impl Counts {
    /// Nothing.
    pub const fn new() -> Self {
        Self { received: 0, good: 0, refused: 0, failed: 0, timeouts: 0, resent: 0 }
    }

    /// Adds what was counted since the last sample.
    pub fn add(&mut self, sample: &Sample) {
        let more = |sum: &mut u64, count: u64| *sum = sum.saturating_add(count);
        more(&mut self.received, sample.received);
        more(&mut self.good, sample.responses_2xx);
        more(&mut self.refused, sample.responses_4xx);
        more(&mut self.failed, sample.responses_5xx);
        more(&mut self.timeouts, sample.timeouts);
        more(&mut self.resent, sample.retransmissions);
    }

    fn answered(&self) -> u64 {
        self.good.saturating_add(self.refused).saturating_add(self.failed)
    }

    /// Requests that ended, one way or another.
    pub fn ended(&self) -> u64 {
        self.answered().saturating_add(self.timeouts)
    }

    /// The shares in millionths; none: there is too little to have a share of.
    fn shares(&self, least: u64) -> [Option<u64>; SHARES] {
        let share = |part: u64, whole: u64| {
            (whole >= least).then(|| part.saturating_mul(WHOLE).checked_div(whole)).flatten()
        };
        [
            share(self.failed, self.answered()),
            share(self.timeouts, self.ended()),
            share(self.refused, self.answered()),
            share(self.resent.min(self.received), self.received),
        ]
    }
}

/// One share beside what it is compared with, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Item {
    found: u64,
    usual: Option<u64>,
    limit: u64,
}

impl Item {
    fn is_against(self) -> bool {
        self.found > self.limit
    }
}

/// What an interval says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence([Option<Item>; SHARES]);

impl Evidence {
    /// Compares an interval with what is usual.
    pub fn of(counts: &Counts, baseline: &Baseline, settings: &Settings) -> Self {
        let mut items = counts.shares(settings.messages_min).into_iter();
        let usual = baseline.usual(settings);
        Self(usual.map(|usual| {
            let found = items.next().flatten()?;
            Some(Item { found, usual, limit: limit(usual, settings) })
        }))
    }

    /// The shares that were found, in millionths.
    pub fn found(&self) -> [Option<u64>; SHARES] {
        self.0.map(|item| item.map(|item| item.found))
    }

    /// How much there is against the service.
    pub fn weight(&self) -> u32 {
        let pairs = self.0.iter().zip(KINDS);
        let against = pairs.filter(|(item, _)| item.is_some_and(Item::is_against));
        against.map(|(_, (_, weight))| weight).sum()
    }
}

/// The limit of a share: the least one, or some times what is usual, but never more than the
/// largest one, so that no habit makes a broken service good. Before it is known what is usual, the
/// largest one.
fn limit(usual: Option<u64>, settings: &Settings) -> u64 {
    let percent = |percent: u64| percent.saturating_mul(WHOLE / 100);
    let most = percent(settings.limit_max_percent);
    let Some(usual) = usual else { return most };
    usual.saturating_mul(settings.factor).max(percent(settings.limit_min_percent)).min(most)
}

/// For operators: what is against the service, then what is for it.
impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, wanted) in [true, false].into_iter().enumerate() {
            f.write_str(["against the service: ", "; for it: "].get(index).unwrap_or(&""))?;
            let items = self.0.iter().zip(KINDS);
            let items = items.filter_map(|(item, (name, _))| item.map(|item| (item, name)));
            let mut items = items.filter(|(item, _)| item.is_against() == wanted).peekable();
            if items.peek().is_none() {
                f.write_str("nothing")?;
            }
            while let Some((item, name)) = items.next() {
                let (found, limit) = (Percent(item.found), Percent(item.limit));
                write!(f, "{name} {found} (limit {limit}")?;
                if let Some(usual) = item.usual {
                    write!(f, ", usual {}", Percent(usual))?;
                }
                f.write_str(if items.peek().is_some() { "), " } else { ")" })?;
            }
        }
        Ok(())
    }
}

/// Millionths as percent, with a tenth where there is one.
struct Percent(u64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0 / (WHOLE / 1_000);
        match (tenths / 10, tenths % 10) {
            (whole, 0) => write!(f, "{whole} %"),
            (whole, tenth) => write!(f, "{whole}.{tenth} %"),
        }
    }
}
