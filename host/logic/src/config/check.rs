//! Checks that need more than one object: who is in which pair, whether addresses fit their
//! hosts, whether a lease is safe, what a reaction acts on.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use serde_json::Value;

use super::draft::{Draft, DraftVip};
use super::error::Place;
use super::model::{Host, Runs, Selection, Subnet};
use super::reader::{ObjectKind, Placed, Sink};
use super::worst_case::{Inequality, seconds};
use crate::ids::{ApplicationName, HostName, PairName, VipName};

/// Reports everything, and fills in what follows from other objects.
pub(super) fn check(draft: &mut Draft, sink: &Sink) {
    host_addresses(draft, sink);
    members(draft, sink);
    control_applications(draft, sink);
    vips_alike(draft, sink);
    let (hosts, control) = (&draft.hosts, draft.control.as_ref());
    for vip in draft.vips.values() {
        let checker = VipChecker { draft: vip, hosts, sink };
        checker.check_address();
        vip.vip.network_interfaces.iter().for_each(|(host, name)| checker.check_host(host, name));
        if let Some(control) = control {
            checker.check_lease(&Inequality::new(control, vip.vip.lease));
        }
    }
    reactions(draft, sink);
    types(draft, sink);
}

/// Two hosts at one address are one machine to whoever connects to it; on a machine for tests
/// that may be meant.
fn host_addresses(draft: &Draft, sink: &Sink) {
    let mut first: BTreeMap<IpAddr, &HostName> = BTreeMap::new();
    for host in draft.hosts.values() {
        if let Some(other) = first.insert(host.value.address, &host.value.name) {
            let text = format!("{} is also the address of {other}", host.value.address);
            sink.notice(&host.place, text);
        }
    }
}

/// Each application in one pair at most; a pair of two programs of one type.
fn members(draft: &mut Draft, sink: &Sink) {
    let mut pair_of: BTreeMap<ApplicationName, PairName> = BTreeMap::new();
    for (name, pair) in &draft.pairs {
        for application in [&pair.value.primary, &pair.value.backup] {
            if let Some(first) = pair_of.insert(application.clone(), name.clone()) {
                let found = format!("\"{application}\" again, already in pair \"{first}\"");
                sink.error(&pair.place, found, "each application in one pair, and once");
            }
            let member = draft.applications.get(application);
            if member.is_some_and(|member| matches!(member.value.runs, Runs::Vip { .. })) {
                let found = format!("the control application \"{application}\"");
                sink.error(&pair.place, found, "applications that run a program");
            }
        }
        let kind = |name| draft.applications.get(name).map(|member| &member.value.kind);
        if let (Some(primary), Some(backup)) = (kind(&pair.value.primary), kind(&pair.value.backup))
            && primary != backup
        {
            let found = format!("types {primary:?} and {backup:?}");
            sink.error(&pair.place, found, "two applications of one type");
        }
    }
    for (name, application) in &mut draft.applications {
        application.value.pair = pair_of.get(name).cloned();
    }
}

/// A control application runs where its virtual IP can be.
fn control_applications(draft: &Draft, sink: &Sink) {
    for application in draft.applications.values() {
        let Runs::Vip { vip, .. } = &application.value.runs else { continue };
        let Some(vip) = draft.vips.get(vip) else { continue };
        let hosts = &vip.vip.network_interfaces;
        if !hosts.contains_key(&application.value.host) {
            let hosts: Vec<&str> = hosts.keys().map(HostName::as_str).collect();
            let found = format!("\"{}\" as its host", application.value.host);
            let allowed = format!("a host of {}: {}", vip.vip.name, hosts.join(", "));
            sink.error(&application.place, found, allowed);
        }
    }
}

/// No two virtual IPs alike.
fn vips_alike(draft: &Draft, sink: &Sink) {
    let mut first: BTreeMap<IpAddr, (&VipName, &Place)> = BTreeMap::new();
    let mut in_order: Vec<&DraftVip> = draft.vips.values().collect();
    in_order.sort_by(|a, b| a.address.cmp(&b.address));
    for vip in in_order {
        let this = (&vip.vip.name, &vip.address);
        if let Some((name, place)) = first.get(&vip.vip.address) {
            let found = format!(
                "\"{}\" again, first for {name} at {}:{}",
                vip.vip.address, place.file, place.line
            );
            sink.error(&vip.address, found, "each virtual IP once");
        } else {
            first.insert(vip.vip.address, this);
        }
    }
}

struct VipChecker<'a> {
    draft: &'a DraftVip,
    hosts: &'a BTreeMap<HostName, Placed<Host>>,
    sink: &'a Sink,
}

impl VipChecker<'_> {
    fn subnet(&self) -> Subnet {
        Subnet { address: self.draft.vip.address, prefix: self.draft.vip.prefix }
    }

    fn found(&self) -> String {
        format!("\"{}\"", self.subnet())
    }

    /// An address that a host can have, and that is nobody's unique one.
    fn check_address(&self) {
        if !self.subnet().is_host_address() {
            let allowed = "an address of a host in its subnet";
            self.sink.error(&self.draft.address, self.found(), allowed);
        }
        for Placed { value: host, .. } in self.hosts.values() {
            let unique = host.interfaces.values().flatten().map(|subnet| subnet.address);
            if unique.chain([host.address]).any(|address| address == self.draft.vip.address) {
                let allowed =
                    format!("an address of its own: this is a unique one of {}", host.name);
                self.sink.error(&self.draft.address, self.found(), allowed);
            }
        }
    }

    /// The interface exists on the host and is in the address's subnet.
    fn check_host(&self, name: &HostName, interface: &Arc<str>) {
        let Some(Placed { value: host, .. }) = self.hosts.get(name) else { return };
        if host.interfaces.is_empty() {
            let text = format!(
                "virtual IP {} is not checked on {name}: its interfaces are not stated",
                self.draft.vip.name
            );
            self.sink.notice(&self.draft.network_interface, text);
            return;
        }
        let Some(subnets) = host.interfaces.get(interface) else {
            let known: Vec<&str> = host.interfaces.keys().map(|known| &**known).collect();
            self.sink.push(super::ConfigError {
                place: self.draft.network_interface.clone(),
                found: format!("{interface:?}"),
                allowed: format!("a stated interface of {name}: {}", known.join(", ")),
                nearest: super::error::nearest(interface, known.iter().copied()),
            });
            return;
        };
        let address = self.draft.vip.address;
        let fits = subnets.iter().any(|subnet| {
            subnet.contains(address)
                && (self.subnet().is_single() || self.draft.vip.prefix == subnet.prefix)
        });
        if !fits {
            let same_family =
                |subnet: &&Subnet| subnet.address.is_ipv4() == self.draft.vip.address.is_ipv4();
            let networks: Vec<String> = subnets
                .iter()
                .filter(same_family)
                .map(|subnet| subnet.network().to_string())
                .collect();
            let allowed = match networks.as_slice() {
                [] => format!("an interface with a subnet of its family on {name}"),
                _ => format!(
                    "an address in {} (subnet of {interface} on {name})",
                    networks.join(" or ")
                ),
            };
            self.sink.error(&self.draft.address, self.found(), allowed);
        }
    }

    /// The inequality of architecture 5.4. Refused, never adjusted: a lease that is quietly
    /// another one than the operator wrote is worse than none.
    fn check_lease(&self, inequality: &Inequality) {
        if !inequality.holds() {
            let allowed = format!("more than {inequality}");
            self.sink.error(&self.draft.lease, seconds(inequality.lease), allowed);
        }
    }
}

/// Checks the settings of the shipped reactions, and finds the host each reaction acts on.
fn reactions(draft: &mut Draft, sink: &Sink) {
    let host_of = |name: &str| {
        draft.applications.get(&ApplicationName::from(name)).map(|of| of.value.host.clone())
    };
    for reaction in draft.reactions.values_mut() {
        let settings = Settings { of: &reaction.value.settings, place: &reaction.place, sink };
        match reaction.value.plugin.as_str() {
            "reaction-vip" => {
                settings.name("vip", ObjectKind::Vip, true);
                settings.name("application", ObjectKind::Application, true);
                settings.choice("action", &["enable", "disable"]);
            }
            // Without one they act on the application that the alarm is about.
            "reaction-start-application"
            | "reaction-stop-application"
            | "reaction-restart-application" => {
                settings.name("application", ObjectKind::Application, false);
            }
            _ => {}
        }
        let application = reaction.value.settings.get("application").and_then(Value::as_str);
        reaction.value.target = application.and_then(host_of);
    }
}

/// Settings of one reaction.
struct Settings<'a> {
    of: &'a BTreeMap<String, Value>,
    place: &'a Place,
    sink: &'a Sink,
}

impl Settings<'_> {
    fn place(&self, key: &str) -> Place {
        Place { key: format!("settings.{key}").into(), ..self.place.clone() }
    }

    fn wrong(&self, key: &str, allowed: impl Into<String>) {
        let found = self.of.get(key).map_or_else(|| "nothing".to_owned(), Value::to_string);
        self.sink.error(&self.place(key), found, allowed);
    }

    /// The name of an object.
    fn name(&self, key: &str, kind: ObjectKind, is_required: bool) {
        match self.of.get(key) {
            Some(Value::String(name)) => {
                let value = Arc::from(name.as_str());
                self.sink.refer(kind, &Placed { value, place: self.place(key) });
            }
            None if !is_required => {}
            _ => self.wrong(key, format!("the name of a configured {}", kind.word())),
        }
    }

    fn choice(&self, key: &str, choices: &[&str]) {
        let is_one = |value: &Value| value.as_str().is_some_and(|text| choices.contains(&text));
        if !self.of.get(key).is_some_and(is_one) {
            let quoted: Vec<String> =
                choices.iter().map(|choice| format!("\"{choice}\"")).collect();
            self.wrong(key, quoted.join(" or "));
        }
    }
}

/// A condition on a type that no application has never matches.
fn types(draft: &Draft, sink: &Sink) {
    for condition in draft.conditions.values() {
        let selectors = [Some(&condition.value.detect), condition.value.cancel.as_ref()];
        for selector in selectors.into_iter().flatten() {
            let Selection::ApplicationType(kind) = &selector.selection else { continue };
            if !draft.applications.values().any(|application| application.value.kind == *kind) {
                let text = format!("no configured application has the type {kind:?}");
                sink.notice(&condition.place, text);
            }
        }
    }
}
