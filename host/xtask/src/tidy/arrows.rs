//! The rules about dependencies: which crate may use which, and that each has a reason.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Finding;
use crate::run;

/// Who may depend on which of our own crates. A new arrow needs a decision record.
const ARROWS: &[(&str, &[&str])] = &[
    ("takeover-logic", &[]),
    ("takeover-engine", &["takeover-logic"]),
    ("takeover-sip", &["takeover-logic"]),
    ("takeover", &["takeover-engine", "takeover-logic", "takeover-sip"]),
    ("takeover-cli", &["takeover", "takeover-logic"]),
    ("takeover-testkit", &["takeover-logic"]),
    ("takeover-tests", &["takeover", "takeover-cli", "takeover-logic", "takeover-testkit"]),
    ("embedded-alarms", &["takeover"]),
    ("xtask", &[]),
];

/// All that the pure crates may use: parsing, hashes, error types and descriptions of types,
/// nothing that reads a clock, a file or a socket. This list is what keeps them pure.
const PURE: &[(&str, &[&str])] = &[
    (
        "takeover-logic",
        &["serde", "serde_json", "strsim", "thiserror", "toml", "toml_edit", "utoipa"],
    ),
    (
        "takeover-sip",
        &[
            "base64",
            "md-5",
            "memchr",
            "serde",
            "serde_json",
            "sha2",
            "siphasher",
            "slab",
            "strsim",
            "thiserror",
            "toml",
            "utoipa",
        ],
    ),
];

/// Only tests may use it.
const TESTS_ONLY: &str = "takeover-testkit";

/// Adds what is wrong with the manifests.
pub(super) fn check(root: &Path, files: &[String], findings: &mut Vec<Finding>) -> Result<()> {
    let args = ["metadata", "--no-deps", "--format-version", "1", "--offline"];
    let metadata = run::output(&mut run::cargo(root, &args))?;
    let metadata: Value = serde_json::from_str(&metadata).context("cargo metadata")?;
    packages(root, &metadata, findings);
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).context("Cargo.toml")?;
    reasons("Cargo.toml", &manifest, findings);
    for file in files.iter().filter(|file| file.ends_with("Cargo.toml") && *file != "Cargo.toml") {
        let manifest = std::fs::read_to_string(root.join(file)).with_context(|| file.clone())?;
        let manifest: toml::Table = manifest.parse().with_context(|| file.clone())?;
        lints(file, &manifest, findings);
        if file.starts_with("plugins/") {
            sandboxed(file, &manifest, findings);
        }
    }
    Ok(())
}

fn packages(root: &Path, metadata: &Value, findings: &mut Vec<Finding>) {
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = text(package, "name");
        let path = text(package, "manifest_path");
        let file = Path::new(&path)
            .strip_prefix(root)
            .map_or(path.clone(), |path| path.to_string_lossy().into_owned());
        let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| *from == name) else {
            let text = format!("crate {name} has no line in the list of arrows");
            findings.push(Finding::new(&file, 0, text));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = text(dependency, "name");
            let for_tests = dependency["kind"] == "dev";
            let ours = ARROWS.iter().any(|(from, _)| *from == to);
            if let Some(fault) = arrow(&name, allowed, &to, ours, for_tests) {
                findings.push(Finding::new(&file, 0, fault));
            }
        }
    }
}

/// What is wrong with one arrow.
fn arrow(from: &str, allowed: &[&str], to: &str, ours: bool, for_tests: bool) -> Option<String> {
    let is_tests = from == "takeover-tests";
    if ours && to == TESTS_ONLY && !for_tests && !is_tests {
        return Some(format!("{from} uses {to} outside its tests"));
    }
    if ours && !allowed.contains(&to) && !(for_tests && to == TESTS_ONLY) {
        return Some(format!("{from} -> {to} is not an allowed arrow"));
    }
    let (_, list) = PURE.iter().find(|(pure, _)| *pure == from)?;
    let may = for_tests || ours || list.contains(&to);
    (!may).then(|| format!("{from} -> {to}: this crate may only use {}", list.join(", ")))
}

/// Every dependency of the workspace says why it is there, and asks for no features it has not
/// named.
fn reasons(file: &str, manifest: &str, findings: &mut Vec<Finding>) {
    let mut inside = false;
    let mut before = "";
    for (index, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            inside = line == "[workspace.dependencies]";
        }
        let ours = line.contains("path = ");
        if inside && !ours && !line.starts_with(['#', '[']) && line.contains(" = ") {
            let name = line.split(' ').next().unwrap_or_default();
            if !before.starts_with("# ") {
                let text = format!("{name}: no line above it says why it is there");
                findings.push(Finding::new(file, index + 1, text));
            }
            if !line.contains("default-features = false") {
                let text = format!("{name}: default-features = false is missing");
                findings.push(Finding::new(file, index + 1, text));
            }
        }
        before = line;
    }
}

fn lints(file: &str, manifest: &toml::Table, findings: &mut Vec<Finding>) {
    let inherits = manifest
        .get("lints")
        .and_then(|lints| lints.get("workspace"))
        .is_some_and(|workspace| workspace.as_bool() == Some(true));
    if manifest.contains_key("package") && !inherits {
        findings.push(Finding::new(file, 0, "does not inherit the lints of its workspace"));
    }
}

/// Plugins see the contract (`wit/`) and each other's shared code, nothing of the host.
fn sandboxed(file: &str, manifest: &toml::Table, findings: &mut Vec<Finding>) {
    let tables = ["dependencies", "dev-dependencies", "build-dependencies"];
    let workspace = manifest.get("workspace").and_then(toml::Value::as_table);
    let all = tables
        .iter()
        .flat_map(|table| [manifest.get(*table), workspace.and_then(|inner| inner.get(*table))])
        .flatten()
        .filter_map(toml::Value::as_table)
        .flatten();
    for (name, wanted) in all {
        let path = wanted.get("path").and_then(toml::Value::as_str).unwrap_or_default();
        if path.contains("host/") {
            let text = format!("{name}: a plugin sees the contract only, nothing of host/");
            findings.push(Finding::new(file, 0, text));
        }
    }
}

#[cfg(test)]
mod tests;
