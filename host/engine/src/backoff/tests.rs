//! How long the waits are.

use super::*;

/// Waits of so many failures in a row, in milliseconds.
fn waits(seed: u64, failures: u32) -> Vec<u128> {
    let now = Instant::now();
    let mut backoff = Backoff::new(seed);
    (0..failures).map(|_| (backoff.failed(now) - now).as_millis()).collect()
}

#[test]
fn waits_double_to_thirty_seconds_and_are_at_most_a_quarter_shorter() {
    for seed in 0..1000 {
        let mut full = 200;
        for wait in waits(seed, 40) {
            assert!((full - full / 4..=full).contains(&wait), "seed {seed}: {wait} of {full}");
            full = (full * 2).min(30_000);
        }
    }
}

#[test]
fn seeds_differ_and_the_same_one_repeats() {
    assert_eq!(waits(1, 10), waits(1, 10));
    assert_ne!(waits(1, 10), waits(2, 10));
}

#[test]
fn a_minute_of_life_is_forgiven_and_less_is_not() {
    let start = Instant::now();
    for (lived, full_ms) in [(59, 800), (60, 200)] {
        let mut backoff = Backoff::new(7);
        backoff.failed(start);
        backoff.failed(start);
        backoff.started(start);
        let ended = start + Duration::from_secs(lived);
        let wait = backoff.failed(ended) - ended;
        let full = Duration::from_millis(full_ms);
        assert!((full - full / 4..=full).contains(&wait), "lived {lived} s: {wait:?}");
    }
}

#[test]
fn it_may_be_started_when_the_wait_is_over_and_not_before() {
    let now = Instant::now();
    let mut backoff = Backoff::new(7);
    assert_eq!(backoff.wait(now), Duration::ZERO);
    let at = backoff.failed(now);
    assert_eq!(backoff.wait(now), at - now);
    assert_eq!(backoff.wait(at), Duration::ZERO);
    backoff.started(at);
    assert_eq!(backoff.wait(now), Duration::ZERO);
}
