//! Forwarding policy `{{name}}`: glue between the contract and `decide`, and nothing else.

#[allow(missing_docs, clippy::all, reason = "made by the contract's macro")]
mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "forwarding-policy", generate_all });
    use super::Component;
    export!(Component);
}
mod decide;

use bindings::exports::takeover::plugin::{forwarding, lifecycle};
use bindings::takeover::plugin::settings;
use bindings::takeover::plugin::types::Fault;

struct Component;

impl lifecycle::Guest for Component {
    fn init() -> Result<(), Fault> {
        retry_after_s().map(|_| ())
    }
}

impl forwarding::Guest for Component {
    fn decide(call: forwarding::Call) -> forwarding::Decision {
        decide::decide(&call, retry_after_s().ok())
    }
}

/// The setting `retry_after_s`.
fn retry_after_s() -> Result<u32, Fault> {
    let written = settings::get("retry_after_s").unwrap_or_default();
    let text = format!("setting retry_after_s is {written:?}, not a number");
    written.parse().map_err(|_| Fault::Invalid(text))
}
