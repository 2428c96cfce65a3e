//! Looks at a built plugin as a host would, and says in an operator's words what it is, what it
//! wants and what it costs.

use std::fs;
use std::path::Path;
use std::time::Instant;

use serde::Serialize;
use takeover_engine::grants::Permission;
use takeover_engine::limits::CASE_TIMEOUT;
use takeover_engine::outcome::Ended;
use takeover_engine::package::interface_of;
use takeover_engine::player::Scenario;
use takeover_engine::{Call, Engine, EngineSettings, Plugin, Settings};

use super::project::kind_from_word;
use super::test::unreadable;
use super::{AuthoringError, Project, Subject};

/// What a check found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The plugin; absent where it was refused.
    pub plugin: Option<Facts>,
    /// What keeps it from being used; empty: nothing.
    pub problems: Vec<String>,
    /// What an author or operator should know, though it keeps nothing from working.
    pub notes: Vec<String>,
}

/// What a plugin is and what it costs.
#[derive(Clone, Debug, Serialize)]
pub struct Facts {
    /// Its name.
    pub name: String,
    /// Its version, as its author counts.
    pub version: String,
    /// Its kind.
    pub kind: String,
    /// What it does, in a sentence.
    pub description: String,
    /// Version of the contract that it was written for.
    pub contract: String,
    /// The component that runs it, where it is a text policy.
    pub run_by: Option<&'static str>,
    /// SHA-256 of the component or of the text.
    pub sha256: String,
    /// Size of the component or of the text.
    pub size_bytes: u64,
    /// What compiling took, once per version.
    pub compile_ms: f64,
    /// What making an instance and calling its `init` took, in a warm engine: every fresh instance
    /// costs this.
    pub instantiate_ms: f64,
    /// How that ended: `succeeded`, or what a host would have shown.
    pub init: String,
    /// Memory of an instance after `init`.
    pub memory_bytes: usize,
    /// What it may have at most.
    pub memory_bytes_max: usize,
    /// Permissions that it asks for.
    pub permissions: Vec<PermissionRow>,
    /// Interfaces of the contract that it imports.
    pub imports: Vec<String>,
}

/// A permission that a plugin asks for.
#[derive(Clone, Debug, Serialize)]
pub struct PermissionRow {
    /// Its word.
    pub name: String,
    /// The author's reason.
    pub reason: String,
    /// What it reaches at most.
    pub reaches: &'static str,
    /// It takes effect only with an operator's grant.
    pub needs_grant: bool,
}

/// Checks a built plugin, or the one that a project was built into.
///
/// # Errors
/// A folder that holds neither, or a machine that can not run the engine. What is wrong with the
/// plugin itself is a part of the report.
pub async fn check(folder: &Path) -> Result<Report, AuthoringError> {
    let subject = Subject::open(folder)?;
    let mut report = Report { plugin: None, problems: Vec::new(), notes: Vec::new() };
    if let Subject::Built { dist, project: Some(project) } = &subject {
        stale(project, dist, &mut report.notes);
    }
    let engine = Engine::start(EngineSettings::default())?;
    let plugin = match subject.load(&engine) {
        Ok(plugin) => plugin,
        Err(reason) => {
            report.problems.push(reason.to_string());
            return Ok(report);
        }
    };
    if let Some(problem) = unreadable(&engine, &plugin).await {
        report.problems.push(problem.to_string());
        return Ok(report);
    }
    let settings = some_settings(&plugin, &subject);
    // The first instance also brings the component's pages into memory; the second is what a call
    // meets.
    let trial = || {
        let deadline = Instant::now() + CASE_TIMEOUT;
        engine.try_out(Call { plugin: &plugin, settings: &settings, deadline })
    };
    trial().await;
    let outcome = trial().await;
    match &outcome.ended {
        Ended::Ok(()) => {}
        Ended::Fault(fault) => report.notes.push(format!(
            "init refuses the settings that it was tried with, which a host would show: {fault}"
        )),
        other => report.problems.push(format!("init: {other}")),
    }
    let instantiate_ms = outcome.instance.as_secs_f64() * 1e3;
    let facts = facts(&engine, &plugin);
    // A script asks for what it calls.
    if plugin.manifest.policy.is_none() {
        report.notes.extend(unasked(&plugin));
    }
    report.plugin = Some(Facts {
        instantiate_ms,
        init: outcome.ended.to_string(),
        memory_bytes: outcome.memory_bytes_max,
        ..facts
    });
    Ok(report)
}

fn facts(engine: &Engine, plugin: &Plugin) -> Facts {
    let manifest = &plugin.manifest;
    let row = |(permission, reason): (Permission, &str)| PermissionRow {
        name: permission.word().to_owned(),
        reason: reason.to_owned(),
        reaches: reaches(permission),
        needs_grant: !Permission::GRANTED_WHEN_ASKED.contains(&permission),
    };
    Facts {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        kind: manifest.kind.to_string(),
        description: manifest.description.clone(),
        contract: manifest.contract.clone(),
        sha256: plugin.sha256.clone(),
        size_bytes: match &manifest.policy {
            Some(policy) => policy.text().len() as u64,
            None => manifest.component.size_bytes,
        },
        run_by: manifest.policy.as_ref().and_then(|_| manifest.kind.script_component()),
        compile_ms: plugin.compile_time.as_secs_f64() * 1e3,
        instantiate_ms: 0.0,
        init: String::new(),
        memory_bytes: 0,
        memory_bytes_max: engine.memory_bytes_of(plugin),
        permissions: manifest.reasons().map(row).collect(),
        imports: own_imports(plugin).map(str::to_owned).collect(),
    }
}

/// Interfaces of the contract among its imports.
fn own_imports(plugin: &Plugin) -> impl Iterator<Item = &str> {
    plugin.imports.iter().filter_map(|import| interface_of(import))
}

/// What it imports but did not ask for: calls would be denied. Toolchains of interpreters import
/// the whole world, so this says nothing about what the code does.
fn unasked(plugin: &Plugin) -> Vec<String> {
    let opened = |interface: &str| {
        let mut of = Permission::ALL.into_iter().filter(|p| p.interface() == interface);
        of.next().is_some() && !plugin.manifest.asked().any(|p| p.interface() == interface)
    };
    let names: Vec<&str> = own_imports(plugin).filter(|interface| opened(interface)).collect();
    if names.is_empty() {
        return Vec::new();
    }
    let names = names.join(", ");
    vec![format!(
        "it imports {names}, and plugin.toml asks for no permission to use them: such calls would \
         be denied"
    )]
}

/// Says when the manifest is newer than what was built.
fn stale(project: &Project, dist: &Path, notes: &mut Vec<String>) {
    let built = fs::read_to_string(dist.join("plugin.toml")).unwrap_or_default();
    if !built.starts_with(&project.manifest_text) {
        notes.push("plugin.toml was changed after the last build".to_owned());
    }
}

/// Settings to try `init` with: those of the first case, else none.
fn some_settings(plugin: &Plugin, subject: &Subject) -> Settings {
    let scenarios = Scenario::read_all(plugin.manifest.kind, subject.folder()).ok();
    let first = scenarios.and_then(|scenarios| scenarios.into_iter().next());
    first.and_then(|(_, scenario)| scenario.settings().ok()).unwrap_or_default()
}

/// What a permission reaches at most (wit/README.md).
fn reaches(permission: Permission) -> &'static str {
    match permission {
        Permission::Addresses => "the one address of the order, on its interface",
        Permission::Command => "the programs that the grant names",
        Permission::Datagram => "UDP to the destinations that the grant names",
        Permission::Http => "HTTP to the destinations that the grant names",
        Permission::Mail => "mail to the recipients that the grant names",
        Permission::Management => "every application and solution: read, start, stop, switch over",
        Permission::Memory => "64 KiB of its own state on this host",
        Permission::SetOption => "options of applications",
        Permission::VipControl => "virtual IPs, through their host agents",
    }
}

/// What a kind of plugin is called for, and where it runs.
pub fn runs(kind: &str) -> &'static str {
    use takeover_engine::Kind;
    match kind_from_word(kind) {
        Some(Kind::AlarmReaction) => "on the control server, when an alarm is raised or cleared",
        Some(Kind::VipBackend) => "on host agents, to move a virtual IP and to look for it",
        Some(Kind::SipMonitor) => "on SIP nodes, to judge whether SIP service is given",
        Some(Kind::ForwardingPolicy) => "on SIP nodes, to decide where a call goes",
        None => "nowhere",
    }
}
