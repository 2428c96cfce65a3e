//! Decisions without a sandbox.

use super::*;
use crate::bindings::exports::takeover::plugin::forwarding::{CallKind, Destination, Peer};

/// A call for a destination that is out of service, with a peer that serves.
fn call() -> Call {
    Call {
        kind: CallKind::Inbound,
        request_uri: "sip:1001@site-a.example".to_owned(),
        caller: "sip:caller@example.org".to_owned(),
        source: "192.0.2.1:5060".to_owned(),
        call_id: "a-call".to_owned(),
        from_peer: false,
        destination: Destination {
            dn: "1001".to_owned(),
            known: true,
            registered: false,
            in_service: false,
            agent_logged_in: false,
            dr_forward: DrForward::Oos,
        },
        peer: Some(Peer {
            trunk: "to-site-b".to_owned(),
            contact: "sip:site-b.example".to_owned(),
            in_service: true,
        }),
        node_mode: NodeMode::InService,
        shutdown_reject_code: 603,
        headers: Vec::new(),
    }
}

#[test]
fn call_for_a_destination_out_of_service_goes_to_the_peer() {
    let Decision::ThroughTrunk(trunk) = decide(&call(), None) else {
        panic!("not forwarded")
    };
    assert_eq!(trunk, "to-site-b");
}

#[test]
fn call_is_delivered_where_the_peer_is_no_better() {
    let mut served = call();
    served.destination.in_service = true;
    let back = Call {
        from_peer: true,
        ..call()
    };
    let alone = Call {
        peer: None,
        ..call()
    };
    let mut lost = call();
    lost.peer
        .iter_mut()
        .for_each(|peer| peer.in_service = false);
    for call in [served, back, alone, lost] {
        assert!(matches!(decide(&call, None), Decision::Deliver), "{call:?}");
    }
}

#[test]
fn shutdown_refuses_with_the_configured_code() {
    let call = Call {
        node_mode: NodeMode::ShuttingDown,
        ..call()
    };
    let Decision::Refuse(refusal) = decide(&call, Some(30)) else {
        panic!("not refused")
    };
    assert_eq!((refusal.code, refusal.retry_after_s), (603, Some(30)));
}
