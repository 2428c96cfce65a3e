//! Scripts of inputs, with everything that the machine asks for.
//!
//! A line is `MILLISECONDS INPUT`; due ticks happen in between.

use std::collections::BTreeMap;
use std::fmt::Write;

use expect_test::{Expect, expect};

use super::*;
use crate::link::ChannelSpec;

const MS: u64 = 1_000_000;

fn spec() -> ApplicationSpec {
    ApplicationSpec {
        name: "sip1".into(),
        command: vec!["sipd".into()],
        working_directory: None,
        environment: BTreeMap::new(),
        auto_restart: true,
        notify: false,
        watchdog_ms: None,
        startup_timeout_ms: 5000,
        shutdown_timeout_ms: 1000,
        suspending_timeout_ms: 10_000,
        suspend_signal: None,
        channel: None,
        options: Default::default(),
        options_signal: None,
    }
}

fn suspending() -> ApplicationSpec {
    ApplicationSpec { suspend_signal: Some(SuspendSignal::Quit), ..spec() }
}

fn speaking() -> ApplicationSpec {
    let channel = ChannelSpec { pair: None, run_mode_timeout_ms: 1500 };
    ApplicationSpec { channel: Some(channel), ..spec() }
}

fn notifying() -> ApplicationSpec {
    ApplicationSpec { notify: true, watchdog_ms: Some(300), ..spec() }
}

fn input(words: &[&str], order: OrderId) -> Option<Input> {
    Some(match words {
        [] => return None,
        ["tick"] => Input::Tick,
        ["start"] => Input::Start(order),
        ["stop"] => Input::Stop { order, graceful: false },
        ["stop", "graceful"] => Input::Stop { order, graceful: true },
        ["spawned", pid] => Input::Spawned(Ok(pid.parse().unwrap())),
        ["not-spawned"] => Input::Spawned(Err("sipd: no such file".into())),
        ["exited", code] => Input::Exited(Exit::Code(code.parse().unwrap())),
        ["killed"] => Input::Exited(Exit::Signal(9)),
        ["gone"] => Input::GroupGone,
        ["ready"] => Input::Notified(Notification::Ready),
        ["alive"] => Input::Notified(Notification::Watchdog),
        ["trigger"] => Input::Notified(Notification::WatchdogTriggered),
        ["stopping"] => Input::Notified(Notification::Stopping),
        ["unavailable"] => Input::Notified(Notification::Service(false)),
        ["suspended"] => Input::Notified(Notification::Suspended),
        ["available"] => Input::Notified(Notification::Service(true)),
        ["says", text] => Input::Notified(Notification::Says((*text).into())),
        ["forget"] => Input::Forget,
        other => panic!("no such input: {other:?}"),
    })
}

fn run(mut machine: Supervisor, script: &str) -> String {
    let mut text = String::new();
    let mut order = 0;
    let mut give = |machine: &mut Supervisor, at: Instant, input| {
        machine.handle(at, input);
        while let Some(output) = machine.poll() {
            let line = match output {
                Output::Changed(State { status, cause, pid, says }) => {
                    let says = says.map(|says| format!(" says {says}")).unwrap_or_default();
                    let pid = pid.map(|pid| format!(" pid {pid}")).unwrap_or_default();
                    format!("{status:?} {cause:?}{pid}{says}")
                }
                Output::Done { order, result: Ok(()) } => format!("done {order}"),
                Output::Done { order, result: Err(fault) } => format!("done {order}: {fault}"),
                Output::HasProcess(Some((pid, Ending::No))) => format!("keep {pid}"),
                Output::HasProcess(Some((pid, ending))) => format!("keep {pid} {ending:?}"),
                Output::HasProcess(None) => "keep none".to_owned(),
                other => format!("{other:?}").to_lowercase(),
            };
            writeln!(text, "{} {line}", at.0 / MS).unwrap();
        }
    };
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (at, words) = line.split_once(' ').unwrap_or((line, ""));
        let at = Instant(at.parse::<u64>().unwrap() * MS);
        while let Some(due) = machine.deadline().filter(|due| *due <= at) {
            give(&mut machine, due, Input::Tick);
        }
        let words: Vec<&str> = words.split_whitespace().collect();
        if matches!(words.first(), Some(&"start" | &"stop")) {
            order += 1;
        }
        if let Some(input) = input(&words, OrderId(order)) {
            give(&mut machine, at, input);
        }
    }
    text
}

fn check(spec: ApplicationSpec, script: &str, expected: Expect) {
    expected.assert_eq(&run(Supervisor::new(spec), script));
}

#[test]
fn a_plain_program_runs_as_soon_as_its_process_exists() {
    check(
        spec(),
        "0 start\n1 spawned 7\n2 start",
        expect![[r#"
                0 spawn
                1 keep 7
                1 Running Ordered pid 7
                1 done 1
                2 done 2
        "#]],
    );
}

#[test]
fn a_notifying_program_runs_when_it_says_so() {
    check(
        notifying(),
        "0 start\n1 spawned 7\n50 says loading\n90 ready\n200 says 5_calls",
        expect![[r#"
            0 spawn
            1 keep 7
            1 StartTransition Ordered pid 7
            1 Initializing Ordered pid 7
            1 done 1
            50 Initializing Ordered pid 7 says loading
            90 Running Ordered pid 7 says loading
            200 Running Ordered pid 7 says 5_calls
        "#]],
    );
}

#[test]
fn a_program_that_is_not_ready_in_time_is_killed_and_started_again() {
    check(
        notifying(),
        "0 start\n1 spawned 7\n5002 killed\n5003 gone\n5300",
        expect![[r#"
            0 spawn
            1 keep 7
            1 StartTransition Ordered pid 7
            1 Initializing Ordered pid 7
            1 done 1
            5001 kill
            5001 StopTransition StartFailed pid 7
            5002 Stopped StartFailed
            5002 kill
            5003 keep none
            5202 spawn
        "#]],
    );
}

#[test]
fn a_death_is_told_at_once_and_the_group_killed_before_the_restart() {
    check(
        spec(),
        "0 start\n1 spawned 7\n1000 exited 3\n1900 gone\n1901 spawned 8",
        expect![[r#"
            0 spawn
            1 keep 7
            1 Running Ordered pid 7
            1 done 1
            1000 Stopped Died(Code(3))
            1000 kill
            1900 keep none
            1900 spawn
            1901 keep 8
            1901 Running Restarted pid 8
        "#]],
    );
}

#[test]
fn restarts_wait_longer_with_each_failure_in_a_row() {
    check(
        spec(),
        "0 start
         0 spawned 1
         0 exited 1
         0 gone
         200 spawned 2
         200 exited 1
         200 gone
         600 spawned 3
         600 exited 1
         600 gone
         1400 spawned 4
         61400 exited 1
         61400 gone
         61600 spawned 5",
        expect![[r#"
            0 spawn
            0 keep 1
            0 Running Ordered pid 1
            0 done 1
            0 Stopped Died(Code(1))
            0 kill
            0 keep none
            200 spawn
            200 keep 2
            200 Running Restarted pid 2
            200 Stopped Died(Code(1))
            200 kill
            200 keep none
            600 spawn
            600 keep 3
            600 Running Restarted pid 3
            600 Stopped Died(Code(1))
            600 kill
            600 keep none
            1400 spawn
            1400 keep 4
            1400 Running Restarted pid 4
            61400 Stopped Died(Code(1))
            61400 kill
            61400 keep none
            61600 spawn
            61600 keep 5
            61600 Running Restarted pid 5
        "#]],
    );
}

#[test]
fn a_silent_watchdog_is_a_hang_up() {
    check(
        notifying(),
        "0 start\n1 spawned 7\n10 ready\n200 alive\n450 alive\n800 killed\n801 gone\n1100",
        expect![[r#"
            0 spawn
            1 keep 7
            1 StartTransition Ordered pid 7
            1 Initializing Ordered pid 7
            1 done 1
            10 Running Ordered pid 7
            750 kill
            750 StopTransition HungUp pid 7
            800 Stopped HungUp
            800 kill
            801 keep none
            1000 spawn
        "#]],
    );
}

#[test]
fn a_program_can_call_itself_hung_up() {
    check(
        notifying(),
        "0 start\n1 spawned 7\n10 ready\n20 trigger\n21 killed",
        expect![[r#"
            0 spawn
            1 keep 7
            1 StartTransition Ordered pid 7
            1 Initializing Ordered pid 7
            1 done 1
            10 Running Ordered pid 7
            20 kill
            20 StopTransition HungUp pid 7
            21 Stopped HungUp
            21 kill
        "#]],
    );
}

#[test]
fn a_stop_by_order_is_not_followed_by_a_restart() {
    check(
        spec(),
        "0 start\n1 spawned 7\n100 stop\n150 exited 0\n151 gone\n60000",
        expect![[r#"
            0 spawn
            1 keep 7
            1 Running Ordered pid 7
            1 done 1
            100 keep 7 Stopping
            100 terminate
            100 StopTransition Ordered pid 7
            150 Stopped Ordered
            150 kill
            151 keep none
            151 done 2
        "#]],
    );
}

#[test]
fn a_program_that_does_not_stop_is_killed() {
    check(
        spec(),
        "0 start\n1 spawned 7\n100 stop\n1200 killed\n1201 gone",
        expect![[r#"
            0 spawn
            1 keep 7
            1 Running Ordered pid 7
            1 done 1
            100 keep 7 Stopping
            100 terminate
            100 StopTransition Ordered pid 7
            1100 kill
            1200 Stopped Ordered
            1200 kill
            1201 keep none
            1201 done 2
        "#]],
    );
}

#[test]
fn a_graceful_stop_asks_the_program_and_waits_until_it_ends() {
    check(
        suspending(),
        "0 start\n1 spawned 7\n100 stop graceful\n5000 exited 0\n5001 gone",
        expect![[r#"
            0 spawn
            1 keep 7
            1 Running Ordered pid 7
            1 done 1
            100 keep 7 Suspending
            100 suspend(quit)
            100 Suspending Ordered pid 7
            5000 Stopped Ordered
            5000 kill
            5001 keep none
            5001 done 2
        "#]],
    );
}

#[test]
fn a_program_with_a_channel_is_ready_and_finished_when_it_says_so() {
    check(
        speaking(),
        "0 start\n1 spawned 7\n50 ready\n100 stop graceful\n500 suspended\n510 exited 0\n511 gone",
        expect![[r#"
            0 spawn
            1 keep 7
            1 StartTransition Ordered pid 7
            1 Initializing Ordered pid 7
            1 done 1
            50 Running Ordered pid 7
            100 keep 7 Suspending
            100 asktofinish
            100 Suspending Ordered pid 7
            500 Suspended Ordered pid 7
            500 keep 7 Stopping
            500 terminate
            500 StopTransition Ordered pid 7
            510 Stopped Ordered
            510 kill
            511 keep none
            511 done 2
        "#]],
    );
}

#[test]
fn a_graceful_stop_turns_into_an_ordinary_one() {
    check(
        suspending(),
        "0 start\n1 spawned 7\n100 stop graceful\n11000 stop\n11101 killed\n11102 gone",
        expect![[r#"
            0 spawn
            1 keep 7
            1 Running Ordered pid 7
            1 done 1
            100 keep 7 Suspending
            100 suspend(quit)
            100 Suspending Ordered pid 7
            10100 keep 7 Stopping
            10100 terminate
            10100 StopTransition Ordered pid 7
            11000 keep 7 Stopping
            11100 kill
            11101 Stopped Ordered
            11101 kill
            11102 keep none
            11102 done 2
            11102 done 3
        "#]],
    );
}

#[test]
fn a_program_that_has_finished_its_work_is_ended_before_the_timeout() {
    check(
        suspending(),
        "0 start\n1 spawned 7\n100 stop graceful\n150 suspended",
        expect![[r#"
        0 spawn
        1 keep 7
        1 Running Ordered pid 7
        1 done 1
        100 keep 7 Suspending
        100 suspend(quit)
        100 Suspending Ordered pid 7
        150 Suspended Ordered pid 7
        150 keep 7 Stopping
        150 terminate
        150 StopTransition Ordered pid 7
    "#]],
    );
}

#[test]
fn a_program_that_knows_no_graceful_stop_is_stopped_at_once() {
    check(
        spec(),
        "0 start\n1 spawned 7\n100 stop graceful\n200 exited 0\n201 gone",
        expect![[r#"
        0 spawn
        1 keep 7
        1 Running Ordered pid 7
        1 done 1
        100 keep 7 Stopping
        100 terminate
        100 StopTransition Ordered pid 7
        200 Stopped Ordered
        200 kill
        201 keep none
        201 done 2
    "#]],
    );
}

#[test]
fn what_an_earlier_agent_was_ending_is_ended_and_stays_down() {
    let machine = Supervisor::adopt(spec(), (7, Ending::Stopping), Instant(0));
    expect![[r#"
        10 keep 7 Stopping
        10 terminate
        10 Stopped Ordered
        10 kill
        11 keep none
    "#]]
    .assert_eq(&run(machine, "0\n10 exited 0\n11 gone\n60000"));
    let machine = Supervisor::adopt(suspending(), (7, Ending::Suspending), Instant(0));
    expect![[r#"
        10000 keep 7 Suspending
        10000 keep 7 Stopping
        10000 terminate
        10000 StopTransition Ordered pid 7
        10200 Stopped Ordered
        10200 kill
        10201 keep none
    "#]]
    .assert_eq(&run(machine, "0\n10100\n10200 exited 0\n10201 gone\n60000"));
    let machine = Supervisor::missed(spec(), Ending::Stopping, Instant(0));
    expect![[""]].assert_eq(&run(machine, "0\n60000"));
}

#[test]
fn a_stop_ends_the_wish_to_restart() {
    check(
        spec(),
        "0 start\n1 spawned 7\n10 exited 1\n11 stop\n12 gone\n5000",
        expect![[r#"
            0 spawn
            1 keep 7
            1 Running Ordered pid 7
            1 done 1
            10 Stopped Died(Code(1))
            10 kill
            11 Stopped Ordered
            12 keep none
            12 done 2
        "#]],
    );
}

#[test]
fn a_stop_while_it_starts_takes_effect_when_it_has_started() {
    check(
        spec(),
        "0 start\n1 stop\n2 spawned 7\n3 exited 0\n4 gone",
        expect![[r#"
            0 spawn
            2 keep 7
            2 Running Ordered pid 7
            2 done 1
            2 keep 7 Stopping
            2 terminate
            2 StopTransition Ordered pid 7
            3 Stopped Ordered
            3 kill
            4 keep none
            4 done 2
        "#]],
    );
}

#[test]
fn a_command_line_that_can_not_be_executed_is_reported_and_tried_again() {
    check(
        spec(),
        "0 start\n1 not-spawned\n201 not-spawned\n1000",
        expect![[r#"
            0 spawn
            1 Stopped StartFailed says sipd: no such file
            1 done 1: sipd: no such file
            201 spawn
            601 spawn
        "#]],
    );
}

#[test]
fn a_start_while_it_waits_for_its_restart_is_done_at_once() {
    check(
        spec(),
        "0 start\n1 spawned 7\n10 exited 1\n11 gone\n20 start\n21 spawned 8",
        expect![[r#"
            0 spawn
            1 keep 7
            1 Running Ordered pid 7
            1 done 1
            10 Stopped Died(Code(1))
            10 kill
            11 keep none
            20 spawn
            21 keep 8
            21 Running Ordered pid 8
            21 done 2
        "#]],
    );
}

#[test]
fn a_program_can_say_that_it_can_not_serve() {
    check(
        spec(),
        "0 start\n1 spawned 7\n5 unavailable\n9 available",
        expect![[r#"
                0 spawn
                1 keep 7
                1 Running Ordered pid 7
                1 done 1
                5 ServiceUnavailable Reported pid 7
                9 Running Reported pid 7
        "#]],
    );
}

#[test]
fn a_group_that_does_not_vanish_does_not_block_for_ever() {
    check(
        spec(),
        "0 start\n1 spawned 7\n10 stop\n20 exited 0\n6000",
        expect![[r#"
            0 spawn
            1 keep 7
            1 Running Ordered pid 7
            1 done 1
            10 keep 7 Stopping
            10 terminate
            10 StopTransition Ordered pid 7
            20 Stopped Ordered
            20 kill
            5020 keep none
            5020 done 2
        "#]],
    );
}

#[test]
fn orders_are_answered_when_the_application_is_forgotten() {
    check(
        spec(),
        "0 start\n1 spawned 7\n10 stop\n20 forget",
        expect![[r#"
            0 spawn
            1 keep 7
            1 Running Ordered pid 7
            1 done 1
            10 keep 7 Stopping
            10 terminate
            10 StopTransition Ordered pid 7
            20 done 2: not found: the application is no longer configured
        "#]],
    );
}

#[test]
fn a_process_of_an_earlier_agent_is_adopted_and_watched() {
    let machine = Supervisor::adopt(notifying(), (7, Ending::No), Instant(0));
    expect![[r#"
        400 kill
        400 StopTransition HungUp pid 7
    "#]]
    .assert_eq(&run(machine, "0 tick\n100 alive\n500"));
}

#[test]
fn a_process_that_ended_unseen_is_started_again() {
    let machine = Supervisor::missed(spec(), Ending::No, Instant(0));
    expect![[r#"
        0 keep none
        0 Stopped Died(Unseen)
        200 spawn
        250 keep 8
        250 Running Restarted pid 8
    "#]]
    .assert_eq(&run(machine, "0 tick\n250 spawned 8"));
}
