//! Names and numbers of things, each its own type, so that a host can not be passed for a pair.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Declares a cheap-to-clone name type.
macro_rules! names {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps a name. Whether it is well formed is checked where configuration is read.
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self::new(name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

names! {
    /// A host, as in `[[host]]`.
    HostName
    /// An application: a SIP server, a control application of a pair, any other managed program.
    ApplicationName
    /// A redundant pair, as in `[[pair]]`.
    PairName
    /// A virtual IP, as in `[[pair]]` or `[[vip]]`.
    VipName
    /// An alarm condition.
    ConditionName
    /// An alarm reaction script: a component together with its settings.
    ReactionName
    /// A plugin, named as its folder.
    PluginName
    /// A solution: a named list of applications.
    SolutionName
    /// A package as it lies in its folder: SHA-256 over manifest and component, in hexadecimal.
    PackageDigest
}

/// Declares a counter type.
macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash,
            Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// The next higher number.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

numbers! {
    /// Promotion counter of a pair, raised by one with every promotion: the fencing token.
    /// Zero: never promoted.
    Term
    /// An order of the control server to a host agent; unique over the life of a journal.
    OrderId
    /// One run of one alarm reaction.
    RunId
    /// One run of one VIP backend on one host.
    BackendRunId
    /// One decision about a pair's run modes, from its cause to its effect.
    SwitchoverId
    /// One active or past alarm.
    AlarmId
    /// A question that wants exactly one answer: an operator's command or a component's call.
    RequestId
    /// Position of a log event in the journal; also the resume point of event streams.
    EventSequence
    /// One attempt to bring a package of a plugin into use; unique while a process runs.
    Generation
    /// Fingerprint of what a component was called with.
    InputDigest
    /// Position of a report in one host agent's spool; acknowledged by the control server.
    ReportSequence
}

/// What a component is called with. Its fingerprint is made when it is wanted: calls come by the
/// thousand a second, and it is wanted for those that fail, and while some are put aside.
pub trait Fingerprint {
    /// The fingerprint; equal for equal inputs.
    fn digest(&self) -> InputDigest;
}

impl Fingerprint for InputDigest {
    fn digest(&self) -> InputDigest {
        *self
    }
}
