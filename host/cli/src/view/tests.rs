//! An overview to test with, and changes to it.

use std::collections::BTreeMap;

use takeover_logic::component::{Category, Phase};
use takeover_logic::control::io::{
    AlarmView, ApplicationView, Change, ClearedBy, HostStatus, HostView, Overview, PairView,
    ReactionState, ReactionView, VipView,
};
use takeover_logic::ids::{AlarmId, RunId, SwitchoverId, Term};
use takeover_logic::link::{RunMode, Status, Verdict};
use takeover_logic::log_event::{EventId, Level, LogEvent};
use takeover_logic::time::Timestamp;

use super::apply;

/// 2026-11-23 10:29:16.123 UTC.
pub(crate) const AT: Timestamp = Timestamp(1_795_429_756_123);

/// A pair on two hosts, all well.
pub(crate) fn overview() -> Overview {
    let host = |name: &str, last| HostView {
        name: name.into(),
        address: [10, 82, 1, last].into(),
        status: HostStatus::Running,
        version: Some("0.1.0".into()),
    };
    let application = |name: &str, host: &str, run_mode| ApplicationView {
        name: name.into(),
        kind: "sip-server".into(),
        host: host.into(),
        status: Status::Running,
        cause: None,
        run_mode: Some(run_mode),
        pair: Some("sip".into()),
        pid: Some(4711),
        says: None,
    };
    let absent = Verdict::Bad("not on sip0".into());
    Overview {
        hosts: vec![host("h1", 11), host("h2", 12)],
        applications: vec![
            application("sip-1", "h1", RunMode::Primary),
            application("sip-2", "h2", RunMode::Backup),
        ],
        pairs: vec![PairView {
            name: "sip".into(),
            primary: Some("sip-1".into()),
            backup: Some("sip-2".into()),
            term: Term(7),
            paused: false,
            state: "sip-1 serves, sip-2 stands by".into(),
            switchover: Some(SwitchoverId(12)),
        }],
        vips: vec![VipView {
            name: "sip".into(),
            pair: "sip".into(),
            address: "10.81.1.100/24".into(),
            presence: BTreeMap::from([("h1".into(), Verdict::Good), ("h2".into(), absent)]),
        }],
        alarms: Vec::new(),
    }
}

/// An active alarm about `sip-1`.
pub(crate) fn alarm(id: u64) -> AlarmView {
    AlarmView {
        id: AlarmId(id),
        condition: "sip-primary-up".into(),
        category: Category::Critical,
        application: "sip-1".into(),
        host: Some("h1".into()),
        event: event(),
        raised_at: AT,
        cleared: None,
        repeats: 2,
        test: false,
        reactions: vec![
            ReactionView {
                reaction: "sip-1-up".into(),
                run: RunId(1),
                phase: Phase::Raised,
                state: ReactionState::Succeeded("address verified".into()),
            },
            ReactionView {
                reaction: "sip-2-down".into(),
                run: RunId(2),
                phase: Phase::Cleared,
                state: ReactionState::Failed("timed out".into()),
            },
        ],
    }
}

/// A log event about `sip-1`.
pub(crate) fn event() -> LogEvent {
    LogEvent {
        id: EventId::new(0, 5150),
        level: Level::Standard,
        text: "the run mode is changed to primary".into(),
        application: Some("sip-1".into()),
        application_type: Some("sip-server".into()),
        host: Some("h1".into()),
        at: AT,
        attributes: Vec::new(),
    }
}

#[test]
fn a_change_replaces_what_has_its_name() {
    let mut found = overview();
    let mut pair = found.pairs[0].clone();
    pair.primary = None;
    apply(&mut found, Change::Pair(pair.clone()));
    assert_eq!(found.pairs, [pair]);
}

#[test]
fn something_new_is_sorted_in() {
    let mut found = overview();
    for name in ["h0", "h3", "h1a"] {
        let host = HostView { name: name.into(), ..found.hosts[0].clone() };
        apply(&mut found, Change::Host(host));
    }
    let names: Vec<_> = found.hosts.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(names, ["h0", "h1", "h1a", "h2", "h3"]);
}

#[test]
fn a_cleared_alarm_is_no_longer_active() {
    let mut found = overview();
    apply(&mut found, Change::Alarm(alarm(3)));
    apply(&mut found, Change::Alarm(alarm(4)));
    let cleared = AlarmView { cleared: Some((AT, ClearedBy::Timeout)), ..alarm(3) };
    apply(&mut found, Change::Alarm(cleared));
    assert_eq!(found.alarms, [alarm(4)]);
}
