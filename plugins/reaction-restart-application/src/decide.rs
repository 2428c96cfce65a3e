//! What the reaction does, apart from the sandbox.

use crate::bindings::takeover::plugin::types::Fault;

/// What the reaction asks of the host.
pub trait Applications {
    /// Stops it and starts it again.
    fn restart(&mut self, application: &str) -> Result<(), Fault>;
}

/// Restarts an application. One that somebody is starting or stopping at this moment is left to
/// them.
pub fn react(application: &str, host: &mut impl Applications) -> Result<String, Fault> {
    match host.restart(application) {
        Ok(()) => Ok(format!("{application} restarted")),
        Err(Fault::InProgress) => Ok(format!("{application} is already being started or stopped")),
        Err(fault) => Err(fault),
    }
}

#[cfg(test)]
mod tests;
