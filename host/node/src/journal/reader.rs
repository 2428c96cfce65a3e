//! Queries of the journal, for the API and for commands that read a journal at rest. Blocking: the
//! API calls them off its threads.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Row, params};
use serde::de::DeserializeOwned;
use takeover_logic::control::io::{AlarmView, RecordedEvent, Step};
use takeover_logic::ids::{EventSequence, SwitchoverId, Term};
use takeover_logic::time::Timestamp;

use super::run::RecordedRun;
use super::writer::number;
use super::{JournalError, schema};
use crate::api::types::SwitchoverView;

/// The reading side of a journal.
pub struct JournalReader {
    connection: Mutex<Connection>,
}

impl JournalReader {
    /// Opens a journal for reading.
    ///
    /// # Errors
    /// It is not there, newer, or damaged.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        Ok(Self { connection: Mutex::new(schema::open_for_reading(path)?) })
    }

    /// Events after `after`, oldest first, at most `limit`; without `after` the newest ones.
    ///
    /// # Errors
    /// The journal can not be read.
    pub fn events(
        &self,
        after: Option<EventSequence>,
        limit: u32,
    ) -> rusqlite::Result<Vec<RecordedEvent>> {
        let connection = self.lock();
        let read = |row: &Row<'_>| {
            Ok(RecordedEvent { sequence: EventSequence(count(row, 0)?), event: json(row, 1)? })
        };
        match after {
            Some(after) => connection
                .prepare_cached(
                    "SELECT sequence, event FROM event WHERE sequence > ?
                     ORDER BY sequence LIMIT ?",
                )?
                .query_map(params![number(after.0), limit], read)?
                .collect(),
            None => {
                let newest: rusqlite::Result<Vec<_>> = connection
                    .prepare_cached(
                        "SELECT sequence, event FROM event ORDER BY sequence DESC LIMIT ?",
                    )?
                    .query_map(params![limit], read)?
                    .collect();
                newest.map(|mut events| {
                    events.reverse();
                    events
                })
            }
        }
    }

    /// Cleared alarms, newest first, at most `limit`.
    ///
    /// # Errors
    /// The journal can not be read.
    pub fn cleared_alarms(&self, limit: u32) -> rusqlite::Result<Vec<AlarmView>> {
        self.lock()
            .prepare_cached(
                "SELECT alarm FROM alarm WHERE cleared_at IS NOT NULL ORDER BY id DESC LIMIT ?",
            )?
            .query_map(params![limit], |row| json(row, 0))?
            .collect()
    }

    /// Run-mode decisions, newest first, at most `limit`.
    ///
    /// # Errors
    /// The journal can not be read.
    pub fn switchovers(&self, limit: u32) -> rusqlite::Result<Vec<SwitchoverView>> {
        self.lock()
            .prepare_cached(
                "SELECT first.step, (SELECT MAX(term) FROM step
                                     WHERE switchover = first.switchover)
                 FROM (SELECT switchover, MIN(id) AS id FROM step GROUP BY switchover
                       ORDER BY switchover DESC LIMIT ?) AS begun
                 JOIN step AS first ON first.id = begun.id
                 ORDER BY first.switchover DESC",
            )?
            .query_map(params![limit], |row| {
                let first: Step = json(row, 0)?;
                Ok(SwitchoverView {
                    id: first.switchover,
                    pair: first.pair,
                    term: Term(count(row, 1)?),
                    at: first.at,
                    sentence: first.sentence,
                })
            })?
            .collect()
    }

    /// The steps of one decision, in order; empty where there is no such decision.
    ///
    /// # Errors
    /// The journal can not be read.
    pub fn steps(&self, switchover: SwitchoverId) -> rusqlite::Result<Vec<Step>> {
        self.lock()
            .prepare_cached("SELECT step FROM step WHERE switchover = ? ORDER BY id")?
            .query_map(params![number(switchover.0)], |row| json(row, 0))?
            .collect()
    }

    /// Runs of a plugin, oldest first; the newest ones, at most `limit`.
    ///
    /// # Errors
    /// The journal can not be read, or is of a version without runs.
    pub fn runs(&self, plugin: &str, limit: u32) -> rusqlite::Result<Vec<RecordedRun>> {
        let newest: rusqlite::Result<Vec<_>> = self
            .lock()
            .prepare_cached("SELECT run FROM run WHERE plugin = ? ORDER BY id DESC LIMIT ?")?
            .query_map(params![plugin, limit], |row| json(row, 0))?
            .collect();
        newest.map(|mut runs| {
            runs.reverse();
            runs
        })
    }

    /// When the present run of the control server began, by its wall clock.
    ///
    /// # Errors
    /// The journal can not be read.
    pub fn started_at(&self) -> rusqlite::Result<Timestamp> {
        self.lock().query_row("SELECT at FROM start ORDER BY id DESC LIMIT 1", [], |row| {
            Ok(Timestamp(count(row, 0)?))
        })
    }

    /// A reader that panicked has left nothing half done.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|value| u64::try_from(value).unwrap_or(0))
}

fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Text,
            Box::new(error),
        )
    })
}
