//! Reaction `reaction-vip`: glue between the contract and `decide`, and nothing else.

#[allow(unsafe_code, missing_docs, clippy::all, reason = "made by the contract's macro")]
mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "alarm-reaction", generate_all });
    use super::Component;
    export!(Component);
}
mod decide;

use bindings::exports::takeover::plugin::{lifecycle, reaction};
use bindings::takeover::plugin::types::Fault;
use bindings::takeover::plugin::{settings, vip_control};
use decide::{Settings, VipControl};

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

impl VipControl for Imported {
    fn enable(&mut self, vip: &str, application: &str) -> Result<(), Fault> {
        vip_control::enable(vip, application)
    }

    fn disable(&mut self, vip: &str, application: &str) -> Result<(), Fault> {
        vip_control::disable(vip, application)
    }
}
