//! What clients see of calls that go through a node.

use super::*;
use crate::agents::Request;
use crate::calls::Event;
use crate::limits::CALLS_LISTED_MAX;
use crate::message::answer::{self, Answer};

const CALLER: &str = "10.0.0.1:5060";
const PHONE: &str = "10.0.0.2:5062";

fn answered(sent: &str, code: u16) -> String {
    let answer = Answer { code, tag: Some("callee"), ..Answer::default() };
    answered_with(sent, &answer)
}

fn answered_with(sent: &str, answer: &Answer<'_>) -> String {
    let bytes = sent.replace('\n', "\r\n").into_bytes();
    let message = Message::scan(&bytes).expect("message");
    let mut out = Vec::new();
    answer::write(&message, "10.0.0.9:5060".parse().expect("address"), answer, &mut out);
    String::from_utf8(out).expect("text").replace('\r', "")
}

/// A node with a client that wants the events of some DNs.
fn watched(dns: &[&str]) -> Stage {
    let mut stage = Stage::new();
    stage.register("2000", PHONE);
    for dn in dns {
        let request = Request::RegisterAddress { dn: (*dn).into() };
        let client = "desk".into();
        stage.node.client_request(stage.now, &client, request, &mut stage.out).expect("known");
    }
    stage
}

fn events(stage: &mut Stage) -> Vec<Event> {
    let wishes = stage.wishes().into_iter();
    let told = wishes.filter_map(|wish| match wish {
        Wish::Call(event) => Some(event),
        _ => None,
    });
    told.collect()
}

fn names(stage: &mut Stage) -> Vec<String> {
    events(stage).iter().map(|event| format!("{} {:?}", event.dn, event.event)).collect()
}

/// Calls a number; what its telephone was sent.
fn calls(stage: &mut Stage, number: &str, call: &str) -> String {
    stage.arrives(CALLER, &request("INVITE", &format!("sip:{number}@10.0.0.9"), number, call));
    stage.messages().pop().map(|(_, text)| text).unwrap_or_default()
}

/// A call to 2000 that its telephone answered so, and what that was sent. What was told is taken.
fn called(code: u16) -> (Stage, String) {
    let mut stage = watched(&["2000"]);
    let invite = calls(&mut stage, "2000", "a");
    stage.arrives(PHONE, &answered(&invite, code));
    stage.messages();
    names(&mut stage);
    (stage, invite)
}

fn inside(method: &str, number: u32, call: &str, body: &str) -> String {
    let mark = crate::branch::dialog_mark(&Secret::new([9; 16]), call.as_bytes());
    let length = body.replace('\n', "\r\n").len();
    request(method, "sip:2000@10.0.0.2:5062", "2000", call)
        .replace("z9hG4bK", &format!("z9hG4bK{number}"))
        .replace("CSeq: 1", &format!("CSeq: {number}"))
        .replace("To: <sip:2000@example.com>", "To: <sip:2000@example.com>;tag=callee")
        .replace("Contact:", &format!("Route: <sip:10.0.0.9:5060;d={mark:016x};lr>\nContact:"))
        .replace(
            "Content-Length: 0\n\n",
            &format!("Content-Type: application/sdp\nContent-Length: {length}\n\n{body}"),
        )
}

/// A description of one stream.
fn audio(direction: &str) -> String {
    format!("v=0\nm=audio 4000 RTP/AVP 0\na={direction}\n")
}

/// A request of the callee within the call arrives; what the caller was sent.
fn from_callee(stage: &mut Stage, method: &str, number: u32, body: &str) -> String {
    let request = inside(method, number, "a", body);
    // From the callee's side: its tag first.
    let request = request.replace(";tag=f", ";tag=x").replace(";tag=callee", ";tag=f");
    stage.arrives(PHONE, &request.replace(";tag=x", ";tag=callee"));
    stage.messages().pop().map(|(_, text)| text).unwrap_or_default()
}

/// The 200 to a request within a call.
fn accepted(sent: &str) -> String {
    answered_with(sent, &Answer { code: 200, ..Answer::default() })
}

#[test]
fn a_call_is_told_from_ringing_to_its_end() {
    let mut stage = watched(&["2000"]);
    let invite = calls(&mut stage, "2000", "a");
    assert_eq!(names(&mut stage), [""; 0], "the caller is nobody of this switch");
    stage.arrives(PHONE, &answered(&invite, 180));
    let told = events(&mut stage);
    let [ringing] = &told[..] else { panic!("{told:?}") };
    assert_eq!((&*ringing.ani, &*ringing.dnis, &*ringing.other_dn), ("7777", "2000", "7777"));
    assert_eq!(ringing.call_type, crate::calls::CallType::Inbound);
    assert_eq!(ringing.clients, ["desk".into()]);
    stage.arrives(PHONE, &answered(&invite, 200));
    assert_eq!(names(&mut stage), ["2000 Established"]);

    let listed = stage.node.call_list(Some("2000"), None);
    assert_eq!(listed.iter().map(|view| view.call).collect::<Vec<_>>(), [ringing.call]);
    assert!(
        listed.len() <= CALLS_LISTED_MAX && stage.node.call_list(Some("1000"), None).is_empty()
    );

    for (number, direction, expected) in [
        (2, "sendonly", &["2000 Held"][..]),
        (3, "inactive", &[]),
        (4, "sendrecv", &["2000 Retrieved"]),
    ] {
        let sent = from_callee(&mut stage, "INVITE", number, &audio(direction));
        assert!(sent.contains("a="), "{sent}");
        stage.arrives(PHONE, &accepted(&sent));
        assert_eq!(names(&mut stage), expected, "{direction}");
    }
    stage.arrives(CALLER, &inside("BYE", 9, "a", ""));
    assert_eq!(names(&mut stage), ["2000 Released"]);
    assert_eq!(stage.node.calls(), 0);
}

#[test]
fn hold_without_an_offer_is_told_with_its_ack() {
    let (mut stage, _) = called(200);
    for (number, direction, expected) in
        [(2, "inactive", ["2000 Held"]), (3, "sendrecv", ["2000 Retrieved"])]
    {
        let sent = from_callee(&mut stage, "INVITE", number, "");
        let offer = audio("sendrecv").replace('\n', "\r\n");
        let head = format!(
            "Content-Type: application/sdp\nContent-Length: {}\n\n{}",
            offer.len(),
            audio("sendrecv")
        );
        stage.arrives(PHONE, &accepted(&sent).replace("Content-Length: 0\n\n", &head));
        assert_eq!(names(&mut stage), [""; 0], "{direction}: not yet answered");
        let acknowledged = from_callee(&mut stage, "ACK", number, &audio(direction));
        assert!(acknowledged.starts_with("ACK "), "{acknowledged}");
        assert_eq!(names(&mut stage), expected);
    }
}

#[test]
fn a_caller_that_gives_up_abandons_the_call() {
    let (mut stage, invite) = called(180);
    let cancel = request("CANCEL", "sip:2000@10.0.0.9", "2000", "a");
    stage.arrives(CALLER, &cancel.replace("aCANCEL", "aINVITE"));
    stage.messages();
    stage.arrives(PHONE, &answered(&invite, 487));
    assert_eq!(names(&mut stage), ["2000 Abandoned"]);
}

#[test]
fn a_call_on_a_routing_point_is_routed_by_the_name_that_its_events_have() {
    let mut stage = watched(&["9000", "2000"]);
    calls(&mut stage, "9000", "a");
    let told = events(&mut stage);
    let [queued, asked] = &told[..] else { panic!("{told:?}") };
    assert_eq!(queued.call, asked.call);
    let key = stage.node.waiting(asked.call).expect("waits");
    let number = "2000".into();
    stage.node.route_call(stage.now, key, &number, &mut stage.out).expect("routed");
    let invite = stage.messages().pop().map(|(_, text)| text).unwrap_or_default();
    assert_eq!(names(&mut stage), ["9000 RouteUsed", "9000 Diverted"]);
    assert_eq!(stage.node.waiting(asked.call), None);
    stage.arrives(PHONE, &answered(&invite, 180));
    assert_eq!(names(&mut stage), ["2000 Ringing"]);
    assert_eq!(stage.node.dn_view(stage.now, "2000").map(|view| view.calls), Some(1));
}

#[test]
fn a_call_that_nobody_routes_goes_to_its_default_and_is_told() {
    let mut stage = watched(&["9000"]);
    calls(&mut stage, "9000", "a");
    names(&mut stage);
    stage.now.instant = stage.now.instant + Duration::from_secs(11);
    stage.now.at = crate::clock::after(stage.now.at, Duration::from_secs(11));
    stage.node.tick(stage.now, &mut stage.out);
    let told = events(&mut stage);
    assert_eq!(told.last().and_then(|event| event.third_party_dn.clone()), Some("2000".into()));
}

#[test]
fn nobody_is_told_of_what_nobody_asked_for() {
    let mut stage = watched(&[]);
    let invite = calls(&mut stage, "2000", "a");
    stage.arrives(PHONE, &answered(&invite, 200));
    assert_eq!(names(&mut stage), [""; 0]);
}
