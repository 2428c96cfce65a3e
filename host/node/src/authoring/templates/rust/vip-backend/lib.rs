//! VIP backend `{{name}}`: glue between the contract and `decide`, and nothing else.

#[allow(missing_docs, clippy::all, reason = "made by the contract's macro")]
mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "vip-backend", generate_all });
    use super::Component;
    export!(Component);
}
mod decide;

use bindings::exports::takeover::plugin::{lifecycle, vip};
use bindings::takeover::plugin::types::{Fault, Level};
use bindings::takeover::plugin::{addresses, log};
use decide::{Host, Order};

struct Component;

impl lifecycle::Guest for Component {
    fn init() -> Result<(), Fault> {
        Ok(())
    }
}

impl vip::Guest for Component {
    fn up(order: vip::Order) -> Result<(), Fault> {
        let released = order.release == vip::Release::Confirmed;
        let interval_ms = order.binding.probe_interval_ms;
        decide::up(
            Order {
                released,
                interval_ms,
            },
            &mut Imported(&order.binding),
        )
    }

    fn down(order: vip::Order) -> Result<(), Fault> {
        decide::down(&mut Imported(&order.binding))
    }

    fn probe(binding: vip::Binding) -> vip::Presence {
        match Imported(&binding).present() {
            Ok(true) => vip::Presence::Present,
            Ok(false) => vip::Presence::Absent,
            Err(fault) => vip::Presence::Unknown(format!("{fault:?}")),
        }
    }
}

/// The host's functions, for the address of this call.
struct Imported<'a>(&'a vip::Binding);

impl Host for Imported<'_> {
    fn name(&self) -> String {
        format!("{} on {}", self.0.address, self.0.network_interface)
    }

    fn add(&mut self) -> Result<(), Fault> {
        addresses::add(&self.0.address, &self.0.network_interface)
    }

    fn delete(&mut self) -> Result<(), Fault> {
        addresses::delete(&self.0.address, &self.0.network_interface)
    }

    fn present(&mut self) -> Result<bool, Fault> {
        addresses::present(&self.0.address, &self.0.network_interface)
    }

    fn who_has(&mut self, attempts: u8, interval_ms: u32) -> Result<Option<String>, Fault> {
        addresses::who_has(
            &self.0.address,
            &self.0.network_interface,
            attempts,
            interval_ms,
        )
    }

    fn announce(&mut self) -> Result<(), Fault> {
        addresses::announce(&self.0.address, &self.0.network_interface)
    }

    fn log(&mut self, text: &str) {
        log::write(Level::Standard, text, &[]);
    }
}
