//! A SIP monitor that misbehaves on request: the directory number of the first device says how.
//! Tests use it; nobody ships it.

#[allow(unsafe_code, missing_docs, clippy::all, reason = "made by the contract's macro")]
mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "sip-monitor", generate_all });
    use super::Component;
    export!(Component);
}
mod misbehave;

use std::cell::Cell;

use bindings::exports::takeover::plugin::{lifecycle, monitor};
use bindings::takeover::plugin::types::{Fault, Level};
use bindings::takeover::plugin::{clock, log, memory, settings};
use monitor::{Answer, Assessment, Sample};

struct Component;

thread_local! {
    /// Calls of this instance, which is how tests see that an instance is a new one.
    static CALLS: Cell<u32> = const { Cell::new(0) };
    /// Times that `init` ran, which must be one.
    static INITS: Cell<u32> = const { Cell::new(0) };
}

impl lifecycle::Guest for Component {
    fn init() -> Result<(), Fault> {
        INITS.set(INITS.get() + 1);
        let word = settings::get("init").unwrap_or_default();
        if word == "fault" {
            return Err(Fault::Invalid("refused in init".into()));
        }
        misbehave::misbehave(&word);
        Ok(())
    }
}

impl monitor::Guest for Component {
    fn assess(sample: Sample) -> Answer {
        CALLS.set(CALLS.get() + 1);
        let word = sample.devices.first().map(|device| device.dn.as_str()).unwrap_or_default();
        if word == "log-and-loop" {
            log::write(Level::Standard, "looping", &[]);
        }
        misbehave::misbehave(word);
        let assessment = match word {
            "down" => Assessment::Unavailable("no answers".into()),
            "answer-2-mib" => Assessment::Unavailable("a".repeat(2 << 20)),
            "answer-64-kib" => Assessment::Unavailable("a".repeat(64 << 10)),
            "memory-get" => Assessment::Unknown(format!("{:?}", memory::get("key"))),
            "log" => {
                (0..100).for_each(|n| log::write(Level::Standard, &format!("line {n}"), &[]));
                Assessment::Running
            }
            "say" => {
                eprintln!("{}", "so many words".repeat(40));
                Assessment::Running
            }
            "who" => Assessment::Unknown(format!(
                "{}: call {} of {} init, clock {}",
                settings::get("name").unwrap_or_default(),
                CALLS.get(),
                INITS.get(),
                clock::now_unix_ms() > 0
            )),
            _ => Assessment::Running,
        };
        let next_in_ms = match word {
            "at-once" => 0,
            "never" => u32::MAX,
            _ => 10_000,
        };
        Answer { assessment, next_in_ms }
    }
}
