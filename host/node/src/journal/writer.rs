//! The thread that writes: one batch at a time, durable before the next is asked for.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::Serialize;
use takeover_logic::ids::EventSequence;
use takeover_logic::time::Timestamp;

use super::{Batch, JournalError, Row, schema};
use crate::limits::{
    JOURNAL_ALARMS_MAX, JOURNAL_EVENTS_MAX, JOURNAL_INPUTS_MAX, JOURNAL_RETRY_INTERVAL,
    JOURNAL_RUNS_MAX, JOURNAL_STARTS_MAX, JOURNAL_STEPS_MAX, JOURNAL_TRIM_ROWS_MAX,
};
use crate::threads;

/// What the journal tells the decision loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JournalNews {
    /// The batch is durable; the next may come.
    Written,
    /// The batch could not be written, and why. It is tried again until it is `Written`.
    Failing(String),
}

/// What the journal held when it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Start {
    /// The saved state, JSON; none in a new journal.
    pub(crate) state: Option<String>,
    /// The newest event.
    pub(crate) newest: EventSequence,
}

/// The writing side. Dropping it waits until the last batch was tried.
pub(crate) struct Journal<S> {
    batches: Option<mpsc::SyncSender<Batch<S>>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl<S: Serialize + Send + 'static> Journal<S> {
    /// Opens or creates the journal, takes its lock and records the start. `news` is called on the
    /// journal's thread.
    ///
    /// # Errors
    /// It is in use, newer, damaged, or can not be opened or written.
    pub(crate) fn open(
        path: &Path,
        at: Timestamp,
        news: impl Fn(JournalNews) + Send + 'static,
    ) -> Result<(Self, Start), JournalError> {
        let unopenable =
            |reason: String| JournalError::Unopenable { path: path.to_owned(), reason };
        let lock = lock(path)?;
        create_private(path).map_err(|error| unopenable(error.to_string()))?;
        let connection = schema::open(path)?;
        let start = read_start(&connection).map_err(|error| JournalError::Unreadable {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        let id = record_start(&connection, at, start.state.as_deref())
            .map_err(|error| unopenable(error.to_string()))?;
        let writer = Writer { connection, path: path.to_owned(), start: id, _lock: lock };
        // One batch is under way and none waits: the loop hands over only when told to.
        let (batches, work) = mpsc::sync_channel(1);
        let thread = thread::Builder::new()
            .name("journal".into())
            .spawn(move || {
                threads::be_prompt();
                writer.run(&work, news);
            })
            .map_err(|error| unopenable(error.to_string()))?;
        Ok((Self { batches: Some(batches), thread: Some(thread) }, start))
    }

    /// Hands over a batch. To be called only when the last one is `Written`; never waits then.
    pub(crate) fn write(&self, batch: Batch<S>) {
        let handed_over =
            self.batches.as_ref().is_some_and(|batches| batches.try_send(batch).is_ok());
        if !handed_over {
            tracing::error!("the journal's thread has ended; nothing is recorded any more");
        }
    }
}

impl<S> Drop for Journal<S> {
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the journal's thread panicked");
        }
    }
}

struct Writer {
    connection: Connection,
    path: PathBuf,
    start: i64,
    /// The last of the fields: given back when the database is closed.
    _lock: Lock,
}

impl Writer {
    fn run<S: Serialize>(mut self, work: &mpsc::Receiver<Batch<S>>, news: impl Fn(JournalNews)) {
        while let Ok(batch) = work.recv() {
            let mut told = String::new();
            while let Err(error) = self.write(&batch) {
                let text = error.to_string();
                if text != told {
                    tracing::error!(path = %self.path.display(), "journal: {text}");
                    news(JournalNews::Failing(text.clone()));
                    told = text;
                }
                // A second hand-over means that the loop has ended and nobody waits any more.
                match work.recv_timeout(JOURNAL_RETRY_INTERVAL) {
                    Err(mpsc::RecvTimeoutError::Timeout) => {}
                    Ok(_) | Err(mpsc::RecvTimeoutError::Disconnected) => return,
                }
                self.reopen();
            }
            news(JournalNews::Written);
            if let Err(error) = trim(&mut self.connection) {
                tracing::warn!(path = %self.path.display(), "journal: trimming: {error}");
            }
        }
        // Leaves one file behind where it can; the log is as good.
        let _ = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
    }

    /// A connection that saw an I/O error may be of no use any more; a new one is when the cause
    /// is gone.
    fn reopen(&mut self) {
        if let Ok(connection) = schema::open(&self.path) {
            self.connection = connection;
        }
    }

    fn write<S: Serialize>(&mut self, batch: &Batch<S>) -> Result<(), WriteError> {
        let transaction = self.connection.transaction()?;
        for row in &batch.rows {
            write_row(&transaction, self.start, row)?;
        }
        if let Some(state) = &batch.state {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO saved (one, at, state) VALUES (1, ?, ?)")?
                .execute(params![
                    number(crate::clock::timestamp().0),
                    serde_json::to_string(state)?
                ])?;
        }
        transaction.commit()?;
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    #[error("state or input can not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

fn write_row(transaction: &Transaction<'_>, start: i64, row: &Row) -> Result<(), WriteError> {
    const INPUT: &str =
        "INSERT INTO input (start, instant, at, input, configuration) VALUES (?, ?, ?, ?, ?)";
    match row {
        Row::Input(now, input) => transaction.prepare_cached(INPUT)?.execute(params![
            start,
            number(now.instant.0),
            number(now.at.0),
            serde_json::to_string(input)?,
            None::<&str>
        ])?,
        Row::Configured(now, text) => {
            transaction
                .prepare_cached("INSERT OR IGNORE INTO configuration (digest, text) VALUES (?, ?)")?
                .execute(params![text.digest, text.text])?;
            transaction.prepare_cached(INPUT)?.execute(params![
                start,
                number(now.instant.0),
                number(now.at.0),
                None::<&str>,
                text.digest
            ])?
        }
        Row::Event(recorded) => transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO event (sequence, at, event_id, application, host, event)
                 VALUES (?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                number(recorded.sequence.0),
                number(recorded.event.at.0),
                recorded.event.id.to_string(),
                recorded.event.application.as_ref().map(|name| name.as_str()),
                recorded.event.host.as_ref().map(|name| name.as_str()),
                serde_json::to_string(&recorded.event)?
            ])?,
        Row::Step(step) => transaction
            .prepare_cached(
                "INSERT INTO step (switchover, pair, term, at, step) VALUES (?, ?, ?, ?, ?)",
            )?
            .execute(params![
                number(step.switchover.0),
                step.pair.as_str(),
                number(step.term.0),
                number(step.at.0),
                serde_json::to_string(step)?
            ])?,
        Row::Alarm(alarm) => transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO alarm (id, raised_at, cleared_at, alarm)
                 VALUES (?, ?, ?, ?)",
            )?
            .execute(params![
                number(alarm.id.0),
                number(alarm.raised_at.0),
                alarm.cleared.as_ref().map(|(at, _)| number(at.0)),
                serde_json::to_string(alarm)?
            ])?,
        Row::Run(run) => transaction
            .prepare_cached("INSERT INTO run (at, plugin, run) VALUES (?, ?, ?)")?
            .execute(params![number(run.at.0), run.plugin.as_str(), serde_json::to_string(run)?])?,
    };
    Ok(())
}

/// SQLite's numbers are signed; none of ours comes near the difference.
pub(super) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Two control servers on one journal would decide against each other.
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a program that is being started has a copy of every descriptor
        // until it is executed, and the lock would last as long.
        if let Err(error) = self.0.unlock() {
            tracing::error!("the journal's lock: {error}");
        }
    }
}

fn lock(path: &Path) -> Result<Lock, JournalError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let unopenable = |error: std::io::Error| JournalError::Unopenable {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(PathBuf::from(name))
        .map_err(unopenable)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(JournalError::InUse { path: path.to_owned() })
        }
        Err(std::fs::TryLockError::Error(error)) => Err(unopenable(error)),
    }
}

/// The journal has configuration texts in it, which may name secrets of applications.
fn create_private(path: &Path) -> std::io::Result<()> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path).map(drop)
}

fn read_start(connection: &Connection) -> rusqlite::Result<Start> {
    let state = connection
        .query_row("SELECT state FROM saved WHERE one = 1", [], |row| row.get(0))
        .optional()?;
    let newest: Option<i64> =
        connection.query_row("SELECT MAX(sequence) FROM event", [], |row| row.get(0))?;
    let newest = EventSequence(newest.and_then(|n| u64::try_from(n).ok()).unwrap_or(0));
    Ok(Start { state, newest })
}

fn record_start(
    connection: &Connection,
    at: Timestamp,
    state: Option<&str>,
) -> rusqlite::Result<i64> {
    connection.execute(
        "INSERT INTO start (at, version, state) VALUES (?, ?, ?)",
        params![number(at.0), env!("CARGO_PKG_VERSION"), state],
    )?;
    let id = connection.last_insert_rowid();
    connection.execute(
        "DELETE FROM configuration WHERE digest NOT IN
         (SELECT configuration FROM input WHERE configuration IS NOT NULL)",
        [],
    )?;
    Ok(id)
}

/// Deletes what is beyond the bounds, a slice at a time; nothing until a slice is worth a commit.
fn trim(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for (table, key, of, keep) in [
        ("input", "id", "", JOURNAL_INPUTS_MAX),
        ("event", "sequence", "", JOURNAL_EVENTS_MAX),
        ("step", "id", "", JOURNAL_STEPS_MAX),
        ("alarm", "id", "WHERE cleared_at IS NOT NULL", JOURNAL_ALARMS_MAX),
        ("run", "id", "", JOURNAL_RUNS_MAX),
        ("start", "id", "", JOURNAL_STARTS_MAX),
    ] {
        let bounds: (Option<i64>, Option<i64>) = transaction
            .prepare_cached(&format!(
                "SELECT (SELECT MIN({key}) FROM {table} {of}), (SELECT MAX({key}) FROM {table})"
            ))?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (Some(oldest), Some(newest)) = bounds else { continue };
        let keep_from = newest - number(keep) + 1;
        let slice = number(JOURNAL_TRIM_ROWS_MAX);
        if keep_from - oldest >= slice {
            let and = if of.is_empty() { "WHERE" } else { "AND" };
            transaction.execute(
                &format!("DELETE FROM {table} {of} {and} {key} < ?"),
                params![oldest + slice],
            )?;
        }
    }
    transaction.commit()
}
