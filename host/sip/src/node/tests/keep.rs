//! Two nodes with a store between them, while the link between them is dead.

use takeover_logic::keep::Keep;
use takeover_logic::keep::store::{Output, Speaker, Store};

use super::pair::Pair;
use super::*;
use crate::keep::KeepInput;

const PHONE: &str = "10.0.0.2:5062";

/// Ten milliseconds pass; what a node says to the store.
fn turn(stage: &mut Stage) -> Vec<Keep> {
    let step = Duration::from_millis(10);
    stage.now.instant = stage.now.instant + step;
    stage.now.at = crate::clock::after(stage.now.at, step);
    stage.node.tick(stage.now, &mut stage.out);
    let words = stage.wishes().into_iter().filter_map(|wish| match wish {
        Wish::Keep(word) => Some(word),
        _ => None,
    });
    words.collect()
}

/// Lets both speak with the store for some time; nothing travels on the link.
fn pass(store: &mut Store, [one, two]: [&mut Stage; 2], seconds: usize) {
    for _ in 0..seconds * 100 {
        for (name, serves) in [("p1", one.node.is_serving()), ("p2", two.node.is_serving())] {
            let words = if name == "p1" { turn(one) } else { turn(two) };
            let term = if name == "p1" { Term(1) } else { Term(2) };
            let primary = serves.then_some(term);
            let speaker = Speaker { application: name.into(), host: name.into(), primary };
            words.into_iter().for_each(|word| store.hear(&speaker, word));
        }
        while let Some(Output::Tell(to, kept)) = store.poll() {
            let stage = if to.as_str() == "p1" { &mut *one } else { &mut *two };
            stage.input(Input::Keep(KeepInput::Heard(kept)));
        }
    }
}

#[test]
fn a_telephone_that_registered_while_the_link_was_dead_is_called_after_a_takeover() {
    let (mut pair, mut store) = (Pair::new(), Store::default());
    pair.primary.input(Input::Keep(KeepInput::There));
    pair.backup.input(Input::Keep(KeepInput::There));
    pair.primary.register("2000", PHONE);
    pass(&mut store, [&mut pair.primary, &mut pair.backup], 4);
    assert!(pair.primary.node.numbers().all_kept);
    assert_eq!(pair.backup.node.numbers().registered, 1, "nobody noticed that the link is dead");
    let mut left = pair.backup;
    left.input(Input::RunMode { mode: RunMode::Primary, term: Term(2) });
    left.messages();
    left.arrives("10.0.0.1:5060", &request("INVITE", "sip:2000@10.0.0.9", "2000", "a"));
    assert!(left.lines().contains(&to(PHONE, "INVITE sip:2000@10.0.0.2:5062 SIP/2.0")));
    let mut idle = Stage::backup();
    pass(&mut store, [&mut idle, &mut left], 4);
    assert!(left.node.numbers().all_kept, "it tells what it knows itself from now on");
}

#[test]
fn a_node_that_nobody_supervises_has_nothing_kept() {
    let mut stage = Stage::new();
    stage.register("2000", PHONE);
    for _ in 0..2_000 {
        assert_eq!(turn(&mut stage), []);
    }
    assert_eq!(stage.node.numbers().not_yet_kept, 0);
}
