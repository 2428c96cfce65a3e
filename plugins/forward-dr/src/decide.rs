//! What the policy does, apart from the sandbox: the guide's call forwarding between the two sites
//! of a business, and its answer to new calls during a graceful shutdown.
//!
//! The first row that fits decides. "Reachable" is known here, registered and in service; "peer" is
//! configured and, from row 7 on, in service.
//!
//! | row | when | then |
//! |---|---|---|
//! | 1 | shutting down, code 300 to 302, peer, call not from it | 302 to the peer |
//! | 2 | shutting down, code 300 to 302, otherwise | refuse 603 |
//! | 3 | shutting down, code 400 to 603 | refuse with that code |
//! | 4 | shutting down, any other code | refuse 603 |
//! | 5 | single site | deliver |
//! | 6 | call from the peer | deliver: it was forwarded once, and is not sent back |
//! | 7 | no peer, or the peer is out of service | deliver |
//! | 8 | `off` | deliver |
//! | 9 | `no-agent`, an agent is logged in | deliver |
//! | 10 | `no-agent`, no agent, inbound or internal | 302 to the peer |
//! | 11 | `no-agent`, no agent, routed | through the trunk to the peer |
//! | 12 | `oos`, destination reachable | deliver |
//! | 13 | `oos`, destination not reachable, inbound or internal | 302 to the peer |
//! | 14 | `oos`, destination not reachable, routed | through the trunk to the peer |
//!
//! A destination that is not known here has no agent and is not reachable, so rows 10, 11, 13 and
//! 14 send calls for it to the peer (the guide's delivery from a third site).

use crate::bindings::exports::takeover::plugin::forwarding::{
    Call, CallKind, Decision, Destination, DrForward, NodeMode, Peer, Redirect, Refusal,
};

/// Moved temporarily: whatever redirection was configured, the guide sends this one.
const MOVED: u16 = 302;

/// Decline: the guide's default for new calls during a shutdown.
const DECLINE: u16 = 603;

/// Decides a call. `log` writes a line about what can not be done as it was configured; a call that
/// takes its ordinary way leaves none, because there may be hundreds in a second.
pub fn decide(call: &Call, log: impl FnMut(&str)) -> Decision {
    match call.node_mode {
        NodeMode::ShuttingDown => return shutting_down(call, log),
        NodeMode::SingleSite => return Decision::Deliver,
        NodeMode::InService => {}
    }
    let peer = call.peer.as_ref().filter(|peer| peer.in_service && !call.from_peer);
    match peer {
        Some(peer) if is_wanted_at_peer(&call.destination) => forward(call, peer),
        _ => Decision::Deliver,
    }
}

/// New calls are not taken any more. Calls that are up are none of a policy's business.
fn shutting_down(call: &Call, mut log: impl FnMut(&str)) -> Decision {
    let code = call.shutdown_reject_code;
    match (code, &call.peer) {
        (300..=302, Some(peer)) if !call.from_peer => moved(call, peer),
        (400..=DECLINE, _) => refuse(code),
        _ => {
            let reason = if call.from_peer {
                "the call came from the peer"
            } else if (300..=302).contains(&code) {
                "there is no peer"
            } else {
                "allowed is 300 to 302 and 400 to 603"
            };
            let id = &call.call_id;
            log(&format!("call {id}: shutdown reject code is {code}, {reason}: {DECLINE}"));
            refuse(DECLINE)
        }
    }
}

/// Whether the destination's option wants its calls at the peer.
fn is_wanted_at_peer(to: &Destination) -> bool {
    match to.dr_forward {
        DrForward::Off => false,
        DrForward::NoAgent => !to.agent_logged_in,
        // Somebody who is not registered can not be reached, whatever the last check said.
        DrForward::Oos => !(to.known && to.registered && to.in_service),
    }
}

/// A direct call leaves the signaling path; a routed one is still ours to control.
fn forward(call: &Call, peer: &Peer) -> Decision {
    match call.kind {
        CallKind::Inbound | CallKind::Internal => moved(call, peer),
        CallKind::Routed => Decision::ThroughTrunk(peer.trunk.clone()),
    }
}

/// The caller is told the address of the same number at the peer.
fn moved(call: &Call, peer: &Peer) -> Decision {
    let contact = address(&call.destination.dn, &peer.contact);
    Decision::Redirect(Redirect { code: MOVED, contacts: vec![contact] })
}

fn refuse(code: u16) -> Decision {
    let reason = "Shutting Down".to_owned();
    Decision::Refuse(Refusal { code, reason, retry_after_s: None })
}

/// The contact of the peer with the number as its user, where it does not name a user itself.
fn address(dn: &str, contact: &str) -> String {
    let (scheme, host) = match contact.split_once(':') {
        Some((scheme @ ("sip" | "sips"), host)) => (scheme, host),
        _ => ("sip", contact),
    };
    if host.contains('@') {
        return contact.to_owned();
    }
    [scheme, ":", &user(dn), "@", host].concat()
}

/// A number as the user part of a SIP URI (RFC 3261, 25.1): what may not stand there is escaped.
fn user(dn: &str) -> String {
    let mut user = String::with_capacity(dn.len());
    for byte in dn.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
            user.push(char::from(byte));
        } else {
            user.push_str(&format!("%{byte:02X}"));
        }
    }
    user
}

#[cfg(test)]
mod tests;
