//! Reads virtual IPs: those in a pair's `vip` list and those of `[[vip]]`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::config::draft::DraftVip;
use crate::config::model::{Host, Subnet, Vip};
use crate::config::objects::Layers;
use crate::config::reader::{ObjectKind, Placed, Section};
use crate::ids::{HostName, PairName, VipName};
use crate::link::Isolation;

/// What a virtual IP is about.
pub(super) struct Subject<'a> {
    pub(super) name: VipName,
    pub(super) pair: &'a PairName,
    pub(super) address: Placed<Subnet>,
    /// The hosts of the pair; the same one twice on a single-host pair.
    pub(super) pair_hosts: &'a [HostName],
}

/// Reads everything else about a virtual IP.
pub(super) fn read(
    subject: Subject<'_>,
    layers: &Layers<'_>,
    hosts: &BTreeMap<HostName, Placed<Host>>,
) -> Option<DraftVip> {
    let of = |key| layers.of(key);
    let network_interfaces = network_interfaces(&subject, of("network_interface"), hosts);
    let port = of("port").whole("port");
    let references = references(&subject, layers, hosts);
    let isolation = of("isolation").text("isolation");
    let lease = of("lease_s").seconds("lease_s");
    let probe_interval = of("probe_interval_ms").milliseconds("probe_interval_ms");
    let backend = of("backend").name("backend");
    let settings = of("backend_settings").settings("backend_settings");
    let vip = Vip {
        name: subject.name,
        pair: subject.pair.clone(),
        address: subject.address.value.address,
        prefix: subject.address.value.prefix,
        network_interfaces: network_interfaces?,
        port: port.and_then(|port| u16::try_from(port.value).ok()),
        backend: (*backend?.value).into(),
        settings: settings?,
        references: references?,
        isolation: match &*isolation?.value {
            "release" => Isolation::Release,
            _ => Isolation::Hold,
        },
        lease: lease?.value,
        probe_interval: probe_interval?,
    };
    Some(DraftVip {
        vip,
        address: subject.address.place,
        network_interface: of("network_interface").key_place("network_interface"),
        lease: of("lease_s").key_place("lease_s"),
    })
}

/// The interface by host: as one name, as a table, or found by subnet.
fn network_interfaces(
    subject: &Subject<'_>,
    section: &Section<'_>,
    hosts: &BTreeMap<HostName, Placed<Host>>,
) -> Option<BTreeMap<HostName, Arc<str>>> {
    const KEY: &str = "network_interface";
    if !section.has(KEY) {
        return found_by_subnet(subject, section, hosts);
    }
    if section.is_text(KEY) {
        let name = section.parsed(KEY, interface_name)?;
        return Some(
            subject.pair_hosts.iter().map(|host| (host.clone(), name.value.clone())).collect(),
        );
    }
    let mut interfaces = BTreeMap::new();
    for (host, interface) in section.open_texts(KEY)? {
        let named = Placed { value: Arc::clone(&host), place: interface.place.clone() };
        section.sink().refer(ObjectKind::Host, &named);
        let host = HostName::new(host);
        if hosts.contains_key(&host) && !subject.pair_hosts.contains(&host) {
            let allowed = format!("the hosts of the pair: {}", listed(subject.pair_hosts));
            section.sink().error(&interface.place, format!("\"{host}\""), allowed);
        }
        match interface_name(&interface.value) {
            Some(name) => {
                interfaces.insert(host, name);
            }
            None => {
                let found = format!("{:?}", interface.value);
                section.sink().error(&interface.place, found, INTERFACE_NAME);
            }
        }
    }
    let missing: Vec<&HostName> =
        subject.pair_hosts.iter().filter(|host| !interfaces.contains_key(*host)).collect();
    for host in &missing {
        let allowed = "an interface for each host of the pair";
        section.sink().error(&section.key_place(KEY), format!("none for {host}"), allowed);
    }
    missing.is_empty().then_some(interfaces)
}

const INTERFACE_NAME: &str = "the name of a network interface: 1 to 15 characters, no blank or /";

/// A name that Linux gives to interfaces (IFNAMSIZ).
fn interface_name(text: &str) -> Option<Arc<str>> {
    let fits = (1..=15).contains(&text.len()) && text != "." && text != "..";
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/' && byte != b':');
    (fits && plain).then(|| text.into())
}

fn found_by_subnet(
    subject: &Subject<'_>,
    section: &Section<'_>,
    hosts: &BTreeMap<HostName, Placed<Host>>,
) -> Option<BTreeMap<HostName, Arc<str>>> {
    let mut interfaces = BTreeMap::new();
    for name in subject.pair_hosts {
        // A host that was not read well has its own errors.
        let host = &hosts.get(name)?.value;
        let fitting: Vec<&Arc<str>> = host
            .interfaces
            .iter()
            .filter(|(_, subnets)| {
                subnets.iter().any(|subnet| subnet.contains(subject.address.value.address))
            })
            .map(|(interface, _)| interface)
            .collect();
        match fitting.as_slice() {
            [interface] => interfaces.insert(name.clone(), Arc::clone(interface)),
            others => {
                let allowed = format!(
                    "the interface that carries {}: {} stated interfaces of {name} are in its \
                     subnet",
                    subject.address.value,
                    others.len()
                );
                section.sink().error(&section.key_place("network_interface"), "nothing", allowed);
                return None;
            }
        };
    }
    Some(interfaces)
}

/// The references on the address's own subnet. Those of a pair may be for several virtual IPs,
/// so what does not belong to this one is left to the others.
fn references(
    subject: &Subject<'_>,
    layers: &Layers<'_>,
    hosts: &BTreeMap<HostName, Placed<Host>>,
) -> Option<Vec<IpAddr>> {
    let section = layers.of("references");
    let references = section.parsed_list("references", |text| text.parse::<IpAddr>().ok())?;
    let subnets = subnets(subject, hosts);
    let belongs = |address: &IpAddr| {
        let same_family = address.is_ipv4() == subject.address.value.address.is_ipv4();
        same_family
            && (subnets.is_empty() || subnets.iter().any(|subnet| subnet.contains(*address)))
    };
    let is_own = layers.upper.as_ref().is_some_and(|upper| upper.has("references"));
    for reference in references.iter().filter(|reference| is_own && !belongs(&reference.value)) {
        let allowed = format!("an address in {}", listed(&subnets));
        section.sink().error(&reference.place, format!("\"{}\"", reference.value), allowed);
    }
    Some(references.into_iter().map(|reference| reference.value).filter(belongs).collect())
}

/// The subnet that the address is in: its own, or that of an interface where it is a single
/// address.
fn subnets(subject: &Subject<'_>, hosts: &BTreeMap<HostName, Placed<Host>>) -> Vec<Subnet> {
    let address = subject.address.value;
    if !address.is_single() {
        return vec![address.network()];
    }
    let pair_hosts = subject.pair_hosts.iter().filter_map(|name| hosts.get(name));
    let stated = pair_hosts.flat_map(|host| host.value.interfaces.values().flatten());
    stated.filter(|subnet| subnet.contains(address.address)).map(Subnet::network).collect()
}

/// Several things in a sentence.
fn listed(things: &[impl ToString]) -> String {
    things.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}
