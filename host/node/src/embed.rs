//! Takeover inside another program: the alarm pipeline on that program's own events.
//!
//! A [`Pipeline`] takes log events, raises and clears alarms as its configuration says, and runs
//! their reactions in the sandbox. Control server, host agents and journal are not part of it: what
//! a reaction asks of the management layer goes to the embedder, and nothing outlives the process.
//!
//! `examples/embedded-alarms` is a whole program.

mod run;

use std::path::PathBuf;
use std::sync::Arc;

use takeover_engine::engine::{Engine, EngineError, EngineSettings};
use takeover_engine::package::Loaded;
use takeover_logic::control::io::{AlarmView, RecordedEvent};
use tokio::sync::{broadcast, mpsc};

use crate::limits::{PIPELINE_EVENTS_MAX, PIPELINE_NEWS_MAX};
use run::Driver;
pub use run::Management;
// What an embedder needs to name, so that this crate is all that it depends on.
pub use takeover_engine::HostInterface;
pub use takeover_logic::log_event::{Attribute, EventId, Level, LogEvent};

/// Why a pipeline could not be started.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// The configuration has errors: all of them, one per line.
    #[error("configuration:\n{}", .0.join("\n"))]
    Configuration(Vec<String>),
    /// The sandbox can not be started here.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A configured reaction names a plugin that is not there, or settings that it refuses.
    #[error("reaction {reaction}: {reason}")]
    Reaction {
        /// Which.
        reaction: String,
        /// Why.
        reason: String,
    },
}

/// Something that happened in a pipeline.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// A log event was recorded: one that was given, or one about an alarm or a reaction.
    Event(RecordedEvent),
    /// An alarm was raised, changed or cleared, or one of its reactions ended.
    Alarm(AlarmView),
    /// The reader was too slow: this many were dropped.
    Missed(u64),
}

/// What a pipeline is made of.
#[derive(Debug)]
pub struct PipelineBuilder {
    configuration: String,
    plugins: Option<PathBuf>,
    engine: EngineSettings,
    management: Management,
}

/// A running alarm pipeline. Dropping it ends it, with the reactions under way.
#[derive(Debug)]
pub struct Pipeline {
    events: mpsc::Sender<LogEvent>,
    news: broadcast::Receiver<News>,
    plugins: Arc<Loaded>,
}

impl Pipeline {
    /// A pipeline with this configuration: `[[application]]`, `[[reaction]]`, `[[condition]]` and
    /// whatever they refer to, in the words of `host/docs/generated/config.md`.
    pub fn builder(configuration: &str) -> PipelineBuilder {
        PipelineBuilder {
            configuration: configuration.to_owned(),
            plugins: None,
            engine: EngineSettings::default(),
            management: Management::default(),
        }
    }

    /// Hands in an event. Waits where [`PIPELINE_EVENTS_MAX`] are waiting.
    ///
    /// Cancel safe: either it is handed in, or it is not.
    pub async fn event(&self, event: LogEvent) {
        // The loop ends only when this pipeline is dropped.
        let _ = self.events.send(event).await;
    }

    /// What happens next. Cancel safe.
    pub async fn next(&mut self) -> News {
        match self.news.recv().await {
            Ok(news) => news,
            Err(broadcast::error::RecvError::Lagged(count)) => News::Missed(count),
            // As above.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }

    /// The components that were loaded, and those that were rejected.
    pub fn plugins(&self) -> &Loaded {
        &self.plugins
    }
}

impl PipelineBuilder {
    /// The folder with the reactions' components. Default: none, so that no condition may name a
    /// reaction.
    #[must_use]
    pub fn plugins(mut self, folder: impl Into<PathBuf>) -> Self {
        self.plugins = Some(folder.into());
        self
    }

    /// Adds an interface that components may import besides the contract's.
    #[must_use]
    pub fn interface(mut self, interface: HostInterface) -> Self {
        self.engine.interfaces.push(interface);
        self
    }

    /// Answers what reactions ask of the management layer. Default: everything is unavailable.
    #[must_use]
    pub fn management(mut self, management: Management) -> Self {
        self.management = management;
        self
    }

    /// Reads the configuration, loads the components and starts.
    ///
    /// # Errors
    /// Whatever is wrong; nothing is left running then.
    pub async fn start(self) -> Result<Pipeline, EmbedError> {
        let files = [("configuration".to_owned(), self.configuration)];
        let checked = takeover_logic::config::read(&files).map_err(|errors| {
            EmbedError::Configuration(errors.iter().map(ToString::to_string).collect())
        })?;
        let engine = Arc::new(Engine::start(self.engine)?);
        let plugins = match &self.plugins {
            Some(folder) => Arc::new(engine.load_folder(folder).await),
            None => Arc::default(),
        };
        for (name, reaction) in &checked.config.reactions {
            let wrong = match plugins.plugin(reaction.plugin.as_str()) {
                Some(plugin) => plugin.validate_settings(&reaction.settings),
                None => vec![format!("plugin {} is not loaded", reaction.plugin)],
            };
            if let Some(reason) = wrong.into_iter().next() {
                return Err(EmbedError::Reaction { reaction: name.to_string(), reason });
            }
        }
        let (events, taken) = mpsc::channel(PIPELINE_EVENTS_MAX);
        let (tell, news) = broadcast::channel(PIPELINE_NEWS_MAX);
        let driver = Driver::new(&checked.config, (engine, Arc::clone(&plugins)), self.management);
        tokio::spawn(driver.run(taken, tell));
        Ok(Pipeline { events, news, plugins })
    }
}
