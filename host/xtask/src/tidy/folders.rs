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
const KINDS: &[&str] = &["reaction-", "vip-", "monitor-", "forward-"];

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
    let folders: BTreeSet<&str> = files
        .iter()
        .filter_map(|file| file.strip_prefix("plugins/")?.split_once('/'))
        .map(|(folder, _)| folder)
        .filter(|folder| KINDS.iter().any(|kind| folder.starts_with(kind)))
        .collect();
    for folder in folders {
        plugin(&format!("plugins/{folder}"), files, findings);
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
