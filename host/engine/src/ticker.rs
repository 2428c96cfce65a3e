//! The thread that makes running guest code look at its deadline.

use std::io;
use std::thread;

use wasmtime::EngineWeak;

use crate::aside::Patients;
use crate::limits::{EPOCH_INTERVAL, EPOCH_INTERVAL_BUSY};

/// Starts the ticker. It ends by itself when the engine is gone.
///
/// An operating-system thread, not a task: a task would share a worker with the guest that it is
/// to interrupt, and on one core would never run again.
pub(crate) fn start(engine: EngineWeak, patients: Patients, on_thread: fn()) -> io::Result<()> {
    thread::Builder::new().name("takeover-epoch".into()).spawn(move || {
        on_thread();
        loop {
            thread::sleep(if patients.any() { EPOCH_INTERVAL_BUSY } else { EPOCH_INTERVAL });
            let Some(engine) = engine.upgrade() else { return };
            engine.increment_epoch();
        }
    })?;
    Ok(())
}
