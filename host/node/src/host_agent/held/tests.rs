//! Who waits for a term, and for how long.

use super::*;
use takeover_logic::host_agent::io::Record;
use takeover_logic::ids::Term;

fn record() -> Output {
    Output::Persist(Record::Term("pair".into(), Term(1)))
}

fn is_over(held: &mut Held) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::select! { biased; () = held.over() => true, () = std::future::ready(()) => false }
    })
}

#[test]
fn nothing_waits_when_no_term_is_being_kept() {
    let mut held = Held::default();
    assert!(held.pass(record()).is_some());
    assert!(!is_over(&mut held));
}

#[test]
fn everything_but_signs_of_life_waits_until_the_term_is_kept() {
    let mut held = Held::default();
    let (tell, kept) = oneshot::channel();
    held.wait_for(kept);
    assert!(held.pass(record()).is_none());
    assert!(held.pass(Output::Send(AgentMessage::Heartbeat)).is_some());
    assert!(held.pass(Output::Stopped).is_none());
    assert!(!is_over(&mut held));
    tell.send(()).unwrap();
    assert!(is_over(&mut held));
    let outputs = Vec::from(held.release());
    assert!(matches!(outputs[..], [Output::Persist(_), Output::Stopped]), "{}", outputs.len());
    assert!(held.pass(record()).is_some());
}

#[test]
fn a_store_that_ended_and_a_disk_that_hangs_end_the_wait() {
    let mut held = Held::default();
    let (tell, kept) = oneshot::channel();
    held.wait_for(kept);
    drop(tell);
    assert!(is_over(&mut held));
    let (_tell, kept) = oneshot::channel();
    held.term = Some(Wait { kept, until: Instant::now() });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(held.over());
}

#[test]
fn no_more_waits_than_the_bound() {
    let mut held = Held::default();
    let (_tell, kept) = oneshot::channel();
    held.wait_for(kept);
    for _ in 1..HELD_OUTPUTS_MAX {
        assert!(held.pass(record()).is_none());
    }
    assert!(!held.is_full());
    assert!(held.pass(record()).is_none());
    assert!(held.is_full());
    assert_eq!(held.release().len(), HELD_OUTPUTS_MAX);
    assert!(!held.is_full());
}
