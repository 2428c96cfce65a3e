//! One trouble at a time.

use takeover_logic::control::io::{AlarmView, HostStatus, Overview};
use takeover_logic::link::{Status, Verdict};

use super::troubles;
use crate::view::tests::{alarm, overview};

#[track_caller]
fn check(change: impl Fn(&mut Overview), expected: &[&str]) {
    let mut overview = overview();
    change(&mut overview);
    assert_eq!(troubles(&overview), expected);
}

#[test]
fn nothing_is_wrong_while_the_primary_has_the_address_and_the_backup_runs() {
    check(|_| {}, &[]);
}

#[test]
fn a_pair_without_primary_is_wrong() {
    check(
        |all| {
            all.pairs[0].primary = None;
            all.pairs[0].state = "both are stopped".into();
        },
        &["pair sip has no primary: both are stopped"],
    );
}

#[test]
fn an_address_that_is_not_with_the_primary_is_wrong() {
    let set = |all: &mut Overview, h1, h2| {
        all.vips[0].presence.insert("h1".into(), h1);
        all.vips[0].presence.insert("h2".into(), h2);
    };
    let unknown = || Verdict::Unknown("link lost".into());
    check(
        |all| set(all, unknown(), Verdict::Bad("absent".into())),
        &["virtual IP sip (10.81.1.100/24) is on no host, primary is sip-1 on h1"],
    );
    check(
        |all| set(all, unknown(), Verdict::Good),
        &["virtual IP sip (10.81.1.100/24) is on h2, but primary is sip-1 on h1"],
    );
    check(
        |all| set(all, Verdict::Good, Verdict::Good),
        &["virtual IP sip (10.81.1.100/24) is on h1 and h2 at once"],
    );
}

#[test]
fn a_lost_host_and_its_backup_are_wrong() {
    check(
        |all| {
            all.hosts[1].status = HostStatus::Disconnected;
            all.applications[1].status = Status::Unknown;
        },
        &["host h2 is disconnected", "pair sip can not switch over: backup sip-2 is unknown"],
    );
    check(|all| all.hosts[0].status = HostStatus::Unknown, &["host h1 has not linked up yet"]);
}

#[test]
fn a_pause_is_wrong_for_it_may_be_forgotten() {
    check(|all| all.pairs[0].paused = true, &["pair sip is paused: nothing is decided about it"]);
}

#[test]
fn an_active_alarm_is_wrong_and_a_test_is_not() {
    check(
        |all| all.alarms = vec![alarm(3), AlarmView { test: true, ..alarm(4) }],
        &["alarm 3 (critical): sip-primary-up about sip-1"],
    );
}
