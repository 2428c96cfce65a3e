//! What the decision loop, the API and the reload task share: questions to the loop, and a few
//! values that are read without asking it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use takeover_logic::config::model::Config;
use takeover_logic::config::shell::ControlShell;
use takeover_logic::control::io::{
    Answer, ApplicationDetail, Change, Command, RecordedEvent, Refusal, Step,
};
use takeover_logic::ids::ApplicationName;
use takeover_logic::log_event::LogEvent;
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot};

use super::figures::Figures;
use super::told_plugins::ToldPlugins;
use crate::api::types::{OverviewBody, PluginsBody};
use crate::journal::{ConfigurationText, JournalReader};
use crate::limits::{STREAM_QUEUE_MAX, STREAMS_MAX};
use crate::link::movable::MovableTcp;
use crate::link::server::Caller;
use crate::plugins::Plugins;

/// A question to the decision loop.
pub(crate) enum Ask {
    /// Everything that operators see.
    Overview(oneshot::Sender<Arc<OverviewBody>>),
    /// One application, if it is configured.
    Application(ApplicationName, oneshot::Sender<Option<Box<ApplicationDetail>>>),
    /// An operator's command.
    Command {
        operator: Arc<str>,
        command: Command,
        /// Its outcome, as soon as there is one.
        decided: oneshot::Sender<Result<Answer, Refusal>>,
        /// Told, not before, when everything that led to the outcome is durable.
        durable: oneshot::Sender<()>,
    },
    /// A checked configuration to use from now on.
    Reconfigure(Box<NewConfiguration>),
    /// Something for the log.
    Event(LogEvent),
    /// A connection that became a link.
    Link(Box<NewLink>),
}

/// A checked configuration.
pub(crate) struct NewConfiguration {
    pub(crate) config: Arc<Config>,
    pub(crate) text: ConfigurationText,
    /// What changed, for the log.
    pub(crate) summary: String,
}

/// A connection that became a link.
pub(crate) struct NewLink {
    pub(crate) stream: tokio_rustls::server::TlsStream<MovableTcp>,
    /// What was read from it beyond the HTTP upgrade.
    pub(crate) read: Vec<u8>,
    pub(crate) caller: Caller,
}

/// An item of the streams.
#[derive(Clone, Debug)]
pub(crate) enum Published {
    /// A log event that is durable, or that could not be made so.
    Event(Arc<RecordedEvent>),
    /// Something that operators see has changed.
    Changed(Arc<Change>),
    /// A step of a run-mode decision.
    Step(Arc<Step>),
}

/// The configuration in use.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) config: Arc<Config>,
    pub(crate) shell: ControlShell,
}

/// Shared by everything in a control server.
pub(crate) struct Shared {
    pub(crate) asks: mpsc::Sender<Ask>,
    pub(crate) running: ArcSwap<Running>,
    /// Why the journal can not be written; none while it can.
    pub(crate) journal_failing: ArcSwap<Option<String>>,
    pub(crate) stream: broadcast::Sender<Published>,
    pub(crate) stream_readers: Arc<Semaphore>,
    pub(crate) plugins: Arc<Plugins>,
    /// Those of the host agents.
    pub(crate) told_plugins: ToldPlugins,
    pub(crate) figures: Figures,
    pub(crate) journal: Arc<JournalReader>,
}

impl Shared {
    pub(crate) fn new(
        asks: mpsc::Sender<Ask>,
        running: Running,
        plugins: Arc<Plugins>,
        journal: JournalReader,
    ) -> Self {
        Self {
            asks,
            running: ArcSwap::from_pointee(running),
            journal_failing: ArcSwap::from_pointee(None),
            stream: broadcast::channel(STREAM_QUEUE_MAX).0,
            stream_readers: Arc::new(Semaphore::new(STREAMS_MAX)),
            plugins,
            told_plugins: ToldPlugins::default(),
            figures: Figures::default(),
            journal: Arc::new(journal),
        }
    }

    /// The plugins of this process and of every linked host.
    pub(crate) fn all_plugins(&self) -> PluginsBody {
        let mut body = PluginsBody::default();
        body.add(self.plugins.views());
        for plugins in self.told_plugins.all() {
            body.add(plugins.iter().cloned());
        }
        body
    }

    /// Shows something on the streams; nobody may be reading.
    pub(crate) fn publish(&self, item: Published) {
        let _ = self.stream.send(item);
    }
}
