//! A run of a reaction, as it was: what it was told, what it asked, what it was answered and how it
//! ended. With it another version can be asked what it would have done.
//!
//! What it asked of the outside (programs, HTTP, mail) is not in here: bodies and texts are not for
//! the journal.

use serde::{Deserialize, Serialize};
use takeover_engine::outcome::Ended;
use takeover_engine::package::Settings;
use takeover_logic::component::{AlarmCall, ManagementAnswer, ManagementCall};
use takeover_logic::ids::{PluginName, ReactionName};
use takeover_logic::link::Fault;
use takeover_logic::time::Timestamp;

/// A question to the management layer, and the answer.
pub type Asked = (ManagementCall, Result<ManagementAnswer, Fault>);

/// A run of a reaction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedRun {
    /// When it ended.
    pub at: Timestamp,
    /// Which reaction.
    pub reaction: ReactionName,
    /// Its plugin.
    pub plugin: PluginName,
    /// The version that was called, as its author counts.
    pub version: String,
    /// SHA-256 of that version's component or text.
    pub sha256: String,
    /// The settings that it ran with.
    pub settings: Settings,
    /// What it was told.
    pub call: AlarmCall,
    /// What it asked of the management layer, in order, as far as the bound allows.
    pub asked: Vec<Asked>,
    /// How it ended: see [`ended_words`].
    pub ended: String,
}

/// How a run ended, in the words of a case: `ok: TEXT`, or what else happened.
pub fn ended_words(ended: &Ended<String>) -> String {
    match ended {
        Ended::Ok(text) => format!("ok: {text}"),
        Ended::Fault(fault) => format!("fault: {fault}"),
        other => other.to_string(),
    }
}
