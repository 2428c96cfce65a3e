//! What the reaction does, apart from the sandbox.

use crate::bindings::takeover::plugin::management::OnlyIf;
use crate::bindings::takeover::plugin::types::{Fault, RunMode};

/// Reads the setting `only_if`.
///
/// # Errors
/// `invalid`. The host checks it when it reads the configuration, so this is for hosts that do not.
pub fn only_if(written: Option<&str>) -> Result<OnlyIf, Fault> {
    match written {
        None | Some("primary") => Ok(OnlyIf::Primary),
        Some("backup") => Ok(OnlyIf::Backup),
        Some("any") => Ok(OnlyIf::Any),
        Some(other) => {
            let text = format!("setting only_if is {other:?}, allowed is primary or backup or any");
            Err(Fault::Invalid(text))
        }
    }
}

/// What the reaction asks of the host.
pub trait Pairs {
    /// The run mode of an application; none where it is not one of a pair.
    fn run_mode(&mut self, application: &str) -> Result<Option<RunMode>, Fault>;
    /// Exchanges the run modes of its pair.
    fn switchover(&mut self, application: &str, only_if: OnlyIf) -> Result<(), Fault>;
}

/// Orders a switchover where the run mode is the wanted one. Where it is not, there is nothing to
/// do: that is also what is found when the same alarm comes again after its switchover, and no
/// fault. The host compares once more, for the run mode may change between the two questions.
pub fn react(application: &str, only_if: OnlyIf, host: &mut impl Pairs) -> Result<String, Fault> {
    let wanted = match only_if {
        OnlyIf::Primary => Some((RunMode::Primary, "primary")),
        OnlyIf::Backup => Some((RunMode::Backup, "backup")),
        OnlyIf::Any => None,
    };
    if let Some((wanted, word)) = wanted
        && let Some(found) = host.run_mode(application)?
        && found != wanted
    {
        let found = match found {
            RunMode::Primary => "primary",
            RunMode::Backup => "backup",
            RunMode::Exiting => "exiting",
        };
        return Ok(format!("no switchover: {application} is {found}, wanted only if {word}"));
    }
    match host.switchover(application, only_if) {
        Ok(()) => Ok(format!("switchover of {application} ordered")),
        Err(Fault::InProgress) => Ok(format!("a switchover of {application} is under way")),
        Err(fault) => Err(fault),
    }
}

#[cfg(test)]
mod tests;
