//! Plugins as operators see them.

use std::sync::{Arc, PoisonError};

use takeover_logic::ids::PluginName;
use takeover_logic::plugin::view::{RejectedView, VersionView, View};

use super::slot::{Slot, State};
use super::{NotDone, Plugins};
use crate::api::types::{
    CallCounts, PluginVersion, PluginView, PluginsBody, PreviousVersion, RejectedPlugin,
    RejectedVersion, ShadowBody, ShadowDifference,
};

impl Plugins {
    /// Every plugin of this process, those without a version in use or on its way included.
    pub(crate) fn views(&self) -> Vec<PluginView> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.values().map(|slot| self.view_of(slot)).collect()
    }

    /// One plugin, with or without a version in use.
    pub(crate) fn view(&self, name: &str) -> Option<PluginView> {
        Some(self.view_of(&*self.slot(name)?))
    }

    /// What the version in shadow does differently.
    pub(crate) fn shadow(&self, name: &str) -> Result<ShadowBody, NotDone> {
        let slot = self.slot(name).ok_or_else(|| NotDone::Unknown(name.to_owned()))?;
        let view = slot.lock().machine.view(self.clock.instant());
        let version = |view: &VersionView| view.facts.version.to_string();
        let mut body = ShadowBody {
            on: view.shadow,
            active: view.active.as_ref().map(version).unwrap_or_default(),
            ..ShadowBody::default()
        };
        if let Some(shadowed) = view.shadowed {
            let of = |other: &&VersionView| other.generation == shadowed.generation;
            body.shadow = view.others.iter().find(of).map(version);
            (body.compared, body.differed) = (shadowed.compared, shadowed.differed);
            body.differences = shadowed
                .differences
                .iter()
                .map(|difference| ShadowDifference {
                    input: format!("{:016x}", difference.input.0),
                    active: difference.active.to_string(),
                    shadow: difference.shadow.to_string(),
                })
                .collect();
        }
        Ok(body)
    }

    fn view_of(&self, slot: &Slot) -> PluginView {
        let active = slot.active.load_full();
        let kind = active.as_ref().map(|plugin| plugin.manifest.kind.to_string());
        let policy = active.as_ref().and_then(|plugin| plugin.manifest.policy.as_ref());
        let file = policy.map(|policy| self.folders.policies.join(&*policy.file));
        let uses = self.uses.load();
        let used_by = uses.get(&slot.name).map(Vec::as_slice).unwrap_or_default();
        let used_by = used_by.iter().map(|it| it.what.to_string()).collect();
        let state = slot.lock();
        let View { active, others, previous, rejected, closed, inputs_aside, shadow, .. } =
            state.machine.view(self.clock.instant());
        let calls = active.as_ref().map(|it| counts(&state, it)).unwrap_or_default();
        let shown = active.as_ref().or(others.last()).map(|it| it.stage.word());
        let facts = active.as_ref().map(|it| it.facts.clone()).unwrap_or_default();
        let not_primary = slot.active.load().as_ref().map(|plugin| plugin.not_primary());
        let settings_waiting = match &*slot.active.load() {
            Some(plugin) => state.held.waiting(plugin),
            None => Vec::new(),
        };
        let waiting = slot.active.load().as_ref().map(|plugin| plugin.waiting());
        PluginView {
            name: PluginName::from(&*slot.name),
            host: self.host.clone(),
            reloads: state.reloads,
            in_flight: active.as_ref().map(|it| it.in_flight).unwrap_or_default(),
            waiting: waiting.unwrap_or_default(),
            settings_waiting,
            refused: state.refused,
            not_primary: not_primary.unwrap_or_default(),
            version: facts.version.to_string(),
            kind: kind.unwrap_or_default(),
            policy_file: file.map(|file| file.display().to_string()),
            sha256: facts.sha256.to_string(),
            state: shown.unwrap_or("rejected").to_owned(),
            generation: active.map(|it| it.generation.0).unwrap_or_default(),
            closed: closed.map(|why| why.to_string()),
            inputs_aside,
            shadow,
            used_by,
            calls,
            others: others.iter().map(|it| version(&state, it)).collect(),
            previous: previous
                .into_iter()
                .map(|(package, facts)| {
                    let facts = facts.unwrap_or_default();
                    PreviousVersion {
                        package: package.to_string(),
                        version: facts.version.to_string(),
                        sha256: facts.sha256.to_string(),
                    }
                })
                .collect(),
            rejected: rejected.into_iter().map(rejected_version).collect(),
        }
    }
}

impl PluginsBody {
    /// Puts plugins of one process together with those before.
    pub(crate) fn add(&mut self, views: impl IntoIterator<Item = PluginView>) {
        for view in views {
            if let Some(last) = view.rejected.last() {
                let (host, folder) = (view.host.clone(), view.name.to_string());
                let reason = format!("{}: {}", last.step, last.reason);
                self.rejected.push(RejectedPlugin { host, folder, reason });
            }
            if !view.version.is_empty() || !view.others.is_empty() {
                self.plugins.push(view);
            }
        }
    }
}

fn counts(state: &State, version: &VersionView) -> CallCounts {
    state.loads.get(&version.generation).map(|load| load.counters.view()).unwrap_or_default()
}

fn version(state: &State, view: &VersionView) -> PluginVersion {
    PluginVersion {
        generation: view.generation.0,
        version: view.facts.version.to_string(),
        sha256: view.facts.sha256.to_string(),
        state: view.stage.word().to_owned(),
        in_flight: view.in_flight,
        calls: counts(state, view),
    }
}

fn rejected_version(rejected: RejectedView) -> RejectedVersion {
    RejectedVersion {
        package: rejected.digest.to_string(),
        version: rejected.facts.version.to_string(),
        step: rejected.step.to_owned(),
        reason: Arc::clone(&rejected.reason).to_string(),
    }
}
