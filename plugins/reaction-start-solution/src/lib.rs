//! Reaction `reaction-start-solution`: glue between the contract and `decide`, and nothing else.

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
use decide::{Settings, Solutions};

struct Component;

impl lifecycle::Guest for Component {
    fn init() -> Result<(), Fault> {
        Settings::read(settings::get).map(|_| ())
    }
}

impl reaction::Guest for Component {
    fn react(_alarm: reaction::Alarm) -> Result<String, Fault> {
        decide::react(&Settings::read(settings::get)?, &mut Imported)
    }
}

/// The host's functions.
struct Imported;

impl Solutions for Imported {
    fn start(&mut self, solution: &str) -> Result<(), Fault> {
        management::start_solution(solution)
    }

    fn stop(&mut self, solution: &str) -> Result<(), Fault> {
        management::stop_solution(solution)
    }
}
