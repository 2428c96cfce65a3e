//! Where a call goes, apart from the sandbox. Pure: the same call, the same decision.

use crate::bindings::exports::takeover::plugin::forwarding::{
    Call, Decision, DrForward, NodeMode, Refusal,
};

/// Refuses during a shutdown, sends calls for destinations that are out of service to the peer
/// site, and delivers everything else.
pub fn decide(call: &Call, retry_after_s: Option<u32>) -> Decision {
    if call.node_mode == NodeMode::ShuttingDown {
        let reason = "Shutting Down".to_owned();
        return Decision::Refuse(Refusal {
            code: call.shutdown_reject_code,
            reason,
            retry_after_s,
        });
    }
    let destination = &call.destination;
    let wanted = destination.dr_forward == DrForward::Oos && !destination.in_service;
    match &call.peer {
        // A call that came from the peer is never sent back: it would go round for ever.
        Some(peer) if wanted && peer.in_service && !call.from_peer => {
            Decision::ThroughTrunk(peer.trunk.clone())
        }
        _ => Decision::Deliver,
    }
}

#[cfg(test)]
mod tests;
