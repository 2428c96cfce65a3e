//! Forwarding policy `forward-dr`: glue between the contract and `decide`, and nothing else.

#[allow(unsafe_code, missing_docs, clippy::all, reason = "made by the contract's macro")]
mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "forwarding-policy", generate_all });
    use super::Component;
    export!(Component);
}
mod decide;

use bindings::exports::takeover::plugin::{forwarding, lifecycle};
use bindings::takeover::plugin::log;
use bindings::takeover::plugin::types::{Fault, Level};

struct Component;

impl lifecycle::Guest for Component {
    fn init() -> Result<(), Fault> {
        Ok(())
    }
}

impl forwarding::Guest for Component {
    fn decide(call: forwarding::Call) -> forwarding::Decision {
        decide::decide(&call, |text| log::write(Level::Interaction, text, &[]))
    }
}
