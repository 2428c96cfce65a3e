//! Median, nearest-rank percentile and maximum of a handful of measurements.

use std::fmt;
use std::time::Duration;

/// A duration in milliseconds with its fraction.
pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Summary of some values of one unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// How many.
    pub count: usize,
    /// The middle one, or the mean of the middle two.
    pub median: f64,
    /// The value that 95 % do not exceed (nearest rank: the maximum for fewer than 20 values).
    pub p95: f64,
    /// The largest.
    pub max: f64,
}

impl Summary {
    /// Summary of `values`; none where there are none.
    pub fn of(values: &[f64]) -> Option<Summary> {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        let count = values.len();
        let at = |index: usize| values.get(index).copied();
        let upper = at(count / 2)?;
        let lower = if count.is_multiple_of(2) { at(count / 2 - 1)? } else { upper };
        let rank = (count * 95).div_ceil(100);
        Some(Summary {
            count,
            median: (lower + upper) / 2.0,
            p95: at(rank.saturating_sub(1))?,
            max: at(count - 1)?,
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} / {:.1} / {:.1}", self.median, self.p95, self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::Summary;

    #[track_caller]
    fn check(values: &[f64], expected: &str) {
        assert_eq!(Summary::of(values).expect("values").to_string(), expected);
    }

    #[test]
    fn summary_uses_the_middle_and_the_nearest_rank() {
        check(&[3.0], "3.0 / 3.0 / 3.0");
        check(&[4.0, 1.0, 2.0, 3.0], "2.5 / 4.0 / 4.0");
        let twenty: Vec<f64> = (1..=20).map(f64::from).collect();
        check(&twenty, "10.5 / 19.0 / 20.0");
        assert_eq!(Summary::of(&[]), None);
    }
}
