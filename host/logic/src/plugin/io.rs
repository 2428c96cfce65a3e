//! What comes into the machine of a plugin and what goes out of it, as plain values.

use std::sync::Arc;
use std::time::Duration;

use crate::ids::{Generation, InputDigest, PackageDigest};

/// What differs between kinds of plugins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// A version is exchanged only while no call is under way (VIP backends).
    pub exclusive: bool,
    /// Calls are refused while the plugin rests or is in quarantine. Not for VIP backends: an
    /// address that is not moved is an outage for certain, a call that may fail is not.
    pub put_off: bool,
}

/// What a scan of the folder found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// No folder.
    Gone,
    /// A manifest without its component.
    ComponentMissing,
    /// Something to load.
    Package {
        /// Over everything in it.
        digest: PackageDigest,
        /// The component is the one that the manifest was written for.
        whole: bool,
    },
}

/// Where the bytes of a version come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The plugin's folder.
    Folder,
    /// The copy that was kept when the version was used before.
    Kept,
}

/// A piece of work on the way of a version into use, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Read once, compare with the manifest.
    Verify,
    /// Kind, contract, permissions, settings in use.
    Check,
    /// Make machine code.
    Compile,
    /// Bind imports and exports.
    Link,
    /// Make an instance and initialize it.
    Start,
}

impl Step {
    /// Its word in sentences and in the API.
    pub fn word(self) -> &'static str {
        match self {
            Step::Verify => "verify",
            Step::Check => "check",
            Step::Compile => "compile",
            Step::Link => "link",
            Step::Start => "start",
        }
    }
}

/// Where a version stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// A scan found it.
    Seen,
    /// It does not change any more.
    Settled,
    /// The bytes are those of its manifest.
    Verified,
    /// It is of a kind and asks for nothing that speaks against it.
    Checked,
    /// It asks for more than was granted.
    PendingApproval,
    /// There is machine code.
    Compiled,
    /// Its imports and exports fit.
    Linked,
    /// It was initialized once; the next is its use.
    Started,
    /// It runs beside the active one, without effects.
    Shadow,
    /// In use, and watched.
    Probation,
    /// In use.
    Active,
    /// No longer in use; calls that began with it go on.
    Draining,
    /// Over.
    Retired,
    /// Refused.
    Rejected,
}

impl Stage {
    /// Its word in sentences and in the API.
    pub fn word(self) -> &'static str {
        match self {
            Stage::Seen => "seen",
            Stage::Settled => "settled",
            Stage::Verified => "verified",
            Stage::Checked => "checked",
            Stage::PendingApproval => "pending-approval",
            Stage::Compiled => "compiled",
            Stage::Linked => "linked",
            Stage::Started => "started",
            Stage::Shadow => "shadow",
            Stage::Probation => "probation",
            Stage::Active => "active",
            Stage::Draining => "draining",
            Stage::Retired => "retired",
            Stage::Rejected => "rejected",
        }
    }
}

/// What verifying learned about a version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The version, as its author counts.
    pub version: Arc<str>,
    /// SHA-256 of the component alone, in hexadecimal.
    pub sha256: Arc<str>,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepResult {
    /// It is done.
    Done,
    /// [`Step::Verify`] is done.
    Verified(Facts),
    /// [`Step::Check`] found permissions that are not granted; which.
    Missing(Arc<str>),
    /// It went wrong; why.
    Failed(Arc<str>),
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallEnd {
    /// With an answer; a fault that the component reports is one.
    Answered,
    /// Unreachable code, stack overflow and the like.
    Trap,
    /// The deadline passed.
    Deadline,
    /// More memory, tables or bytes than allowed.
    Limit,
    /// No instance could be made.
    Saturated,
    /// Nobody waited for it any more.
    Dropped,
}

/// How a call ended and what it cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallReport {
    /// How it ended.
    pub end: CallEnd,
    /// From the making of its instance to its end.
    pub instance: Duration,
    /// The part of that in host functions, which is the world's and not the component's.
    pub in_host: Duration,
}

impl CallReport {
    /// The component is to blame. A deadline that passed while the host worked is not its fault.
    pub fn is_fault(&self) -> bool {
        match self.end {
            CallEnd::Trap | CallEnd::Limit => true,
            CallEnd::Deadline => self.own() * 2 > self.instance,
            CallEnd::Answered | CallEnd::Saturated | CallEnd::Dropped => false,
        }
    }

    /// The component's own time.
    pub fn own(&self) -> Duration {
        self.instance.saturating_sub(self.in_host)
    }
}

/// What an operator asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Use the version before the present one.
    Rollback,
    /// Use the shadowed version; or end a probation.
    Promote,
    /// Run the next version beside the present one.
    ShadowOn,
    /// Give up the shadowed version.
    ShadowOff,
    /// End a quarantine or a rest, and allow again what was denied.
    Release,
    /// Look at the folder, and try again what was rejected there.
    Reload,
}

impl Action {
    /// Its word in sentences and in the API.
    pub fn word(self) -> &'static str {
        match self {
            Action::Rollback => "rollback",
            Action::Promote => "promote",
            Action::ShadowOn => "shadow on",
            Action::ShadowOff => "shadow off",
            Action::Release => "release",
            Action::Reload => "reload",
        }
    }
}

/// What the machine is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Time has passed.
    Tick,
    /// The folder was scanned.
    Scanned(Sight),
    /// A step ended.
    Done {
        /// Of which version.
        generation: Generation,
        /// Which.
        step: Step,
        /// How.
        result: StepResult,
    },
    /// A call ended that [`begin_call`](super::Lifecycle::begin_call) let in.
    CallEnded {
        /// The version that it ran on.
        generation: Generation,
        /// What it was called with.
        input: InputDigest,
        /// How it ended.
        report: CallReport,
        /// Random, 0 to 999: how much of the random half of a rest is taken.
        jitter: u16,
    },
    /// A call of the shadowed version ended and was compared.
    Compared {
        /// The shadowed version.
        generation: Generation,
        /// None: it did the same.
        difference: Option<Difference>,
    },
    /// What the operator granted has changed.
    GrantsChanged,
    /// Who uses the plugin, in words; empty: nobody.
    UsedBy(Arc<str>),
}

/// What two versions did differently with the same input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What they were called with.
    pub input: InputDigest,
    /// What the active one did.
    pub active: Arc<str>,
    /// What the shadowed one did.
    pub shadow: Arc<str>,
}

/// What the shell has to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Scan the folder and tell what is there.
    Look,
    /// Do a step, and answer with exactly one [`Input::Done`].
    Do {
        /// For which version.
        generation: Generation,
        /// What.
        step: Step,
        /// Which package.
        digest: PackageDigest,
        /// Where it is.
        source: Source,
    },
    /// New calls go to this version from now on; none: to nobody.
    Activate(Option<Generation>),
    /// Calls are repeated on this version from now on; none: on none.
    Shadow(Option<Generation>),
    /// Nothing uses this version any more.
    Retire(Generation),
    /// What [`saved`](super::Lifecycle::saved) says has changed.
    Save,
    /// Something that operators may want to read.
    Note(Note),
}

/// What happened, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A scan found a version that was not there before.
    Seen(Generation, PackageDigest),
    /// A version got a step further.
    Advanced(Generation, Stage),
    /// A version was given up because the folder holds another one.
    Superseded(Generation),
    /// A version is in use.
    InUse(Facts),
    /// A version is in use and watched, instead of another one.
    Probation {
        /// The new one.
        new: Facts,
        /// The old one.
        old: Facts,
    },
    /// A probation was passed.
    Confirmed {
        /// The version.
        version: Facts,
        /// Calls in that time.
        calls: u64,
    },
    /// A version was refused.
    Rejected {
        /// At which step.
        step: &'static str,
        /// Why.
        reason: Arc<str>,
        /// What is used in spite of it.
        active: Option<Facts>,
    },
    /// A version waits for the operator's grant.
    Pending {
        /// The version.
        version: Facts,
        /// What is not granted.
        missing: Arc<str>,
    },
    /// A version on probation was exchanged for the one before.
    SwappedBack {
        /// The version that failed.
        from: Facts,
        /// The one in use again.
        to: Facts,
        /// Why.
        reason: Arc<str>,
    },
    /// An earlier version is in use because an operator wanted it.
    RolledBack {
        /// The version that was in use.
        from: Facts,
        /// The one in use.
        to: Facts,
    },
    /// A version is no longer used by any call.
    Retired {
        /// The version.
        version: Facts,
        /// Calls that it still had when the wait for them ended.
        left: u32,
    },
    /// The folder is gone; the plugin is unloaded.
    Removed {
        /// Who uses it, in words.
        used_by: Arc<str>,
    },
    /// The component is gone, its manifest is not; the loaded version stays.
    ComponentMissing,
    /// Calls are refused for a while.
    Resting {
        /// How long.
        wait: Duration,
        /// How many rests in a row.
        rests: u32,
    },
    /// Calls are refused until an operator or a new version ends it.
    Quarantined {
        /// Rests in a row.
        rests: u32,
    },
    /// Calls go on although they fail, because nothing could take their place.
    KeepsFailing {
        /// It would be in quarantine by now.
        for_long: bool,
    },
    /// Calls are let in again.
    Released,
    /// One input is refused because it ended instances.
    PutAside(InputDigest),
    /// A version runs beside the active one.
    Shadowed(Facts),
    /// It was given up.
    ShadowEnded(Facts),
    /// Its answers differ, for the first time.
    ShadowDiffers(Difference),
}

/// Why a call is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No version is in use.
    #[error("it is not loaded{0}")]
    NotLoaded(Arc<str>),
    /// It failed too often in a short time.
    #[error("it failed too often and rests for {} ms more", .0.as_millis())]
    Resting(Duration),
    /// It went on failing.
    #[error("it failed too often and is in quarantine until a new version or an operator ends it")]
    Quarantined,
    /// This very input ended its instances.
    #[error("the same call ended its instances before, so it is put aside")]
    PutAside,
}

/// A call that was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// The version that it runs on, to its end.
    pub generation: Generation,
    /// The version that it is to be repeated on, without effects.
    pub shadow: Option<Generation>,
}
