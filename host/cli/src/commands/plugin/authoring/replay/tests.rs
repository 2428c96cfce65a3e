//! How repeated runs look to people.

use expect_test::expect;
use jiff::tz::TimeZone;
use serde_json::json;
use takeover::journal::run::RecordedRun;

use super::*;
use crate::out::Out;

fn run() -> RecordedRun {
    let event = json!({
        "id": "00-05091", "level": "standard", "text": "it ended", "at": 0, "attributes": []
    });
    serde_json::from_value(json!({
        "at": 1_000, "reaction": "RESTART", "plugin": "restart", "version": "1", "sha256": "",
        "settings": {}, "asked": [], "ended": "ok: restarted",
        "call": {
            "condition": "LOST", "category": "major", "application": "sip-a", "host": null,
            "event": event, "phase": "raised", "repeats": 0, "test": false
        }
    }))
    .unwrap()
}

#[test]
fn run_that_differs_shows_both_sides() {
    let doing = |asked: &[&str], ended: &str| Doing {
        asked: asked.iter().map(ToString::to_string).collect(),
        ended: ended.to_owned(),
    };
    let before = doing(&["management.restart-application sip-a"], "ok: restarted");
    let now = doing(&["mail.send\nto: a@example.com", "vip-control.enable a b"], "fault: no");
    let same = Repeated { run: run(), before: before.clone(), now: before.clone(), differs: false };
    let other = Repeated { now, differs: true, ..same.clone() };
    let show = Show { out: Out::plain(), zone: TimeZone::UTC };
    expect![[r#"
        same 1970-01-01 00:00:01.000 RESTART: LOST about sip-a
        DIFF 1970-01-01 00:00:01.000 RESTART: LOST about sip-a
             before  management.restart-application sip-a
                     ok: restarted
             now     mail.send
                     vip-control.enable a b
                     fault: no
        1 of 2 runs differ
    "#]]
    .assert_eq(&shown(&[same, other], &show));
}
