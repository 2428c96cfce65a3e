//! Calls that compute for long go on elsewhere, so that short ones need not wait behind them.
//!
//! ```text
//!   call -> quick threads --ends--> answer
//!                 |
//!                 +-- computes for 2 ms and more, seen at a tick --> patient threads --> answer
//! ```
//!
//! # Invariants
//! - A call moves at most once, between two of its turns; its deadline is the same everywhere.
//! - Patient threads give way to all others. Nobody waits for them but the caller of such a call.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Instant;

use tokio::runtime::{Handle, Runtime};

use crate::instance::Task;
use crate::limits::{LONG_TURN, PATIENT_NICENESS};

thread_local! {
    /// When the present turn of a call on this thread began.
    static TURN_BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
    /// The present turn was found to be long.
    static IS_LONG: Cell<bool> = const { Cell::new(false) };
}

/// The threads on which calls that compute for long go on.
pub(crate) fn start(threads: usize) -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("takeover-aside")
        .on_thread_start(|| give_way(PATIENT_NICENESS))
        .enable_time()
        .build()
}

/// Told by guest code at a tick: it is computing. Does nothing where a call can not move.
pub(crate) fn computing(now: Instant) {
    let long = |began| now.saturating_duration_since(began) >= LONG_TURN;
    if TURN_BEGAN.get().is_some_and(long) {
        IS_LONG.set(true);
    }
}

/// Runs a call to its end, the first part here and the rest on `patient` where it takes long.
/// None: it panicked there, or those threads are gone.
pub(crate) async fn run<F>(mut call: Pin<Box<F>>, patient: &Handle) -> Option<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let ended = poll_fn(|context| {
        TURN_BEGAN.set(Some(Instant::now()));
        IS_LONG.set(false);
        let turn = call.as_mut().poll(context);
        TURN_BEGAN.set(None);
        match turn {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if IS_LONG.get() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    });
    let ended = ended.await;
    match ended {
        Some(output) => Some(output),
        None => Task::spawn(patient, call).end().await,
    }
}

/// Lowers the priority of this thread, and of no other: on Linux it belongs to the thread.
pub(crate) fn give_way(niceness: i32) {
    if let Err(error) = rustix::process::setpriority_process(None, niceness) {
        tracing::debug!("working with the usual priority: {error}");
    }
}
