//! The bounds of one plugin's calls: how many are under way at once, and how many wait for that.
//! They are lower than the engine's own where `plugin.toml` says so, and keep a plugin that is
//! called too often from using up what others need.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::limits::{CONCURRENCY_MAX, QUEUE_MAX};
use crate::outcome::Bound;
use crate::package::Manifest;

/// Lets the calls of one version of a plugin in.
#[derive(Debug)]
pub(crate) struct Gate {
    under_way: Semaphore,
    waiting: AtomicUsize,
    concurrency: usize,
    queue: usize,
}

/// A place in the queue.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Gate {
    /// With the bounds of a manifest.
    pub(crate) fn new(manifest: &Manifest) -> Self {
        Self::with(
            manifest.concurrency.unwrap_or(CONCURRENCY_MAX),
            manifest.queue.unwrap_or(QUEUE_MAX),
        )
    }

    fn with(concurrency: usize, queue: usize) -> Self {
        let under_way = Semaphore::new(concurrency);
        Self { under_way, waiting: AtomicUsize::new(0), concurrency, queue }
    }

    /// Lets a call in, at once or when another one has ended. The call is under way until the
    /// returned value is dropped.
    ///
    /// # Errors
    /// As many calls as may wait do so already, or none ended before `deadline`.
    pub(crate) async fn enter(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, Bound> {
        if let Ok(permit) = self.under_way.try_acquire() {
            return Ok(permit);
        }
        let (concurrency, queue) = (self.concurrency, self.queue);
        let full = Bound::Queue { concurrency, queue };
        let more = |waiting: usize| (waiting < queue).then_some(waiting + 1);
        if self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_err() {
            return Err(full);
        }
        let _place = Place(&self.waiting);
        match tokio::time::timeout_at(deadline.into(), self.under_way.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Bound::Concurrency(concurrency)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;

    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
    }

    #[test]
    fn calls_wait_for_room_and_those_beyond_the_queue_are_refused_at_once() {
        runtime().block_on(async {
            let gate = Gate::with(1, 1);
            let late = Instant::now() + Duration::from_secs(60);
            let first = gate.enter(late).await.unwrap();
            let mut second = Box::pin(gate.enter(late));
            assert!((&mut second).now_or_never().is_none());
            let third = gate.enter(late).await.unwrap_err();
            assert_eq!(third.to_string(), "queue full: 1 under way and 1 waiting, as allowed");
            drop(first);
            drop(second.await.unwrap());
            // Whoever gives up leaves the place in the queue to others.
            let fourth = gate.enter(late).await.unwrap();
            drop(Box::pin(gate.enter(late)));
            let mut fifth = Box::pin(gate.enter(late));
            assert!((&mut fifth).now_or_never().is_none());
            drop(fifth);
            assert_eq!(gate.waiting.load(Ordering::Acquire), 0);
            drop(fourth);
        });
    }

    #[test]
    fn wait_for_room_ends_with_the_deadline() {
        runtime().block_on(async {
            let gate = Gate::with(1, 1);
            let _first = gate.enter(Instant::now() + Duration::from_secs(60)).await.unwrap();
            assert_eq!(gate.enter(Instant::now()).await.unwrap_err(), Bound::Concurrency(1));
        });
    }
}
