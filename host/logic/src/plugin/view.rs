//! What operators see of a plugin's versions, as plain values.

use std::sync::Arc;

use super::io::{Difference, Facts, Stage};
use super::{Lifecycle, Rejection};
use crate::ids::{Generation, PackageDigest};
use crate::time::Instant;

/// Everything about the versions of a plugin, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The version in use.
    pub active: Option<VersionView>,
    /// Versions on their way, in shadow, or waited for; oldest first.
    pub others: Vec<VersionView>,
    /// Versions that were used before, newest first.
    pub previous: Vec<(PackageDigest, Option<Facts>)>,
    /// Versions that were refused, oldest first.
    pub rejected: Vec<RejectedView>,
    /// Calls are refused, and why.
    pub closed: Option<Arc<str>>,
    /// Inputs that are put aside.
    pub inputs_aside: usize,
    /// The next version is to run beside the active one.
    pub shadow: bool,
    /// What became of the one that does.
    pub shadowed: Option<ShadowView>,
}

/// One version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionView {
    /// Its number in this process.
    pub generation: Generation,
    /// Its package.
    pub digest: PackageDigest,
    /// Its version and component, once it is verified.
    pub facts: Facts,
    /// Where it stands.
    pub stage: Stage,
    /// Calls that ended on it, and those that were its fault.
    pub calls: u64,
    /// See `calls`.
    pub faults: u64,
    /// Calls under way on it.
    pub in_flight: u32,
}

/// A version that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedView {
    /// Its package.
    pub digest: PackageDigest,
    /// Its version and component, where it got so far.
    pub facts: Facts,
    /// The step that it failed at, or `denied`.
    pub step: &'static str,
    /// Why.
    pub reason: Arc<str>,
}

/// A version that runs beside the active one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowView {
    /// Which.
    pub generation: Generation,
    /// Calls that were compared.
    pub compared: u64,
    /// Calls that differed.
    pub differed: u64,
    /// The last of those, oldest first.
    pub differences: Vec<Difference>,
}

impl Lifecycle {
    /// Everything about the versions, at this moment.
    pub fn view(&self, now: Instant) -> View {
        let shown = |generation: &Generation| {
            let version = self.versions.get(generation)?;
            Some(VersionView {
                generation: *generation,
                digest: version.digest.clone(),
                facts: version.facts.clone(),
                stage: version.stage,
                calls: version.record.calls,
                faults: version.record.faults,
                in_flight: version.in_flight,
            })
        };
        let others = self.versions.keys().filter(|it| Some(**it) != self.active);
        let closed = if !self.settings.put_off {
            None
        } else if self.health.is_quarantined() {
            Some("quarantine".into())
        } else {
            let until = self.health.rests_until(now);
            until.map(|until| format!("rests for {} ms", until.since(now).as_millis()).into())
        };
        View {
            active: self.active.as_ref().and_then(shown),
            others: others.filter_map(shown).collect(),
            previous: self
                .previous
                .iter()
                .map(|it| (it.digest.clone(), it.facts.clone()))
                .collect(),
            rejected: self.rejected.iter().map(rejected).collect(),
            closed,
            inputs_aside: self.health.aside().filter(|_| self.settings.put_off).count(),
            shadow: self.shadow_wanted,
            shadowed: self.shadowed.as_ref().map(|shadowed| ShadowView {
                generation: shadowed.generation,
                compared: shadowed.compared,
                differed: shadowed.differed,
                differences: shadowed.differences.iter().cloned().collect(),
            }),
        }
    }
}

fn rejected(rejection: &Rejection) -> RejectedView {
    RejectedView {
        digest: rejection.digest.clone(),
        facts: rejection.facts.clone(),
        step: rejection.step,
        reason: Arc::clone(&rejection.reason),
    }
}
