//! What is kept comes back after a restart, and a file that can not be used is put aside.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use takeover_logic::ids::Term;
use takeover_logic::keep::Item;

use super::*;

/// A keeper, and the program h1/a that is primary of pair sip in term 1.
struct Rig {
    keeper: Keeper,
    back: mpsc::Receiver<FromKeeper>,
}

impl Rig {
    fn start(folder: &Path) -> Rig {
        let (send, back) = mpsc::channel(16);
        Rig { keeper: Keeper::start(folder.to_owned(), Clock::new(), send).unwrap(), back }
    }

    fn say(&self, keep: Keep) {
        let speaker =
            Speaker { application: "a".into(), host: "h1".into(), primary: Some(Term(1)) };
        self.keeper.said("sip".into(), speaker, keep);
    }

    fn next(&mut self) -> FromKeeper {
        self.back.blocking_recv().expect("it lives")
    }

    /// Opens, and gives what is told first.
    fn open(&mut self) -> Vec<Item> {
        self.say(Keep::Open { session: 1, knows: false });
        match self.next() {
            FromKeeper::Tell(_, Kept::Told { begin: true, end: true, items, .. }) => {
                self.say(Keep::Taken { session: 1 });
                items
            }
            other => panic!("{other:?}"),
        }
    }

    fn put(&mut self, items: Vec<Item>) {
        self.say(Keep::Put { session: 1, term: Term(1), items, all: true });
        let taken = FromKeeper::Tell("a".into(), Kept::Taken { session: 1 });
        assert_eq!(self.next(), taken);
    }

    fn end(mut self) {
        self.back.close();
        self.keeper.end();
    }
}

fn items() -> Vec<Item> {
    let item = |number: u32| Item {
        key: format!("contact/{number}").into(),
        value: Some(format!("{{\"at\":\"sip:{number}@10.0.0.1\\n\"}}").into()),
    };
    (2000..2010).map(item).collect()
}

fn written(folder: &Path) -> String {
    fs::read_to_string(file::path(folder, &"sip".into())).unwrap()
}

#[test]
fn what_is_kept_is_there_after_a_restart_and_only_for_its_user() {
    let folder = tempfile::tempdir().unwrap();
    let folder = &folder.path().join("kept");
    let mut rig = Rig::start(folder);
    assert_eq!(rig.open(), []);
    rig.put(items());
    rig.end();
    let mode = fs::metadata(file::path(folder, &"sip".into())).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut rig = Rig::start(folder);
    assert_eq!(rig.open(), items());
    rig.end();
    let names: Vec<_> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(names, ["sip.jsonl"], "nothing is left beside it");
}

#[test]
fn a_file_that_can_not_be_used_is_put_aside_with_one_event() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut rig = Rig::start(folder);
    rig.open();
    rig.put(items());
    rig.end();
    let good = written(folder);
    let path = file::path(folder, &"sip".into());
    let half = &good[..good.len() / 2];
    let lines = good.lines().take(4).map(|line| format!("{line}\n")).collect::<String>();
    let other = good.replace("\"sip\"", "\"other\"");
    let newer = good.replace("kept\":1", "kept\":2");
    for (text, reason) in [
        ("", "line 1: EOF while parsing a value at line 1 column 0"),
        ("garbage\u{0}", "line 1: expected value at line 1 column 1"),
        (half, "EOF while parsing a string"),
        (&lines, "3 items, but its first line says 10"),
        (&other, "version 1 of pair other, allowed: version 1 of its own pair"),
        (&newer, "version 2 of pair sip, allowed: version 1 of its own pair"),
    ] {
        fs::write(&path, text).unwrap();
        let mut rig = Rig::start(folder);
        rig.say(Keep::Open { session: 1, knows: false });
        let FromKeeper::Event(event) = rig.next() else { panic!("no event") };
        assert_eq!(event.id, catalog::KEPT_NOT_READ);
        assert!(event.text.contains(reason), "{} {reason}", event.text);
        let FromKeeper::Tell(_, Kept::Told { items, .. }) = rig.next() else { panic!("not told") };
        assert_eq!(items, []);
        rig.end();
        assert!(!path.exists());
        assert_eq!(fs::read_to_string(path.with_extension("jsonl.bad")).unwrap(), text);
    }
    fs::write(&path, good).unwrap();
    let mut rig = Rig::start(folder);
    assert_eq!(rig.open(), items());
    rig.end();
}

#[test]
fn a_folder_that_can_not_be_written_is_one_event() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let (send, mut back) = mpsc::channel(16);
    let mut desk =
        Desk { folder: file.join("kept"), clock: Clock::new(), back: send, pairs: BTreeMap::new() };
    let (store, changed) = (Store::default(), Some(Instant::now()));
    desk.pairs.insert("sip".into(), Pair { store, changed, is_failing: false });
    desk.write(Duration::ZERO);
    desk.write(Duration::ZERO);
    let FromKeeper::Event(event) = back.blocking_recv().unwrap() else { panic!("no event") };
    assert_eq!(event.id, catalog::KEPT_NOT_WRITTEN);
    assert!(back.try_recv().is_err(), "once");
    assert!(desk.pairs.values().all(|pair| pair.changed.is_some()), "it is tried again");
}
