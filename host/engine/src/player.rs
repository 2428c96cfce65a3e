//! Plays the host in the test cases of components (`cases/*.toml`), around the real engine: the
//! component runs in the sandbox, what it asks for is answered by the case, its clock is the
//! case's, and nothing outside is touched.
//!
//! It must not know what a case is for.
//!
//! Reading order: this file, [`scenario`] (the forms that cases have), `stage` (host and clock of
//! the case under way), `management` and `outside` (what a question looks like), `calls`,
//! `monitor` and `policy` (how a kind is called), `facts` (what every call has in common), `words`
//! (ends of calls as text). A new kind is a form and a file like those three; a new interface is
//! an arm in one of the two with the questions.

mod calls;
mod facts;
mod management;
mod monitor;
mod outside;
mod policy;
pub mod scenario;
mod stage;
mod words;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::json;

pub use facts::{alarm, binding, order};
pub use management::question;
pub use scenario::Scenario;

use crate::engine::{Engine, EngineError, EngineSettings};
use crate::package::{Plugin, Settings};
use scenario::Written;
use stage::Stage;

/// An engine whose components see the clock and the host of a case.
#[derive(Debug)]
pub struct Player {
    engine: Engine,
    stage: Stage,
}

/// A case that was played.
#[derive(Clone, Debug)]
pub struct Played {
    /// Everything in which it differed from what was written; empty: it holds.
    pub problems: Vec<String>,
    /// What the component wrote to the log.
    pub lines: Vec<String>,
    /// Real time from the first call to the end of the last one.
    pub took: Duration,
    /// Highest sum over the component's memories, in bytes.
    pub memory_bytes_max: usize,
}

impl Player {
    /// Starts an engine for cases; its clock and its outside are replaced by those of the cases.
    ///
    /// # Errors
    /// As [`Engine::start`].
    pub fn start(settings: EngineSettings) -> Result<Self, EngineError> {
        let stage = Stage::default();
        let clock = Arc::new(stage.clone());
        let outside = Arc::new(stage.clone());
        let engine = Engine::start(EngineSettings { clock, outside, ..settings })?;
        Ok(Self { engine, stage })
    }

    /// The engine, to load plugins with.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Plays a case. One at a time, as there is one stage.
    pub async fn play(&mut self, plugin: &Arc<Plugin>, scenario: &Scenario) -> Played {
        let played = match scenario {
            Scenario::Call(case) => self.play_call(plugin, case).await,
            Scenario::Monitor(case) => self.play_monitor(plugin, case).await,
            Scenario::Policy(case) => self.play_policy(plugin, case).await,
        };
        played.unwrap_or_else(Played::not_at_all)
    }

    /// Plays cases in their order and lists everything in which they differ, each under the name
    /// of its file and its title. Empty: they hold.
    pub async fn problems(
        &mut self,
        plugin: &Arc<Plugin>,
        scenarios: &[(PathBuf, Scenario)],
    ) -> Vec<String> {
        let mut problems = Vec::new();
        for (path, scenario) in scenarios {
            let (name, title) = (path.display(), scenario.title());
            let played = self.play(plugin, scenario).await;
            let named = |problem| format!("{name} ({title}): {problem}");
            problems.extend(played.problems.into_iter().map(named));
        }
        problems
    }
}

impl Played {
    fn not_at_all(problems: Vec<String>) -> Self {
        Self { problems, lines: Vec::new(), took: Duration::ZERO, memory_bytes_max: 0 }
    }
}

/// The settings of a case, if the plugin takes them; what is wrong is added to `problems`.
fn settings(plugin: &Plugin, written: &Written, problems: &mut Vec<String>) -> Settings {
    match scenario::settings(written) {
        Ok(settings) => {
            problems.extend(plugin.validate_settings(&settings));
            settings
        }
        Err(error) => {
            problems.push(format!("settings: {error}"));
            Settings::default()
        }
    }
}

/// A word of a case as the value that it stands for. One that stands for none is a problem that
/// lists those that do.
fn known<T: DeserializeOwned>(what: &str, word: &str, problems: &mut Vec<String>) -> Option<T> {
    match serde_json::from_value(json!(word)) {
        Ok(value) => Some(value),
        Err(error) => {
            problems.push(format!("{what}: {error}"));
            None
        }
    }
}
