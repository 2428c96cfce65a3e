//! What the reaction does, apart from the sandbox.

use crate::bindings::takeover::plugin::types::{Fault, Status};

/// What the reaction asks of the host.
pub trait Applications {
    /// Status of an application.
    fn status(&mut self, application: &str) -> Result<Status, Fault>;
    /// Stops and starts an application.
    fn restart(&mut self, application: &str) -> Result<(), Fault>;
}

/// Restarts the application unless it runs. The text is shown to the operator beside the alarm.
/// The same alarm may come twice: a restart that is under way is as good as one of our own.
pub fn react(application: &str, host: &mut impl Applications) -> Result<String, Fault> {
    if host.status(application)? == Status::Running {
        return Ok(format!("{application} is running, nothing to do"));
    }
    match host.restart(application) {
        Ok(()) => Ok(format!("{application} restarted")),
        Err(Fault::InProgress) => Ok(format!("{application} is already being restarted")),
        Err(fault) => Err(fault),
    }
}

#[cfg(test)]
mod tests;
