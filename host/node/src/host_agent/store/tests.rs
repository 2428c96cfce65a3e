//! A real file, opened again as a later agent would.

use std::os::unix::process::CommandExt;
use std::process::Command;

use super::*;
use takeover_logic::link::{HostSpec, Report, RunMode};

fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.db");
    (folder, path)
}

fn reopened(path: &Path, records: Vec<Record>) -> Saved {
    let (store, _) = Store::open(path).unwrap();
    for record in records {
        store.keep(record);
    }
    drop(store);
    Store::open(path).unwrap().1
}

#[test]
fn everything_is_there_after_a_restart() {
    let (_folder, path) = file();
    let spec = HostSpec { heartbeat_interval_ms: 50, ..HostSpec::default() };
    let saved = reopened(
        &path,
        vec![
            Record::Spec(spec.clone()),
            Record::Term("pair".into(), Term(3)),
            Record::Term("pair".into(), Term(4)),
            Record::RunMode("sip1".into(), RunMode::Primary, Term(4)),
            Record::Report(ReportSequence(1), Report::Dropped(1)),
            Record::Report(ReportSequence(2), Report::Dropped(2)),
            Record::ReportsUpTo(ReportSequence(1)),
        ],
    );
    assert_eq!(saved.spec, spec);
    assert_eq!(saved.terms, [("pair".into(), Term(4))].into());
    assert_eq!(saved.run_modes, [("sip1".into(), (RunMode::Primary, Term(4)))].into());
    assert_eq!(saved.reports, [(ReportSequence(2), Report::Dropped(2))]);
    assert_eq!(saved.newest_report, ReportSequence(2));
}

#[test]
fn numbers_go_on_when_every_report_was_stored() {
    let (_folder, path) = file();
    let saved = reopened(
        &path,
        vec![
            Record::Report(ReportSequence(7), Report::Dropped(1)),
            Record::ReportsUpTo(ReportSequence(7)),
        ],
    );
    assert!(saved.reports.is_empty());
    assert_eq!(saved.newest_report, ReportSequence(7));
}

#[test]
fn a_term_is_on_the_file_when_it_is_told() {
    let (_folder, path) = file();
    let (store, _) = Store::open(&path).unwrap();
    store.keep(Record::Term("pair".into(), Term(9))).unwrap().blocking_recv().unwrap();
    let other = Connection::open(&path).unwrap();
    let term: i64 = other.query_row("SELECT term FROM terms", [], |row| row.get(0)).unwrap();
    assert_eq!(term, 9);
    drop(store);
}

#[test]
fn a_process_is_known_again_while_it_runs_and_only_then() {
    let (_folder, path) = file();
    let mut child = Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
    let record = Record::Process("sip1".into(), Some((child.id(), Ending::Stopping)));
    let saved = reopened(&path, vec![record]);
    let running = OldProcess::Running { pid: child.id(), ending: Ending::Stopping };
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(saved.processes, [("sip1".into(), running)].into());
    let (_store, saved) = Store::open(&path).unwrap();
    let gone = OldProcess::Gone { ending: Ending::Stopping };
    assert_eq!(saved.processes, [("sip1".into(), gone)].into());
}

#[test]
fn another_process_with_the_same_pid_is_not_taken_for_it() {
    let own = std::process::id();
    let started = ProcStat::read(own).unwrap().started;
    let started = i64::try_from(started).unwrap();
    let boot = boot_id();
    let ending = Ending::No;
    let running = OldProcess::Running { pid: own, ending };
    let gone = OldProcess::Gone { ending };
    assert_eq!(old_process((own.into(), started, &boot), ending), running);
    assert_eq!(old_process((own.into(), started + 1, &boot), ending), gone);
    assert_eq!(old_process((own.into(), started, "another boot"), ending), gone);
}

#[test]
fn a_file_of_version_1_is_upgraded_with_what_it_holds() {
    let (_folder, path) = file();
    let old = Connection::open(&path).unwrap();
    let tables = TABLES.replace(", ending TEXT NOT NULL", "");
    old.execute_batch(&format!(
        "{tables} PRAGMA user_version = 1;
         INSERT INTO processes VALUES ('sip1', 1, 1, 'an earlier boot');"
    ))
    .unwrap();
    drop(old);
    let (store, saved) = Store::open(&path).unwrap();
    let gone = OldProcess::Gone { ending: Ending::No };
    assert_eq!(saved.processes, [("sip1".into(), gone)].into());
    drop(store);
    let newest = Connection::open(&path).unwrap();
    assert_eq!(version(&newest).unwrap(), VERSION);
}

#[test]
fn a_file_of_a_newer_version_is_refused() {
    let (_folder, path) = file();
    drop(Store::open(&path).unwrap());
    let other = Connection::open(&path).unwrap();
    other.pragma_update(None, "user_version", 99).unwrap();
    let error = Store::open(&path).err().unwrap().to_string();
    assert!(error.contains("version 99 is newer than 2"), "{error}");
}

#[test]
fn a_file_that_is_no_store_is_refused() {
    let (_folder, path) = file();
    std::fs::write(&path, "this is a text, long enough to be looked at as a header of a file")
        .unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Sqlite { .. })));
}
