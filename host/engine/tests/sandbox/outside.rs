//! A test component with permissions of the test's choice, and an outside that writes down what
//! reaches it.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use takeover_engine::host::HostAnswer;
use takeover_engine::host::outside::{
    CommandCall, CommandOutput, DatagramCall, HttpCall, HttpResponse, MailCall, Outside,
};
use takeover_engine::outcome::Ended;
use takeover_engine::{Call, Engine, EngineSettings, Folders, Loaded, Plugin};
use takeover_logic::link::Fault;

use crate::fixture::{Host, Manner, PLENTY, alarm, settings, shelf, wait};

/// Everything that a reaction may ask for.
pub(crate) const ALL: [&str; 8] =
    ["command", "datagram", "http", "mail", "management", "memory", "set-option", "vip-control"];

/// Grants for all of it, without the line that says for which component.
pub(crate) const EVERYTHING: &str = r#"
[[grant]]
permission = "command"
programs = [{ name = "page", path = "/usr/local/bin/page" }]

[[grant]]
permission = "datagram"
destinations = ["192.0.2.1:162"]

[[grant]]
permission = "http"
destinations = ["https://pager.example.com/v1/"]
ca = "/etc/takeover/pager-ca.pem"

[[grant]]
permission = "mail"
from = "takeover@example.com"
recipients = ["*@example.com"]
relay = { host = "192.0.2.25", security = "none" }

[[grant]]
permission = "management"
applications = ["sip-a"]

[[grant]]
permission = "memory"

[[grant]]
permission = "set-option"
applications = ["sip-a"]

[[grant]]
permission = "vip-control"
vips = ["sip-vip"]
"#;

/// Writes down what it is asked, and answers with as much as there may be, and more.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    pub(crate) asked: Mutex<Vec<String>>,
    pub(crate) urls: Mutex<Vec<String>>,
}

impl Recorder {
    fn answer<T: Send + 'static>(&self, asked: String, answer: T) -> HostAnswer<'_, T> {
        self.asked.lock().unwrap().push(asked);
        Box::pin(async move { Ok(answer) })
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Outside for Recorder {
    fn run(&self, call: CommandCall) -> HostAnswer<'_, CommandOutput> {
        let (plugin, program) = (&call.plugin, call.program.display());
        let asked = format!("{plugin} runs {program} {:?} on {:?}", call.arguments, call.remote);
        let (stdout, stderr) = ("\u{e4}".repeat(40_000), String::new());
        self.answer(asked, CommandOutput { exit_code: 3, stdout, stderr })
    }

    fn request(&self, call: HttpCall) -> HostAnswer<'_, HttpResponse> {
        self.urls.lock().unwrap().push(call.url.clone());
        let (body, ca) = (String::from_utf8_lossy(&call.body), &call.ca);
        let asked = format!("{} {} {:?} {body} {ca:?}", call.method, call.url, call.headers);
        let headers = vec![("x".to_owned(), "y".to_owned()); 100];
        self.answer(asked, HttpResponse { status: 202, headers, body: vec![0; 300 << 10] })
    }

    fn mail(&self, call: MailCall) -> HostAnswer<'_, ()> {
        let (from, to, relay) = (&call.from, call.to.join(" "), &call.relay);
        let place = format!("{}:{} {:?}", relay.host, relay.port, relay.security);
        let asked = format!("{from} to {to}: {} / {} through {place}", call.subject, call.text);
        self.answer(asked, ())
    }

    fn datagram(&self, call: DatagramCall) -> HostAnswer<'_, ()> {
        self.answer(format!("{:?} to {}", call.payload, call.to), ())
    }

    fn recall(&self, plugin: &str, key: &str) -> HostAnswer<'_, Option<Vec<u8>>> {
        self.answer(format!("{plugin} recalls {key}"), Some(b"a value".to_vec()))
    }

    fn remember(&self, plugin: &str, key: &str, value: Option<Vec<u8>>) -> HostAnswer<'_, ()> {
        self.answer(format!("{plugin} remembers {key}: {value:?}"), ())
    }
}

/// Folders with the test component.
pub(crate) struct Bench {
    root: tempfile::TempDir,
}

const NAME: &str = "test-reaction";

impl Bench {
    /// The component, asking for these permissions.
    pub(crate) fn asking(asked: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let bench = Self { root };
        fs::create_dir_all(bench.path("plugin.toml").parent().unwrap()).unwrap();
        let from = shelf("plugins-test.d").join(NAME);
        fs::copy(from.join("component.wasm"), bench.path("component.wasm")).unwrap();
        let staged = fs::read_to_string(from.join("plugin.toml")).unwrap();
        let mut manifest: toml::Table = staged.parse().unwrap();
        let row = |name: &&str| {
            let keys = [("name", *name), ("reason", "a test")];
            keys.into_iter().map(|(key, text)| (key.to_owned(), text.into())).collect()
        };
        let rows: Vec<toml::Table> = asked.iter().map(row).collect();
        manifest.insert("permission".to_owned(), rows.into());
        fs::write(bench.path("plugin.toml"), manifest.to_string()).unwrap();
        bench
    }

    /// A file of the plugin.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.root.path().join("plugins.d").join(NAME).join(file)
    }

    /// The operator's file about it.
    pub(crate) fn grant_path(&self) -> PathBuf {
        self.root.path().join("grants.d").join(format!("{NAME}.toml"))
    }

    /// Writes the operator's file about the component that is there.
    pub(crate) fn grant(&self, rows: &str) {
        let manifest = fs::read_to_string(self.path("plugin.toml")).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        let sha256 = manifest["component"]["sha256"].as_str().unwrap();
        self.grant_text(&format!("sha256 = \"{sha256}\"\n{rows}"));
    }

    /// Writes the operator's file as it is.
    pub(crate) fn grant_text(&self, text: &str) {
        let path = self.grant_path();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn load(&self, engine: &Engine) -> Loaded {
        wait(engine.load(&Folders::beside(&self.root.path().join("plugins.d"))))
    }

    /// Why it is not loaded.
    #[track_caller]
    pub(crate) fn refusal(&self, engine: &Engine) -> String {
        let loaded = self.load(engine);
        assert!(loaded.plugins.is_empty(), "it was loaded");
        loaded.rejected.first().unwrap().reason.to_string()
    }
}

/// An engine with a recorder, and the component in it.
pub(crate) struct Reach {
    pub(crate) outside: Arc<Recorder>,
    pub(crate) host: Arc<Host>,
    engine: Engine,
    pub(crate) plugin: Arc<Plugin>,
}

impl Reach {
    /// The component, asking for all, with this answer of the operator.
    #[track_caller]
    pub(crate) fn granting(rows: &str) -> Self {
        let words = |word: &&&str| rows.contains(&format!("\"{word}\""));
        let asked: Vec<&str> = ALL.iter().filter(words).copied().collect();
        let bench = Bench::asking(&asked);
        bench.grant(rows);
        let outside = Arc::new(Recorder::default());
        let settings =
            EngineSettings { outside: Arc::clone(&outside) as _, ..EngineSettings::default() };
        let engine = Engine::start(settings).unwrap();
        let loaded = bench.load(&engine);
        let plugin = loaded.plugins.first().unwrap_or_else(|| panic!("{:?}", loaded.rejected));
        let plugin = Arc::clone(plugin);
        Self { outside, host: Host::new(Manner::Does), engine, plugin }
    }

    /// Has the component ask for something, with these parts.
    pub(crate) fn ask(&self, word: &str, with: &[&str]) -> Result<String, Fault> {
        let with = with.join("\u{1f}");
        let settings = settings(&[("do", word), ("with", &with)]);
        let deadline = std::time::Instant::now() + PLENTY;
        let call = Call { plugin: &self.plugin, settings: &settings, deadline };
        let host = Arc::clone(&self.host) as _;
        match wait(self.engine.react(call, alarm("sip-a"), host)).ended {
            Ended::Ok(text) => Ok(text),
            Ended::Fault(fault) => Err(fault),
            other => panic!("{word}: {other:?}"),
        }
    }
}
