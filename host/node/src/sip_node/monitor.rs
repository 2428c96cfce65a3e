//! The SIP monitor of a node: shown a sample at an interval that it chooses itself. Which version
//! of it is asked is the plugins' business ([`StandingMonitor`]), what its verdict means the
//! machine's.

use std::time::{Duration, Instant};

use takeover_engine::outcome::Ended;
use takeover_logic::component::sip::MonitorSample;
use takeover_logic::limits::{MONITOR_INTERVAL_MAX, MONITOR_INTERVAL_MIN};
use takeover_logic::link::Verdict;
use tokio::sync::oneshot;

use super::limits::COUNTS_TIMEOUT;
use super::machine::Input;
use super::thread::Item;
use super::wake::{NotPosted, Post};
use crate::plugins::StandingMonitor;

#[cfg(test)]
mod tests;

/// The interval until the monitor has said its own.
const FIRST_INTERVAL: Duration = Duration::from_secs(1);

/// Whoever judges a sample.
pub(crate) trait Judge: Send + Sync {
    /// The verdict, and when the next sample is wanted, where that was said; by a deadline.
    fn assess(
        &self,
        sample: MonitorSample,
        deadline: Instant,
    ) -> impl Future<Output = (Verdict, Option<Duration>)> + Send;
}

impl Judge for StandingMonitor {
    async fn assess(
        &self,
        sample: MonitorSample,
        deadline: Instant,
    ) -> (Verdict, Option<Duration>) {
        let assessed = StandingMonitor::assess(self, sample, deadline).await;
        let next = match &assessed.outcome.ended {
            Ended::Ok(answer) => Some(answer.next_in),
            _ => None,
        };
        (assessed.verdict, next)
    }
}

/// Shows samples to the monitor, until dropped or the node ends.
pub(crate) async fn watch(monitor: impl Judge, post: Post<Item>) {
    let mut interval = FIRST_INTERVAL;
    loop {
        tokio::time::sleep(interval).await;
        match turn(&monitor, &post, interval).await {
            Ok(Some(next)) => interval = next,
            Ok(None) => {}
            Err(_) => return,
        }
    }
}

/// One sample; the interval that the monitor wants from now on, where it said one.
async fn turn(
    monitor: &impl Judge,
    post: &Post<Item>,
    interval: Duration,
) -> Result<Option<Duration>, NotPosted> {
    let (answer, sample) = oneshot::channel();
    post.send(Item::Sample(answer)).await?;
    let Ok(Ok(Some(sample))) = tokio::time::timeout(COUNTS_TIMEOUT, sample).await else {
        return Ok(None);
    };
    // The rule of the contract: 0.8 of the time until the next call.
    let deadline = Instant::now() + interval.mul_f64(0.8);
    let (verdict, next) = monitor.assess(sample, deadline).await;
    post.send(Item::Input(Input::Assessed(verdict))).await?;
    Ok(next.map(|next| next.clamp(MONITOR_INTERVAL_MIN, MONITOR_INTERVAL_MAX)))
}
