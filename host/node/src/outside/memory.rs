//! What components remember, in one SQLite file of this host.
//!
//! Must not know what a value means. One thread reads and writes, so that the disk is waited for by
//! nobody but the component that asked. A value is on the disk before its component is told so; a
//! call beyond the bound, or one that the disk refuses, changes nothing. Two processes may share
//! the file: each change is one transaction.

use std::fs::OpenOptions;
use std::future::Future;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use takeover_engine::limits::MEMORY_STATE_BYTES_MAX;
use takeover_logic::link::Fault;
use tokio::sync::{mpsc, oneshot};

use super::{failed, invalid, unavailable};
use crate::limits::MEMORY_CALLS_MAX;

/// Version of the tables, kept in SQLite's `user_version`. An older file is brought up to date when
/// it is opened, a newer one is refused.
pub const MEMORY_VERSION: i64 = 1;

/// Statements from each version to the next; the first makes the table.
const MIGRATIONS: [&str; MEMORY_VERSION as usize] = ["
    CREATE TABLE memory (
        plugin TEXT NOT NULL,
        key    TEXT NOT NULL,
        value  BLOB NOT NULL,
        PRIMARY KEY (plugin, key)
    ) WITHOUT ROWID;
"];

/// Why the state of components can not be used.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// A newer program wrote it.
    #[error(
        "plugin memory {}: written by a newer version: schema {found}, this version reads up to \
         {MEMORY_VERSION}", path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
    },
    /// It can not be opened or created.
    #[error("plugin memory {}: can not be opened: {reason}", path.display())]
    Unopenable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

type Reply<T> = oneshot::Sender<Result<T, Fault>>;

/// What the thread is asked.
enum Order {
    Recall { plugin: String, key: String, reply: Reply<Option<Vec<u8>>> },
    Remember { plugin: String, key: String, value: Option<Vec<u8>>, reply: Reply<()> },
}

/// The state of all components. What was asked is done before it is dropped.
pub(super) struct Memory {
    orders: Option<mpsc::Sender<Order>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Memory {
    /// Opens the file in a folder, or makes it, and starts the thread.
    pub(super) fn open(folder: &Path) -> Result<Self, MemoryError> {
        let path = folder.join("plugin-memory.db");
        let file = File { connection: connect(&path)?, path };
        let unopenable = |error: std::io::Error, path| MemoryError::Unopenable {
            path,
            reason: error.to_string(),
        };
        let path = file.path.clone();
        let (orders, received) = mpsc::channel(MEMORY_CALLS_MAX);
        let thread = thread::Builder::new()
            .name("plugin-memory".into())
            .spawn(move || file.serve(received))
            .map_err(|error| unopenable(error, path))?;
        Ok(Self { orders: Some(orders), thread: Some(thread) })
    }

    /// The value that was last set.
    pub(super) fn recall(
        &self,
        plugin: &str,
        key: &str,
    ) -> impl Future<Output = Result<Option<Vec<u8>>, Fault>> + Send + use<> {
        let (plugin, key) = (plugin.to_owned(), key.to_owned());
        let (reply, answered) = oneshot::channel();
        self.ask(Order::Recall { plugin, key, reply }, answered)
    }

    /// Keeps or forgets a value; answered when that is on the disk.
    ///
    /// # Cancel safety
    /// Dropped before its turn, nothing is changed; dropped during it, the value is kept.
    pub(super) fn remember(
        &self,
        plugin: &str,
        key: &str,
        value: Option<Vec<u8>>,
    ) -> impl Future<Output = Result<(), Fault>> + Send + use<> {
        let (plugin, key) = (plugin.to_owned(), key.to_owned());
        let (reply, answered) = oneshot::channel();
        self.ask(Order::Remember { plugin, key, value, reply }, answered)
    }

    /// Hands an order over at once, so that orders are carried out as they were given.
    fn ask<T: Send + 'static>(
        &self,
        order: Order,
        answered: oneshot::Receiver<Result<T, Fault>>,
    ) -> impl Future<Output = Result<T, Fault>> + Send + use<T> {
        let handed_over = match &self.orders {
            Some(orders) => orders.try_send(order).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => unavailable(format!(
                    "plugin memory: {MEMORY_CALLS_MAX} calls wait for the disk, which is the most"
                )),
                mpsc::error::TrySendError::Closed(_) => stopping(),
            }),
            None => Err(stopping()),
        };
        async move {
            handed_over?;
            answered.await.unwrap_or_else(|_| Err(stopping()))
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the plugin memory panicked");
        }
    }
}

fn stopping() -> Fault {
    unavailable("plugin memory: this process is stopping")
}

/// The thread's side.
struct File {
    connection: Connection,
    path: PathBuf,
}

impl File {
    fn serve(mut self, mut orders: mpsc::Receiver<Order>) {
        while let Some(order) = orders.blocking_recv() {
            // Who does not wait any more wants nothing any more, so no answer is lost below.
            match order {
                Order::Recall { plugin, key, reply } if !reply.is_closed() => {
                    let recalled = recall(&self.connection, &plugin, &key);
                    let _ = reply.send(recalled.map_err(|error| self.broken(&error)));
                }
                Order::Remember { plugin, key, value, reply } if !reply.is_closed() => {
                    let value = value.as_deref();
                    let done = remember(&mut self.connection, (&plugin, &key), value);
                    let _ = reply.send(done.map_err(|error| match error {
                        RememberError::TooMuch(found) => invalid(format!(
                            "plugin memory of {plugin}: {found} bytes in all with this value, \
                             allowed at most {MEMORY_STATE_BYTES_MAX}"
                        )),
                        RememberError::Sqlite(error) => self.broken(&error),
                    }));
                }
                Order::Recall { .. } | Order::Remember { .. } => {}
            }
        }
        // Leaves one file behind where it can; the log is as good.
        let _ = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
    }

    /// A connection that saw an I/O error may be of no use any more; a new one is when the cause
    /// is gone.
    fn broken(&mut self, error: &rusqlite::Error) -> Fault {
        tracing::error!(path = %self.path.display(), "plugin memory: {error}");
        if let Ok(connection) = connect(&self.path) {
            self.connection = connection;
        }
        failed(format!("plugin memory: {error}"))
    }
}

enum RememberError {
    /// So many bytes it would be.
    TooMuch(usize),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for RememberError {
    fn from(error: rusqlite::Error) -> Self {
        RememberError::Sqlite(error)
    }
}

fn recall(connection: &Connection, plugin: &str, key: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT value FROM memory WHERE plugin = ? AND key = ?")?
        .query_row(params![plugin, key], |row| row.get(0))
        .optional()
}

fn remember(
    connection: &mut Connection,
    (plugin, key): (&str, &str),
    value: Option<&[u8]>,
) -> Result<(), RememberError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if let Some(value) = value {
        let others: i64 = transaction
            .prepare_cached(
                "SELECT COALESCE(SUM(octet_length(key) + octet_length(value)), 0) FROM memory
                 WHERE plugin = ? AND key <> ?",
            )?
            .query_row(params![plugin, key], |row| row.get(0))?;
        let others = usize::try_from(others).unwrap_or(usize::MAX);
        let whole = others.saturating_add(key.len()).saturating_add(value.len());
        if whole > MEMORY_STATE_BYTES_MAX {
            return Err(RememberError::TooMuch(whole));
        }
        transaction
            .prepare_cached("INSERT OR REPLACE INTO memory (plugin, key, value) VALUES (?, ?, ?)")?
            .execute(params![plugin, key, value])?;
    } else {
        transaction
            .prepare_cached("DELETE FROM memory WHERE plugin = ? AND key = ?")?
            .execute(params![plugin, key])?;
    }
    Ok(transaction.commit()?)
}

/// Opens the file, creates it where it is missing, and brings its table up to date.
fn connect(path: &Path) -> Result<Connection, MemoryError> {
    let unopenable = |error: &dyn std::fmt::Display| MemoryError::Unopenable {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    // Nobody else's business: a component may remember a session or a token.
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| unopenable(&error))?;
    let sqlite = |error: rusqlite::Error| unopenable(&error);
    let mut connection = Connection::open(path).map_err(sqlite)?;
    let found = version(&connection).map_err(sqlite)?;
    if found > MEMORY_VERSION {
        return Err(MemoryError::Newer { path: path.to_owned(), found });
    }
    prepare(&mut connection).map_err(sqlite)?;
    Ok(connection)
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Every commit reaches the disk before it returns.
fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(2))?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Read again: another process may have been faster.
    let found = version(&transaction)?;
    for step in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", MEMORY_VERSION)?;
    transaction.commit()
}
