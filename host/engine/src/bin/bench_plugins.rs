//! Measures what a call of each kind of component costs, beside the same decision as a native
//! function and beside a script, on the same machine in the same run. Part of `cargo xtask bench
//! plugins`.
//!
//! A warm policy is asked the way a SIP node asks it: on its own thread, from a `ForwardingCall`
//! to a checked `ForwardingDecision`. What is measured takes turns in rounds, so that a machine
//! that gets busy meanwhile does so for all of them.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use takeover_engine::host::{HostAnswer, LogLine, ReactionHost, SipHost};
use takeover_engine::outcome::Ended;
use takeover_engine::{
    Call, Engine, EngineSettings, Loaded, Plugin, PolicyPool, PoolSettings, Settings,
};
use takeover_logic::component::sip::{
    CallKind, DrForward, ForwardingCall, ForwardingDecision, ForwardingDestination, ForwardingPeer,
    NodeMode, Refusal,
};
use takeover_logic::component::{AlarmCall, Category, ManagementAnswer, ManagementCall, Phase};
use takeover_logic::log_event::{EventId, Level, LogEvent};
use takeover_logic::time::Timestamp;

/// Turns that everything takes.
const ROUNDS: u32 = 200;
/// Of those, the first are not counted.
const WARM_UP: u32 = 20;
/// Calls of each policy, and of the native function, in a round.
const CALLS: u32 = 100;
/// Reactions in a round.
const REACTIONS: u32 = 10;
/// Languages of policies that are measured where `cargo xtask bench plugins` could build them.
const LANGUAGES: [&str; 2] = ["python", "javascript"];
/// To be reached by the median.
const POLICY_GOAL_US: f64 = 3.0;
/// To be reached by the median.
const REACTION_GOAL_US: f64 = 60.0;

/// What the script policy runs: the same decision as [`native`].
const SCRIPT: &str = r#"
if call.node_mode == "shutting-down" {
    refuse(call.shutdown_reject_code, "")
} else if !call.from_peer && call.peer != () && call.peer.in_service
    && call.destination.dr_forward == "oos" && !call.destination.in_service {
    through_trunk(call.peer.trunk)
} else {
    deliver()
}
"#;

/// Listens to nothing, allows everything.
struct Quiet;

impl SipHost for Quiet {
    fn log(&self, _line: LogLine) {}
}

impl ReactionHost for Quiet {
    fn manage(&self, _call: ManagementCall) -> HostAnswer<'_, ManagementAnswer> {
        Box::pin(async { Ok(ManagementAnswer::Done) })
    }

    fn log(&self, _line: LogLine) {}
}

/// What was measured, in microseconds.
#[derive(Default)]
struct Samples {
    native: Vec<f64>,
    policy: Vec<f64>,
    script_policy: Vec<f64>,
    /// By the place in [`LANGUAGES`].
    in_language: [Vec<f64>; LANGUAGES.len()],
    reaction: Vec<f64>,
    shell: Vec<f64>,
}

/// What is asked.
struct Subjects {
    engine: Engine,
    policy: PolicyPool,
    /// None: its component is not there.
    script_policy: Option<PolicyPool>,
    /// By the place in [`LANGUAGES`]; none: its component is not there.
    in_language: [Option<PolicyPool>; LANGUAGES.len()],
    reaction: Arc<Plugin>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let subjects = runtime.block_on(Subjects::load())?;
    let mut samples = Samples::default();
    for round in 0..ROUNDS {
        let mut turn = Samples::default();
        subjects.take_turn(&mut turn)?;
        runtime.block_on(subjects.react(&mut turn))?;
        turn.shell.push(micros(shell()?));
        if round >= WARM_UP {
            samples.add(turn);
        }
    }
    report(samples, subjects.policy.plugin())
}

impl Samples {
    fn add(&mut self, turn: Samples) {
        self.native.extend(turn.native);
        self.policy.extend(turn.policy);
        self.script_policy.extend(turn.script_policy);
        for (all, turn) in self.in_language.iter_mut().zip(turn.in_language) {
            all.extend(turn);
        }
        self.reaction.extend(turn.reaction);
        self.shell.extend(turn.shell);
    }
}

fn report(samples: Samples, policy: &str) -> Result<(), Box<dyn Error>> {
    println!("{:<44}  {:>9}  {:>9}  {:>9}", "us", "median", "p95", "max");
    let native = show("the same decision, native function", samples.native)?;
    let warm = show(&format!("warm policy {policy}, call to decision"), samples.policy)?;
    let script_policy =
        show_if_there("warm policy forwarding-script", "target/plugins.d", samples.script_policy)?;
    let mut in_language = Vec::new();
    for (language, samples) in LANGUAGES.iter().zip(samples.in_language) {
        let name = format!("warm policy in {language}");
        if let Some(median) = show_if_there(&name, "target/bench-plugins.d", samples)? {
            in_language.push((language, median));
        }
    }
    let reaction = show("fresh reaction: instance, init, call, drop", samples.reaction)?;
    let shell = show("fork and exec of a script that does `exit 0`", samples.shell)?;
    println!(
        "goals: warm policy {POLICY_GOAL_US:.0} us, fresh reaction {REACTION_GOAL_US:.0} us; a \
         warm policy takes {:.0} times as long as a native function, a script {:.0} times as long \
         as a warm policy and {:.0} times as long as a fresh reaction",
        warm / native,
        shell / warm,
        shell / reaction
    );
    println!("result plugins.policy_native.median {native:.2} us");
    println!("result plugins.policy_rust.median {warm:.2} us");
    if let Some(script_policy) = script_policy {
        println!("result plugins.policy_script.median {script_policy:.1} us");
    }
    for (language, median) in in_language {
        println!("result plugins.policy_{language}.median {median:.1} us");
    }
    println!("result plugins.reaction_fresh.median {reaction:.1} us");
    println!("result plugins.fork_exec.median {shell:.1} us");
    Ok(())
}

impl Subjects {
    async fn load() -> Result<Self, Box<dyn Error>> {
        let engine = Engine::start(EngineSettings::default())?;
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
        let shipped = engine.load_folder(&root.join("plugins.d")).await;
        let for_tests = engine.load_folder(&root.join("plugins-test.d")).await;
        let none = Settings::new();
        let policy = match shipped.plugin("forward-dr") {
            Some(plugin) => plugin,
            None => wanted(&for_tests, "test-policy")?,
        };
        let policy = start(&engine, policy, &none).await?;
        let script = Settings::from([("script".to_owned(), SCRIPT.into())]);
        let script_policy = match shipped.plugin("forwarding-script") {
            Some(plugin) => Some(start(&engine, plugin, &script).await?),
            None => None,
        };
        let in_languages = engine.load_folder(&root.join("bench-plugins.d")).await;
        let mut in_language = [const { None }; LANGUAGES.len()];
        for (place, language) in in_language.iter_mut().zip(LANGUAGES) {
            if let Some(plugin) = in_languages.plugin(&format!("policy-{language}")) {
                *place = Some(start(&engine, plugin, &none).await?);
            }
        }
        let reaction = Arc::clone(wanted(&shipped, "reaction-vip")?);
        Ok(Self { engine, policy, script_policy, in_language, reaction })
    }

    /// The native function and the policies.
    fn take_turn(&self, samples: &mut Samples) -> Result<(), Box<dyn Error>> {
        let call = call();
        for _ in 0..CALLS {
            let began = Instant::now();
            black_box(native(black_box(&call)));
            samples.native.push(micros(began.elapsed()));
        }
        let ask = |pool: &PolicyPool, samples: &mut Vec<f64>| {
            for _ in 0..CALLS {
                let began = Instant::now();
                let outcome = black_box(pool.decide(black_box(&call)));
                samples.push(micros(began.elapsed()));
                if !matches!(outcome.ended, Ended::Ok(_)) {
                    return Err(format!("policy {} {}", pool.plugin(), outcome.ended));
                }
            }
            Ok(())
        };
        ask(&self.policy, &mut samples.policy)?;
        if let Some(pool) = &self.script_policy {
            ask(pool, &mut samples.script_policy)?;
        }
        for (pool, samples) in self.in_language.iter().zip(&mut samples.in_language) {
            if let Some(pool) = pool {
                ask(pool, samples)?;
            }
        }
        Ok(())
    }

    async fn react(&self, samples: &mut Samples) -> Result<(), Box<dyn Error>> {
        let settings = [("action", "enable"), ("vip", "sip-vip"), ("application", "sip-b")];
        let settings: Settings =
            settings.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        for _ in 0..REACTIONS {
            let deadline = Instant::now() + Duration::from_secs(8);
            let call = Call { plugin: &self.reaction, settings: &settings, deadline };
            let outcome = self.engine.react(call, alarm(), Arc::new(Quiet)).await;
            if !matches!(outcome.ended, Ended::Ok(_)) {
                return Err(format!("the reaction {}", outcome.ended).into());
            }
            samples.reaction.push(micros(outcome.instance));
        }
        Ok(())
    }
}

fn wanted<'a>(loaded: &'a Loaded, name: &str) -> Result<&'a Arc<Plugin>, Box<dyn Error>> {
    let missing = || format!("target has no {name}: run `cargo xtask build-plugins`");
    Ok(loaded.plugin(name).ok_or_else(missing)?)
}

async fn start(
    engine: &Engine,
    plugin: &Arc<Plugin>,
    settings: &Settings,
) -> Result<PolicyPool, Box<dyn Error>> {
    let deadline = Instant::now() + Duration::from_secs(60);
    let call = Call { plugin, settings, deadline };
    // Longer than on a node: on a busy machine the measuring thread may stand still for a while.
    let pool = PoolSettings { deadline: Duration::from_secs(1), ..PoolSettings::default() };
    let started = engine.start_policies(call, Arc::new(Quiet), pool).await;
    started.map_err(|ended| format!("policy {}: {ended}", plugin.manifest.name).into())
}

/// A call for a destination that is out of service, with a peer, as they come from a trunk.
fn call() -> ForwardingCall {
    ForwardingCall {
        kind: CallKind::Routed,
        request_uri: "sip:+15550123456@site-a.sip.example.com:5060;user=phone".into(),
        caller: "\"Front desk\" <sip:+15550100@trunk.example.com>".into(),
        source: "192.0.2.7:5060".into(),
        call_id: "a84b4c76e66710a84b4c76e66710@pc33.example.com".into(),
        from_peer: false,
        destination: ForwardingDestination {
            dn: "7001".into(),
            known: true,
            registered: false,
            in_service: false,
            agent_logged_in: false,
            dr_forward: DrForward::Oos,
        },
        peer: Some(ForwardingPeer {
            trunk: "to-site-b".into(),
            contact: "sip:192.0.2.20:5060".into(),
            in_service: true,
        }),
        node_mode: NodeMode::InService,
        shutdown_reject_code: 603,
        headers: Vec::new(),
    }
}

/// The decision without a sandbox.
fn native(call: &ForwardingCall) -> ForwardingDecision {
    let destination = &call.destination;
    if call.node_mode == NodeMode::ShuttingDown {
        let (code, reason) = (call.shutdown_reject_code, "".into());
        return ForwardingDecision::Refuse(Refusal { code, reason, retry_after_s: None });
    }
    let forward = match destination.dr_forward {
        DrForward::Off => false,
        DrForward::NoAgent => !destination.agent_logged_in,
        DrForward::Oos => !destination.in_service,
    };
    match &call.peer {
        Some(peer) if forward && !call.from_peer && peer.in_service => {
            ForwardingDecision::ThroughTrunk(peer.trunk.clone())
        }
        _ => ForwardingDecision::Deliver,
    }
}

fn alarm() -> AlarmCall {
    AlarmCall {
        condition: "media-lost".into(),
        category: Category::Major,
        application: "media".into(),
        host: Some("h1".into()),
        event: LogEvent {
            id: EventId::new(0, 5064),
            level: Level::Standard,
            text: "application terminated".into(),
            application: Some("media".into()),
            application_type: None,
            host: Some("h1".into()),
            at: Timestamp(0),
            attributes: Vec::new(),
        },
        phase: Phase::Raised,
        repeats: 0,
        test: false,
    }
}

/// The guide's way: a script per event, here one that does nothing.
fn shell() -> Result<Duration, Box<dyn Error>> {
    let began = Instant::now();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "exit 0"]).stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    Ok(began.elapsed())
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// Prints a row and returns the median, or says what is missing where nothing was measured.
fn show_if_there(
    name: &str,
    folder: &str,
    samples: Vec<f64>,
) -> Result<Option<f64>, Box<dyn Error>> {
    if samples.is_empty() {
        println!("{name}: not measured, its component is missing in {folder}");
        return Ok(None);
    }
    show(name, samples).map(Some)
}

/// Prints a row and returns the median.
fn show(name: &str, mut samples: Vec<f64>) -> Result<f64, Box<dyn Error>> {
    samples.sort_by(f64::total_cmp);
    let at = |part: usize| samples.get((samples.len() - 1) * part / 100).copied();
    let (median, p95, max) = (at(50), at(95), at(100));
    let (Some(median), Some(p95), Some(max)) = (median, p95, max) else {
        return Err(format!("{name}: nothing was measured").into());
    };
    println!("{name:<44}  {median:>9.2}  {p95:>9.2}  {max:>9.1}");
    Ok(median)
}
