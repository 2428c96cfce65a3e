//! The call that options describe, and how an answer is shown.

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    wanted: Try,
}

fn parse(args: &[&str]) -> Try {
    let args = [&["try"], args, &["forward-dr"]].concat();
    Line::try_parse_from(args).unwrap().wanted
}

#[test]
fn options_describe_the_call() {
    let call = parse(&[]).call.call();
    assert_eq!((&*call.destination.dn, &*call.request_uri), ("2000", "sip:2000@example.com"));
    assert!(call.destination.known && call.destination.registered && call.peer.is_none());
    let args = [
        "--to",
        "7001",
        "--from",
        "sip:a@b",
        "--kind",
        "routed",
        "--agent-logged-in",
        "--dr-forward",
        "no-agent",
        "--peer",
        "site-b",
        "--peer-lost",
        "--node-mode",
        "single-site",
        "--header",
        "X-Priority: high",
        "--unknown",
    ];
    let call = parse(&args).call.call();
    assert_eq!((call.kind, call.node_mode), (CallKind::Routed, NodeMode::SingleSite));
    assert_eq!((&*call.caller, &*call.request_uri), ("sip:a@b", "sip:7001@example.com"));
    assert!(call.destination.agent_logged_in && !call.destination.registered);
    assert_eq!(call.destination.dr_forward, DrForward::NoAgent);
    assert!(call.peer.is_some_and(|peer| !peer.in_service && &*peer.contact == "site-b"));
    assert_eq!(call.headers.first().map(|header| &*header.value), Some("high"));
}

#[test]
fn settings_are_json_or_text() {
    assert_eq!(setting("a=3"), Ok(("a".into(), 3.into())));
    assert_eq!(setting("a=site b=c"), Ok(("a".into(), "site b=c".into())));
    assert!(setting("a").is_err() && header("a").is_err());
}

#[test]
fn answer_is_shown_with_what_the_telephone_sees() {
    let contacts = vec!["sip:2000@site-b".into()];
    let tried = Tried {
        plugin: "forward-dr".into(),
        version: "0.1.0".into(),
        call: parse(&[]).call.call(),
        decision: Some(ForwardingDecision::Redirect { code: 302, contacts }),
        problem: None,
        took_us: 21.4,
        compile_ms: 40.0,
        telephone: vec!["302 Moved Temporarily".into(), "Contact: <sip:2000@site-b>".into()],
        lines: vec!["a line".into()],
    };
    expect_test::expect![[r#"
        forward-dr 0.1.0
          decision   redirect 302 sip:2000@site-b
          time       21 us
          telephone  302 Moved Temporarily
                     Contact: <sip:2000@site-b>
          it wrote   a line
    "#]]
    .assert_eq(&show(&tried, Out::plain()));
    let problem = Some("deadline".to_owned());
    let nothing =
        Tried { decision: None, problem, telephone: Vec::new(), lines: Vec::new(), ..tried };
    expect_test::expect![[r#"
        forward-dr 0.1.0
          decision   nothing: the node's fallback decides
          because    deadline
          time       21 us
    "#]]
    .assert_eq(&show(&nothing, Out::plain()));
}

#[test]
fn what_would_differ_is_a_table() {
    let call = parse(&[]).call.call();
    let was = takeover::sip_node::record::Decided {
        at: Timestamp(1_700_000_000_000),
        call,
        decision: ForwardingDecision::Deliver,
        by_fallback: true,
        skipped: 3,
    };
    let now = Some(ForwardingDecision::ThroughTrunk("to-peer".into()));
    let differences = vec![
        Difference { was: was.clone(), now, problem: None },
        Difference { was, now: None, problem: Some("deadline".into()) },
    ];
    let compared = Compared {
        plugin: "forward-dr".into(),
        version: "0.2.0".into(),
        calls: 9,
        different: 2,
        undecided: 1,
        not_recorded: 6,
        median_us: 21.4,
        differences,
        ..Compared::default()
    };
    let show = Show { out: Out::plain(), zone: jiff::tz::TimeZone::UTC };
    let text = show_compared(&compared, &show);
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    assert!(lines[1].starts_with("2023-11-14 22:13:20.000  sip:7777@example.com  2000"), "{text}");
    assert!(lines[1].ends_with("deliver (fallback)  through-trunk to-peer"), "{text}");
    assert!(lines[2].ends_with("nothing: deadline"), "{text}");
    let sum = "forward-dr 0.2.0: 9 calls, 2 would be decided otherwise, of them 1 not at all; \
               21 us each";
    assert_eq!(lines[3..], [sum, "6 were not recorded"]);
}

#[test]
fn recorded_calls_are_those_of_the_last_day_where_nothing_else_is_said() {
    let recorded = parse(&["--calls", "state"]).recorded;
    assert_eq!((recorded.calls, recorded.since), (Some("state".into()), 24));
    assert!(Line::try_parse_from(["try", "--since", "5", "forward-dr"]).is_err());
}
