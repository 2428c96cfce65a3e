//! How times are counted, and what of a plugin is told over a link.

use super::*;

#[test]
fn without_calls_there_is_no_time() {
    let times = CallTimes::default();
    assert_eq!((times.calls(), times.at_most(50), times.at_most(99)), (0, 0, 0));
}

#[test]
fn median_and_ninety_ninth_are_bounds_or_the_longest_call() {
    let mut times = CallTimes::default();
    for _ in 0..98 {
        times.add(Duration::from_micros(70));
    }
    times.add(Duration::from_micros(3_000));
    times.add(Duration::from_secs(20));
    let times = times.summarised();
    assert_eq!(times.calls(), 100);
    assert_eq!((times.median_us, times.p99_us, times.max_us), (100, 5_000, 20_000_000));
    assert_eq!(times.total_us, 98 * 70 + 3_000 + 20_000_000);
    assert_eq!(times.counts.last(), Some(&1), "beyond the last bound");
}

#[test]
fn a_bound_belongs_to_its_own_count() {
    let mut times = CallTimes::default();
    times.add(Duration::from_micros(50));
    times.add(Duration::from_micros(51));
    let times = times.summarised();
    assert_eq!(times.counts.get(..2), Some(&[1, 1][..]));
    assert_eq!((times.median_us, times.p99_us), (50, 51), "never more than the longest");
}

#[test]
fn what_is_told_of_a_plugin_has_bounds() {
    let rejected = |number: usize| RejectedVersion {
        package: number.to_string(),
        version: String::new(),
        step: "verify".to_owned(),
        reason: "\u{e4}".repeat(PLUGIN_REPORT_TEXT_BYTES_MAX),
    };
    let count = PLUGIN_REPORT_LIST_MAX + 3;
    let text = r#"{"name": "p", "version": "", "kind": "", "sha256": "", "state": "rejected"}"#;
    let mut view: PluginView = serde_json::from_str(text).unwrap();
    view.rejected = (0..count).map(rejected).collect();
    view.used_by = vec!["reaction".to_owned(); count];
    let told = view.bounded();
    assert_eq!((told.rejected.len(), told.used_by.len()), (PLUGIN_REPORT_LIST_MAX, 8));
    assert_eq!(told.rejected.last().map(|it| &*it.package), Some("10"), "the newest stay");
    let longest = PLUGIN_REPORT_TEXT_BYTES_MAX + "...".len();
    assert!(told.rejected.iter().all(|it| it.reason.len() <= longest));
}
