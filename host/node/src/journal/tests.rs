//! What was acknowledged is there, after kill -9 and after a full disk; what is newer is refused.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use takeover_logic::catalog::{self, About};
use takeover_logic::control::io::{Input, RecordedEvent, Step};
use takeover_logic::ids::{EventSequence, SwitchoverId, Term};
use takeover_logic::time::{Now, Timestamp};

use super::{
    Batch, ConfigurationText, Journal, JournalError, JournalNews, JournalReader, Row, Start,
};

const WAIT: Duration = Duration::from_secs(20);
const AT: Timestamp = Timestamp(1_700_000_000_000);

type Opened = (Journal<u64>, Start, mpsc::Receiver<JournalNews>);

fn open(path: &Path) -> Result<Opened, JournalError> {
    let (sender, news) = mpsc::channel();
    let (journal, start) = Journal::open(path, AT, move |told| {
        let _ = sender.send(told); // the test is over
    })?;
    Ok((journal, start, news))
}

fn event(sequence: u64) -> Row {
    let event = catalog::control_started(&About::control_server(AT), &sequence);
    Row::Event(RecordedEvent { sequence: EventSequence(sequence), event })
}

fn step(switchover: u64, term: u64, sentence: &str) -> Row {
    Row::Step(Step {
        switchover: SwitchoverId(switchover),
        pair: "sip".into(),
        term: Term(term),
        at: AT,
        after: Duration::ZERO,
        sentence: sentence.into(),
    })
}

/// Writes one batch and waits until it is durable.
fn write((journal, _, news): &Opened, rows: Vec<Row>, state: u64) {
    journal.write(Batch { rows, state: Some(state) });
    assert_eq!(news.recv_timeout(WAIT).unwrap(), JournalNews::Written);
}

fn sequences(reader: &JournalReader, after: Option<u64>, limit: u32) -> Vec<u64> {
    let events = reader.events(after.map(EventSequence), limit).unwrap();
    events.iter().map(|event| event.sequence.0).collect()
}

#[test]
fn a_journal_gives_back_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let opened = open(&path).unwrap();
    assert_eq!(opened.1, Start::default());
    let now = Now { at: AT, ..Now::default() };
    let configured = || Row::Configured(now, ConfigurationText::new("[control]".into()));
    let rows = vec![configured(), Row::Input(now, Input::Tick), event(1), event(2), event(3)];
    write(&opened, rows, 1);
    let rows = vec![step(1, 6, "host lost"), step(2, 8, "ordered"), step(1, 7, "promoted")];
    write(&opened, rows, 2);

    let reader = JournalReader::open(&path).unwrap();
    assert_eq!(sequences(&reader, None, 2), [2, 3]);
    assert_eq!(sequences(&reader, Some(1), 10), [2, 3]);
    assert_eq!(sequences(&reader, Some(3), 10), [0; 0]);
    let decisions = reader.switchovers(10).unwrap();
    let lines: Vec<_> = decisions.iter().map(|d| (d.id.0, d.term.0, &*d.sentence)).collect();
    assert_eq!(lines, [(2, 8, "ordered"), (1, 7, "host lost")]);
    let steps = reader.steps(SwitchoverId(1)).unwrap();
    assert_eq!(steps.iter().map(|s| &*s.sentence).collect::<Vec<_>>(), ["host lost", "promoted"]);
    drop(opened);

    let (_journal, start, _news) = open(&path).unwrap();
    assert_eq!(start, Start { state: Some("2".into()), newest: EventSequence(3) });
}

#[test]
fn a_second_writer_a_newer_schema_and_another_file_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let refused = |path: &Path| {
        let text = open(path).map(|_| ()).unwrap_err().to_string();
        text.replace(&format!("{}/", folder.path().display()), "")
    };
    let opened = open(&path).unwrap();
    assert_eq!(refused(&path), "journal journal.db: in use by another process");
    drop(opened);

    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let newer = "journal journal.db: written by a newer version: schema 99, \
                 this version reads up to 2";
    assert_eq!(refused(&path), newer);
    let before = fs::read(&path).unwrap();
    assert!(JournalReader::open(&path).is_err());
    assert_eq!(fs::read(&path).unwrap(), before, "a refused journal stays as it is");

    let text = folder.path().join("text.db");
    fs::write(&text, "this is not a database, and long enough to be seen as none\n".repeat(20))
        .unwrap();
    assert_eq!(refused(&text), "journal text.db: can not be read: file is not a database");
    let nowhere = folder.path().join("nowhere/journal.db");
    assert!(refused(&nowhere).contains("can not be opened"), "{}", refused(&nowhere));
}

/// The test runs itself again as the process that is killed.
#[test]
fn acknowledged_rows_are_there_after_kill_9() {
    const NAME: &str = "journal::tests::acknowledged_rows_are_there_after_kill_9";
    const CHILD: &str = "TAKEOVER_TEST_JOURNAL";
    if let Some(path) = std::env::var_os(CHILD) {
        let opened = open(Path::new(&path)).unwrap();
        for sequence in 1.. {
            write(&opened, vec![event(sequence)], sequence);
            println!("acknowledged {sequence}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(CHILD, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let acknowledged = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<u64>().ok())
        .find(|sequence| *sequence >= 50)
        .expect("the child writes fifty rows");
    child.kill().unwrap();
    child.wait().unwrap();

    let (_journal, start, _news) = open(&path).unwrap();
    let found = sequences(&JournalReader::open(&path).unwrap(), Some(0), 1_000_000);
    assert!(found.len() as u64 >= acknowledged, "{} of {acknowledged} rows", found.len());
    assert_eq!(found, (1..=found.len() as u64).collect::<Vec<_>>(), "no row is missing");
    let state = start.state.unwrap();
    assert_eq!(state, found.len().to_string(), "the state is that of the newest row");
    assert_eq!(start.newest.0, found.len() as u64);
}

#[test]
fn a_full_disk_is_told_and_the_batch_is_written_when_there_is_room() {
    use nix::mount::{MsFlags, mount};
    use nix::sched::{CloneFlags, unshare};
    if !nix::unistd::geteuid().is_root() {
        assert!(std::env::var_os("REQUIRE_ALL").is_none(), "needs root");
        println!(
            "SKIP a_full_disk_is_told_and_the_batch_is_written_when_there_is_room: needs root"
        );
        return;
    }
    // A mount namespace belongs to a thread: nobody else sees the small file system.
    let whole = std::thread::spawn(|| {
        let folder = tempfile::tempdir().unwrap();
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        let none = None::<&str>;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
        mount(Some("tmpfs"), folder.path(), Some("tmpfs"), MsFlags::empty(), Some("size=1m"))
            .unwrap();
        let path = folder.path().join("journal.db");
        let opened = open(&path).unwrap();
        write(&opened, vec![event(1)], 1);
        let filler = folder.path().join("filler");
        // Fills the file system: the write that fails is the purpose.
        let _ = fs::write(&filler, vec![0u8; 2 << 20]);

        let (journal, _, news) = &opened;
        let big: Vec<Row> = (2..200).map(event).collect();
        journal.write(Batch { rows: big, state: Some(200) });
        match news.recv_timeout(WAIT).unwrap() {
            JournalNews::Failing(reason) => assert!(reason.contains("full"), "{reason}"),
            JournalNews::Written => panic!("written although the disk is full"),
        }
        let reader = JournalReader::open(&path).unwrap();
        assert_eq!(sequences(&reader, None, 1000), [1], "nothing is half written");
        fs::remove_file(&filler).unwrap();
        assert_eq!(news.recv_timeout(WAIT).unwrap(), JournalNews::Written);
        let reader = JournalReader::open(&path).unwrap();
        assert_eq!(sequences(&reader, None, 1000).len(), 199);
        drop(opened);
        nix::mount::umount2(folder.path(), nix::mount::MntFlags::MNT_DETACH).unwrap();
    });
    whole.join().unwrap();
}

#[test]
fn the_oldest_rows_are_deleted_beyond_the_bound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let opened = open(&path).unwrap();
    let max = crate::limits::JOURNAL_STEPS_MAX;
    let slice = crate::limits::JOURNAL_TRIM_ROWS_MAX;
    // Far apart ids stand for many rows: what counts is the distance from the newest.
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "INSERT INTO step (id, switchover, pair, term, at, step) VALUES (1, 1, 'p', 1, 0, '');",
        )
        .unwrap();
    connection
        .execute(
            "INSERT INTO step (id, switchover, pair, term, at, step) VALUES (?, 2, 'p', 1, 0, '')",
            [i64::try_from(max + slice).unwrap()],
        )
        .unwrap();
    write(&opened, vec![step(3, 1, "newest")], 1);
    drop(opened); // trimming is over
    let ids: Vec<i64> = connection
        .prepare("SELECT switchover FROM step ORDER BY id")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(ids, [2, 3]);
}
