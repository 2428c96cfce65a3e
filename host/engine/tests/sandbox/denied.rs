//! What was not granted is denied, by name, and the log says so; nothing reaches the shell.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::OnceLock;

use takeover_engine::outcome::Ended;
use takeover_engine::signature::SigningKey;
use takeover_engine::{Engine, EngineSettings};
use takeover_logic::link::Fault;

use crate::fixture::{Host, Manner, PLENTY, Sandbox, wait};
use crate::outside::{ALL, Bench, EVERYTHING, Reach};

const NOT_ASKED: &str = "is not asked for in plugin.toml of test-reaction";

/// What asks for each permission, and the permission.
const CALLS: [(&str, &str); 12] = [
    ("start", "management"),
    ("switchover", "management"),
    ("start-solution", "management"),
    ("set-option", "set-option"),
    ("enable", "vip-control"),
    ("command", "command"),
    ("http", "http"),
    ("mail", "mail"),
    ("datagram", "datagram"),
    ("memory-get", "memory"),
    ("memory-set", "memory"),
    ("memory-forget", "memory"),
];

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::start(EngineSettings::default()).unwrap())
}

#[test]
fn each_permission_that_is_not_asked_for_is_denied_although_granted() {
    // Only memory is asked for, everything is granted.
    let bench = Bench::asking(&["memory"]);
    bench.grant(EVERYTHING);
    assert_eq!(bench.load(engine()).plugins.len(), 1);
    let reach = Reach::granting("[[grant]]\npermission = \"memory\"\n");
    for (word, permission) in CALLS.iter().filter(|(_, permission)| *permission != "memory") {
        let denied = reach.ask(word, &[]).unwrap_err();
        let expected = format!("permission {permission} {NOT_ASKED}");
        assert_eq!(denied, Fault::Denied(expected.as_str().into()), "{word}");
        let line = reach.host.lines.lock().unwrap().pop();
        assert_eq!(line, Some(format!("denied: {expected}")), "{word}");
    }
    let reach = Reach::granting("[[grant]]\npermission = \"vip-control\"\n");
    for word in ["memory-get", "memory-set", "memory-forget"] {
        let denied = reach.ask(word, &[]).unwrap_err().to_string();
        assert_eq!(denied, format!("denied: permission memory {NOT_ASKED}"));
    }
    assert_eq!(reach.outside.asked(), Vec::<String>::new());
    assert_eq!(reach.host.asked(), Vec::<String>::new());
}

#[test]
fn plugin_that_asks_for_more_than_is_granted_waits() {
    for permission in ALL {
        let bench = Bench::asking(&[permission]);
        let loaded = bench.load(engine());
        let usual = ["management", "vip-control"].contains(&permission);
        assert_eq!(loaded.plugins.len(), usize::from(usual), "{permission}");
        if !usual {
            assert_eq!(
                bench.refusal(engine()),
                format!(
                    "pending approval: it asks for {permission} (a test), and \
                     grants.d/test-reaction.toml does not exist"
                )
            );
        }
        bench.grant("");
        assert_eq!(
            bench.refusal(engine()),
            format!(
                "pending approval: it asks for {permission} (a test), and \
                 grants.d/test-reaction.toml does not grant it"
            )
        );
    }
}

#[test]
fn permission_that_is_asked_for_takes_effect_without_a_file_where_the_configuration_bounds_it() {
    let host = Host::new(Manner::Does);
    let outcome = wait(Sandbox::shared().react(&[("do", "enable")], PLENTY, &host));
    assert_eq!(outcome.ended, Ended::Ok("well behaved".to_owned()));
    assert_eq!(host.asked(), ["EnableVip { vip: a-vip, application: sip-a }"]);
}

#[test]
fn changed_component_waits_although_its_predecessor_was_granted() {
    let bench = Bench::asking(&["memory"]);
    bench.grant_text(&format!("sha256 = \"{}\"\n{EVERYTHING}", "0".repeat(64)));
    let refusal = bench.refusal(engine());
    assert!(
        refusal.starts_with(
            "pending approval: grants.d/test-reaction.toml holds for the component with sha256 000"
        ),
        "{refusal}"
    );
}

#[test]
fn grant_for_a_signer_holds_for_what_was_signed_unchanged() {
    let key = SigningKey::generate().unwrap();
    let grant = format!("signer = \"{}\"\n{EVERYTHING}", key.public());
    let sign = |bench: &Bench, key: &SigningKey| {
        let manifest = fs::read(bench.path("plugin.toml")).unwrap();
        fs::write(bench.path("plugin.sig"), key.sign(&manifest)).unwrap();
    };
    let bench = Bench::asking(&ALL);
    bench.grant_text(&grant);
    assert!(bench.refusal(engine()).ends_with("this one is not signed"));
    sign(&bench, &SigningKey::generate().unwrap());
    assert!(bench.refusal(engine()).contains("this one is signed by ed25519:"));
    sign(&bench, &key);
    let loaded = bench.load(engine());
    assert_eq!(loaded.plugins.first().map(|plugin| plugin.signer), Some(Some(key.public())));

    let changed = fs::read_to_string(bench.path("plugin.toml")).unwrap() + "\n";
    fs::write(bench.path("plugin.toml"), changed).unwrap();
    let unfit = "plugin.sig does not fit plugin.toml";
    assert!(bench.refusal(engine()).starts_with(unfit));
    // Also where nothing is granted to a signer: what was changed after it was signed is suspect.
    fs::remove_file(bench.grant_path()).unwrap();
    assert!(bench.refusal(engine()).starts_with(unfit));
    sign(&bench, &key);
    bench.grant_text(&grant);
    let mut bytes = fs::read(bench.path("component.wasm")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(bench.path("component.wasm"), bytes).unwrap();
    assert!(bench.refusal(engine()).starts_with("component.wasm is "));
}

#[test]
fn signature_that_can_not_be_read_is_no_absent_one() {
    for text in [&b""[..], b"garbage", b"\xff\xfe", &[b'a'; 513]] {
        let bench = Bench::asking(&["vip-control"]);
        fs::write(bench.path("plugin.sig"), text).unwrap();
        let refusal = bench.refusal(engine());
        assert!(refusal.starts_with("plugin.sig"), "{refusal}");
    }
    let bench = Bench::asking(&["vip-control"]);
    symlink("/nonexistent", bench.path("plugin.sig")).unwrap();
    assert!(bench.refusal(engine()).contains("symbolic link"));
}

#[test]
fn file_of_the_operator_that_is_not_right_is_no_absent_one() {
    let bench = Bench::asking(&["vip-control"]);
    bench.grant_text("signer = 7\n[[grant]]\npermission = \"x\"\n");
    let refusal = bench.refusal(engine());
    assert!(refusal.starts_with("grants.d/test-reaction.toml: signer is 7"), "{refusal}");
    assert!(refusal.contains("; grant 1: permission is \"x\""), "{refusal}");
    fs::write(bench.grant_path(), b"\xff").unwrap();
    assert_eq!(bench.refusal(engine()), "grants.d/test-reaction.toml: not UTF-8 text");
    bench.grant(&" ".repeat(64 << 10));
    assert!(bench.refusal(engine()).ends_with("at most 65536"));
    fs::remove_file(bench.grant_path()).unwrap();
    symlink("/nonexistent", bench.grant_path()).unwrap();
    assert!(bench.refusal(engine()).contains("symbolic link"));
}

#[test]
fn grants_that_everybody_can_change_do_not_count() {
    let bench = Bench::asking(&["memory"]);
    bench.grant(EVERYTHING);
    let writable = fs::Permissions::from_mode(0o666);
    fs::set_permissions(bench.grant_path(), writable).unwrap();
    assert_eq!(
        bench.refusal(engine()),
        "grants.d/test-reaction.toml can be changed by everybody on this host; chmod o-w it"
    );
    fs::set_permissions(bench.grant_path(), fs::Permissions::from_mode(0o644)).unwrap();
    let folder = bench.grant_path().parent().unwrap().to_owned();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(bench.refusal(engine()).starts_with("grants.d can be changed by everybody"));
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(bench.load(engine()).plugins.len(), 1);
}
