//! A policy does its worst: the call ends as what it was, its instance is gone, and the next call
//! gets another one.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use takeover_engine::outcome::{Ended, Outcome};
use takeover_engine::{EngineSettings, PolicyPool};
use takeover_logic::component::sip::{ForwardingCall, ForwardingDecision};
use takeover_logic::link::Fault;

use crate::fixture::{Host, Manner, PLENTY, Sandbox};
use crate::policy::wait_for_free;
use crate::policy::{asking_for, call, check_calls, patient, refused, start, try_start};

/// Makes a hostile call, and then a well-behaved one, which a fresh instance must answer.
#[track_caller]
fn end_of(word: &str) -> Outcome<ForwardingDecision> {
    let pool = start(patient(1, 0));
    check_calls(&pool, 1);
    let outcome = pool.decide(&asking_for(word));
    wait_for_free(&pool, 1);
    check_calls(&pool, 1);
    assert_eq!(pool.counts().replaced, 1, "{word}");
    outcome
}

#[track_caller]
fn check_trap(word: &str, reason: &str) {
    let ended = end_of(word).ended;
    let Ended::Trap(text) = &ended else { panic!("{word}: {ended:?}") };
    assert!(text.contains(reason), "{word}: {text}");
}

#[test]
fn trap_says_what_happened() {
    check_trap("trap", "unreachable");
    check_trap("panic", "the last words of a policy");
}

#[test]
fn policy_that_wants_to_wait_is_ended_at_once() {
    check_trap("sleep", "it wanted to wait, which a policy must not");
}

#[test]
fn recursion_without_end_leaves_the_callers_stack_alone() {
    check_trap("stack", "call stack exhausted");
}

#[test]
fn endless_loop_ends_at_the_deadline() {
    let outcome = end_of("loop");
    assert_eq!(outcome.ended, Ended::Deadline);
    assert!(outcome.took >= Duration::from_secs(1), "{outcome:?}");
}

#[test]
fn limits_end_the_call() {
    for (word, reason) in [
        ("memory", "16777216 allowed"),
        ("answer-2-mib", "more than 1048576 bytes in one host call"),
    ] {
        let ended = end_of(word).ended;
        let Ended::Limit(text) = &ended else { panic!("{word}: {ended:?}") };
        assert!(text.contains(reason), "{word}: {text}");
    }
}

#[test]
fn answer_out_of_its_bounds_is_a_fault_and_nothing_of_it_is_passed_on() {
    for (word, reason) in [
        ("answer-64-kib", "decision: reason: found 65536 bytes, allowed 0 to 256"),
        ("bad-code", "decision: refusal code: found 200, allowed 400 to 699"),
        ("bad-redirect", "decision: redirect code: found 500, allowed 300 to 399"),
        ("many-contacts", "decision: number of contacts: found 9, allowed 1 to 8"),
        ("forged", "decision: reason: found a control character, allowed one line of text"),
    ] {
        let ended = end_of(word).ended;
        assert_eq!(ended, Ended::Fault(Fault::Invalid(reason.into())), "{word}");
    }
}

#[test]
fn oversized_call_is_not_shown_and_costs_no_instance() {
    let pool = start(patient(1, 0));
    let large = ForwardingCall { caller: "a".repeat(64 << 10), ..call() };
    let ended = pool.decide(&large).ended;
    let size = large.size_bytes();
    let text = format!("call of {size} bytes, at most 65536");
    assert_eq!(ended, Ended::Fault(Fault::Invalid(text.into())));
    assert_eq!(pool.free(), 1);
    let largest = ForwardingCall { caller: "a".repeat((64 << 10) - 200), ..call() };
    assert!(matches!(pool.decide(&largest).ended, Ended::Ok(_)));
}

#[test]
fn what_it_writes_to_its_standard_error_never_fills_up() {
    let pool = start(patient(1, 0));
    for _ in 0..20 {
        assert_eq!(pool.decide(&asking_for("say")).ended, Ended::Ok(ForwardingDecision::Deliver));
    }
    check_calls(&pool, 21);
}

#[test]
fn panic_of_the_host_ends_the_instance_and_not_the_caller() {
    let sandbox = Sandbox::new(EngineSettings::default());
    let host: Arc<Host> = Host::new(Manner::Panics);
    let pool = try_start(&sandbox, &[], patient(1, 0), (PLENTY, &host)).unwrap();
    let ended = pool.decide(&asking_for("log")).ended;
    let Ended::Trap(text) = &ended else { panic!("{ended:?}") };
    assert!(text.contains("host function"), "{text}");
    wait_for_free(&pool, 1);
    check_calls(&pool, 1);
}

#[test]
fn one_shot_instance_that_fails_gives_its_room_free() {
    let pool = start(patient(1, 1));
    for word in ["trap", "sleep", "bad-code", "panic"] {
        // Takes the warm one, so that the call after it may need the other room.
        pool.decide(&asking_for("trap"));
        pool.decide(&asking_for(word));
        wait_for_free(&pool, 1);
    }
    let all_free = || {
        std::thread::scope(|scope| {
            let slow: Vec<_> =
                (0..2).map(|_| scope.spawn(|| pool.decide(&asking_for("busy-20-ms")))).collect();
            slow.into_iter().all(|thread| matches!(thread.join().unwrap().ended, Ended::Ok(_)))
        })
    };
    assert!(all_free(), "{:?}", pool.counts());
}

/// What a call may ask of the policy, and whether an answer is due. `loop` is left out: it has its
/// own test, and each would take its whole deadline here.
const WORDS: [(&str, bool); 14] = [
    ("", true),
    ("who", true),
    ("redirect", true),
    ("say", true),
    ("log", true),
    ("trap", false),
    ("panic", false),
    ("sleep", false),
    ("memory", false),
    ("answer-2-mib", false),
    ("bad-code", false),
    ("bad-redirect", false),
    ("many-contacts", false),
    ("forged", false),
];

/// Makes the calls, and holds every answer against what it must be.
fn check_never_poisoned(pool: &PolicyPool, words: &[(&str, bool)]) -> Result<(), TestCaseError> {
    for (word, answers) in words {
        let ended = pool.decide(&asking_for(word)).ended;
        match &ended {
            Ended::Ok(decision) => {
                prop_assert!(answers, "{}: {:?}", word, decision);
                prop_assert_ne!(decision, &refused(699, "poisoned"), "{}", word);
            }
            // The instances are all being replaced: allowed, and nobody's fault.
            Ended::Saturated(_) => {}
            other => prop_assert!(!answers, "{}: {:?}", word, other),
        }
    }
    Ok(())
}

#[test]
fn poisoned_instance_is_never_lent_whatever_the_calls() {
    let runner = Config { cases: 40, failure_persistence: None, ..Config::default() };
    let words = || proptest::collection::vec(prop::sample::select(&WORDS[..]), 1..40);
    let pool = start(patient(2, 1));
    // Two threads share the pool, so that lending and replacing meet in any order.
    TestRunner::new(runner)
        .run(&(words(), words()), |(one, other)| {
            std::thread::scope(|scope| {
                let other = scope.spawn(|| check_never_poisoned(&pool, &other));
                check_never_poisoned(&pool, &one).and(other.join().unwrap())
            })
        })
        .unwrap();
    wait_for_free(&pool, 2);
    let counts = pool.counts();
    assert!(counts.traps > 0 && counts.faults > 0 && counts.limits > 0, "{counts:?}");
    assert!(counts.decided > 0 && counts.replaced > 0, "{counts:?}");
}
