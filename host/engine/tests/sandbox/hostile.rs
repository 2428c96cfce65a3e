//! A component does its worst: the call ends as what it was, and the next one works.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use takeover_engine::outcome::{Bound, Ended, Outcome};
use takeover_engine::{Call, EngineSettings};
use takeover_logic::link::Fault;

use crate::fixture::{Host, Manner, PLENTY, Sandbox, alarm, load_with, settings, wait};

/// Time for calls that are to end by their deadline.
const SHORT: Duration = Duration::from_millis(200);

/// Makes a hostile call, and then a well-behaved one.
#[track_caller]
fn end_of(written: &[(&str, &str)], timeout: Duration, manner: Manner) -> Outcome<String> {
    let sandbox = Sandbox::shared();
    let outcome = wait(sandbox.react(written, timeout, &Host::new(manner)));
    let after = wait(sandbox.react(&[], PLENTY, &Host::new(Manner::Does)));
    assert_eq!(after.ended, Ended::Ok("well behaved".to_owned()), "after {written:?}");
    outcome
}

#[track_caller]
fn check_trap(word: &str, reason: &str) {
    for function in ["init", "do"] {
        let ended = end_of(&[(function, word)], PLENTY, Manner::Does).ended;
        let Ended::Trap(text) = &ended else { panic!("{word} in {function}: {ended:?}") };
        assert!(text.contains(reason), "{word} in {function}: {text}");
    }
}

#[track_caller]
fn check_deadline(word: &str) {
    for function in ["init", "do"] {
        let outcome = end_of(&[(function, word)], SHORT, Manner::Does);
        assert_eq!(outcome.ended, Ended::Deadline, "{word} in {function}");
        assert!(outcome.took >= SHORT, "{word} in {function}: {outcome:?}");
    }
}

#[track_caller]
fn check_limit(word: &str, reason: &str) -> Outcome<String> {
    let outcome = end_of(&[("do", word)], PLENTY, Manner::Does);
    let Ended::Limit(text) = &outcome.ended else { panic!("{word}: {outcome:?}") };
    assert!(text.contains(reason), "{word}: {text}");
    outcome
}

#[test]
fn trap_says_what_happened() {
    check_trap("trap", "unreachable");
}

#[test]
fn panic_is_explained_by_the_components_last_words() {
    check_trap("panic", "the last words of a component");
}

#[test]
fn recursion_without_end_is_a_trap() {
    check_trap("stack", "call stack exhausted");
    check_trap("stack-wide", "out of bounds memory access");
}

#[test]
fn endless_loop_ends_at_the_deadline() {
    check_deadline("loop");
}

#[test]
fn endless_wait_ends_at_the_deadline_and_counts_as_time_in_the_host() {
    check_deadline("wait");
    let outcome = end_of(&[("do", "wait")], SHORT, Manner::Does);
    assert!(outcome.in_host >= SHORT / 2, "{outcome:?}");
    let outcome = end_of(&[("do", "loop")], SHORT, Manner::Does);
    assert_eq!(outcome.in_host, Duration::ZERO);
}

#[test]
fn sleep_of_the_systems_own_interface_ends_at_the_deadline() {
    check_deadline("sleep");
}

#[test]
fn memory_in_one_piece_is_refused() {
    check_limit("memory", "bytes of memory wanted, 16777216 allowed");
}

#[test]
fn memory_in_small_pieces_is_refused_at_the_same_bound() {
    let outcome = check_limit("memory-slowly", "bytes of memory wanted, 16777216 allowed");
    assert!(outcome.memory_bytes_max > 8 << 20, "{outcome:?}");
    assert!(outcome.memory_bytes_max <= 16 << 20, "{outcome:?}");
}

#[test]
fn oversized_answer_is_refused() {
    check_limit("answer-2-mib", "more than 1048576 bytes in one host call");
}

#[test]
fn long_answer_is_cut() {
    let ended = end_of(&[("do", "answer-64-kib")], PLENTY, Manner::Does).ended;
    let Ended::Ok(text) = ended else { panic!("{ended:?}") };
    assert_eq!(text.len(), 4096 + " [cut]".len());
}

#[test]
fn fault_of_init_is_the_fault_of_the_call() {
    let ended = end_of(&[("init", "fault")], PLENTY, Manner::Does).ended;
    assert_eq!(ended, Ended::Fault(Fault::Invalid("refused in init".into())));
}

#[test]
fn host_that_never_answers_is_given_up_at_the_deadline() {
    let host = Host::new(Manner::Hangs);
    let outcome = wait(Sandbox::shared().react(&[("do", "enable")], SHORT, &host));
    assert_eq!(outcome.ended, Ended::Deadline);
    assert!(host.dropped.load(Ordering::SeqCst), "the host's work goes on");
    assert_eq!(host.asked().len(), 1);
}

#[test]
fn panic_of_the_host_ends_the_call_and_nothing_else() {
    let ended = end_of(&[("do", "enable")], PLENTY, Manner::Panics).ended;
    let Ended::Trap(text) = &ended else { panic!("{ended:?}") };
    assert!(text.contains("host function"), "{text}");
}

#[test]
fn call_that_nobody_waits_for_ends() {
    let host = Host::new(Manner::Hangs);
    let call = Sandbox::shared().react(&[("do", "enable")], PLENTY, &host);
    wait_until("the host is asked", || !host.asked().is_empty());
    drop(call);
    wait_until("the host's work is dropped", || host.dropped.load(Ordering::SeqCst));
}

#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let give_up = Instant::now() + PLENTY;
    while !is_so() {
        assert!(Instant::now() < give_up, "{what}: not within {PLENTY:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn deadline_that_has_passed_calls_nobody() {
    let host = Host::new(Manner::Does);
    let outcome = wait(Sandbox::shared().react(&[("do", "enable")], Duration::ZERO, &host));
    assert_eq!(outcome.ended, Ended::Deadline);
    assert_eq!(host.asked(), Vec::<String>::new());
}

#[test]
fn loops_do_not_stop_other_calls() {
    let sandbox = Sandbox::shared();
    let host = Host::new(Manner::Does);
    let loops: Vec<_> = (0..6).map(|_| sandbox.react(&[("do", "loop")], PLENTY, &host)).collect();
    let outcome = wait(sandbox.react(&[], PLENTY, &host));
    assert_eq!(outcome.ended, Ended::Ok("well behaved".to_owned()));
    drop(loops);
}

#[test]
fn calls_beyond_the_bounds_of_a_plugin_are_refused_at_once_and_others_are_not() {
    let sandbox = Sandbox::shared();
    let plugin = load_with(&sandbox.engine, "test-reaction", "concurrency = 1\nqueue = 1");
    let host = Host::new(Manner::Hangs);
    let react = |host: &Arc<Host>| {
        let settings = settings(&[("do", "enable")]);
        let deadline = Instant::now() + PLENTY;
        let call = Call { plugin: &plugin, settings: &settings, deadline };
        sandbox.engine.react(call, alarm("sip-a"), Arc::clone(host) as _)
    };
    let first = react(&host);
    wait_until("the host is asked", || !host.asked().is_empty());
    // One waits; of two, the other one is refused, and it does not matter which.
    let (second, third) = (react(&host), react(&host));
    let either = wait(futures_util::future::select(Box::pin(second), Box::pin(third)));
    let (refused, waiting) = either.factor_first();
    let refused = refused.ended;
    assert_eq!(refused, Ended::Saturated(Bound::Queue { concurrency: 1, queue: 1 }));
    assert_eq!(refused.to_string(), "queue full: 1 under way and 1 waiting, as allowed");
    // Others have their own room.
    let other = wait(sandbox.react(&[], PLENTY, &Host::new(Manner::Does)));
    assert_eq!(other.ended, Ended::Ok("well behaved".to_owned()));
    drop((first, waiting));
    wait_until("the room is free again", || {
        let host = Host::new(Manner::Does);
        matches!(wait(react(&host)).ended, Ended::Ok(_))
    });
}

#[test]
fn call_without_room_is_saturated_at_its_deadline_and_addresses_have_room_of_their_own() {
    let sandbox = Sandbox::new(EngineSettings { reactions_max: 1, ..EngineSettings::default() });
    let host = Host::new(Manner::Hangs);
    let first = sandbox.react(&[("do", "enable")], PLENTY, &host);
    wait_until("the host is asked", || !host.asked().is_empty());
    let second = wait(sandbox.react(&[], SHORT, &Host::new(Manner::Does)));
    assert_eq!(second.ended, Ended::Saturated(Bound::Instances));
    let none = settings(&[]);
    let call = Call { plugin: &sandbox.vip, settings: &none, deadline: Instant::now() + PLENTY };
    let order = crate::fixture::order(takeover_logic::link::Release::Confirmed, 8000);
    let up = takeover_logic::link::VipAction::Up;
    let moved = wait(sandbox.engine.move_vip(call, up, order, Host::new(Manner::Does)));
    assert_eq!(moved.ended, Ended::Ok(()));
    drop(first);
    let third = wait(sandbox.react(&[], PLENTY, &Host::new(Manner::Does)));
    assert_eq!(third.ended, Ended::Ok("well behaved".to_owned()));
}

#[test]
fn flood_of_log_lines_is_cut_and_counted() {
    let sandbox = Sandbox::new(EngineSettings::default());
    let host = Host::new(Manner::Does);
    let outcome = wait(sandbox.react(&[("do", "log")], PLENTY, &host));
    assert_eq!(outcome.ended, Ended::Ok("well behaved".to_owned()));
    let lines = host.lines();
    assert_eq!(lines.first().map(String::as_str), Some("line 0"));
    let last = lines.last().unwrap();
    let dropped: usize = last.split(' ').next().unwrap().parse().unwrap();
    assert!(last.ends_with("log lines of test-reaction dropped: too many"), "{last}");
    assert_eq!(lines.len() - 1 + dropped, 500);
    assert!(dropped > 300, "{last}");
}

#[test]
fn system_interface_reaches_nothing() {
    let ended = end_of(&[("do", "files")], PLENTY, Manner::Does).ended;
    assert_eq!(ended, Ended::Ok("0 0 false false false".to_owned()));
}

#[test]
fn setting_that_is_not_written_has_its_default() {
    let sandbox = Sandbox::shared();
    let number = |written: serde_json::Value| {
        let settings = serde_json::from_value(written).unwrap();
        let deadline = Instant::now() + PLENTY;
        let call = Call { plugin: &sandbox.reaction, settings: &settings, deadline };
        wait(sandbox.engine.react(call, alarm("sip-a"), Host::new(Manner::Does))).ended
    };
    assert_eq!(number(serde_json::json!({"do": "setting"})), Ended::Ok("3".to_owned()));
    let written = serde_json::json!({"do": "setting", "number": 9});
    assert_eq!(number(written), Ended::Ok("9".to_owned()));
}

#[test]
fn clocks_go() {
    let ended = end_of(&[("do", "clock")], PLENTY, Manner::Does).ended;
    assert_eq!(ended, Ended::Ok("true true".to_owned()));
}

#[test]
fn settings_of_the_engine_are_checked() {
    let zero = EngineSettings { guest_threads: 0, ..EngineSettings::default() };
    let error = takeover_engine::Engine::start(zero).unwrap_err().to_string();
    assert_eq!(error, "engine setting guest_threads: found 0, allowed 1 to 16");
}

/// Loops must not hold up short calls, so what computes for long goes on elsewhere; its calls of
/// the host come from there.
#[test]
fn call_that_computes_for_long_goes_on_among_threads_that_give_way() {
    // Nobody else calls the plugin of this name here, so it has no habit yet.
    let sandbox = Sandbox::new(EngineSettings::default());
    let threads = |word: &str| {
        let host = Host::new(Manner::Does);
        let outcome = wait(sandbox.react(&[("do", word)], PLENTY, &host));
        assert_eq!(outcome.ended, Ended::Ok("well behaved".to_owned()), "{word}");
        host.threads.lock().unwrap().clone()
    };
    assert_eq!(threads("busy"), ["takeover-aside"]);
    assert_eq!(threads("enable"), ["takeover-aside"], "the one after it begins there");
    // One that is short goes there only where it took 2 ms and a tick found it.
    let quick = (0..20).filter(|_| threads("enable") == ["takeover-guest"]).count();
    assert!(quick > 0);
}
