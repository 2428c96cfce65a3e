//! What operators and components ask for, and that each is answered.

use expect_test::expect;

use super::bench::{Bench, UP, check, check_with, config};
use crate::component::ManagementCall;
use crate::control::io::{Input, Output};
use crate::ids::RunId;
use crate::link::Fault;

#[test]
fn commands_about_nothing_are_refused() {
    check(
        UP,
        "5 operator switchover-of x\n 5 operator start x\n 5 operator stop x\n 5 operator restart x\n 5 operator test x",
        expect![[r#"
            5.000 operator 4: refused, pair x: not configured
            5.000 operator 5: refused, application x: not configured
            5.000 operator 6: refused, application x: not configured
            5.000 operator 7: refused, application x: not configured
            5.000 operator 8: refused, condition x: not configured
        "#]],
    );
}

#[test]
fn start_stop_and_restart_of_the_backup() {
    check(
        UP,
        "5 operator start sip-2\n 6 operator restart sip-2\n 7 operator stop sip-2\n 8 operator start sip-2",
        expect![[r#"
            5.000 operator 4: refused, application sip-2 is running
            6.000 90-06004 sip-2: operator eve asked for restart of sip-2
            6.000 h2 <- stop sip-2
            6.000 90-02005 sip-2: sip-2 on host h2 was stopped as ordered
            6.000 h2 <- start sip-2
            6.000 90-02001 sip-2: sip-2 started on host h2
            6.000 h2 <- sip-2 Backup, term 1
            6.000 operator 5: Done
            6.000 00-05151 sip-2: The run mode of the Application is changed to Backup
            6.000 run AR_SIP_BACKUP_VIP_DOWN
            6.000 h2 <- sip-vip Down, term 1, 8000 ms
            6.000 90-03003 SIP_SERVER_BACKUP_VIP_DOWN: virtual IP sip-vip is off host h2, verified
            7.000 90-06003 sip-2: operator eve asked for stop of sip-2
            7.000 h2 <- stop sip-2
            7.000 90-02005 sip-2: sip-2 on host h2 was stopped as ordered
            7.000 operator 7: Done
            8.000 90-06002 sip-2: operator eve asked for start of sip-2
            8.000 h2 <- start sip-2
            8.000 90-02001 sip-2: sip-2 started on host h2
            8.000 h2 <- sip-2 Backup, term 1
            8.000 operator 8: Done
            8.000 00-05151 sip-2: The run mode of the Application is changed to Backup
            8.000 run AR_SIP_BACKUP_VIP_DOWN
            8.000 h2 <- sip-vip Down, term 1, 8000 ms
            8.000 90-03003 SIP_SERVER_BACKUP_VIP_DOWN: virtual IP sip-vip is off host h2, verified
        "#]],
    );
}

#[test]
fn command_whose_host_is_lost_meanwhile_is_answered() {
    check(
        UP,
        "5 h2 is deaf\n 5 operator stop sip-2\n 6 cut h2\n 7 operator start sip-2",
        expect![[r#"
            5.000 90-06003 sip-2: operator eve asked for stop of sip-2
            5.000 h2 <- stop sip-2
            6.000 operator 4: refused, host h2 is not linked
            6.000 90-02008 -: link to the agent of host h2 lost: its agent closed the link
            7.000 90-06002 sip-2: operator eve asked for start of sip-2
            7.000 operator 5: refused, host h2 is not linked
        "#]],
    );
}

#[test]
fn command_that_its_agent_never_answers_times_out() {
    check(
        UP,
        "5 h2 is deaf\n 5 operator stop sip-2\n 30 tick",
        expect![[r#"
        5.000 90-06003 sip-2: operator eve asked for stop of sip-2
        5.000 h2 <- stop sip-2
        16.000 operator 4: refused, timed out
    "#]],
    );
}

#[test]
fn switchover_waits_until_the_primary_has_few_calls() {
    check(
        UP,
        "5 operator drain 30000 3",
        expect![[r#"
        5.000 90-06001 sip-1: operator eve asked for switchover of pair sip
        5.000 h1 <- drain sip-1 to 3 calls, 30000 ms
        5.000 90-01001 sip-2: pair sip: sip-2 is to become primary (switchover 2): operator eve asked for it
        5.000 h1 <- sip-1 Backup, term 2
        5.000 h2 <- sip-2 Primary, term 2
        5.000 00-05151 sip-1: The run mode of the Application is changed to Backup
        5.000 run AR_SIP_PRIMARY_VIP_DOWN
        5.000 00-05150 sip-2: The run mode of the Application is changed to Primary
        5.000 90-01002 sip-2: pair sip: sip-2 is primary with term 2 (switchover 2)
        5.000 run AR_SIP_BACKUP_VIP_UP
        5.000 h1 <- sip-vip Down, term 2, 8000 ms
        5.000 h2 <- sip-vip Up, term 2, Confirmed, 8000 ms
        5.000 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
        5.000 90-01021 sip-2: pair sip: 3 calls were up at the switchover, 0 were reported lost
        5.000 operator 4: SwitchedOver(SwitchoverId(2))
        5.000 90-03001 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is on host h2, verified
        5.000 run AR_SIP_PRIMARY_VIP_DOWN
        5.000 h1 <- sip-vip Down, term 2, 8000 ms
        5.000 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
    "#]],
    );
}

#[test]
fn drain_that_is_answered_late_is_followed_by_the_switchover() {
    check(
        UP,
        "5 h1 is deaf\n 5 operator drain 2000 3\n 6 operator drain 2000 3\n 6.5 h1 is obedient\n 6.5 h1 answers",
        expect![[r#"
            5.000 90-06001 sip-1: operator eve asked for switchover of pair sip
            5.000 h1 <- drain sip-1 to 3 calls, 2000 ms
            6.000 90-06001 sip-1: operator eve asked for switchover of pair sip
            6.000 operator 5: refused, pair sip waits for a switchover already
            6.500 90-01001 sip-2: pair sip: sip-2 is to become primary (switchover 2): operator eve asked for it
            6.500 h1 <- sip-1 Backup, term 2
            6.500 h2 <- sip-2 Primary, term 2
            6.500 00-05151 sip-1: The run mode of the Application is changed to Backup
            6.500 run AR_SIP_PRIMARY_VIP_DOWN
            6.500 00-05150 sip-2: The run mode of the Application is changed to Primary
            6.500 90-01002 sip-2: pair sip: sip-2 is primary with term 2 (switchover 2)
            6.500 run AR_SIP_BACKUP_VIP_UP
            6.500 h1 <- sip-vip Down, term 2, 8000 ms
            6.500 h2 <- sip-vip Up, term 2, Confirmed, 8000 ms
            6.500 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
            6.500 90-01021 sip-2: pair sip: 3 calls were up at the switchover, 0 were reported lost
            6.500 operator 4: SwitchedOver(SwitchoverId(2))
            6.500 90-03001 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is on host h2, verified
            6.500 run AR_SIP_PRIMARY_VIP_DOWN
            6.500 h1 <- sip-vip Down, term 2, 8000 ms
            6.500 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
        "#]],
    );
}

#[test]
fn drain_that_fails_leaves_everything_as_it_is() {
    check(
        UP,
        "5 h1 is contrary\n 5 operator drain 2000 3\n 6 h1 is deaf\n 6 operator drain 2000 3\n 10 operator drain 2000 3\n 11 cut h1\n 11.1 link h1",
        expect![[r#"
            5.000 90-06001 sip-1: operator eve asked for switchover of pair sip
            5.000 h1 <- drain sip-1 to 3 calls, 2000 ms
            5.000 90-01004 sip-1: pair sip: switchover refused: it says no
            5.000 h1 <- end drain of sip-1
            5.000 operator 4: refused, it says no
            6.000 90-06001 sip-1: operator eve asked for switchover of pair sip
            6.000 h1 <- drain sip-1 to 3 calls, 2000 ms
            9.000 90-01004 sip-1: pair sip: switchover refused: timed out
            9.000 h1 <- end drain of sip-1
            9.000 operator 5: refused, timed out
            10.000 90-06001 sip-1: operator eve asked for switchover of pair sip
            10.000 h1 <- drain sip-1 to 3 calls, 2000 ms
            11.000 90-01004 sip-1: pair sip: switchover refused: host h1 is not linked
            11.000 operator 6: refused, host h1 is not linked
            11.000 90-02008 -: link to the agent of host h1 lost: its agent closed the link
            11.000 90-01001 sip-2: pair sip: sip-2 is to become primary (switchover 2): host h1 of sip-1 can not be reached
            11.000 h2 <- sip-2 Primary, term 2
            11.000 00-05150 sip-2: The run mode of the Application is changed to Primary
            11.000 90-01002 sip-2: pair sip: sip-2 is primary with term 2 (switchover 2)
            11.000 run AR_SIP_BACKUP_VIP_UP
            11.000 run AR_SIP_PRIMARY_VIP_DOWN
            11.000 h2 <- sip-vip Up, term 2, Unknown, 8000 ms
            11.000 90-03011 SIP_SERVER_BACKUP_VIP_UP: host h2 takes virtual IP sip-vip without knowing whether the old holder let go: host h1 can not be reached
            11.000 90-03004 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip was not taken off host h1: unavailable: host h1 is not linked
            11.000 component: unavailable: host h1 is not linked
            11.000 90-03001 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is on host h2, verified
            11.100 h1 <- welcome, 1 applications, 1 addresses, stored 0
            11.100 90-02009 -: agent of host h1 is linked
            11.100 h2 <- announce sip-vip
            11.100 90-01007 sip-2: pair sip: both were primary when a link came back; sip-1 goes to backup, sip-2 stays
            11.100 h1 <- sip-1 Backup, term 2
            11.100 00-05151 sip-1: The run mode of the Application is changed to Backup
            11.100 run AR_SIP_PRIMARY_VIP_DOWN
            11.100 h1 <- sip-vip Down, term 2, 8000 ms
            11.100 h2 <- announce sip-vip
            11.100 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
        "#]],
    );
}

#[test]
fn switchover_that_the_address_does_not_follow_says_so() {
    check(
        UP,
        "5 operator switchover\n 6.5 tick\n 7 hang reactions\n 7 operator switchover\n 20 tick",
        expect![[r#"
            5.000 90-06001 sip-1: operator eve asked for switchover of pair sip
            5.000 90-01001 sip-2: pair sip: sip-2 is to become primary (switchover 2): operator eve asked for it
            5.000 h1 <- sip-1 Backup, term 2
            5.000 h2 <- sip-2 Primary, term 2
            5.000 00-05151 sip-1: The run mode of the Application is changed to Backup
            5.000 run AR_SIP_PRIMARY_VIP_DOWN
            5.000 00-05150 sip-2: The run mode of the Application is changed to Primary
            5.000 90-01002 sip-2: pair sip: sip-2 is primary with term 2 (switchover 2)
            5.000 run AR_SIP_BACKUP_VIP_UP
            5.000 h1 <- sip-vip Down, term 2, 8000 ms
            5.000 h2 <- sip-vip Up, term 2, Confirmed, 8000 ms
            5.000 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
            5.000 operator 4: SwitchedOver(SwitchoverId(2))
            5.000 90-03001 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is on host h2, verified
            5.000 run AR_SIP_PRIMARY_VIP_DOWN
            5.000 h1 <- sip-vip Down, term 2, 8000 ms
            5.000 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
            7.000 90-06001 sip-2: operator eve asked for switchover of pair sip
            7.000 90-01001 sip-1: pair sip: sip-1 is to become primary (switchover 3): operator eve asked for it
            7.000 h2 <- sip-2 Backup, term 3
            7.000 h1 <- sip-1 Primary, term 3
            7.000 00-05151 sip-2: The run mode of the Application is changed to Backup
            7.000 run AR_SIP_BACKUP_VIP_DOWN
            7.000 00-05150 sip-1: The run mode of the Application is changed to Primary
            7.000 90-01002 sip-1: pair sip: sip-1 is primary with term 3 (switchover 3)
            7.000 run AR_SIP_PRIMARY_VIP_UP
            16.000 run AR_SIP_BACKUP_VIP_DOWN
            17.000 operator 8: refused, sip-1 is primary, but virtual IP sip-vip is not on host h1: no reaction moved it
        "#]],
    );
}

#[test]
fn application_that_an_operator_stopped_is_not_started_with_its_host() {
    check(
        UP,
        "5 operator stop sip-2\n 6 cut h2\n 7 link h2\n 8 restart\n 8.1 link h2",
        expect![[r#"
            5.000 90-06003 sip-2: operator eve asked for stop of sip-2
            5.000 h2 <- stop sip-2
            5.000 90-02005 sip-2: sip-2 on host h2 was stopped as ordered
            5.000 operator 4: Done
            6.000 90-02008 -: link to the agent of host h2 lost: its agent closed the link
            7.000 h2 <- welcome, 1 applications, 1 addresses, stored 0
            7.000 90-02009 -: agent of host h2 is linked
            8.100 h2 <- welcome, 1 applications, 1 addresses, stored 0
        "#]],
    );
}

#[test]
fn solution_is_started_in_order_and_stopped_in_the_opposite_one() {
    let solution = r#"
[[solution]]
name = "all"
applications = ["sip-1", "sip-2"]
"#;
    let mut bench = Bench::new(config(solution));
    bench.run(UP);
    bench.run("5 hang reactions\n 5 operator test ALRM_SIP_PRIMARY_50_HAPrimary");
    bench.story.clear();
    let run = bench.last_run();
    for call in [
        ManagementCall::StopSolution { name: "all".into() },
        ManagementCall::StartSolution { name: "all".into() },
        ManagementCall::StartSolution { name: "none".into() },
        ManagementCall::RestartApplication { name: "sip-2".into() },
        ManagementCall::StopApplication { name: "x".into(), graceful: true },
    ] {
        let request = bench.next_request();
        bench.feed(Input::Component { request, run, call });
    }
    expect![[r#"
        5.000 h2 <- stop sip-2
        5.000 90-02005 sip-2: sip-2 on host h2 was stopped as ordered
        5.000 h1 <- stop sip-1
        5.000 90-01005 sip-1: pair sip: no switchover, because sip-2 is stopped
        5.000 90-01008 sip-1: pair sip: nobody is primary: sip-1 on h1 is stopping; sip-2 on h2 is stopped
        5.000 90-02005 sip-1: sip-1 on host h1 was stopped as ordered
        5.000 h1 <- start sip-1
        5.000 90-02001 sip-1: sip-1 started on host h1
        5.000 90-01001 sip-1: pair sip: sip-1 is to become primary (switchover 2): nobody is primary and sip-1 on h1 is the first that can be
        5.000 h1 <- sip-1 Primary, term 2
        5.000 h2 <- start sip-2
        5.000 00-05150 sip-1: The run mode of the Application is changed to Primary
        5.000 90-01002 sip-1: pair sip: sip-1 is primary with term 2 (switchover 2)
        5.000 90-02001 sip-2: sip-2 started on host h2
        5.000 h2 <- sip-2 Backup, term 2
        5.000 00-05151 sip-2: The run mode of the Application is changed to Backup
        5.000 component: not found: solution none: not configured
        5.000 h2 <- stop sip-2
        5.000 90-02005 sip-2: sip-2 on host h2 was stopped as ordered
        5.000 h2 <- start sip-2
        5.000 90-02001 sip-2: sip-2 started on host h2
        5.000 h2 <- sip-2 Backup, term 2
        5.000 00-05151 sip-2: The run mode of the Application is changed to Backup
        5.000 component: not found: application x: not configured
    "#]].assert_eq(&bench.story);
}

#[test]
fn call_of_a_reaction_that_has_ended_is_answered() {
    let mut bench = Bench::new(config(""));
    bench.run(UP);
    let request = bench.next_request();
    let call = ManagementCall::GetApplication { name: "sip-1".into() };
    bench.feed(Input::Component { request, run: RunId(77), call });
    let answer = bench.outputs.iter().rev().find_map(|(_, output)| match output {
        Output::AnswerComponent { request: of, result } if *of == request => Some(result.clone()),
        _ => None,
    });
    assert!(matches!(answer, Some(Err(Fault::Unavailable(_)))), "{answer:?}");
}

#[test]
fn option_of_an_application_that_is_not_declared_changes_nothing() {
    let mut bench = Bench::new(config(""));
    bench.run(UP);
    bench.run("5 hang reactions\n 5 operator test ALRM_SIP_PRIMARY_50_HAPrimary");
    bench.story.clear();
    let run = bench.last_run();
    for application in ["sip-1", "x"] {
        let request = bench.next_request();
        let (application, section) = (application.into(), "TServer".into());
        let (key, value) = ("sip-link-type".into(), "3".into());
        let call = ManagementCall::SetOption { application, section, key, value };
        bench.feed(Input::Component { request, run, call });
    }
    expect![[r#"
        5.000 component: invalid: application sip-1: option TServer/sip-link-type is unknown, known: none
        5.000 component: not found: application x: not configured
    "#]].assert_eq(&bench.story);
}

#[test]
fn condition_with_a_switchover_reaction_exchanges_the_pair() {
    let reaction = r#"
[[reaction]]
name = "swap"
plugin = "reaction-switchover"
settings = { vip = "sip-vip", application = "sip-1", action = "enable" }

[[condition]]
name = "no-port"
detect = { event = "04200", application = "sip-1" }
reactions = ["swap"]
"#;
    let mut bench = Bench::new(crate::control::tests::bench::config(reaction));
    bench.run(UP);
    bench.run("5 hang reactions");
    let config = bench.config();
    let about = crate::catalog::About::application(
        crate::time::Timestamp(0),
        &config.applications[&crate::ids::ApplicationName::from("sip-1")],
    );
    let event = crate::catalog::critical_condition(&about, &"port 5060 is taken");
    bench.feed(Input::Event { event });
    bench.story.clear();
    let run = bench.last_run();
    let only_if = Some(crate::link::RunMode::Primary);
    for _ in 0..2 {
        let request = bench.next_request();
        let application = "sip-1".into();
        let call = ManagementCall::Switchover { application, only_if };
        bench.feed(Input::Component { request, run, call });
    }
    expect![[r#"
        5.000 90-01001 sip-2: pair sip: sip-2 is to become primary (switchover 2): alarm reaction swap asked for it
        5.000 h1 <- sip-1 Backup, term 2
        5.000 h2 <- sip-2 Primary, term 2
        5.000 00-05151 sip-1: The run mode of the Application is changed to Backup
        5.000 00-05150 sip-2: The run mode of the Application is changed to Primary
        5.000 90-01002 sip-2: pair sip: sip-2 is primary with term 2 (switchover 2)
        5.000 run AR_SIP_BACKUP_VIP_UP
        5.000 component: stale term: the newest is 2
    "#]].assert_eq(&bench.story);
}

#[test]
fn heartbeat_settings_reach_the_agents() {
    let faster = "[control]\nheartbeat_interval_ms = 50\n";
    check_with(
        faster,
        "",
        "0 link h1",
        expect![[r#"
        0.000 h1 <- welcome, 1 applications, 1 addresses, stored 0
        0.000 90-02009 -: agent of host h1 is linked
        0.000 h1 <- start sip-1
        0.000 90-02001 sip-1: sip-1 started on host h1
        0.000 90-01001 sip-1: pair sip: sip-1 is to become primary (switchover 1): sip-1 on h1 runs and is configured as primary
        0.000 h1 <- sip-1 Primary, term 1
        0.000 00-05150 sip-1: The run mode of the Application is changed to Primary
        0.000 90-01002 sip-1: pair sip: sip-1 is primary with term 1 (switchover 1)
        0.000 run AR_SIP_BACKUP_VIP_DOWN
        0.000 run AR_SIP_PRIMARY_VIP_UP
        0.000 90-03004 SIP_SERVER_BACKUP_VIP_DOWN: virtual IP sip-vip was not taken off host h2: unavailable: host h2 is not linked
        0.000 component: unavailable: host h2 is not linked
        0.000 h1 <- sip-vip Up, term 1, Unknown, 8000 ms
        0.000 90-03011 SIP_SERVER_PRIMARY_VIP_UP: host h1 takes virtual IP sip-vip without knowing whether the old holder let go: host h2 can not be reached
        0.000 90-03001 SIP_SERVER_PRIMARY_VIP_UP: virtual IP sip-vip is on host h1, verified
    "#]],
    );
}
