//! The rows of the table, and the cases run natively.

use takeover_cases::forwarding::{self, CallFacts, ForwardingCase};
use takeover_cases::forwarding_words;

use super::*;
use crate::bindings::takeover::plugin::types::Attribute;

forwarding_words!();

fn run(case: &ForwardingCase) -> String {
    words(decide(&call(&case.call), |_| {}))
}

#[test]
fn every_case_holds() {
    let folder = env!("CARGO_MANIFEST_DIR").as_ref();
    let held = forwarding::run_all(folder, run).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(held >= 14, "one for each row of the table at least");
}

/// The decision about a call with a peer, an agent and `no-agent`, changed by `change`.
fn decided(change: impl Fn(&mut Call)) -> String {
    let facts = CallFacts { peer: Some(Default::default()), ..CallFacts::default() };
    let mut call = call(&facts);
    call.destination.dr_forward = DrForward::NoAgent;
    change(&mut call);
    words(decide(&call, |_| {}))
}

const MOVED_TO_PEER: &str = "redirect 302 sip:7001@site-b.example";
const THROUGH_TRUNK: &str = "through-trunk to-site-b";

fn shutdown(code: u16, change: impl Fn(&mut Call)) -> String {
    decided(|call| {
        call.node_mode = NodeMode::ShuttingDown;
        call.shutdown_reject_code = code;
        change(call);
    })
}

#[test]
fn rows_1_to_4_new_calls_during_a_shutdown() {
    for code in 300..=302 {
        assert_eq!(shutdown(code, |_| {}), MOVED_TO_PEER, "row 1, {code}");
        let found = shutdown(code, |call| call.peer = None);
        assert_eq!(found, "refuse 603 Shutting Down", "row 2, no peer, {code}");
        let found = shutdown(code, |call| call.from_peer = true);
        assert_eq!(found, "refuse 603 Shutting Down", "row 2, from the peer, {code}");
    }
    for code in [400, 480, 503, 603] {
        assert_eq!(shutdown(code, |_| {}), format!("refuse {code} Shutting Down"), "row 3");
    }
    for code in [0, 299, 303, 399, 604, 700] {
        assert_eq!(shutdown(code, |_| {}), "refuse 603 Shutting Down", "row 4, {code}");
    }
}

#[test]
fn rows_5_to_8_nothing_is_forwarded() {
    let no_agent = |call: &mut Call| call.destination.agent_logged_in = false;
    assert_eq!(decided(no_agent), MOVED_TO_PEER, "what the rows below prevent");
    let deliver = |row: &str, change: fn(&mut Call)| {
        let found = decided(|call| {
            no_agent(call);
            change(call);
        });
        assert_eq!(found, "deliver", "{row}");
    };
    deliver("row 5", |call| call.node_mode = NodeMode::SingleSite);
    deliver("row 6", |call| call.from_peer = true);
    deliver("row 7, no peer", |call| call.peer = None);
    deliver("row 7, lost", |call| call.peer.as_mut().unwrap().in_service = false);
    deliver("row 8", |call| call.destination.dr_forward = DrForward::Off);
}

#[test]
fn rows_9_to_11_no_agent() {
    assert_eq!(decided(|_| {}), "deliver", "row 9");
    let out_of_service = decided(|call| call.destination.in_service = false);
    assert_eq!(out_of_service, "deliver", "row 9: only the agent counts");
    let kinds = [
        (CallKind::Inbound, MOVED_TO_PEER),
        (CallKind::Internal, MOVED_TO_PEER),
        (CallKind::Routed, THROUGH_TRUNK),
    ];
    for (kind, expected) in kinds {
        let found = decided(|call| {
            call.kind = kind;
            call.destination.agent_logged_in = false;
        });
        assert_eq!(found, expected, "rows 10 and 11, {kind:?}");
    }
}

#[test]
fn rows_12_to_14_out_of_service() {
    let decided = |change: fn(&mut Destination), kind: CallKind| {
        decided(|call| {
            call.kind = kind;
            call.destination.dr_forward = DrForward::Oos;
            change(&mut call.destination);
        })
    };
    assert_eq!(decided(|_| {}, CallKind::Inbound), "deliver", "row 12");
    let without_agent = decided(|to| to.agent_logged_in = false, CallKind::Inbound);
    assert_eq!(without_agent, "deliver", "row 12: only the device counts");
    let lost: [fn(&mut Destination); 3] =
        [|to| to.known = false, |to| to.registered = false, |to| to.in_service = false];
    for lose in lost {
        assert_eq!(decided(lose, CallKind::Inbound), MOVED_TO_PEER, "row 13");
        assert_eq!(decided(lose, CallKind::Internal), MOVED_TO_PEER, "row 13");
        assert_eq!(decided(lose, CallKind::Routed), THROUGH_TRUNK, "row 14");
    }
}

#[test]
fn only_what_can_not_be_done_as_configured_is_logged() {
    let mut lines = Vec::new();
    let mut call = call(&CallFacts { peer: Some(Default::default()), ..CallFacts::default() });
    call.destination.dr_forward = DrForward::NoAgent;
    call.destination.agent_logged_in = false;
    decide(&call, |line| lines.push(line.to_owned()));
    assert_eq!(lines, Vec::<String>::new(), "a call that is forwarded needs no words");
    call.node_mode = NodeMode::ShuttingDown;
    call.shutdown_reject_code = 302;
    call.from_peer = true;
    decide(&call, |line| lines.push(line.to_owned()));
    call.peer = None;
    call.from_peer = false;
    decide(&call, |line| lines.push(line.to_owned()));
    call.shutdown_reject_code = 380;
    decide(&call, |line| lines.push(line.to_owned()));
    let expected = [
        "call a-call: shutdown reject code is 302, the call came from the peer: 603",
        "call a-call: shutdown reject code is 302, there is no peer: 603",
        "call a-call: shutdown reject code is 380, allowed is 300 to 302 and 400 to 603: 603",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn address_names_the_same_number_at_the_peer() {
    let table = [
        ("7001", "sip:site-b.example", "sip:7001@site-b.example"),
        (
            "7001",
            "sip:site-b.example:5070;transport=tcp",
            "sip:7001@site-b.example:5070;transport=tcp",
        ),
        ("7001", "sips:site-b.example", "sips:7001@site-b.example"),
        ("7001", "site-b.example:5060", "sip:7001@site-b.example:5060"),
        ("7001", "sip:desk@site-b.example", "sip:desk@site-b.example"),
        ("7 0>\r\n1", "sip:site-b.example", "sip:7%200%3E%0D%0A1@site-b.example"),
    ];
    for (dn, contact, expected) in table {
        assert_eq!(address(dn, contact), expected, "{dn:?} {contact}");
    }
}
