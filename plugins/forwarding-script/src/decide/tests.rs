//! The cases run natively, and what a script can do wrong.

use takeover_cases::forwarding::{self, CallFacts, ForwardingCase};
use takeover_cases::forwarding_words;

use super::*;
use crate::bindings::exports::takeover::plugin::forwarding::{
    CallKind, Destination, DrForward, NodeMode, Peer,
};
use crate::bindings::takeover::plugin::types::Attribute;

forwarding_words!();

thread_local! {
    static LINES: std::cell::RefCell<Vec<String>> = const { std::cell::RefCell::new(Vec::new()) };
}

fn write(level: LogLevel, text: &str) {
    LINES.with_borrow_mut(|lines| lines.push(format!("{level:?}: {text}")));
}

fn run(get: impl Fn(&str) -> Option<String>, facts: &CallFacts) -> String {
    let policy = match Policy::read(get, write) {
        Ok(policy) => policy,
        Err(Fault::Invalid(text)) => return format!("fault invalid: {text}"),
        Err(other) => panic!("{other:?}"),
    };
    let decided = policy.decide(call(facts)).map(words);
    // A warm instance decides the same again.
    assert_eq!(decided.clone().ok(), policy.decide(call(facts)).map(words).ok());
    decided.unwrap_or_else(|error| format!("trap: {error}"))
}

#[test]
fn every_case_holds() {
    let folder = env!("CARGO_MANIFEST_DIR").as_ref();
    let held = forwarding::run_all(folder, |case: &ForwardingCase| {
        run(|key| case.setting(key), &case.call)
    });
    assert!(held.unwrap_or_else(|problems| panic!("{problems}")) >= 3);
}

/// What a script decides about a call with a peer and a header.
fn decided(script: &str) -> String {
    let facts = CallFacts {
        peer: Some(Default::default()),
        headers: vec![("X-Priority".into(), "1".into()), ("x-priority".into(), "2".into())],
        ..CallFacts::default()
    };
    run(|_| Some(script.to_owned()), &facts)
}

#[test]
fn every_name_of_the_call_has_the_word_of_the_contract() {
    let table = [
        ("call.kind", "inbound"),
        ("call.request_uri", "sip:7001@site-a.example"),
        ("call.caller", "sip:bob@example.org"),
        ("call.source", "192.0.2.7:5060"),
        ("call.call_id", "a-call"),
        ("call.from_peer", "false"),
        ("call.node_mode", "in-service"),
        ("call.shutdown_reject_code", "603"),
        ("call.destination.dn", "7001"),
        ("call.destination.known", "true"),
        ("call.destination.registered", "true"),
        ("call.destination.in_service", "true"),
        ("call.destination.agent_logged_in", "true"),
        ("call.destination.dr_forward", "off"),
        ("call.peer.trunk", "to-site-b"),
        ("call.peer.contact", "sip:site-b.example"),
        ("call.peer.in_service", "true"),
        ("call.headers.len()", "2"),
        ("call.headers[1].name", "x-priority"),
        ("call.headers[1].value", "2"),
        ("call.header(\"x-PRIORITY\")", "1"),
        ("call.header(\"x-other\") == ()", "true"),
    ];
    for (name, expected) in table {
        let found = decided(&format!("through_trunk(`${{{name}}}`)"));
        assert_eq!(found, format!("through-trunk {expected}"), "{name}");
    }
}

#[test]
fn word_call_goes_on_calling_what_a_variable_points_to() {
    let script = "let to = |trunk| through_trunk(trunk); \
                  let peer = || call.peer.trunk; to.call(peer.call())";
    assert_eq!(decided(script), "through-trunk to-site-b");
}

#[test]
fn call_without_a_peer_has_unit() {
    let found = run(
        |_| Some("if call.peer == () { deliver() } else { refuse(500, \"x\") }".into()),
        &CallFacts::default(),
    );
    assert_eq!(found, "deliver");
}

#[test]
fn what_can_not_be_read_is_refused_with_its_place() {
    let table = [
        ("", "script is empty"),
        ("let x = ;", "line 1, column 9: "),
        ("\n  deliverr", "line 2, column 3: undefined variable: deliverr"),
        ("eval(\"1\")", "line 1, column 1: "),
        ("import \"x\" as y; deliver()", "line 1, column 1: "),
        ("x::y(1)", "line 1, column 1: "),
    ];
    for (script, expected) in table {
        let found = decided(script);
        let expected = format!("fault invalid: {expected}");
        assert!(found.starts_with(&expected), "{script:?}: {found}");
    }
    let long = format!("deliver() // {}", "x".repeat(limits::SCRIPT_BYTES_MAX));
    assert!(decided(&long).ends_with("bytes, at most 65536"), "{}", decided(&long));
    let deep = format!("{}1{}", "(1 + ".repeat(100), ")".repeat(100));
    assert!(decided(&deep).starts_with("fault invalid: line 1, column "), "{}", decided(&deep));
}

#[test]
fn what_fails_at_run_time_says_where_and_what() {
    let table = [
        ("call.foo", "line 1, column 6: "),
        ("call.kind = \"routed\"; deliver()", "line 1, column "),
        ("call = 1; deliver()", "line 1, column 1: cannot modify constant call"),
        ("deliverr()", "line 1, column 1: function not found: deliverr ()"),
        ("sleep(1000); deliver()", "line 1, column 1: sleep is not there"),
        ("Fn(\"sleep\").call(1000); deliver()", "line 1, column 13: sleep is not there"),
        ("Fn(\"eval\").call(\"1\"); deliver()", "line 1, column 4: "),
        ("fn f() { call.kind } f()", "line 1, column 10: variable not found: call"),
        ("throw \"gone\"", "line 1, column 1: gone"),
        ("fn f() {\n  throw \"gone\" }\nf()", "line 2, column 3: gone"),
        ("1", "the script ended with a number, allowed is deliver, "),
        ("let x = 1;", "the script ended with nothing, allowed is deliver, "),
        ("refuse(399, \"x\")", "line 1, column 1: refuse: code is 399, allowed is 400 to 699"),
        ("refuse(400, \"x\", -1)", "line 1, column 1: refuse: retry_after_s is -1, allowed is 0 "),
        (
            "refuse(400, \"a\\n\")",
            "line 1, column 1: refuse: reason is \"a\\n\", allowed is 1 to 256 ",
        ),
        ("redirect(302, [])", "line 1, column 1: redirect: 0 contacts, allowed is 1 to 8"),
        ("redirect(302, [1])", "line 1, column 1: redirect: contact is i64, allowed is a text"),
        (
            "redirect(302, [\"sip:a\\r\\nX: y\"])",
            "line 1, column 1: redirect: contact is \"sip:a\\r\\nX: y\", allowed is 1 to 256 ",
        ),
        ("redirect(400, [\"sip:a\"])", "line 1, column 1: redirect: code is 400, allowed is 300 "),
        ("through_trunk(\"\")", "line 1, column 1: through_trunk: name is \"\", allowed is 1 "),
    ];
    for (script, expected) in table {
        let found = decided(script);
        assert!(found.starts_with(&format!("trap: {expected}")), "{script:?}: {found}");
    }
}

#[test]
fn every_bound_ends_the_run() {
    let table = [
        ("loop { }", "too many operations"),
        ("let n = 0; try { loop { n += 1 } } catch { deliver() }", "too many operations"),
        ("fn f(n) { f(n + 1) } f(0)", "stack overflow"),
        ("let a = \"x\"; loop { a += a }", "length of string too large"),
        ("let a = [1]; loop { a += a }", "size of array"),
        ("let m = #{}; let n = 0; loop { m[`${n}`] = n; n += 1 }", "too many operations"),
        ("let a = []; a.pad(1000000, 0); a.len()", "size of array"),
    ];
    for (script, expected) in table {
        let found = decided(script);
        assert!(found.starts_with("trap: ") && found.contains(expected), "{script:?}: {found}");
    }
}

#[test]
fn lines_are_written_when_a_call_is_decided_and_not_before() {
    let policy = Policy::read(
        |_| {
            let script =
                "print(1); log(\"a\"); log(\"interaction\", call.kind); debug(2); deliver()";
            Some(script.into())
        },
        write,
    )
    .unwrap();
    LINES.with_borrow(|lines| assert_eq!(*lines, Vec::<String>::new()));
    policy.decide(call(&CallFacts::default())).unwrap();
    let expected = ["Standard: 1", "Standard: a", "Interaction: inbound", "Debug: 2"];
    LINES.with_borrow(|lines| assert_eq!(*lines, expected));
    let unknown = decided("log(\"loud\", \"a\"); deliver()");
    assert!(unknown.starts_with("trap: line 1, column 1: level of log is \"loud\""), "{unknown}");
}

#[test]
fn what_does_not_depend_on_the_call_is_worked_out_once_and_the_same() {
    let script = "const SITE = \"site-\" + \"b\"; let codes = [300, 301]; \
                  codes.push(302); redirect(codes[2], [`sip:${SITE}.example`])";
    assert_eq!(decided(script), "redirect 302 sip:site-b.example");
    assert_eq!(decided("if true { deliver() } else { refuse(400, \"x\") }"), "deliver");
    assert_eq!(decided("refuse(480, \"\")"), "refuse 480 ");
    assert_eq!(decided("refuse(503, \"Busy\", 30)"), "refuse 503 Busy, retry after 30 s");
}
