//! Waiting for a condition with a deadline; the only way in which a test may wait.
//!
//! Must not know what is waited for.

use std::fmt::Display;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Time between two looks. Short beside every deadline in use, long beside one look.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// Looks until `look` answers `Ok`, and returns that; `Err` is the state seen so far.
///
/// # Errors
/// After `timeout`, with the last state seen.
pub fn until<T, S: Display>(
    what: &str,
    timeout: Duration,
    mut look: impl FnMut() -> Result<T, S>,
) -> Result<T> {
    let deadline = Instant::now() + timeout;
    loop {
        match look() {
            Ok(value) => return Ok(value),
            Err(state) if Instant::now() >= deadline => {
                bail!("{what}: not within {timeout:?}; last seen: {state}")
            }
            Err(_) => sleep(LOOK_INTERVAL),
        }
    }
}

/// Looks for the whole of `duration` and fails as soon as `look` answers `Err`: the wait for
/// something that must not happen.
///
/// # Errors
/// With what was seen and when.
pub fn stays<S: Display>(
    what: &str,
    duration: Duration,
    mut look: impl FnMut() -> Result<(), S>,
) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < duration {
        if let Err(state) = look() {
            bail!("{what}: not so after {:?}: {state}", start.elapsed());
        }
        sleep(LOOK_INTERVAL);
    }
    Ok(())
}
