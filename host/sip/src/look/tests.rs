//! Looks that find somebody, nobody, or come to their end.

use std::time::Duration;

use super::*;

/// Lets time pass up to a moment; each request is answered as `answers` says. What was told.
fn pass(look: &mut Look, (from_ms, to_ms): (u64, u64), answers: bool) -> Vec<Seen> {
    let at = |ms: u64| Instant(0) + Duration::from_millis(ms);
    let mut told = Vec::new();
    for ms in from_ms..to_ms {
        if look.deadline().is_some_and(|due| due <= at(ms))
            && let Some(number) = look.tick(at(ms))
            && answers
        {
            look.answered(number);
        }
        told.extend(look.poll());
    }
    told
}

#[test]
fn nothing_is_sent_before_it_is_asked_for() {
    let mut look = Look::default();
    assert_eq!((look.deadline(), look.tick(Instant(1)), look.poll()), (None, None, None));
    look.answered(0);
    assert_eq!(look.poll(), None);
}

#[test]
fn an_answer_shows_at_once_and_silence_after_some_requests() {
    let mut look = Look::default();
    look.ask(Instant(0));
    assert_eq!(pass(&mut look, (0, 1), true), [Seen::Serves]);
    assert_eq!(pass(&mut look, (1, 2000), true), []);
    let silent = pass(&mut look, (2000, 4000), false);
    assert_eq!(silent, [Seen::Silent(LOOK_SILENCE)], "told once");
    assert_eq!(pass(&mut look, (4000, 4200), true), [Seen::Serves], "it is back");
}

#[test]
fn a_look_ends_and_is_renewed_by_asking_again() {
    let end = u64::try_from(LOOK_TIME.as_millis()).unwrap();
    let mut look = Look::default();
    look.ask(Instant(0));
    assert_eq!(pass(&mut look, (0, 1000), true), [Seen::Serves]);
    look.ask(Instant(0) + Duration::from_millis(1000));
    assert_eq!(pass(&mut look, (1000, end + 900), true), []);
    assert_eq!(pass(&mut look, (end + 900, end + 1100), true), [Seen::Nothing]);
    assert_eq!(look.deadline(), None);
    look.ask(Instant(0) + Duration::from_millis(end + 2000));
    look.answered(1);
    assert_eq!(look.poll(), None, "an answer of the look before");
}

#[test]
fn one_that_serves_itself_does_not_look() {
    let mut look = Look::default();
    look.ask(Instant(0));
    pass(&mut look, (0, 100), true);
    look.stop();
    assert_eq!((look.poll(), look.deadline()), (Some(Seen::Nothing), None));
}
