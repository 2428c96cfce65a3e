//! The cases, run natively against a recorded host.

use takeover_cases::{Alarm, Case, Script, ask, fault_words, run_all};

use super::*;

fault_words!(Fault);

/// The host of a case.
struct Recorded<'a>(&'a mut Script);

impl Network for Recorded<'_> {
    fn monotonic_ms(&mut self) -> u64 {
        self.0.now_ms()
    }

    fn send(&mut self, to: &str, payload: &[u8]) -> Result<(), Fault> {
        answer(self.0, &ask::datagram(to, payload)).map(|_| ())
    }
}

fn run(case: &Case, script: &mut Script) -> String {
    let facts = Facts::of_case(&case.alarm, "");
    let settings = Settings::read(|key| case.setting(key));
    words(settings.and_then(|settings| react(&settings, &facts, &mut Recorded(script))))
}

fn settings(manager: &str, community: &str, enterprise: &str) -> Result<Settings, Fault> {
    Settings::read(|key| {
        let written = match key {
            "manager" => manager,
            "community" => community,
            _ => enterprise,
        };
        Some(written.to_owned())
    })
}

#[test]
fn every_case_holds() {
    let held = run_all(env!("CARGO_MANIFEST_DIR").as_ref(), run).unwrap_or_else(|e| panic!("{e}"));
    assert!(held >= 3, "success, denied and time-out at least");
}

#[test]
fn a_manager_is_a_host_with_or_without_its_port() {
    for (written, expected) in [
        ("192.0.2.9", "192.0.2.9:162"),
        ("192.0.2.9:1162", "192.0.2.9:1162"),
        ("nms.example", "nms.example:162"),
        ("nms.example:10162", "nms.example:10162"),
        ("2001:db8::9", "[2001:db8::9]:162"),
        ("[2001:db8::9]", "[2001:db8::9]:162"),
        ("[2001:db8::9]:1162", "[2001:db8::9]:1162"),
    ] {
        assert_eq!(manager(written).as_deref(), Some(expected), "{written}");
    }
    for bad in ["", ":162", "a b", "nms:0", "nms:", "nms:65536", "nms:x", "[nms]:1", "a:b:1"] {
        assert_eq!(manager(bad), None, "{bad}");
    }
}

#[test]
fn each_mistake_in_the_settings_is_named() {
    let oid = "1.3.6.1.4.1.32473.1";
    let long = format!("1.3.{}", ["4294967295"; 8].join("."));
    for (given, expected) in [
        (
            settings("nms:0", "public", oid),
            "setting manager is \"nms:0\", allowed is a host, or a host and a port from 1 to 65535",
        ),
        (settings("nms", "", oid), "setting community has 0 bytes, allowed are 1 to 64"),
        (
            settings("nms", &"s".repeat(65), oid),
            "setting community has 65 bytes, allowed are 1 to 64",
        ),
        (
            settings("nms", "public", "1.3.x"),
            "setting enterprise is \"1.3.x\", allowed is an object identifier as in \
             1.3.6.1.4.1.32473.1",
        ),
    ] {
        assert_eq!(words(given.map(|_| String::new())), format!("fault invalid: {expected}"));
    }
    assert!(settings("nms", "public", &long).is_err(), "no room for the variables");
    assert_eq!(
        words(Settings::read(|_| None).map(|_| String::new())),
        "fault invalid: setting manager is missing"
    );
}

#[test]
fn the_longest_trap_fits_into_a_datagram_of_the_contract() {
    let longest = format!("1.3.{}.1.1", ["4294967295"; 6].join("."));
    let settings = settings("nms", &"s".repeat(64), &longest).unwrap();
    let text = "ä".repeat(5000);
    let alarm = Alarm {
        condition: text.clone(),
        application: text.clone(),
        host: text.clone(),
        event: text.clone(),
        category: "critical".to_owned(),
        at_unix_ms: u64::MAX,
        raised: false,
        text,
        ..Alarm::default()
    };
    let trap = encode(&settings, &Facts::of_case(&alarm, ""), u64::MAX).unwrap();
    assert!((1100..=1400).contains(&trap.len()), "{} bytes", trap.len());
}

#[test]
fn request_id_is_the_same_for_the_same_alarm() {
    let id = |at_unix_ms: u64, raised: bool| {
        let alarm = Alarm { at_unix_ms, raised, ..Alarm::default() };
        request_id(&Facts::of_case(&alarm, ""))
    };
    assert_eq!(id(1_700_000_000_000, true), id(1_700_000_000_000, true));
    assert_eq!(id(5, true), 10);
    assert_eq!(id(5, false), 11);
    assert!(id(u64::MAX, false) <= 0x7fff_ffff);
}

#[test]
fn up_time_begins_anew_when_it_is_full() {
    assert_eq!(up_time(12_345), 1234);
    assert_eq!(up_time(u64::from(u32::MAX) * 10 + 25), 1);
}
