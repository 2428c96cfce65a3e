//! `plugin.toml`: what a plugin says of itself. Everything in it is checked here, and nothing in
//! it is believed about the component: the digest binds the two.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;

use super::policy::Policy;
use super::settings::{Setting, Settings};
use super::{CONTRACT_MAJOR, CONTRACT_MINOR};
use crate::grants::Permission;
use crate::limits::{CONCURRENCY_MAX, MEMORY_BYTES_MAX, QUEUE_MAX};

/// Which world a component is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Reacts to an alarm, on the control server.
    AlarmReaction,
    /// Moves a virtual IP, on a host agent.
    VipBackend,
    /// Judges SIP service, on a SIP node.
    SipMonitor,
    /// Decides where a call goes, on a SIP node.
    ForwardingPolicy,
}

impl Kind {
    /// The word of `plugin.toml`, which is the name of the world.
    pub fn word(self) -> &'static str {
        match self {
            Kind::AlarmReaction => "alarm-reaction",
            Kind::VipBackend => "vip-backend",
            Kind::SipMonitor => "sip-monitor",
            Kind::ForwardingPolicy => "forwarding-policy",
        }
    }

    /// Interfaces that the world offers.
    pub(crate) fn imports(self) -> &'static [&'static str] {
        match self {
            Kind::AlarmReaction => &[
                "types",
                "log",
                "settings",
                "clock",
                "memory",
                "management",
                "vip-control",
                "command",
                "http",
                "mail",
                "datagram",
            ],
            Kind::VipBackend => {
                &["types", "log", "settings", "clock", "addresses", "command", "http"]
            }
            Kind::SipMonitor => &["types", "log", "settings", "clock", "memory"],
            Kind::ForwardingPolicy => &["types", "log", "settings"],
        }
    }

    /// The interface that the component exports beside `lifecycle`.
    pub(crate) fn export(self) -> &'static str {
        match self {
            Kind::AlarmReaction => "reaction",
            Kind::VipBackend => "vip",
            Kind::SipMonitor => "monitor",
            Kind::ForwardingPolicy => "forwarding",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A checked manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The plugin's name, which is also that of its folder.
    pub name: String,
    /// Its version, as its author counts.
    pub version: String,
    /// Which world it is for.
    pub kind: Kind,
    /// The version of the contract that it was written for.
    pub contract: String,
    /// What it does, in a sentence.
    pub description: String,
    /// The component that belongs to this manifest.
    pub component: ComponentFile,
    /// Settings that it knows, by name.
    pub settings: BTreeMap<String, Setting>,
    /// Memory of one instance in bytes, where the plugin needs another amount than the engine
    /// gives by itself; at most [`MEMORY_BYTES_MAX`].
    pub memory_bytes: Option<usize>,
    /// Calls under way at once, where there are to be fewer than the engine has room for; at most
    /// [`CONCURRENCY_MAX`]. A policy's pool has no more instances.
    pub concurrency: Option<usize>,
    /// Calls that may wait for that, where there are to be fewer than [`QUEUE_MAX`].
    pub queue: Option<usize>,
    /// The text that the component runs, where it is a text policy; everything else here is then
    /// about that policy.
    pub policy: Option<Arc<Policy>>,
    pub(super) permissions: BTreeMap<Permission, String>,
}

/// The component that a manifest belongs to. Written by the build, never by hand.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComponentFile {
    /// SHA-256 of `component.wasm`, 64 hexadecimal digits in lower case.
    pub sha256: String,
    /// Its size.
    pub size_bytes: u64,
}

/// Why a manifest was refused: everything that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("plugin.toml: {}", .0.join("; "))]
pub struct ManifestError(pub Vec<String>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    version: String,
    kind: Kind,
    wit: String,
    description: String,
    component: Option<ComponentFile>,
    memory_mib: Option<usize>,
    concurrency: Option<usize>,
    queue: Option<usize>,
    #[serde(default)]
    permission: Vec<PermissionRow>,
    #[serde(default)]
    settings: BTreeMap<String, Setting>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PermissionRow {
    name: String,
    reason: String,
}

impl Manifest {
    /// Reads and checks the text of a `plugin.toml`.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with what was found and what is allowed.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let file: File = toml::from_str(text)
            .map_err(|error| ManifestError(vec![syntax_problem(text, &error)]))?;
        let mut problems = Vec::new();
        check_name(&file.name, &mut problems);
        check_contract(&file.wit, &mut problems);
        check_bounds(&file, &mut problems);
        let permissions = check_permissions(file.permission, &mut problems);
        for (name, setting) in &file.settings {
            setting.check(name, &mut problems);
        }
        if file.component.is_none() {
            let text = "no [component] table with sha256 and size_bytes; `takeover plugin \
                        build` writes it";
            problems.push(text.to_owned());
        }
        match file.component {
            Some(component) if problems.is_empty() => Ok(Self {
                name: file.name,
                version: file.version,
                kind: file.kind,
                contract: file.wit,
                description: file.description,
                component,
                settings: file.settings,
                concurrency: file.concurrency,
                queue: file.queue,
                memory_bytes: file.memory_mib.map(|mib| mib << 20),
                policy: None,
                permissions,
            }),
            _ => Err(ManifestError(problems)),
        }
    }

    /// The permissions that it asks for, each with its author's reason.
    pub fn permissions(&self) -> &BTreeMap<Permission, String> {
        &self.permissions
    }

    /// The permissions that it asks for.
    pub fn asked(&self) -> impl Iterator<Item = Permission> + '_ {
        self.permissions.keys().copied()
    }

    /// The permissions that it asks for, each with its reason.
    pub fn reasons(&self) -> impl Iterator<Item = (Permission, &str)> + '_ {
        self.permissions.iter().map(|(permission, reason)| (*permission, reason.as_str()))
    }

    /// Everything that is wrong with these settings, one sentence each; empty: nothing.
    pub fn validate_settings(&self, settings: &Settings) -> Vec<String> {
        super::settings::validate(&self.name, &self.settings, settings)
    }

    /// SHA-256 of what its author wrote, in hexadecimal: the component, or the text of a policy.
    pub fn sha256(&self) -> &str {
        self.policy.as_ref().map_or(&self.component.sha256, |policy| &policy.sha256)
    }

    /// What a setting is where an operator wrote nothing.
    pub fn default_of(&self, setting: &str) -> Option<&serde_json::Value> {
        let brought = self.policy.as_ref().and_then(|policy| policy.setting(setting));
        if brought.is_some() {
            return brought;
        }
        self.settings.get(setting)?.default.as_ref()
    }
}

/// What a reader of TOML says about a text, with the line.
pub(crate) fn syntax_problem(text: &str, error: &toml::de::Error) -> String {
    let line = error
        .span()
        .map(|span| 1 + text.bytes().take(span.start).filter(|byte| *byte == b'\n').count());
    let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
    format!("{place}{}", error.message())
}

/// A name is also that of a folder and of a log field: short, and without anything special.
pub(super) fn check_name(name: &str, problems: &mut Vec<String>) {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
        problems.push(format!(
            "name {name:?}: allowed are 1 to 64 lower-case letters, digits and hyphens"
        ));
    }
}

/// Older minor versions of the same major version work unchanged; everything else does not.
fn check_contract(wit: &str, problems: &mut Vec<String>) {
    let numbers: Vec<Option<u64>> = wit.split('.').map(|part| part.parse().ok()).collect();
    let served = match numbers[..] {
        [Some(major), Some(minor), Some(_)] => {
            major == CONTRACT_MAJOR && (0..=CONTRACT_MINOR).contains(&minor)
        }
        _ => false,
    };
    if !served {
        problems.push(format!(
            "wit {wit:?}: this program serves the contract {CONTRACT_MAJOR}.{CONTRACT_MINOR}.x and \
             older minor versions"
        ));
    }
}

/// Interpreters bring a large heap with them; the bound is what one slot of the pool holds. The
/// others can only be lowered.
fn check_bounds(file: &File, problems: &mut Vec<String>) {
    for (name, found, min, max) in [
        ("memory_mib", file.memory_mib, 1, MEMORY_BYTES_MAX >> 20),
        ("concurrency", file.concurrency, 1, CONCURRENCY_MAX),
        ("queue", file.queue, 0, QUEUE_MAX),
    ] {
        if let Some(found) = found.filter(|found| !(min..=max).contains(found)) {
            problems.push(format!("{name} {found}: allowed are {min} to {max}"));
        }
    }
}

fn check_permissions(
    rows: Vec<PermissionRow>,
    problems: &mut Vec<String>,
) -> BTreeMap<Permission, String> {
    let mut permissions = BTreeMap::new();
    for row in rows {
        let Some(permission) = Permission::from_word(&row.name) else {
            let known = Permission::ALL.map(Permission::word).join(", ");
            problems.push(format!("permission {:?}: known are {known}", row.name));
            continue;
        };
        if row.reason.trim().is_empty() {
            problems.push(format!("permission {permission}: no reason"));
        }
        if permissions.insert(permission, row.reason).is_some() {
            problems.push(format!("permission {permission}: asked for twice"));
        }
    }
    permissions
}

#[cfg(test)]
mod tests;
