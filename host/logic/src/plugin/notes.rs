//! What the log says of what happens to a plugin's versions.

use super::io::{Facts, Note};
use crate::catalog::{self, About};
use crate::log_event::LogEvent;

/// The log event of a note about the plugin of this name.
pub fn event(about: &About, plugin: &str, note: &Note) -> LogEvent {
    match note {
        Note::Seen(generation, package) => {
            catalog::plugin_seen(about, &plugin, generation, package)
        }
        Note::Advanced(generation, stage) => {
            catalog::plugin_advanced(about, &plugin, generation, &stage.word())
        }
        Note::Superseded(generation) => catalog::plugin_superseded(about, &plugin, generation),
        Note::InUse(Facts { version, sha256 }) => {
            catalog::plugin_loaded(about, &plugin, version, sha256)
        }
        Note::Probation { new, old } => {
            catalog::plugin_probation(about, &plugin, &new.version, &new.sha256, &old.version)
        }
        Note::Confirmed { version, calls } => {
            catalog::plugin_confirmed(about, &plugin, &version.version, calls)
        }
        Note::Rejected { step, reason, active } => {
            let active = match active {
                Some(active) => format!("; version {} stays in use", active.version),
                None => String::new(),
            };
            catalog::plugin_rejected(about, &plugin, &format!("{step}: {reason}{active}"))
        }
        Note::Pending { version, missing } => {
            catalog::plugin_pending(about, &plugin, &version.version, missing)
        }
        Note::SwappedBack { from, to, reason } => {
            catalog::plugin_swapped_back(about, &plugin, &from.version, &to.version, reason)
        }
        Note::RolledBack { from, to } => {
            catalog::plugin_rolled_back(about, &plugin, &to.version, &from.version)
        }
        Note::Retired { version, left } => {
            catalog::plugin_retired(about, &plugin, &version.version, left)
        }
        _ => trouble(about, plugin, note),
    }
}

/// The part of [`event`] that is about what is missing, failing or compared.
fn trouble(about: &About, plugin: &str, note: &Note) -> LogEvent {
    match note {
        Note::Removed { used_by } if used_by.is_empty() => {
            catalog::plugin_removed(about, &plugin, &"nobody that is known here")
        }
        Note::Removed { used_by } => catalog::plugin_removed(about, &plugin, used_by),
        Note::ComponentMissing => catalog::plugin_component_missing(about, &plugin),
        Note::Resting { wait, rests } => {
            catalog::plugin_resting(about, &plugin, &wait.as_millis(), rests)
        }
        Note::Quarantined { rests } => catalog::plugin_quarantined(about, &plugin, rests),
        Note::KeepsFailing { for_long } => {
            let time = if *for_long { "minutes" } else { "a minute" };
            catalog::plugin_keeps_failing(about, &plugin, &time)
        }
        Note::PutAside(input) => {
            catalog::plugin_input_aside(about, &plugin, &format!("{:016x}", input.0))
        }
        Note::Shadowed(facts) => {
            catalog::plugin_shadowed(about, &plugin, &facts.version, &facts.sha256)
        }
        Note::ShadowEnded(facts) => catalog::plugin_shadow_ended(about, &plugin, &facts.version),
        Note::ShadowDiffers(difference) => {
            let (active, shadow) = (&difference.active, &difference.shadow);
            catalog::plugin_shadow_differs(about, &plugin, active, shadow)
        }
        _ => catalog::plugin_released(about, &plugin),
    }
}
