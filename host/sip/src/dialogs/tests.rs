//! Calls that begin, are answered, fork, end and are forgotten, on one node and on the next.

use proptest::prelude::*;

use super::*;

const KEY: [u8; 16] = [7; 16];

fn parties(names: &[&str]) -> Vec<Arc<str>> {
    names.iter().map(|name| Arc::from(*name)).collect()
}

fn tell(from: &mut Dialogs, to: &mut Dialogs) {
    while let Some(change) = from.poll_change() {
        let line = serde_json::to_string(&change).unwrap();
        to.apply(serde_json::from_str(&line).unwrap());
    }
    assert!(from == to, "the tables differ");
    assert_eq!(from.busy, to.busy);
}

#[test]
fn a_call_is_counted_from_its_invite_to_its_bye() {
    let mut dialogs = Dialogs::new(KEY);
    let key = dialogs.key(b"call", b"from");
    assert!(dialogs.begin(Timestamp(0), key, &parties(&["7001", "TRUNK"])));
    assert!(dialogs.begin(Timestamp(1), key, &parties(&["7001", "TRUNK"])), "sent again");
    assert_eq!((dialogs.calls_of("7001"), dialogs.calls_of("TRUNK")), (1, 1));
    dialogs.answered(Timestamp(2), key, b"to", None);
    dialogs.ended(b"other", b"to", b"from");
    assert_eq!(dialogs.len(), 1);
    dialogs.ended(b"call", b"to", b"from");
    assert!(dialogs.is_empty(), "the callee said BYE");
    assert_eq!(dialogs.calls_of("7001"), 0);
    let idle: Vec<Arc<str>> = std::iter::from_fn(|| dialogs.poll_idle()).collect();
    assert_eq!(idle, parties(&["7001", "TRUNK"]));
}

#[test]
fn a_forked_call_ends_with_the_last_who_answered() {
    let mut dialogs = Dialogs::new(KEY);
    let key = dialogs.key(b"call", b"from");
    dialogs.begin(Timestamp(0), key, &[]);
    dialogs.answered(Timestamp(1), key, b"one", None);
    dialogs.answered(Timestamp(1), key, b"two", None);
    dialogs.failed(key);
    dialogs.ended(b"call", b"from", b"one");
    assert_eq!(dialogs.len(), 1);
    dialogs.ended(b"call", b"two", b"from");
    assert!(dialogs.is_empty());
}

#[test]
fn a_call_that_nobody_answers_fails_or_ends_by_time() {
    let mut dialogs = Dialogs::new(KEY);
    let (one, two) = (dialogs.key(b"1", b"a"), dialogs.key(b"2", b"a"));
    dialogs.begin(Timestamp(0), one, &[]);
    dialogs.begin(Timestamp(0), two, &[]);
    dialogs.failed(one);
    assert_eq!(dialogs.len(), 1);
    dialogs.may_last_until(two, Timestamp(900_000));
    dialogs.may_last_until(two, Timestamp(1));
    dialogs.expire(Timestamp(899_999));
    assert_eq!(dialogs.len(), 1);
    dialogs.expire(Timestamp(900_000));
    assert!(dialogs.is_empty());
}

#[test]
fn a_lost_bye_is_found_by_the_session_timer_or_a_long_maximum() {
    let mut dialogs = Dialogs::new(KEY);
    let (timed, untimed) = (dialogs.key(b"1", b"a"), dialogs.key(b"2", b"a"));
    for key in [timed, untimed] {
        dialogs.begin(Timestamp(0), key, &[]);
    }
    dialogs.answered(Timestamp(0), timed, b"b", Some(90));
    dialogs.answered(Timestamp(0), untimed, b"b", None);
    dialogs.seen(Timestamp(60_000), b"1", (b"b", b"a"), Some(90));
    dialogs.expire(Timestamp(181_999));
    assert_eq!(dialogs.len(), 2);
    dialogs.expire(Timestamp(182_000));
    assert_eq!(dialogs.len(), 1);
    dialogs.expire(Timestamp(12 * 3_600_000 - 1));
    assert_eq!(dialogs.len(), 1);
    dialogs.expire(Timestamp(12 * 3_600_000));
    assert!(dialogs.is_empty() && dialogs.deadline().is_none());
}

#[test]
fn a_switchover_reports_what_it_kept() {
    let (mut first, mut second) = (Dialogs::new(KEY), Dialogs::new(KEY));
    for n in 0..4_u8 {
        let key = first.key(&[n], b"a");
        first.begin(Timestamp(0), key, &parties(&["7001"]));
        first.answered(Timestamp(0), key, b"b", Some(90));
    }
    tell(&mut first, &mut second);
    assert!(second.poll_idle().is_none());
    second.take_over();
    assert_eq!(second.figures(), Figures { inherited: 4, kept: 0, lost: 0 });
    second.ended(&[0], b"a", b"b");
    second.seen(Timestamp(1), &[1], (b"b", b"a"), None);
    second.seen(Timestamp(2), &[1], (b"b", b"a"), None);
    assert_eq!(second.figures(), Figures { inherited: 4, kept: 2, lost: 0 });
    assert_eq!(second.figures().silent(), 2);
    second.expire(Timestamp(122_000));
    assert_eq!(second.figures(), Figures { inherited: 4, kept: 2, lost: 2 });
}

#[test]
fn the_bound_holds_and_what_is_beyond_it_is_counted() {
    let mut dialogs = Dialogs::new(KEY);
    for n in 0..u64::try_from(DIALOGS_MAX).unwrap() {
        assert!(dialogs.begin(Timestamp(0), CallKey(n), &[]));
    }
    assert!(!dialogs.begin(Timestamp(0), CallKey(u64::MAX), &[]));
    assert_eq!((dialogs.len(), dialogs.untracked()), (DIALOGS_MAX, 1));
}

proptest! {
    /// After any course both nodes know the same, nobody is busy without a call, and time ends
    /// everything.
    #[test]
    fn both_nodes_count_alike(steps in prop::collection::vec((0..6_u8, 0..4_u8, 0..2_u8, 0..200_u64), 1..80)) {
        let (mut dialogs, mut standby) = (Dialogs::new(KEY), Dialogs::new(KEY));
        let mut at = 0;
        for (what, call, other, wait_s) in steps {
            at += wait_s * 1000;
            let key = dialogs.key(&[call], b"a");
            let tag = [other];
            let parties = parties(&[["7001", "7002"][usize::from(other)], "T"]);
            match what {
                0 | 1 => { dialogs.begin(Timestamp(at), key, &parties); }
                2 => dialogs.answered(Timestamp(at), key, &tag, (call == 0).then_some(90)),
                3 => dialogs.failed(key),
                4 => dialogs.ended(&[call], &tag, b"a"),
                _ => dialogs.seen(Timestamp(at), &[call], (b"a", &tag), Some(120)),
            }
            dialogs.expire(Timestamp(at));
            prop_assert!(dialogs.deadline().is_none_or(|due| due > Timestamp(at)));
            tell(&mut dialogs, &mut standby);
        }
        dialogs.expire(Timestamp(at + 13 * 3_600_000));
        tell(&mut dialogs, &mut standby);
        prop_assert!(standby.is_empty() && standby.busy.is_empty());
    }
}
