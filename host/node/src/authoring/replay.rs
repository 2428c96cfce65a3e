//! Runs of reactions from a journal, repeated with another version: what would it have done?
//! Nothing is touched. What was asked of the management layer is answered as it was then; an action
//! that was not asked then is taken to succeed, and so is everything outside. The clock stands
//! where it stood, and moves when the component waits.

use std::collections::BTreeMap;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use takeover_cases::ask;
use takeover_engine::host::outside::{
    CommandCall, CommandOutput, DatagramCall, HttpCall, HttpResponse, MailCall, Outside,
};
use takeover_engine::host::{Clock, HostAnswer, LogLine, ReactionHost};
use takeover_engine::limits::CASE_TIMEOUT;
use takeover_engine::player::question;
use takeover_engine::{Call, Engine, EngineSettings, Kind, Plugin};
use takeover_logic::component::{ManagementAnswer, ManagementCall};
use takeover_logic::link::Fault;

use super::{AuthoringError, Subject};
use crate::journal::JournalReader;
use crate::journal::run::{Asked, RecordedRun, ended_words};

/// What is to be repeated.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The version that is asked.
    pub subject: &'a Subject,
    /// Another version to compare it with; none: what was recorded.
    pub against: Option<&'a Subject>,
    /// The journal of a control server.
    pub journal: &'a Path,
    /// The plugin whose runs they are; none: the one of the same name.
    pub of: Option<&'a str>,
    /// How many, the newest ones.
    pub last: u32,
}

/// What a version did in a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Doing {
    /// What it asked, in order, in the words of a case.
    pub asked: Vec<String>,
    /// How it ended.
    pub ended: String,
}

/// A run that was repeated.
#[derive(Clone, Debug)]
pub struct Repeated {
    /// The run as it was.
    pub run: RecordedRun,
    /// What it is compared with.
    pub before: Doing,
    /// What the version does.
    pub now: Doing,
    /// They differ. What is asked of the outside counts only where another version is asked, too:
    /// it is not recorded.
    pub differs: bool,
}

/// Repeats runs, oldest first.
///
/// # Errors
/// A version that is no reaction or is refused, a journal that can not be read.
pub async fn replay(wanted: Wanted<'_>) -> Result<Vec<Repeated>, AuthoringError> {
    let scene = Scene::default();
    let engine = Engine::start(EngineSettings {
        clock: Arc::new(scene.clone()),
        outside: Arc::new(scene.clone()),
        ..EngineSettings::default()
    })?;
    let plugin = reaction(wanted.subject, &engine)?;
    let against = wanted.against.map(|it| reaction(it, &engine)).transpose()?;
    let of = wanted.of.unwrap_or(&plugin.manifest.name);
    let runs = runs(wanted.journal, of, wanted.last)?;
    let mut repeated = Vec::new();
    for run in runs {
        let now = repeat(&engine, &scene, &plugin, &run).await;
        let (before, differs) = match &against {
            Some(against) => {
                let before = repeat(&engine, &scene, against, &run).await;
                let differs = before != now;
                (before, differs)
            }
            None => {
                let before = recorded(&run);
                let managed = |it: &&String| is_recorded(it);
                let same = now.asked.iter().filter(managed).eq(&before.asked);
                let differs = !same || now.ended != before.ended;
                (before, differs)
            }
        };
        repeated.push(Repeated { run, before, now, differs });
    }
    Ok(repeated)
}

fn reaction(subject: &Subject, engine: &Engine) -> Result<Arc<Plugin>, AuthoringError> {
    let plugin = subject.load(engine)?;
    match plugin.manifest.kind {
        Kind::AlarmReaction => Ok(plugin),
        kind => Err(AuthoringError::Replay(format!(
            "{} is of kind {kind}: runs are recorded of alarm reactions only",
            plugin.manifest.name
        ))),
    }
}

fn runs(journal: &Path, of: &str, last: u32) -> Result<Vec<RecordedRun>, AuthoringError> {
    let unreadable = |error: String| AuthoringError::Replay(error);
    let reader = JournalReader::open(journal).map_err(|error| unreadable(error.to_string()))?;
    let runs = reader.runs(of, last).map_err(|error| {
        unreadable(format!("journal {}: can not be read: {error}", journal.display()))
    })?;
    match runs.is_empty() {
        true => Err(AuthoringError::Replay(format!(
            "journal {}: no runs of plugin {of}",
            journal.display()
        ))),
        false => Ok(runs),
    }
}

fn recorded(run: &RecordedRun) -> Doing {
    let asked = run.asked.iter().map(|(call, _)| question(call)).collect();
    Doing { asked, ended: run.ended.clone() }
}

/// Whether a question is one to the management layer.
fn is_recorded(question: &str) -> bool {
    question.starts_with("management.") || question.starts_with("vip-control.")
}

async fn repeat(engine: &Engine, scene: &Scene, plugin: &Arc<Plugin>, run: &RecordedRun) -> Doing {
    scene.open(run);
    let settings = &run.settings;
    let call = Call { plugin, settings, deadline: Instant::now() + CASE_TIMEOUT };
    let outcome = engine.react(call, run.call.clone(), Arc::new(scene.clone())).await;
    Doing { asked: std::mem::take(&mut scene.lock().asked), ended: ended_words(&outcome.ended) }
}

/// The host of the run that is repeated at the moment.
#[derive(Clone, Debug, Default)]
struct Scene(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Questions of then that were not asked again yet.
    recorded: Vec<Asked>,
    asked: Vec<String>,
    memory: BTreeMap<String, Vec<u8>>,
    now_ms: u64,
}

impl Scene {
    fn open(&self, run: &RecordedRun) {
        let (recorded, now_ms) = (run.asked.clone(), run.at.0);
        *self.lock() = State { recorded, now_ms, ..State::default() };
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is whole before the lock is given back.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note<T: Send + 'static>(&self, question: String, answer: T) -> HostAnswer<'_, T> {
        self.lock().asked.push(question);
        Box::pin(std::future::ready(Ok(answer)))
    }
}

impl ReactionHost for Scene {
    fn manage(&self, call: ManagementCall) -> HostAnswer<'_, ManagementAnswer> {
        let mut state = self.lock();
        state.asked.push(question(&call));
        let place = state.recorded.iter().position(|(then, _)| *then == call);
        let answer = match (place, &call) {
            (Some(place), _) => state.recorded.remove(place).1,
            (None, ManagementCall::GetApplication { name }) => {
                let text = format!("nobody asked for {name} when this was recorded");
                Err(Fault::Unavailable(text.into()))
            }
            (None, _) => Ok(ManagementAnswer::Done),
        };
        Box::pin(std::future::ready(answer))
    }

    fn log(&self, _line: LogLine) {}
}

impl Outside for Scene {
    fn run(&self, call: CommandCall) -> HostAnswer<'_, CommandOutput> {
        let program = call.program.to_string_lossy();
        self.note(ask::command(&program, &call.arguments), CommandOutput::default())
    }

    fn request(&self, call: HttpCall) -> HostAnswer<'_, HttpResponse> {
        let headers = call.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let question = ask::http(&call.method, &call.url, headers, &call.body);
        self.note(question, HttpResponse { status: 200, ..HttpResponse::default() })
    }

    fn mail(&self, call: MailCall) -> HostAnswer<'_, ()> {
        self.note(ask::mail(&call.to, &call.subject, &call.text), ())
    }

    fn datagram(&self, call: DatagramCall) -> HostAnswer<'_, ()> {
        self.note(ask::datagram(&call.to, &call.payload), ())
    }

    fn recall(&self, _plugin: &str, key: &str) -> HostAnswer<'_, Option<Vec<u8>>> {
        let value = self.lock().memory.get(key).cloned();
        self.note(ask::memory_get(key), value)
    }

    fn remember(&self, _plugin: &str, key: &str, value: Option<Vec<u8>>) -> HostAnswer<'_, ()> {
        let question = ask::memory_set(key, value.as_deref());
        match value {
            Some(value) => self.lock().memory.insert(key.to_owned(), value),
            None => self.lock().memory.remove(key),
        };
        self.note(question, ())
    }
}

impl Clock for Scene {
    fn now_unix_ms(&self) -> u64 {
        self.lock().now_ms
    }

    fn monotonic_ms(&self) -> u64 {
        self.lock().now_ms
    }

    fn wait(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let mut state = self.lock();
        state.now_ms = state.now_ms.saturating_add(milliseconds);
        Box::pin(std::future::ready(()))
    }
}

#[cfg(test)]
mod tests;
