//! What a host agent keeps over its own restart, in one SQLite file.
//!
//! Written by one thread, in groups. Only a new term is waited for, because orders are refused by
//! it; the rest may lose its last moments with the host's power, when no process and no address
//! survives either. A disk that can not be written is reported and stops nothing.
//!
//! A commit leaves its pages with the kernel and waits for no disk. Only a checkpoint waits, and
//! the first commit after one (it begins the log anew): so a checkpoint is rare, and the work of a
//! second thread.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use takeover_logic::host_agent::io::{OldProcess, Record, Saved};
use takeover_logic::ids::{ApplicationName, PairName, ReportSequence, Term};
use takeover_logic::supervise::Ending;
use tokio::sync::oneshot;

use super::proc_stat::ProcStat;
use crate::limits::{STORE_CHECKPOINT_RECORDS, STORE_RECORDS_MAX};

#[cfg(test)]
mod tests;

/// Version of the tables. A file of a newer version is refused, not guessed at.
const VERSION: i64 = 2;

const TABLES: &str = "
    CREATE TABLE spec (one INTEGER PRIMARY KEY CHECK (one = 1), json TEXT NOT NULL);
    CREATE TABLE terms (pair TEXT PRIMARY KEY, term INTEGER NOT NULL);
    CREATE TABLE run_modes (application TEXT PRIMARY KEY, json TEXT NOT NULL);
    CREATE TABLE processes (
        application TEXT PRIMARY KEY, pid INTEGER NOT NULL, started INTEGER NOT NULL,
        boot TEXT NOT NULL, ending TEXT NOT NULL
    );
    CREATE TABLE reports (sequence INTEGER PRIMARY KEY, json TEXT NOT NULL);
    CREATE TABLE newest_report (one INTEGER PRIMARY KEY CHECK (one = 1), sequence INTEGER NOT NULL);
";

/// What makes a file of version 1 one of version 2: a process that is being ended is not started
/// again by the next agent.
const UPGRADE: &str = r#"
    ALTER TABLE processes ADD COLUMN ending TEXT NOT NULL DEFAULT '"no"';
    PRAGMA user_version = 2;
"#;

/// The store can not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file can not be opened or read.
    #[error("host agent store {path}")]
    Sqlite {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// A newer program wrote it.
    #[error("host agent store {path}: version {found} is newer than {VERSION}, the newest known")]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// Something in it makes no sense.
    #[error("host agent store {path}: {what}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What.
        what: String,
    },
    /// The writing thread can not be started.
    #[error("host agent store: no thread to write it")]
    Thread(#[source] std::io::Error),
}

/// Something for the writing thread.
enum Order {
    Keep(Record),
    /// Say when everything before is kept.
    Tell(oneshot::Sender<()>),
}

/// The store. Everything handed over is written before it is dropped.
pub(super) struct Store {
    orders: Option<SyncSender<Order>>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Store {
    /// Opens the file, or makes it, and reads what an earlier agent left.
    pub(super) fn open(path: &Path) -> Result<(Self, Saved), StoreError> {
        let sqlite = |source| StoreError::Sqlite { path: path.to_owned(), source };
        let connection = connect(path).map_err(sqlite)?;
        let found = version(&connection).map_err(sqlite)?;
        match found {
            0 => create(&connection).map_err(sqlite)?,
            1 => connection.execute_batch(&format!("BEGIN; {UPGRADE} COMMIT;")).map_err(sqlite)?,
            VERSION => {}
            found => return Err(StoreError::Newer { path: path.to_owned(), found }),
        }
        let saved = read(&connection).map_err(|error| match error {
            ReadError::Sqlite(source) => sqlite(source),
            ReadError::Json(what) => StoreError::Damaged { path: path.to_owned(), what },
        })?;
        let second = connect(path).map_err(sqlite)?;
        let (orders, received) = sync_channel(STORE_RECORDS_MAX);
        let (idle, asked) = sync_channel(1);
        let threads = vec![
            start("agent-store", move || write(connection, &received, &idle))?,
            start("agent-store-disk", move || checkpoint(&second, &asked))?,
        ];
        Ok((Self { orders: Some(orders), threads }, saved))
    }

    /// Keeps a record, some time. For a term: what tells when it is on the file.
    pub(super) fn keep(&self, record: Record) -> Option<oneshot::Receiver<()>> {
        let is_term = matches!(record, Record::Term(..));
        self.order(Order::Keep(record));
        is_term.then(|| {
            let (done, kept) = oneshot::channel();
            self.order(Order::Tell(done));
            kept
        })
    }

    fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // The thread ends only after this is dropped.
            let _ = orders.send(order);
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.orders = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn start(
    name: &str,
    body: impl FnOnce() + Send + 'static,
) -> Result<thread::JoinHandle<()>, StoreError> {
    thread::Builder::new().name(name.into()).spawn(body).map_err(StoreError::Thread)
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(1))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // Done when nobody waits; see `checkpoint`.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(connection)
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!("BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;"))
}

enum ReadError {
    Sqlite(rusqlite::Error),
    Json(String),
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        ReadError::Sqlite(error)
    }
}

fn from_json<T: serde::de::DeserializeOwned>(what: &str, json: &str) -> Result<T, ReadError> {
    serde_json::from_str(json).map_err(|error| ReadError::Json(format!("{what}: {error}")))
}

fn read(connection: &Connection) -> Result<Saved, ReadError> {
    let mut saved = Saved::default();
    if let Some(json) = one::<String>(connection, "SELECT json FROM spec")? {
        saved.spec = from_json("configuration", &json)?;
    }
    let mut query = connection.prepare("SELECT pair, term FROM terms")?;
    for row in query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))? {
        let (pair, term) = row?;
        saved.terms.insert(PairName::new(pair), Term(u64::try_from(term).unwrap_or(0)));
    }
    let mut query = connection.prepare("SELECT application, json FROM run_modes")?;
    for row in
        query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?
    {
        let (application, json) = row?;
        let run_mode = from_json("run mode", &json)?;
        saved.run_modes.insert(ApplicationName::new(application), run_mode);
    }
    let sql = "SELECT application, pid, started, boot, ending FROM processes";
    let mut query = connection.prepare(sql)?;
    let rows = query.query_map([], |row| {
        let started: (i64, i64, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
        Ok((row.get::<_, String>(0)?, started, row.get::<_, String>(4)?))
    })?;
    for row in rows {
        let (application, (pid, started, boot), ending) = row?;
        let process = old_process((pid, started, &boot), from_json("ending", &ending)?);
        saved.processes.insert(ApplicationName::new(application), process);
    }
    let mut query = connection.prepare("SELECT sequence, json FROM reports ORDER BY sequence")?;
    for row in query.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))? {
        let (sequence, json) = row?;
        let sequence = ReportSequence(u64::try_from(sequence).unwrap_or(0));
        saved.reports.push((sequence, from_json("report", &json)?));
    }
    let newest: Option<i64> = one(connection, "SELECT sequence FROM newest_report")?;
    saved.newest_report = ReportSequence(newest.and_then(|at| u64::try_from(at).ok()).unwrap_or(0));
    Ok(saved)
}

/// The only value of a query, where there is one.
fn one<T: rusqlite::types::FromSql>(
    connection: &Connection,
    query: &str,
) -> rusqlite::Result<Option<T>> {
    connection.query_row(query, [], |row| row.get(0)).optional()
}

/// Whether a process is still the one that was kept: pids are used again, start times are not.
fn old_process((pid, started, boot): (i64, i64, &str), ending: Ending) -> OldProcess {
    let same = u32::try_from(pid).ok().filter(|pid| {
        let stat = ProcStat::read(*pid);
        boot == boot_id()
            && stat
                .is_ok_and(|stat| i64::try_from(stat.started) == Ok(started) && !stat.is_exiting())
    });
    match same {
        Some(pid) => OldProcess::Running { pid, ending },
        None => OldProcess::Gone { ending },
    }
}

/// Identity of this start of the host; empty where the kernel does not say.
fn boot_id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.map(|id| id.trim().to_owned()).unwrap_or_default()
}

/// The writing thread: everything that waits, in one transaction. Has a checkpoint made in a second
/// of rest.
fn write(mut connection: Connection, orders: &Receiver<Order>, idle: &SyncSender<()>) {
    const IDLE: Duration = Duration::from_secs(1);
    let mut since_checkpoint = 0;
    loop {
        let first = match orders.recv_timeout(IDLE) {
            Ok(order) => order,
            Err(RecvTimeoutError::Timeout) => {
                if since_checkpoint >= STORE_CHECKPOINT_RECORDS && idle.try_send(()).is_ok() {
                    since_checkpoint = 0;
                }
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let (mut records, mut waiting) = (Vec::new(), Vec::new());
        for order in std::iter::once(first).chain(orders.try_iter()) {
            match order {
                Order::Keep(record) => records.push(record),
                Order::Tell(sender) => waiting.push(sender),
            }
        }
        since_checkpoint += records.len();
        if let Err(error) = commit(&mut connection, &records) {
            let count = records.len();
            tracing::error!(%error, count, "the host agent's store can not be written");
        }
        for sender in waiting {
            let _ = sender.send(());
        }
    }
}

/// The second thread: moves what was written into the database, and waits for the disk. A passive
/// checkpoint holds no lock that a writer needs; the next writer then begins the log anew
/// (SQLite, "Write-Ahead Logging", 2.3).
fn checkpoint(connection: &Connection, asked: &Receiver<()>) {
    for () in asked {
        let moved = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = moved {
            tracing::warn!(%error, "the host agent's store: no checkpoint");
        }
    }
}

fn commit(connection: &mut Connection, records: &[Record]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for record in records {
        apply(&transaction, record)?;
    }
    transaction.commit()
}

fn apply(connection: &Connection, record: &Record) -> rusqlite::Result<()> {
    let run = |sql: &str, params: &[&dyn rusqlite::ToSql]| {
        connection.prepare_cached(sql)?.execute(params).map(drop)
    };
    match record {
        Record::Spec(spec) => {
            run("INSERT OR REPLACE INTO spec VALUES (1, ?)", params![to_json(spec)])
        }
        Record::Term(pair, term) => run(
            "INSERT OR REPLACE INTO terms VALUES (?, ?)",
            params![pair.as_str(), number(term.0)],
        ),
        Record::RunMode(application, run_mode, term) => run(
            "INSERT OR REPLACE INTO run_modes VALUES (?, ?)",
            params![application.as_str(), to_json(&(run_mode, term))],
        ),
        Record::NoRunMode(application) => {
            run("DELETE FROM run_modes WHERE application = ?", params![application.as_str()])
        }
        Record::Process(application, None) => {
            run("DELETE FROM processes WHERE application = ?", params![application.as_str()])
        }
        Record::Process(application, Some((pid, ending))) => {
            // Zero is never a start time; a process that ended meanwhile is found gone.
            let started = ProcStat::read(*pid).map_or(0, |stat| stat.started);
            run(
                "INSERT OR REPLACE INTO processes VALUES (?, ?, ?, ?, ?)",
                params![application.as_str(), pid, number(started), boot_id(), to_json(ending)],
            )
        }
        Record::Report(sequence, report) => {
            let sequence = number(sequence.0);
            run("INSERT OR REPLACE INTO newest_report VALUES (1, ?)", params![sequence])?;
            run("INSERT OR REPLACE INTO reports VALUES (?, ?)", params![sequence, to_json(report)])
        }
        Record::ReportsUpTo(sequence) => {
            run("DELETE FROM reports WHERE sequence <= ?", params![number(sequence.0)])
        }
        Record::ReportsRenumbered => run("DELETE FROM reports", params![]),
    }
}

/// Counters stay far below the largest integer of SQLite.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// These types have no map with keys that JSON can not have, so this does not fail.
fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
