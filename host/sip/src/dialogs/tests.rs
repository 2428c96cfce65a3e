//! Calls that begin, are answered, fork, end and are forgotten, on one node and on the next.

use proptest::prelude::*;

use super::*;
use crate::message::sdp::Description;

const KEY: [u8; 16] = [7; 16];

fn parties(names: &[&str]) -> Parties {
    let mut names = names.iter().map(|name| Arc::from(*name));
    let mut party = || Party { dn: names.next(), number: "1".into() };
    Parties { caller: party(), callee: party(), ..Parties::default() }
}

/// Begins a call that was sent on.
fn begin(dialogs: &mut Dialogs, at: u64, key: CallKey, names: &[&str]) -> bool {
    dialogs.begin(Timestamp(at), key, parties(names), Stage::Dialing)
}

fn tell(from: &mut Dialogs, to: &mut Dialogs) {
    while let Some(change) = from.poll_change() {
        let line = serde_json::to_string(&change).unwrap();
        to.apply(serde_json::from_str(&line).unwrap());
    }
    assert!(from == to, "the tables differ");
    assert_eq!(from.index, to.index);
}

#[test]
fn a_call_is_counted_from_its_invite_to_its_bye() {
    let mut dialogs = Dialogs::new(KEY);
    let key = dialogs.key(b"call", b"from");
    assert!(begin(&mut dialogs, 0, key, &["7001", "TRUNK"]));
    assert!(begin(&mut dialogs, 1, key, &["7001", "TRUNK"]), "sent again");
    assert_eq!((dialogs.calls_of("7001"), dialogs.calls_of("TRUNK")), (1, 1));
    dialogs.answered(Timestamp(2), key, b"to", None);
    dialogs.ended(Timestamp(0), b"other", (b"to", b"from"));
    assert_eq!(dialogs.len(), 1);
    dialogs.ended(Timestamp(0), b"call", (b"to", b"from"));
    assert!(dialogs.is_empty(), "the callee said BYE");
    assert_eq!(dialogs.calls_of("7001"), 0);
    let idle: Vec<Arc<str>> = std::iter::from_fn(|| dialogs.poll_idle()).collect();
    assert_eq!(idle, ["7001".into(), "TRUNK".into()]);
}

#[test]
fn a_forked_call_ends_with_the_last_who_answered() {
    let mut dialogs = Dialogs::new(KEY);
    let key = dialogs.key(b"call", b"from");
    begin(&mut dialogs, 0, key, &[]);
    dialogs.answered(Timestamp(1), key, b"one", None);
    dialogs.answered(Timestamp(1), key, b"two", None);
    dialogs.failed(Timestamp(0), key, 486);
    dialogs.ended(Timestamp(0), b"call", (b"from", b"one"));
    assert_eq!(dialogs.len(), 1);
    dialogs.ended(Timestamp(0), b"call", (b"two", b"from"));
    assert!(dialogs.is_empty());
}

#[test]
fn a_call_that_nobody_answers_fails_or_ends_by_time() {
    let mut dialogs = Dialogs::new(KEY);
    let (one, two) = (dialogs.key(b"1", b"a"), dialogs.key(b"2", b"a"));
    begin(&mut dialogs, 0, one, &[]);
    begin(&mut dialogs, 0, two, &[]);
    dialogs.failed(Timestamp(0), one, 486);
    assert_eq!(dialogs.len(), 1);
    dialogs.may_last_until(Timestamp(0), two, Timestamp(900_000));
    dialogs.may_last_until(Timestamp(0), two, Timestamp(1));
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
        begin(&mut dialogs, 0, key, &[]);
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
        begin(&mut first, 0, key, &["7001"]);
        first.answered(Timestamp(0), key, b"b", Some(90));
    }
    tell(&mut first, &mut second);
    assert!(second.poll_idle().is_none());
    second.take_over();
    assert_eq!(second.figures(), Figures { inherited: 4, kept: 0, lost: 0 });
    second.ended(Timestamp(0), &[0], (b"a", b"b"));
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
        assert!(begin(&mut dialogs, 0, CallKey(n), &[]));
    }
    assert!(!begin(&mut dialogs, 0, CallKey(u64::MAX), &[]));
    assert_eq!((dialogs.len(), dialogs.untracked()), (DIALOGS_MAX, 1));
}

#[test]
fn calls_are_listed_in_order_and_in_parts() {
    let mut dialogs = Dialogs::new(KEY);
    let count = u64::try_from(CALLS_LISTED_MAX).unwrap() + 10;
    for n in (0..count).rev() {
        begin(&mut dialogs, 0, CallKey(n), &[["7001", "7002"][usize::from(n % 50 == 0)], "T"]);
    }
    let keys = |dn, after| -> Vec<u64> {
        dialogs.list(dn, after).into_iter().map(|(key, _)| key.0).collect()
    };
    let first = keys(None, None);
    assert_eq!((first.len(), first.last()), (CALLS_LISTED_MAX, Some(&(count - 11))));
    let rest: Vec<u64> = (count - 10..count).collect();
    assert_eq!(keys(None, Some(CallKey(count - 11))), rest);
    assert_eq!(keys(Some("7002"), None), [0, 50, 100]);
    assert_eq!(keys(Some("7002"), Some(CallKey(0))), [50, 100]);
    assert!(keys(Some("7003"), None).is_empty());
}

#[test]
fn a_key_is_read_as_it_is_written() {
    let key = CallKey(0xab);
    assert_eq!(key.to_string(), "00000000000000ab");
    assert_eq!(CallKey::parse("00000000000000ab"), Some(key));
    for wrong in ["ab", "00000000000000ag", "+0000000000000ab", "00000000000000ab0"] {
        assert_eq!(CallKey::parse(wrong), None, "{wrong}");
    }
}

proptest! {
    /// After any course both nodes know the same, nobody is busy without a call, and time ends
    /// everything.
    #[test]
    fn both_nodes_count_alike(
        steps in prop::collection::vec((0..12_u8, 0..4_u8, 0..2_u8, 0..200_u64), 1..80),
    ) {
        let (mut dialogs, mut standby) = (Dialogs::new(KEY), Dialogs::new(KEY));
        let mut at = 0;
        for (what, call, other, wait_s) in steps {
            at += wait_s * 1000;
            let key = dialogs.key(&[call], b"a");
            let tag = [other];
            let request = Inside { call_id: &[call], from_tag: b"a", to_tag: &tag, number: 1 };
            let said = Description { hears: other == 0, speaks: true };
            let names = [["7001", "7002"][usize::from(other)], "T"];
            match what {
                0 | 1 => { begin(&mut dialogs, at, key, &names); }
                2 => dialogs.answered(Timestamp(at), key, &tag, (call == 0).then_some(90)),
                3 => dialogs.failed(Timestamp(0), key, 486),
                5 => dialogs.routed(
                    Timestamp(at),
                    key,
                    Party { dn: Some("7003".into()), number: "7003".into() },
                ),
                6 => dialogs.alerting(Timestamp(at), key),
                7 => dialogs.offered(Timestamp(at), request, said),
                8 => dialogs.accepted(Timestamp(at), request, || Some(said)),
                9 => dialogs.asked(Timestamp(at), request),
                10 => dialogs.acknowledged(Timestamp(at), request, said),
                4 => dialogs.ended(Timestamp(0), &[call], (&tag, b"a")),
                _ => dialogs.seen(Timestamp(at), &[call], (b"a", &tag), Some(120)),
            }
            dialogs.expire(Timestamp(at));
            prop_assert!(dialogs.deadline().is_none_or(|due| due > Timestamp(at)));
            tell(&mut dialogs, &mut standby);
        }
        dialogs.expire(Timestamp(at + 13 * 3_600_000));
        tell(&mut dialogs, &mut standby);
        prop_assert!(standby.is_empty() && standby.index.is_idle());
    }
}
