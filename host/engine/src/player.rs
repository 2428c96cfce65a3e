//! Plays the host in the test cases of components (`cases/*.toml`), around the real engine: the
//! component runs in the sandbox, what it asks for is answered by the case, its clock is the
//! case's, and nothing outside is touched.
//!
//! It must not know what a case is for. How a kind is called is in `Player::outcome`, what a
//! question looks like in the `impl` of the kind's host; a new kind or interface is an arm there.

use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use takeover_cases::{Answer, Case, Script};
use takeover_logic::component::{
    AddressAnswer, AddressCall, AlarmCall, ApplicationFacts, Category, ManagementAnswer,
    ManagementCall, Phase, VipBinding, VipOrder,
};
use takeover_logic::ids::Term;
use takeover_logic::link::{Fault, Release, Status, Verdict, VipAction};
use takeover_logic::log_event::{EventId, Level, LogEvent};
use takeover_logic::time::Timestamp;

use crate::engine::{Call, Engine, EngineError, EngineSettings};
use crate::host::{Clock, HostAnswer, LogLine, ReactionHost, VipHost};
use crate::limits::CASE_TIMEOUT;
use crate::outcome::{Ended, Outcome};
use crate::package::{Kind, Plugin, Settings};

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
    /// Real time from the call to its end.
    pub took: Duration,
    /// Highest sum over the component's memories, in bytes.
    pub memory_bytes_max: usize,
}

impl Player {
    /// Starts an engine for cases; its clock is replaced.
    ///
    /// # Errors
    /// As [`Engine::start`].
    pub fn start(settings: EngineSettings) -> Result<Self, EngineError> {
        let stage = Stage::default();
        let clock = Arc::new(stage.clone());
        Ok(Self { engine: Engine::start(EngineSettings { clock, ..settings })?, stage })
    }

    /// The engine, to load plugins with.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Plays a case. One at a time, as there is one stage.
    pub async fn play(&mut self, plugin: &Arc<Plugin>, case: &Case) -> Played {
        let settings = match check(plugin, case) {
            Ok(settings) => settings,
            Err(problems) => return Played::not_at_all(problems),
        };
        *self.stage.lock() = Scene { script: Some(case.script()), lines: Vec::new() };
        let deadline = Instant::now() + CASE_TIMEOUT;
        let call = Call { plugin, settings: &settings, deadline };
        let called = self.outcome(call, case).await;
        let scene = std::mem::take(&mut *self.stage.lock());
        let (Ok(outcome), Some(script)) = (called, scene.script) else {
            let kind = plugin.manifest.kind;
            return Played::not_at_all(vec![format!("no case can call a plugin of kind {kind}")]);
        };
        let Outcome { ended, took, memory_bytes_max, .. } = outcome;
        let ended = words(ended, |text| text);
        let problems = case.problems(&script, &ended);
        Played { problems, lines: scene.lines, took, memory_bytes_max }
    }

    /// Calls the component as the case says; what it answers is already in the words of cases.
    async fn outcome(&self, call: Call<'_>, case: &Case) -> Result<Outcome<String>, NoCaseFor> {
        let host = Arc::new(self.stage.clone());
        let engine = &self.engine;
        match call.plugin.manifest.kind {
            Kind::AlarmReaction => {
                let outcome = engine.react(call, alarm_of(case), host).await;
                Ok(outcome.map(|text| format!("ok: {text}")))
            }
            Kind::VipBackend => {
                let action = match case.order.action.as_str() {
                    "up" => VipAction::Up,
                    "down" => VipAction::Down,
                    _ => {
                        let mut binding = binding();
                        binding.probe_interval_ms = case.order.probe_interval_ms.into();
                        return Ok(engine.probe_vip(call, binding, host).await.map(presence));
                    }
                };
                let outcome = engine.move_vip(call, action, order_of(case), host).await;
                Ok(outcome.map(|()| "ok".to_owned()))
            }
            Kind::SipMonitor | Kind::ForwardingPolicy => Err(NoCaseFor),
        }
    }
}

/// Cases of this kind are not played.
#[derive(Debug)]
struct NoCaseFor;

impl Played {
    fn not_at_all(problems: Vec<String>) -> Self {
        Self { problems, lines: Vec::new(), took: Duration::ZERO, memory_bytes_max: 0 }
    }
}

/// The settings of a case, if everything in it can be played.
fn check(plugin: &Plugin, case: &Case) -> Result<Settings, Vec<String>> {
    let settings: Settings = serde_json::to_value(&case.settings)
        .and_then(serde_json::from_value)
        .map_err(|error| vec![format!("settings: {error}")])?;
    let mut problems = plugin.validate_settings(&settings);
    let event = &case.alarm.event;
    if event.parse::<EventId>().is_err() {
        problems.push(format!("alarm.event is {event:?}, allowed is an id such as 00-05150"));
    }
    let action = &case.order.action;
    if !["up", "down", "probe"].contains(&action.as_str()) {
        problems.push(format!("order.action is {action:?}, allowed is up, down or probe"));
    }
    if problems.is_empty() { Ok(settings) } else { Err(problems) }
}

/// The alarm that a case speaks of.
fn alarm_of(case: &Case) -> AlarmCall {
    let mut call = alarm(&case.alarm.application);
    call.condition = case.alarm.condition.as_str().into();
    if let Ok(event) = case.alarm.event.parse() {
        call.event.id = event;
    }
    call.phase = if case.alarm.raised { Phase::Raised } else { Phase::Cleared };
    call.test = case.alarm.test;
    call
}

/// The order that a case speaks of.
fn order_of(case: &Case) -> VipOrder {
    let release = if case.order.confirmed { Release::Confirmed } else { Release::Unknown };
    let mut order = order(release, case.order.time_left_ms);
    order.binding.probe_interval_ms = case.order.probe_interval_ms.into();
    order
}

fn presence(verdict: Verdict) -> String {
    match verdict {
        Verdict::Good => "ok: present".to_owned(),
        Verdict::Bad(_) => "ok: absent".to_owned(),
        Verdict::Unknown(reason) => format!("ok: unknown: {reason}"),
    }
}

/// An alarm about an application, with a fixed value for everything else.
pub fn alarm(application: &str) -> AlarmCall {
    AlarmCall {
        condition: "a-condition".into(),
        category: Category::Major,
        application: application.into(),
        host: Some("host-a".into()),
        event: LogEvent {
            id: EventId::new(0, 5150),
            level: Level::Standard,
            text: "run mode changed to primary".into(),
            application: Some(application.into()),
            application_type: Some("sip-server".into()),
            host: Some("host-a".into()),
            at: Timestamp(1_700_000_000_000),
            attributes: Vec::new(),
        },
        phase: Phase::Raised,
        repeats: 0,
        test: false,
    }
}

/// The virtual IP of every case: 192.0.2.10/24 on eth0 of host-b.
pub fn binding() -> VipBinding {
    VipBinding {
        name: "sip-vip".into(),
        address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 10)),
        prefix: 24,
        network_interface: "eth0".into(),
        port: Some(5060),
        probe_interval_ms: 50,
        host: "host-b".into(),
        other_hosts: vec!["host-a".into()],
        options: Vec::new(),
    }
}

/// An order about [`binding`], of term 7.
pub fn order(release: Release, time_left_ms: u32) -> VipOrder {
    VipOrder { binding: binding(), term: Term(7), release, time_left_ms }
}

/// What goes on at the moment.
#[derive(Debug, Default)]
struct Scene {
    script: Option<Script>,
    lines: Vec<String>,
}

/// Host and clock of the case that runs at the moment.
#[derive(Clone, Debug, Default)]
struct Stage(Arc<Mutex<Scene>>);

impl Stage {
    fn lock(&self) -> MutexGuard<'_, Scene> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A component that outlives its case has nobody to answer it.
    fn ask(&self, question: &str) -> Answer {
        let over = || Answer::Fault("failed".into(), "the case is over".into());
        self.lock().script.as_mut().map_or_else(over, |script| script.ask(question))
    }

    fn now_ms(&self) -> u64 {
        self.lock().script.as_ref().map_or(0, Script::now_ms)
    }

    fn keep(&self, line: LogLine) {
        self.lock().lines.push(line.text);
    }
}

impl Clock for Stage {
    fn now_unix_ms(&self) -> u64 {
        self.now_ms()
    }

    fn monotonic_ms(&self) -> u64 {
        self.now_ms()
    }

    fn wait(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.ask(&format!("clock.wait-ms {}", duration.as_millis()));
        Box::pin(async {})
    }
}

fn fault(kind: &str, text: &str) -> Fault {
    match kind {
        "denied" => Fault::Denied(text.into()),
        "not-found" => Fault::NotFound(text.into()),
        "unavailable" => Fault::Unavailable(text.into()),
        "in-progress" => Fault::InProgress,
        "timed-out" => Fault::TimedOut,
        "invalid" => Fault::Invalid(text.into()),
        _ => Fault::Failed(text.into()),
    }
}

impl ReactionHost for Stage {
    fn manage(&self, call: ManagementCall) -> HostAnswer<'_, ManagementAnswer> {
        let question = match &call {
            ManagementCall::GetApplication { name } => {
                format!("management.get-application {name}")
            }
            ManagementCall::StartApplication { name } => {
                format!("management.start-application {name}")
            }
            ManagementCall::StopApplication { name, graceful } => {
                let how = if *graceful { "graceful" } else { "at-once" };
                format!("management.stop-application {name} {how}")
            }
            ManagementCall::RestartApplication { name } => {
                format!("management.restart-application {name}")
            }
            ManagementCall::EnableVip { vip, application } => {
                format!("vip-control.enable {vip} {application}")
            }
            ManagementCall::DisableVip { vip, application } => {
                format!("vip-control.disable {vip} {application}")
            }
            other => format!("{other:?}"),
        };
        let answer = match self.ask(&question) {
            Answer::Fault(kind, text) => Err(fault(&kind, &text)),
            Answer::Application(facts) => {
                let fact = |name: &str| facts.get(name).map_or(Value::Null, |fact| json!(fact));
                let name = question.rsplit(' ').next().unwrap_or_default();
                Ok(ManagementAnswer::Application(ApplicationFacts {
                    name: name.into(),
                    host: facts.get("host").map_or("host-a", String::as_str).into(),
                    kind: facts.get("kind").map_or("sip-server", String::as_str).into(),
                    status: serde_json::from_value(fact("status")).unwrap_or(Status::Unknown),
                    run_mode: serde_json::from_value(fact("run-mode")).unwrap_or_default(),
                }))
            }
            _ => Ok(ManagementAnswer::Done),
        };
        Box::pin(async move { answer })
    }

    fn log(&self, line: LogLine) {
        self.keep(line);
    }
}

impl VipHost for Stage {
    fn address(&self, call: AddressCall) -> HostAnswer<'_, AddressAnswer> {
        let question = match call {
            AddressCall::Add => "addresses.add 192.0.2.10 eth0".to_owned(),
            AddressCall::Delete => "addresses.delete 192.0.2.10 eth0".to_owned(),
            AddressCall::Present => "addresses.present 192.0.2.10 eth0".to_owned(),
            AddressCall::Announce => "addresses.announce 192.0.2.10 eth0".to_owned(),
            AddressCall::WhoHas { attempts, interval_ms } => {
                format!("addresses.who-has 192.0.2.10 eth0 {attempts} {interval_ms}")
            }
        };
        let answer = match self.ask(&question) {
            Answer::Fault(kind, text) => Err(fault(&kind, &text)),
            Answer::Present(present) => Ok(AddressAnswer::Present(present)),
            Answer::Holder(holder) => Ok(AddressAnswer::Holder(holder.map(Into::into))),
            _ => Ok(AddressAnswer::Done),
        };
        Box::pin(async move { answer })
    }

    fn log(&self, line: LogLine) {
        self.keep(line);
    }
}

fn words<T>(ended: Ended<T>, ok: impl FnOnce(T) -> String) -> String {
    let (kind, text) = match ended {
        Ended::Ok(answer) => return ok(answer),
        Ended::Fault(Fault::Denied(text)) => ("denied", text.to_string()),
        Ended::Fault(Fault::NotFound(text)) => ("not-found", text.to_string()),
        Ended::Fault(Fault::Unavailable(text)) => ("unavailable", text.to_string()),
        Ended::Fault(Fault::InProgress) => return "fault in-progress".to_owned(),
        Ended::Fault(Fault::TimedOut) => return "fault timed-out".to_owned(),
        Ended::Fault(Fault::StaleTerm(term)) => ("stale-term", term.to_string()),
        Ended::Fault(Fault::Invalid(text)) => ("invalid", text.to_string()),
        Ended::Fault(Fault::Failed(text)) => ("failed", text.to_string()),
        other => return other.map(|_| ()).to_string(),
    };
    format!("fault {kind}: {text}")
}
