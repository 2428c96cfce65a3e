//! The SIP monitor of a node: shown a sample at an interval that it chooses itself. Which version
//! of it is asked is the plugins' business ([`StandingMonitor`]), what its verdict means the
//! machine's.

use std::time::{Duration, Instant};

use takeover_engine::outcome::Ended;
use takeover_logic::limits::{MONITOR_INTERVAL_MAX, MONITOR_INTERVAL_MIN};
use tokio::sync::oneshot;

use super::limits::COUNTS_TIMEOUT;
use super::machine::Input;
use super::thread::Item;
use super::wake::{NotPosted, Post};
use crate::plugins::StandingMonitor;

/// The interval until the monitor has said its own.
const FIRST_INTERVAL: Duration = Duration::from_secs(1);

/// Shows samples to the monitor, until dropped or the node ends.
pub(crate) async fn watch(monitor: StandingMonitor, post: Post<Item>) {
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
    monitor: &StandingMonitor,
    post: &Post<Item>,
    interval: Duration,
) -> Result<Option<Duration>, NotPosted> {
    let (answer, sample) = oneshot::channel();
    post.send(Item::Sample(answer)).await?;
    let Ok(Ok(Some(sample))) = tokio::time::timeout(COUNTS_TIMEOUT, sample).await else {
        return Ok(None);
    };
    // The rule of the contract: 0.8 of the time until the next call.
    let assessed = monitor.assess(sample, Instant::now() + interval.mul_f64(0.8)).await;
    let next = match &assessed.outcome.ended {
        Ended::Ok(answer) => Some(answer.next_in.clamp(MONITOR_INTERVAL_MIN, MONITOR_INTERVAL_MAX)),
        _ => None,
    };
    post.send(Item::Input(Input::Assessed(assessed.verdict))).await?;
    Ok(next)
}
