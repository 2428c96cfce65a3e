//! What the reaction does, apart from the sandbox.

use crate::bindings::takeover::plugin::types::Fault;

/// What the operator wrote.
#[derive(Debug, PartialEq, Eq)]
pub struct Settings {
    action: Action,
    solution: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Action {
    Start,
    Stop,
}

impl Settings {
    /// Reads the settings through the host.
    ///
    /// # Errors
    /// `invalid`, naming the setting. The host checks them when it reads the configuration, so
    /// this is for hosts that do not.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, Fault> {
        let action = match get("action").as_deref() {
            None | Some("start") => Action::Start,
            Some("stop") => Action::Stop,
            Some(other) => {
                let text = format!("setting action is {other:?}, allowed is start or stop");
                return Err(Fault::Invalid(text));
            }
        };
        let solution = get("solution")
            .ok_or_else(|| Fault::Invalid("setting solution is missing".to_owned()))?;
        Ok(Self { action, solution })
    }
}

/// What the reaction asks of the host.
pub trait Solutions {
    /// Starts every application of a solution, in its order.
    fn start(&mut self, solution: &str) -> Result<(), Fault>;
    /// Stops every application of a solution, in the opposite order.
    fn stop(&mut self, solution: &str) -> Result<(), Fault>;
}

/// Starts or stops the solution. What of it runs already, or is stopped already, is left alone by
/// the host, so a second call does nothing more.
pub fn react(settings: &Settings, host: &mut impl Solutions) -> Result<String, Fault> {
    let solution = &settings.solution;
    let (result, done, doing) = match settings.action {
        Action::Start => (host.start(solution), "started", "starting"),
        Action::Stop => (host.stop(solution), "stopped", "stopping"),
    };
    match result {
        Ok(()) => Ok(format!("solution {solution} {done}")),
        Err(Fault::InProgress) => Ok(format!("solution {solution} is already {doing}")),
        Err(fault) => Err(fault),
    }
}

#[cfg(test)]
mod tests;
