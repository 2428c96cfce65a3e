//! The loop of a pipeline: events in, the alarm machine, reactions in the sandbox, news out.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use takeover_engine::engine::{Call, Engine};
use takeover_engine::host::{HostAnswer, LogLine, ReactionHost};
use takeover_engine::outcome::Ended;
use takeover_engine::package::Loaded;
use takeover_logic::alarm::{Alarms, Input, Output};
use takeover_logic::component::{ManagementAnswer, ManagementCall};
use takeover_logic::config::model::Config;
use takeover_logic::control::io::{ReactionFault, ReactionRun, RecordedEvent};
use takeover_logic::ids::{EventSequence, PluginName, RunId};
use takeover_logic::link::Fault;
use takeover_logic::log_event::LogEvent;
use tokio::sync::{broadcast, mpsc};
use tokio::task::AbortHandle;

use super::News;
use crate::clock::Clock;

type Answer = HostAnswer<'static, ManagementAnswer>;

/// Answers what reactions ask of the management layer.
#[derive(Clone)]
pub struct Management(Arc<dyn Fn(ManagementCall) -> Answer + Send + Sync>);

impl Management {
    /// Calls `answer` for each question, under the deadline of the reaction.
    pub fn new<F>(answer: impl Fn(ManagementCall) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<ManagementAnswer, Fault>> + Send + 'static,
    {
        Self(Arc::new(move |call| Box::pin(answer(call))))
    }
}

impl Default for Management {
    fn default() -> Self {
        Self::new(|_| async {
            Err(Fault::Unavailable("this program has no management layer".into()))
        })
    }
}

impl fmt::Debug for Management {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Management").finish_non_exhaustive()
    }
}

impl ReactionHost for Management {
    fn manage(&self, call: ManagementCall) -> HostAnswer<'_, ManagementAnswer> {
        (self.0)(call)
    }

    fn log(&self, line: LogLine) {
        tracing::info!(level = ?line.level, "component: {}", line.text);
    }
}

type Finished = (RunId, Result<Arc<str>, ReactionFault>);

/// The alarm machine and what its outputs need.
pub(super) struct Driver {
    alarms: Alarms,
    clock: Clock,
    sequence: EventSequence,
    engine: Arc<Engine>,
    plugins: Arc<Loaded>,
    management: Management,
    running: BTreeMap<RunId, AbortHandle>,
    finish: mpsc::UnboundedSender<Finished>,
    finished: mpsc::UnboundedReceiver<Finished>,
}

impl Driver {
    pub(super) fn new(
        config: &Config,
        (engine, plugins): (Arc<Engine>, Arc<Loaded>),
        management: Management,
    ) -> Self {
        // Bounded by the runs that the machine allows at once; each sends one.
        let (finish, finished) = mpsc::unbounded_channel();
        Self {
            alarms: Alarms::new(config),
            clock: Clock::new(),
            sequence: EventSequence::default(),
            engine,
            plugins,
            management,
            running: BTreeMap::new(),
            finish,
            finished,
        }
    }

    /// Runs until the pipeline is dropped.
    pub(super) async fn run(
        mut self,
        mut events: mpsc::Receiver<LogEvent>,
        tell: broadcast::Sender<News>,
    ) {
        loop {
            let deadline = self.alarms.deadline().map(|at| self.clock.to_std(at));
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.record(event, &tell),
                    None => return,
                },
                Some((run, result)) = self.finished.recv() => {
                    self.running.remove(&run);
                    self.alarms.handle(self.clock.now(), Input::ReactionEnded { run, result });
                }
                () = sleep_until(deadline) => self.alarms.handle(self.clock.now(), Input::Tick),
            }
            while let Some(output) = self.alarms.poll() {
                match output {
                    Output::Run(run) => self.start(run),
                    Output::Record(event) => self.record(event, &tell),
                    Output::Changed(view) => drop(tell.send(News::Alarm(view))),
                    // Only a management layer has something to make up for.
                    Output::Rearmed { .. } => {}
                }
            }
        }
    }

    fn record(&mut self, event: LogEvent, tell: &broadcast::Sender<News>) {
        self.sequence = self.sequence.next();
        let recorded = RecordedEvent { sequence: self.sequence, event };
        let _ = tell.send(News::Event(recorded.clone())); // nobody may be reading
        self.alarms.handle(self.clock.now(), Input::Event(recorded));
    }

    fn start(&mut self, run: ReactionRun) {
        let ReactionRun { run: id, plugin: name, settings, call, deadline, .. } = run;
        let Some(plugin) = self.plugins.plugin(name.as_str()) else {
            let _ = self.finish.send((id, Err(ReactionFault::NotLoaded(name))));
            return;
        };
        let deadline = self.clock.to_std(deadline);
        let host = Arc::new(self.management.clone());
        let outcome = self.engine.react(Call { plugin, settings: &settings, deadline }, call, host);
        let finish = self.finish.clone();
        let task = tokio::spawn(async move {
            let result = match outcome.await.ended {
                Ended::Ok(text) => Ok(text.into()),
                Ended::Fault(fault) => Err(ReactionFault::Fault(fault)),
                broken => Err(broken_off(&name, &broken.to_string())),
            };
            let _ = finish.send((id, result)); // the pipeline was dropped
        });
        self.running.insert(id, task.abort_handle());
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        for task in self.running.values() {
            task.abort();
        }
    }
}

fn broken_off(plugin: &PluginName, why: &str) -> ReactionFault {
    tracing::warn!(%plugin, "reaction ended without an answer: {why}");
    ReactionFault::Ended(why.into())
}

async fn sleep_until(deadline: Option<std::time::Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
