//! Every option an operator can write: name, what is allowed, when a change takes effect, meaning.
//!
//! A file and a change at run time are read with the same tables, and the reference for operators
//! is printed from them.

use std::time::Duration;

use super::model::{AddpTrace, Application, Dn, DnType, DrForward, Nlb, PhoneProfile};
use super::value::{
    code, duration, flag, hosts, is_contact, optional, port, port_range, seconds, text, whole,
};
use crate::digest::Ha1;

/// When a changed value begins to matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// With the next message.
    Immediately,
    /// When the link between the nodes comes up next.
    NextConnection,
    /// When the node is started next; it can not be changed while it runs.
    Restart,
}

impl Effect {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Effect::Immediately => "immediately",
            Effect::NextConnection => "at the next connection",
            Effect::Restart => "at a restart",
        }
    }
}

/// One option of a `T`.
#[derive(Debug)]
pub struct Key<T> {
    /// Its name, as the guide writes it.
    pub name: &'static str,
    /// What may be written, in words.
    pub allowed: &'static str,
    /// When a change takes effect.
    pub effect: Effect,
    /// What it is for.
    pub meaning: &'static str,
    /// Writes a value; false: it is not allowed, and nothing was written.
    pub(super) put: fn(&mut T, &str) -> bool,
}

impl<T> Key<T> {
    /// Whether its value must not be shown.
    pub(super) fn is_secret(&self) -> bool {
        ["password", "ha1-md5", "ha1-sha-256"].contains(&self.name)
    }
}

/// Writes a value that was understood.
fn put<V>(slot: &mut V, value: Option<V>) -> bool {
    match value {
        Some(value) => {
            *slot = value;
            true
        }
        None => false,
    }
}

macro_rules! keys {
    ($($name:literal, $allowed:literal, $effect:ident, $meaning:literal, $put:expr;)*) => {
        &[$(Key {
            name: $name,
            allowed: $allowed,
            effect: Effect::$effect,
            meaning: $meaning,
            put: $put,
        }),*]
    };
}

/// The sections of the application's options, each with its keys. A name is in one section only.
pub static APPLICATION: &[(&str, &[Key<Application>])] = &[
    ("TServer", SERVER),
    ("extrouter", EXTROUTER),
    ("backup-sync", BACKUP_SYNC),
    ("registrar", REGISTRAR),
    ("nlb", NLB),
];

const SERVER: &[Key<Application>] = keys! {
    "switch", "a name", Restart,
        "The switch whose DNs these are; the same on both nodes of a pair.",
        |a, v| put(&mut a.switch, text(v));
    "sip-port", "a port from 1 to 65535", Restart,
        "Port for SIP, the same on both nodes of a pair. Default 5060.",
        |a, v| put(&mut a.sip_port, port(v));
    "sip-address", "an IP address or a host name", Restart,
        "The virtual IP (or the address of the cluster), which Via and Record-Route name.",
        |a, v| put(&mut a.sip_address, hosts(v).filter(|h| h.len() == 1).map(|mut h| h.pop()));
    "sip-pass-check", "true or false", Immediately,
        "Report SERVICE_UNAVAILABLE when no SIP message arrives for too long. Default false.",
        |a, v| put(&mut a.sip_pass_check, flag(v));
    "dr-forward", "off, no-agent or oos", Immediately,
        "When calls for a DN are forwarded to the peer site. Default off.",
        |a, v| put(&mut a.dr_forward, dr_forward(v));
    "dr-peer-trunk", "the name of a Trunk DN, or NULL", Immediately,
        "The trunk to the peer site; without it there is no business continuity.",
        |a, v| put(&mut a.dr_peer_trunk, optional(v));
    "dr-peer-location", "the name of a switch, or NULL", Immediately,
        "The switch of the peer site.",
        |a, v| put(&mut a.dr_peer_location, optional(v));
    "shutdown-sip-reject-code", "a response code from 300 to 603", Immediately,
        "Answer to new calls while shutting down; 300 to 302 redirect to the peer. Default 603.",
        |a, v| put(&mut a.shutdown_sip_reject_code, code(v));
    "shutdown-sip-reject-phrase", "one line of text, or NULL", Immediately,
        "Reason phrase with that code; telephones may fail over on both together.",
        |a, v| put(&mut a.shutdown_sip_reject_phrase, optional(v));
    "router-timeout", "a time from 1 sec to 1 hour", Immediately,
        "How long a call waits on a routing point before it goes to default-dn. Default 10 sec.",
        |a, v| put(&mut a.router_timeout, router_timeout(v));
    "default-dn", "a number that leads somewhere, or NULL", Immediately,
        "Where a call goes that nobody routed.",
        |a, v| put(&mut a.default_dn, optional(v));
    "enforce-external-domains", "hosts, separated by commas", Immediately,
        "Hosts whose parties are external; both peers of business continuity belong here.",
        |a, v| put(&mut a.enforce_external_domains, hosts(v));
};

const EXTROUTER: &[Key<Application>] = keys! {
    "cof-feature", "true or false", Restart,
        "Call overflow between the switches of the two sites. Default false.",
        |a, v| put(&mut a.cof_feature, flag(v));
    "default-network-call-id-matching", "sip", Restart,
        "How calls of the two switches are matched.",
        |a, v| v == "sip" && put(&mut a.network_call_id_matching, optional(v));
};

const BACKUP_SYNC: &[Key<Application>] = keys! {
    "protocol", "default or addp", NextConnection,
        "Whether the link between the nodes is kept alive. Default: it is not.",
        |a, v| put(&mut a.backup_sync.is_addp, choice(v, &[("default", false), ("addp", true)]));
    "sync-reconnect-tout", "a time from 100 msec to 1 hour", NextConnection,
        "Wait before a lost link is tried again. Default 20 sec.",
        |a, v| put(&mut a.backup_sync.sync_reconnect_tout, reconnect(v));
    "addp-timeout", "0 to 3600 seconds", Immediately,
        "Silence of the other node after which it is asked; 0: never. Default 0.",
        |a, v| put(&mut a.backup_sync.addp_timeout, seconds(v, 3600));
    "addp-remote-timeout", "0 to 3600 seconds", Immediately,
        "The same for the other node, told to it when the link comes up. Default 0.",
        |a, v| put(&mut a.backup_sync.addp_remote_timeout, seconds(v, 3600));
    "addp-trace", "off, local, remote or both", Immediately,
        "Who notes what the keep-alive does (also: false, no; on, true, yes; full); the other node \
         from the next connection on. Default off.",
        |a, v| put(&mut a.backup_sync.addp_trace, addp_trace(v));
    "network-latency", "a time up to 1 min", Restart,
        "Longest time of a message between the two hosts; the other times are checked against it.",
        |a, v| put(&mut a.backup_sync.network_latency, latency(v));
    "ha-sync-port", "a port from 1 to 65535", Restart,
        "Port of the link between the nodes; unset: the application's default port.",
        |a, v| put(&mut a.backup_sync.ha_sync_port, port(v).map(Some));
};

const REGISTRAR: &[Key<Application>] = keys! {
    "realm", "one line of text", Restart,
        "Realm of challenges, the same on both nodes. Default: the name of the switch.",
        |a, v| put(&mut a.registrar.realm, optional(v));
    "expires-min", "10 to 86400 seconds", Immediately,
        "Shortest registration; a shorter wish is answered with 423. Default 60.",
        |a, v| put(&mut a.registrar.expires_min_s, whole(v, 10, 86_400));
    "expires-default", "10 to 86400 seconds", Immediately,
        "Registration of a telephone that names no time. Default 600.",
        |a, v| put(&mut a.registrar.expires_default_s, whole(v, 10, 86_400));
    "expires-max", "10 to 86400 seconds", Immediately,
        "Longest registration; a longer wish is cut. Default 3600.",
        |a, v| put(&mut a.registrar.expires_max_s, whole(v, 10, 86_400));
};

const NLB: &[Key<Application>] = keys! {
    "cluster-mode", "unicast or multicast", Restart,
        "Operation mode of the cluster.",
        |a, v| seen(a) && ["unicast", "multicast"].contains(&v);
    "port-range", "a port, or two with a hyphen between them", Restart,
        "Ports of the rule; sip-port must be among them.",
        |a, v| put(&mut a.nlb.get_or_insert_default().ports, port_range(v));
    "protocols", "both", Restart,
        "Protocols of the rule.",
        |a, v| seen(a) && v == "both";
    "filtering-mode", "multiple-host", Restart,
        "Filtering mode of the rule.",
        |a, v| seen(a) && v == "multiple-host";
    "affinity", "none or single", Restart,
        "Affinity of the rule.",
        |a, v| seen(a) && ["none", "single"].contains(&v);
    "load-weight", "equal", Restart,
        "Load of each host.",
        |a, v| seen(a) && v == "equal";
    "initial-host-state", "stopped", Restart,
        "State of a host after it starts; the scripts of the pair start it.",
        |a, v| seen(a) && v == "stopped";
};

/// Options of a DN. Which of them belong to which type: `belongs_to`.
pub static DN: &[Key<Dn>] = keys! {
    "contact", "host, host:port or a SIP URI", Immediately,
        "Where the DN is; unset: where it registered.",
        |d, v| is_contact(v) && put(&mut d.contact, text(v).map(Some));
    "prefix", "the first digits of numbers", Immediately,
        "Numbers that a trunk leads to.",
        |d, v| put(&mut d.prefix, text(v).map(Some));
    "priority", "0 to 1000", Immediately,
        "Order among trunks with the same prefix, lowest first. Default 0.",
        |d, v| put(&mut d.priority, whole(v, 0, 1000));
    "capacity", "1 to 100000", Immediately,
        "Most calls of a trunk at a time; unset: any number.",
        |d, v| put(&mut d.capacity, whole(v, 1, 100_000).map(Some));
    "oos-check", "0 to 300 seconds", Immediately,
        "Time between two checks whether it answers; 0: not checked. Default 0.",
        |d, v| put(&mut d.oos_check, seconds(v, 300));
    "oos-force", "0 to 30 seconds", Immediately,
        "Time without an answer to a check after which it is out of service. Default 0.",
        |d, v| put(&mut d.oos_force, seconds(v, 30));
    "dr-forward", "off, no-agent or oos", Immediately,
        "When its calls are forwarded to the peer site; unset: as the application says.",
        |d, v| put(&mut d.dr_forward, dr_forward(v).map(Some));
    "password", "one line of text", Immediately,
        "Its password; without any it is not challenged.",
        |d, v| put(&mut d.passwords.password, text(v).map(Some));
    "ha1-md5", "32 hexadecimal digits", Immediately,
        "MD5 of number:realm:password, in place of the password.",
        |d, v| put(&mut d.passwords.md5, Ha1::parse(v, 16).map(Some));
    "ha1-sha-256", "64 hexadecimal digits", Immediately,
        "SHA-256 of number:realm:password, in place of the password.",
        |d, v| put(&mut d.passwords.sha256, Ha1::parse(v, 32).map(Some));
    "default-dn", "a number that leads somewhere", Immediately,
        "Where a call goes that nobody routed; unset: as the application says.",
        |d, v| put(&mut d.default_dn, optional(v));
    "router-timeout", "a time from 1 sec to 1 hour", Immediately,
        "How long a call waits here; unset: as the application says.",
        |d, v| put(&mut d.router_timeout, router_timeout(v).map(Some));
    "service-type", "softswitch", Immediately,
        "What a Voice over IP Service is.",
        |d, v| v == "softswitch" && put(&mut d.is_softswitch, Some(true));
    "auto-redirect-enabled", "true or false", Immediately,
        "Not for trunks of business continuity.",
        |d, v| put(&mut d.auto_redirect_enabled, flag(v).map(Some));
    "phone-profile", "simultaneous, sequential, bria, alu-4000 or openscape-voice", Immediately,
        "How its telephones register, where that asks for a certain dr-forward.",
        |d, v| put(&mut d.phone_profile, phone_profile(v).map(Some));
};

/// Whether a type of DN has an option.
pub(super) fn belongs_to(name: &str, kind: DnType) -> bool {
    match name {
        "prefix" | "priority" | "capacity" => kind == DnType::Trunk,
        "auto-redirect-enabled" => matches!(kind, DnType::Trunk | DnType::VoipService),
        "service-type" => kind == DnType::VoipService,
        "default-dn" | "router-timeout" => kind == DnType::RoutingPoint,
        "contact" | "oos-check" | "oos-force" => {
            !matches!(kind, DnType::AcdQueue | DnType::RoutingPoint)
        }
        _ => true,
    }
}

/// Notes that the operator wrote something about the cluster.
fn seen(application: &mut Application) -> bool {
    application.nlb.get_or_insert(Nlb::default());
    true
}

fn choice<V: Copy>(value: &str, choices: &[(&str, V)]) -> Option<V> {
    choices.iter().find(|(name, _)| *name == value).map(|(_, choice)| *choice)
}

fn dr_forward(value: &str) -> Option<DrForward> {
    let choices =
        [("off", DrForward::Off), ("no-agent", DrForward::NoAgent), ("oos", DrForward::Oos)];
    choice(value, &choices)
}

fn addp_trace(value: &str) -> Option<AddpTrace> {
    match value {
        "off" | "false" | "no" => Some(AddpTrace::Off),
        "local" | "on" | "true" | "yes" => Some(AddpTrace::Local),
        "remote" => Some(AddpTrace::Remote),
        "full" | "both" => Some(AddpTrace::Both),
        _ => None,
    }
}

fn phone_profile(value: &str) -> Option<PhoneProfile> {
    let choices = [
        ("simultaneous", PhoneProfile::Simultaneous),
        ("sequential", PhoneProfile::Sequential),
        ("bria", PhoneProfile::Sequential),
        ("alu-4000", PhoneProfile::Sequential),
        ("openscape-voice", PhoneProfile::OpenScapeVoice),
    ];
    choice(value, &choices)
}

fn between(value: &str, least: Duration, most: Duration) -> Option<Duration> {
    duration(value).filter(|time| (least..=most).contains(time))
}

fn router_timeout(value: &str) -> Option<Duration> {
    between(value, Duration::from_secs(1), Duration::from_secs(3600))
}

fn reconnect(value: &str) -> Option<Duration> {
    between(value, Duration::from_millis(100), Duration::from_secs(3600))
}

fn latency(value: &str) -> Option<Duration> {
    between(value, Duration::ZERO, Duration::from_secs(60))
}

/// The reference for operators: one table per section, in Markdown.
pub fn reference() -> String {
    let mut page = String::new();
    for (section, keys) in APPLICATION {
        rows(&mut page, &format!("[{section}]"), keys);
    }
    rows(&mut page, "[[dn]]", DN);
    page
}

fn rows<T>(page: &mut String, header: &str, keys: &[Key<T>]) {
    let mut lines = vec![
        format!("### `{header}`\n"),
        "| option | allowed | a change takes effect | meaning |".to_owned(),
        "|---|---|---|---|".to_owned(),
    ];
    let row = |key: &Key<T>| {
        format!("| `{}` | {} | {} | {} |", key.name, key.allowed, key.effect.words(), key.meaning)
    };
    lines.extend(keys.iter().map(row));
    page.push_str(&lines.join("\n"));
    page.push_str("\n\n");
}

/// Names of a table.
pub(super) fn names<T>(keys: &[Key<T>]) -> Vec<&'static str> {
    keys.iter().map(|key| key.name).collect()
}

/// Reads a DN's type, as the guide writes it or with hyphens and in any case.
pub(super) fn dn_type(value: &str) -> Option<DnType> {
    let plain = |text: &str| text.to_ascii_lowercase().replace([' ', '_'], "-");
    DnType::ALL.into_iter().find(|kind| plain(kind.name()) == plain(value))
}

/// A DN's types, for an error.
pub(super) fn dn_types() -> String {
    DnType::ALL.map(DnType::name).join(", ")
}
