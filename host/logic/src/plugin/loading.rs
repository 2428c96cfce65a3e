//! The way of a new version: from a scan that finds it to an initialized instance.

use std::sync::Arc;
use std::time::Duration;

use super::io::{Facts, Note, Output, Sight, Source, Stage, Step, StepResult};
use super::record::Record;
use super::{DENIED, Folder, Lifecycle, Rejection, Version, Work};
use crate::ids::{Generation, PackageDigest};
use crate::limits::{
    PLUGIN_COMPILE_TIMEOUT, PLUGIN_DENIED_MAX, PLUGIN_GONE_SETTLE, PLUGIN_SETTLE,
    PLUGIN_STEP_TIMEOUT,
};

/// How long a sight must stay the same.
pub(super) fn settle_time(sight: &Sight) -> Duration {
    match sight {
        Sight::Gone | Sight::ComponentMissing => PLUGIN_GONE_SETTLE,
        Sight::Package { .. } => PLUGIN_SETTLE,
    }
}

/// How long a step may take.
pub(super) fn timeout(step: Step) -> Duration {
    match step {
        Step::Compile => PLUGIN_COMPILE_TIMEOUT,
        _ => PLUGIN_STEP_TIMEOUT,
    }
}

impl Lifecycle {
    /// A component that fits its manifest is taken at once: the manifest comes last. Everything
    /// else may be half copied.
    pub(super) fn scanned(&mut self, sight: Sight) {
        let now = self.now;
        match &mut self.folder {
            Some(folder) if folder.sight == sight => {
                folder.looking = false;
                folder.settled |= now.since(folder.since) >= settle_time(&sight);
            }
            _ => {
                // What could not be read may be readable now.
                self.rejected.retain(|rejection| rejection.step != Step::Verify.word());
                let settled = matches!(sight, Sight::Package { whole: true, .. });
                let (since, looking, told) = (now, false, false);
                self.folder = Some(Folder { sight, since, settled, looking, told });
            }
        }
    }

    /// What is not there any more, once it is sure.
    pub(super) fn miss(&mut self) {
        let Some(folder) = self.folder.as_mut().filter(|it| it.settled && !it.told) else {
            return;
        };
        match folder.sight {
            Sight::Package { .. } => {}
            Sight::ComponentMissing => {
                folder.told = true;
                self.note(Note::ComponentMissing);
            }
            Sight::Gone => {
                folder.told = true;
                self.unload();
            }
        }
    }

    /// The package that the folder holds, and whether it stays as it is.
    pub(super) fn in_folder(&self) -> Option<(&PackageDigest, bool)> {
        match self.folder.as_ref()? {
            Folder { sight: Sight::Package { digest, .. }, settled, .. } => {
                Some((digest, *settled))
            }
            _ => None,
        }
    }

    /// One move forward; whether there was one.
    pub(super) fn advance(&mut self) -> bool {
        if self.exchange() {
            return true;
        }
        if self.work.is_some() {
            return false;
        }
        match self.candidate {
            None => self.find_candidate(),
            Some(generation) if self.is_superseded(generation) => {
                self.drop_candidate();
                self.note(Note::Superseded(generation));
                true
            }
            Some(generation) => self.lead(generation),
        }
    }

    /// What the folder holds now is something else.
    fn is_superseded(&self, generation: Generation) -> bool {
        let Some(version) = self.versions.get(&generation) else { return true };
        let other = |(digest, _): (&PackageDigest, bool)| *digest != version.digest;
        version.source == Source::Folder && self.in_folder().is_some_and(other)
    }

    pub(super) fn drop_candidate(&mut self) {
        if let Some(generation) = self.candidate.take() {
            self.versions.remove(&generation);
            self.outputs.push_back(Output::Retire(generation));
        }
    }

    /// Chooses a version to load: first the one that is known to work, then what is new.
    fn find_candidate(&mut self) -> bool {
        let Some(folder) = &self.folder else { return false };
        let in_folder = match &folder.sight {
            Sight::Gone => return false,
            Sight::ComponentMissing => None,
            Sight::Package { digest, .. } => Some(digest.clone()),
        };
        if let Some(known) = self.begin_with.take() {
            let source =
                if Some(&known) == in_folder.as_ref() { Source::Folder } else { Source::Kept };
            self.take_up(known, source);
            return true;
        }
        let Some(digest) = in_folder else { return false };
        let in_use = |version: &Version| version.digest == digest && version.is_of_use();
        let refused = |rejection: &Rejection| {
            rejection.digest == digest && rejection.source == Source::Folder
        };
        if self.versions.values().any(in_use) || self.rejected.iter().any(refused) {
            return false;
        }
        match self.denied.iter().find(|denied| denied.digest == digest) {
            // A restart brings it up again; it is told once.
            Some(denied) => {
                let (step, reason) = (DENIED, Arc::clone(&denied.reason));
                let (facts, source) = (Facts::default(), Source::Folder);
                self.note_rejection(step, &reason);
                self.remember(Rejection { digest, facts, step, reason, source });
            }
            None => {
                let generation = self.take_up(digest.clone(), Source::Folder);
                self.note(Note::Seen(generation, digest));
            }
        }
        true
    }

    /// Makes a package the version on its way.
    pub(super) fn take_up(&mut self, digest: PackageDigest, source: Source) -> Generation {
        self.newest = self.newest.next();
        let stage = Stage::Seen;
        let version = Version {
            digest,
            source,
            stage,
            facts: Default::default(),
            in_flight: 0,
            record: Record::default(),
            drain_until: None,
        };
        self.versions.insert(self.newest, version);
        self.candidate = Some(self.newest);
        self.newest
    }

    /// The next move of the version on its way.
    fn lead(&mut self, generation: Generation) -> bool {
        let Some(version) = self.versions.get(&generation) else { return false };
        let step = match version.stage {
            Stage::Seen => {
                let settled = self.in_folder().is_some_and(|(_, settled)| settled);
                if version.source == Source::Folder && !settled {
                    return false;
                }
                self.enter(generation, Stage::Settled);
                self.note(Note::Advanced(generation, Stage::Settled));
                return true;
            }
            Stage::Settled => Step::Verify,
            Stage::Verified => Step::Check,
            Stage::Checked => Step::Compile,
            Stage::Compiled => Step::Link,
            Stage::Linked => Step::Start,
            Stage::Started => return self.place(generation),
            _ => return false,
        };
        let (digest, source) = (version.digest.clone(), version.source);
        let until = self.now + timeout(step);
        self.work = Some(Work { generation, step, until });
        self.outputs.push_back(Output::Do { generation, step, digest, source });
        true
    }

    /// A step ended. One that was given up is not listened to.
    pub(super) fn done(&mut self, generation: Generation, step: Step, result: StepResult) {
        let awaited = |work: Work| (work.generation, work.step) == (generation, step);
        if !self.work.is_some_and(awaited) {
            return;
        }
        self.work = None;
        let stage = match (step, result) {
            (_, StepResult::Failed(reason)) => {
                return self.reject(generation, step, reason);
            }
            (Step::Check, StepResult::Missing(missing)) => {
                self.enter(generation, Stage::PendingApproval);
                let version = self.facts(generation);
                return self.note(Note::Pending { version, missing });
            }
            (Step::Verify, StepResult::Verified(facts)) => {
                if let Some(version) = self.versions.get_mut(&generation) {
                    version.facts = facts;
                }
                Stage::Verified
            }
            (Step::Verify, _) => Stage::Verified,
            (Step::Check, _) => Stage::Checked,
            (Step::Compile, _) => Stage::Compiled,
            (Step::Link, _) => Stage::Linked,
            (Step::Start, _) => Stage::Started,
        };
        self.enter(generation, stage);
        self.note(Note::Advanced(generation, stage));
    }

    /// The version on its way is refused; the active one is not touched.
    pub(super) fn reject(&mut self, generation: Generation, step: Step, reason: Arc<str>) {
        let Some(version) = self.versions.get(&generation) else { return };
        let rejection = Rejection {
            digest: version.digest.clone(),
            facts: version.facts.clone(),
            step: step.word(),
            reason,
            source: version.source,
        };
        self.enter(generation, Stage::Rejected);
        if self.candidate == Some(generation) {
            self.drop_candidate();
        }
        if rejection.source == Source::Kept {
            self.previous.retain(|previous| previous.digest != rejection.digest);
        }
        self.note_rejection(rejection.step, &rejection.reason);
        self.remember(rejection);
        self.save();
    }

    fn note_rejection(&mut self, step: &'static str, reason: &Arc<str>) {
        let active = self.active.map(|active| self.facts(active));
        self.note(Note::Rejected { step, reason: Arc::clone(reason), active });
    }

    /// What is refused is not tried again until it changes.
    pub(super) fn remember(&mut self, rejection: Rejection) {
        if self.rejected.len() == PLUGIN_DENIED_MAX {
            self.rejected.pop_front();
        }
        self.rejected.push_back(rejection);
    }

    /// The operator's grants changed: a version that waits for them is looked at again.
    pub(super) fn ask_again(&mut self) {
        if let Some(generation) = self.candidate
            && self.versions.get(&generation).is_some_and(|it| it.stage == Stage::PendingApproval)
        {
            self.enter(generation, Stage::Verified);
        }
    }
}
