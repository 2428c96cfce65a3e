//! What operators ask for. Each is carried out at once or refused with a sentence; what takes time
//! is told by events.

use std::sync::Arc;

use super::health::Health;
use super::io::{Action, Note, Output, Source};
use super::{DENIED, Lifecycle};
use crate::ids::PackageDigest;
use crate::time::Instant;

impl Lifecycle {
    /// Does what an operator asks for; a sentence that says what is done.
    ///
    /// # Errors
    /// A sentence that says why it can not be done now; nothing was changed.
    pub fn operate(&mut self, now: Instant, action: Action) -> Result<Arc<str>, Arc<str>> {
        self.now = now;
        let done = match action {
            Action::Rollback => self.roll_back(),
            Action::Promote => self.promote(),
            Action::ShadowOn => self.shadow_on(),
            Action::ShadowOff => self.shadow_off(),
            Action::Release => self.release(),
            Action::Reload => Ok(self.reload()),
        }?;
        self.decide();
        Ok(done.into())
    }

    fn roll_back(&mut self) -> Result<String, Arc<str>> {
        if let Some(probation) = &self.probation {
            let version = self.facts(probation.fallback).version;
            self.going_back = Some("an operator rolled it back".into());
            return Ok(format!("version {version} is used again"));
        }
        let Some(previous) = self.previous.first() else {
            return Err("there is no earlier version that could be used".into());
        };
        let digest = previous.digest.clone();
        // The answer to a step under way will not be listened to.
        self.work = None;
        self.drop_candidate();
        let told = match previous_version(self, &digest) {
            Some(version) => format!("version {version} is being loaded"),
            None => format!("the version before is being loaded, package {digest}"),
        };
        self.take_up(digest, Source::Kept);
        Ok(told)
    }

    fn promote(&mut self) -> Result<String, Arc<str>> {
        if let Some(shadowed) = &mut self.shadowed {
            shadowed.promoted = true;
            let generation = shadowed.generation;
            let version = self.facts(generation).version;
            return Ok(format!("version {version} is used from now on, on probation"));
        }
        match self.active {
            Some(active) if self.probation.is_some() && self.going_back.is_none() => {
                self.confirm();
                Ok(format!("the probation of version {} is over", self.facts(active).version))
            }
            _ => Err("no version runs in shadow or on probation".into()),
        }
    }

    fn shadow_on(&mut self) -> Result<String, Arc<str>> {
        if self.shadow_wanted {
            return Err("shadow is on already".into());
        }
        self.shadow_wanted = true;
        self.save();
        Ok("the next version will run in shadow of the present one".to_owned())
    }

    fn shadow_off(&mut self) -> Result<String, Arc<str>> {
        if !self.shadow_wanted && self.shadowed.is_none() {
            return Err("shadow is off already".into());
        }
        self.shadow_wanted = false;
        let told = match self.end_shadow() {
            Some(digest) => {
                // It is no longer among the versions, so its component is not shown.
                self.deny(digest, "its shadow run was ended by an operator".into());
                "the shadowed version is given up; the next version is used on probation"
            }
            None => "the next version is used on probation",
        };
        self.save();
        Ok(told.to_owned())
    }

    fn release(&mut self) -> Result<String, Arc<str>> {
        let closed = self.health.is_quarantined() || self.health.rests_until(self.now).is_some();
        if !closed && self.health.aside().next().is_none() && self.denied.is_empty() {
            return Err("nothing is in quarantine, put aside or denied".into());
        }
        self.health = Health::default();
        let denied = self.denied.len();
        self.denied.clear();
        self.rejected.retain(|rejection| rejection.step != DENIED);
        self.note(Note::Released);
        self.save();
        Ok(format!("calls are let in again; {denied} denied packages may be tried again"))
    }

    fn reload(&mut self) -> String {
        self.rejected.retain(|rejection| rejection.step == DENIED);
        self.ask_again();
        self.outputs.push_back(Output::Look);
        "the folder is looked at again".to_owned()
    }
}

/// The version of a package that was in use before, where this process knows it.
fn previous_version(machine: &Lifecycle, digest: &PackageDigest) -> Option<Arc<str>> {
    let previous = machine.previous.iter().find(|previous| previous.digest == *digest)?;
    Some(previous.facts.as_ref()?.version.clone())
}
