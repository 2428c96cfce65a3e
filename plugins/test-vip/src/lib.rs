//! A VIP backend that misbehaves on request. Tests use it; nobody ships it.

#[allow(unsafe_code, missing_docs, clippy::all, reason = "made by the contract's macro")]
mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "vip-backend", generate_all });
    use super::Component;
    export!(Component);
}
#[path = "../../test-reaction/src/misbehave.rs"]
mod misbehave;

use bindings::exports::takeover::plugin::{lifecycle, vip};
use bindings::takeover::plugin::types::Fault;
use bindings::takeover::plugin::{addresses, settings};

struct Component;

impl lifecycle::Guest for Component {
    fn init() -> Result<(), Fault> {
        misbehave::misbehave(&settings::get("init").unwrap_or_default());
        Ok(())
    }
}

/// The word for a function: `fault` fails it, `foreign` reaches for another address, the rest is
/// for `misbehave`.
fn obey(key: &str) -> Result<(), Fault> {
    let word = settings::get(key).unwrap_or_default();
    if word == "fault" {
        return Err(Fault::Failed(format!("{key} fails on request")));
    }
    if word == "foreign" {
        addresses::add("192.0.2.99", "eth0")?;
    }
    misbehave::misbehave(&word);
    Ok(())
}

impl vip::Guest for Component {
    fn up(order: vip::Order) -> Result<(), Fault> {
        addresses::add(&order.binding.address, &order.binding.network_interface)?;
        obey("up")
    }

    fn down(order: vip::Order) -> Result<(), Fault> {
        obey("down")?;
        addresses::delete(&order.binding.address, &order.binding.network_interface)
    }

    fn probe(binding: vip::Binding) -> vip::Presence {
        match addresses::add(&binding.address, &binding.network_interface) {
            Ok(()) => vip::Presence::Present,
            Err(fault) => vip::Presence::Unknown(format!("{fault:?}")),
        }
    }
}
