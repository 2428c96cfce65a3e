//! Calls that compute for long go on elsewhere, so that short ones need not wait behind them.
//!
//! ```text
//!   call -> quick threads --ends--> answer
//!     |           |
//!     |           +-- computes for 2 ms and more, seen at a tick --> patient threads --> answer
//!     +-- of a plugin whose last call did so ------------------------------^
//! ```
//!
//! # Invariants
//! - A call moves at most once, between two of its turns; its deadline is the same everywhere.
//! - Patient threads give way to all others, and offer to with every tick, which comes more often
//!   while one of them works: a thread that wakes does not take the processor from one that has
//!   just got it, whatever their niceness. Nobody waits for them but the caller of such a call.
//! - A plugin stays among them until a call of it took none of its turns for long. A tick comes
//!   late on a busy machine, so without this a plugin that always loops would hold a quick thread
//!   for a while with each call.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::{Handle, Runtime};

use crate::instance::Task;
use crate::limits::{LONG_NAMES_MAX, LONG_TURN, PATIENT_NICENESS};

/// Plugins whose last call computed for long, by name: a new version is as its last one until it
/// shows otherwise. Beyond the bound no more are remembered, and begin as if they were quick.
#[derive(Debug, Default)]
pub(crate) struct Habits(Mutex<BTreeSet<String>>);

impl Habits {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn computes_long(&self, plugin: &str) -> bool {
        self.lock().contains(plugin)
    }

    fn note(&self, plugin: &str, is_long: bool) {
        let mut names = self.lock();
        if !is_long {
            names.remove(plugin);
        } else if names.len() < LONG_NAMES_MAX && !names.contains(plugin) {
            names.insert(plugin.to_owned());
        }
    }
}

thread_local! {
    /// When the present turn of a call on this thread began.
    static TURN_BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
    /// The present turn was found to be long.
    static IS_LONG: Cell<bool> = const { Cell::new(false) };
    /// This is one of the patient threads.
    static IS_PATIENT: Cell<bool> = const { Cell::new(false) };
}

/// Calls that are among the patient threads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patients(Arc<AtomicUsize>);

impl Patients {
    /// Whether there is one.
    pub(crate) fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    /// One more, until what is returned is dropped.
    fn enter(&self) -> Patient {
        self.0.fetch_add(1, Ordering::Relaxed);
        Patient(Arc::clone(&self.0))
    }
}

struct Patient(Arc<AtomicUsize>);

impl Drop for Patient {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The threads on which calls that compute for long go on.
pub(crate) fn start(threads: usize) -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("takeover-aside")
        .on_thread_start(|| {
            IS_PATIENT.set(true);
            give_way(PATIENT_NICENESS);
        })
        .enable_time()
        .build()
}

/// Told by guest code at a tick: it is computing. Does nothing where a call can not move.
pub(crate) fn computing(now: Instant) {
    if IS_PATIENT.get() {
        std::thread::yield_now();
    }
    let long = |began| now.saturating_duration_since(began) >= LONG_TURN;
    if TURN_BEGAN.get().is_some_and(long) {
        IS_LONG.set(true);
    }
}

/// Runs a call of this plugin to its end, here or, where it takes long, on `patient`.
/// None: it panicked there, or those threads are gone.
pub(crate) async fn run<F>(
    call: Pin<Box<F>>,
    (patient, patients): (&Handle, &Patients),
    (habits, plugin): (&Habits, &str),
) -> Option<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    if habits.computes_long(plugin) {
        let _here = patients.enter();
        let (output, was_long) = Task::spawn(patient, watch(call)).end().await?;
        habits.note(plugin, was_long);
        return Some(output);
    }
    match begin(call).await {
        Ok(output) => Some(output),
        Err(call) => {
            habits.note(plugin, true);
            let _here = patients.enter();
            Task::spawn(patient, call).end().await
        }
    }
}

/// Runs a call on this thread to its end, or until it computed for long: then the rest of it.
async fn begin<F: Future>(call: Pin<Box<F>>) -> Result<F::Output, Pin<Box<F>>> {
    let mut call = Some(call);
    poll_fn(move |context| {
        let Some(mut turning) = call.take() else { return Poll::Pending };
        TURN_BEGAN.set(Some(Instant::now()));
        IS_LONG.set(false);
        let turn = turning.as_mut().poll(context);
        TURN_BEGAN.set(None);
        match turn {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending if IS_LONG.get() => Poll::Ready(Err(turning)),
            Poll::Pending => {
                call = Some(turning);
                Poll::Pending
            }
        }
    })
    .await
}

/// Runs a call to its end, and says whether one of its turns was long: in time of the processor,
/// because this thread gives way to others.
async fn watch<F: Future>(mut call: Pin<Box<F>>) -> (F::Output, bool) {
    let mut was_long = false;
    let output = poll_fn(|context| {
        let began = time_of_thread();
        let turn = call.as_mut().poll(context);
        was_long |= time_of_thread().saturating_sub(began) >= LONG_TURN;
        turn
    });
    (output.await, was_long)
}

fn time_of_thread() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

/// Lowers the priority of this thread, and of no other: on Linux it belongs to the thread.
pub(crate) fn give_way(niceness: i32) {
    if let Err(error) = rustix::process::setpriority_process(None, niceness) {
        tracing::debug!("working with the usual priority: {error}");
    }
}
