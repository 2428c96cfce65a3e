//! What a host agent and a program under it tell each other on the application channel.
//!
//! The channel is a Unix stream socket whose path the agent puts into `TAKEOVER_CHANNEL`; it
//! carries these values as JSON, one message per line, so that any language can speak it. These
//! types are that format; `host/docs/applications.md` is their page. Two rules keep it simple: the
//! agent tells its state whole whenever a connection begins ([`Hello`]), and after it the program
//! says again how it is. Messages of an unknown `type` and unknown fields are passed over, so that
//! both sides can learn new ones at their own pace.
//!
//! This module must not know what follows from a message.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ids::{ApplicationName, PairName, Term, VipName};
use crate::keep::{Keep, Kept};
use crate::link::RunMode;
use crate::log_event::EventId;

#[cfg(test)]
mod tests;

/// Version of this protocol. It is raised only where a program that keeps to the older one would
/// do something wrong.
pub const PROTOCOL: u32 = 1;

/// The environment variable that holds the path of the socket.
pub const ENVIRONMENT: &str = "TAKEOVER_CHANNEL";

/// First message of a connection: everything that the program should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`] of the agent.
    pub protocol: u32,
    /// Name of the application that the program is.
    pub application: ApplicationName,
    /// Its pair; none: it is not redundant and has no run mode.
    #[serde(default)]
    pub pair: Option<PairName>,
    /// Its run mode; none: nobody has decided yet, and it must not serve as primary.
    #[serde(default)]
    pub run_mode: Option<RunMode>,
    /// Term of that run mode; zero where there is none.
    #[serde(default)]
    pub term: Term,
    /// The virtual IPs of its pair.
    #[serde(default)]
    pub vips: Vec<VipHere>,
    /// Its options, by name, as far as any were set.
    #[serde(default)]
    pub options: BTreeMap<Arc<str>, Arc<str>>,
    /// It was asked to finish its work, perhaps on an earlier connection.
    #[serde(default)]
    pub suspending: bool,
}

/// A virtual IP as it is on this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VipHere {
    /// Its name.
    pub name: VipName,
    /// The address.
    pub address: IpAddr,
    /// The kernel of this host was seen to have it.
    pub up: bool,
}

/// From the agent to the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum ToProgram {
    /// First message of a connection.
    Hello(Hello),
    /// Its run mode changed; to be answered with [`FromProgram::RunModeDone`] when it is so.
    RunMode {
        /// The new one.
        mode: RunMode,
        /// Term of the decision.
        term: Term,
    },
    /// A virtual IP of its pair came up or went down on this host.
    Vip(VipHere),
    /// An option was set.
    Option {
        /// Which.
        name: Arc<str>,
        /// Its value as text.
        value: Arc<str>,
    },
    /// Take no new calls and let those that are up end, before a switchover; a later run mode ends
    /// this too.
    Drain {
        /// How to refuse a call meanwhile.
        reject: Reject,
        /// Time left, in milliseconds; the switchover comes then at the latest.
        time_left_ms: u64,
    },
    /// The switchover does not come: take new calls again.
    DrainOver,
    /// The other application of the pair can not be reached. A backup is to look for a while
    /// whether that one serves, and to say what it sees, whenever that changes:
    /// [`FromProgram::Other`].
    Look,
    /// Finish what you have begun and take nothing new; then say [`FromProgram::Suspended`].
    Suspend,
    /// A word of the store of its pair.
    Keep(Kept),
    /// A message of a newer agent.
    #[serde(other)]
    Unknown,
}

/// How a call is refused while a program is drained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// Status code of the answer.
    pub code: u16,
    /// Its reason phrase.
    pub reason: Arc<str>,
    /// When the caller may try again, in seconds.
    pub retry_after_s: u32,
}

/// How many calls a program has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// Calls that were answered.
    pub established: u32,
    /// Calls that were not yet answered.
    pub ringing: u32,
    /// Calls that it knows to have lost since it started.
    #[serde(default)]
    pub lost: u32,
}

impl Calls {
    /// Calls that a switchover now would touch.
    pub fn up(&self) -> u32 {
        self.established.saturating_add(self.ringing)
    }
}

/// From the program to the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum FromProgram {
    /// It serves, or could if it were primary: READY=1 of `sd_notify`.
    Ready,
    /// It is alive: WATCHDOG=1 of `sd_notify`.
    Alive,
    /// It is ending by itself.
    Stopping,
    /// Whether it can serve at the moment.
    Service {
        /// It can.
        available: bool,
        /// Why, for operators.
        #[serde(default)]
        why: Option<Arc<str>>,
    },
    /// Nothing is left to do after [`ToProgram::Suspend`]: it may be ended.
    Suspended,
    /// A sentence for operators.
    StatusText {
        /// The sentence.
        text: Arc<str>,
    },
    /// It is in this run mode now, with everything that belongs to it.
    RunModeDone {
        /// The run mode that it was told.
        mode: RunMode,
        /// The term that it was told with it.
        term: Term,
    },
    /// Something that alarm conditions can name, or that an operator should be able to read later.
    LogEvent {
        /// One of those that a program may write: [`crate::catalog::is_of_programs`].
        id: EventId,
        /// The sentence an operator reads.
        text: Arc<str>,
    },
    /// How many calls it has.
    Calls(Calls),
    /// What it sees of the other application of its pair, after [`ToProgram::Look`].
    Other {
        /// That one serves; none: it was not looked, or can not be said.
        #[serde(default)]
        serves: Option<bool>,
        /// What was seen, for operators.
        #[serde(default)]
        why: Option<Arc<str>>,
    },
    /// A word to the store of its pair.
    Keep(Keep),
    /// A message of a newer program.
    #[serde(other)]
    Unknown,
}
