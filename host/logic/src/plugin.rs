//! The versions of one plugin: which one is in use, and how another one gets there.
//!
//! [`Lifecycle`] is handed what scans of the folder find, how steps of loading end and how calls
//! end; it says which step is next, which version calls go to, and what the log should say. It
//! must not know files, compilers or instances. Reading order: the diagram, [`io`] (what comes in
//! and goes out), [`Lifecycle::handle`], then `loading` (the way of a new version), `exchange`
//! (from one version to another), `orders` (what operators ask for), `health` and `record` (what
//! faults lead to), `notes` (what the log says), [`view`] (what operators see).
//!
//! ```text
//!   scan           read once     approval      machine code    instance, init
//!   Seen -> Settled -> Verified -> Checked -> Compiled -> Linked -> Started
//!     |        |          |        |     ^       |          |        |   |
//!     |        |          |        |     | granted          |        |   +--> Shadow
//!     |        |          |        +-> PendingApproval      |        |          | promoted
//!     v        v          v        v             v          v        v          v
//!   dropped    +----------+--------+--> Rejected <----------+   Probation <-----+
//!                                                                |      |
//!                                             100 calls or 60 s  |      | faults, or slow
//!                             first one, kept copy ----> Active <+      |
//!                                                        |    ^         v
//!                                              exchanged |    |      Draining, denied
//!                                                        v    |swapped  |
//!                                                    Draining | back    v
//!                                                        v    |       Retired
//!                                                     Retired-+
//! ```
//!
//! # Invariants
//!
//! - Nothing that happens to a version on its way takes the active one out of use.
//! - At most one step is under way, and the version that it is for is the newest one seen.
//! - A package that was rejected or denied is not tried again until it changes or an operator
//!   says so.
//! - Calls end on the version they began with. An exclusive plugin changes its version only while
//!   no call is under way.
//! - The version before a probation stays ready until the probation is over; a restart begins
//!   with it.
//! - A plugin's failure leads to nothing here but to refused calls and events.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::ids::{Fingerprint, Generation, InputDigest, PackageDigest};
use crate::time::Instant;

mod exchange;
mod health;
pub mod io;
mod loading;
mod notes;
mod orders;
mod record;
pub mod report;
mod saved;
#[cfg(test)]
mod tests;
pub mod view;

use health::Health;
use io::{
    Admission, CallReport, Difference, Facts, Input, Note, Output, Refusal, Settings, Sight,
    Source, Stage, Step,
};
pub use notes::event;
use record::Record;
pub use saved::{Denied, Saved};

/// Instead of a step, where a package was denied after it had been in use.
const DENIED: &str = "denied";

/// Whether a version may go from one stage to another: the arrows of the diagram.
fn is_transition_valid(from: Stage, to: Stage) -> bool {
    use Stage::*;
    match (from, to) {
        (Seen, Settled)
        | (Settled, Verified)
        | (Verified, Checked | PendingApproval)
        | (PendingApproval, Verified)
        | (Checked, Compiled)
        | (Compiled, Linked)
        | (Linked, Started) => true,
        (Settled | Verified | Checked | PendingApproval | Compiled | Linked, Rejected) => true,
        (Started, Shadow | Probation | Active) => true,
        (Shadow, Probation | Retired) => true,
        (Probation, Active | Draining) => true,
        (Active, Draining) => true,
        (Draining, Retired) => true,
        // Swapped back.
        (Draining | Retired, Active) => true,
        _ => false,
    }
}

/// One version that is on its way, in use, or waited for.
#[derive(Clone, Debug)]
struct Version {
    digest: PackageDigest,
    source: Source,
    stage: Stage,
    facts: Facts,
    /// Calls under way.
    in_flight: u32,
    record: Record,
    /// While it drains: the end of the wait.
    drain_until: Option<Instant>,
}

/// A step under way.
#[derive(Clone, Copy, Debug)]
struct Work {
    generation: Generation,
    step: Step,
    until: Instant,
}

/// What scans found last.
#[derive(Clone, Debug)]
struct Folder {
    sight: Sight,
    since: Instant,
    /// It does not change any more.
    settled: bool,
    /// A scan was asked for and has not come.
    looking: bool,
    /// What is missing was told.
    told: bool,
}

/// A version that runs beside the active one.
#[derive(Clone, Debug)]
struct Shadowed {
    generation: Generation,
    compared: u64,
    differed: u64,
    differences: VecDeque<Difference>,
    /// An operator wants it in use.
    promoted: bool,
}

/// The time in which a new version is watched.
#[derive(Clone, Debug)]
struct Probation {
    /// The version to go back to.
    fallback: Generation,
    until: Instant,
    /// Inputs that ended instances of the version before, too.
    aside_before: Vec<InputDigest>,
}

/// A version before the active one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Previous {
    digest: PackageDigest,
    /// Not known after a restart until it is loaded.
    facts: Option<Facts>,
}

/// A version that was refused.
#[derive(Clone, Debug)]
struct Rejection {
    digest: PackageDigest,
    facts: Facts,
    step: &'static str,
    reason: Arc<str>,
    source: Source,
}

impl Version {
    /// It is in use, on its way there, or ready to be used again. One that only waits for its
    /// last calls is not.
    fn is_of_use(&self) -> bool {
        !matches!(self.stage, Stage::Draining | Stage::Retired | Stage::Rejected)
    }
}

/// The versions of one plugin.
#[derive(Debug)]
pub struct Lifecycle {
    settings: Settings,
    folder: Option<Folder>,
    versions: BTreeMap<Generation, Version>,
    newest: Generation,
    active: Option<Generation>,
    /// The version on its way.
    candidate: Option<Generation>,
    work: Option<Work>,
    probation: Option<Probation>,
    /// Why the version on probation is to go, as soon as it may.
    going_back: Option<Arc<str>>,
    shadowed: Option<Shadowed>,
    shadow_wanted: bool,
    /// The version to begin with, until it was tried.
    begin_with: Option<PackageDigest>,
    previous: Vec<Previous>,
    denied: Vec<Denied>,
    rejected: VecDeque<Rejection>,
    health: Health,
    used_by: Arc<str>,
    outputs: VecDeque<Output>,
    /// The time of the last input.
    now: Instant,
}

impl Lifecycle {
    /// A plugin of which nothing is loaded; `saved` is what an earlier process left.
    pub fn new(settings: Settings, saved: Saved, now: Instant) -> Self {
        let previous = saved.previous.into_iter();
        Self {
            settings,
            folder: None,
            versions: BTreeMap::new(),
            newest: Generation::default(),
            active: None,
            candidate: None,
            work: None,
            probation: None,
            going_back: None,
            shadowed: None,
            shadow_wanted: saved.shadow,
            begin_with: saved.active,
            previous: previous.map(|digest| Previous { digest, facts: None }).collect(),
            denied: saved.denied,
            rejected: VecDeque::new(),
            health: Health::default(),
            used_by: Arc::default(),
            outputs: VecDeque::new(),
            now,
        }
    }

    /// Goes by other rules from now on, when the kind of the plugin is known.
    pub fn set_settings(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Instant, input: Input) {
        self.now = now;
        match input {
            Input::Tick => {}
            Input::Scanned(sight) => self.scanned(sight),
            Input::Done { generation, step, result } => self.done(generation, step, result),
            Input::CallEnded { generation, input, report, jitter } => {
                self.call_ended((generation, input), &report, jitter);
            }
            Input::Compared { generation, difference } => self.compared(generation, difference),
            Input::GrantsChanged => self.ask_again(),
            Input::UsedBy(text) => self.used_by = text,
        }
        self.decide();
    }

    /// Lets a call in, or says why not. Answered by one [`Input::CallEnded`].
    ///
    /// # Errors
    /// Why the call must not be made now.
    pub fn begin_call(
        &mut self,
        now: Instant,
        input: &impl Fingerprint,
    ) -> Result<Admission, Refusal> {
        self.now = now;
        let Some(generation) = self.active else { return Err(Refusal::NotLoaded(self.why_not())) };
        if self.settings.put_off {
            self.health.admit(now, input)?;
        }
        if let Some(version) = self.versions.get_mut(&generation) {
            version.in_flight = version.in_flight.saturating_add(1);
        }
        let shadow = self.shadowed.as_ref().map(|shadowed| shadowed.generation);
        Ok(Admission { generation, shadow })
    }

    /// Counts a call that was answered by the version in use, where nothing follows from its end
    /// because no other version is on its way, in shadow or waited for. False: it was not counted,
    /// and is to be told as [`Input::CallEnded`].
    pub fn note_answered(&mut self, generation: Generation, report: &CallReport) -> bool {
        let waits = self.candidate.is_some() || self.probation.is_some() || self.shadowed.is_some();
        if waits || self.active != Some(generation) || report.is_fault() {
            return false;
        }
        let Some(version) = self.versions.get_mut(&generation) else { return false };
        version.in_flight = version.in_flight.saturating_sub(1);
        version.record.add(report);
        true
    }

    /// The next output, in the order in which they are to be carried out.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When the next `Tick` is due.
    pub fn deadline(&self) -> Option<Instant> {
        let folder = self.folder.as_ref().filter(|folder| !folder.settled && !folder.looking);
        let settled = folder.map(|folder| folder.since + loading::settle_time(&folder.sight));
        let work = self.work.map(|work| work.until);
        // One that is to end waits for calls, not for time.
        let watched = self.probation.as_ref().filter(|_| self.going_back.is_none());
        let probation = watched.map(|probation| probation.until);
        let draining = self.versions.values().filter_map(|version| version.drain_until).min();
        [settled, work, probation, draining].into_iter().flatten().min()
    }

    /// What must outlive the process.
    pub fn saved(&self) -> Saved {
        let trusted = self.probation.as_ref().map(|probation| probation.fallback);
        let active = trusted.or(self.active).and_then(|it| self.versions.get(&it));
        let active = active.map(|version| version.digest.clone());
        Saved {
            active: active.or_else(|| self.begin_with.clone()),
            previous: self.previous.iter().map(|previous| previous.digest.clone()).collect(),
            denied: self.denied.clone(),
            shadow: self.shadow_wanted,
        }
    }

    /// Packages whose copies are still of use.
    pub fn keeps(&self) -> impl Iterator<Item = &PackageDigest> {
        let live = self.versions.values().map(|version| &version.digest);
        let previous = self.previous.iter().map(|previous| &previous.digest);
        live.chain(previous).chain(&self.begin_with)
    }

    /// The version that new calls go to.
    pub fn active(&self) -> Option<Generation> {
        self.active
    }

    /// Whether nothing is being loaded. What waits for a grant, or for files that still change, may
    /// wait for ever.
    pub fn is_idle(&self) -> bool {
        let waits =
            |version: &Version| matches!(version.stage, Stage::Seen | Stage::PendingApproval);
        let candidate = self.candidate.and_then(|candidate| self.versions.get(&candidate));
        self.work.is_none() && candidate.is_none_or(waits)
    }

    /// Looks at the facts and does what follows from them, until nothing more does.
    fn decide(&mut self) {
        self.expire();
        self.miss();
        // Each turn uses up a fact; more turns than stages would be a defect, not work.
        for _ in 0..16 {
            if !self.advance() {
                break;
            }
        }
        self.retire();
    }

    /// Deadlines that have passed.
    fn expire(&mut self) {
        if let Some(work) = self.work.filter(|work| self.now >= work.until) {
            self.work = None;
            let limit = loading::timeout(work.step);
            let reason = format!("it took longer than {} s", limit.as_secs());
            self.reject(work.generation, work.step, reason.into());
        }
        let over = |probation: &Probation| self.now >= probation.until;
        if self.going_back.is_none() && self.probation.as_ref().is_some_and(over) {
            self.confirm();
        }
        if let Some(folder) = &mut self.folder
            && !folder.settled
            && !folder.looking
            && self.now >= folder.since + loading::settle_time(&folder.sight)
        {
            folder.looking = true;
            self.outputs.push_back(Output::Look);
        }
    }

    fn call_ended(
        &mut self,
        (generation, input): (Generation, InputDigest),
        report: &CallReport,
        jitter: u16,
    ) {
        let Some(version) = self.versions.get_mut(&generation) else { return };
        version.in_flight = version.in_flight.saturating_sub(1);
        version.record.add(report);
        if self.active != Some(generation) {
            return;
        }
        if report.is_fault() && self.watch_fault(generation, input) {
            let note = self.health.fault(self.now, input, jitter);
            if let Some(Note::PutAside(_)) = note
                && let Some(version) = self.versions.get_mut(&generation)
            {
                version.record.excuse();
            }
            let note = note.and_then(|note| self.as_told(note));
            self.outputs.extend(note.map(Output::Note));
        }
        self.watch(generation);
    }

    /// What is said of failing where calls are not refused because of it.
    fn as_told(&self, note: Note) -> Option<Note> {
        match note {
            note if self.settings.put_off => Some(note),
            Note::Resting { rests: 1, .. } => Some(Note::KeepsFailing { for_long: false }),
            Note::Quarantined { .. } => Some(Note::KeepsFailing { for_long: true }),
            _ => None,
        }
    }

    /// Why there is no version in use, as the end of a sentence.
    fn why_not(&self) -> Arc<str> {
        let pending = self.candidate.and_then(|it| self.versions.get(&it));
        if let Some(version) = pending {
            return format!(": version {} is {}", version.facts.version, version.stage.word())
                .into();
        }
        match self.rejected.back() {
            Some(rejection) => format!(": {}", rejection.reason).into(),
            None => Arc::default(),
        }
    }

    fn enter(&mut self, generation: Generation, stage: Stage) {
        let Some(version) = self.versions.get_mut(&generation) else { return };
        debug_assert!(
            is_transition_valid(version.stage, stage),
            "{stage:?} can not follow {:?}",
            version.stage
        );
        version.stage = stage;
    }

    fn facts(&self, generation: Generation) -> Facts {
        self.versions.get(&generation).map(|version| version.facts.clone()).unwrap_or_default()
    }

    fn note(&mut self, note: Note) {
        self.outputs.push_back(Output::Note(note));
    }

    fn save(&mut self) {
        self.outputs.push_back(Output::Save);
    }
}
