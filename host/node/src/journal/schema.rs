//! The tables. A change of them raises [`SCHEMA_VERSION`] and adds a migration from the last one.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::JournalError;

/// Version of the tables, kept in SQLite's `user_version`. An older one is brought up to date when
/// the journal is opened, a newer one is refused.
pub const SCHEMA_VERSION: i64 = 2;

/// Statements from each version to the next; the first makes the tables.
const MIGRATIONS: [&str; SCHEMA_VERSION as usize] = [
    "
    -- Configuration texts, by SHA-256.
    CREATE TABLE configuration (
        digest TEXT PRIMARY KEY,
        text   TEXT NOT NULL
    ) WITHOUT ROWID;
    -- Starts of the control server: replay begins at one.
    CREATE TABLE start (
        id      INTEGER PRIMARY KEY,
        at      INTEGER NOT NULL,   -- milliseconds since 1970-01-01 UTC, as everywhere
        version TEXT NOT NULL,
        state   TEXT                -- the saved state that it began with, JSON; NULL: none
    );
    -- Inputs of the deciding machines, or the configuration they got.
    CREATE TABLE input (
        id            INTEGER PRIMARY KEY,
        start         INTEGER NOT NULL,
        instant       INTEGER NOT NULL, -- nanoseconds since the origin of that start's clock
        at            INTEGER NOT NULL,
        input         TEXT,             -- JSON
        configuration TEXT              -- digest, where input is NULL
    );
    CREATE INDEX input_configuration ON input (configuration) WHERE configuration IS NOT NULL;
    CREATE TABLE event (
        sequence    INTEGER PRIMARY KEY,
        at          INTEGER NOT NULL,
        event_id    TEXT NOT NULL,
        application TEXT,
        host        TEXT,
        event       TEXT NOT NULL       -- JSON
    );
    CREATE TABLE step (
        id         INTEGER PRIMARY KEY,
        switchover INTEGER NOT NULL,
        pair       TEXT NOT NULL,
        term       INTEGER NOT NULL,
        at         INTEGER NOT NULL,
        step       TEXT NOT NULL        -- JSON
    );
    CREATE INDEX step_switchover ON step (switchover, id);
    CREATE TABLE alarm (
        id         INTEGER PRIMARY KEY,
        raised_at  INTEGER NOT NULL,
        cleared_at INTEGER,             -- NULL: active
        alarm      TEXT NOT NULL        -- JSON
    );
    -- The state as of the last input: one row.
    CREATE TABLE saved (
        one   INTEGER PRIMARY KEY CHECK (one = 1),
        at    INTEGER NOT NULL,
        state TEXT NOT NULL             -- JSON
    );
",
    "
    CREATE TABLE run (
        id     INTEGER PRIMARY KEY,
        at     INTEGER NOT NULL,
        plugin TEXT NOT NULL,
        run    TEXT NOT NULL            -- JSON
    );
    CREATE INDEX run_plugin ON run (plugin, id);
",
];

/// Opens the file for writing, creates it where it is missing, and brings its tables up to date.
pub(super) fn open(path: &Path) -> Result<Connection, JournalError> {
    let unopenable = |error: &dyn std::fmt::Display| JournalError::Unopenable {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let mut connection = Connection::open(path).map_err(|error| unopenable(&error))?;
    pragmas(&connection).map_err(|error| unreadable(path, &error))?;
    let found = version(&connection).map_err(|error| unreadable(path, &error))?;
    if found > SCHEMA_VERSION {
        return Err(JournalError::Newer { path: path.to_owned(), found });
    }
    migrate(&mut connection, found).map_err(|error| unopenable(&error))?;
    Ok(connection)
}

/// Opens the file for reading only.
pub(super) fn open_for_reading(path: &Path) -> Result<Connection, JournalError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| {
        JournalError::Unopenable { path: path.to_owned(), reason: error.to_string() }
    })?;
    let found = version(&connection).map_err(|error| unreadable(path, &error))?;
    if found > SCHEMA_VERSION {
        return Err(JournalError::Newer { path: path.to_owned(), found });
    }
    Ok(connection)
}

fn unreadable(path: &Path, error: &rusqlite::Error) -> JournalError {
    JournalError::Unreadable { path: path.to_owned(), reason: error.to_string() }
}

/// Write-ahead log, so that readers and the writer do not wait for each other; every commit reaches
/// the disk before it returns.
fn pragmas(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_secs(2))?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn migrate(connection: &mut Connection, found: i64) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for step in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    transaction.commit()
}
