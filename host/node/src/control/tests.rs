//! The whole control server on loopback, with host agents that follow a script.

mod agent;
mod http;
mod keeping;

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(crate) use self::agent::ScriptedAgent;
pub(crate) use self::http::{Answer, Sse, request, tls_request};
use super::{ControlServer, ControlSettings};
use crate::link::tests::{files, pki_folder};
use crate::pki::{create_host, hex};

pub(crate) const OPERATOR: &str = "operator-token";
pub(crate) const VIEWER: &str = "viewer-token";
const WAIT: Duration = Duration::from_secs(20);

/// A control server with a pair on two hosts, in a folder of its own.
pub(crate) struct TestServer {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) server: ControlServer,
}

/// Writes a configuration of a pair with a virtual IP on h1 and h2; `extra` goes to `[control]`.
pub(crate) fn write_configuration(folder: &Path, extra: &str) {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins.d");
    assert!(plugins.is_dir(), "no components: run `cargo xtask build-plugins` first");
    let digest = |token: &str| hex(&Sha256::digest(token.as_bytes()));
    let text = format!(
        r#"
[control]
listen = "127.0.0.1:0"
page = "127.0.0.1:0"
certificate = "control.pem"
key = "control.key"
ca = "ca.pem"
plugins = {plugins:?}
startup_grace_s = 1
{extra}
tokens = [
    {{ name = "op", role = "operator", sha256 = "{}" }},
    {{ name = "look", role = "viewer", sha256 = "{}" }},
]

[[host]]
name = "h1"
address = "127.0.0.1"
[[host]]
name = "h2"
address = "127.0.0.2"

[[pair]]
name = "sip"
hosts = ["h1", "h2"]
vip = "10.81.1.100/24"
network_interface = "sip0"
[pair.application]
command = ["/bin/sipd"]
"#,
        digest(OPERATOR),
        digest(VIEWER)
    );
    fs::write(folder.join("takeover.toml"), text).unwrap();
}

/// A folder with certificates and the configuration of a pair.
pub(crate) fn folder(extra: &str) -> tempfile::TempDir {
    let folder = pki_folder();
    create_host(folder.path(), "h2", 2).unwrap();
    create_host(folder.path(), "h9", 2).unwrap();
    write_configuration(folder.path(), extra);
    folder
}

pub(crate) async fn start(folder: &Path) -> Result<ControlServer, super::ControlError> {
    let settings =
        ControlSettings { folder: folder.to_owned(), local_agents: vec![], sandbox: None };
    ControlServer::start(settings).await
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        let folder = folder("");
        let server = start(folder.path()).await.unwrap();
        Self { folder, server }
    }

    /// Stops the server in order and starts it again on the same journal.
    async fn restart(self) -> Self {
        self.server.stop().await.unwrap();
        let server = start(self.folder.path()).await.unwrap();
        Self { folder: self.folder, server }
    }

    /// Adds to the configuration, which is read again by itself.
    pub(crate) fn append(&self, text: &str) {
        let path = self.folder.path().join("takeover.toml");
        let present = fs::read_to_string(&path).unwrap();
        fs::write(path, format!("{present}{text}")).unwrap();
    }

    pub(crate) fn agent(&self, host: &str) -> ScriptedAgent {
        let address = self.server.address().unwrap().to_string();
        ScriptedAgent::start(host, address, &files(self.folder.path(), host))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        request(self.server.page_address().unwrap(), "GET", path, Some(VIEWER), None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Option<&str>) -> Answer {
        request(self.server.page_address().unwrap(), "POST", path, Some(OPERATOR), body).await
    }

    /// Asks for `path` until `wanted` finds what it looks for.
    pub(crate) async fn eventually<T>(
        &self,
        path: &str,
        wanted: impl Fn(&Value) -> Option<T>,
    ) -> T {
        let mut last = Value::Null;
        let seen = async {
            loop {
                last = self.get(path).await.body;
                if let Some(found) = wanted(&last) {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        match tokio::time::timeout(WAIT, seen).await {
            Ok(found) => found,
            Err(_) => panic!("{path}: not seen within {WAIT:?}; last: {last:#}"),
        }
    }

    /// Waits until `primary` is, and the address is on `host` and nowhere else.
    pub(crate) async fn wait_for_primary(&self, primary: &str, host: &str) {
        self.eventually("/v1/overview", |overview| {
            let pair = &overview["pairs"][0];
            let presence = overview["vips"][0]["presence"].as_object()?;
            let holders: Vec<_> =
                presence.iter().filter(|(_, v)| v["is"] == "good").map(|(h, _)| h).collect();
            (pair["primary"] == primary && holders == [host]).then_some(())
        })
        .await;
    }

    /// Ids of the log events so far, each with what it is about.
    async fn events(&self) -> Vec<String> {
        let events = self.get("/v1/events?after=0&limit=1000").await.body;
        let line = |event: &Value| {
            let event = &event["event"];
            let about = event["application"].as_str().or(event["host"].as_str()).unwrap_or("-");
            format!("{} {about}", event["id"].as_str().unwrap())
        };
        events["events"].as_array().unwrap().iter().map(line).collect()
    }

    /// Names of the two applications of the pair, the configured primary first.
    pub(crate) async fn pair(&self) -> [String; 2] {
        let config = self.get("/v1/config").await.body;
        let pair = &config["pairs"]["sip"];
        ["primary", "backup"].map(|mode| pair[mode].as_str().unwrap().to_owned())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_comes_up_fails_over_switches_by_hand_and_survives_a_restart() {
    let server = TestServer::start().await;
    let [first, second] = server.pair().await;
    let one = server.agent("h1");
    let two = server.agent("h2");
    server.wait_for_primary(&first, "h1").await;

    one.die(&first);
    server.wait_for_primary(&second, "h2").await;
    let term = server.get("/v1/overview").await.body["pairs"][0]["term"].clone();
    let events = server.events().await;
    let place = |id: &str| events.iter().rposition(|event| event.starts_with(id));
    let [primary, alarm] = ["00-05150", "90-04001"].map(place);
    assert!(primary.is_some() && alarm > primary, "mode before alarm: {events:#?}");

    // The explanation of the newest decision begins with its cause.
    let decisions = server.get("/v1/switchovers?limit=1").await.body;
    let decision = &decisions["switchovers"][0];
    assert_eq!((&decision["pair"], &decision["term"]), (&json!("sip"), &term));
    let steps = server.get(&format!("/v1/switchovers/{}", decision["id"])).await.body;
    let steps = steps["steps"].as_array().unwrap();
    assert_eq!(steps[0]["sentence"], decision["sentence"]);
    assert!(steps.len() > 2, "{steps:#?}");

    // By hand and back; the answer comes when the address is verified.
    one.start_application(&first);
    server
        .eventually("/v1/overview", |overview| {
            (overview["pairs"][0]["backup"] == *first).then_some(())
        })
        .await;
    let answer = server.post("/v1/pairs/sip/switchover", None).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body["answer"]["switched-over"].is_u64(), "{}", answer.body);
    server.wait_for_primary(&first, "h1").await;

    let before = server.get("/v1/overview").await.body;
    let recorded = server.events().await;
    let server = server.restart().await;
    let one = one.move_to(server.server.address().unwrap().to_string()).await;
    let two = two.move_to(server.server.address().unwrap().to_string()).await;
    server.wait_for_primary(&first, "h1").await;
    let after = server.get("/v1/overview").await.body;
    assert_eq!(before["pairs"][0]["term"], after["pairs"][0]["term"], "no new promotion");
    let events = server.events().await;
    assert_eq!(events[..recorded.len()], recorded, "what was recorded is there");
    let since = &events[recorded.len()..];
    for refired in ["00-05150", "00-05151", "90-04001"] {
        assert!(!since.iter().any(|event| event.starts_with(refired)), "{since:#?}");
    }
    drop((one, two));
    server.server.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_are_acknowledged_when_they_are_in_the_journal_and_never_twice() {
    let server = TestServer::start().await;
    let mut one = server.agent("h1");
    one.report(1, "first");
    assert_eq!(one.stored().await, 1);
    let events = server.get("/v1/events").await.body.to_string();
    assert!(events.contains("first"), "acknowledged, so it is there: {events}");
    one.report(1, "first"); // told again, as after a lost acknowledgement
    one.report(2, "second");
    while one.stored().await < 2 {}
    let events = server.get("/v1/events").await.body.to_string();
    assert_eq!(events.matches("\"first\"").count(), 1, "{events}");
    assert_eq!(events.matches("\"second\"").count(), 1, "{events}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_not_configured_is_refused() {
    let server = TestServer::start().await;
    let mut stranger = server.agent("h9");
    assert_eq!(stranger.refused().await, "host h9 is not in the configuration");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_configuration_is_used_and_a_bad_one_refused_whole() {
    let server = TestServer::start().await;
    let path = server.folder.path().join("more.toml");
    let event = async |id: &str| {
        server
            .eventually("/v1/events", |page| {
                let events = page["events"].as_array()?;
                let found = events.iter().rfind(|event| event["event"]["id"] == id)?;
                Some(found["event"]["text"].as_str()?.to_owned())
            })
            .await
    };
    fs::write(&path, "[[host]]\nname = \"h3\"\naddress = \"127.0.0.3\"\n").unwrap();
    let text = event("90-07003").await;
    assert!(text.contains("3 hosts"), "{text}");
    assert!(server.get("/v1/config").await.body["hosts"]["h3"].is_object());

    fs::write(&path, "[[host]]\nnam = \"h3\"\n[[pair]]\nname = \"other\"\n").unwrap();
    let text = event("90-07004").await;
    assert!(text.contains("more.toml:2") && text.contains("more.toml:3"), "{text}");
    assert!(server.get("/v1/config").await.body["hosts"]["h3"].is_object(), "the old one stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_can_not_work_says_why_and_leaves_nothing_running() {
    async fn error(folder: &Path) -> String {
        let error = start(folder).await.unwrap_err().to_string();
        error.replace(&format!("{}/", folder.display()), "")
    }
    let folder = folder("heartbeat_misses = 1000\njurnal = \"x\"");
    let text = error(folder.path()).await;
    assert!(text.lines().count() == 2 && text.contains("nearest: journal"), "{text}");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    write_configuration(folder.path(), "");
    let path = folder.path().join("takeover.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("127.0.0.1:0", &address.to_string(), 1)).unwrap();
    let text = error(folder.path()).await;
    assert!(text.starts_with(&format!("listen on {address}: Address")), "{text}");

    write_configuration(folder.path(), "");
    fs::remove_file(folder.path().join("control.key")).unwrap();
    assert_eq!(error(folder.path()).await, "control.key: can not be read");
    assert!(!folder.path().join("state").exists(), "no journal was made");
}

#[test]
fn a_full_disk_holds_up_acknowledgements_and_nothing_else() {
    use nix::mount::{MsFlags, mount};
    use nix::sched::{CloneFlags, unshare};
    if !nix::unistd::geteuid().is_root() {
        assert!(std::env::var_os("REQUIRE_ALL").is_none(), "needs root");
        println!("SKIP a_full_disk_holds_up_acknowledgements_and_nothing_else: needs root");
        return;
    }
    // A mount namespace belongs to a thread; the threads of the server are made by this one.
    let whole = std::thread::spawn(|| {
        let folder = folder("");
        let state = folder.path().join("state");
        fs::create_dir(&state).unwrap();
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        let none = None::<&str>;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
        mount(Some("tmpfs"), &state, Some("tmpfs"), MsFlags::empty(), Some("size=2m")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(full_disk(folder));
    });
    whole.join().unwrap();
}

async fn full_disk(folder: tempfile::TempDir) {
    let server = start(folder.path()).await.unwrap();
    let server = TestServer { folder, server };
    assert_eq!(server.get("/healthz").await.status, 200);
    let filler = server.folder.path().join("state/filler");
    // Fills the file system: the write that fails is the purpose.
    let _ = fs::write(&filler, vec![0u8; 4 << 20]);

    // Every command is recorded, so sooner or later one does not fit any more.
    let mut answer = server.post("/v1/pairs/sip/pause", None).await;
    for _ in 0..50 {
        if answer.status == 503 {
            break;
        }
        server.post("/v1/pairs/sip/resume", None).await;
        answer = server.post("/v1/pairs/sip/pause", None).await;
    }
    let text = answer.body["error"]["message"].as_str().unwrap_or_default().to_owned();
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(text.starts_with("done, but not yet recorded") && text.contains("full"), "{text}");
    let health = server.get("/healthz").await;
    assert_eq!((health.status, &health.body["status"]), (503, &json!("failing")));
    let overview = server.get("/v1/overview").await.body;
    assert_eq!(overview["pairs"][0]["paused"], true, "decisions go on: {overview}");

    fs::remove_file(&filler).unwrap();
    let back = |page: &Value| page.to_string().contains("90-07006").then_some(());
    server.eventually("/v1/events", back).await;
    server.eventually("/healthz", |health| (health["status"] == "ok").then_some(())).await;
    let events = server.get("/v1/events").await.body.to_string();
    assert!(events.contains("90-07005"), "{events}");
    server.server.stop().await.unwrap();
}

#[test]
fn without_a_state_folder_components_reach_nothing_and_are_told_so() {
    use takeover_engine::host::outside::DatagramCall;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    fs::write(&state, "a file where the folder would be").unwrap();
    let outside = super::reach_outside(&state);
    let call = DatagramCall {
        plugin: "p".into(),
        to: "127.0.0.1:9".into(),
        payload: vec![1],
        deadline: std::time::Instant::now() + WAIT,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let fault = runtime.block_on(outside.datagram(call)).unwrap_err();
    assert!(matches!(fault, takeover_logic::link::Fault::Unavailable(_)), "{fault}");
}
