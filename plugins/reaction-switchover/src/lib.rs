//! Reaction `reaction-switchover`: glue between the contract and `decide`, and nothing else.

#[allow(unsafe_code, missing_docs, clippy::all, reason = "made by the contract's macro")]
mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "alarm-reaction", generate_all });
    use super::Component;
    export!(Component);
}
mod decide;

use bindings::exports::takeover::plugin::{lifecycle, reaction};
use bindings::takeover::plugin::management::{self, OnlyIf};
use bindings::takeover::plugin::settings;
use bindings::takeover::plugin::types::{Fault, RunMode};
use decide::Pairs;

struct Component;

impl lifecycle::Guest for Component {
    fn init() -> Result<(), Fault> {
        decide::only_if(settings::get("only_if").as_deref()).map(|_| ())
    }
}

impl reaction::Guest for Component {
    fn react(alarm: reaction::Alarm) -> Result<String, Fault> {
        let application = settings::get("application").unwrap_or(alarm.application);
        let only_if = decide::only_if(settings::get("only_if").as_deref())?;
        decide::react(&application, only_if, &mut Imported)
    }
}

/// The host's functions.
struct Imported;

impl Pairs for Imported {
    fn run_mode(&mut self, application: &str) -> Result<Option<RunMode>, Fault> {
        management::get_application(application).map(|application| application.run_mode)
    }

    fn switchover(&mut self, application: &str, only_if: OnlyIf) -> Result<(), Fault> {
        management::switchover(application, only_if)
    }
}
