//! The tree rules.

use super::{PLUGIN, check};

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
