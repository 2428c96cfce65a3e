//! Calls: who decides, where they go, who is refused.

use takeover_logic::component::sip::{CallKind, DrForward, NodeMode, Refusal};

use super::*;
use crate::limits::ADMIT_ALL;

const CALLER: &str = "10.0.0.1:5060";
const INVITE: &str = "sip:2000@10.0.0.9";

/// The mark of a call that was let in.
fn mark(call_id: &str) -> String {
    format!("{:016x}", crate::branch::dialog_mark(&Secret::new([9; 16]), call_id.as_bytes()))
}

#[test]
fn a_call_goes_to_where_its_number_registered() {
    let mut stage = Stage::new();
    stage.arrives(CALLER, &request("INVITE", INVITE, "2000", "a"));
    assert_eq!(stage.lines(), [to(CALLER, "SIP/2.0 480 Temporarily Unavailable")]);
    stage.register("2000", "10.0.0.2:5062");
    stage.arrives(CALLER, &request("INVITE", INVITE, "2000", "b"));
    let sent = stage.messages();
    assert!(sent[0].1.starts_with("SIP/2.0 100 Trying\n"));
    assert_eq!(sent[1].0, "10.0.0.2:5062");
    assert!(sent[1].1.starts_with("INVITE sip:2000@10.0.0.2:5062 SIP/2.0\n"));
    let route = value(&sent[1].1, HeaderName::RecordRoute);
    assert_eq!(route, format!("<sip:10.0.0.9:5060;d={};lr>", mark("b")));
}

#[test]
fn later_requests_of_a_call_follow_its_route() {
    let mut stage = Stage::new();
    let bye = request("BYE", "sip:5@10.0.0.7:5090", "5", "a")
        .replace("To: <sip:5@example.com>", "To: <sip:5@example.com>;tag=t")
        .replace("Contact:", &format!("Route: <sip:10.0.0.9:5060;d={};lr>\nContact:", mark("a")));
    stage.arrives(CALLER, &bye.replace(&mark("a"), &mark("of another call")));
    assert_eq!(stage.lines(), [to(CALLER, "SIP/2.0 403 Forbidden")]);
    stage.arrives(CALLER, &bye.replace("z9hG4bKa", "z9hG4bKb"));
    let sent = stage.messages();
    assert_eq!(sent[0].0, "10.0.0.7:5090");
    assert_eq!(value(&sent[0].1, HeaderName::Route), "");
    assert_eq!(value(&sent[0].1, HeaderName::RecordRoute), "");
}

#[test]
fn nobody_calls_through_this_node_to_elsewhere() {
    let mut stage = Stage::new();
    stage.arrives(CALLER, &request("INVITE", "sip:5@10.0.0.7", "5", "a"));
    assert_eq!(stage.lines(), [to(CALLER, "SIP/2.0 403 Forbidden")]);
    let routed = request("INVITE", INVITE, "2000", "b")
        .replace("Contact:", "Route: <sip:10.0.0.9;lr>, <sip:10.0.0.7;lr>\nContact:");
    stage.arrives(CALLER, &routed);
    assert_eq!(stage.lines(), [to(CALLER, "SIP/2.0 403 Forbidden")]);
}

#[test]
fn a_policy_sees_the_facts_of_a_call() {
    let mut stage = Stage::new();
    stage.register("2000", "10.0.0.2:5062");
    stage.arrives(CALLER, &request("INVITE", INVITE, "2000", "a"));
    let call = stage.policy.1.pop().expect("asked");
    assert_eq!(
        (call.kind, call.from_peer, call.node_mode),
        (CallKind::Inbound, false, NodeMode::InService)
    );
    assert_eq!((&*call.caller, &*call.source), ("sip:7777@example.com", CALLER));
    let there = &call.destination;
    assert_eq!((&*there.dn, there.known, there.registered), ("2000", true, true));
    assert_eq!((there.in_service, there.dr_forward), (true, DrForward::Off));
    let peer = call.peer.expect("a peer");
    assert!(peer.contact.starts_with("sip:2000@10.9.0.9;x-forwarded="), "{}", peer.contact);
}

#[test]
fn a_redirected_call_is_known_when_it_comes_and_only_as_it_was_redirected() {
    let mut stage = Stage::new();
    stage.arrives(CALLER, &request("INVITE", INVITE, "2000", "a"));
    let contact = stage.policy.1.pop().and_then(|call| call.peer).expect("a peer").contact;
    for (uri, expected) in [
        (contact.replace("10.9.0.9", "10.0.0.9"), true),
        (contact.replace("10.9.0.9", "10.0.0.9").replace("2000", "1000"), false),
    ] {
        stage.arrives(CALLER, &request("INVITE", &uri, "2000", "b"));
        assert_eq!(stage.policy.1.pop().map(|call| call.from_peer), Some(expected), "{uri}");
        stage.now.at = crate::clock::after(stage.now.at, Duration::from_secs(1));
    }
}

#[test]
fn what_a_policy_decides_is_done() {
    let mut stage = Stage::new();
    let contacts = vec!["10.9.0.9".into(), "sip:x@10.8.0.9;transport=tcp".into()];
    stage.policy.0 = ForwardingDecision::Redirect { code: 302, contacts };
    stage.arrives(CALLER, &request("INVITE", INVITE, "2000", "a"));
    let text = stage.only();
    assert!(text.starts_with("SIP/2.0 302 Moved Temporarily\n"));
    assert!(text.contains("Contact: <sip:2000@10.9.0.9>;q=1.000\n"), "{text}");
    assert!(text.contains("Contact: <sip:x@10.8.0.9;transport=tcp>;q=0.900\n"), "{text}");

    let reason = "Please failover".into();
    let refusal = Refusal { code: 503, reason, retry_after_s: Some(7) };
    stage.policy.0 = ForwardingDecision::Refuse(refusal);
    stage.arrives(CALLER, &request("INVITE", INVITE, "2000", "b"));
    let text = stage.only();
    assert!(text.starts_with("SIP/2.0 503 Please failover\n"));
    assert!(text.contains("Retry-After: 7\n"));

    stage.policy.0 = ForwardingDecision::ThroughTrunk("to-site2".into());
    stage.arrives(CALLER, &request("INVITE", INVITE, "2000", "c"));
    let sent = stage.lines();
    assert_eq!(sent[1], to("10.9.0.9:5060", "INVITE sip:2000@10.9.0.9 SIP/2.0"));
}

#[test]
fn a_refusal_that_is_not_remembered_is_the_same_each_time() {
    let mut stage = Stage::new();
    stage.arrives(CALLER, &request("INVITE", "sip:404@10.0.0.9", "404", "a"));
    let first = stage.only();
    assert!(first.starts_with("SIP/2.0 404 Not Found\n"));
    stage.arrives(CALLER, &request("INVITE", "sip:404@10.0.0.9", "404", "a"));
    assert_eq!(stage.only(), first);
    assert_eq!(value(&first, HeaderName::To).matches("tag=").count(), 1);
}

#[test]
fn a_number_behind_a_name_waits_until_that_is_looked_up() {
    let mut stage = Stage::new();
    stage.arrives(CALLER, &request("INVITE", "sip:3000@10.0.0.9", "3000", "a"));
    assert_eq!(stage.lines(), []);
    let wishes = stage.wishes();
    let [Wish::Resolve { question, host, port: None, transport: None, secure: false }] =
        &wishes[..]
    else {
        panic!("{wishes:?}");
    };
    assert_eq!(host, "phone.example.net");
    let hops = vec![flow("10.0.0.5:5060"), flow("10.0.0.6:5060")];
    stage.input(Input::Resolved { question: *question, hops });
    let sent = stage.lines();
    assert_eq!(sent[1], to("10.0.0.5:5060", "INVITE sip:3000@phone.example.net SIP/2.0"));
    stage.wait(Duration::from_secs(3));
    stage.out.clear();
    stage.arrives(CALLER, &request("INVITE", "sip:3000@10.0.0.9", "3000", "b"));
    let wishes = stage.wishes();
    let [Wish::Resolve { question, .. }] = &wishes[..] else { panic!("{wishes:?}") };
    stage.input(Input::Resolved { question: *question, hops: Vec::new() });
    assert_eq!(stage.lines(), [to(CALLER, "SIP/2.0 480 Temporarily Unavailable")]);
}

#[test]
fn what_rfc_3261_asks_to_refuse_is_refused() {
    let options =
        |change: &dyn Fn(String) -> String| change(request("OPTIONS", "sip:10.0.0.9", "x", "a"));
    let cases: [(String, &str); 5] = [
        (options(&|text| text), "SIP/2.0 200 OK"),
        (
            options(&|text| text.replace("Max-Forwards: 70", "Max-Forwards: 0")),
            "SIP/2.0 483 Too Many Hops",
        ),
        (
            options(&|text| text.replace("Contact", "Proxy-Require: x\nContact")),
            "SIP/2.0 420 Bad Extension",
        ),
        (
            options(&|text| text.replace("sip:10.0.0.9 ", "unknown:10.0.0.9 ")),
            "SIP/2.0 416 Unsupported URI Scheme",
        ),
        (
            options(&|text| text.replace("1 OPTIONS", "1 INVITE")),
            "SIP/2.0 400 CSeq Of Another Method",
        ),
    ];
    for (text, line) in cases {
        let mut stage = Stage::new();
        stage.arrives(CALLER, &text);
        assert_eq!(stage.lines(), [to(CALLER, line)]);
    }
}

/// RFC 4475 sections 3.1.2.1 and 3.1.2.16: told so where the sender's port can be read, and never
/// sent to another host than the one that the request came from.
#[test]
fn who_writes_a_via_that_can_not_be_read_is_told_so() {
    let mut stage = Stage::new();
    let request = |version: &str, via: &str| {
        format!(
            "OPTIONS sip:10.0.0.9 SIP/{version}\nVia: {via}\nFrom: <sip:a@b>;tag=1\n\
             To: <sip:10.0.0.9>\nCall-ID: 1\nCSeq: 1 OPTIONS\nMax-Forwards: 70\n\n"
        )
    };
    for (version, via, expected) in [
        ("2.0", "SIP/2.0/UDP 192.0.2.15;;,;,,", Some(("10.1.0.7:5060", "400 Bad Via"))),
        ("2.0", "SIP/2.0/UDP 192.0.2.15:5090;=", Some(("10.1.0.7:5090", "400 Bad Via"))),
        ("7.0", "SIP/7.0/UDP c.example.com", Some(("10.1.0.7:5060", "505 Version Not Supported"))),
        ("2.0", "SIP/2.0/UDP", None),
        ("2.0", "SIP/2.0/UDP a:b:c", None),
    ] {
        stage.arrives("10.1.0.7:40000", &request(version, via));
        let sent = stage.lines();
        let expected = expected.map(|(to, line)| (to.to_owned(), format!("SIP/2.0 {line}")));
        assert_eq!(sent, Vec::from_iter(expected), "{via}");
    }
}

#[test]
fn over_its_limits_a_node_refuses_new_calls_and_goes_on_with_old_ones() {
    let mut stage = Stage::new();
    stage.register("2000", "10.0.0.2:5062");
    stage.input(Input::Admit(0));
    stage.arrives(CALLER, &request("INVITE", INVITE, "2000", "a"));
    let text = stage.only();
    assert!(text.starts_with("SIP/2.0 503 Service Unavailable\n"));
    assert!(text.contains("Retry-After: 5\n"));
    let inside = request("INVITE", "sip:2000@10.0.0.2:5062", "2000", "b")
        .replace("To: <sip:2000@example.com>", "To: <sip:2000@example.com>;tag=t")
        .replace("Contact:", &format!("Route: <sip:10.0.0.9:5060;d={};lr>\nContact:", mark("b")));
    stage.arrives(CALLER, &inside);
    assert_eq!(stage.lines().len(), 2);
}

#[test]
fn under_overload_a_share_of_new_calls_is_let_in_and_the_same_ones_again() {
    let mut stage = Stage::new();
    stage.input(Input::Admit(ADMIT_ALL / 4));
    let refused = |stage: &mut Stage, number: usize| {
        stage.arrives(CALLER, &request("INVITE", INVITE, "2000", &format!("c{number}")));
        stage.only().starts_with("SIP/2.0 503 ")
    };
    // Fewer than the source is allowed in a second.
    let first: Vec<bool> = (0..80).map(|number| refused(&mut stage, number)).collect();
    let count = first.iter().filter(|refused| **refused).count();
    assert!((45..75).contains(&count), "{count} of 80");
    stage.wait(Duration::from_secs(2));
    assert!((0..80).all(|number| refused(&mut stage, number) == first[number]));
}

#[test]
fn a_backup_says_nothing() {
    let mut stage = Stage::backup();
    stage.arrives(CALLER, &request("OPTIONS", "sip:10.0.0.9", "x", "a"));
    assert_eq!(stage.lines(), []);
    stage.input(Input::RunMode { mode: RunMode::Primary, term: Term(3) });
    stage.input(Input::RunMode { mode: RunMode::Backup, term: Term(2) });
    assert!(stage.node.is_serving(), "an order of an older term");
}

#[test]
fn a_source_that_floods_is_not_answered_and_others_are() {
    let mut stage = Stage::new();
    let options = |number: usize| request("OPTIONS", "sip:10.0.0.9", "x", &format!("o{number}"));
    for number in 0..150 {
        stage.arrives(CALLER, &options(number));
    }
    assert_eq!(stage.lines().len(), 100);
    assert_eq!(stage.node.numbers().flooding, 50);
    stage.arrives("10.0.0.77:5060", &options(200));
    assert_eq!(stage.lines().len(), 1, "another source");
    stage.wait(Duration::from_secs(1));
    stage.arrives(CALLER, &options(201));
    assert_eq!(stage.lines().len(), 1, "a second later");
}

#[test]
fn a_node_that_drains_refuses_new_calls_as_it_is_told() {
    let mut stage = Stage::new();
    stage.register("2000", "10.0.0.2:5062");
    let refusal = Refusal { code: 503, reason: "Please failover".into(), retry_after_s: Some(30) };
    stage.input(Input::Drain(Some(refusal)));
    stage.arrives(CALLER, &request("INVITE", INVITE, "2000", "a"));
    assert_eq!(stage.lines(), [to(CALLER, "SIP/2.0 503 Please failover")]);
    stage.input(Input::Drain(None));
    stage.arrives(CALLER, &request("INVITE", INVITE, "2000", "b"));
    assert_eq!(stage.lines()[0], to(CALLER, "SIP/2.0 100 Trying"));
}

#[test]
fn a_suspended_node_says_when_its_last_call_has_ended() {
    let mut stage = Stage::new();
    stage.register("2000", "10.0.0.2:5062");
    stage.arrives(CALLER, &request("INVITE", INVITE, "2000", "a"));
    let invite = stage.messages()[1].1.clone();
    stage.input(Input::Suspend);
    assert!(!stage.wishes().contains(&Wish::Suspended));
    let busy = invite.replace("INVITE sip:2000@10.0.0.2:5062 SIP/2.0", "SIP/2.0 486 Busy Here");
    stage.arrives("10.0.0.2:5062", &busy);
    assert!(stage.wishes().contains(&Wish::Suspended));
}

#[test]
fn the_ack_of_an_answer_of_ours_goes_no_further() {
    let mut stage = Stage::new();
    stage.policy.0 = ForwardingDecision::Redirect { code: 302, contacts: vec!["10.9.0.9".into()] };
    stage.register("2000", "10.0.0.2:5062");
    stage.arrives(CALLER, &request("INVITE", INVITE, "2000", "a"));
    let answer = stage.only();
    let ack = request("ACK", INVITE, "2000", "a").replace("aACK", "aINVITE");
    let ack = ack
        .replace("To: <sip:2000@example.com>", &format!("To: {}", value(&answer, HeaderName::To)));
    stage.arrives(CALLER, &ack);
    assert_eq!(stage.lines(), []);
}
