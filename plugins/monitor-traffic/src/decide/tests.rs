//! The cases run natively, and a pair of monitors in a network without messages.

use takeover_cases::monitor::{self, Memory, MonitorCase, SampleFacts};
use takeover_cases::monitor_words;

use super::*;

monitor_words!();

#[test]
fn every_case_holds() {
    let folder = env!("CARGO_MANIFEST_DIR").as_ref();
    let held = monitor::run_all(folder, |case| run_case(case).0);
    assert!(held.unwrap_or_else(|problems| panic!("{problems}")) >= 3);
}

/// One side of a pair.
struct Side {
    monitor: Monitor,
    memory: Memory,
    run_mode: RunMode,
    since_ms: u64,
    message_at_ms: Option<u64>,
}

impl Side {
    fn new(run_mode: RunMode) -> Self {
        let (monitor, memory) = (Monitor::new(), Memory::default());
        Self { monitor, memory, run_mode, since_ms: 0, message_at_ms: None }
    }

    /// Whether this side says that service is unavailable, having got a message just now or not.
    fn is_unavailable(&mut self, now_ms: u64, message: bool, case: &MonitorCase) -> bool {
        let in_run_mode_ms = now_ms - self.since_ms;
        self.message_at_ms = if message { Some(now_ms) } else { self.message_at_ms };
        let facts = SampleFacts {
            in_run_mode_ms,
            vip_up_ms: Some(in_run_mode_ms),
            received: u64::from(message),
            last_message_ago_ms: self.message_at_ms.map(|at_ms| now_ms - at_ms),
            device: vec![monitor::DeviceFacts::default()],
            ..SampleFacts::default()
        };
        let sample = Sample { run_mode: self.run_mode, ..sample(&facts) };
        let mut host = Recorded { case, memory: &mut self.memory, lines: Vec::new() };
        let answer = self.monitor.assess(&sample, &mut host);
        matches!(answer.assessment, Assessment::Unavailable(_))
    }
}

/// A pair in silence up to `message_at_s`, when its primary gets a message: how long each primary
/// lasted, in seconds.
fn pair_in_silence(message_at_s: u64, end_s: u64, reload_every_s: u64) -> Vec<u64> {
    let case = case("");
    let mut sides = [Side::new(RunMode::Primary), Side::new(RunMode::Backup)];
    let mut lasted = Vec::new();
    let mut primary = 0;
    for now_s in 0..end_s {
        let now_ms = now_s * 1_000;
        if now_s % reload_every_s == 0 {
            sides.iter_mut().for_each(|side| side.monitor = Monitor::new());
        }
        let unavailable = [0, 1].map(|side| {
            let message = now_s == message_at_s && side == primary;
            sides[side].is_unavailable(now_ms, message, &case)
        });
        assert!(!unavailable[1 - primary], "a backup never says so");
        if unavailable[primary] {
            lasted.push((now_ms - sides[primary].since_ms) / 1_000);
            sides[primary].run_mode = RunMode::Backup;
            sides[primary].since_ms = now_ms;
            primary = 1 - primary;
            sides[primary].run_mode = RunMode::Primary;
            sides[primary].since_ms = now_ms;
        }
    }
    lasted
}

/// A case with one sample.
fn case(rest: &str) -> MonitorCase {
    toml::from_str(&format!("title = 't'\n{rest}\n[[sample]]\nexpect = ''\n")).unwrap()
}

#[test]
fn pair_in_silence_changes_sides_after_t_t_2t_2t_4t_4t() {
    let lasted = pair_in_silence(u64::MAX, 1_100, u64::MAX);
    // T is 40 s; a second is the time between two samples.
    assert_eq!(lasted, [41, 41, 81, 81, 161, 161, 161, 161, 161]);
}

#[test]
fn reload_of_both_monitors_does_not_shorten_the_back_off() {
    for every_s in [1, 7, 40, 41] {
        let lasted = pair_in_silence(u64::MAX, 1_100, every_s);
        assert_eq!(lasted, [41, 41, 81, 81, 161, 161, 161, 161, 161], "every {every_s} s");
    }
}

#[test]
fn one_message_ends_the_back_off() {
    // The sixth primary began at 405 s and gets its message at 500 s: it has T from there, and so
    // has its next promotion. The other side got no message and still waits for 4T.
    let lasted = pair_in_silence(500, 1_200, u64::MAX);
    assert_eq!(lasted, [41, 41, 81, 81, 161, 136, 161, 41, 161, 81, 161]);
}

#[test]
fn every_fault_of_the_memory_is_said_once_and_never_a_reason_to_say_unavailable() {
    for (text, expected) in [
        ("denied: permission memory is not granted", "denied: permission memory is not granted"),
        ("timed-out", "timed out"),
    ] {
        let mut case = case(&format!("memory_fault = '{text}'"));
        let mut facts = case.sample[0].clone();
        facts.device = vec![monitor::DeviceFacts::default()];
        facts.in_run_mode_ms = 50_000;
        facts.vip_up_ms = Some(50_000);
        case.sample = vec![facts; 3];
        let (answers, lines) = run_case(&case);
        let expected = format!("promotions before the start of this monitor: {expected}");
        for answer in answers {
            let why = "no SIP message for 50 s; the limit is 40 s to 160 s";
            assert_eq!(answer.verdict, format!("unknown: {why}: {expected}"));
        }
        assert_eq!(lines, [expected]);
    }
}

#[test]
fn what_somebody_else_remembered_is_not_believed() {
    for text in ["9 exact other", "1 exact", "x", "", "1 certain other", "-1 exact other"] {
        let mut memory = case(&format!("memory = {{ promotions-1 = '{text}' }}")).memory();
        let mut promotions = Promotions::new();
        let case = case("");
        let mut host = Recorded { case: &case, memory: &mut memory, lines: Vec::new() };
        Keeper::new().restore(&mut promotions, &mut host);
        assert_eq!(promotions, Promotions::new(), "{text:?}");
    }
}
