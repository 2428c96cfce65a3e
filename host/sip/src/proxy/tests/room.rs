//! What is forgotten where there are too many transactions.

use super::*;
use crate::limits::{T4, TRANSACTION_TIMEOUT};

/// A proxy with room for so many transactions.
fn stage(room: usize) -> Stage {
    let mut stage = Stage::new();
    stage.proxy.room = room;
    stage
}

/// A BYE that is sent on; as the callee got it.
fn begins(stage: &mut Stage, branch: &str) -> Vec<u8> {
    stage.arrives(&request("BYE", branch), CALLER, vec![target(&[CALLEE])]);
    stage.only(CALLEE)
}

/// The same, with its answer.
fn is_over(stage: &mut Stage, branch: &str) -> Vec<u8> {
    let sent = begins(stage, branch);
    stage.arrives(&answer(&sent, 200), CALLEE, Vec::new());
    stage.out.clear();
    sent
}

#[test]
fn what_is_under_way_is_never_forgotten() {
    let mut stage = stage(2);
    begins(&mut stage, "a");
    assert!(stage.proxy.make_room(stage.now));
    begins(&mut stage, "b");
    stage.wait(T4 * 2);
    assert!(!stage.proxy.make_room(stage.now));
    assert_eq!(stage.proxy.len(), 2);
}

#[test]
fn an_invite_that_waits_for_its_ack_is_under_way() {
    let mut stage = stage(1);
    stage.arrives(&request("INVITE", "a"), CALLER, vec![target(&[CALLEE])]);
    let sent = stage.only(CALLEE);
    stage.arrives(&answer(&sent, 486), CALLEE, Vec::new());
    stage.wait(T4 * 2);
    assert!(!stage.proxy.make_room(stage.now));
    stage.arrives(&request("ACK", "a"), CALLER, Vec::new());
    assert!(!stage.proxy.make_room(stage.now), "its end is not long ago");
}

#[test]
fn the_one_that_has_been_over_for_longest_goes_but_not_at_once() {
    let mut stage = stage(2);
    let first = is_over(&mut stage, "a");
    stage.wait(Duration::from_secs(1));
    is_over(&mut stage, "b");
    stage.wait(T4 - Duration::from_millis(1_001));
    assert!(!stage.proxy.make_room(stage.now));
    stage.wait(Duration::from_millis(1));
    assert!(stage.proxy.make_room(stage.now));
    assert_eq!((stage.proxy.len(), stage.proxy.counters().forgotten), (1, 1));
    stage.arrives(&request("BYE", "b"), CALLER, Vec::new());
    assert_eq!(first_line(&stage.only(CALLER)), "SIP/2.0 200 OK", "this one is remembered");
    let again = begins(&mut stage, "a");
    assert_eq!(again, first, "the next hop knows it as the one that it answered");
}

#[test]
fn what_was_forgotten_in_time_makes_no_room_twice() {
    let mut stage = stage(2);
    is_over(&mut stage, "a");
    stage.wait(TRANSACTION_TIMEOUT * 2);
    assert_eq!((stage.proxy.len(), stage.proxy.over.len(), stage.proxy.due.len()), (0, 0, 0));
    begins(&mut stage, "b");
    begins(&mut stage, "c");
    assert!(!stage.proxy.make_room(stage.now));
    assert_eq!(stage.proxy.counters().forgotten, 0);
}

#[test]
fn many_calls_one_after_the_other_find_room_and_leave_nothing() {
    let mut stage = stage(64);
    for number in 0..5_000 {
        assert!(stage.proxy.make_room(stage.now), "call {number}");
        is_over(&mut stage, &format!("n{number}"));
        stage.wait(Duration::from_millis(100));
        assert!(stage.proxy.len() <= 64 && stage.proxy.over.len() <= 128);
    }
    stage.wait(TRANSACTION_TIMEOUT * 2);
    assert_eq!((stage.proxy.len(), stage.proxy.over.len(), stage.proxy.due.len()), (0, 0, 0));
}
