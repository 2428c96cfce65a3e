//! Without a policy, and with a real one that is exchanged while calls are decided.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use takeover_engine::{Engine, EngineSettings, Kind, PoolSettings};
use takeover_logic::component::sip::{
    CallKind, DrForward, ForwardingDestination, NodeMode, Refusal,
};

use super::*;
use crate::plugins::{PluginFolders, Plugins, Uses};

fn call(dn: &str) -> ForwardingCall {
    ForwardingCall {
        kind: CallKind::Inbound,
        request_uri: format!("sip:{dn}@example.com"),
        caller: "sip:caller@example.com".into(),
        source: "192.0.2.1:5060".into(),
        call_id: "1".into(),
        from_peer: false,
        destination: ForwardingDestination {
            dn: dn.into(),
            known: true,
            registered: true,
            in_service: true,
            agent_logged_in: true,
            dr_forward: DrForward::Off,
        },
        peer: None,
        node_mode: NodeMode::InService,
        shutdown_reject_code: 603,
        headers: vec![],
    }
}

#[test]
fn without_a_policy_the_operators_word_counts() {
    let decisions = Decisions::new(LastResort::Deliver);
    assert_eq!(decisions.decide(&call("1001")), ForwardingDecision::Deliver);
    let refusal = Refusal { code: 480, reason: "Later".into(), retry_after_s: Some(5) };
    let decisions = Decisions::new(LastResort::Refuse(refusal.clone()));
    assert_eq!(decisions.decide(&call("1001")), ForwardingDecision::Refuse(refusal));
    let unusable = Refusal { code: 200, reason: "".into(), retry_after_s: None };
    let decisions = Decisions::new(LastResort::Refuse(unusable));
    let ForwardingDecision::Refuse(used) = decisions.decide(&call("1001")) else { panic!() };
    assert_eq!(used.code, 503);
    assert_eq!(decisions.counts(), DecisionCounts { asked: 1, fallback: 1 });
}

/// A component and its manifest, as built.
fn built(name: &str) -> PathBuf {
    let shelf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins-test.d");
    assert!(shelf.is_dir(), "{} is missing: run `cargo xtask build-plugins`", shelf.display());
    shelf.join(name)
}

/// Puts a version of the policy into the plugin folder.
fn put(folder: &Path, version: &str) {
    let from = built("test-policy");
    let manifest = fs::read_to_string(from.join("plugin.toml")).unwrap();
    let manifest: String = manifest
        .lines()
        .map(|line| match line.starts_with("version = ") {
            true => format!("version = {version:?}\n"),
            false => format!("{line}\n"),
        })
        .collect();
    let folder = folder.join("plugins.d/test-policy");
    fs::create_dir_all(&folder).unwrap();
    fs::copy(from.join("component.wasm"), folder.join("component.wasm")).unwrap();
    fs::write(folder.join(".part"), manifest).unwrap();
    fs::rename(folder.join(".part"), folder.join("plugin.toml")).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_is_taken_up_and_exchanged_while_it_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "1.0.0");
    let folders = PluginFolders::beside(
        folder.path().join("plugins.d"),
        folder.path().join("state"),
        &[Kind::ForwardingPolicy],
    );
    let engine = Arc::new(Engine::start(EngineSettings::default()).unwrap());
    let plugins = Plugins::start(engine, folders, None, Uses::new()).await.unwrap();
    let decisions = Arc::new(Decisions::new(LastResort::Deliver));
    let (name, one) = ("test-policy".into(), PoolSettings { warm: 1, ..PoolSettings::default() });
    let lines = Arc::new(Lines::of(&name));
    decisions.ask(plugins.stand(&name, Settings::new(), lines, one).await);
    let until = async |wanted: &str| {
        let in_use = || plugins.plugin(&name).map(|plugin| plugin.manifest.version.clone());
        let waited = async {
            while in_use().as_deref() != Some(wanted) {
                ask(&decisions).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), waited).await.expect(wanted);
        ask(&decisions).await;
    };
    until("1.0.0").await;
    put(folder.path(), "2.0.0");
    plugins.look();
    until("2.0.0").await;
    let DecisionCounts { asked, fallback } = decisions.counts();
    assert!(asked >= 2 && fallback == 0, "{fallback} of {asked} were not the policy's");
}

/// One decision, on a thread that may stand still for it.
async fn ask(decisions: &Arc<Decisions>) {
    let decisions = Arc::clone(decisions);
    let deciding = move || decisions.decide(&call("1001"));
    tokio::task::spawn_blocking(deciding).await.unwrap();
}
