//! Verdicts without a sandbox.

use super::*;

const SILENCE_MS: u64 = 30_000;

fn seen(vip_up_ms: Option<u64>, last_message_ago_ms: Option<u64>) -> Seen {
    Seen {
        primary: true,
        vip_up_ms,
        last_message_ago_ms,
    }
}

#[test]
fn recent_message_is_service_and_silence_is_none() {
    assert_eq!(
        assess(seen(Some(60_000), Some(500)), SILENCE_MS),
        Verdict::Running
    );
    let silent = Verdict::Unavailable("no SIP message for 31 s".to_owned());
    assert_eq!(assess(seen(Some(60_000), Some(31_000)), SILENCE_MS), silent);
}

#[test]
fn node_that_can_not_expect_messages_is_not_judged() {
    let backup = Seen {
        primary: false,
        ..seen(Some(60_000), None)
    };
    let cases = [
        backup,
        seen(None, Some(500)),
        seen(Some(500), None),
        seen(Some(500), Some(900)),
    ];
    for case in cases {
        let verdict = assess(case, SILENCE_MS);
        assert!(
            matches!(verdict, Verdict::Unknown(_)),
            "{case:?}: {verdict:?}"
        );
    }
}
