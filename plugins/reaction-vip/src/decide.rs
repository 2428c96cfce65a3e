//! What the reaction does, apart from the sandbox.

use crate::bindings::takeover::plugin::types::Fault;

/// What the operator wrote.
#[derive(Debug, PartialEq, Eq)]
pub struct Settings {
    action: Action,
    vip: String,
    application: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Action {
    Enable,
    Disable,
}

impl Settings {
    /// Reads the settings through the host.
    ///
    /// # Errors
    /// `invalid`, naming the setting. The host checks them when it reads the configuration, so
    /// this is for hosts that do not.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, Fault> {
        let required =
            |key: &str| get(key).ok_or_else(|| Fault::Invalid(format!("setting {key} is missing")));
        let action = match required("action")?.as_str() {
            "enable" => Action::Enable,
            "disable" => Action::Disable,
            other => {
                let text = format!("setting action is {other:?}, allowed is enable or disable");
                return Err(Fault::Invalid(text));
            }
        };
        Ok(Self { action, vip: required("vip")?, application: required("application")? })
    }
}

/// What the reaction asks of the host.
pub trait VipControl {
    /// Puts the address on the host of the application.
    fn enable(&mut self, vip: &str, application: &str) -> Result<(), Fault>;
    /// Takes the address off the host of the application.
    fn disable(&mut self, vip: &str, application: &str) -> Result<(), Fault>;
}

/// Moves the address. Two alarms may ask for the same at nearly the same moment (the guide's
/// `PRIMARY_VIP_DOWN`); the second is told that the work is under way, which is as good.
pub fn react(settings: &Settings, host: &mut impl VipControl) -> Result<String, Fault> {
    let Settings { action, vip, application } = settings;
    let (result, done) = match action {
        Action::Enable => (host.enable(vip, application), "enabled"),
        Action::Disable => (host.disable(vip, application), "disabled"),
    };
    match result {
        Ok(()) => Ok(format!("{vip} {done} on the host of {application}")),
        Err(Fault::InProgress) => {
            Ok(format!("{vip} is already being {done} on the host of {application}"))
        }
        Err(fault) => Err(fault),
    }
}

#[cfg(test)]
mod tests;
