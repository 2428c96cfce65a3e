//! Policies and monitors, whose instances outlive a call, from one version to another and back.

use takeover_engine::host::SipHost;
use takeover_engine::{PolicyPool, PoolSettings, Resident};
use takeover_logic::component::sip::{
    CallKind, DrForward, ForwardingCall, ForwardingDecision, ForwardingDestination, MonitorSample,
    MonitoredDevice, NodeMode,
};
use takeover_logic::link::{RunMode, Verdict};
use takeover_logic::log_event::Attribute;

use super::*;

struct Quiet;

impl SipHost for Quiet {
    fn log(&self, _line: LogLine) {}
}

/// Puts a version of a test component into the folder, which by default has this name and does
/// this in `init`.
fn put(folder: &Path, plugin: &str, version: &str, name: &str, init: Option<&str>) {
    let from = built("plugins-test.d", plugin);
    let to = folder.join("plugins.d").join(plugin);
    fs::create_dir_all(&to).unwrap();
    fs::copy(from.join("component.wasm"), to.join("component.wasm")).unwrap();
    let text = fs::read_to_string(from.join("plugin.toml")).unwrap();
    let (_, default) = text.split_once("[settings.name]").unwrap();
    let default = default.lines().find(|line| line.starts_with("default")).unwrap();
    let text = text.replace("version = \"0.1.0\"", &format!("version = {version:?}"));
    let mut text = text.replace(default, &format!("default = {name:?}"));
    if let Some(word) = init {
        let default = format!("[settings.init]\ndefault = {word:?}");
        text = text.replace("[settings.init]", &default);
    }
    fs::write(to.join(".part"), text).unwrap();
    fs::rename(to.join(".part"), to.join("plugin.toml")).unwrap();
}

async fn start(folder: &Path) -> Arc<Plugins> {
    let engine = Arc::new(Engine::start(EngineSettings::default()).unwrap());
    let (plugins, state) = (folder.join("plugins.d"), folder.join("state"));
    let kinds = [Kind::SipMonitor, Kind::ForwardingPolicy];
    let folders = PluginFolders::beside(plugins, state, &kinds);
    Plugins::start(engine, folders, None, Uses::new()).await.unwrap()
}

/// Waits until this version is in this state.
async fn wait_for(plugins: &Plugins, plugin: &str, version: &str, state: &str) {
    let began = Instant::now();
    loop {
        let view = plugins.view(plugin).unwrap();
        if (&*view.version, &*view.state) == (version, state) {
            return;
        }
        assert!(began.elapsed() < PLENTY, "not {version} {state} after {PLENTY:?}: {view:#?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A call that asks the test policy for something.
fn asking_for(word: &str) -> ForwardingCall {
    ForwardingCall {
        kind: CallKind::Routed,
        request_uri: "sip:7001@site-a.example.com".into(),
        caller: "sip:100@trunk.example.com".into(),
        source: "192.0.2.7:5060".into(),
        call_id: "a84b4c76e66710".into(),
        from_peer: false,
        destination: ForwardingDestination {
            dn: "7001".into(),
            known: true,
            registered: true,
            in_service: true,
            agent_logged_in: true,
            dr_forward: DrForward::Off,
        },
        peer: None,
        node_mode: NodeMode::InService,
        shutdown_reject_code: 603,
        headers: vec![Attribute { name: "X-Test".into(), value: word.into() }],
    }
}

/// Who answers a call.
fn who(outcome: &Outcome<ForwardingDecision>) -> String {
    match &outcome.ended {
        Ended::Ok(ForwardingDecision::Refuse(refusal)) => refusal.reason.to_string(),
        other => format!("{other:?}"),
    }
}

async fn policy(plugins: &Arc<Plugins>) -> StandingPolicy {
    // On a busy machine the calling thread may stand still for a while.
    let wish = PoolSettings { deadline: Duration::from_secs(1), ..PoolSettings::default() };
    plugins.stand::<PolicyPool>("test-policy", Settings::new(), Arc::new(Quiet), wish).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policy_is_exchanged_and_a_faulty_one_swapped_back() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "test-policy", "1", "first", None);
    let plugins = start(folder.path()).await;
    let policy = policy(&plugins).await;
    assert_eq!(who(&policy.decide(&asking_for("who"))), "first: call 1");
    let pool_before = policy.in_use().unwrap();
    put(folder.path(), "test-policy", "2", "second", None);
    wait_for(&plugins, "test-policy", "2", "probation").await;
    assert_eq!(who(&policy.decide(&asking_for("who"))), "second: call 1");
    // A call that began before ends where it began.
    assert!(who(&pool_before.decide(&asking_for("who"))).starts_with("first: call"));
    for _ in 0..3 {
        assert!(matches!(policy.decide(&asking_for("trap")).ended, Ended::Trap(_)));
    }
    wait_for(&plugins, "test-policy", "1", "active").await;
    assert!(who(&policy.decide(&asking_for("who"))).starts_with("first: call"));
    assert!(Arc::ptr_eq(&policy.in_use().unwrap(), &pool_before));
    // The next one is trusted, and the instances of the one before are gone with it.
    let before = Arc::downgrade(&pool_before);
    drop(pool_before);
    put(folder.path(), "test-policy", "3", "third", None);
    wait_for(&plugins, "test-policy", "3", "probation").await;
    plugins.operate("test-policy", Action::Promote).unwrap();
    let began = Instant::now();
    while before.strong_count() > 0 {
        assert!(began.elapsed() < PLENTY, "the old instances are still there");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(who(&policy.decide(&asking_for("who"))), "third: call 1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policy_that_does_not_start_where_it_is_used_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "test-policy", "1", "first", None);
    let plugins = start(folder.path()).await;
    let policy = policy(&plugins).await;
    put(folder.path(), "test-policy", "2", "second", Some("trap"));
    let began = Instant::now();
    while plugins.view("test-policy").unwrap().rejected.is_empty() {
        assert!(began.elapsed() < PLENTY, "not refused");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let rejected = plugins.view("test-policy").unwrap().rejected.remove(0);
    let reason = rejected.reason;
    assert!(reason.starts_with("init where it is used: trapped"), "{reason}");
    assert_eq!(who(&policy.decide(&asking_for("who"))), "first: call 1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policy_that_comes_later_and_goes_is_a_fault_and_never_a_wait() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("plugins.d")).unwrap();
    let plugins = start(folder.path()).await;
    let policy = policy(&plugins).await;
    let outcome = policy.decide(&asking_for("who"));
    assert_eq!(outcome.ended.to_string(), "unavailable: plugin test-policy: it is not loaded");
    put(folder.path(), "test-policy", "1", "first", None);
    wait_for(&plugins, "test-policy", "1", "active").await;
    let began = Instant::now();
    while who(&policy.decide(&asking_for("who"))) != "first: call 1" {
        assert!(began.elapsed() < PLENTY, "not used");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    plugins.operate("test-policy", Action::ShadowOn).unwrap();
    put(folder.path(), "test-policy", "2", "second", None);
    let began = Instant::now();
    while plugins.shadow("test-policy").unwrap().compared == 0 {
        assert!(began.elapsed() < PLENTY, "not compared");
        assert!(who(&policy.decide(&asking_for("who"))).starts_with("first: call"));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let shadow = plugins.shadow("test-policy").unwrap();
    assert!(shadow.differences[0].shadow.contains("second: call 1"), "{shadow:?}");
}

fn sample(word: &str) -> MonitorSample {
    let device = MonitoredDevice {
        dn: word.into(),
        check_interval_s: 0,
        force_timeout_s: 0,
        in_service: true,
        answered_ago_ms: None,
    };
    MonitorSample {
        run_mode: RunMode::Primary,
        in_run_mode_ms: 1000,
        vip_up_ms: Some(1000),
        received: 0,
        last_message_ago_ms: None,
        responses_2xx: 0,
        responses_4xx: 0,
        responses_5xx: 0,
        timeouts: 0,
        retransmissions: 0,
        devices: vec![device],
    }
}

async fn assess(monitor: &StandingMonitor, word: &str) -> String {
    let assessed = monitor.assess(sample(word), Instant::now() + PLENTY).await;
    match assessed.verdict {
        Verdict::Unknown(text) => text.to_string(),
        other => format!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn monitor_is_exchanged_and_goes_on_with_what_it_knew_when_it_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "test-monitor", "1", "first", None);
    let plugins = start(folder.path()).await;
    let host = Arc::new(Quiet);
    let monitor = plugins.stand::<Resident>("test-monitor", Settings::new(), host, 7).await;
    assert!(assess(&monitor, "who").await.starts_with("first: call 1 of 1 init"));
    put(folder.path(), "test-monitor", "2", "second", None);
    wait_for(&plugins, "test-monitor", "2", "probation").await;
    assert!(assess(&monitor, "who").await.starts_with("second: call 1 of 1 init"));
    // Between its failures the monitor is started again, which takes a moment each time.
    let began = Instant::now();
    while plugins.view("test-monitor").unwrap().version == "2" {
        assert!(began.elapsed() < PLENTY, "not swapped back");
        let said = assess(&monitor, "trap").await;
        assert!(said.starts_with("the monitor gave no answer: "), "{said}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let said = assess(&monitor, "who").await;
    assert!(said.starts_with("first: call 2 of 1 init"), "{said}");
}
