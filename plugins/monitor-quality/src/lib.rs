//! SIP monitor `monitor-quality`: glue between the contract and `decide`, and nothing else.

#[allow(unsafe_code, missing_docs, clippy::all, reason = "made by the contract's macro")]
mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "sip-monitor", generate_all });
    use super::Component;
    export!(Component);
}
mod decide;

use std::cell::RefCell;

use bindings::exports::takeover::plugin::{lifecycle, monitor};
use bindings::takeover::plugin::types::{Fault, Level};
use bindings::takeover::plugin::{log, memory, settings};
use decide::{Host, Monitor};

thread_local! {
    /// The monitor of this instance, which stays between samples.
    static MONITOR: RefCell<Monitor> = const { RefCell::new(Monitor::new()) };
}

struct Component;

impl lifecycle::Guest for Component {
    fn init() -> Result<(), Fault> {
        Ok(())
    }
}

impl monitor::Guest for Component {
    fn assess(sample: monitor::Sample) -> monitor::Answer {
        MONITOR.with(|monitor| monitor.borrow_mut().assess(&sample, &mut Imported))
    }
}

/// The host's functions.
struct Imported;

impl Host for Imported {
    fn setting(&mut self, key: &str) -> Option<String> {
        settings::get(key)
    }

    fn recall(&mut self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        memory::get(key)
    }

    fn remember(&mut self, key: &str, value: &[u8]) -> Result<(), Fault> {
        memory::set(key, Some(value))
    }

    fn log(&mut self, text: &str) {
        log::write(Level::Standard, text, &[]);
    }
}
