//! Forwarding policy `forwarding-script`: glue between the contract and `decide`, nothing else.

#[allow(unsafe_code, missing_docs, clippy::all, reason = "made by the contract's macro")]
mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "forwarding-policy", generate_all });
    use super::Component;
    export!(Component);
}
mod decide;

use std::cell::OnceCell;

use bindings::exports::takeover::plugin::{forwarding, lifecycle};
use bindings::takeover::plugin::types::{Fault, Level};
use bindings::takeover::plugin::{log, settings};
use decide::Policy;
use takeover_script::LogLevel;

thread_local! {
    /// The policy of this instance, read once.
    static POLICY: OnceCell<Policy> = const { OnceCell::new() };
}

struct Component;

impl lifecycle::Guest for Component {
    fn init() -> Result<(), Fault> {
        let policy = Policy::read(settings::get, write)?;
        let again = |_| Fault::Invalid("init: called twice".into());
        POLICY.with(|cell| cell.set(policy).map_err(again))
    }
}

impl forwarding::Guest for Component {
    fn decide(call: forwarding::Call) -> forwarding::Decision {
        let decision = POLICY.with(|cell| match cell.get() {
            Some(policy) => policy.decide(call).map_err(|error| error.to_string()),
            None => Err("init was not called".to_owned()),
        });
        decision.unwrap_or_else(|error| {
            // The contract has no fault here, and inventing a decision is not ours: the host shows
            // these words beside the trap, and decides by what was configured for this.
            eprintln!("{error}");
            std::process::abort()
        })
    }
}

/// Writes a line of the script.
fn write(level: LogLevel, text: &str) {
    let level = match level {
        LogLevel::Standard => Level::Standard,
        LogLevel::Interaction => Level::Interaction,
        LogLevel::Trace => Level::Trace,
        LogLevel::Debug => Level::Debug,
    };
    log::write(level, text, &[]);
}
