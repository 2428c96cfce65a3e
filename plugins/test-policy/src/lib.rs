//! A forwarding policy that misbehaves on request: the header `X-Test` of the call says how.
//! Without it, it does what a small policy does. Tests and measurements use it; nobody ships it.

#[allow(unsafe_code, missing_docs, clippy::all, reason = "made by the contract's macro")]
mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "forwarding-policy", generate_all });
    use super::Component;
    export!(Component);
}
mod misbehave;

use std::cell::Cell;

use bindings::exports::takeover::plugin::{forwarding, lifecycle};
use bindings::takeover::plugin::types::{Fault, Level};
use bindings::takeover::plugin::{log, settings};
use forwarding::{Call, Decision, DrForward, NodeMode, Redirect, Refusal};

struct Component;

thread_local! {
    /// Calls of this instance.
    static CALLS: Cell<u32> = const { Cell::new(0) };
    /// Set before anything that must be the end of this instance. Whoever reads it set has been
    /// given an instance that should be gone.
    static POISONED: Cell<bool> = const { Cell::new(false) };
}

impl lifecycle::Guest for Component {
    fn init() -> Result<(), Fault> {
        let word = settings::get("init").unwrap_or_default();
        if word == "fault" {
            return Err(Fault::Invalid("refused in init".into()));
        }
        misbehave::misbehave(&word);
        Ok(())
    }
}

impl forwarding::Guest for Component {
    fn decide(call: Call) -> Decision {
        CALLS.set(CALLS.get() + 1);
        if POISONED.get() {
            return refuse(699, "poisoned");
        }
        match call.headers.iter().find(|header| header.name == "X-Test") {
            Some(word) => on_request(&word.value),
            None => as_usual(&call),
        }
    }
}

/// To the other site when this one can not serve the destination.
fn as_usual(call: &Call) -> Decision {
    let destination = &call.destination;
    if call.node_mode == NodeMode::ShuttingDown {
        return refuse(call.shutdown_reject_code, "");
    }
    let forward = !call.from_peer
        && match destination.dr_forward {
            DrForward::Off => false,
            DrForward::NoAgent => !destination.agent_logged_in,
            DrForward::Oos => !destination.in_service,
        };
    match &call.peer {
        Some(peer) if forward && peer.in_service => Decision::ThroughTrunk(peer.trunk.clone()),
        _ if destination.known => Decision::Deliver,
        _ => refuse(404, ""),
    }
}

fn on_request(word: &str) -> Decision {
    let last_call = misbehave::is_the_end(word);
    POISONED.set(last_call);
    misbehave::misbehave(word);
    match word {
        "answer-2-mib" => refuse(486, &"a".repeat(2 << 20)),
        "answer-64-kib" => refuse(486, &"a".repeat(64 << 10)),
        "bad-code" => refuse(200, "accepted"),
        "bad-redirect" => redirect(500, 1),
        "many-contacts" => redirect(302, 9),
        "forged" => refuse(486, "busy\r\nContact: <sip:thief@192.0.2.66>"),
        "redirect" => redirect(302, 2),
        "log" => {
            (0..100).for_each(|n| log::write(Level::Standard, &format!("line {n}"), &[]));
            Decision::Deliver
        }
        "say" => {
            eprintln!("{}", "so many words".repeat(40));
            Decision::Deliver
        }
        "who" => {
            let name = settings::get("name").unwrap_or_default();
            refuse(480, &format!("{name}: call {}", CALLS.get()))
        }
        _ => Decision::Deliver,
    }
}

fn refuse(code: u16, reason: &str) -> Decision {
    Decision::Refuse(Refusal { code, reason: reason.into(), retry_after_s: None })
}

fn redirect(code: u16, contacts: u32) -> Decision {
    let contacts = (0..contacts).map(|n| format!("sip:b{n}@192.0.2.1")).collect();
    Decision::Redirect(Redirect { code, contacts })
}
