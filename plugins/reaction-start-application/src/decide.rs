//! What the reaction does, apart from the sandbox.

use crate::bindings::takeover::plugin::types::{Fault, Status};

/// What the reaction asks of the host.
pub trait Applications {
    /// Its status.
    fn status(&mut self, application: &str) -> Result<Status, Fault>;
    /// Starts it.
    fn start(&mut self, application: &str) -> Result<(), Fault>;
}

/// Starts an application that is not up or on its way up.
pub fn react(application: &str, host: &mut impl Applications) -> Result<String, Fault> {
    match host.status(application)? {
        Status::Running | Status::ServiceUnavailable => {
            return Ok(format!("{application} is already running"));
        }
        Status::StartPending | Status::StartTransition | Status::Initializing => {
            return Ok(format!("{application} is already starting"));
        }
        // Whether one that is ending, or that nobody has heard of, can be started now is for the
        // host to say.
        Status::Stopped
        | Status::Unknown
        | Status::Suspending
        | Status::Suspended
        | Status::StopPending
        | Status::StopTransition => {}
    }
    match host.start(application) {
        Ok(()) => Ok(format!("{application} started")),
        Err(Fault::InProgress) => Ok(format!("{application} is already starting")),
        Err(fault) => Err(fault),
    }
}

#[cfg(test)]
mod tests;
