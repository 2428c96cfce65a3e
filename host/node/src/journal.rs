//! What the control server has seen, decided and saved, in one SQLite file.
//!
//! Written by one thread in group commits, so that no decision waits for the disk: the decision
//! loop hands over a batch whenever the last one is durable, with the saved state as of its end,
//! and hears when it is. What is acknowledged to anybody is acknowledged after that. Reading goes
//! through connections of its own and never holds up writing.
//!
//! A disk that can not be written stops nothing: the batch is tried again and again while the
//! decisions go on; only acknowledgements wait.
//!
//! Reading order: this file (what is written), [`run`] (runs of reactions), `schema` (the tables),
//! `writer` (the thread), [`reader`] (the queries).

pub mod reader;
pub mod run;
mod schema;
#[cfg(test)]
mod tests;
mod writer;

use std::path::PathBuf;

use takeover_logic::control::io::{AlarmView, Input, RecordedEvent, Step};
use takeover_logic::time::Now;

pub use reader::JournalReader;
use run::RecordedRun;
pub use schema::SCHEMA_VERSION;
#[cfg(test)]
pub(crate) use writer::Start;
pub(crate) use writer::{Journal, JournalNews};

/// What one commit writes: everything since the last one, and the state that resulted.
#[derive(Debug)]
pub(crate) struct Batch<S> {
    /// In the order in which it happened.
    pub(crate) rows: Vec<Row>,
    /// The state after all of it, as `Control::save` gives it; none: unchanged.
    pub(crate) state: Option<S>,
}

/// One fact for the journal.
#[derive(Clone, Debug)]
pub(crate) enum Row {
    /// The machines got an input.
    Input(Now, Input),
    /// The machines got a configuration.
    Configured(Now, ConfigurationText),
    /// A log event was recorded.
    Event(RecordedEvent),
    /// A step of a run-mode decision.
    Step(Step),
    /// An alarm was raised, changed or cleared.
    Alarm(AlarmView),
    /// A reaction ran.
    Run(Box<RecordedRun>),
}

/// The text of a configuration, kept once however often it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfigurationText {
    pub(crate) digest: String,
    pub(crate) text: std::sync::Arc<str>,
}

impl ConfigurationText {
    pub(crate) fn new(text: String) -> Self {
        use sha2::{Digest, Sha256};
        let digest = crate::pki::hex(&Sha256::digest(text.as_bytes()));
        Self { digest, text: text.into() }
    }
}

/// Why the journal can not be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another control server has it.
    #[error("journal {}: in use by another process", path.display())]
    InUse {
        /// The journal.
        path: PathBuf,
    },
    /// A newer program wrote it.
    #[error(
        "journal {}: written by a newer version: schema {found}, this version reads up to {}",
        path.display(), SCHEMA_VERSION
    )]
    Newer {
        /// The journal.
        path: PathBuf,
        /// Its schema.
        found: i64,
    },
    /// It can not be opened or created.
    #[error("journal {}: can not be opened: {reason}", path.display())]
    Unopenable {
        /// The journal.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// It can not be read: damaged, or not a journal.
    #[error("journal {}: can not be read: {reason}", path.display())]
    Unreadable {
        /// The journal.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}
