//! The tree rules.

use super::{PLUGIN, check, grant};

#[track_caller]
fn findings(files: &[&str], expected: &[&str]) {
    let files: Vec<String> = files.iter().map(ToString::to_string).collect();
    let mut found = Vec::new();
    check(&files, &mut found);
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_new_root_entry_is_found() {
    findings(
        &["Cargo.toml", "host/README.md", "notes.md"],
        &["notes.md: is not one of the root's fixed entries"],
    );
}

#[test]
fn an_incomplete_plugin_is_found() {
    let complete = |folder: &str| -> Vec<String> {
        let cases = ["cases/success.toml", "cases/denied.toml", "cases/time-out.toml"];
        PLUGIN.iter().chain(&cases).map(|file| format!("plugins/{folder}/{file}")).collect()
    };
    let files = complete("vip-linux");
    let all: Vec<&str> = files.iter().map(String::as_str).collect();
    findings(&all, &[]);
    findings(
        &["plugins/forwarding-script/plugin.toml"],
        &[
            "plugins/forwarding-script/Cargo.toml: is missing from the plugin's folder",
            "plugins/forwarding-script/README.md: is missing from the plugin's folder",
            "plugins/forwarding-script/src/lib.rs: is missing from the plugin's folder",
            "plugins/forwarding-script/src/decide.rs: is missing from the plugin's folder",
            "plugins/forwarding-script/src/decide/tests.rs: is missing from the plugin's folder",
            "plugins/forwarding-script/example.toml: is missing from the plugin's folder",
            "plugins/forwarding-script/cases/: 0 cases, at least 3: success, denied, time-out",
        ],
    );
    let some: Vec<&str> = all
        .iter()
        .copied()
        .filter(|file| !file.ends_with("README.md") && !file.ends_with("denied.toml"))
        .collect();
    findings(
        &some,
        &[
            "plugins/vip-linux/README.md: is missing from the plugin's folder",
            "plugins/vip-linux/cases/: 2 cases, at least 3: success, denied, time-out",
        ],
    );
    // Shared code of the plugins is a crate, not a plugin.
    findings(&["plugins/cases/Cargo.toml", "plugins/cases/src/lib.rs"], &[]);
}

#[test]
fn a_plugin_that_waits_for_a_grant_shows_one() {
    let file = "plugins/monitor-traffic/plugin.toml";
    let grant_file = "plugins/monitor-traffic/grant.toml".to_owned();
    let row = |name: &str| format!("[[permission]]\nname = \"{name}\"\nreason = \"r\"\n");
    let found = |permissions: &[&str], files: &[String]| {
        let mut found = Vec::new();
        let manifest: String = permissions.iter().map(|name| row(name)).collect();
        grant(file, &manifest, files, &mut found);
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        found(&["addresses", "memory", "http"], &[]),
        [format!("{grant_file}: is missing: plugin.toml asks for memory, http")]
    );
    assert!(found(&["memory"], std::slice::from_ref(&grant_file)).is_empty());
    assert!(found(&["addresses", "management", "vip-control"], &[]).is_empty());
}
