//! What the link's machine is set to, asks for and reports.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use takeover_logic::ids::Term;

use super::message::{Hello, PROTOCOL};
use super::sender::WaitId;
use crate::directory::{AddpTrace, BackupSync};

/// Number of a link, given by the shell; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkId(pub u64);

/// How one end is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Name of the pair.
    pub pair: Arc<str>,
    /// Name of this application.
    pub application: Arc<str>,
    /// Which of the node's machines this is.
    pub machine: u32,
    /// This end connects; the other one accepts. Exactly one of the two, whoever serves: say, the
    /// one that is configured as backup.
    pub dials: bool,
    /// `sync-reconnect-tout`: wait before the next dial.
    pub reconnect: Duration,
    /// `addp-timeout`: silence after which the other end is asked; zero: never.
    pub timeout: Duration,
    /// `addp-remote-timeout`: the same for the other end, unless it has its own.
    pub remote_timeout: Duration,
    /// `protocol` is `addp`.
    pub is_addp: bool,
    /// `addp-trace`: who notes what the keep-alive does.
    pub trace: AddpTrace,
}

impl Settings {
    /// Takes the options of section `backup-sync`.
    pub fn with(self, options: &BackupSync) -> Settings {
        Settings {
            reconnect: options.sync_reconnect_tout,
            timeout: options.addp_timeout,
            remote_timeout: options.addp_remote_timeout,
            is_addp: options.is_addp,
            trace: options.addp_trace,
            ..self
        }
    }

    /// Why a node that says this is not the other one of the pair.
    pub(super) fn refuses(&self, hello: &Hello) -> Option<String> {
        if hello.protocol != PROTOCOL {
            let found = hello.protocol;
            return Some(format!("version {found} of the protocol, this is {PROTOCOL}"));
        }
        if *hello.pair != *self.pair {
            return Some(format!("pair {:?}, this is {:?}", hello.pair, self.pair));
        }
        if *hello.application == *self.application {
            return Some(format!("application {:?}, which this is", hello.application));
        }
        if hello.machine != self.machine {
            return Some(format!("machine {}, this is {}", hello.machine, self.machine));
        }
        None
    }

    /// Whether this end notes what the keep-alive does, where the other one may have wished for it.
    pub(super) fn traces(&self, wish: bool) -> bool {
        self.is_addp && (wish || matches!(self.trace, AddpTrace::Local | AddpTrace::Both))
    }

    /// Longest silence on a link whose other end wishes for one.
    pub(super) fn timeout_with(&self, wish: Duration) -> Option<Duration> {
        let timeout = if self.timeout.is_zero() { wish } else { self.timeout };
        Some(timeout).filter(|timeout| self.is_addp && !timeout.is_zero())
    }
}

/// Whether a node knows what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A newcomer that is still being told; its application is `Initializing`.
    Initializing,
    /// It serves, it was told everything once, or there is nobody who could tell.
    Ready,
}

/// What is to be done or told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Connect to the other node; answered by `connected` or `dial_failed`.
    Dial,
    /// Send a line, its end included.
    Send {
        /// Where.
        id: LinkId,
        /// What.
        line: Vec<u8>,
    },
    /// Close a link; what was sent before goes out first.
    Close(LinkId),
    /// What somebody waited for is on the other node.
    Acknowledged(WaitId),
    /// It may not be; go on without.
    GivenUp(WaitId),
    /// The standing changed.
    Standing(Standing),
    /// Something to record.
    Event(LinkEvent),
}

/// Something that happened to the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// Both ends have spoken.
    Up {
        /// The other one serves.
        serves: bool,
        /// Highest term that it knows.
        term: Term,
    },
    /// It is down.
    Down {
        /// Why.
        reason: Arc<str>,
    },
    /// A snapshot arrived whole.
    SnapshotWhole {
        /// What it held.
        entries: usize,
    },
    /// The other node asked for a new snapshot.
    SnapshotAgain,
    /// The other node has everything and follows.
    InStep,
    /// The other node acknowledges too slowly: calls go on without waiting for it.
    LagsBehind,
    /// Something that the keep-alive did (`addp-trace`).
    KeepAlive(KeepAlive),
    /// Both ends serve.
    BothServe {
        /// In this term.
        own: Term,
        /// The other one in that.
        other: Term,
    },
}

/// What the keep-alive did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepAlive {
    /// This end asked for a sign of life after so long a silence.
    Asked(Duration),
    /// It came after so long.
    Answered(Duration),
    /// It did not come.
    Unanswered(Duration),
    /// The other end asked and was answered.
    WasAsked,
}

impl fmt::Display for KeepAlive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeepAlive::Asked(silence) => {
                let silence = millis(*silence);
                write!(f, "asked for a sign of life after {silence} ms of silence")
            }
            KeepAlive::Answered(after) => write!(f, "heard after {} ms", millis(*after)),
            KeepAlive::Unanswered(after) => {
                write!(f, "nothing heard for {} ms after it was asked", millis(*after))
            }
            KeepAlive::WasAsked => f.write_str("asked by the other node, and answered"),
        }
    }
}

impl fmt::Display for LinkEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkEvent::Up { serves: true, term } => {
                write!(f, "linked with the other node, which serves in term {term}")
            }
            LinkEvent::Up { serves: false, .. } => {
                f.write_str("linked with the other node, which stands by")
            }
            LinkEvent::Down { reason } => write!(f, "link with the other node down: {reason}"),
            LinkEvent::SnapshotWhole { entries } => {
                write!(f, "everything the other node knows is here: {entries} entries")
            }
            LinkEvent::SnapshotAgain => f.write_str("the other node missed something: told anew"),
            LinkEvent::InStep => f.write_str("the other node has everything and follows"),
            LinkEvent::LagsBehind => {
                f.write_str("the other node does not acknowledge in time: calls do not wait for it")
            }
            LinkEvent::KeepAlive(what) => write!(f, "keep-alive: {what}"),
            LinkEvent::BothServe { own, other } => {
                write!(f, "both nodes serve, in terms {own} and {other}")
            }
        }
    }
}

/// A time in whole milliseconds.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
