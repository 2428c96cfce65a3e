//! A store between a primary that puts and a backup that follows.

use std::collections::BTreeMap;

use super::store::{Output, Speaker, Store};
use super::*;
use crate::limits::{KEPT_ITEM_BYTES_MAX, KEPT_ITEMS_MAX, KEPT_MESSAGE_BYTES, KEPT_REMOVALS_MAX};

/// A program that answers at once, unless it is slow.
#[derive(Default)]
struct Program {
    session: u64,
    knows: BTreeMap<String, String>,
    arriving: Option<BTreeMap<String, String>>,
    is_whole: bool,
    is_slow: bool,
    /// Messages that it was told, answers it got.
    told: usize,
    answers: Vec<&'static str>,
}

impl Program {
    fn hear(&mut self, kept: Kept) -> Option<Keep> {
        match kept {
            Kept::Told { session, begin, end, items } => {
                assert_eq!(session, self.session);
                let bytes: usize = items.iter().map(Item::bytes).sum();
                assert!(bytes < KEPT_MESSAGE_BYTES + KEPT_ITEM_BYTES_MAX);
                self.told += 1;
                if begin {
                    self.arriving = Some(BTreeMap::new());
                }
                let into = self.arriving.as_mut().unwrap_or(&mut self.knows);
                for Item { key, value } in items {
                    match value {
                        Some(value) => into.insert(key.to_string(), value.to_string()),
                        None => into.remove(&*key),
                    };
                }
                if end {
                    self.knows = self.arriving.take().expect("begin before end");
                    self.is_whole = true;
                }
                (!self.is_slow).then_some(Keep::Taken { session })
            }
            Kept::Taken { .. } => {
                self.answers.push("taken");
                None
            }
            Kept::Refused { .. } => {
                self.answers.push("refused");
                None
            }
            Kept::Again | Kept::Unknown => panic!("not of a store"),
        }
    }
}

struct Rig {
    store: Store,
    primary: (usize, Term),
    programs: [Program; 2],
    sessions: u64,
    not_kept: Vec<Arc<str>>,
}

impl Rig {
    fn new() -> Rig {
        Rig {
            store: Store::default(),
            primary: (0, Term(1)),
            programs: Default::default(),
            sessions: 0,
            not_kept: Vec::new(),
        }
    }

    fn say(&mut self, which: usize, keep: Keep) {
        let speaker = Speaker {
            application: ["a", "b"][which].into(),
            host: ["h1", "h2"][which].into(),
            primary: (self.primary.0 == which).then_some(self.primary.1),
        };
        self.store.hear(&speaker, keep);
        while let Some(output) = self.store.poll() {
            match output {
                Output::Tell(application, kept) => {
                    let to = usize::from(application.as_str() == "b");
                    if let Some(answer) = self.programs[to].hear(kept) {
                        self.say(to, answer);
                    }
                }
                Output::NotKept { key, .. } => self.not_kept.push(key),
            }
        }
    }

    fn open(&mut self, which: usize, knows: bool) {
        self.sessions += 1;
        let program = &mut self.programs[which];
        (program.session, program.is_whole, program.told) = (self.sessions, false, 0);
        self.say(which, Keep::Open { session: self.sessions, knows });
    }

    fn put(&mut self, which: usize, items: &[(&str, Option<&str>)], all: bool) {
        let item = |(key, value): &(&str, Option<&str>)| Item {
            key: (*key).into(),
            value: value.map(Into::into),
        };
        let (session, term) = (self.programs[which].session, self.primary.1);
        let items = items.iter().map(item).collect();
        self.say(which, Keep::Put { session, term, items, all });
    }

    fn put_many(&mut self, keys: std::ops::Range<usize>, value: &str) {
        for key in keys {
            self.put(0, &[(&format!("k/{key}"), Some(value))], false);
        }
    }

    fn kept(&self) -> Vec<(String, String)> {
        let (_, items) = self.store.saved();
        items.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }
}

#[test]
fn what_the_primary_puts_the_backup_is_told_and_then_what_changes() {
    let mut rig = Rig::new();
    rig.open(0, false);
    rig.put(0, &[("k/1", Some("x")), ("k/2", Some("y"))], true);
    rig.open(1, false);
    assert!(rig.programs[1].is_whole);
    rig.put(0, &[("k/1", None), ("k/3", Some("z"))], true);
    let known: Vec<_> = rig.programs[1].knows.clone().into_iter().collect();
    assert_eq!(known, [("k/2".into(), "y".into()), ("k/3".into(), "z".into())]);
    assert_eq!(known, rig.kept());
    assert_eq!(rig.programs[0].told, 1, "the primary is told everything, not its own words");
    assert!(rig.store.take_changed() && !rig.store.take_changed());
}

#[test]
fn only_the_primary_in_its_term_puts() {
    let mut rig = Rig::new();
    rig.open(0, false);
    rig.open(1, false);
    rig.put(1, &[("k/1", Some("x"))], true);
    assert_eq!(rig.programs[1].answers, ["refused"]);
    rig.primary = (0, Term(5));
    rig.put(0, &[("k/1", Some("new"))], true);
    rig.primary.1 = Term(4);
    rig.put(0, &[("k/1", Some("old"))], true);
    assert_eq!(rig.programs[0].answers, ["taken", "refused"]);
    assert_eq!(rig.kept(), [("k/1".into(), "new".into())]);
    let (term, items) = rig.store.saved();
    let items: Vec<_> = items.map(|(key, value)| (key.into(), value.into())).collect();
    rig.store = Store::restore(term, items.into_iter());
    rig.open(0, false);
    rig.put(0, &[("k/1", Some("old"))], true);
    assert_eq!(rig.programs[0].answers.last(), Some(&"refused"), "the term is saved");
}

#[test]
fn who_knows_is_told_nothing_that_the_primary_has_not_confirmed() {
    let mut rig = Rig::new();
    let old = [("k/1".into(), "old".into())];
    rig.store = Store::restore(Term(1), old.into_iter());
    rig.open(1, true);
    assert_eq!(rig.programs[1].told, 0);
    rig.open(0, true);
    assert!(rig.programs[0].is_whole, "the primary has to know what to correct");
    rig.put(0, &[("k/1", Some("new"))], false);
    assert_eq!(rig.programs[1].told, 0);
    rig.put(0, &[], true);
    assert_eq!(rig.programs[1].knows["k/1"], "new");
    rig.put(0, &[("k/1", Some("newer"))], false);
    assert_eq!(rig.programs[1].knows["k/1"], "newer");
    rig.store.host_gone(&"h1".into());
    rig.open(1, true);
    assert_eq!(rig.programs[1].told, 0, "who could confirm it is out of sight");
    rig.open(1, false);
    assert!(rig.programs[1].is_whole, "who knows nothing takes what there is");
}

#[test]
fn a_slow_program_is_told_the_last_value_once() {
    let mut rig = Rig::new();
    rig.open(0, false);
    rig.programs[1].is_slow = true;
    rig.open(1, false);
    for value in ["1", "2", "3"] {
        rig.put(0, &[("k/1", Some(value))], true);
    }
    assert_eq!(rig.programs[1].told, 1, "it did not answer the first message");
    rig.programs[1].is_slow = false;
    let session = rig.programs[1].session;
    rig.say(1, Keep::Taken { session: session - 1 });
    assert_eq!(rig.programs[1].told, 1, "an answer of an earlier conversation");
    rig.say(1, Keep::Taken { session });
    assert_eq!((rig.programs[1].told, &*rig.programs[1].knows["k/1"]), (2, "3"));
}

#[test]
fn who_missed_too_many_removals_is_told_everything_anew() {
    let mut rig = Rig::new();
    rig.open(0, false);
    rig.put_many(0..KEPT_REMOVALS_MAX + 10, "x");
    rig.open(1, false);
    rig.programs[1].is_slow = true;
    rig.put(0, &[("k/0", Some("y"))], true);
    for key in 1..KEPT_REMOVALS_MAX + 5 {
        rig.put(0, &[(&format!("k/{key}"), None)], true);
    }
    rig.programs[1].is_slow = false;
    rig.say(1, Keep::Taken { session: rig.programs[1].session });
    let known: Vec<_> = rig.programs[1].knows.clone().into_iter().collect();
    assert_eq!(known, rig.kept());
    assert_eq!(known.len(), 6);
}

#[test]
fn at_the_bounds_what_is_not_kept_is_absent_and_said_once() {
    let mut rig = Rig::new();
    rig.open(0, false);
    let long = "x".repeat(KEPT_ITEM_BYTES_MAX);
    rig.put(0, &[("k/1", Some("x")), ("k/1", Some(&long)), ("k/2", Some(&long))], true);
    assert_eq!(rig.not_kept, ["k/1".into()]);
    assert!(rig.store.is_empty(), "an outdated value would be wrong");
    rig.put(0, &[("k/1", Some("x")), ("k/2", None)], true);
    rig.put_many(1..KEPT_ITEMS_MAX + 3, "x");
    assert_eq!((rig.store.len(), rig.not_kept.len()), (KEPT_ITEMS_MAX, 2));
    rig.put(0, &[("k/1", None), ("k/0", Some("x"))], true);
    assert_eq!((rig.store.len(), rig.not_kept.len()), (KEPT_ITEMS_MAX, 2));
}

#[test]
fn bytes_have_a_bound_too() {
    let mut rig = Rig::new();
    rig.open(0, false);
    rig.put_many(0..8_000, &"x".repeat(4_000));
    assert_eq!(rig.not_kept.len(), 1);
    let kept: usize = rig.kept().iter().map(|(key, value)| key.len() + value.len()).sum();
    let bound = crate::limits::KEPT_BYTES_MAX;
    assert!(kept <= bound && kept > bound - 4_100, "{kept}");
}

#[test]
fn an_item_knows_its_length_as_json() {
    for value in [None, Some("plain"), Some("a \"quoted\\ one"), Some("ümlaut\u{1}")] {
        let item = Item { key: "k/\"1".into(), value: value.map(Into::into) };
        let written = serde_json::to_string(&item).unwrap().len();
        assert!((written..written + 8).contains(&item.bytes()), "{written} {}", item.bytes());
    }
}
