//! Reaction `{{name}}`: glue between the contract and `decide`, and nothing else.

#[allow(missing_docs, clippy::all, reason = "made by the contract's macro")]
mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "alarm-reaction", generate_all });
    use super::Component;
    export!(Component);
}
mod decide;

use bindings::exports::takeover::plugin::{lifecycle, reaction};
use bindings::takeover::plugin::types::{Fault, Status};
use bindings::takeover::plugin::{management, settings};
use decide::Applications;

struct Component;

impl lifecycle::Guest for Component {
    fn init() -> Result<(), Fault> {
        Ok(())
    }
}

impl reaction::Guest for Component {
    fn react(alarm: reaction::Alarm) -> Result<String, Fault> {
        let application = settings::get("application").unwrap_or(alarm.application);
        decide::react(&application, &mut Imported)
    }
}

/// The host's functions.
struct Imported;

impl Applications for Imported {
    fn status(&mut self, application: &str) -> Result<Status, Fault> {
        management::get_application(application).map(|found| found.status)
    }

    fn restart(&mut self, application: &str) -> Result<(), Fault> {
        management::restart_application(application)
    }
}
