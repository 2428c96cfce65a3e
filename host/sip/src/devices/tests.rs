//! Devices that answer, fall silent and come back. A line of a script is `MILLISECONDS WORDS`; what
//! is due in between happens and is shown.

use std::fmt::Write;

use expect_test::{Expect, expect};

use super::*;
use crate::directory::DnType;

fn now(ms: u64) -> Now {
    Now { instant: Instant(ms * 1_000_000), at: Timestamp(ms) }
}

fn dn(number: &str, check_s: u64, force_s: u64) -> Dn {
    let mut dn = Dn::new(number, DnType::Trunk);
    dn.oos_check = Duration::from_secs(check_s);
    dn.oos_force = Duration::from_secs(force_s);
    dn
}

fn drain(devices: &mut Devices, ms: u64, text: &mut String) {
    while let Some(output) = devices.poll() {
        writeln!(text, "{ms} {output:?}").unwrap();
    }
}

fn check(dns: &[Dn], script: &str, expected: Expect) {
    let mut devices = Devices::default();
    let mut standby = Devices::default();
    devices.configure(now(0), dns.iter());
    let (mut text, mut ms) = (String::new(), 0);
    for line in script.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let until: u64 = words[0].parse().unwrap();
        while let Some(due) = devices.deadline().filter(|due| *due <= now(until).instant) {
            ms = due.0.div_ceil(1_000_000).max(ms);
            devices.tick(now(ms));
            drain(&mut devices, ms, &mut text);
        }
        ms = until;
        match words[1..] {
            ["serve"] => devices.serve(now(ms), true),
            ["stop"] => devices.serve(now(ms), false),
            ["answer", dn] => devices.answered(now(ms), dn),
            ["fail", dn] => devices.failed(now(ms), dn),
            ["forget", dn] => {
                devices.configure(now(ms), dns.iter().filter(|known| &*known.number != dn));
            }
            ["end"] => {}
            _ => panic!("{line}"),
        }
        drain(&mut devices, ms, &mut text);
        while let Some(change) = devices.poll_change() {
            standby.apply(change);
        }
        assert!(devices == standby, "the second node knows something else after {line}");
    }
    expected.assert_eq(&text);
}

#[test]
fn silence_means_out_of_service_and_any_answer_means_in_service() {
    let dns = [dn("t", 10, 4)];
    let script = "0 serve\n1 answer t\n10500 end\n29000 answer t\n29500 end\n45000 end";
    check(
        &dns,
        script,
        expect![[r#"
        0 Check("t")
        10000 Check("t")
        14000 OutOfService("t")
        20000 Check("t")
        29000 BackInService("t")
        30000 Check("t")
        34000 OutOfService("t")
        40000 Check("t")
    "#]],
    );
}

#[test]
fn without_oos_force_the_check_itself_is_the_verdict() {
    let script = "0 serve\n500 fail t\n600 fail t\n12000 answer t\n12001 fail t\n12002 end";
    check(
        &[dn("t", 10, 0)],
        script,
        expect![[r#"
        0 Check("t")
        500 OutOfService("t")
        10000 Check("t")
        12000 BackInService("t")
    "#]],
    );
}

#[test]
fn a_failed_check_waits_for_oos_force() {
    check(
        &[dn("t", 10, 4)],
        "0 serve\n500 fail t\n3999 end\n4000 end",
        expect![[r#"
        0 Check("t")
        4000 OutOfService("t")
    "#]],
    );
}

#[test]
fn only_who_serves_asks_and_begins_spread_out() {
    let dns = [dn("a", 10, 4), dn("b", 2, 1), dn("c", 10, 4), dn("d", 0, 0)];
    let script = "9000 serve\n13000 stop\n60000 answer a\n60001 serve\n60100 end";
    check(
        &dns,
        script,
        expect![[r#"
        9000 Check("a")
        9667 Check("b")
        10667 OutOfService("b")
        11667 Check("b")
        12334 Check("c")
        13000 OutOfService("a")
        60001 Check("a")
    "#]],
    );
}

#[test]
fn a_device_that_is_no_longer_configured_is_in_service() {
    check(
        &[dn("a", 10, 4)],
        "0 serve\n5000 end\n6000 forget a\n50000 end",
        expect![[r#"
        0 Check("a")
        4000 OutOfService("a")
        6000 BackInService("a")
    "#]],
    );
}

#[test]
fn a_monitor_sees_what_is_known() {
    let mut devices = Devices::default();
    devices.configure(now(0), [dn("a", 10, 4), dn("b", 20, 5)].iter());
    devices.apply(Change { dn: "b".into(), out_since: Some(Timestamp(1)) });
    devices.answered(now(100), "a");
    let seen: Vec<_> = devices
        .monitored(now(150).instant)
        .iter()
        .map(|d| (d.dn.to_string(), d.check_interval_s, d.in_service, d.answered_ago_ms))
        .collect();
    let expected = [("a".to_owned(), 10, true, Some(50)), ("b".to_owned(), 20, false, None)];
    assert_eq!(seen, expected);
    assert!(devices.is_in_service("unknown"));
}
