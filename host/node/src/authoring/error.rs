//! Why something about a plugin project could not be done.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use takeover_engine::grants::GrantError;
use takeover_engine::package::{ManifestError, RejectionReason};
use takeover_engine::signature::KeyError;
use takeover_engine::{EngineError, Kind};

use super::Language;

/// Why something about a plugin project could not be done.
#[derive(Debug, thiserror::Error)]
pub enum AuthoringError {
    /// A file can not be read or written.
    #[error("{}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// What is to be made is there already.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// A name that can not be a plugin's.
    #[error(
        "name {0:?}: allowed are 1 to 64 lower-case letters, digits and hyphens, a letter first"
    )]
    Name(String),
    /// There is no such template.
    #[error("no template of kind {kind} in {language}: there are {}", .there.join(", "))]
    NoTemplate {
        /// The kind asked for.
        kind: Kind,
        /// The language asked for.
        language: Language,
        /// Kinds that this language has.
        there: Vec<&'static str>,
    },
    /// The folder holds no plugin project.
    #[error(
        "{}: no plugin project: expected plugin.toml and one of Cargo.toml, requirements.txt, \
         package.json; or a text policy, NAME.rhai, which needs no build", .0.display()
    )]
    NotAProject(PathBuf),
    /// A folder has more than one text policy.
    #[error("{}: several policies ({}): name the file", .0.display(), .1)]
    Several(PathBuf, String),
    /// A text policy can not be run.
    #[error("{0}")]
    Policy(String),
    /// The manifest is not right.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A program that the build needs is not there.
    #[error("{tool} is not installed: {install}")]
    Missing {
        /// Which.
        tool: &'static str,
        /// What installs it.
        install: &'static str,
    },
    /// A program of the build ended with an error, which it has explained.
    #[error("{command}: {how}")]
    Tool {
        /// The program and its arguments.
        command: String,
        /// Its exit status, or what else was wrong.
        how: String,
    },
    /// A program of the build did not end.
    #[error("{command}: stopped after {} s", .after.as_secs())]
    Slow {
        /// The program and its arguments.
        command: String,
        /// How long it was given.
        after: Duration,
    },
    /// There is nothing to check or test yet.
    #[error("{} is not there: `takeover plugin build` makes it", .0.display())]
    NotBuilt(PathBuf),
    /// The engine does not run on this machine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The plugin was refused.
    #[error(transparent)]
    Rejected(#[from] RejectionReason),
    /// A key can not be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The rows of a grant are not right.
    #[error(transparent)]
    Grant(GrantError),
    /// A grant leaves out what the plugin asks for.
    #[error("{0}")]
    LeftOut(String),
    /// A grant was to be bound to a signer that there is not.
    #[error("plugin {0} is not signed: `takeover plugin sign` does it, or bind to its digest")]
    NotSigned(String),
    /// Recorded runs can not be repeated.
    #[error("{0}")]
    Replay(String),
    /// What was named is no forwarding policy, or can not be called with these settings.
    #[error("{0}")]
    NoPolicy(String),
    /// Cases can not be read, or there are none.
    #[error("{0}")]
    Cases(String),
}

impl AuthoringError {
    /// For `map_err`: an error about a file.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
