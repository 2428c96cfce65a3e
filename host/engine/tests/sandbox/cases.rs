//! The cases of the shipped components, run in the sandbox: what held natively holds here too.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use takeover_cases::{Answer, Case, Script, run_all};
use takeover_engine::host::{Clock, HostAnswer, LogLine, ReactionHost, VipHost};
use takeover_engine::outcome::Ended;
use takeover_engine::{Call, Engine, EngineSettings, Kind, Plugin, Settings};
use takeover_logic::component::{
    AddressAnswer, AddressCall, ApplicationFacts, ManagementAnswer, ManagementCall, Phase,
};
use takeover_logic::link::{Fault, Release, Status, Verdict, VipAction};

use crate::fixture::{PLENTY, alarm, binding, load, order, shelf, wait};

/// Host and clock of the case that runs at the moment.
#[derive(Clone, Default)]
struct Stage(Arc<Mutex<Option<Script>>>);

impl Stage {
    fn ask(&self, question: &str) -> Answer {
        self.0.lock().unwrap().as_mut().unwrap().ask(question)
    }

    fn now_ms(&self) -> u64 {
        self.0.lock().unwrap().as_ref().unwrap().now_ms()
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
                let status = facts.get("status").map_or(Value::Null, |s| Value::from(s.as_str()));
                Ok(ManagementAnswer::Application(ApplicationFacts {
                    name: "an-application".into(),
                    host: "host-a".into(),
                    kind: "sip-server".into(),
                    status: serde_json::from_value(status).unwrap_or(Status::Unknown),
                    run_mode: None,
                }))
            }
            _ => Ok(ManagementAnswer::Done),
        };
        Box::pin(async move { answer })
    }

    fn log(&self, _line: LogLine) {}
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

    fn log(&self, _line: LogLine) {}
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

fn run(engine: &Engine, plugin: &Arc<Plugin>, stage: &Stage, case: &Case) -> String {
    let settings: Settings =
        serde_json::from_value(serde_json::to_value(&case.settings).unwrap()).unwrap();
    let problems = plugin.validate_settings(&settings);
    assert!(problems.is_empty(), "{}: {problems:?}", case.title);
    let call = Call { plugin, settings: &settings, deadline: Instant::now() + PLENTY };
    let host = Arc::new(stage.clone());
    if plugin.manifest.kind == Kind::AlarmReaction {
        let mut alarm = alarm(&case.alarm.application);
        alarm.condition = case.alarm.condition.as_str().into();
        alarm.event.id = case.alarm.event.parse().unwrap();
        alarm.phase = if case.alarm.raised { Phase::Raised } else { Phase::Cleared };
        alarm.test = case.alarm.test;
        return words(wait(engine.react(call, alarm, host)).ended, |text| format!("ok: {text}"));
    }
    let release = if case.order.confirmed { Release::Confirmed } else { Release::Unknown };
    let mut order = order(release, case.order.time_left_ms);
    order.binding.probe_interval_ms = case.order.probe_interval_ms.into();
    let action = match case.order.action.as_str() {
        "up" => VipAction::Up,
        "down" => VipAction::Down,
        _ => {
            let ended = wait(engine.probe_vip(call, binding(), host)).ended;
            return words(ended, |verdict| match verdict {
                Verdict::Good => "ok: present".to_owned(),
                Verdict::Bad(_) => "ok: absent".to_owned(),
                Verdict::Unknown(reason) => format!("ok: unknown: {reason}"),
            });
        }
    };
    words(wait(engine.move_vip(call, action, order, host)).ended, |()| "ok".to_owned())
}

fn source(plugin: &Plugin) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins").join(&plugin.manifest.name)
}

#[test]
fn every_case_of_every_shipped_component_holds_in_the_sandbox() {
    let stage = Stage::default();
    let clock = Arc::new(stage.clone());
    let engine = Engine::start(EngineSettings { clock, ..EngineSettings::default() }).unwrap();
    let loaded = load(&engine, &shelf("plugins.d"));
    assert!(loaded.plugins.len() >= 5, "{:?}", loaded.plugins);
    for plugin in &loaded.plugins {
        let held = run_all(&source(plugin), |case, script| {
            *stage.0.lock().unwrap() = Some(script.clone());
            let outcome = run(&engine, plugin, &stage, case);
            *script = stage.0.lock().unwrap().take().unwrap();
            outcome
        })
        .unwrap_or_else(|problems| panic!("{problems}"));
        assert!(held >= 3, "{}: success, denied and time-out at least", plugin.manifest.name);
    }
}
