//! Versions that mean harm, put in place of one that works: each is refused or swapped back, in an
//! operator's words, with one event, and visible in the list; the version in use goes on serving.

use takeover_logic::log_event::EventId;

use super::crafted::Extra;
use super::*;
use crate::api::types::PluginsBody;

/// Refused, in any of the steps.
const REJECTED: EventId = EventId::new(90, 5002);
/// Exchanged for the version before again.
const SWAPPED_BACK: EventId = EventId::new(90, 5016);

/// Puts such a version into the folder and holds what becomes of it against what is said here.
struct Case {
    bench: Bench,
    /// All events so far.
    events: Vec<LogEvent>,
    version: u32,
}

impl Case {
    async fn new() -> Self {
        Self { bench: Bench::new().await, events: Vec::new(), version: 1 }
    }

    /// The next version, of these bytes and with this manifest.
    fn put(&mut self, bytes: &[u8], edit: impl Fn(String) -> String) {
        self.version += 1;
        let text = edit(manifest(&self.version.to_string(), "nothing", bytes));
        write(self.bench.folder.path(), bytes, &text);
    }

    /// Events with this id after a moment in which another one could have come.
    async fn events_of(&mut self, id: EventId) -> Vec<String> {
        // Whatever two more looks at the folder tell.
        for _ in 0..2 {
            self.bench.plugins.look();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        while let Ok(event) = self.bench.events.try_recv() {
            self.events.push(event);
        }
        let told = self.events.iter().filter(|event| event.id == id);
        told.map(|event| event.text.to_string()).collect()
    }

    /// The version put last is refused at a step, with these words.
    async fn is_refused(&mut self, step: &str, words: &str) {
        let version = self.version;
        let refused = |view: &PluginView| view.rejected.iter().any(|it| it.reason.contains(words));
        self.bench.until(refused).await;
        let told = self.events_of(REJECTED).await;
        assert_eq!(told.len(), 1, "version {version}: {told:#?}");
        let begin = format!("plugin {SUBJECT} rejected: {step}: ");
        assert!(told[0].starts_with(&begin), "{told:?}");
        assert!(told[0].contains(words), "{told:?}");
        assert!(told[0].ends_with("; version 1 stays in use"), "{told:?}");
        self.events.clear();
        let body = listed(&self.bench.plugins);
        let [listed] = &body.rejected[..] else { panic!("{:?}", body.rejected) };
        assert!(listed.reason.starts_with(&format!("{step}: ")), "{listed:?}");
        assert!(listed.reason.contains(words), "{listed:?}");
        self.still_serves().await;
    }

    async fn still_serves(&self) {
        let view = self.bench.view();
        assert_eq!((&*view.version, &*view.state), ("1", "active"), "{view:#?}");
        assert_eq!(self.bench.call("nothing").await, "well behaved");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_component_of_this_world_and_contract_is_refused() {
    let mut case = Case::new().await;
    let other = fs::read(built("plugins-test.d", "test-vip").join("component.wasm")).unwrap();
    case.put(&other, |text| text);
    case.is_refused("check", "component imports takeover:plugin/addresses@1.0.0").await;
    for wit in ["0.9.0", "1.1.0", "2.0.0"] {
        case.put(&component(), |text| text.replace("wit = \"1.0.0\"", &format!("wit = {wit:?}")));
        let words = format!("wit {wit:?}: this program serves the contract 1.0.x");
        case.is_refused("verify", &words).await;
    }
    case.put(b"\0asm\x01\0\0\0", |text| text);
    case.is_refused("check", "component.wasm is not a valid component").await;
    case.put(&component(), |_| "name = \"test-reaction\"\nversion = [".to_owned());
    case.is_refused("verify", "plugin.toml: line 2").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_are_too_large_are_refused_unread() {
    let mut case = Case::new().await;
    let path = case.bench.path("component.wasm");
    let grow = |size| fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(size);
    case.version += 1;
    grow((64 << 20) + 1).unwrap();
    case.is_refused("verify", "component.wasm: 67108865 bytes, at most 67108864").await;
    case.put(&component(), |text| text + &"# filled up\n".repeat(6_000));
    case.is_refused("verify", "plugin.toml: ").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bombs_are_refused_before_their_use() {
    let mut case = Case::new().await;
    for (extra, step, words) in [
        (Extra::LargeMemory, "compile", "byte size of 4294967296 which exceeds"),
        (Extra::GrowingMemory, "start", "bytes of memory wanted, 16777216 allowed"),
        (Extra::ManyMemories, "compile", "6 Wasm linear memories"),
        (Extra::LargeTable, "compile", "element size of 500000000 which exceeds"),
        (Extra::GrowingTable, "start", "table elements wanted, 20000 allowed"),
        (Extra::ManyTables, "compile", "11 tables"),
        (Extra::ManyInstances, "compile", "exceeds the configured maximum of 64"),
    ] {
        case.put(&extra.add_to(&component()), |text| text);
        case.is_refused(step, words).await;
    }
}

/// A manifest whose `init` gets this word where nobody says otherwise.
fn initialized(word: &str) -> impl Fn(String) -> String {
    let default = format!("[settings.init]\ndefault = {word:?}\n");
    move |text| text.replace("[settings.init]\n", &default)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn version_that_fails_in_init_is_refused_before_its_use() {
    let mut case = Case::new().await;
    for (word, words) in [
        ("trap", "init, without settings: trapped: wasm `unreachable` instruction executed"),
        ("panic", "the last words of a component"),
        ("stack", "call stack exhausted"),
        ("memory", "limit reached: "),
        ("memory-slowly", "16777216 allowed"),
    ] {
        case.put(&component(), initialized(word));
        case.is_refused("start", words).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn version_without_an_end_in_init_is_refused_at_its_deadline() {
    let mut case = Case::new().await;
    case.put(&component(), initialized("loop"));
    case.is_refused("start", "init, without settings: deadline passed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn version_that_sleeps_in_init_is_refused_at_its_deadline() {
    let mut case = Case::new().await;
    case.put(&component(), initialized("wait"));
    case.is_refused("start", "init, without settings: deadline passed").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn version_whose_start_never_ends_is_refused_at_its_deadline() {
    let mut case = Case::new().await;
    case.put(&Extra::EndlessStart.add_to(&component()), |text| text);
    case.is_refused("start", "init, without settings: deadline passed").await;
}

/// Calls what is in use with what it does by itself, until `deadline`.
async fn call_by(bench: &Bench, input: u64, deadline: Duration) -> Ended<String> {
    let ticket = bench.plugins.begin(SUBJECT, InputDigest(input)).unwrap();
    let (none, deadline) = (Settings::new(), Instant::now() + deadline);
    let call = Call { plugin: ticket.plugin(), settings: &none, deadline };
    let outcome = bench.plugins.engine().react(call, alarm(), Arc::new(Host)).await;
    ticket.end(&outcome);
    outcome.ended
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn version_that_fails_in_its_calls_is_swapped_back() {
    let mut case = Case::new().await;
    for word in
        ["trap", "panic", "loop", "stack", "stack-wide", "memory", "memory-slowly", "answer-2-mib"]
    {
        // As another component each time: what was denied is denied for good.
        case.version += 1;
        let version = case.version.to_string();
        case.bench.put(&version, word);
        case.bench.wait_for(&version, "probation").await;
        for input in 0..3 {
            let ended = call_by(&case.bench, input, Duration::from_millis(500)).await;
            let is_its_fault = matches!(ended, Ended::Trap(_) | Ended::Limit(_) | Ended::Deadline);
            assert!(is_its_fault, "{word}: {ended:?}");
        }
        let told = case.events_of(SWAPPED_BACK).await;
        let because = "3 of 3 calls were its fault, before 0 of ";
        let expected = format!("plugin {SUBJECT} {version} was exchanged for 1 again: {because}");
        assert!(told.len() == 1 && told[0].starts_with(&expected), "{word}: {told:#?}");
        case.events.clear();
        let body = listed(&case.bench.plugins);
        let [listed] = &body.rejected[..] else { panic!("{:?}", body.rejected) };
        assert!(listed.reason.starts_with(&format!("denied: {because}")), "{listed:?}");
        case.still_serves().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn version_that_asks_for_everything_waits_and_the_one_in_use_serves() {
    const ALL: [&str; 8] = [
        "command",
        "datagram",
        "http",
        "mail",
        "management",
        "memory",
        "set-option",
        "vip-control",
    ];
    let mut case = Case::new().await;
    let rows: Vec<String> = ALL
        .iter()
        .map(|name| format!("[[permission]]\nname = {name:?}\nreason = \"all of it\"\n"))
        .collect();
    let asks = "[[permission]]\nname = \"vip-control\"\nreason = \"to be granted\"\n";
    case.put(&component(), |text| {
        assert!(text.contains(asks), "{text}");
        text.replace(asks, &rows.join("\n"))
    });
    let waits = |view: &PluginView| {
        view.others.first().is_some_and(|other| other.state == "pending-approval")
    };
    case.bench.until(waits).await;
    let told = case.events_of(EventId::new(90, 5013)).await;
    let [pending] = &told[..] else { panic!("{told:#?}") };
    let begin = format!("plugin {SUBJECT} 2 waits for approval: ");
    assert!(pending.starts_with(&begin) && pending.contains("it asks for "), "{pending}");
    for name in ["command", "datagram", "http", "mail", "memory", "set-option"] {
        assert!(pending.contains(&format!("{name} (all of it)")), "{name}: {pending}");
    }
    assert!(pending.ends_with("grants.d/test-reaction.toml does not exist"), "{pending}");
    case.still_serves().await;
}

/// What was verified is what runs. Here the file changes while the version waits for a compiler.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn component_that_changes_after_it_was_verified_is_never_used() {
    let mut case = Case::new().await;
    let mut compilers = Vec::new();
    for _ in 0..takeover_engine::limits::compilers_max() {
        compilers.push(case.bench.plugins.engine().compile_slot().await.unwrap());
    }
    case.put(&another_component(7), |text| text);
    let checked =
        |view: &PluginView| view.others.first().is_some_and(|other| other.state == "checked");
    case.bench.until(checked).await;
    let mut changed = another_component(7);
    *changed.last_mut().unwrap() ^= 1;
    fs::write(case.bench.path("component.wasm"), &changed).unwrap();
    case.bench.plugins.look();
    drop(compilers);
    case.is_refused("verify", "component.wasm is ").await;
}

/// Starts with these plugins of the tests in the folder, of all kinds.
async fn start_with(names: &[&str]) -> (tempfile::TempDir, Arc<Plugins>, mpsc::Receiver<LogEvent>) {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        put_plugin(folder.path(), name, |text| text);
    }
    let folders = PluginFolders::beside(
        folder.path().join("plugins.d"),
        folder.path().join("state"),
        &[Kind::AlarmReaction, Kind::VipBackend, Kind::SipMonitor, Kind::ForwardingPolicy],
    );
    let engine = Arc::new(Engine::start(EngineSettings::default()).unwrap());
    let plugins = Plugins::start(engine, folders, None, Uses::new()).await.unwrap();
    let events = plugins.events();
    (folder, plugins, events)
}

fn put_plugin(folder: &Path, name: &str, edit: impl Fn(String) -> String) {
    let (from, to) = (built("plugins-test.d", name), folder.join("plugins.d").join(name));
    fs::create_dir_all(&to).unwrap();
    fs::copy(from.join("component.wasm"), to.join("component.wasm")).unwrap();
    let text = edit(fs::read_to_string(from.join("plugin.toml")).unwrap());
    fs::write(to.join(".part"), text).unwrap();
    fs::rename(to.join(".part"), to.join("plugin.toml")).unwrap();
}

/// Monitors, policies and backends go the same way into use, and are refused on it alike.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_version_of_every_kind_is_refused_and_the_one_in_use_stays() {
    let names = ["test-monitor", "test-policy", "test-vip"];
    let (folder, plugins, mut events) = start_with(&names).await;
    for name in names {
        let hostile = |text: String| {
            let text = text.replace("version = \"0.1.0\"", "version = \"0.2.0\"");
            initialized("trap")(text)
        };
        put_plugin(folder.path(), name, hostile);
        let told = async {
            loop {
                let event = events.recv().await.unwrap();
                if event.id == REJECTED {
                    return event.text.to_string();
                }
            }
        };
        let told = tokio::time::timeout(PLENTY, told).await.unwrap();
        let begin = format!("plugin {name} rejected: start: init, without settings: trapped");
        assert!(told.starts_with(&begin), "{told}");
        assert!(told.ends_with("; version 0.1.0 stays in use"), "{told}");
        let body = listed(&plugins);
        assert!(body.rejected.iter().any(|it| it.folder == name), "{:?}", body.rejected);
        assert_eq!(plugins.plugin(name).unwrap().manifest.version, "0.1.0");
    }
}

/// The list as operators get it.
fn listed(plugins: &Plugins) -> PluginsBody {
    let mut body = PluginsBody::default();
    body.add(plugins.views());
    body
}
