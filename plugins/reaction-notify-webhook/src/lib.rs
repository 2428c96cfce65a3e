//! Reaction `reaction-notify-webhook`: glue between the contract and `decide`, and nothing else.

#[allow(unsafe_code, missing_docs, clippy::all, reason = "made by the contract's macro")]
mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "alarm-reaction", generate_all });
    use super::Component;
    export!(Component);
}
mod decide;

use bindings::exports::takeover::plugin::lifecycle;
use bindings::exports::takeover::plugin::reaction::{self, Phase};
use bindings::takeover::plugin::types::{Category, Fault};
use bindings::takeover::plugin::{http, settings};
use decide::{Http, Settings};
use takeover_template::facts;

struct Component;

impl lifecycle::Guest for Component {
    fn init() -> Result<(), Fault> {
        Settings::read(settings::get).map(|_| ())
    }
}

impl reaction::Guest for Component {
    fn react(alarm: reaction::Alarm) -> Result<String, Fault> {
        let name = settings::get("reaction_name").unwrap_or_default();
        let facts = facts!(alarm, name, Category, Phase);
        decide::react(&Settings::read(settings::get)?, &facts, &mut Imported)
    }
}

/// The host's functions.
struct Imported;

impl Http for Imported {
    fn send(&mut self, request: &http::Request) -> Result<http::Response, Fault> {
        http::send(request)
    }
}
