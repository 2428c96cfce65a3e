//! Folders of components, calls and hosts that the tests share.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde_json::Value;
use takeover_engine::host::{HostAnswer, LogLine, ReactionHost, SipHost, VipHost};
use takeover_engine::outcome::Outcome;
use takeover_engine::package::candidates;
pub(crate) use takeover_engine::player::{alarm, binding, order};
use takeover_engine::{Call, Engine, EngineSettings, Plugin};
use takeover_logic::component::{AddressAnswer, AddressCall, ManagementAnswer, ManagementCall};
use takeover_logic::link::Fault;

/// Long enough for anything that is to end by itself, also on a busy machine.
pub(crate) const PLENTY: Duration = Duration::from_secs(60);

/// A folder of staged components.
pub(crate) fn shelf(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shelf = root.join("target").join(name);
    assert!(shelf.is_dir(), "{} is missing: run `cargo xtask build-plugins`", shelf.display());
    shelf
}

/// Runs a future on a bare runtime: the engine must not need timers or threads of its caller.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Source folder of a shipped component.
pub(crate) fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins").join(name)
}

/// Loads the shipped components, each with the grant of its source folder: as far as an operator is
/// asked, these say yes.
pub(crate) fn load_shipped(engine: &Engine) -> Vec<Arc<Plugin>> {
    let folders = candidates(&shelf("plugins.d")).unwrap();
    let load = |folder: PathBuf| {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let grant = takeover_cases::grant_of(&source(name)).unwrap();
        load_one(engine, &folder, grant.as_deref())
    };
    folders.into_iter().map(load).collect()
}

/// Loads one component, and fails with the reason when it is rejected.
fn load_one(engine: &Engine, folder: &Path, grant: Option<&str>) -> Arc<Plugin> {
    let loaded = engine.load_plugin(folder, grant);
    loaded.unwrap_or_else(|reason| panic!("{}: {reason}", folder.display()))
}

/// A component with these lines at the head of its manifest.
pub(crate) fn load_with(engine: &Engine, name: &str, lines: &str) -> Arc<Plugin> {
    let (from, folder) = (shelf("plugins-test.d").join(name), tempfile::tempdir().unwrap());
    let to = folder.path().join(name);
    std::fs::create_dir(&to).unwrap();
    std::fs::copy(from.join("component.wasm"), to.join("component.wasm")).unwrap();
    let manifest = std::fs::read_to_string(from.join("plugin.toml")).unwrap();
    std::fs::write(to.join("plugin.toml"), format!("{lines}\n{manifest}")).unwrap();
    load_one(engine, &to, None)
}

/// An engine with the hostile components, shared by the tests: what one does must not matter to
/// the next.
pub(crate) struct Sandbox {
    pub(crate) engine: Engine,
    pub(crate) reaction: Arc<Plugin>,
    pub(crate) vip: Arc<Plugin>,
    pub(crate) monitor: Arc<Plugin>,
    pub(crate) policy: Arc<Plugin>,
}

impl Sandbox {
    pub(crate) fn new(settings: EngineSettings) -> Self {
        let engine = Engine::start(settings).unwrap();
        let plugin = |name: &str| load_one(&engine, &shelf("plugins-test.d").join(name), None);
        Self {
            reaction: plugin("test-reaction"),
            vip: plugin("test-vip"),
            monitor: plugin("test-monitor"),
            policy: plugin("test-policy"),
            engine,
        }
    }

    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Sandbox> = OnceLock::new();
        SHARED.get_or_init(|| Sandbox::new(EngineSettings::default()))
    }

    /// Calls the reaction with these settings.
    pub(crate) fn react(
        &self,
        written: &[(&str, &str)],
        timeout: Duration,
        host: &Arc<Host>,
    ) -> impl Future<Output = Outcome<String>> + Send + use<> {
        let settings = settings(written);
        let deadline = Instant::now() + timeout;
        let call = Call { plugin: &self.reaction, settings: &settings, deadline };
        self.engine.react(call, alarm("sip-a"), Arc::clone(host) as Arc<dyn ReactionHost>)
    }
}

pub(crate) fn settings(written: &[(&str, &str)]) -> BTreeMap<String, Value> {
    written.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect()
}

/// What a host does with the calls of components.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Does everything at once.
    Does,
    /// Never answers.
    Hangs,
    /// Panics.
    Panics,
}

/// A host that writes down what it is asked.
pub(crate) struct Host {
    manner: Manner,
    pub(crate) asked: Mutex<Vec<String>>,
    pub(crate) lines: Mutex<Vec<String>>,
    /// Whether the application of the call is primary, with the call's term.
    pub(crate) primary: Mutex<Result<(), Fault>>,
    /// Names of the threads that it was asked on.
    pub(crate) threads: Mutex<Vec<String>>,
    /// An answer that was waited for was given up.
    pub(crate) dropped: Arc<AtomicBool>,
}

impl Host {
    pub(crate) fn new(manner: Manner) -> Arc<Self> {
        Arc::new(Self {
            manner,
            asked: Mutex::default(),
            lines: Mutex::default(),
            primary: Mutex::new(Ok(())),
            threads: Mutex::default(),
            dropped: Arc::default(),
        })
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    fn answer<T: Send + 'static>(&self, question: String, done: T) -> HostAnswer<'_, T> {
        self.asked.lock().unwrap().push(question);
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        self.threads.lock().unwrap().push(thread);
        let watch = OnDrop(Arc::clone(&self.dropped));
        let manner = self.manner;
        Box::pin(async move {
            match manner {
                Manner::Does => {}
                Manner::Hangs => {
                    let _watch = watch;
                    std::future::pending::<()>().await;
                }
                Manner::Panics => panic!("a host function with a bug"),
            }
            Ok(done)
        })
    }
}

impl ReactionHost for Host {
    fn manage(&self, call: ManagementCall) -> HostAnswer<'_, ManagementAnswer> {
        self.answer(format!("{call:?}"), ManagementAnswer::Done)
    }

    fn primary(&self) -> HostAnswer<'_, ()> {
        let primary = self.primary.lock().unwrap().clone();
        Box::pin(async { primary })
    }

    fn log(&self, line: LogLine) {
        self.lines.lock().unwrap().push(line.text);
    }
}

impl VipHost for Host {
    fn address(&self, call: AddressCall) -> HostAnswer<'_, AddressAnswer> {
        let answer = match call {
            AddressCall::Present => AddressAnswer::Present(true),
            AddressCall::WhoHas { .. } => AddressAnswer::Holder(None),
            AddressCall::Add | AddressCall::Delete | AddressCall::Announce => AddressAnswer::Done,
        };
        self.answer(format!("{call:?}"), answer)
    }

    fn log(&self, line: LogLine) {
        self.lines.lock().unwrap().push(line.text);
    }
}

impl SipHost for Host {
    fn log(&self, line: LogLine) {
        self.lines.lock().unwrap().push(line.text);
        assert!(self.manner != Manner::Panics, "a host function with a bug");
    }
}

/// Says that it was dropped.
struct OnDrop(Arc<AtomicBool>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
