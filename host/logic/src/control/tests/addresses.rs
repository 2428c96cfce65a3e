//! Addresses: serialized, fenced, waiting for release, reconciled once.

use expect_test::expect;

use super::bench::{Bench, HOSTS, PAIR, UP, check, config, config_of};
use crate::component::ManagementCall;
use crate::control::io::Input;

#[test]
fn up_waits_until_the_old_holder_let_go() {
    check(
        UP,
        "5 h1 is deaf\n 5 died sip-1\n 5.5 h1 answers\n 9 tick",
        expect![[r#"
        5.000 90-02002 sip-1: sip-1 on host h1 ended by itself: signal 9
        5.000 90-01001 sip-2: pair sip: sip-2 is to become primary (switchover 2): sip-1 on h1 ended by itself (signal 9)
        5.000 h2 <- sip-2 Primary, term 2
        5.000 00-05150 sip-2: The run mode of the Application is changed to Primary
        5.000 90-01002 sip-2: pair sip: sip-2 is primary with term 2 (switchover 2)
        5.000 run AR_SIP_BACKUP_VIP_UP
        5.000 run AR_SIP_PRIMARY_VIP_DOWN
        5.000 h1 <- sip-vip Down, term 2, 8000 ms
        5.500 h2 <- sip-vip Up, term 2, Confirmed, 7500 ms
        5.500 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
        5.500 90-03001 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is on host h2, verified
    "#]],
    );
}

#[test]
fn up_goes_on_without_knowing_when_the_old_holder_is_not_heard() {
    check(
        UP,
        "5 h1 is deaf\n 5 died sip-1\n 9 tick",
        expect![[r#"
        5.000 90-02002 sip-1: sip-1 on host h1 ended by itself: signal 9
        5.000 90-01001 sip-2: pair sip: sip-2 is to become primary (switchover 2): sip-1 on h1 ended by itself (signal 9)
        5.000 h2 <- sip-2 Primary, term 2
        5.000 00-05150 sip-2: The run mode of the Application is changed to Primary
        5.000 90-01002 sip-2: pair sip: sip-2 is primary with term 2 (switchover 2)
        5.000 run AR_SIP_BACKUP_VIP_UP
        5.000 run AR_SIP_PRIMARY_VIP_DOWN
        5.000 h1 <- sip-vip Down, term 2, 8000 ms
        7.000 h2 <- sip-vip Up, term 2, Unknown, 6000 ms
        7.000 90-03011 SIP_SERVER_BACKUP_VIP_UP: host h2 takes virtual IP sip-vip without knowing whether the old holder let go: the old holder did not let go in time
        7.000 90-03001 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is on host h2, verified
    "#]],
    );
}

#[test]
fn reaction_of_an_older_promotion_is_fenced_off() {
    check(
        UP,
        "5 hang reactions\n 5 operator switchover\n 5.5 operator switchover\n 6 release reactions\n 9 tick",
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
            5.500 90-06001 sip-2: operator eve asked for switchover of pair sip
            5.500 90-01001 sip-1: pair sip: sip-1 is to become primary (switchover 3): operator eve asked for it
            5.500 h2 <- sip-2 Backup, term 3
            5.500 h1 <- sip-1 Primary, term 3
            5.500 00-05151 sip-2: The run mode of the Application is changed to Backup
            5.500 00-05150 sip-1: The run mode of the Application is changed to Primary
            5.500 90-01002 sip-1: pair sip: sip-1 is primary with term 3 (switchover 3)
            5.500 operator 4: SwitchedOver(SwitchoverId(2))
            5.500 operator 5: SwitchedOver(SwitchoverId(3))
            6.000 component: stale term: the newest is 3
            6.000 component: stale term: the newest is 3
            6.000 run AR_SIP_PRIMARY_VIP_DOWN
            6.000 run AR_SIP_BACKUP_VIP_DOWN
            6.000 component: stale term: the newest is 3
            6.000 h2 <- sip-vip Down, term 3, 8000 ms
            6.000 run AR_SIP_PRIMARY_VIP_UP
            6.000 90-03003 SIP_SERVER_BACKUP_VIP_DOWN: virtual IP sip-vip is off host h2, verified
            6.000 h1 <- sip-vip Up, term 3, Confirmed, 8000 ms
            6.000 run AR_SIP_BACKUP_VIP_DOWN
            6.000 90-03001 SIP_SERVER_PRIMARY_VIP_UP: virtual IP sip-vip is on host h1, verified
            6.000 h2 <- sip-vip Down, term 3, 8000 ms
            6.000 90-03003 SIP_SERVER_BACKUP_VIP_DOWN: virtual IP sip-vip is off host h2, verified
        "#]],
    );
}

#[test]
fn test_of_an_alarm_acts_although_nothing_was_promoted() {
    check(
        UP,
        "5 operator test ALRM_SIP_PRIMARY_51_HABackup\n 7 operator test ALRM_SIP_BACKUP_50_HAPrimary\n 9 tick",
        expect![[r#"
            5.000 90-06007 -: operator eve asked for test of condition ALRM_SIP_PRIMARY_51_HABackup
            5.000 run AR_SIP_PRIMARY_VIP_DOWN
            5.000 operator 4: Alarm(AlarmId(3))
            5.000 h1 <- sip-vip Down, term 1, 8000 ms
            5.000 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
            7.000 90-06007 -: operator eve asked for test of condition ALRM_SIP_BACKUP_50_HAPrimary
            7.000 run AR_SIP_BACKUP_VIP_UP
            7.000 run AR_SIP_PRIMARY_VIP_DOWN
            7.000 operator 6: Alarm(AlarmId(4))
            7.000 h2 <- sip-vip Up, term 1, Confirmed, 8000 ms
            7.000 h1 <- sip-vip Down, term 1, 8000 ms
            7.000 90-03001 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is on host h2, verified
            7.000 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
        "#]],
    );
}

#[test]
fn control_application_is_started_by_hand() {
    check(
        UP,
        "5 operator start SIP_SERVER_PRIMARY_VIP_DOWN\n 6 operator start SIP_SERVER_PRIMARY_VIP_UP\n 7 operator stop SIP_SERVER_PRIMARY_VIP_UP",
        expect![[r#"
            5.000 90-06002 SIP_SERVER_PRIMARY_VIP_DOWN: operator eve asked for start of SIP_SERVER_PRIMARY_VIP_DOWN
            5.000 h1 <- sip-vip Down, term 1, 8000 ms
            5.000 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
            5.000 operator 4: Done
            6.000 90-06002 SIP_SERVER_PRIMARY_VIP_UP: operator eve asked for start of SIP_SERVER_PRIMARY_VIP_UP
            6.000 h1 <- sip-vip Up, term 1, Confirmed, 8000 ms
            6.000 90-03001 SIP_SERVER_PRIMARY_VIP_UP: virtual IP sip-vip is on host h1, verified
            6.000 operator 5: Done
            7.000 operator 6: refused, application SIP_SERVER_PRIMARY_VIP_UP moves virtual IP sip-vip and ends by itself: only start it
        "#]],
    );
}

#[test]
fn second_start_of_a_control_application_is_in_progress() {
    check(
        UP,
        "5 h1 is deaf\n 5 operator start SIP_SERVER_PRIMARY_VIP_DOWN\n 5.5 operator start SIP_SERVER_PRIMARY_VIP_DOWN\n 6 h1 answers",
        expect![[r#"
            5.000 90-06002 SIP_SERVER_PRIMARY_VIP_DOWN: operator eve asked for start of SIP_SERVER_PRIMARY_VIP_DOWN
            5.000 h1 <- sip-vip Down, term 1, 8000 ms
            5.500 operator 5: refused, application SIP_SERVER_PRIMARY_VIP_DOWN is being started or stopped
            6.000 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
            6.000 operator 4: Done
        "#]],
    );
}

#[test]
fn switchover_back_within_the_cancel_timeout_is_reconciled() {
    check(
        UP,
        "5 operator switchover\n 5.2 operator switchover\n 5.4 operator switchover\n 9 tick",
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
            5.200 90-06001 sip-2: operator eve asked for switchover of pair sip
            5.200 90-01001 sip-1: pair sip: sip-1 is to become primary (switchover 3): operator eve asked for it
            5.200 h2 <- sip-2 Backup, term 3
            5.200 h1 <- sip-1 Primary, term 3
            5.200 00-05151 sip-2: The run mode of the Application is changed to Backup
            5.200 run AR_SIP_BACKUP_VIP_DOWN
            5.200 00-05150 sip-1: The run mode of the Application is changed to Primary
            5.200 90-01002 sip-1: pair sip: sip-1 is primary with term 3 (switchover 3)
            5.200 run AR_SIP_PRIMARY_VIP_UP
            5.200 h2 <- sip-vip Down, term 3, 8000 ms
            5.200 h1 <- sip-vip Up, term 3, Confirmed, 8000 ms
            5.200 90-03003 SIP_SERVER_BACKUP_VIP_DOWN: virtual IP sip-vip is off host h2, verified
            5.200 operator 8: SwitchedOver(SwitchoverId(3))
            5.200 90-03001 SIP_SERVER_PRIMARY_VIP_UP: virtual IP sip-vip is on host h1, verified
            5.200 run AR_SIP_BACKUP_VIP_DOWN
            5.200 h2 <- sip-vip Down, term 3, 8000 ms
            5.200 90-03003 SIP_SERVER_BACKUP_VIP_DOWN: virtual IP sip-vip is off host h2, verified
            5.400 90-06001 sip-1: operator eve asked for switchover of pair sip
            5.400 90-01001 sip-2: pair sip: sip-2 is to become primary (switchover 4): operator eve asked for it
            5.400 h1 <- sip-1 Backup, term 4
            5.400 h2 <- sip-2 Primary, term 4
            5.400 00-05151 sip-1: The run mode of the Application is changed to Backup
            5.400 00-05150 sip-2: The run mode of the Application is changed to Primary
            5.400 90-01002 sip-2: pair sip: sip-2 is primary with term 4 (switchover 4)
            6.000 90-01010 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is not where the run modes want it; SIP_SERVER_PRIMARY_VIP_DOWN is started once
            6.000 90-01010 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is not where the run modes want it; SIP_SERVER_BACKUP_VIP_UP is started once
            6.000 h1 <- sip-vip Down, term 4, 8000 ms
            6.000 h2 <- sip-vip Up, term 4, Confirmed, 8000 ms
            6.000 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
            6.000 operator 12: SwitchedOver(SwitchoverId(4))
            6.000 90-03001 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is on host h2, verified
        "#]],
    );
}

#[test]
fn failed_up_is_tried_once_more_when_the_old_holder_is_known_to_be_gone() {
    // The management link is cut, the old holder serves on: nobody takes its address from it.
    check(
        UP,
        "5 h2 is clumsy\n 5 cut h1\n 6 h2 is obedient\n 9 link h1\n 12 tick",
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
            5.000 90-03002 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip was not put on host h2: it says no
            5.000 component: it says no
            9.000 h1 <- welcome, 1 applications, 1 addresses, stored 0
            9.000 90-02009 -: agent of host h1 is linked
            9.000 90-01007 sip-2: pair sip: both were primary when a link came back; sip-1 goes to backup, sip-2 stays
            9.000 h1 <- sip-1 Backup, term 2
            9.000 00-05151 sip-1: The run mode of the Application is changed to Backup
            9.000 run AR_SIP_PRIMARY_VIP_DOWN
            9.000 h1 <- sip-vip Down, term 2, 8000 ms
            9.000 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
            9.000 90-01010 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is not where the run modes want it; SIP_SERVER_BACKUP_VIP_UP is started once
            9.000 h2 <- sip-vip Up, term 2, Confirmed, 8000 ms
            9.000 90-03001 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is on host h2, verified
        "#]],
    );
}

#[test]
fn failed_up_is_tried_once_more_when_the_new_holder_sees_that_nobody_answers() {
    check(
        UP,
        "5 h2 is clumsy\n 5 cut h1\n 6 h2 is obedient\n 7 seen h2 unclaimed\n 8 seen h2 unclaimed\n 9 tick",
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
            5.000 90-03002 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip was not put on host h2: it says no
            5.000 component: it says no
            7.000 90-03014 sip-2: nobody answers for virtual IP sip-vip any more, as host h2 sees it
            7.000 90-01010 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is not where the run modes want it; SIP_SERVER_BACKUP_VIP_UP is started once
            7.000 h2 <- sip-vip Up, term 2, Unknown, 8000 ms
            7.000 90-03011 SIP_SERVER_BACKUP_VIP_UP: host h2 takes virtual IP sip-vip without knowing whether the old holder let go: host h1 can not be reached
            7.000 90-03001 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is on host h2, verified
            8.000 90-03014 sip-2: nobody answers for virtual IP sip-vip any more, as host h2 sees it
        "#]],
    );
}

#[test]
fn backend_that_hangs_on_the_old_holder_delays_the_address_and_does_not_lose_it() {
    check(
        UP,
        "5 h1 is deaf\n 5 h2 is clumsy\n 5 died sip-1\n 8 h2 is obedient\n 13 h1 is obedient\n 13 h1 answers\n 20 tick",
        expect![[r#"
            5.000 90-02002 sip-1: sip-1 on host h1 ended by itself: signal 9
            5.000 90-01001 sip-2: pair sip: sip-2 is to become primary (switchover 2): sip-1 on h1 ended by itself (signal 9)
            5.000 h2 <- sip-2 Primary, term 2
            5.000 00-05150 sip-2: The run mode of the Application is changed to Primary
            5.000 90-01002 sip-2: pair sip: sip-2 is primary with term 2 (switchover 2)
            5.000 run AR_SIP_BACKUP_VIP_UP
            5.000 run AR_SIP_PRIMARY_VIP_DOWN
            5.000 h1 <- sip-vip Down, term 2, 8000 ms
            7.000 h2 <- sip-vip Up, term 2, Unknown, 6000 ms
            7.000 90-03011 SIP_SERVER_BACKUP_VIP_UP: host h2 takes virtual IP sip-vip without knowing whether the old holder let go: the old holder did not let go in time
            7.000 90-03002 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip was not put on host h2: it says no
            7.000 component: it says no
            13.000 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
            13.000 90-01010 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is not where the run modes want it; SIP_SERVER_BACKUP_VIP_UP is started once
            13.000 h2 <- sip-vip Up, term 2, Confirmed, 8000 ms
            13.000 90-03001 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is on host h2, verified
        "#]],
    );
}

#[test]
fn late_start_of_a_control_application_by_an_older_alarm_is_fenced_off() {
    let mut bench = Bench::new(config(""));
    bench.run(UP);
    bench.run("5 hang reactions\n 5 operator switchover");
    let late = bench.last_run();
    bench.run("7 operator switchover");
    bench.story.clear();
    let name = "SIP_SERVER_PRIMARY_VIP_DOWN";
    let call = ManagementCall::StartApplication { name: name.into() };
    let request = bench.next_request();
    bench.feed(Input::Component { request, run: late, call });
    expect![[r#"
        7.000 component: stale term: the newest is 3
    "#]]
    .assert_eq(&bench.story);
}

#[test]
fn every_address_of_a_pair_follows_its_primary() {
    let pair =
        PAIR.replace(r#"vip = "10.81.1.100/24""#, r#"vip = ["10.81.1.100/24", "10.81.1.101/24"]"#);
    let mut bench = Bench::new(config_of(&[("hosts.toml", HOSTS), ("sip.toml", &pair)]));
    bench.run(UP);
    bench.story.clear();
    bench.run("5 operator switchover");
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
        5.000 90-03001 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is on host h2, verified
        5.000 run AR_SIP_PRIMARY_VIP_2_DOWN
        5.000 run AR_SIP_BACKUP_VIP_2_UP
        5.000 h1 <- sip-vip-2 Down, term 2, 8000 ms
        5.000 h2 <- sip-vip-2 Up, term 2, Confirmed, 8000 ms
        5.000 90-03003 SIP_SERVER_PRIMARY_VIP_2_DOWN: virtual IP sip-vip-2 is off host h1, verified
        5.000 operator 7: SwitchedOver(SwitchoverId(2))
        5.000 90-03001 SIP_SERVER_BACKUP_VIP_2_UP: virtual IP sip-vip-2 is on host h2, verified
        5.000 run AR_SIP_PRIMARY_VIP_DOWN
        5.000 h1 <- sip-vip Down, term 2, 8000 ms
        5.000 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
        5.000 run AR_SIP_PRIMARY_VIP_2_DOWN
        5.000 h1 <- sip-vip-2 Down, term 2, 8000 ms
        5.000 90-03003 SIP_SERVER_PRIMARY_VIP_2_DOWN: virtual IP sip-vip-2 is off host h1, verified
    "#]].assert_eq(&bench.story);
}

#[test]
fn pair_on_one_host_has_no_address_to_move() {
    let pair = PAIR
        .replace(r#"hosts = ["h1", "h2"]"#, r#"hosts = ["h1", "h1"]"#)
        .replace("vip = \"10.81.1.100/24\"\nnetwork_interface = \"sip0\"\n", "");
    let mut bench = Bench::new(config_of(&[("hosts.toml", HOSTS), ("sip.toml", &pair)]));
    bench.run("0 link h1\n 5 operator switchover\n 6 cut h1\n 7 link h1\n 8 tick");
    expect![[r#"
        0.000 h1 <- welcome, 2 applications, 0 addresses, stored 0
        0.000 90-02009 -: agent of host h1 is linked
        0.000 h1 <- start sip-1
        0.000 h1 <- start sip-2
        0.000 90-02001 sip-1: sip-1 started on host h1
        0.000 90-01001 sip-1: pair sip: sip-1 is to become primary (switchover 1): sip-1 on h1 runs and is configured as primary
        0.000 h1 <- sip-1 Primary, term 1
        0.000 90-02001 sip-2: sip-2 started on host h1
        0.000 00-05150 sip-1: The run mode of the Application is changed to Primary
        0.000 90-01002 sip-1: pair sip: sip-1 is primary with term 1 (switchover 1)
        0.000 h1 <- sip-2 Backup, term 1
        0.000 00-05151 sip-2: The run mode of the Application is changed to Backup
        5.000 90-06001 sip-1: operator eve asked for switchover of pair sip
        5.000 90-01001 sip-2: pair sip: sip-2 is to become primary (switchover 2): operator eve asked for it
        5.000 h1 <- sip-1 Backup, term 2
        5.000 h1 <- sip-2 Primary, term 2
        5.000 00-05151 sip-1: The run mode of the Application is changed to Backup
        5.000 00-05150 sip-2: The run mode of the Application is changed to Primary
        5.000 90-01002 sip-2: pair sip: sip-2 is primary with term 2 (switchover 2)
        5.000 operator 1: SwitchedOver(SwitchoverId(2))
        6.000 90-02008 -: link to the agent of host h1 lost: its agent closed the link
        6.000 90-01005 sip-2: pair sip: no switchover, because sip-1 is in an unknown status
        7.000 h1 <- welcome, 2 applications, 0 addresses, stored 0
        7.000 90-02009 -: agent of host h1 is linked
    "#]].assert_eq(&bench.story);
}

#[test]
fn trapped_reaction_moves_nothing_and_is_not_tried_again() {
    check(
        UP,
        "5 hang reactions\n 5 died sip-1\n 5.1 trap reactions\n 9 tick",
        expect![[r#"
        5.000 90-02002 sip-1: sip-1 on host h1 ended by itself: signal 9
        5.000 90-01001 sip-2: pair sip: sip-2 is to become primary (switchover 2): sip-1 on h1 ended by itself (signal 9)
        5.000 h2 <- sip-2 Primary, term 2
        5.000 00-05150 sip-2: The run mode of the Application is changed to Primary
        5.000 90-01002 sip-2: pair sip: sip-2 is primary with term 2 (switchover 2)
        5.000 run AR_SIP_BACKUP_VIP_UP
        5.000 run AR_SIP_PRIMARY_VIP_DOWN
    "#]],
    );
}

#[test]
fn sightings_of_agents_are_recorded() {
    check(
        UP,
        "5 seen h1 restored\n 5 seen h2 removed\n 5 seen h1 other",
        expect![[r#"
            5.000 90-03005 sip-1: virtual IP sip-vip vanished from host h1 and was put back
            5.000 90-03006 sip-2: virtual IP sip-vip appeared on host h2 and was removed
            5.000 90-03007 sip-1: virtual IP sip-vip of host h1 is also answered for by 02:00:00:00:00:09
        "#]],
    );
}
