//! Restart of the control server, and a new configuration while everything runs.

use std::time::Duration;

use expect_test::expect;

use crate::control::Control;

use super::bench::{Bench, HOSTS, PAIR, UP, check, config, config_of, now_at};

#[test]
fn restart_fires_nothing_again() {
    check(
        UP,
        "6 restart\n 6.1 link h1\n 6.2 link h2\n 20 tick",
        expect![[r#"
        6.100 h1 <- welcome, 1 applications, 1 addresses, stored 0
        6.200 h2 <- welcome, 1 applications, 1 addresses, stored 0
    "#]],
    );
}

#[test]
fn host_that_does_not_come_back_after_a_restart_is_lost_after_the_grace() {
    check(
        UP,
        "6 restart\n 6.1 link h2\n 20 tick",
        expect![[r#"
        6.100 h2 <- welcome, 1 applications, 1 addresses, stored 0
        16.000 90-02008 -: link to the agent of host h1 lost: did not link up within 10 s
        16.000 90-01001 sip-2: pair sip: sip-2 is to become primary (switchover 2): host h1 of sip-1 can not be reached
        16.000 h2 <- sip-2 Primary, term 2
        16.000 00-05150 sip-2: The run mode of the Application is changed to Primary
        16.000 90-01002 sip-2: pair sip: sip-2 is primary with term 2 (switchover 2)
        16.000 run AR_SIP_BACKUP_VIP_UP
        16.000 run AR_SIP_PRIMARY_VIP_DOWN
        16.000 h2 <- sip-vip Up, term 2, Unknown, 8000 ms
        16.000 90-03011 SIP_SERVER_BACKUP_VIP_UP: host h2 takes virtual IP sip-vip without knowing whether the old holder let go: host h1 can not be reached
        16.000 90-03004 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip was not taken off host h1: unavailable: host h1 is not linked
        16.000 component: unavailable: host h1 is not linked
        16.000 90-03001 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is on host h2, verified
    "#]],
    );
}

#[test]
fn restart_in_the_middle_of_a_failover_leaves_the_address_to_the_reconcile_step() {
    check(
        UP,
        "5 hang reactions\n 5 died sip-1\n 6 restart\n 6 release reactions\n 6.1 link h1\n 6.2 link h2\n 9 tick",
        expect![[r#"
            5.000 90-02002 sip-1: sip-1 on host h1 ended by itself: signal 9
            5.000 90-01001 sip-2: pair sip: sip-2 is to become primary (switchover 2): sip-1 on h1 ended by itself (signal 9)
            5.000 h2 <- sip-2 Primary, term 2
            5.000 00-05150 sip-2: The run mode of the Application is changed to Primary
            5.000 90-01002 sip-2: pair sip: sip-2 is primary with term 2 (switchover 2)
            5.000 run AR_SIP_BACKUP_VIP_UP
            5.000 run AR_SIP_PRIMARY_VIP_DOWN
            6.100 h1 <- welcome, 1 applications, 1 addresses, stored 0
            6.100 h1 <- start sip-1
            6.100 90-02001 sip-1: sip-1 started on host h1
            6.100 h1 <- sip-1 Backup, term 2
            6.100 00-05151 sip-1: The run mode of the Application is changed to Backup
            6.100 run AR_SIP_PRIMARY_VIP_DOWN
            6.100 h1 <- sip-vip Down, term 2, 8000 ms
            6.100 90-03003 SIP_SERVER_PRIMARY_VIP_DOWN: virtual IP sip-vip is off host h1, verified
            6.200 h2 <- welcome, 1 applications, 1 addresses, stored 0
            6.200 90-01010 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is not where the run modes want it; SIP_SERVER_BACKUP_VIP_UP is started once
            6.200 h2 <- sip-vip Up, term 2, Confirmed, 8000 ms
            6.200 90-03001 SIP_SERVER_BACKUP_VIP_UP: virtual IP sip-vip is on host h2, verified
        "#]],
    );
}

#[test]
fn what_is_saved_comes_back_the_same() {
    let mut bench = Bench::new(config(""));
    bench.run(UP);
    bench.run("5 operator pause\n 6 operator stop sip-2\n 7 report h1 4");
    let before = bench.control.save();
    let restored = Control::restore(bench.config(), before.clone(), now_at(bench.now));
    assert_eq!(restored.save(), before);
}

#[test]
fn reload_touches_nothing_that_stays() {
    let mut bench = Bench::new(config(""));
    bench.run(UP);
    bench.story.clear();
    let more = r#"
[[application]]
name = "extra"
host = "h2"
command = ["/bin/extra"]
autostart = true
"#;
    bench.control.reconfigure(now_at(bench.now), config(more));
    bench.pump();
    bench.run("8 tick");
    bench.control.reconfigure(now_at(bench.now), config(""));
    bench.pump();
    bench.run("9 tick");
    expect![[r#"
        5.000 h2 <- configure, 2 applications, 1 addresses
        5.000 h2 <- start extra
        5.000 90-02001 extra: extra started on host h2
        8.000 h2 <- configure, 1 applications, 1 addresses
    "#]]
    .assert_eq(&bench.story);
}

#[test]
fn reload_that_exchanges_the_configured_primary_and_backup_changes_no_run_mode() {
    let mut bench = Bench::new(config(""));
    bench.run(UP);
    bench.story.clear();
    let swapped = PAIR
        .replace("hosts = [\"h1\", \"h2\"]", "hosts = [\"h2\", \"h1\"]")
        .replace("name = \"sip-1\"", "name = \"sip-0\"")
        .replace("name = \"sip-2\"", "name = \"sip-1\"")
        .replace("name = \"sip-0\"", "name = \"sip-2\"");
    let config = config_of(&[("hosts.toml", HOSTS), ("sip.toml", &swapped)]);
    bench.control.reconfigure(now_at(bench.now), config);
    bench.pump();
    bench.run("8 tick");
    expect![""].assert_eq(&bench.story);
}

#[test]
fn pair_that_is_no_longer_configured_answers_who_waits() {
    let mut bench = Bench::new(config(""));
    bench.run(UP);
    bench.run("5 h1 is deaf\n 5 operator switchover");
    bench.story.clear();
    let only_hosts = config_of(&[("hosts.toml", HOSTS)]);
    bench.control.reconfigure(now_at(bench.now + Duration::from_millis(10)), only_hosts);
    bench.pump();
    bench.run("6 tick");
    expect![[r#"
        5.000 operator 4: refused, pair sip: no longer configured
        5.000 h1 <- configure, 0 applications, 0 addresses
        5.000 h2 <- configure, 0 applications, 0 addresses
    "#]]
    .assert_eq(&bench.story);
}
