//! Reloads of one plugin while it is called at a steady rate. The measurement and a test use it.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use takeover::plugins::{PluginFolders, Plugins, Uses};
use takeover_engine::host::{HostAnswer, LogLine, ReactionHost};
use takeover_engine::outcome::Ended;
use takeover_engine::{Call, Engine, EngineSettings, Kind, Settings};
use takeover_logic::component::{AlarmCall, Category, ManagementAnswer, ManagementCall, Phase};
use takeover_logic::ids::InputDigest;
use takeover_logic::log_event::{EventId, Level, LogEvent};
use takeover_logic::time::Timestamp;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::footprint::Footprint;

/// The plugin that is reloaded: it does nothing and says so.
const NAME: &str = "test-reaction";

/// Longest wait for one reload, for the last calls, and for threads to end.
const PLENTY: Duration = Duration::from_secs(60);

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Reloads before the first look at the footprint: caches and pools fill.
    pub(crate) warm_up: u64,
    /// Reloads between the two looks.
    pub(crate) reloads: u64,
    /// Calls that begin in a second.
    pub(crate) calls_per_s: u32,
    /// One reload in so many brings another component, the others only another manifest.
    pub(crate) component_every: u64,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Report {
    /// Before and after.
    pub(crate) footprints: (Footprint, Footprint),
    /// Time of each reload, from the renaming of the manifest to the first call on the version.
    pub(crate) times: Vec<Duration>,
    /// Calls that were made.
    pub(crate) calls: u64,
    /// Of those, without the answer that was due.
    pub(crate) failed: u64,
    /// The first of them, in words.
    pub(crate) first_failure: Option<String>,
}

/// Does it, with the component that lies in `built`. The runtime is like the one of a control
/// server, but its spare threads end soon, so that threads can be counted.
///
/// # Errors
/// A reload that does not come, or files that can not be written.
pub(crate) fn run_on_own_runtime(built: &Path, plan: Plan) -> Result<Report, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_keep_alive(Duration::from_millis(100))
        .enable_all()
        .build()?;
    runtime.block_on(run(built, plan))
}

async fn run(built: &Path, plan: Plan) -> Result<Report, Box<dyn Error>> {
    let package = Package::read(built)?;
    let folder = tempfile::tempdir()?;
    let state = folder.path().join("state");
    let plugin = folder.path().join("plugins.d").join(NAME);
    fs::create_dir_all(&plugin)?;
    package.put(&plugin, 0, plan.component_every)?;
    let engine = Arc::new(Engine::start(EngineSettings::default())?);
    let kinds = [Kind::AlarmReaction];
    let folders = PluginFolders::beside(folder.path().join("plugins.d"), state.clone(), &kinds);
    let plugins = Plugins::start(engine, folders, None, Uses::new()).await?;
    // Somebody listens, as in a control server.
    let mut events = plugins.events();
    let listener = tokio::spawn(async move { while events.recv().await.is_some() {} });
    let callers = Callers::start(&plugins, plan.calls_per_s);
    let mut times = Vec::new();
    for number in 1..=plan.warm_up {
        reload(&plugins, &package, (&plugin, number), plan.component_every).await?;
    }
    let before = settled(&state, None).await?;
    for number in plan.warm_up + 1..=plan.warm_up + plan.reloads {
        times.push(reload(&plugins, &package, (&plugin, number), plan.component_every).await?);
    }
    let after = settled(&state, Some(before)).await?;
    let report = callers.stop((before, after), times).await?;
    drop(plugins);
    listener.abort();
    Ok(report)
}

/// Puts a version into the folder and waits until it is in use.
async fn reload(
    plugins: &Arc<Plugins>,
    package: &Package,
    (folder, number): (&Path, u64),
    component_every: u64,
) -> Result<Duration, Box<dyn Error>> {
    let began = Instant::now();
    package.put(folder, number, component_every)?;
    let version = number.to_string();
    while plugins.plugin(NAME).is_none_or(|plugin| plugin.manifest.version != version) {
        if began.elapsed() > PLENTY {
            return Err(format!("version {version} is not in use after {PLENTY:?}").into());
        }
        sleep(Duration::from_millis(1)).await;
    }
    Ok(began.elapsed())
}

/// The footprint when what goes by itself has gone: threads that read files, and versions with
/// their last calls. Where it is to be compared, it is given time to become the same.
async fn settled(state: &Path, before: Option<Footprint>) -> Result<Footprint, Box<dyn Error>> {
    let began = Instant::now();
    let mut last = Footprint::now(state)?;
    loop {
        sleep(Duration::from_millis(500)).await;
        let now = Footprint::now(state)?;
        let is_calm = (now.files, now.threads) == (last.files, last.threads);
        let is_same = before.is_none_or(|it| now.files <= it.files && now.threads <= it.threads);
        if is_calm && is_same || began.elapsed() > PLENTY / 4 {
            return Ok(now);
        }
        last = now;
    }
}

/// A component and its manifest, from which versions are made.
struct Package {
    component: Vec<u8>,
    manifest: String,
}

impl Package {
    fn read(built: &Path) -> Result<Self, Box<dyn Error>> {
        let folder: PathBuf = built.join(NAME);
        let manifest = fs::read_to_string(folder.join("plugin.toml"));
        let manifest = manifest.map_err(|error| {
            format!("{}: {error}; run `cargo xtask build-plugins`", folder.display())
        })?;
        Ok(Self { component: fs::read(folder.join("component.wasm"))?, manifest })
    }

    /// Writes a version as an update does: beside, then renamed, the manifest last.
    fn put(&self, folder: &Path, number: u64, component_every: u64) -> std::io::Result<()> {
        let bytes = self.component(number / component_every.max(1));
        let head = self.manifest.split("\n[component]").next().unwrap_or_default();
        let head = head.replace("version = \"0.1.0\"", &format!("version = \"{number}\""));
        let sha256: String =
            Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let size = bytes.len();
        let text = format!("{head}\n[component]\nsha256 = \"{sha256}\"\nsize_bytes = {size}\n");
        for (name, bytes) in [("component.wasm", &bytes[..]), ("plugin.toml", text.as_bytes())] {
            let beside = folder.join(".part");
            fs::write(&beside, bytes)?;
            fs::rename(&beside, folder.join(name))?;
        }
        Ok(())
    }

    /// The component with a number behind it, in a custom section named `n`.
    fn component(&self, number: u64) -> Vec<u8> {
        let mut bytes = self.component.clone();
        bytes.extend([0, 10, 1, b'n']);
        bytes.extend(number.to_le_bytes());
        bytes
    }
}

/// Calls that begin at a steady rate, each on a task of its own.
struct Callers {
    over: Arc<AtomicBool>,
    pacer: JoinHandle<()>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    begun: AtomicU64,
    ended: AtomicU64,
    failed: AtomicU64,
    first: std::sync::Mutex<Option<String>>,
}

impl Callers {
    fn start(plugins: &Arc<Plugins>, per_s: u32) -> Self {
        let (over, counts) = (Arc::new(AtomicBool::new(false)), Arc::new(Counts::default()));
        let (plugins, stop, counted) =
            (Arc::clone(plugins), Arc::clone(&over), Arc::clone(&counts));
        let pacer = tokio::spawn(async move {
            let mut ticks = interval(Duration::from_secs(1) / per_s.max(1));
            // What the machine could not do in time is made up for, so that the rate is kept.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            while !stop.load(Ordering::Relaxed) {
                ticks.tick().await;
                let number = counted.begun.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(one_call(Arc::clone(&plugins), number, Arc::clone(&counted)));
            }
        });
        Self { over, pacer, counts }
    }

    /// Lets the last calls end.
    async fn stop(
        self,
        footprints: (Footprint, Footprint),
        times: Vec<Duration>,
    ) -> Result<Report, Box<dyn Error>> {
        self.over.store(true, Ordering::Relaxed);
        self.pacer.await?;
        let counts = self.counts;
        let begun = counts.begun.load(Ordering::Relaxed);
        let all = async {
            while counts.ended.load(Ordering::Relaxed) < begun {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PLENTY, all).await.map_err(|_| "calls that do not end")?;
        let first_failure = counts.first.lock().map_err(|error| error.to_string())?.clone();
        let failed = counts.failed.load(Ordering::Relaxed);
        Ok(Report { footprints, times, calls: begun, failed, first_failure })
    }
}

async fn one_call(plugins: Arc<Plugins>, number: u64, counts: Arc<Counts>) {
    let answer = call(&plugins, number).await;
    if answer.as_deref() != Ok("well behaved") {
        counts.failed.fetch_add(1, Ordering::Relaxed);
        if let Ok(mut first) = counts.first.lock() {
            first.get_or_insert(format!("{answer:?}"));
        }
    }
    counts.ended.fetch_add(1, Ordering::Relaxed);
}

async fn call(plugins: &Arc<Plugins>, number: u64) -> Result<String, String> {
    let ticket = plugins.begin(NAME, InputDigest(number)).map_err(|why| why.to_string())?;
    let (none, deadline) = (Settings::new(), Instant::now() + Duration::from_secs(8));
    let call = Call { plugin: ticket.plugin(), settings: &none, deadline };
    let outcome = plugins.engine().react(call, alarm(), Arc::new(Host)).await;
    ticket.end(&outcome);
    match outcome.ended {
        Ended::Ok(text) => Ok(text),
        ended => Err(ended.to_string()),
    }
}

/// A host that does everything at once.
struct Host;

impl ReactionHost for Host {
    fn manage(&self, _call: ManagementCall) -> HostAnswer<'_, ManagementAnswer> {
        Box::pin(async { Ok(ManagementAnswer::Done) })
    }

    fn log(&self, _line: LogLine) {}
}

fn alarm() -> AlarmCall {
    AlarmCall {
        condition: "a-condition".into(),
        category: Category::Major,
        application: "sip-a".into(),
        host: None,
        event: LogEvent {
            id: EventId::new(0, 5150),
            level: Level::Standard,
            text: "run mode changed to primary".into(),
            application: None,
            application_type: None,
            host: None,
            at: Timestamp(0),
            attributes: Vec::new(),
        },
        phase: Phase::Raised,
        repeats: 0,
        test: false,
    }
}
