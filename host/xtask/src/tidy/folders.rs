//! The rules about what has to be where: entries of the root, contents of a plugin's folder.

use std::collections::BTreeSet;

use super::Finding;

/// Entries that the root may have. Whoever opens the repository sees these and no more.
const ROOT: &[&str] = &[
    ".cargo",
    ".ci",
    ".clippy.toml",
    ".deny.toml",
    ".github",
    ".gitignore",
    ".rustfmt.toml",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "examples",
    "host",
    "plugins",
    "tests",
    "wit",
];

/// Kinds of plugins, as the first part of a folder's name.
const KINDS: &[&str] = &["reaction-", "vip-", "monitor-", "forward-", "forwarding-"];

/// Permissions that take effect when they are asked for (decision 0006). Who asks for any other one
/// shows a grant of it.
const GRANTED_WHEN_ASKED: &[&str] = &["addresses", "management", "vip-control"];

/// What a plugin's folder must have (`plugins/README.md`).
const PLUGIN: &[&str] = &[
    "Cargo.toml",
    "plugin.toml",
    "README.md",
    "src/lib.rs",
    "src/decide.rs",
    "src/decide/tests.rs",
    "example.toml",
];

/// Cases that a plugin's folder must have at least: success, denied, time-out.
const CASES_MIN: usize = 3;

/// Adds what is wrong with the tree, given every file's path relative to the root.
pub(super) fn check(files: &[String], findings: &mut Vec<Finding>) {
    let entries: BTreeSet<&str> = files.iter().filter_map(|file| file.split('/').next()).collect();
    for entry in entries {
        if !ROOT.contains(&entry) {
            findings.push(Finding::new(entry, 0, "is not one of the root's fixed entries"));
        }
    }
    let folders: BTreeSet<&str> =
        files.iter().filter_map(|file| in_plugin(file)).map(|(folder, _)| folder).collect();
    for folder in folders {
        plugin(&format!("plugins/{folder}"), files, findings);
    }
}

/// A file of a plugin: the plugin's folder in `plugins`, and the file's path in that.
fn in_plugin(file: &str) -> Option<(&str, &str)> {
    let (folder, rest) = file.strip_prefix("plugins/")?.split_once('/')?;
    KINDS.iter().any(|kind| folder.starts_with(kind)).then_some((folder, rest))
}

/// Adds what is missing beside a plugin's manifest because of what is in it. A manifest that is
/// none is for the build to refuse.
pub(super) fn grant(file: &str, content: &str, files: &[String], findings: &mut Vec<Finding>) {
    let Some((folder, "plugin.toml")) = in_plugin(file) else { return };
    let manifest: toml::Table = content.parse().unwrap_or_default();
    let rows = manifest.get("permission").and_then(toml::Value::as_array);
    let asked = rows.into_iter().flatten().filter_map(|row| row.get("name")?.as_str());
    let beyond: Vec<&str> = asked.filter(|name| !GRANTED_WHEN_ASKED.contains(name)).collect();
    let path = format!("plugins/{folder}/grant.toml");
    if !beyond.is_empty() && !files.contains(&path) {
        let text = format!("is missing: plugin.toml asks for {}", beyond.join(", "));
        findings.push(Finding::new(&path, 0, text));
    }
}

fn plugin(folder: &str, files: &[String], findings: &mut Vec<Finding>) {
    for wanted in PLUGIN {
        let path = format!("{folder}/{wanted}");
        if !files.contains(&path) {
            findings.push(Finding::new(&path, 0, "is missing from the plugin's folder"));
        }
    }
    let cases = format!("{folder}/cases/");
    let count =
        files.iter().filter(|file| file.starts_with(&cases) && file.ends_with(".toml")).count();
    if count < CASES_MIN {
        let text = format!("{count} cases, at least {CASES_MIN}: success, denied, time-out");
        findings.push(Finding::new(&cases, 0, text));
    }
}

#[cfg(test)]
mod tests;
