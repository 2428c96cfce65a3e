//! Prints a configuration as TOML with everything expanded. Reading it gives the same
//! configuration again.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::model::{
    Application, Condition, Config, ControlSettings, EventSelector, Host, Pair, Program, Reaction,
    Runs, Selection, Solution, Subnet, Vip,
};
use super::shell::{ControlShell, Role};
use crate::component::Category;
use crate::link::{Isolation, SuspendSignal, VipAction};
use crate::options::Options;

type Settings = BTreeMap<String, serde_json::Value>;

/// Seconds as an operator writes them: whole where they are.
struct Seconds(Duration);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.subsec_millis() {
            0 => serializer.serialize_u64(self.0.as_secs()),
            _ => serializer.serialize_f64(self.0.as_millis() as f64 / 1000.0),
        }
    }
}

#[derive(Serialize)]
struct Document<'a> {
    control: Control<'a>,
    host: Vec<HostTable<'a>>,
    pair: Vec<PairTable<'a>>,
    vip: Vec<VipTable<'a>>,
    application: Vec<ApplicationTable<'a>>,
    reaction: Vec<ReactionTable<'a>>,
    condition: Vec<ConditionTable<'a>>,
    solution: Vec<SolutionTable<'a>>,
}

#[derive(Serialize)]
struct Control<'a> {
    listen: String,
    page: Option<String>,
    certificate: Option<&'a str>,
    key: Option<&'a str>,
    ca: Option<&'a str>,
    journal: &'a str,
    plugins: &'a str,
    grants: Option<&'a str>,
    slow_call_ms: u128,
    heartbeat_interval_ms: u128,
    heartbeat_misses: u32,
    disconnect_switchover_timeout_s: Seconds,
    evidence_wait_s: Seconds,
    startup_grace_s: Seconds,
    confirm_timeout_s: Seconds,
    tokens: Vec<TokenTable<'a>>,
}

#[derive(Serialize)]
struct TokenTable<'a> {
    name: &'a str,
    role: &'static str,
    sha256: &'a str,
}

#[derive(Serialize)]
struct HostTable<'a> {
    name: &'a str,
    address: String,
    interfaces: BTreeMap<&'a str, Vec<String>>,
}

#[derive(Serialize)]
struct PairTable<'a> {
    name: &'a str,
    redundancy: super::model::Redundancy,
    applications: [&'a str; 2],
}

#[derive(Serialize)]
struct VipTable<'a> {
    name: &'a str,
    pair: &'a str,
    address: String,
    port: Option<u16>,
    references: Vec<String>,
    isolation: &'static str,
    lease_s: Seconds,
    probe_interval_ms: u128,
    backend: &'a str,
    network_interface: BTreeMap<&'a str, &'a str>,
    backend_settings: &'a Settings,
}

#[derive(Serialize)]
struct ApplicationTable<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    host: &'a str,
    startup_timeout_s: Seconds,
    #[serde(flatten)]
    program: Option<ProgramTable<'a>>,
    #[serde(flatten)]
    moves: Option<Moves<'a>>,
}

#[derive(Serialize)]
struct Moves<'a> {
    vip: &'a str,
    action: &'static str,
}

#[derive(Serialize)]
struct ProgramTable<'a> {
    command: &'a [String],
    working_directory: Option<&'a str>,
    auto_restart: bool,
    autostart: bool,
    notify: bool,
    channel: bool,
    watchdog_s: Option<Seconds>,
    shutdown_timeout_s: Seconds,
    suspending_timeout_s: Seconds,
    suspend_signal: Option<&'static str>,
    options_signal: Option<&'static str>,
    environment: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    options: &'a Options,
}

#[derive(Serialize)]
struct ReactionTable<'a> {
    name: &'a str,
    plugin: &'a str,
    timeout_s: Seconds,
    settings: &'a Settings,
}

#[derive(Serialize)]
struct ConditionTable<'a> {
    name: &'a str,
    description: &'a str,
    category: Category,
    enabled: bool,
    cancel_timeout_s: Option<u64>,
    reactions: Vec<&'a str>,
    clearance_reactions: Vec<&'a str>,
    detect: SelectorTable<'a>,
    cancel: Option<SelectorTable<'a>>,
}

#[derive(Serialize)]
struct SelectorTable<'a> {
    event: String,
    application: Option<&'a str>,
    application_type: Option<&'a str>,
    any: Option<bool>,
}

#[derive(Serialize)]
struct SolutionTable<'a> {
    name: &'a str,
    applications: Vec<&'a str>,
}

/// The configuration as one TOML file, pairs expanded and every default written out.
pub fn expand(config: &Config, shell: &ControlShell) -> String {
    let document = Document {
        control: control(&config.control, shell),
        host: config.hosts.values().map(host).collect(),
        pair: config.pairs.values().map(pair).collect(),
        // In the order of their pairs' lists, which reading keeps.
        vip: config
            .pairs
            .values()
            .flat_map(|pair| pair.vips.iter().filter_map(|name| config.vips.get(name)))
            .map(vip)
            .collect(),
        application: config.applications.values().map(application).collect(),
        reaction: config.reactions.values().map(reaction).collect(),
        condition: config.conditions.values().map(condition).collect(),
        solution: config.solutions.values().map(solution).collect(),
    };
    // Every value in the document came out of TOML, so it goes into it again.
    toml::to_string(&document).unwrap_or_else(|error| format!("# {error}\n"))
}

fn control<'a>(control: &ControlSettings, shell: &'a ControlShell) -> Control<'a> {
    let tls = shell.tls.as_ref();
    let tokens = shell.tokens.iter().map(|token| TokenTable {
        name: &token.name,
        role: match token.role {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
        },
        sha256: &token.sha256,
    });
    Control {
        listen: shell.listen.to_string(),
        page: shell.page.map(|page| page.to_string()),
        certificate: tls.map(|tls| &*tls.certificate),
        key: tls.map(|tls| &*tls.key),
        ca: tls.map(|tls| &*tls.ca),
        journal: &shell.journal,
        plugins: &shell.plugins,
        grants: shell.grants.as_deref(),
        slow_call_ms: shell.slow_call.as_millis(),
        heartbeat_interval_ms: control.heartbeat_interval.as_millis(),
        heartbeat_misses: control.heartbeat_misses,
        disconnect_switchover_timeout_s: Seconds(control.disconnect_switchover_timeout),
        evidence_wait_s: Seconds(control.evidence_wait),
        startup_grace_s: Seconds(control.startup_grace),
        confirm_timeout_s: Seconds(control.confirm_timeout),
        tokens: tokens.collect(),
    }
}

fn host(host: &Host) -> HostTable<'_> {
    let texts = |subnets: &Vec<Subnet>| subnets.iter().map(Subnet::to_string).collect();
    HostTable {
        name: host.name.as_str(),
        address: host.address.to_string(),
        interfaces: host.interfaces.iter().map(|(name, all)| (&**name, texts(all))).collect(),
    }
}

fn pair(pair: &Pair) -> PairTable<'_> {
    PairTable {
        name: pair.name.as_str(),
        redundancy: pair.redundancy,
        applications: [pair.primary.as_str(), pair.backup.as_str()],
    }
}

fn vip(vip: &Vip) -> VipTable<'_> {
    let interfaces = vip.network_interfaces.iter();
    VipTable {
        name: vip.name.as_str(),
        pair: vip.pair.as_str(),
        address: Subnet { address: vip.address, prefix: vip.prefix }.to_string(),
        port: vip.port,
        references: vip.references.iter().map(ToString::to_string).collect(),
        isolation: match vip.isolation {
            Isolation::Hold => "hold",
            Isolation::Release => "release",
        },
        lease_s: Seconds(vip.lease),
        probe_interval_ms: vip.probe_interval.as_millis(),
        backend: vip.backend.as_str(),
        network_interface: interfaces.map(|(host, name)| (host.as_str(), &**name)).collect(),
        backend_settings: &vip.settings,
    }
}

fn application(application: &Application) -> ApplicationTable<'_> {
    let (program, moves) = match &application.runs {
        Runs::Program(it) => (Some(program(it)), None),
        Runs::Vip { vip, action } => {
            let action = match action {
                VipAction::Up => "up",
                VipAction::Down => "down",
            };
            (None, Some(Moves { vip: vip.as_str(), action }))
        }
    };
    ApplicationTable {
        name: application.name.as_str(),
        kind: &application.kind,
        host: application.host.as_str(),
        startup_timeout_s: Seconds(application.startup_timeout),
        program,
        moves,
    }
}

fn program(program: &Program) -> ProgramTable<'_> {
    ProgramTable {
        command: &program.command,
        working_directory: program.working_directory.as_deref(),
        auto_restart: program.auto_restart,
        autostart: program.autostart,
        notify: program.notify,
        channel: program.channel,
        watchdog_s: program.watchdog.map(Seconds),
        shutdown_timeout_s: Seconds(program.shutdown_timeout),
        suspending_timeout_s: Seconds(program.suspending_timeout),
        suspend_signal: program.suspend_signal.map(SuspendSignal::name),
        options_signal: program.options_signal.map(SuspendSignal::name),
        environment: &program.environment,
        options: &program.options,
    }
}

fn reaction(reaction: &Reaction) -> ReactionTable<'_> {
    ReactionTable {
        name: reaction.name.as_str(),
        plugin: reaction.plugin.as_str(),
        timeout_s: Seconds(reaction.timeout),
        settings: &reaction.settings,
    }
}

fn condition(condition: &Condition) -> ConditionTable<'_> {
    ConditionTable {
        name: condition.name.as_str(),
        description: &condition.description,
        category: condition.category,
        enabled: condition.enabled,
        cancel_timeout_s: condition.cancel_timeout.map(|timeout| timeout.as_secs()),
        reactions: condition.reactions.iter().map(|name| name.as_str()).collect(),
        clearance_reactions: condition
            .clearance_reactions
            .iter()
            .map(|name| name.as_str())
            .collect(),
        detect: selector(&condition.detect),
        cancel: condition.cancel.as_ref().map(selector),
    }
}

fn selector(selector: &EventSelector) -> SelectorTable<'_> {
    let event = selector.event.to_string();
    let none = SelectorTable { event, application: None, application_type: None, any: None };
    match &selector.selection {
        Selection::Application(name) => SelectorTable { application: Some(name.as_str()), ..none },
        Selection::ApplicationType(kind) => SelectorTable { application_type: Some(kind), ..none },
        Selection::Any => SelectorTable { any: Some(true), ..none },
    }
}

fn solution(solution: &Solution) -> SolutionTable<'_> {
    SolutionTable {
        name: solution.name.as_str(),
        applications: solution.applications.iter().map(|name| name.as_str()).collect(),
    }
}
