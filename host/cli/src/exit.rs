//! How the command ends: exit codes, and the one sentence of an error.

use std::process::ExitCode;

/// Exit codes. Part of the interface: scripts and monitoring depend on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, or nothing wrong found.
    Ok = 0,
    /// Something wrong was found: a pair in trouble, an error in a configuration; or a daemon
    /// could not start or go on.
    Problems = 1,
    /// The command line makes no sense, or a file that it names can not be read. Nothing was
    /// tried.
    Usage = 2,
    /// The control server can not be reached, or can not answer now.
    Unreachable = 3,
    /// The control server refused: no such object, or not possible in the present state.
    Refused = 4,
    /// No token, an unknown one, or one whose role does not allow it.
    Unauthorized = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Shown at the end of `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done, or nothing wrong found
  1  something wrong was found, or a daemon could not start or go on
  2  the command line makes no sense, or a file that it names can not be read
  3  the control server can not be reached, or can not answer now
  4  the control server refused: no such object, or not possible in the present state
  5  no token, an unknown one, or one whose role does not allow it";

/// Why the command ends before it is done.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    sentence: Option<String>,
}

impl Failure {
    /// A failure with its exit code and its sentence.
    pub(crate) fn new(exit: Exit, sentence: impl Into<String>) -> Self {
        Self { exit, sentence: Some(sentence.into()) }
    }

    /// Whoever reads the output has gone; there is nobody to tell.
    pub(crate) fn unread() -> Self {
        Self { exit: Exit::Ok, sentence: None }
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// What to tell, if anything.
    pub(crate) fn sentence(&self) -> Option<&str> {
        self.sentence.as_deref()
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::new(Exit::Problems, format!("{error:#}"))
    }
}
