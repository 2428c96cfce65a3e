//! What the parties of a call are told, from its beginning to its end, on one node and on the next.

use super::*;
use crate::dialogs::{Dialogs, Inside, Parties};
use crate::message::sdp::Description;

const KEY: [u8; 16] = [3; 16];

fn party(dn: &str) -> Party {
    Party { dn: Some(dn.into()), number: dn.into() }
}

fn between(caller: &str, callee: &str) -> Parties {
    Parties {
        caller: party(caller),
        callee: party(callee),
        dialed: callee.into(),
        call_type: CallType::Internal,
    }
}

/// A call from 1000 and its table.
fn call(callee: &str, stage: Stage) -> (Dialogs, CallKey) {
    let mut dialogs = Dialogs::new(KEY);
    let key = dialogs.key(b"call", b"a");
    dialogs.begin(Timestamp(0), key, between("1000", callee), stage);
    (dialogs, key)
}

/// What was told, in short.
fn told(dialogs: &mut Dialogs) -> Vec<String> {
    let events = std::iter::from_fn(|| dialogs.poll_event());
    events.map(|event| format!("{} {:?}", event.dn, event.event)).collect()
}

/// The other node, after it was told everything.
fn other_node(dialogs: &mut Dialogs) -> Dialogs {
    let mut other = Dialogs::new(KEY);
    while let Some(change) = dialogs.poll_change() {
        let line = serde_json::to_string(&change).unwrap();
        other.apply(serde_json::from_str(&line).unwrap());
    }
    assert_eq!(told(&mut other), [""; 0], "only the node that serves tells");
    other
}

#[test]
fn an_answered_call_is_told_to_both_parties() {
    let (mut dialogs, key) = call("2000", Stage::Dialing);
    dialogs.alerting(Timestamp(1), key);
    dialogs.alerting(Timestamp(2), key);
    dialogs.answered(Timestamp(3), key, b"b", None);
    dialogs.answered(Timestamp(4), key, b"b", None);
    dialogs.ended(Timestamp(5), b"call", (b"b", b"a"));
    let expected =
        ["1000 Dialing", "2000 Ringing", "1000 Established", "2000 Established", "1000 Released"];
    let all = told(&mut dialogs);
    assert_eq!(all[..5], expected);
    assert_eq!(all[5..], ["2000 Released"]);
}

#[test]
fn one_that_answers_without_ringing_is_told_in_the_same_order() {
    let (mut dialogs, key) = call("2000", Stage::Dialing);
    dialogs.answered(Timestamp(1), key, b"b", None);
    let expected = ["1000 Dialing", "2000 Ringing", "1000 Established", "2000 Established"];
    assert_eq!(told(&mut dialogs), expected);
}

#[test]
fn a_call_that_nobody_takes_says_why_it_ended() {
    let ends = |rings: bool, cancels: bool| {
        let (mut dialogs, key) = call("2000", Stage::Dialing);
        if rings {
            dialogs.alerting(Timestamp(1), key);
        }
        if cancels {
            dialogs.canceled(Timestamp(2), key);
        }
        told(&mut dialogs);
        dialogs.failed(Timestamp(3), key, 486);
        let events: Vec<Event> = std::iter::from_fn(|| dialogs.poll_event()).collect();
        let said = |event: &Event| {
            format!("{} {:?} {:?} {:?}", event.dn, event.event, event.cause, event.sip_code)
        };
        events.iter().map(said).collect::<Vec<String>>()
    };
    let refused = "1000 Released Some(Refused) Some(486)".to_owned();
    let canceled = "1000 Released Some(Canceled) None".to_owned();
    assert_eq!(ends(false, false), std::slice::from_ref(&refused), "it never rang");
    assert_eq!(ends(true, false), [refused, "2000 Released Some(Refused) Some(486)".into()]);
    assert_eq!(ends(true, true), [canceled, "2000 Abandoned Some(Canceled) None".into()]);
}

#[test]
fn a_call_on_a_routing_point_waits_is_routed_and_rings_elsewhere() {
    let (mut dialogs, key) = call("9000", Stage::Queued);
    dialogs.alerting(Timestamp(1), key);
    assert_eq!(told(&mut dialogs), ["1000 Dialing", "9000 Queued", "9000 RouteRequest"]);
    let mut dialogs = other_node(&mut dialogs);
    dialogs.routed(Timestamp(2), key, party("2000"));
    let events: Vec<Event> = std::iter::from_fn(|| dialogs.poll_event()).collect();
    let [used, diverted] = &events[..] else { panic!("{events:?}") };
    assert_eq!((used.event, diverted.event), (EventName::RouteUsed, EventName::Diverted));
    assert_eq!((&*used.dn, used.third_party_dn.as_deref()), ("9000", Some("2000")));
    assert_eq!((dialogs.calls_of("9000"), dialogs.calls_of("2000")), (0, 1));
    assert_eq!(dialogs.poll_idle().as_deref(), Some("9000"));
    dialogs.alerting(Timestamp(3), key);
    let ringing = dialogs.poll_event().unwrap();
    assert_eq!((&*ringing.dn, &*ringing.dnis, &*ringing.other_dn), ("2000", "9000", "1000"));
}

#[test]
fn a_call_that_gives_up_on_a_routing_point_is_abandoned_there() {
    let (mut dialogs, key) = call("9000", Stage::Queued);
    told(&mut dialogs);
    dialogs.canceled(Timestamp(1), key);
    dialogs.failed(Timestamp(2), key, 487);
    assert_eq!(told(&mut dialogs), ["1000 Released", "9000 Abandoned"]);
}

fn by_caller(number: u32) -> Inside<'static> {
    Inside { call_id: b"call", from_tag: b"a", to_tag: b"b", number }
}

fn by_callee(number: u32) -> Inside<'static> {
    let Inside { from_tag, to_tag, .. } = by_caller(number);
    Inside { from_tag: to_tag, to_tag: from_tag, ..by_caller(number) }
}

const BOTH_WAYS: Description = Description { hears: true, speaks: true };
const SEND_ONLY: Description = Description { hears: false, speaks: true };
const RECEIVE_ONLY: Description = Description { hears: true, speaks: false };
const INACTIVE: Description = Description { hears: false, speaks: false };

/// A call that was answered, of which nothing is to be told any more.
fn answered_call() -> (Dialogs, CallKey) {
    let (mut dialogs, key) = call("2000", Stage::Dialing);
    dialogs.answered(Timestamp(1), key, b"b", None);
    told(&mut dialogs);
    (dialogs, key)
}

#[test]
fn hold_is_told_when_the_other_end_agreed() {
    let (mut dialogs, key) = answered_call();
    let at = Timestamp(2);
    dialogs.offered(at, by_caller(2), SEND_ONLY);
    dialogs.accepted(at, by_caller(1), || None);
    dialogs.accepted(at, by_callee(2), || None);
    assert_eq!(told(&mut dialogs), [""; 0], "answers of other requests");
    let mut dialogs = other_node(&mut dialogs);
    dialogs.accepted(at, by_caller(2), || None);
    assert_eq!(told(&mut dialogs), ["1000 Held"]);
    dialogs.offered(at, by_callee(7), SEND_ONLY);
    dialogs.accepted(at, by_callee(7), || Some(RECEIVE_ONLY));
    dialogs.offered(at, by_caller(3), BOTH_WAYS);
    dialogs.accepted(at, by_caller(3), || None);
    dialogs.accepted(at, by_caller(3), || None);
    assert_eq!(told(&mut dialogs), ["2000 Held", "1000 Retrieved"]);
    assert!(dialogs.get(key).is_some_and(|call| call.held.callee && !call.held.caller));
}

/// An INVITE of one end without an offer, answered by the other one's, which the ACK answers. The
/// other node of the pair sees the ACK.
fn asks(
    dialogs: &mut Dialogs,
    (by, number): (fn(u32) -> Inside<'static>, u32),
    (offer, answer): (Description, Description),
) -> Vec<String> {
    let (at, request) = (Timestamp(2), by(number));
    dialogs.asked(at, request);
    dialogs.acknowledged(at, request, answer);
    dialogs.accepted(at, request, || Some(offer));
    // The request and its answer come again.
    dialogs.asked(at, request);
    dialogs.accepted(at, request, || Some(answer));
    dialogs.acknowledged(at, by(number + 1), answer);
    let Inside { from_tag, to_tag, .. } = request;
    dialogs.acknowledged(at, Inside { from_tag: to_tag, to_tag: from_tag, ..request }, answer);
    assert_eq!(told(dialogs), [""; 0], "nobody agreed yet");
    *dialogs = other_node(dialogs);
    dialogs.acknowledged(at, request, answer);
    dialogs.acknowledged(at, request, BOTH_WAYS);
    told(dialogs)
}

#[test]
fn hold_that_is_asked_for_without_an_offer_is_told_when_its_answer_is_acknowledged() {
    let nothing: [&str; 0] = [];
    let (mut dialogs, key) = answered_call();
    let mut next = 1;
    let mut check = |by: fn(u32) -> Inside<'static>, descriptions, expected: &[&str]| {
        next += 1;
        assert_eq!(asks(&mut dialogs, (by, next), descriptions), expected, "{descriptions:?}");
    };
    // The one that asked does not want to hear.
    check(by_caller, (BOTH_WAYS, BOTH_WAYS), &nothing);
    check(by_caller, (BOTH_WAYS, SEND_ONLY), &["1000 Held"]);
    check(by_caller, (BOTH_WAYS, INACTIVE), &nothing);
    check(by_caller, (BOTH_WAYS, BOTH_WAYS), &["1000 Retrieved"]);
    check(by_callee, (BOTH_WAYS, SEND_ONLY), &["2000 Held"]);
    check(by_callee, (BOTH_WAYS, RECEIVE_ONLY), &["2000 Retrieved"]);
    // The other one does not, and where it says nothing either there is nothing to hear.
    check(by_caller, (SEND_ONLY, RECEIVE_ONLY), &["2000 Held"]);
    check(by_caller, (INACTIVE, INACTIVE), &nothing);
    check(by_caller, (RECEIVE_ONLY, SEND_ONLY), &["2000 Retrieved"]);
    check(by_caller, (SEND_ONLY, SEND_ONLY), &["1000 Held", "2000 Held"]);
    check(by_caller, (INACTIVE, INACTIVE), &nothing);
    let call = dialogs.get(key).expect("a call");
    assert!(call.held.caller && call.held.callee && call.asked.is_none());
}

#[test]
fn nobody_asks_for_an_offer_in_a_call_that_nobody_answered() {
    let (mut dialogs, _) = call("2000", Stage::Dialing);
    told(&mut dialogs);
    let descriptions = (BOTH_WAYS, SEND_ONLY);
    assert_eq!(asks(&mut dialogs, (by_caller, 1), descriptions), [""; 0]);
}

#[test]
fn the_other_node_goes_on_telling_under_the_same_name() {
    let (mut dialogs, key) = call("2000", Stage::Dialing);
    dialogs.alerting(Timestamp(1), key);
    let before = dialogs.poll_event().unwrap();
    let mut other = other_node(&mut dialogs);
    other.answered(Timestamp(9), key, b"b", None);
    let after = other.poll_event().unwrap();
    assert_eq!((after.call, after.event), (before.call, EventName::Established));
    let json = serde_json::to_value(&after).unwrap();
    assert_eq!(json["call"], key.to_string());
    assert_eq!((&json["dn"], &json["other-dn"]), (&"1000".into(), &"2000".into()));
    assert_eq!((&json["call-type"], json.get("clients")), (&"Internal".into(), None));
    told(&mut other);
    other.expire(Timestamp(u64::MAX));
    assert_eq!(other.poll_event().and_then(|event| event.cause), Some(Cause::Silence));
}

#[test]
fn a_number_is_kept_up_to_its_bound_and_never_cut_within_a_letter() {
    assert_eq!(&*number("2000"), "2000");
    let long = "é".repeat(PARTY_NUMBER_BYTES_MAX);
    assert_eq!(number(&format!("x{long}")).len(), PARTY_NUMBER_BYTES_MAX - 1);
}
