//! What a sample holds, and what it leaves.

use super::*;

fn seen() -> Circumstances {
    Circumstances {
        run_mode: RunMode::Primary,
        run_mode_since: Instant(1_000_000),
        vip_since: Some(Instant(2_000_000)),
        devices: Vec::new(),
    }
}

#[test]
fn a_sample_counts_since_the_last_one() {
    let mut traffic = Traffic::default();
    traffic.received(Instant(4_000_000));
    traffic.received(Instant(5_000_000));
    for code in [200, 202, 180, 302, 404, 503, 603, 999, 0] {
        traffic.response(code);
    }
    traffic.timed_out();
    traffic.sent_again();
    traffic.sent_again();
    let sample = traffic.sample(Instant(7_000_000), seen());
    let counts = (sample.received, sample.responses_2xx, sample.responses_4xx);
    assert_eq!(counts, (2, 2, 1));
    let counts = (sample.responses_5xx, sample.timeouts, sample.retransmissions);
    assert_eq!(counts, (1, 1, 2));
    let times = (sample.in_run_mode_ms, sample.vip_up_ms, sample.last_message_ago_ms);
    assert_eq!(times, (6, Some(5), Some(2)));
    let sample = traffic.sample(Instant(8_000_000), seen());
    assert_eq!((sample.received, sample.responses_2xx, sample.timeouts), (0, 0, 0));
    assert_eq!(sample.last_message_ago_ms, Some(3), "that stays known");
}
