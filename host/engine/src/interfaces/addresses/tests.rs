//! The scope of an order, and the bounds of a probe.

use takeover_logic::component::VipBinding;

use super::*;
use crate::host::{HostAnswer, LogLine, VipHost};

struct Nobody;

impl VipHost for Nobody {
    fn address(&self, _call: AddressCall) -> HostAnswer<'_, AddressAnswer> {
        Box::pin(async { Ok(AddressAnswer::Done) })
    }

    fn log(&self, _line: LogLine) {}
}

fn side(scope: Scope) -> VipSide {
    let binding = VipBinding {
        name: "sip-vip".into(),
        address: "2001:db8::10".parse().unwrap(),
        prefix: 64,
        network_interface: "eth0".into(),
        port: None,
        probe_interval_ms: 50,
        host: "a".into(),
        other_hosts: Vec::new(),
        options: Vec::new(),
    };
    VipSide { host: Arc::new(Nobody), binding, scope }
}

#[track_caller]
fn check(scope: Scope, about: (&str, &str), call: AddressCall, expected: &str) {
    let admitted = side(scope).admit(about.0, about.1, &call);
    let found = admitted.map_or_else(|fault| fault.to_string(), |()| "allowed".to_owned());
    assert_eq!(found, expected);
}

const OWN: (&str, &str) = ("2001:db8::10", "eth0");

#[test]
fn own_address_is_allowed_in_every_spelling() {
    check(Scope::Up, OWN, AddressCall::Add, "allowed");
    check(Scope::Up, ("2001:0DB8:0::0010", "eth0"), AddressCall::Add, "allowed");
}

#[test]
fn other_address_and_other_interface_are_denied_by_name() {
    let own = "this order is about 2001:db8::10 on eth0";
    let denied = format!("denied: address 2001:db8::11 on eth0: {own}");
    check(Scope::Up, ("2001:db8::11", "eth0"), AddressCall::Delete, &denied);
    let denied = format!("denied: address 2001:db8::10 on eth1: {own}");
    check(Scope::Up, ("2001:db8::10", "eth1"), AddressCall::Present, &denied);
    let denied = format!("denied: address anything on eth0: {own}");
    check(Scope::Up, ("anything", "eth0"), AddressCall::Add, &denied);
}

#[test]
fn down_can_not_put_the_address_on() {
    check(Scope::Down, OWN, AddressCall::Add, "denied: addresses.add is not allowed in down");
    let denied = "denied: addresses.announce is not allowed in down";
    check(Scope::Down, OWN, AddressCall::Announce, denied);
    check(Scope::Down, OWN, AddressCall::Delete, "allowed");
}

#[test]
fn probe_changes_nothing() {
    check(Scope::Probe, OWN, AddressCall::Present, "allowed");
    let who_has = AddressCall::WhoHas { attempts: 1, interval_ms: 1 };
    check(Scope::Probe, OWN, who_has, "allowed");
    for (call, word) in [
        (AddressCall::Add, "add"),
        (AddressCall::Delete, "delete"),
        (AddressCall::Announce, "announce"),
    ] {
        let denied = format!("denied: addresses.{word} is not allowed in probe");
        check(Scope::Probe, OWN, call, &denied);
    }
}

#[test]
fn numbers_of_a_probe_are_bounded() {
    assert!(probe(1, 1).is_ok() && probe(10, 1000).is_ok());
    for (attempts, interval_ms, found) in [
        (0, 50, "attempts 0, allowed 1 to 10"),
        (11, 50, "attempts 11, allowed 1 to 10"),
        (3, 0, "interval-ms 0, allowed 1 to 1000"),
        (3, 1001, "interval-ms 1001, allowed 1 to 1000"),
    ] {
        let fault = probe(attempts, interval_ms).unwrap_err().to_string();
        assert_eq!(fault, format!("invalid: addresses.who-has: {found}"));
    }
}
