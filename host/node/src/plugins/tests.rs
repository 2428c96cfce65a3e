//! Plugins on a real folder with real components: every way in which a version can change or go
//! wrong while others are in use. Needs `cargo xtask build-plugins`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use takeover_engine::engine::{Call, EngineSettings};
use takeover_engine::host::{HostAnswer, LogLine, ReactionHost};
use takeover_engine::outcome::{Ended, Outcome};
use takeover_engine::package::{Kind, Package};
use takeover_logic::component::{AlarmCall, Category, ManagementAnswer, ManagementCall, Phase};
use takeover_logic::log_event::EventId;
use takeover_logic::time::Timestamp;

use super::*;
use crate::api::types::PluginView;
use crate::pki::hex;

#[path = "../../../engine/tests/sandbox/crafted.rs"]
mod crafted;
mod exchange;
mod files;
mod hostile;
mod load;
mod policies;
mod quarantine;
mod standing;

/// Long enough for anything that is to happen by itself, also on a busy machine.
const PLENTY: Duration = Duration::from_secs(60);

/// The plugin that all tests are about.
const SUBJECT: &str = "test-reaction";

/// A folder with a plugin in it, and what is watching it.
struct Bench {
    folder: tempfile::TempDir,
    plugins: Arc<Plugins>,
    events: mpsc::Receiver<LogEvent>,
    seen: Vec<String>,
}

/// A component and its manifest, as built.
fn built(shelf: &str, name: &str) -> PathBuf {
    let shelf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target").join(shelf);
    assert!(shelf.is_dir(), "{} is missing: run `cargo xtask build-plugins`", shelf.display());
    shelf.join(name)
}

fn component() -> Vec<u8> {
    fs::read(built("plugins-test.d", SUBJECT).join("component.wasm")).unwrap()
}

/// The component with something behind it that does nothing, so that it is another one.
fn another_component(number: u64) -> Vec<u8> {
    crafted::marked(&component(), &number.to_string())
}

/// A manifest of a version whose `do` is this word where nobody says otherwise.
fn manifest(version: &str, word: &str, component: &[u8]) -> String {
    let text = fs::read_to_string(built("plugins-test.d", SUBJECT).join("plugin.toml")).unwrap();
    let (head, _) = text.split_once("\n[component]").unwrap();
    let head = head.replace("version = \"0.1.0\"", &format!("version = {version:?}"));
    let head = head.replace("[settings.do]\n", &format!("[settings.do]\ndefault = {word:?}\n"));
    let (sha256, size) = (hex(&Sha256::digest(component)), component.len());
    format!("{head}\n[component]\nsha256 = {sha256:?}\nsize_bytes = {size}\n")
}

impl Bench {
    /// Starts with version 1 in the folder, which does what is asked of it.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bytes = component();
        write(folder.path(), &bytes, &manifest("1", "nothing", &bytes));
        Self::open(folder).await
    }

    async fn open(folder: tempfile::TempDir) -> Self {
        let plugins = start(folder.path(), Uses::new()).await;
        let events = plugins.events();
        Self { folder, plugins, events, seen: Vec::new() }
    }

    /// Ends what is watching and starts another one on the same folders.
    async fn restart(self) -> Self {
        let Self { folder, mut plugins, events, .. } = self;
        drop(events);
        // Whoever holds it last writes what was decided last: that is to be this test, which then
        // knows that it is written.
        let began = Instant::now();
        loop {
            match Arc::try_unwrap(plugins) {
                Ok(last) => break drop(last),
                Err(shared) => plugins = shared,
            }
            assert!(began.elapsed() < PLENTY, "somebody still uses the plugins");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Self::open(folder).await
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join("plugins.d").join(SUBJECT).join(file)
    }

    /// Puts another version into the folder as it should be done: the manifest last.
    fn put(&self, version: &str, word: &str) {
        let number = version.bytes().map(u64::from).sum();
        let bytes = another_component(number);
        write(self.folder.path(), &bytes, &manifest(version, word, &bytes));
    }

    fn view(&self) -> PluginView {
        self.plugins.view(SUBJECT).unwrap()
    }

    /// Waits until this version is in this state.
    #[track_caller]
    fn wait_for(&self, version: &str, state: &str) -> impl Future<Output = ()> + '_ {
        let wanted = (version.to_owned(), state.to_owned());
        self.until(move |view| (view.version.clone(), view.state.clone()) == wanted)
    }

    /// Waits until the plugin looks like this.
    #[track_caller]
    fn until(&self, is_so: impl Fn(&PluginView) -> bool) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let began = Instant::now();
            while !is_so(&self.view()) {
                let late = began.elapsed() > PLENTY;
                assert!(!late, "{caller}: not after {PLENTY:?}: {:#?}", self.view());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }

    /// Calls the plugin with a word; the end of the call in words, or why there was none.
    async fn call(&self, word: &str) -> String {
        call(&self.plugins, word, &format!("about {word}")).await
    }

    /// Waits for an event with these words in it.
    async fn told(&mut self, words: &str) {
        let seen = |seen: &[String]| seen.iter().any(|text| text.contains(words));
        let waited = async {
            while !seen(&self.seen) {
                self.seen.push(self.events.recv().await.unwrap().text.to_string());
            }
        };
        let waited = tokio::time::timeout(PLENTY, waited).await;
        assert!(waited.is_ok(), "no event with {words:?} in {:#?}", self.seen);
    }
}

fn write(folder: &Path, component: &[u8], manifest: &str) {
    let plugin = folder.join("plugins.d").join(SUBJECT);
    fs::create_dir_all(&plugin).unwrap();
    // As an update does: beside, then renamed.
    for (name, bytes) in [("component.wasm", component), ("plugin.toml", manifest.as_bytes())] {
        let beside = plugin.join(".part");
        fs::write(&beside, bytes).unwrap();
        fs::rename(&beside, plugin.join(name)).unwrap();
    }
}

async fn start(folder: &Path, uses: Uses) -> Arc<Plugins> {
    let engine = Arc::new(Engine::start(EngineSettings::default()).unwrap());
    let folders = PluginFolders::beside(
        folder.join("plugins.d"),
        folder.join("state"),
        &[Kind::AlarmReaction, Kind::VipBackend],
    );
    Plugins::start(engine, folders, None, uses).await.unwrap()
}

/// A call with a word, or with what the version does by itself; `input` tells calls apart.
async fn call(plugins: &Arc<Plugins>, word: &str, input: &str) -> String {
    let settings: Settings = match word {
        "" => Settings::new(),
        word => [("do".to_owned(), word.into())].into(),
    };
    call_with(plugins, SUBJECT, settings, input).await
}

/// A call of any plugin with any settings.
async fn call_with(plugins: &Arc<Plugins>, name: &str, settings: Settings, input: &str) -> String {
    let digest = Sha256::digest(input);
    let input = InputDigest(u64::from(digest[0]) << 8 | u64::from(digest[1]));
    let ticket = match plugins.begin(name, input) {
        Ok(ticket) => ticket,
        Err(refusal) => return format!("refused: {refusal}"),
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    let call = Call { plugin: ticket.plugin(), settings: &settings, deadline };
    let recorded = Arc::new(Transcript::default());
    let host = Arc::new(Recording { host: Host, transcript: Arc::clone(&recorded) });
    let outcome = plugins.engine().react(call, alarm(), host).await;
    let rehearsal = ticket.rehearsal();
    ticket.end(&outcome);
    if let Some(rehearsal) = rehearsal {
        let replay = Arc::new(Replay::new(Arc::clone(&recorded)));
        let call = Call { plugin: rehearsal.plugin(), settings: &settings, deadline };
        let host = Arc::clone(&replay) as Arc<dyn ReactionHost>;
        let shadow = plugins.engine().rehearse_react(call, alarm(), host).await;
        let (active, shadow) = (ended_words(&outcome.ended), ended_words(&shadow.ended));
        rehearsal.end(Compared::new((&active, &recorded), (&shadow, &replay)));
    }
    words(outcome)
}

fn words(outcome: Outcome<String>) -> String {
    match outcome.ended {
        Ended::Ok(text) => text,
        ended => ended.to_string(),
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
