//! The thread that makes running guest code look at its deadline.
//!
//! ```text
//!   a call computes for long  --> a tick each 1 ms
//!   guest code runs           --> a tick each 10 ms; a call on the threads of guests wakes it
//!   nothing runs              --> a tick each 40 ms, or sooner where a policy has a short deadline
//! ```
//!
//! A wake-up of a processor that slept costs 20 to 50 us, as much as twenty decisions of a policy,
//! and a policy that is asked thousands of times a second runs at hardly any tick. It is called in
//! place and does not wake the ticker: its deadline is longer than a pause.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use wasmtime::EngineWeak;

use crate::aside::Patients;
use crate::limits::{EPOCH_INTERVAL, EPOCH_INTERVAL_BUSY, EPOCH_INTERVAL_IDLE};

/// What runs at this moment, and so how often the ticker ticks.
#[derive(Debug)]
pub(crate) struct Pulse {
    running: Arc<Running>,
    ticker: Thread,
}

#[derive(Debug)]
struct Running {
    patients: Patients,
    /// Calls on the guests' threads, and instances that are being made.
    guests: AtomicUsize,
    /// Decisions of policies.
    in_place: AtomicUsize,
    /// Time between two ticks while there are none of them, in milliseconds.
    idle_ms: AtomicU64,
}

impl Running {
    fn interval(&self) -> Duration {
        let any = |count: &AtomicUsize| count.load(Ordering::Relaxed) > 0;
        match () {
            () if self.patients.any() => EPOCH_INTERVAL_BUSY,
            () if any(&self.guests) || any(&self.in_place) => EPOCH_INTERVAL,
            () => Duration::from_millis(self.idle_ms.load(Ordering::Relaxed)),
        }
    }
}

/// Something runs until this is dropped.
pub(crate) struct Beat<'a>(&'a AtomicUsize);

impl Drop for Beat<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pulse {
    /// Starts the ticker. It ends by itself when the engine is gone.
    ///
    /// An operating-system thread, not a task: a task would share a worker with the guest that it
    /// is to interrupt, and on one core would never run again.
    pub(crate) fn start(
        engine: EngineWeak,
        patients: Patients,
        on_thread: fn(),
    ) -> io::Result<Pulse> {
        let running = Arc::new(Running {
            patients,
            guests: AtomicUsize::new(0),
            in_place: AtomicUsize::new(0),
            idle_ms: AtomicU64::new(milliseconds(EPOCH_INTERVAL_IDLE)),
        });
        let seen = Arc::clone(&running);
        let name = "takeover-epoch".to_owned();
        let ticker = thread::Builder::new().name(name).spawn(move || {
            on_thread();
            tick(&engine, &seen);
        })?;
        Ok(Pulse { running, ticker: ticker.thread().clone() })
    }

    /// A call begins on the guests' threads, or an instance is made.
    pub(crate) fn guest(&self) -> Beat<'_> {
        let guests = &self.running.guests;
        if guests.fetch_add(1, Ordering::Relaxed) == 0 {
            self.ticker.unpark();
        }
        Beat(guests)
    }

    /// A policy decides, here and now.
    pub(crate) fn in_place(&self) -> Beat<'_> {
        self.running.in_place.fetch_add(1, Ordering::Relaxed);
        Beat(&self.running.in_place)
    }

    /// From now on there are decisions that may take so long: the tick after their beginning must
    /// not come later.
    pub(crate) fn allow(&self, deadline: Duration) {
        let idle = deadline.saturating_sub(EPOCH_INTERVAL);
        let idle = milliseconds(idle.max(EPOCH_INTERVAL));
        self.running.idle_ms.fetch_min(idle, Ordering::Relaxed);
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn tick(engine: &EngineWeak, running: &Running) {
    let mut due = Instant::now() + running.interval();
    loop {
        thread::park_timeout(due.saturating_duration_since(Instant::now()));
        // Woken early, the next tick comes sooner and never later: calls that begin all the time
        // do not put it off.
        let now = Instant::now();
        if now < due {
            due = due.min(now + running.interval());
            continue;
        }
        let Some(engine) = engine.upgrade() else { return };
        engine.increment_epoch();
        due = now + running.interval();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(idle_ms: u64) -> Running {
        Running {
            patients: Patients::default(),
            guests: AtomicUsize::new(0),
            in_place: AtomicUsize::new(0),
            idle_ms: AtomicU64::new(idle_ms),
        }
    }

    fn pulse() -> Pulse {
        Pulse { running: Arc::new(running(40)), ticker: thread::current() }
    }

    #[test]
    fn ticks_are_rare_while_nothing_runs() {
        let pulse = pulse();
        assert_eq!(pulse.running.interval(), EPOCH_INTERVAL_IDLE);
        let first = pulse.guest();
        let second = pulse.guest();
        assert_eq!(pulse.running.interval(), EPOCH_INTERVAL);
        drop(first);
        assert_eq!(pulse.running.interval(), EPOCH_INTERVAL);
        drop(second);
        assert_eq!(pulse.running.interval(), EPOCH_INTERVAL_IDLE);
        let decision = pulse.in_place();
        assert_eq!(pulse.running.interval(), EPOCH_INTERVAL);
        drop(decision);
        assert_eq!(pulse.running.interval(), EPOCH_INTERVAL_IDLE);
    }

    #[test]
    fn the_shortest_deadline_of_a_policy_bounds_the_pause() {
        let pulse = pulse();
        for (deadline_ms, pause_ms) in [(1_000, 40), (50, 40), (30, 20), (45, 20), (3, 10)] {
            pulse.allow(Duration::from_millis(deadline_ms));
            let pause = Duration::from_millis(pause_ms);
            assert_eq!(pulse.running.interval(), pause, "after one of {deadline_ms} ms");
        }
    }
}
