//! What was not granted is denied, by name, and the log says so.

use takeover_engine::outcome::Ended;
use takeover_logic::link::Fault;

use crate::fixture::{Host, Manner, PLENTY, Sandbox, wait};

const NOT_ASKED: &str = "is not asked for in plugin.toml of test-reaction";

#[track_caller]
fn check(word: &str, expected: &str) {
    let host = Host::new(Manner::Does);
    let outcome = wait(Sandbox::shared().react(&[("do", word)], PLENTY, &host));
    assert_eq!(outcome.ended, Ended::Fault(Fault::Denied(expected.into())), "{word}");
    assert_eq!(host.asked(), Vec::<String>::new(), "{word}: the host was asked all the same");
    assert_eq!(host.lines(), [format!("denied: {expected}")], "{word}");
}

#[test]
fn each_permission_that_is_not_asked_for_is_denied() {
    for (word, permission) in [
        ("start", "management"),
        ("set-option", "set-option"),
        ("command", "command"),
        ("mail", "mail"),
        ("datagram", "datagram"),
        ("memory-get", "memory"),
        ("memory-set", "memory"),
    ] {
        check(word, &format!("permission {permission} {NOT_ASKED}"));
    }
}

#[test]
fn permission_that_waits_for_the_operator_is_denied() {
    check("http", "permission http of test-reaction is not granted by the operator");
}

#[test]
fn permission_that_is_asked_for_and_granted_opens_its_interface() {
    let host = Host::new(Manner::Does);
    let outcome = wait(Sandbox::shared().react(&[("do", "enable")], PLENTY, &host));
    assert_eq!(outcome.ended, Ended::Ok("well behaved".to_owned()));
    assert_eq!(host.asked(), ["EnableVip { vip: a-vip, application: sip-a }"]);
}
