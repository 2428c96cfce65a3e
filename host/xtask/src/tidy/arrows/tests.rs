//! The dependency rules.

use super::{ARROWS, arrow, lints, reasons, sandboxed};

#[track_caller]
fn check_arrow(from: &str, to: &str, for_tests: bool, expected: Option<&str>) {
    let (_, allowed) = ARROWS.iter().find(|(name, _)| *name == from).expect("a known crate");
    let ours = ARROWS.iter().any(|(name, _)| *name == to);
    assert_eq!(arrow(from, allowed, to, ours, for_tests).as_deref(), expected);
}

#[test]
fn arrows_point_one_way() {
    check_arrow("takeover-engine", "takeover-logic", false, None);
    let upward = "takeover-logic -> takeover is not an allowed arrow";
    check_arrow("takeover-logic", "takeover", true, Some(upward));
    let around = "takeover-engine -> takeover is not an allowed arrow";
    check_arrow("takeover-engine", "takeover", false, Some(around));
}

#[test]
fn the_pure_crate_may_use_no_clock_or_socket() {
    let expected = "takeover-logic -> tokio: this crate may only use serde, serde_json, strsim, \
                    thiserror, toml, toml_edit, utoipa";
    check_arrow("takeover-logic", "tokio", false, Some(expected));
    check_arrow("takeover-logic", "proptest", true, None);
    check_arrow("takeover-engine", "tokio", false, None);
}

#[test]
fn the_testkit_is_for_tests() {
    let expected = "takeover uses takeover-testkit outside its tests";
    check_arrow("takeover", "takeover-testkit", false, Some(expected));
    check_arrow("takeover", "takeover-testkit", true, None);
    check_arrow("takeover-tests", "takeover-testkit", false, None);
}

#[test]
fn a_dependency_without_reason_is_found() {
    let manifest = "\
[workspace.dependencies]
takeover = { path = \"host/node\" }
# Why.
serde = { version = \"1\", default-features = false }
toml = { version = \"1\", default-features = false }
# Why.
libc = \"0.2\"

[profile.dev]
debug = 1
";
    let mut found = Vec::new();
    reasons("Cargo.toml", manifest, &mut found);
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "Cargo.toml:5: toml: no line above it says why it is there",
            "Cargo.toml:7: libc: default-features = false is missing",
        ]
    );
}

#[test]
fn a_plugin_that_reaches_into_the_host_is_found() {
    let manifest =
        "[package]\nname = \"x\"\n[dependencies]\nlogic = { path = \"../../host/logic\" }\n";
    let manifest: toml::Table = manifest.parse().expect("a manifest");
    let mut found = Vec::new();
    sandboxed("plugins/x/Cargo.toml", &manifest, &mut found);
    lints("plugins/x/Cargo.toml", &manifest, &mut found);
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "plugins/x/Cargo.toml: logic: a plugin sees the contract only, nothing of host/",
            "plugins/x/Cargo.toml: does not inherit the lints of its workspace",
        ]
    );
}
