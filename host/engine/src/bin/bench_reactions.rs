//! Measures the way from a log event to a component, and what a fresh instance costs, beside what
//! a script costs on the same machine in the same run. Second part of `cargo xtask bench alarms`.
//!
//! A log event goes through the alarm machine of the control server with the four conditions of a
//! pair; the run that comes out is handed to the sandbox. "Entered" is when the component's first
//! call of the management layer arrives, which is a little later than it really is.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use takeover_engine::host::{HostAnswer, LogLine, ReactionHost};
use takeover_engine::outcome::Ended;
use takeover_engine::{Call, Engine, EngineSettings, Plugin};
use takeover_logic::alarm::{Alarms, Input, Output};
use takeover_logic::catalog::{self, About};
use takeover_logic::component::{ManagementAnswer, ManagementCall};
use takeover_logic::config;
use takeover_logic::config::model::Config;
use takeover_logic::control::io::{ReactionRun, RecordedEvent};
use takeover_logic::ids::EventSequence;
use takeover_logic::log_event::{Level, LogEvent};
use takeover_logic::time::{Instant as Moment, Now, Timestamp};

/// Log events that run a reaction.
const EVENTS: u32 = 2000;
/// Of those, the first are not counted: the pool fills, the branch predictor learns.
const WARM_UP: u32 = 200;
/// One script is run after so many events.
const SCRIPT_EVERY: u32 = 10;
/// To be reached by the median.
const TO_COMPONENT_GOAL_US: f64 = 100.0;
/// To be reached by the median.
const FRESH_GOAL_US: f64 = 60.0;

/// The pair whose run mode changes.
const PAIR: &str = r#"
[[host]]
name = "h1"
address = "10.82.1.11"
interfaces = { sip0 = ["10.81.1.11/24"] }

[[host]]
name = "h2"
address = "10.82.1.12"
interfaces = { sip0 = ["10.81.1.12/24"] }

[[pair]]
name = "sip"
hosts = ["h1", "h2"]
vip = "10.81.1.100/24"

[pair.application]
command = ["/usr/sbin/kamailio"]
"#;

/// Answers at once, and notes when it was asked.
#[derive(Default)]
struct Entrance(Mutex<Option<Instant>>);

impl ReactionHost for Entrance {
    fn manage(&self, _call: ManagementCall) -> HostAnswer<'_, ManagementAnswer> {
        let now = Instant::now();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(now);
        Box::pin(async { Ok(ManagementAnswer::Done) })
    }

    fn log(&self, _line: LogLine) {}
}

/// What was measured, in microseconds.
#[derive(Default)]
struct Samples {
    to_component: Vec<f64>,
    fresh: Vec<f64>,
    round_trip: Vec<f64>,
    script: Vec<f64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let samples = runtime.block_on(measure())?;
    println!("{:<44}  {:>9}  {:>9}  {:>9}", "us", "median", "p95", "max");
    let to_component = show("log event -> component entered", samples.to_component)?;
    let fresh = show("fresh instance, init, call, drop", samples.fresh)?;
    show("log event -> answer of the component is here", samples.round_trip)?;
    let script = show("fork and exec of /bin/sh -c true", samples.script)?;
    println!(
        "goals: component entered {TO_COMPONENT_GOAL_US:.0} us, fresh instance {FRESH_GOAL_US:.0} \
         us; a script takes {:.0} times as long as a fresh instance",
        script / fresh
    );
    println!("result alarms.to_component.median {to_component:.1} us");
    println!("result alarms.fresh_instance.median {fresh:.1} us");
    println!("result alarms.fork_exec.median {script:.1} us");
    Ok(())
}

async fn measure() -> Result<Samples, Box<dyn Error>> {
    let engine = Engine::start(EngineSettings::default())?;
    let plugin = reaction_vip(&engine).await?;
    let files = [("pair.toml".to_owned(), PAIR.to_owned())];
    let config = config::read(&files).map_err(|errors| format!("{errors:?}"))?.config;
    let mut alarms = Alarms::new(&config);
    let mut samples = Samples::default();
    for number in 0..EVENTS {
        let now = Now { instant: at(number), at: Timestamp(0) };
        let began = Instant::now();
        let entrance = Arc::new(Entrance::default());
        let runs = runs_of(&mut alarms, now, event(&config, now)?, number);
        let run = runs.first().ok_or("the event ran no reaction")?;
        let call = Call {
            plugin: &plugin,
            settings: &run.settings,
            deadline: began + Duration::from_secs(8),
        };
        let host: Arc<dyn ReactionHost> = Arc::clone(&entrance) as _;
        let outcome = engine.react(call, run.call.clone(), host).await;
        let round_trip = began.elapsed();
        if !matches!(outcome.ended, Ended::Ok(_)) {
            return Err(format!("the reaction {}", outcome.ended).into());
        }
        let entered = entrance.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entered = entered.ok_or("the component asked for nothing")?;
        answer_all(&mut alarms, now, runs);
        if number >= WARM_UP {
            samples.to_component.push(micros(entered - began));
            samples.fresh.push(micros(outcome.instance));
            samples.round_trip.push(micros(round_trip));
        }
        if number % SCRIPT_EVERY == 0 {
            samples.script.push(micros(script()?));
        }
    }
    Ok(samples)
}

async fn reaction_vip(engine: &Engine) -> Result<Arc<Plugin>, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let loaded = engine.load_folder(&root.join("target/plugins.d")).await;
    let plugin = loaded.plugin("reaction-vip").cloned();
    Ok(plugin.ok_or("target/plugins.d has no reaction-vip: run `cargo xtask build-plugins`")?)
}

/// Two seconds apart: the alarm of one event has cleared before the next.
fn at(number: u32) -> Moment {
    Moment(0) + Duration::from_secs(2) * number
}

/// 00-05150 of the backup: the event that moves the address.
fn event(config: &Config, now: Now) -> Result<LogEvent, Box<dyn Error>> {
    let pair = config.pairs.values().next().ok_or("no pair")?;
    let backup = config.applications.get(&pair.backup).ok_or("no backup")?;
    let about = About::application(now.at, backup);
    Ok(LogEvent {
        id: catalog::RUN_MODE_PRIMARY,
        level: Level::Standard,
        text: "run mode changed to primary".into(),
        application: about.application,
        application_type: about.application_type,
        host: about.host,
        at: now.at,
        attributes: Vec::new(),
    })
}

/// What the event leads to.
fn runs_of(alarms: &mut Alarms, now: Now, event: LogEvent, number: u32) -> Vec<ReactionRun> {
    alarms.handle(now, Input::Tick);
    while alarms.poll().is_some() {}
    let sequence = EventSequence(number.into());
    alarms.handle(now, Input::Event(RecordedEvent { sequence, event }));
    let mut runs = Vec::new();
    while let Some(output) = alarms.poll() {
        if let Output::Run(run) = output {
            runs.push(run);
        }
    }
    runs
}

/// Ends the runs of an event, and those that waited for them.
fn answer_all(alarms: &mut Alarms, now: Now, mut runs: Vec<ReactionRun>) {
    while let Some(run) = runs.pop() {
        alarms.handle(now, Input::ReactionEnded { run: run.run, result: Ok("done".into()) });
        while let Some(output) = alarms.poll() {
            if let Output::Run(run) = output {
                runs.push(run);
            }
        }
    }
}

/// What the guide's way costs at least: a shell that does nothing.
fn script() -> Result<Duration, Box<dyn Error>> {
    let began = Instant::now();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "true"]).stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    Ok(began.elapsed())
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// Prints a row and returns the median.
fn show(name: &str, mut samples: Vec<f64>) -> Result<f64, Box<dyn Error>> {
    samples.sort_by(f64::total_cmp);
    let at = |part: usize| samples.get((samples.len() - 1) * part / 100).copied();
    let (median, p95, max) = (at(50), at(95), at(100));
    let (Some(median), Some(p95), Some(max)) = (median, p95, max) else {
        return Err(format!("{name}: nothing was measured").into());
    };
    println!("{name:<44}  {median:>9.1}  {p95:>9.1}  {max:>9.1}");
    Ok(median)
}
