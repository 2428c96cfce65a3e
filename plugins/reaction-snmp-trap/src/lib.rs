//! Reaction `reaction-snmp-trap`: glue between the contract and `decide`, and nothing else.

#[allow(unsafe_code, missing_docs, clippy::all, reason = "made by the contract's macro")]
mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "alarm-reaction", generate_all });
    use super::Component;
    export!(Component);
}
mod decide;
mod trap;

use bindings::exports::takeover::plugin::lifecycle;
use bindings::exports::takeover::plugin::reaction::{self, Phase};
use bindings::takeover::plugin::types::{Category, Fault};
use bindings::takeover::plugin::{clock, datagram, settings};
use decide::{Network, Settings};
use takeover_template::facts;

struct Component;

impl lifecycle::Guest for Component {
    fn init() -> Result<(), Fault> {
        Settings::read(settings::get).map(|_| ())
    }
}

impl reaction::Guest for Component {
    fn react(alarm: reaction::Alarm) -> Result<String, Fault> {
        let facts = facts!(alarm, String::new(), Category, Phase);
        decide::react(&Settings::read(settings::get)?, &facts, &mut Imported)
    }
}

/// The host's functions.
struct Imported;

impl Network for Imported {
    fn monotonic_ms(&mut self) -> u64 {
        clock::monotonic_ms()
    }

    fn send(&mut self, to: &str, payload: &[u8]) -> Result<(), Fault> {
        datagram::send(to, payload)
    }
}
