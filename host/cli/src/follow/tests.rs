//! What is heard from a stream, given as text.

use takeover_logic::control::io::{Change, RecordedEvent};
use takeover_logic::ids::EventSequence;

use super::{Heard, Place, listen};
use crate::view::tests::{event, overview};

fn recorded(sequence: u64) -> String {
    let recorded = RecordedEvent { sequence: EventSequence(sequence), event: event() };
    format!("event: event\nid: {sequence}\ndata: {}\n\n", serde_json::to_string(&recorded).unwrap())
}

/// What is heard from `stream` by somebody who has seen everything up to `seen`.
#[track_caller]
fn check(stream: &str, seen: Option<u64>, expected: &[&str], sequence: Option<u64>, end: &str) {
    let mut place = Place { sequence: seen, ..Place::default() };
    let mut found = Vec::new();
    let ended = listen(stream.as_bytes(), &mut place, &mut |heard| {
        found.push(match heard {
            Heard::Overview(body) => format!("overview at {}", body.journal_sequence),
            Heard::Event(event) => format!("event {}", event.sequence),
            Heard::Changed(change) => match *change {
                Change::Pair(pair) => format!("pair {}", pair.name),
                other => format!("{other:?}"),
            },
            Heard::Lost(why) => why,
        });
        Ok(())
    });
    assert_eq!(found, expected);
    assert_eq!(place.sequence, sequence);
    assert_eq!(ended.expect("nobody failed"), end);
}

const ENDED: &str = "the control server ended the stream";

#[test]
fn events_that_were_seen_do_not_come_twice() {
    let stream = [recorded(4), recorded(5), recorded(6)].concat();
    check(&stream, Some(5), &["event 6"], Some(6), ENDED);
}

#[test]
fn the_overview_is_the_resume_point_of_somebody_new() {
    let mut body = serde_json::to_value(overview()).unwrap();
    body["version"] = "0.1.0".into();
    body["at"] = 0.into();
    body["journal_sequence"] = 40.into();
    let stream = format!("event: overview\ndata: {body}\n\n{}", recorded(41));
    check(&stream, None, &["overview at 40", "event 41"], Some(41), ENDED);
    // Somebody who resumes is behind it, and must not skip what lies between.
    let stream = format!("event: overview\ndata: {body}\n\n{}", recorded(39));
    check(&stream, Some(38), &["overview at 40", "event 39"], Some(39), ENDED);
}

#[test]
fn changes_are_heard_and_what_is_unknown_is_passed_over() {
    let change = Change::Pair(overview().pairs[0].clone());
    let stream = format!(
        ": alive\n\nevent: newer\ndata: ?\n\nevent: changed\ndata: {}\n\n",
        serde_json::to_string(&change).unwrap()
    );
    check(&stream, None, &["pair sip"], None, ENDED);
}

#[test]
fn nonsense_ends_the_stream_and_says_so() {
    let end = "the stream is not understood: expected value at line 1 column 1";
    check("event: event\ndata: ?\n\n", Some(1), &[], Some(1), end);
}
