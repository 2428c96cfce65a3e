//! A reaction that uses an interface of the program that Takeover is embedded in. The example
//! `embedded-alarms` and its test use it; nobody ships it.

#[allow(unsafe_code, missing_docs, clippy::all, reason = "made by the contract's macro")]
mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit", "wit"],
        world: "example:desk/desk-reaction",
        generate_all,
    });
    use super::Component;
    export!(Component);
}

use bindings::example::desk::pager;
use bindings::exports::takeover::plugin::{lifecycle, reaction};
use bindings::takeover::plugin::types::Fault;

struct Component;

impl lifecycle::Guest for Component {
    fn init() -> Result<(), Fault> {
        Ok(())
    }
}

impl reaction::Guest for Component {
    fn react(alarm: reaction::Alarm) -> Result<String, Fault> {
        let person = pager::page(&format!("{}: {}", alarm.condition, alarm.event.text));
        Ok(format!("{person} was paged"))
    }
}
