//! Runs alarm reactions in the sandbox and brings what their components ask into the decision loop.
//!
//! Guests run on the sandbox's own threads; here are only the ends of channels. A component waits
//! for its answer, the loop never waits for a component.

use std::sync::Arc;
use std::time::Instant;

use sha2::{Digest, Sha256};
use takeover_engine::engine::Call;
use takeover_engine::host::{HostAnswer, LogLine, ReactionHost};
use takeover_engine::outcome::{Ended, Outcome};
use takeover_engine::package::Settings;
use takeover_logic::component::{AlarmCall, ManagementAnswer, ManagementCall};
use takeover_logic::control::io::{ReactionFault, ReactionRun};
use takeover_logic::ids::{InputDigest, PluginName, ReactionName, RunId};
use takeover_logic::link::Fault;
use takeover_logic::log_event::Level;
use takeover_logic::plugin::io::Refusal;
use tokio::sync::{mpsc, oneshot};

use crate::clock;
use crate::journal::run::{self, RecordedRun};
use crate::plugins::{
    Compared, NotCallable, Plugins, Recording, Rehearsal, Replay, Transcript, ended_words,
};

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
        /// The run as it was, for the journal; none: nothing ran.
        recorded: Option<Box<RecordedRun>>,
    },
}

/// What the calls of a reaction are written down as.
type Record = Transcript<ManagementCall, ManagementAnswer>;

/// The plugins, and where their runs report.
pub(super) struct Reactions {
    plugins: Arc<Plugins>,
    loop_: mpsc::Sender<FromReaction>,
}

impl Reactions {
    pub(super) fn new(plugins: Arc<Plugins>, loop_: mpsc::Sender<FromReaction>) -> Self {
        Self { plugins, loop_ }
    }

    /// Starts a reaction; its end comes as [`FromReaction::Ended`], exactly once.
    pub(super) fn start(&self, run: ReactionRun, deadline: Instant) {
        let loop_ = self.loop_.clone();
        let ReactionRun { run: id, reaction, plugin: name, settings, call, .. } = run;
        let ticket = match self.plugins.begin(name.as_str(), fingerprint(&settings, &call)) {
            Ok(ticket) => ticket,
            Err(refusal) => {
                let result = Err(refused(name, &refusal));
                tokio::spawn(async move {
                    let (broken, recorded) = (None, None);
                    let ended = FromReaction::Ended { run: id, result, broken, recorded };
                    let _ = loop_.send(ended).await;
                });
                return;
            }
        };
        let what = format!("reaction {reaction}");
        let settings = self.plugins.settings_of(&ticket, &what, settings);
        let (plugin, from) = (name.clone(), loop_.clone());
        let host = Host { run: id, reaction: reaction.clone(), plugin, loop_: from };
        let record = Arc::new(Record::default());
        let host: Arc<dyn ReactionHost> =
            Arc::new(Recording { host, transcript: Arc::clone(&record) });
        let engine = Arc::clone(self.plugins.engine());
        let call_of = Call { plugin: ticket.plugin(), settings: &settings, deadline };
        let outcome = engine.react(call_of, call.clone(), host);
        let plugins = Arc::clone(&self.plugins);
        tokio::spawn(async move {
            let outcome = outcome.await;
            tracing::debug!(run = %id, plugin = %name, took = ?outcome.took, "reaction ended");
            let manifest = Arc::clone(&ticket.plugin().manifest);
            let rehearsal = ticket.rehearsal();
            ticket.end(&outcome);
            let recorded = Some(Box::new(RecordedRun {
                at: clock::timestamp(),
                reaction,
                plugin: name.clone(),
                version: manifest.version.clone(),
                sha256: manifest.sha256().to_owned(),
                settings: settings.clone(),
                call: call.clone(),
                asked: record.all(),
                ended: run::ended_words(&outcome.ended),
            }));
            if let Some(rehearsal) = rehearsal {
                let active = outcome.clone();
                tokio::spawn(repeat(plugins, rehearsal, (settings, call), active, record));
            }
            let (result, broken) = match outcome.ended {
                Ended::Ok(text) => (Ok(text.into()), None),
                Ended::Fault(fault) => {
                    let fault = match &manifest.policy {
                        Some(policy) => policy.explain_fault(fault),
                        None => fault,
                    };
                    (Err(ReactionFault::Fault(fault)), None)
                }
                broken => {
                    let why = broken.to_string();
                    (Err(ReactionFault::Ended(why.as_str().into())), Some((name, why)))
                }
            };
            // The loop is gone only when the control server stops.
            let _ = loop_.send(FromReaction::Ended { run: id, result, broken, recorded }).await;
        });
    }
}

/// Repeats a call on the version in shadow, with the answers that the version in use was given,
/// and compares.
async fn repeat(
    plugins: Arc<Plugins>,
    rehearsal: Rehearsal,
    (settings, call): (Settings, AlarmCall),
    active: Outcome<String>,
    record: Arc<Record>,
) {
    let replay = Arc::new(Replay::new(Arc::clone(&record)));
    let deadline = Instant::now() + crate::limits::PLUGIN_TRIAL_TIMEOUT;
    let call_of = Call { plugin: rehearsal.plugin(), settings: &settings, deadline };
    let host = Arc::clone(&replay) as Arc<dyn ReactionHost>;
    let shadow = plugins.engine().rehearse_react(call_of, call, host).await;
    let (active, shadow) = (ended_words(&active.ended), ended_words(&shadow.ended));
    rehearsal.end(Compared::new((&active, &record), (&shadow, &replay)));
}

/// A fingerprint of what a component is told: the same alarm with the same settings is the same
/// input, whenever it happens.
fn fingerprint(settings: &Settings, call: &AlarmCall) -> InputDigest {
    let event = &call.event;
    let attributes: Vec<_> = event.attributes.iter().map(|it| (&it.name, &it.value)).collect();
    let about = (&call.condition, &call.application, &call.host, call.phase, call.test);
    let text = format!("{settings:?} {about:?} {} {:?} {attributes:?}", event.id, event.text);
    let digest = Sha256::digest(text);
    InputDigest(digest.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte)))
}

/// A call that was not made, in the words of the alarm.
fn refused(name: PluginName, refusal: &NotCallable) -> ReactionFault {
    match refusal {
        NotCallable::Unknown(_) => ReactionFault::NotLoaded(name),
        NotCallable::Refused(_, Refusal::NotLoaded(why)) if why.is_empty() => {
            ReactionFault::NotLoaded(name)
        }
        refused => ReactionFault::Ended(refused.to_string().into()),
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

    fn primary(&self) -> HostAnswer<'_, ()> {
        Box::pin(async { self.manage(ManagementCall::RequirePrimary).await.map(|_| ()) })
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
