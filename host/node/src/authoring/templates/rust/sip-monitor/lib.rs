//! SIP monitor `{{name}}`: glue between the contract and `decide`, and nothing else.

#[allow(missing_docs, clippy::all, reason = "made by the contract's macro")]
mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "sip-monitor", generate_all });
    use super::Component;
    export!(Component);
}
mod decide;

use bindings::exports::takeover::plugin::{lifecycle, monitor};
use bindings::takeover::plugin::settings;
use bindings::takeover::plugin::types::{Fault, RunMode};
use decide::{Seen, Verdict};

/// When to be asked again, in milliseconds.
const NEXT_IN_MS: u32 = 1000;

struct Component;

impl lifecycle::Guest for Component {
    fn init() -> Result<(), Fault> {
        silence_ms().map(|_| ())
    }
}

impl monitor::Guest for Component {
    fn assess(sample: monitor::Sample) -> monitor::Answer {
        let seen = Seen {
            primary: sample.run_mode == RunMode::Primary,
            vip_up_ms: sample.vip_up_ms,
            last_message_ago_ms: sample.last_message_ago_ms,
        };
        let verdict = silence_ms().map(|silence_ms| decide::assess(seen, silence_ms));
        let assessment = match verdict {
            Ok(Verdict::Running) => monitor::Assessment::Running,
            Ok(Verdict::Unavailable(reason)) => monitor::Assessment::Unavailable(reason),
            Ok(Verdict::Unknown(reason)) => monitor::Assessment::Unknown(reason),
            Err(fault) => monitor::Assessment::Unknown(format!("{fault:?}")),
        };
        monitor::Answer {
            assessment,
            next_in_ms: NEXT_IN_MS,
        }
    }
}

/// The setting `silence_s`, in milliseconds.
fn silence_ms() -> Result<u64, Fault> {
    let written = settings::get("silence_s").unwrap_or_default();
    let seconds: Result<u64, _> = written.parse();
    let seconds = seconds
        .map_err(|_| Fault::Invalid(format!("setting silence_s is {written:?}, not a number")))?;
    Ok(seconds.saturating_mul(1000))
}
