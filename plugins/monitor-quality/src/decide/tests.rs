//! The cases run natively, and what no case can show: long times and made-up memories.

use takeover_cases::monitor::{self, MonitorCase, SampleFacts};
use takeover_cases::monitor_words;

use super::*;
use crate::bindings::exports::takeover::plugin::monitor::Device;

monitor_words!();

#[test]
fn every_case_holds() {
    let folder = env!("CARGO_MANIFEST_DIR").as_ref();
    let held = monitor::run_all(folder, |case| run_case(case).0);
    assert!(held.unwrap_or_else(|problems| panic!("{problems}")) >= 3);
}

/// A case with one sample.
fn case(rest: &str) -> MonitorCase {
    toml::from_str(&format!("title = 't'\n{rest}\n[[sample]]\nexpect = ''\n")).unwrap()
}

/// An interval of ten seconds with 100 answers, `failed` of them 5xx.
fn interval(at_s: u64, failed: u64) -> SampleFacts {
    SampleFacts {
        in_run_mode_ms: at_s * 1_000,
        received: 100,
        responses_2xx: 100 - failed,
        responses_5xx: failed,
        ..SampleFacts::default()
    }
}

#[test]
fn service_that_becomes_worse_slowly_is_found_at_the_largest_limit() {
    let mut case = case("");
    case.sample = (0..400).map(|index| interval(index * 10, index / 4)).collect();
    let (answers, _) = run_case(&case);
    let first = answers.iter().position(|answer| answer.verdict.starts_with("unavailable"));
    // Above 80 % from the 325th interval on, and unavailable after three of them: never later,
    // however slowly it came.
    assert!(first.is_some_and(|index| index <= 326), "{first:?}");
}

#[test]
fn outage_is_not_learned() {
    let mut case = case("");
    let good = (0..20).map(|index| interval(index * 10, 1));
    let bad = (20..500).map(|index| interval(index * 10, 100));
    case.sample = good.chain(bad).collect();
    let (answers, _) = run_case(&case);
    let last = answers.last().unwrap();
    let expected = "unavailable: 480 bad intervals; against the service: 5xx 100 % (limit 10 %, \
                    usual 1 %); for it:";
    assert!(last.verdict.starts_with(expected), "{}", last.verdict);
}

#[test]
fn fault_of_the_memory_is_said_once() {
    for (text, expected) in [
        ("denied: not granted", "what was usual before can not be read: denied: not granted"),
        ("timed-out", "what was usual before can not be read: timed out"),
    ] {
        let mut case = case(&format!("memory_fault = '{text}'"));
        case.sample = (0..20).map(|index| interval(index * 10, 1)).collect();
        let (answers, lines) = run_case(&case);
        assert_eq!(answers.last().map(|answer| answer.verdict.as_str()), Some("running"));
        assert_eq!(lines, [expected]);
    }
}

#[test]
fn what_somebody_else_remembered_is_not_believed() {
    let good = "1 2 3 4 5 6 7 8";
    assert_eq!(Baseline::parse(good).map(|baseline| baseline.print()), Some(good.to_owned()));
    for text in
        ["", "1 2 3 4 5 6 7", "1 2 3 4 5 6 7 8 9", "-1 2 3 4 5 6 7 8", "1000001 2 3 4 5 6 7 8"]
    {
        assert_eq!(Baseline::parse(text), None, "{text:?}");
    }
}
