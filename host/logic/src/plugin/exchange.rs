//! From one version to another: into use, on probation, back, out of use.

use std::collections::VecDeque;
use std::sync::Arc;

use super::health::Health;
use super::io::{Difference, Note, Output, Source, Stage};
use super::{DENIED, Denied, Lifecycle, Previous, Probation, Rejection, Shadowed};
use crate::ids::{Generation, InputDigest, PackageDigest};
use crate::limits::{
    PLUGIN_DENIED_MAX, PLUGIN_DRAIN_TIMEOUT, PLUGIN_DRAINING_MAX, PLUGIN_PREVIOUS_MAX,
    PROBATION_CALLS, PROBATION_FAULTS_MAX, PROBATION_TIME, SHADOW_DIFFERENCES_MAX,
};

/// What happens to the version that a new one takes the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It stays ready while the new one is watched.
    Watched,
    /// It is kept for a rollback.
    Trusted,
    /// It is not tried again.
    RolledBack,
}

impl Lifecycle {
    /// Exchanges that were decided and wait for their moment; whether one was made.
    pub(super) fn exchange(&mut self) -> bool {
        if !self.may_exchange() {
            return false;
        }
        if let Some(reason) = self.going_back.take() {
            self.swap_back(reason);
            return true;
        }
        match self.shadowed.take() {
            Some(shadowed) if shadowed.promoted => {
                self.outputs.push_back(Output::Shadow(None));
                self.activate(shadowed.generation, Way::Watched);
                true
            }
            shadowed => {
                self.shadowed = shadowed;
                false
            }
        }
    }

    /// An exclusive plugin waits until no call is under way.
    fn may_exchange(&self) -> bool {
        let active = self.active.and_then(|active| self.versions.get(&active));
        !self.settings.exclusive || active.is_none_or(|version| version.in_flight == 0)
    }

    /// An initialized version goes where it belongs; whether it did.
    pub(super) fn place(&mut self, generation: Generation) -> bool {
        let Some(version) = self.versions.get(&generation) else { return false };
        let kept = version.source == Source::Kept;
        if self.shadow_wanted && self.active.is_some() && !kept {
            self.candidate = None;
            self.shadow(generation);
            return true;
        }
        if !self.may_exchange() {
            return false;
        }
        self.candidate = None;
        match (kept, self.active) {
            (true, Some(_)) => self.activate(generation, Way::RolledBack),
            (false, Some(_)) => self.activate(generation, Way::Watched),
            (_, None) => self.activate(generation, Way::Trusted),
        }
        true
    }

    /// Runs a version beside the active one, instead of an earlier one.
    fn shadow(&mut self, generation: Generation) {
        self.end_shadow();
        self.enter(generation, Stage::Shadow);
        self.shadowed = Some(Shadowed {
            generation,
            compared: 0,
            differed: 0,
            differences: VecDeque::new(),
            promoted: false,
        });
        self.outputs.push_back(Output::Shadow(Some(generation)));
        let facts = self.facts(generation);
        self.note(Note::Shadowed(facts));
    }

    /// Gives up the version that runs beside the active one.
    pub(super) fn end_shadow(&mut self) -> Option<PackageDigest> {
        let shadowed = self.shadowed.take()?;
        self.outputs.push_back(Output::Shadow(None));
        let facts = self.facts(shadowed.generation);
        self.note(Note::ShadowEnded(facts));
        self.enter(shadowed.generation, Stage::Retired);
        let version = self.versions.remove(&shadowed.generation);
        self.outputs.push_back(Output::Retire(shadowed.generation));
        version.map(|version| version.digest)
    }

    /// A call of the shadowed version was compared.
    pub(super) fn compared(&mut self, generation: Generation, difference: Option<Difference>) {
        let Some(shadowed) = &mut self.shadowed else { return };
        if shadowed.generation != generation {
            return;
        }
        shadowed.compared += 1;
        let Some(difference) = difference else { return };
        shadowed.differed += 1;
        if shadowed.differences.len() == SHADOW_DIFFERENCES_MAX {
            shadowed.differences.pop_front();
        }
        shadowed.differences.push_back(difference.clone());
        if shadowed.differed == 1 {
            self.note(Note::ShadowDiffers(difference));
        }
    }

    /// New calls go to this version from now on.
    fn activate(&mut self, generation: Generation, way: Way) {
        let new = self.facts(generation);
        let old = self.active.replace(generation);
        let aside_before = self.health.aside().collect();
        self.health = Health::default();
        self.outputs.push_back(Output::Activate(Some(generation)));
        let watched = way == Way::Watched && old.is_some();
        self.enter(generation, if watched { Stage::Probation } else { Stage::Active });
        self.forget_previous(generation);
        if let Some(old) = old {
            self.drain(old);
        }
        let before = self.probation.take();
        match old {
            Some(old) if watched => {
                // One that was itself on probation is nothing to go back to.
                let fallback = before.map_or(old, |before| before.fallback);
                let until = self.now + PROBATION_TIME;
                self.probation = Some(Probation { fallback, until, aside_before });
                let old = self.facts(fallback);
                self.note(Note::Probation { new, old });
            }
            Some(old) if way == Way::RolledBack => {
                let from = self.facts(old);
                if let Some(version) = self.versions.get(&old) {
                    let digest = version.digest.clone();
                    self.deny(digest, "an operator rolled it back".into());
                }
                self.note(Note::RolledBack { from, to: new });
            }
            _ => {
                if let Some(old) = old {
                    self.keep(old);
                }
                self.note(Note::InUse(new));
            }
        }
        self.save();
    }

    /// The version in use is not one before itself.
    fn forget_previous(&mut self, generation: Generation) {
        if let Some(version) = self.versions.get(&generation) {
            self.previous.retain(|previous| previous.digest != version.digest);
        }
    }

    fn drain(&mut self, generation: Generation) {
        self.enter(generation, Stage::Draining);
        let until = self.now + PLUGIN_DRAIN_TIMEOUT;
        if let Some(version) = self.versions.get_mut(&generation) {
            version.drain_until = Some(until);
        }
    }

    /// Remembers a version for a rollback.
    fn keep(&mut self, generation: Generation) {
        let Some(version) = self.versions.get(&generation) else { return };
        let (digest, facts) = (version.digest.clone(), Some(version.facts.clone()));
        self.previous.retain(|previous| previous.digest != digest);
        self.previous.insert(0, Previous { digest, facts });
        self.previous.truncate(PLUGIN_PREVIOUS_MAX);
    }

    /// Does not try a package again. Told by whoever denies it, so it is not told once more when
    /// the next scan finds it.
    pub(super) fn deny(&mut self, digest: PackageDigest, reason: Arc<str>) {
        let facts = self.versions.values().find(|version| version.digest == digest);
        let facts = facts.map(|version| version.facts.clone()).unwrap_or_default();
        let (step, source) = (DENIED, Source::Folder);
        self.rejected.retain(|rejection| rejection.digest != digest);
        let known = (digest.clone(), Arc::clone(&reason));
        self.remember(Rejection { digest: known.0, facts, step, reason: known.1, source });
        self.denied.retain(|denied| denied.digest != digest);
        if self.denied.len() >= PLUGIN_DENIED_MAX {
            self.denied.remove(0);
        }
        self.denied.push(Denied { digest, reason });
    }

    /// Judges the active version after a call.
    pub(super) fn watch(&mut self, generation: Generation) {
        let Some(probation) = &self.probation else { return };
        if self.going_back.is_some() {
            return;
        }
        let (new, old) = (self.versions.get(&generation), self.versions.get(&probation.fallback));
        let (Some(new), Some(old)) = (new, old) else { return };
        if let Some(reason) = new.record.verdict(&old.record) {
            self.going_back = Some(reason.into());
        } else if new.record.calls >= PROBATION_CALLS {
            self.confirm();
        }
    }

    /// A fault of the active version; whether its health has to do with it. On probation the
    /// version is what changed, so it is blamed and not its input, unless the input ended
    /// instances of the version before, too.
    pub(super) fn watch_fault(&mut self, generation: Generation, input: InputDigest) -> bool {
        let Some(probation) = &self.probation else { return true };
        let Some(version) = self.versions.get_mut(&generation) else { return false };
        if probation.aside_before.contains(&input) {
            version.record.excuse();
            if !self.health.is_aside(input) {
                self.health.put_aside(input);
                self.note(Note::PutAside(input));
            }
            return false;
        }
        // The version before is no better, or this one would be on its way out.
        version.record.faults > PROBATION_FAULTS_MAX
    }

    /// The version on probation is trusted from now on.
    pub(super) fn confirm(&mut self) {
        let (Some(probation), Some(active)) = (self.probation.take(), self.active) else { return };
        self.enter(active, Stage::Active);
        self.keep(probation.fallback);
        self.forget_previous(active);
        let calls = self.versions.get(&active).map_or(0, |version| version.record.calls);
        let version = self.facts(active);
        self.note(Note::Confirmed { version, calls });
        self.save();
    }

    /// The version before the probation is used again; the other one is not tried again.
    fn swap_back(&mut self, reason: Arc<str>) {
        let (Some(probation), Some(failed)) = (self.probation.take(), self.active) else { return };
        let (from, to) = (self.facts(failed), self.facts(probation.fallback));
        if let Some(version) = self.versions.get(&failed) {
            let digest = version.digest.clone();
            self.deny(digest, Arc::clone(&reason));
        }
        self.active = Some(probation.fallback);
        self.health = Health::default();
        for input in probation.aside_before {
            self.health.put_aside(input);
        }
        self.outputs.push_back(Output::Activate(self.active));
        self.enter(probation.fallback, Stage::Active);
        if let Some(version) = self.versions.get_mut(&probation.fallback) {
            version.drain_until = None;
        }
        self.drain(failed);
        self.note(Note::SwappedBack { from, to, reason });
        self.save();
    }

    /// The folder is gone: nobody is called any more. Kept copies stay, for a rollback.
    pub(super) fn unload(&mut self) {
        self.work = None;
        self.drop_candidate();
        self.end_shadow();
        self.rejected.clear();
        self.going_back = None;
        if let Some(probation) = self.probation.take() {
            self.keep(probation.fallback);
        }
        let known = self.begin_with.take();
        if let Some(active) = self.active.take() {
            self.keep(active);
            self.outputs.push_back(Output::Activate(None));
            self.drain(active);
        } else if let Some(digest) = known {
            self.previous.retain(|previous| previous.digest != digest);
            self.previous.insert(0, Previous { digest, facts: None });
            self.previous.truncate(PLUGIN_PREVIOUS_MAX);
        } else {
            return;
        }
        let used_by = Arc::clone(&self.used_by);
        self.note(Note::Removed { used_by });
        self.save();
    }

    /// Versions whose last call has ended, or was waited for long enough.
    pub(super) fn retire(&mut self) {
        let fallback = self.probation.as_ref().map(|probation| probation.fallback);
        let draining = self.versions.iter().filter(|(_, it)| it.stage == Stage::Draining);
        let draining: Vec<Generation> = draining.map(|(generation, _)| *generation).collect();
        let excess = draining.len().saturating_sub(PLUGIN_DRAINING_MAX);
        for (place, generation) in draining.into_iter().enumerate() {
            let Some(version) = self.versions.get_mut(&generation) else { continue };
            let overdue = version.drain_until.is_none_or(|until| self.now >= until);
            if version.in_flight > 0 && !overdue && place >= excess {
                continue;
            }
            let left = version.in_flight;
            version.drain_until = None;
            let version = version.facts.clone();
            self.enter(generation, Stage::Retired);
            self.note(Note::Retired { version, left });
        }
        let over: Vec<Generation> = self
            .versions
            .iter()
            .filter(|(it, version)| version.stage == Stage::Retired && Some(**it) != fallback)
            .map(|(generation, _)| *generation)
            .collect();
        for generation in over {
            self.versions.remove(&generation);
            self.outputs.push_back(Output::Retire(generation));
        }
    }
}
