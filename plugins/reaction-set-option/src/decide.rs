//! What the reaction does, apart from the sandbox.

use crate::bindings::takeover::plugin::types::Fault;

/// What the operator wrote.
#[derive(Debug, PartialEq, Eq)]
pub struct Settings {
    application: Option<String>,
    section: String,
    key: String,
    value: String,
}

impl Settings {
    /// Reads the settings through the host.
    ///
    /// # Errors
    /// `invalid`, naming the setting: one that is missing, a section or key without a name. Whether
    /// the application has such an option is for the host to say.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, Fault> {
        let required =
            |key: &str| get(key).ok_or_else(|| Fault::Invalid(format!("setting {key} is missing")));
        let named = |key: &str| match required(key)? {
            name if name.trim().is_empty() => {
                Err(Fault::Invalid(format!("setting {key} is {name:?}, allowed is a name")))
            }
            name => Ok(name),
        };
        Ok(Self {
            application: get("application"),
            section: named("section")?,
            key: named("key")?,
            value: required("value")?,
        })
    }
}

/// What the reaction asks of the host.
pub trait Options {
    /// Sets an option; `ok` also where it has that value already.
    fn set(
        &mut self,
        application: &str,
        section: &str,
        key: &str,
        value: &str,
    ) -> Result<(), Fault>;
}

/// Sets the option, of the alarm's application where no other is named.
pub fn react(
    settings: &Settings,
    alarm_application: &str,
    host: &mut impl Options,
) -> Result<String, Fault> {
    let Settings { application, section, key, value } = settings;
    let application = application.as_deref().unwrap_or(alarm_application);
    match host.set(application, section, key, value) {
        Ok(()) => Ok(format!("{section}/{key} of {application} is {value:?}")),
        Err(Fault::InProgress) => Ok(format!("{section}/{key} of {application} is being set")),
        Err(fault) => Err(fault),
    }
}

#[cfg(test)]
mod tests;
