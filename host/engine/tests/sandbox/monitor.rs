//! Monitors that live: what they keep, what ends them, and what comes after.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use takeover_engine::host::SipHost;
use takeover_engine::outcome::{Bound, Ended};
use takeover_engine::resident::ResidentCounts;
use takeover_engine::{Assessed, Call, EngineSettings, Resident};
use takeover_logic::component::sip::{MonitorSample, MonitoredDevice};
use takeover_logic::link::{Fault, RunMode, Verdict};

use crate::fixture::{Host, Manner, PLENTY, Sandbox, settings, wait};

const SHORT: Duration = Duration::from_millis(200);

fn sample(word: &str) -> MonitorSample {
    MonitorSample {
        run_mode: RunMode::Primary,
        in_run_mode_ms: 60_000,
        vip_up_ms: Some(59_000),
        received: 12,
        last_message_ago_ms: Some(20),
        responses_2xx: 3,
        responses_4xx: 0,
        responses_5xx: 0,
        timeouts: 0,
        retransmissions: 0,
        devices: vec![MonitoredDevice {
            dn: word.into(),
            check_interval_s: 30,
            force_timeout_s: 90,
            in_service: true,
            answered_ago_ms: None,
        }],
    }
}

fn try_start(
    sandbox: &Sandbox,
    written: &[(&str, &str)],
    timeout: Duration,
) -> Result<Resident, Ended<()>> {
    start_with(sandbox, written, timeout, &Host::new(Manner::Does))
}

fn start_with(
    sandbox: &Sandbox,
    written: &[(&str, &str)],
    timeout: Duration,
    host: &Arc<Host>,
) -> Result<Resident, Ended<()>> {
    let settings = settings(written);
    let deadline = Instant::now() + timeout;
    let call = Call { plugin: &sandbox.monitor, settings: &settings, deadline };
    wait(sandbox.engine.start_monitor(call, Arc::clone(host) as Arc<dyn SipHost>, 1))
}

fn start() -> Resident {
    try_start(Sandbox::shared(), &[], PLENTY).unwrap()
}

fn assess(monitor: &Resident, word: &str, timeout: Duration) -> Assessed {
    wait(monitor.assess(sample(word), Instant::now() + timeout))
}

/// What the monitor says of itself: unknown, with its own count of calls.
#[track_caller]
fn check_calls(monitor: &Resident, calls: u32) {
    let assessed = assess(monitor, "who", PLENTY);
    let said = format!("a monitor: call {calls} of 1 init, clock true");
    assert_eq!(assessed.verdict, Verdict::Unknown(said.into()));
    assert!(matches!(assessed.outcome.ended, Ended::Ok(_)), "{assessed:?}");
}

/// Asks until the wait after a failure is over. Whatever comes meanwhile must be unknown.
#[track_caller]
fn wait_for_restart(monitor: &Resident) {
    let give_up = Instant::now() + PLENTY;
    loop {
        assert!(Instant::now() < give_up, "not started again within {PLENTY:?}");
        let assessed = assess(monitor, "", PLENTY);
        match assessed.outcome.ended {
            Ended::Ok(_) => return,
            Ended::Fault(Fault::Unavailable(text)) => {
                assert!(text.starts_with("it is started again in "), "{text}");
                assert!(matches!(assessed.verdict, Verdict::Unknown(_)));
                std::thread::sleep(Duration::from_millis(5));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn verdicts_are_the_monitors_own() {
    let monitor = start();
    for (word, verdict) in [
        ("", Verdict::Good),
        ("down", Verdict::Bad("no answers".into())),
        ("at-once", Verdict::Good),
        ("never", Verdict::Good),
    ] {
        assert_eq!(assess(&monitor, word, PLENTY).verdict, verdict, "{word}");
    }
}

#[test]
fn wish_for_the_next_call_is_kept_within_bounds() {
    let monitor = start();
    for (word, next_in) in [
        ("", Duration::from_secs(10)),
        ("at-once", Duration::from_millis(100)),
        ("never", Duration::from_secs(3600)),
    ] {
        let ended = assess(&monitor, word, PLENTY).outcome.ended;
        let Ended::Ok(answer) = ended else { panic!("{word}: {ended:?}") };
        assert_eq!(answer.next_in, next_in, "{word}");
    }
}

#[test]
fn state_is_kept_between_calls_and_init_runs_once() {
    let monitor = start();
    for calls in 1..=5 {
        check_calls(&monitor, calls);
    }
    let ResidentCounts { calls, failed, restarts, time } = monitor.counts();
    assert_eq!((calls, failed, restarts), (5, 0, 0));
    assert!(time > Duration::ZERO);
}

#[track_caller]
fn check_end(word: &str, timeout: Duration, reason: &str) {
    let monitor = start();
    check_calls(&monitor, 1);
    let assessed = assess(&monitor, word, timeout);
    let Verdict::Unknown(text) = &assessed.verdict else { panic!("{word}: {assessed:?}") };
    assert!(text.starts_with("the monitor gave no answer: "), "{word}: {text}");
    assert!(text.contains(reason), "{word}: {text}");
    // The state of the next instance is fresh: its first call is the one that the wait ended with.
    wait_for_restart(&monitor);
    check_calls(&monitor, 2);
    let counts = monitor.counts();
    assert_eq!(counts.restarts, 1, "{word}");
    assert!(counts.failed >= 1, "{word}");
}

#[test]
fn trap_is_unknown_and_what_comes_after_has_fresh_state() {
    check_end("trap", PLENTY, "unreachable");
    check_end("panic", PLENTY, "the last words of a monitor");
}

#[test]
fn deadline_is_unknown_and_what_comes_after_has_fresh_state() {
    for word in ["loop", "wait", "sleep"] {
        check_end(word, SHORT, "deadline passed");
    }
}

#[test]
fn limit_is_unknown_and_what_comes_after_has_fresh_state() {
    check_end("memory", PLENTY, "16777216 allowed");
    check_end("answer-2-mib", PLENTY, "more than 1048576 bytes in one host call");
}

#[test]
fn failed_monitor_is_not_started_again_at_once_and_says_why() {
    let monitor = start();
    let before = Instant::now();
    assess(&monitor, "trap", PLENTY);
    let assessed = assess(&monitor, "", PLENTY);
    // The shortest wait is 150 ms; a machine that takes so long between two lines is excused.
    if let Ended::Fault(fault) = &assessed.outcome.ended {
        let text = fault.to_string();
        assert!(text.contains("it is started again in "), "{text}");
        assert!(text.contains("trapped: "), "{text}");
    } else {
        assert!(before.elapsed() >= Duration::from_millis(150), "{assessed:?}");
    }
    wait_for_restart(&monitor);
}

#[test]
fn call_that_nobody_waits_for_ends_the_instance_and_nothing_else() {
    // An engine of its own: the rate of log lines is shared by the instances of a plugin.
    let sandbox = Sandbox::new(EngineSettings::default());
    let host = Host::new(Manner::Does);
    let monitor = start_with(&sandbox, &[], PLENTY, &host).unwrap();
    check_calls(&monitor, 1);
    let call = monitor.assess(sample("log-and-loop"), Instant::now() + PLENTY);
    let give_up = Instant::now() + PLENTY;
    while host.lines().is_empty() {
        assert!(Instant::now() < give_up, "the call did not begin");
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(call);
    // It is not a failure of the monitor, so nothing is waited for.
    check_calls(&monitor, 1);
    assert_eq!(monitor.counts().restarts, 1);
}

#[test]
fn second_call_meanwhile_waits_and_a_third_is_saturated_at_once() {
    let monitor = start();
    let first = monitor.assess(sample("wait"), Instant::now() + PLENTY);
    let give_up = Instant::now() + PLENTY;
    // The queue has room as soon as the task has taken the first call out.
    let second = loop {
        let mut second = Box::pin(monitor.assess(sample(""), Instant::now() + PLENTY));
        match (&mut second).now_or_never() {
            None => break second,
            Some(refused) => assert_eq!(refused.outcome.ended, Ended::Saturated(Bound::Instances)),
        }
        assert!(Instant::now() < give_up);
    };
    let third = wait(monitor.assess(sample(""), Instant::now() + PLENTY));
    assert_eq!(third.outcome.ended, Ended::Saturated(Bound::Instances));
    let none = "the monitor gave no answer: no free instance";
    assert_eq!(third.verdict, Verdict::Unknown(none.into()));
    drop(first);
    assert_eq!(wait(second).verdict, Verdict::Good);
}

#[test]
fn loop_of_one_monitor_does_not_stop_another() {
    let sandbox = Sandbox::shared();
    let looping: Vec<Resident> = (0..4).map(|_| start()).collect();
    let host = Host::new(Manner::Does);
    let calm = start_with(sandbox, &[], PLENTY, &host).unwrap();
    let loops: Vec<_> = looping
        .iter()
        .map(|monitor| monitor.assess(sample("loop"), Instant::now() + PLENTY))
        .collect();
    for calls in 1..=3 {
        check_calls(&calm, calls);
    }
    // All that time the loops went on: none of them has an answer.
    drop(loops);
    for monitor in &looping {
        assert_eq!(monitor.counts().calls, 0);
    }
}

#[test]
fn fault_or_trap_of_init_refuses_the_start() {
    let refused = |word, timeout| try_start(Sandbox::shared(), &[("init", word)], timeout);
    let fault = Ended::Fault(Fault::Invalid("refused in init".into()));
    assert_eq!(refused("fault", PLENTY).unwrap_err(), fault);
    assert!(matches!(refused("trap", PLENTY).unwrap_err(), Ended::Trap(_)));
    assert_eq!(refused("loop", SHORT).unwrap_err(), Ended::Deadline);
    assert_eq!(refused("wait", SHORT).unwrap_err(), Ended::Deadline);
}

#[test]
fn component_of_another_kind_is_refused() {
    let sandbox = Sandbox::shared();
    let none = settings(&[]);
    let call = Call { plugin: &sandbox.vip, settings: &none, deadline: Instant::now() + PLENTY };
    let host = Host::new(Manner::Does);
    let ended = wait(sandbox.engine.start_monitor(call, host, 1)).unwrap_err();
    let text = "plugin test-vip is of kind vip-backend, wanted is sip-monitor";
    assert_eq!(ended, Ended::Fault(Fault::Invalid(text.into())));
}

#[test]
fn memory_that_is_not_granted_is_denied() {
    let said = assess(&start(), "memory-get", PLENTY).verdict;
    let Verdict::Unknown(text) = &said else { panic!("{said:?}") };
    assert!(text.contains("permission memory is not asked for"), "{text}");
}

#[test]
fn long_reason_is_cut_and_oversized_sample_is_not_shown() {
    let monitor = start();
    let Verdict::Bad(text) = assess(&monitor, "answer-64-kib", PLENTY).verdict else {
        panic!("not bad")
    };
    assert_eq!(text.len(), 4096 + " [cut]".len());
    let mut large = sample("");
    large.devices = vec![large.devices[0].clone(); 10_001];
    let assessed = wait(monitor.assess(large, Instant::now() + PLENTY));
    let text = "sample of 10001 devices, at most 10000";
    assert_eq!(assessed.outcome.ended, Ended::Fault(Fault::Invalid(text.into())));
    check_calls(&monitor, 2);
}

#[test]
fn what_it_writes_to_its_standard_error_never_fills_up() {
    let monitor = start();
    for _ in 0..20 {
        assert_eq!(assess(&monitor, "say", PLENTY).verdict, Verdict::Good);
    }
    check_calls(&monitor, 21);
}

#[test]
fn dropped_log_lines_are_counted_and_mentioned_within_the_rate() {
    // An engine of its own: the rate of log lines is shared by the instances of a plugin.
    let sandbox = Sandbox::new(EngineSettings::default());
    let host = Host::new(Manner::Does);
    let monitor = start_with(&sandbox, &[], PLENTY, &host).unwrap();
    for _ in 0..2 {
        assess(&monitor, "log", PLENTY);
    }
    // 16 lines a second: there is room for another one soon, and nothing else is written.
    let give_up = Instant::now() + PLENTY;
    let sum = |lines: &[String]| {
        let count = |line: &String| match line.split_once(" log lines of test-monitor dropped") {
            Some((dropped, _)) => dropped.parse::<usize>().unwrap(),
            None => 1,
        };
        lines.iter().map(count).sum::<usize>()
    };
    while sum(&host.lines()) < 200 {
        assert!(Instant::now() < give_up, "{:?}", host.lines());
        std::thread::sleep(Duration::from_millis(20));
        assess(&monitor, "", PLENTY);
    }
    assert_eq!(sum(&host.lines()), 200);
    assert!(host.lines().len() < 150, "{}", host.lines().len());
}

#[test]
fn panic_of_the_host_ends_the_instance_and_not_the_monitor() {
    let host = Host::new(Manner::Panics);
    let sandbox = Sandbox::new(EngineSettings::default());
    let monitor = start_with(&sandbox, &[], PLENTY, &host).unwrap();
    let assessed = assess(&monitor, "log", PLENTY);
    let Ended::Trap(text) = &assessed.outcome.ended else { panic!("{assessed:?}") };
    assert!(text.contains("host function"), "{text}");
    wait_for_restart(&monitor);
}

#[test]
fn there_is_room_for_sixteen_and_a_dropped_one_makes_room() {
    let sandbox = Sandbox::new(EngineSettings::default());
    let mut monitors: Vec<Resident> =
        (0..16).map(|_| try_start(&sandbox, &[], PLENTY).unwrap()).collect();
    assert_eq!(try_start(&sandbox, &[], PLENTY).unwrap_err(), Ended::Saturated(Bound::Instances));
    monitors.pop();
    let give_up = Instant::now() + PLENTY;
    while try_start(&sandbox, &[], PLENTY).is_err() {
        assert!(Instant::now() < give_up, "no room within {PLENTY:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn settings_are_those_of_the_generation() {
    let monitor = try_start(Sandbox::shared(), &[("name", "the second")], PLENTY).unwrap();
    let said = assess(&monitor, "who", PLENTY).verdict;
    assert_eq!(said, Verdict::Unknown("the second: call 1 of 1 init, clock true".into()));
}

#[test]
fn engine_that_is_gone_is_unknown() {
    let sandbox = Sandbox::new(EngineSettings::default());
    let monitor = try_start(&sandbox, &[], PLENTY).unwrap();
    drop(sandbox);
    let give_up = Instant::now() + PLENTY;
    // The engine does not wait for its threads when it is dropped.
    while assess(&monitor, "", PLENTY).verdict == Verdict::Good {
        assert!(Instant::now() < give_up);
    }
    let verdict = assess(&monitor, "", PLENTY).verdict;
    let gone = "the monitor gave no answer: trapped: the engine was stopped";
    assert_eq!(verdict, Verdict::Unknown(gone.into()));
}
