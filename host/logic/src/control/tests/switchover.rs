//! The guide's workflows and the rows of the decision table, each from its cause to the address.

use expect_test::expect;

use super::bench::{Bench, UP, check, check_with, config};

#[test]
fn pair_starts_and_its_address_is_on_the_primary() {
    check(
        "",
        "0 link h1\n 0 link h2\n 3 tick",
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
        0.000 h2 <- welcome, 1 applications, 1 addresses, stored 0
        0.000 90-02009 -: agent of host h2 is linked
        0.000 h2 <- start sip-2
        0.000 90-02001 sip-2: sip-2 started on host h2
        0.000 h2 <- sip-2 Backup, term 1
        0.000 00-05151 sip-2: The run mode of the Application is changed to Backup
        0.000 run AR_SIP_BACKUP_VIP_DOWN
        0.000 h2 <- sip-vip Down, term 1, 8000 ms
        0.000 90-03003 SIP_SERVER_BACKUP_VIP_DOWN: virtual IP sip-vip is off host h2, verified
    "#]],
    );
}

#[test]
fn manual_switchover_runs_the_guide_s_workflow() {
    check(
        UP,
        "5 operator switchover\n 9 tick",
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
    "#]],
    );
}

#[test]
fn dead_primary_is_replaced_and_comes_back_as_backup() {
    check(
        UP,
        "5 died sip-1\n 6 restarted sip-1\n 9 tick",
        expect![[r#"
        5.000 90-02002 sip-1: sip-1 on host h1 ended by itself: signal 9
        5.000 90-01001 sip-2: pair sip: sip-2 is to become primary (switchover 2): sip-1 on h1 ended by itself (signal 9)
        5.000 h2 <- sip-2 Primary, term 2
        5.000 00-05150 sip-2: The run mode of the Application is changed to Primary
        5.000 90-01002 sip-2: pair sip: sip-2 is primary with term 2 (switchover 2)
        5.000 run AR_SIP_BACKUP_VIP_UP
        5.000 run AR_SIP_PRIMARY_VIP_DOWN
        5.000 h1 <- sip-vip Down, term 2, 8000 ms
        5.000 h2 <- sip-vip Up, term 2, Confirmed, 8000 ms
        5.000 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
        5.000 90-03001 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is on host h2, verified
        6.000 90-02001 sip-1: sip-1 started on host h1
        6.000 h1 <- sip-1 Backup, term 2
        6.000 00-05151 sip-1: The run mode of the Application is changed to Backup
        6.000 run AR_SIP_PRIMARY_VIP_DOWN
        6.000 h1 <- sip-vip Down, term 2, 8000 ms
        6.000 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
    "#]],
    );
}

#[test]
fn lost_host_is_replaced_and_goes_to_backup_when_it_is_back() {
    check(
        UP,
        "5 cut h1\n 8 link h1\n 12 tick",
        expect![[r#"
            5.000 90-02008 -: link to the agent of host h1 lost: its agent closed the link
            5.000 90-01001 sip-2: pair sip: sip-2 is to become primary (switchover 2): host h1 of sip-1 can not be reached
            5.000 h2 <- sip-2 Primary, term 2
            5.000 00-05150 sip-2: The run mode of the Application is changed to Primary
            5.000 90-01002 sip-2: pair sip: sip-2 is primary with term 2 (switchover 2)
            5.000 run AR_SIP_BACKUP_VIP_UP
            5.000 run AR_SIP_PRIMARY_VIP_DOWN
            5.000 h2 <- sip-vip Up, term 2, Unknown, 8000 ms
            5.000 90-03011 SIP_SERVER_BACKUP_VIP_UP: host h2 takes virtual IP sip-vip without knowing whether the old holder let go: host h1 can not be reached
            5.000 90-03004 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip was not taken off host h1: unavailable: host h1 is not linked
            5.000 component: unavailable: host h1 is not linked
            5.000 90-03001 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is on host h2, verified
            8.000 h1 <- welcome, 1 applications, 1 addresses, stored 0
            8.000 90-02009 -: agent of host h1 is linked
            8.000 h2 <- announce sip-vip
            8.000 90-01007 sip-2: pair sip: both were primary when a link came back; sip-1 goes to backup, sip-2 stays
            8.000 h1 <- sip-1 Backup, term 2
            8.000 00-05151 sip-1: The run mode of the Application is changed to Backup
            8.000 run AR_SIP_PRIMARY_VIP_DOWN
            8.000 h1 <- sip-vip Down, term 2, 8000 ms
            8.000 h2 <- announce sip-vip
            8.000 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
        "#]],
    );
}

#[test]
fn primary_that_can_not_serve_is_exchanged() {
    check(
        UP,
        "5 unavailable sip-1\n 7 available sip-1",
        expect![[r#"
        5.000 90-02006 sip-1: sip-1 can not serve: no reason given
        5.000 90-01001 sip-2: pair sip: sip-2 is to become primary (switchover 2): sip-1 on h1 says that it can not serve
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
        5.000 90-03001 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is on host h2, verified
        5.000 run AR_SIP_PRIMARY_VIP_DOWN
        5.000 h1 <- sip-vip Down, term 2, 8000 ms
        5.000 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
        7.000 90-02007 sip-1: sip-1 can serve again
    "#]],
    );
}

#[test]
fn primary_stopped_by_an_operator_is_replaced_and_not_restarted() {
    check(
        UP,
        "5 operator stop sip-1\n 7 cut h1\n 8 link h1\n 9 tick",
        expect![[r#"
        5.000 90-06003 sip-1: operator eve asked for stop of sip-1
        5.000 h1 <- stop sip-1
        5.000 90-01001 sip-2: pair sip: sip-2 is to become primary (switchover 2): sip-1 on h1 was stopped as ordered
        5.000 h2 <- sip-2 Primary, term 2
        5.000 90-02005 sip-1: sip-1 on host h1 was stopped as ordered
        5.000 operator 4: Done
        5.000 00-05150 sip-2: The run mode of the Application is changed to Primary
        5.000 90-01002 sip-2: pair sip: sip-2 is primary with term 2 (switchover 2)
        5.000 run AR_SIP_BACKUP_VIP_UP
        5.000 run AR_SIP_PRIMARY_VIP_DOWN
        5.000 h1 <- sip-vip Down, term 2, 8000 ms
        5.000 h2 <- sip-vip Up, term 2, Confirmed, 8000 ms
        5.000 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
        5.000 90-03001 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is on host h2, verified
        7.000 90-02008 -: link to the agent of host h1 lost: its agent closed the link
        8.000 h1 <- welcome, 1 applications, 1 addresses, stored 0
        8.000 90-02009 -: agent of host h1 is linked
    "#]],
    );
}

#[test]
fn holder_that_is_cut_off_from_the_service_hands_over() {
    check(
        UP,
        "5 network h2 good\n 6 network h1 bad\n 8 network h1 good",
        expect![[r#"
            6.000 90-03012 sip-1: host h1 is cut off from the network of sip-vip: no reference answers
            6.000 90-01001 sip-2: pair sip: sip-2 is to become primary (switchover 2): sip-1 on h1 is cut off from the network of the service: no reference answers
            6.000 h1 <- sip-1 Backup, term 2
            6.000 h2 <- sip-2 Primary, term 2
            6.000 00-05151 sip-1: The run mode of the Application is changed to Backup
            6.000 run AR_SIP_PRIMARY_VIP_DOWN
            6.000 00-05150 sip-2: The run mode of the Application is changed to Primary
            6.000 90-01002 sip-2: pair sip: sip-2 is primary with term 2 (switchover 2)
            6.000 run AR_SIP_BACKUP_VIP_UP
            6.000 h1 <- sip-vip Down, term 2, 8000 ms
            6.000 h2 <- sip-vip Up, term 2, Confirmed, 8000 ms
            6.000 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
            6.000 90-03001 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is on host h2, verified
            6.000 run AR_SIP_PRIMARY_VIP_DOWN
            6.000 h1 <- sip-vip Down, term 2, 8000 ms
            6.000 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
            8.000 90-03013 sip-1: host h1 reaches the network of sip-vip again
        "#]],
    );
}

#[test]
fn backup_that_does_not_run_is_said_and_nothing_switches() {
    check(
        UP,
        "5 died sip-2\n 6 operator switchover\n 7 unavailable sip-1",
        expect![[r#"
        5.000 90-02002 sip-2: sip-2 on host h2 ended by itself: signal 9
        6.000 90-06001 sip-1: operator eve asked for switchover of pair sip
        6.000 90-01004 sip-1: pair sip: switchover refused: sip-2 on h2 is stopped; it must run to take over
        6.000 operator 4: refused, sip-2 on h2 is stopped; it must run to take over
        7.000 90-02006 sip-1: sip-1 can not serve: no reason given
        7.000 90-01005 sip-1: pair sip: no switchover, because sip-2 is stopped
    "#]],
    );
}

#[test]
fn first_of_two_dead_ones_to_run_again_serves() {
    check(
        UP,
        "5 died sip-2\n 6 died sip-1\n 7 restarted sip-2\n 9 restarted sip-1",
        expect![[r#"
        5.000 90-02002 sip-2: sip-2 on host h2 ended by itself: signal 9
        6.000 90-02002 sip-1: sip-1 on host h1 ended by itself: signal 9
        6.000 90-01005 sip-1: pair sip: no switchover, because sip-2 is stopped
        6.000 90-01008 sip-1: pair sip: nobody is primary: sip-1 on h1 is stopped; sip-2 on h2 is stopped
        7.000 90-02001 sip-2: sip-2 started on host h2
        7.000 90-01001 sip-2: pair sip: sip-2 is to become primary (switchover 2): nobody is primary and sip-2 on h2 is the first that can be
        7.000 h2 <- sip-2 Primary, term 2
        7.000 00-05150 sip-2: The run mode of the Application is changed to Primary
        7.000 90-01002 sip-2: pair sip: sip-2 is primary with term 2 (switchover 2)
        7.000 run AR_SIP_BACKUP_VIP_UP
        7.000 run AR_SIP_PRIMARY_VIP_DOWN
        7.000 h1 <- sip-vip Down, term 2, 8000 ms
        7.000 h2 <- sip-vip Up, term 2, Confirmed, 8000 ms
        7.000 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
        7.000 90-03001 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is on host h2, verified
        9.000 90-02001 sip-1: sip-1 started on host h1
        9.000 h1 <- sip-1 Backup, term 2
        9.000 00-05151 sip-1: The run mode of the Application is changed to Backup
        9.000 run AR_SIP_PRIMARY_VIP_DOWN
        9.000 h1 <- sip-vip Down, term 2, 8000 ms
        9.000 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
    "#]],
    );
}

#[test]
fn demotion_that_is_not_confirmed_fails_the_switchover() {
    check(
        UP,
        "5 h1 is deaf\n 5 operator switchover\n 8 h1 is obedient\n 8 h1 answers",
        expect![[r#"
            5.000 90-06001 sip-1: operator eve asked for switchover of pair sip
            5.000 90-01001 sip-2: pair sip: sip-2 is to become primary (switchover 2): operator eve asked for it
            5.000 h1 <- sip-1 Backup, term 2
            7.000 90-01006 sip-1: pair sip: sip-1 did not confirm that it is backup; it stays primary
            7.000 90-01003 sip-1: pair sip: switchover 2 failed: sip-1 on h1 did not confirm that it is backup: timed out; sip-1 stays primary
            7.000 operator 4: refused, sip-1 on h1 did not confirm that it is backup: timed out; sip-1 stays primary
            7.000 h1 <- sip-1 Primary, term 3
        "#]],
    );
}

#[test]
fn paused_pair_decides_nothing() {
    check(
        UP,
        "5 operator pause\n 6 died sip-1\n 7 operator resume\n 8 tick",
        expect![[r#"
        5.000 90-06005 sip-1: operator eve asked for pause of pair sip
        5.000 operator 4: Done
        6.000 90-02002 sip-1: sip-1 on host h1 ended by itself: signal 9
        6.000 90-01004 sip-1: pair sip: switchover refused: the pair is paused; sip-1 on h1 ended by itself (signal 9)
        7.000 90-06006 sip-1: operator eve asked for resumption of pair sip
        7.000 operator 5: Done
        7.000 90-01001 sip-2: pair sip: sip-2 is to become primary (switchover 2): sip-1 on h1 ended by itself (signal 9)
        7.000 h2 <- sip-2 Primary, term 2
        7.000 00-05150 sip-2: The run mode of the Application is changed to Primary
        7.000 90-01002 sip-2: pair sip: sip-2 is primary with term 2 (switchover 2)
        7.000 run AR_SIP_BACKUP_VIP_UP
        7.000 run AR_SIP_PRIMARY_VIP_DOWN
        7.000 h1 <- sip-vip Down, term 2, 8000 ms
        7.000 h2 <- sip-vip Up, term 2, Confirmed, 8000 ms
        7.000 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
        7.000 90-03001 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is on host h2, verified
    "#]],
    );
}

#[test]
fn wait_for_a_lost_host_ends_without_a_switchover_when_it_is_back() {
    let wait = "[control]\ndisconnect_switchover_timeout_s = 5\n";
    check_with(
        wait,
        UP,
        "5 cut h1\n 8 link h1\n 12 tick",
        expect![[r#"
        5.000 90-02008 -: link to the agent of host h1 lost: its agent closed the link
        5.000 h2 <- suspect sip-vip
        8.000 h1 <- welcome, 1 applications, 1 addresses, stored 0
        8.000 90-02009 -: agent of host h1 is linked
    "#]],
    );
}

#[test]
fn a_takeover_waits_while_the_backup_still_sees_the_primary_serve() {
    check(
        UP,
        "6 sees sip-1 silence\n 7 sees sip-2 serving\n 7 cut h1\n 9 link h1\n 20 tick",
        expect![[r#"
            7.000 90-02008 -: link to the agent of host h1 lost: its agent closed the link
            7.000 h2 <- suspect sip-vip
            7.000 90-01022 sip-1: pair sip: the host of sip-1 is lost, but sip-2 still sees it serve; the takeover waits for at most 10 s
            9.000 h1 <- welcome, 1 applications, 1 addresses, stored 0
            9.000 90-02009 -: agent of host h1 is linked
        "#]],
    );
}

#[test]
fn every_decision_is_a_chain_of_sentences() {
    let mut bench = Bench::new(config(""));
    bench.run(UP);
    bench.story.clear();
    bench.show_steps = true;
    bench.run("5 died sip-1\n 6 restarted sip-1");
    expect![[r#"
        5.000 90-02002 sip-1: sip-1 on host h1 ended by itself: signal 9
        5.000 why 2 term 2 +0: sip-1 on h1 ended by itself (signal 9)
        5.000 90-01001 sip-2: pair sip: sip-2 is to become primary (switchover 2): sip-1 on h1 ended by itself (signal 9)
        5.000 h2 <- sip-2 Primary, term 2
        5.000 why 2 term 2 +0: sip-2 on h2 is told to be primary with term 2
        5.000 why 2 term 2 +0: sip-2 on h2 confirmed that it is primary
        5.000 00-05150 sip-2: The run mode of the Application is changed to Primary
        5.000 90-01002 sip-2: pair sip: sip-2 is primary with term 2 (switchover 2)
        5.000 why 2 term 2 +0: condition ALRM_SIP_BACKUP_50_HAPrimary runs reaction AR_SIP_BACKUP_VIP_UP
        5.000 run AR_SIP_BACKUP_VIP_UP
        5.000 why 2 term 2 +0: condition ALRM_SIP_BACKUP_50_HAPrimary runs reaction AR_SIP_PRIMARY_VIP_DOWN
        5.000 run AR_SIP_PRIMARY_VIP_DOWN
        5.000 h1 <- sip-vip Down, term 2, 8000 ms
        5.000 why 2 term 2 +0: sip-vip: h1 is told to take it off
        5.000 h2 <- sip-vip Up, term 2, Confirmed, 8000 ms
        5.000 why 2 term 2 +0: sip-vip: h2 is told to take it over, nobody else has it
        5.000 why 2 term 2 +0: sip-vip: h1 does not have it, verified
        5.000 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
        5.000 why 2 term 2 +0: sip-vip: h2 has it, verified
        5.000 90-03001 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is on host h2, verified
        6.000 90-02001 sip-1: sip-1 started on host h1
        6.000 h1 <- sip-1 Backup, term 2
        6.000 why 2 term 2 +1: sip-1 on h1 confirmed that it is backup
        6.000 00-05151 sip-1: The run mode of the Application is changed to Backup
        6.000 why 2 term 2 +1: condition ALRM_SIP_PRIMARY_51_HABackup runs reaction AR_SIP_PRIMARY_VIP_DOWN
        6.000 run AR_SIP_PRIMARY_VIP_DOWN
        6.000 h1 <- sip-vip Down, term 2, 8000 ms
        6.000 why 2 term 2 +1: sip-vip: h1 is told to take it off
        6.000 why 2 term 2 +1: sip-vip: h1 does not have it, verified
        6.000 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
    "#]].assert_eq(&bench.story);
}

#[test]
fn operators_see_each_change_once() {
    let mut bench = Bench::new(config(""));
    bench.run(UP);
    bench.story.clear();
    bench.show_views = true;
    bench.run("5 operator switchover");
    expect![[r#"
        5.000 90-06001 sip-1: operator eve asked for switchover of pair sip
        5.000 90-01001 sip-2: pair sip: sip-2 is to become primary (switchover 2): operator eve asked for it
        5.000 h1 <- sip-1 Backup, term 2
        5.000 pair sip term 2: sip-1 is to stand by
        5.000 h2 <- sip-2 Primary, term 2
        5.000 00-05151 sip-1: The run mode of the Application is changed to Backup
        5.000 run AR_SIP_PRIMARY_VIP_DOWN
        5.000 alarm 3 ALRM_SIP_PRIMARY_51_HABackup
        5.000 application sip-1 Running Some(Backup)
        5.000 pair sip term 2: sip-2 is to become primary
        5.000 00-05150 sip-2: The run mode of the Application is changed to Primary
        5.000 90-01002 sip-2: pair sip: sip-2 is primary with term 2 (switchover 2)
        5.000 run AR_SIP_BACKUP_VIP_UP
        5.000 alarm 4 ALRM_SIP_BACKUP_50_HAPrimary
        5.000 application sip-2 Running Some(Primary)
        5.000 pair sip term 2: sip-2 is primary
        5.000 h1 <- sip-vip Down, term 2, 8000 ms
        5.000 h2 <- sip-vip Up, term 2, Confirmed, 8000 ms
        5.000 vip sip-vip {h1: Bad("deleted"), h2: Bad("taken off as ordered")}
        5.000 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
        5.000 vip sip-vip {h1: Bad("taken off as ordered"), h2: Bad("taken off as ordered")}
        5.000 operator 4: SwitchedOver(SwitchoverId(2))
        5.000 vip sip-vip {h1: Bad("taken off as ordered"), h2: Good}
        5.000 90-03001 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is on host h2, verified
        5.000 run AR_SIP_PRIMARY_VIP_DOWN
        5.000 alarm 3 ALRM_SIP_PRIMARY_51_HABackup
        5.000 alarm 4 ALRM_SIP_BACKUP_50_HAPrimary
        5.000 alarm 4 ALRM_SIP_BACKUP_50_HAPrimary
        5.000 h1 <- sip-vip Down, term 2, 8000 ms
        5.000 vip sip-vip {h1: Bad("deleted"), h2: Good}
        5.000 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
        5.000 vip sip-vip {h1: Bad("taken off as ordered"), h2: Good}
        5.000 alarm 4 ALRM_SIP_BACKUP_50_HAPrimary
    "#]].assert_eq(&bench.story);
}
