//! Reaction `reaction-set-option`: glue between the contract and `decide`, and nothing else.

#[allow(unsafe_code, missing_docs, clippy::all, reason = "made by the contract's macro")]
mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "alarm-reaction", generate_all });
    use super::Component;
    export!(Component);
}
mod decide;

use bindings::exports::takeover::plugin::{lifecycle, reaction};
use bindings::takeover::plugin::types::Fault;
use bindings::takeover::plugin::{management, settings};
use decide::{Options, Settings};

struct Component;

impl lifecycle::Guest for Component {
    fn init() -> Result<(), Fault> {
        Settings::read(settings::get).map(|_| ())
    }
}

impl reaction::Guest for Component {
    fn react(alarm: reaction::Alarm) -> Result<String, Fault> {
        decide::react(&Settings::read(settings::get)?, &alarm.application, &mut Imported)
    }
}

/// The host's functions.
struct Imported;

impl Options for Imported {
    fn set(
        &mut self,
        application: &str,
        section: &str,
        key: &str,
        value: &str,
    ) -> Result<(), Fault> {
        management::set_option(application, section, key, value)
    }
}
