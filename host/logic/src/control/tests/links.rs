//! Links: heartbeats, silence, reports, and agents that do not fit.

use std::time::Duration;

use expect_test::expect;

use super::bench::{Bench, UP, check, config};
use crate::control::io::{Input, LinkEnd};
use crate::ids::ReportSequence;
use crate::link::{AgentMessage, Hello, PROTOCOL};

#[test]
fn silent_host_is_suspected_first_and_lost_after_the_last_heartbeat() {
    check(
        UP,
        "5 h1 is silent\n 6 tick",
        expect![[r#"
        5.120 h2 <- suspect sip-vip
        5.300 h1 <- closed: silent for 300 ms
        5.300 90-02008 -: link to the agent of host h1 lost: silent for 300 ms
        5.300 90-01001 sip-2: pair sip: sip-2 is to become primary (switchover 2): host h1 of sip-1 can not be reached
        5.300 h2 <- sip-2 Primary, term 2
        5.300 00-05150 sip-2: The run mode of the Application is changed to Primary
        5.300 90-01002 sip-2: pair sip: sip-2 is primary with term 2 (switchover 2)
        5.300 run AR_SIP_BACKUP_VIP_UP
        5.300 run AR_SIP_PRIMARY_VIP_DOWN
        5.300 h2 <- sip-vip Up, term 2, Unknown, 8000 ms
        5.300 90-03011 SIP_SERVER_BACKUP_VIP_UP: host h2 takes virtual IP sip-vip without knowing whether the old holder let go: host h1 can not be reached
        5.300 90-03004 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip was not taken off host h1: unavailable: host h1 is not linked
        5.300 component: unavailable: host h1 is not linked
        5.300 90-03001 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is on host h2, verified
    "#]],
    );
}

#[test]
fn closed_link_is_an_immediate_loss() {
    check(
        UP,
        "5 cut h2\n 5.5 link h2",
        expect![[r#"
        5.000 90-02008 -: link to the agent of host h2 lost: its agent closed the link
        5.500 h2 <- welcome, 1 applications, 1 addresses, stored 0
        5.500 90-02009 -: agent of host h2 is linked
    "#]],
    );
}

#[test]
fn pause_of_the_control_server_itself_is_nobody_s_silence() {
    let mut bench = Bench::new(config(""));
    bench.run(UP);
    bench.story.clear();
    bench.now = bench.now + Duration::from_secs(3);
    bench.run("8 tick\n 9 tick");
    assert_eq!(bench.story, "");
}

#[test]
fn each_report_is_taken_in_once_and_in_order() {
    check(
        UP,
        "5 report h1 1\n 5 report h1 2\n 5.1 report h1 2\n 5.2 report h1 1\n 5.3 report h1 3",
        expect![[r#"
            5.000 00-04200 -: critical condition: number 1
            5.000 h1 stored up to 1
            5.000 00-04200 -: critical condition: number 2
            5.000 h1 stored up to 2
            5.100 h1 stored up to 2
            5.200 h1 stored up to 2
            5.300 00-04200 -: critical condition: number 3
            5.300 h1 stored up to 3
        "#]],
    );
}

#[test]
fn position_of_reports_survives_a_restart() {
    check(
        UP,
        "5 report h1 7\n 6 restart\n 6.1 link h1\n 6.2 report h1 7",
        expect![[r#"
        5.000 00-04200 -: critical condition: number 7
        5.000 h1 stored up to 7
        6.100 h1 <- welcome, 1 applications, 1 addresses, stored 7
        6.200 h1 stored up to 7
    "#]],
    );
}

#[test]
fn agents_that_do_not_fit_are_refused_and_the_rest_goes_on() {
    let mut bench = Bench::new(config(""));
    bench.run(UP);
    bench.story.clear();
    let hello = |protocol: u32, host: &str| {
        AgentMessage::Hello(Hello {
            protocol,
            version: "9".into(),
            host: host.into(),
            session: 1,
            applications: vec![],
            vips: vec![],
            newest_report: ReportSequence(0),
        })
    };
    for (host, message) in [
        ("h3", hello(PROTOCOL, "h3")),
        ("h1", hello(PROTOCOL + 1, "h1")),
        ("h1", hello(PROTOCOL, "h2")),
        ("h3", AgentMessage::Heartbeat),
    ] {
        bench.feed(Input::Received { host: host.into(), message });
    }
    bench.feed(Input::LinkEnded { host: "h3".into(), end: LinkEnd::Invalid });
    expect![[r#"
        5.000 90-02010 -: link of host h3 closed: host h3 is not configured
        5.000 h3 <- refused: host h3 is not configured
        5.000 h3 <- closed: host h3 is not configured
        5.000 90-02010 -: link of host h1 closed: protocol 2, this server speaks 1
        5.000 h1 <- refused: protocol 2, this server speaks 1
        5.000 h1 <- closed: protocol 2, this server speaks 1
        5.000 90-02010 -: link of host h1 closed: agent says that it is host h2
        5.000 h1 <- refused: agent says that it is host h2
        5.000 h1 <- closed: agent says that it is host h2
    "#]]
    .assert_eq(&bench.story);
}

#[test]
fn new_link_before_the_end_of_the_old_one_is_no_loss() {
    check(
        UP,
        "5 link h1\n 6 tick",
        expect![[r#"
        5.000 h1 <- welcome, 1 applications, 1 addresses, stored 0
    "#]],
    );
}
