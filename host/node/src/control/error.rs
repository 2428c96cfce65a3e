//! Why a control server can not start or go on.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use takeover_engine::engine::EngineError;

use crate::journal::JournalError;
use crate::pki::PkiError;

/// Why a control server did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The configuration has errors: all of them, one per line.
    #[error("{}", .0.join("\n"))]
    Configuration(Vec<String>),
    /// A certificate, key or CA file can not be used.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The journal can not be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The sandbox can not be started.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The saved state in the journal can not be read.
    #[error("journal {}: saved state: {reason}", path.display())]
    State {
        /// The journal.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A port can not be listened on.
    #[error("listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A folder can not be made.
    #[error("{}: can not be made: {source}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A thread or its runtime can not be started.
    #[error("threads of the control server: {0}")]
    Thread(io::Error),
    /// A defect: nothing decides any more. The service manager should start it again.
    #[error("the decision loop has ended by itself")]
    LoopEnded,
}
