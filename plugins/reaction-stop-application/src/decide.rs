//! What the reaction does, apart from the sandbox.

use crate::bindings::takeover::plugin::types::{Fault, Status};

/// What the reaction asks of the host.
pub trait Applications {
    /// Its status.
    fn status(&mut self, application: &str) -> Result<Status, Fault>;
    /// Stops it, on request letting it finish what it has begun.
    fn stop(&mut self, application: &str, graceful: bool) -> Result<(), Fault>;
}

/// Stops an application that is not down or on its way down.
pub fn react(
    application: &str,
    graceful: bool,
    host: &mut impl Applications,
) -> Result<String, Fault> {
    match host.status(application)? {
        Status::Stopped => return Ok(format!("{application} is already stopped")),
        Status::StopPending | Status::StopTransition => {
            return Ok(format!("{application} is already stopping"));
        }
        // A graceful stop that is under way may still be made an ordinary one.
        Status::Suspending | Status::Suspended if graceful => {
            return Ok(format!("{application} is already stopping"));
        }
        _ => {}
    }
    match host.stop(application, graceful) {
        Ok(()) => Ok(format!("{application} stopped")),
        Err(Fault::InProgress) => Ok(format!("{application} is already stopping")),
        Err(fault) => Err(fault),
    }
}

#[cfg(test)]
mod tests;
