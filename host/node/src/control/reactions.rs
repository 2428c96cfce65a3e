//! Runs alarm reactions in the sandbox and brings what their components ask into the decision loop.
//!
//! Guests run on the sandbox's own threads; here are only the ends of channels. A component waits
//! for its answer, the loop never waits for a component.

use std::sync::Arc;
use std::time::Instant;

use takeover_engine::engine::{Call, Engine};
use takeover_engine::host::{HostAnswer, LogLine, ReactionHost};
use takeover_engine::outcome::Ended;
use takeover_engine::package::Loaded;
use takeover_logic::component::{ManagementAnswer, ManagementCall};
use takeover_logic::control::io::{ReactionFault, ReactionRun};
use takeover_logic::ids::{PluginName, ReactionName, RunId};
use takeover_logic::link::Fault;
use takeover_logic::log_event::Level;
use tokio::sync::{mpsc, oneshot};

/// What a running reaction tells the decision loop.
pub(super) enum FromReaction {
    /// It asks for something.
    Call {
        run: RunId,
        call: ManagementCall,
        answer: oneshot::Sender<Result<ManagementAnswer, Fault>>,
    },
    /// It ended.
    Ended {
        run: RunId,
        result: Result<Arc<str>, ReactionFault>,
        /// The component did not give an answer, and why: worth an event of its own.
        broken: Option<(PluginName, String)>,
    },
}

/// The sandbox and what was loaded into it.
pub(super) struct Reactions {
    engine: Arc<Engine>,
    plugins: Arc<Loaded>,
    loop_: mpsc::Sender<FromReaction>,
}

impl Reactions {
    pub(super) fn new(
        engine: Arc<Engine>,
        plugins: Arc<Loaded>,
        loop_: mpsc::Sender<FromReaction>,
    ) -> Self {
        Self { engine, plugins, loop_ }
    }

    /// Starts a reaction; its end comes as [`FromReaction::Ended`], exactly once.
    pub(super) fn start(&self, run: ReactionRun, deadline: Instant) {
        let loop_ = self.loop_.clone();
        let ReactionRun { run: id, reaction, plugin: name, settings, call, .. } = run;
        let Some(plugin) = self.plugins.plugin(name.as_str()) else {
            let result = Err(ReactionFault::NotLoaded(name));
            tokio::spawn(async move {
                let _ = loop_.send(FromReaction::Ended { run: id, result, broken: None }).await;
            });
            return;
        };
        let host = Arc::new(Host { run: id, reaction, plugin: name.clone(), loop_: loop_.clone() });
        let call_of = Call { plugin, settings: &settings, deadline };
        let outcome = self.engine.react(call_of, call, host);
        tokio::spawn(async move {
            let outcome = outcome.await;
            tracing::debug!(run = %id, plugin = %name, took = ?outcome.took, "reaction ended");
            let (result, broken) = match outcome.ended {
                Ended::Ok(text) => (Ok(text.into()), None),
                Ended::Fault(fault) => (Err(ReactionFault::Fault(fault)), None),
                broken => {
                    let why = broken.to_string();
                    (Err(ReactionFault::Ended(why.as_str().into())), Some((name, why)))
                }
            };
            // The loop is gone only when the control server stops.
            let _ = loop_.send(FromReaction::Ended { run: id, result, broken }).await;
        });
    }
}

/// The shell's side of one run.
struct Host {
    run: RunId,
    reaction: ReactionName,
    plugin: PluginName,
    loop_: mpsc::Sender<FromReaction>,
}

impl ReactionHost for Host {
    fn manage(&self, call: ManagementCall) -> HostAnswer<'_, ManagementAnswer> {
        Box::pin(async move {
            let stopping = || Fault::Unavailable("the control server is stopping".into());
            let (answer, answered) = oneshot::channel();
            let call = FromReaction::Call { run: self.run, call, answer };
            self.loop_.send(call).await.map_err(|_| stopping())?;
            answered.await.unwrap_or_else(|_| Err(stopping()))
        })
    }

    /// A component's lines go to the diagnostic log, marked as its own: they are not facts, so no
    /// alarm condition matches them.
    fn log(&self, line: LogLine) {
        let LogLine { level, text, attributes } = line;
        let (run, reaction, plugin) = (self.run, &self.reaction, &self.plugin);
        let details: Vec<String> =
            attributes.iter().map(|a| format!("{}={:?}", a.name, a.value)).collect();
        let details = details.join(" ");
        match level {
            Level::Alarm => tracing::warn!(%run, %reaction, %plugin, "{text} {details}"),
            Level::Standard | Level::Interaction => {
                tracing::info!(%run, %reaction, %plugin, "{text} {details}");
            }
            Level::Trace => tracing::debug!(%run, %reaction, %plugin, "{text} {details}"),
            Level::Debug => tracing::trace!(%run, %reaction, %plugin, "{text} {details}"),
        }
    }
}
