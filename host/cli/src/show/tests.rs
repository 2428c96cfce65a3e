//! Everything as it is printed.

use std::time::Duration;

use expect_test::{Expect, expect};
use jiff::tz::TimeZone;
use takeover::api::types::OverviewBody;
use takeover_logic::control::io::{
    AlarmView, ClearedBy, HostStatus, Overview, RecordedEvent, Step,
};
use takeover_logic::ids::{EventSequence, SwitchoverId, Term};
use takeover_logic::link::{Exit, Status, StatusCause, Verdict};
use takeover_logic::log_event::Attribute;
use takeover_logic::time::Timestamp;

use super::Show;
use crate::out::Out;
use crate::view::tests::{AT, alarm, event, overview};

fn show() -> Show {
    Show { out: Out::plain(), zone: TimeZone::UTC }
}

#[track_caller]
fn check(change: impl Fn(&mut Overview), expected: Expect) {
    let mut overview = overview();
    change(&mut overview);
    let body = OverviewBody {
        version: "0.1.0".to_owned(),
        at: AT,
        journal_sequence: EventSequence(40),
        overview,
    };
    expected.assert_eq(&show().overview(&body));
}

#[test]
fn an_overview_says_first_that_all_is_well() {
    check(
        |_| {},
        expect![[r#"
        all is well  2026-11-23 10:29:16.123

        pair  primary      backup       term  decision  state
        sip   sip-1 on h1  sip-2 on h2  7     12        sip-1 serves, sip-2 stands by

        virtual IP  pair  address         held by
        sip         sip   10.81.1.100/24  h1

        host  status   address     version
        h1    running  10.82.1.11  0.1.0
        h2    running  10.82.1.12  0.1.0

        application  host  status   run mode  pid   says
        sip-1        h1    running  primary   4711
        sip-2        h2    running  backup    4711

        no alarms
    "#]],
    );
}

#[test]
fn an_overview_says_first_what_is_wrong() {
    check(
        |all| {
            all.hosts[0].status = HostStatus::Disconnected;
            all.applications[0].status = Status::Stopped;
            all.applications[0].cause = Some(StatusCause::Died(Exit::Signal(9)));
            all.applications[0].run_mode = None;
            all.pairs[0].primary = Some("sip-2".into());
            all.pairs[0].backup = Some("sip-1".into());
            all.pairs[0].paused = true;
            let presence = &mut all.vips[0].presence;
            presence.insert("h1".into(), Verdict::Unknown("link lost".into()));
            all.alarms = vec![alarm(3)];
        },
        expect![[r#"
            not all is well  2026-11-23 10:29:16.123
              virtual IP sip (10.81.1.100/24) is on no host, primary is sip-2 on h2
              host h1 is disconnected
              pair sip can not switch over: backup sip-1 is stopped
              pair sip is paused: nothing is decided about it
              alarm 3 (critical): sip-primary-up about sip-1

            pair  primary      backup       term  decision  state
            sip   sip-2 on h2  sip-1 on h1  7     12        paused; sip-1 serves, sip-2 stands by

            virtual IP  pair  address         held by
            sip         sip   10.81.1.100/24  no host  h1: unknown, link lost

            host  status        address     version
            h1    disconnected  10.82.1.11  0.1.0
            h2    running       10.82.1.12  0.1.0

            application  host  status                   run mode  pid   says
            sip-1        h1    stopped: died, signal 9            4711
            sip-2        h2    running                  backup    4711

            alarm  severity  condition       about        raised                   repeats  reactions
            3      critical  sip-primary-up  sip-1 on h1  2026-11-23 10:29:16.123  2        sip-1-up: succeeded, address verified
                                                                                            sip-2-down (clearance): failed, timed out
        "#]],
    );
}

#[test]
fn an_overview_leaves_out_what_there_is_none_of() {
    check(
        |all| *all = Overview::default(),
        expect![[r#"
        all is well  2026-11-23 10:29:16.123

        no alarms
    "#]],
    );
}

#[test]
fn a_cleared_alarm_says_by_what() {
    let cleared = AlarmView {
        cleared: Some((Timestamp(AT.0 + 1000), ClearedBy::Operator("anna".into()))),
        test: true,
        ..alarm(3)
    };
    expect![[r#"
        alarm  severity         condition       about        raised                   repeats  reactions
        3      critical (test)  sip-primary-up  sip-1 on h1  2026-11-23 10:29:16.123  2        sip-1-up: succeeded, address verified
                                                                                               sip-2-down (clearance): failed, timed out
                                                                                               cleared 2026-11-23 10:29:17.123 by operator anna
    "#]].assert_eq(&show().alarms(&[cleared]));
}

#[test]
fn an_event_is_one_line_whatever_is_in_it() {
    let mut recorded = RecordedEvent { sequence: EventSequence(41), event: event() };
    recorded.event.text = "two\nlines \u{1b}[2J".into();
    // Only what the sentence does not say is shown beside it.
    recorded.event.attributes = vec![Attribute::new("term", 7), Attribute::new("count", "two")];
    let line = format!("|{}", show().event(&recorded));
    expect![[r#"
        |    41  2026-11-23 10:29:16.123  00-05150  standard     sip-1@h1          two lines �[2J  term=7
    "#]].assert_eq(&line);
}

#[test]
fn a_decision_is_a_sentence_per_step() {
    let step = |ms, sentence: &str| Step {
        switchover: SwitchoverId(12),
        pair: "sip".into(),
        term: Term(8),
        at: AT,
        after: Duration::from_micros(ms),
        sentence: sentence.into(),
    };
    let steps = [step(0, "sip-1 died by signal 9"), step(1234, "sip-2 is to be primary")];
    expect![[r#"
        decision 12 about pair sip, term 8, 2026-11-23 10:29:16.123
           +0.000 s  sip-1 died by signal 9
           +0.001 s  sip-2 is to be primary
    "#]]
    .assert_eq(&show().steps(&steps));
}
