//! Reads redundant pairs and their virtual IPs, and expands them to the guide's objects.
//!
//! A pair with `hosts` expands; one with `applications` only joins two that the operator wrote,
//! and is what an expanded pair is printed as. Reading order: this file, [`vip`], [`guide`].

mod guide;
mod names;
mod placeholder;
mod vip;

use std::sync::Arc;

use self::guide::Expansion;
use self::names::Place;
use self::placeholder::Placeholders;
use self::vip::Subject;
use super::draft::Draft;
use super::keys::tables;
use super::model::{Application, Pair, Redundancy, Subnet};
use super::objects::{self, ApplicationDefaults, Layers};
use super::reader::{ObjectKind, Placed, Section, Text};
use crate::ids::{ApplicationName, HostName, PairName, VipName};

/// A `[[pair]]` or `[[vip]]` whose name is declared.
pub(super) struct Named<'a> {
    name: Text,
    section: Section<'a>,
}

impl<'a> Named<'a> {
    /// Declares the name.
    pub(super) fn new(section: Section<'a>, kind: ObjectKind) -> Option<Self> {
        let name = objects::declared(&section, kind)?;
        Some(Self { name, section })
    }
}

/// A `[[vip]]` with the name of its pair.
struct FurtherVip<'a> {
    vip: &'a Named<'a>,
    pair: Arc<str>,
}

/// Reads all pairs and virtual IPs. Hosts and the operator's own applications are in the draft.
pub(super) fn read_all(pairs: &[Named<'_>], vips: &[Named<'_>], draft: &mut Draft) {
    let further: Vec<FurtherVip<'_>> = vips
        .iter()
        .filter_map(|vip| {
            let pair = vip.section.reference("pair", ObjectKind::Pair)?.value;
            Some(FurtherVip { vip, pair })
        })
        .collect();
    for orphan in &further {
        if !pairs.iter().any(|pair| pair.name.value == orphan.pair) {
            read_orphan(orphan, draft);
        }
    }
    for pair in pairs {
        let vips: Vec<&Named<'_>> = further
            .iter()
            .filter(|further| further.pair == pair.name.value)
            .map(|further| further.vip)
            .collect();
        let section = &pair.section;
        match (section.has("hosts"), section.has("applications")) {
            (true, false) => PairReader { pair, vips }.with_hosts(draft),
            (false, true) => PairReader { pair, vips }.with_applications(draft),
            (true, true) => section.refuse("applications", "either hosts or applications"),
            (false, false) => section.missing("hosts"),
        }
    }
}

/// Reads a virtual IP of no pair, only for the errors in it.
fn read_orphan(further: &FurtherVip<'_>, draft: &Draft) {
    let section = &further.vip.section;
    let pair = PairName::new(Arc::clone(&further.pair));
    if let Some(address) = section.parsed("address", |text| text.parse().ok()) {
        let name = VipName::new(Arc::clone(&further.vip.name.value));
        let subject = Subject { name, pair: &pair, address, pair_hosts: &[] };
        vip::read(subject, &Layers::one(section), &draft.hosts);
    }
}

struct PairReader<'a> {
    pair: &'a Named<'a>,
    /// Its `[[vip]]`s, in the order they are written.
    vips: Vec<&'a Named<'a>>,
}

/// An address of a pair, before the rest is read.
struct Listed<'a> {
    name: Arc<str>,
    address: Placed<Subnet>,
    section: Option<&'a Section<'a>>,
}

impl<'a> PairReader<'a> {
    fn section(&self) -> &'a Section<'a> {
        &self.pair.section
    }

    fn name(&self) -> PairName {
        PairName::new(Arc::clone(&self.pair.name.value))
    }

    fn redundancy(&self) -> Option<Redundancy> {
        Some(match &*self.section().text("redundancy")?.value {
            "hot" => Redundancy::Hot,
            _ => Redundancy::Warm,
        })
    }

    /// Two names of the operator's, each an object of the kind.
    fn two(&self, key: &str, kind: ObjectKind) -> Option<[Text; 2]> {
        let names = self.section().references(key, kind)?;
        match <[_; 2]>::try_from(names) {
            Ok(two) => Some(two),
            Err(others) => {
                let allowed = format!("two {}s, the primary's first", kind.word());
                let found = format!("a list of {}", others.len());
                self.section().sink().error(&self.section().key_place(key), found, allowed);
                None
            }
        }
    }

    /// The form that only joins two applications.
    fn with_applications(&self, draft: &mut Draft) {
        let section = self.section();
        let own = ["name", "redundancy", "applications", "hosts"];
        for key in tables::PAIR.keys().filter(|key| !own.contains(&key.name)) {
            section.refuse(key.name, "this key only in a pair with hosts; write a [[vip]]");
        }
        let redundancy = self.redundancy();
        let Some([primary, backup]) = self.two("applications", ObjectKind::Application) else {
            return;
        };
        let members = [&primary, &backup].map(|name| ApplicationName::new(name.value.clone()));
        let hosts: Vec<HostName> = members
            .iter()
            .filter_map(|name| Some(draft.applications.get(name)?.value.host.clone()))
            .collect();
        let listed = self.further_vips();
        if hosts.len() < 2 {
            // The references are reported; without hosts nothing can be said of addresses.
            return;
        }
        let vips = self.read_vips(listed, &hosts, draft);
        let [primary, backup] = members;
        self.insert(draft, redundancy, [primary, backup], vips);
    }

    /// The form that expands.
    fn with_hosts(&self, draft: &mut Draft) {
        let section = self.section();
        let redundancy = self.redundancy();
        let hosts = self.two("hosts", ObjectKind::Host);
        let listed = self.all_vips();
        let members = Place::BOTH.map(|place| self.member_name(place));
        let Some(hosts) = hosts else { return };
        let hosts = hosts.map(|host| HostName::new(host.value));
        let is_single_host = hosts[0] == hosts[1];
        if is_single_host && !listed.is_empty() {
            let allowed = "no virtual IP on a single-host pair: both run on the same addresses";
            section.refuse("vip", allowed);
            self.vips.iter().for_each(|vip| vip.section.refuse("pair", allowed));
            return;
        }
        if !is_single_host && listed.is_empty() {
            let text = "has no virtual IP: clients must find the primary by themselves";
            section.sink().notice(section.place(), text);
        }
        let first = listed.first().map(|listed| listed.address.value);
        let vips = self.read_vips(listed, &hosts, draft);
        for (place, host) in Place::BOTH.into_iter().zip(&hosts) {
            self.check_member(place, host, &vips, draft);
            self.member(place, host, first, draft);
        }
        let Some(pair) = self.insert(draft, redundancy, members, vips) else { return };
        if !pair.vips.is_empty() {
            let place = section.key_place("name");
            Expansion { pair: &pair, hosts, place, sink: section.sink() }.expand(draft);
        }
    }

    /// Adds the pair to the draft.
    fn insert(
        &self,
        draft: &mut Draft,
        redundancy: Option<Redundancy>,
        members: [ApplicationName; 2],
        vips: Vec<VipName>,
    ) -> Option<Pair> {
        let [primary, backup] = members;
        let pair = Pair { name: self.name(), redundancy: redundancy?, primary, backup, vips };
        let place = self.section().place().clone();
        draft.pairs.insert(pair.name.clone(), Placed { value: pair.clone(), place });
        Some(pair)
    }

    /// The addresses of the pair's own list, each replaced by the `[[vip]]` of its name, and then
    /// the other `[[vip]]`s.
    fn all_vips(&self) -> Vec<Listed<'a>> {
        let section = self.section();
        let own = section.parsed_items("vip", |text| text.parse::<Subnet>().ok());
        let mut further = self.further_vips();
        let mut listed = Vec::new();
        for (position, address) in own.into_iter().enumerate() {
            let name = names::vip(&self.pair.name.value, position);
            let written = further.iter().position(|vip| *vip.name == *name);
            let place = section.key_place("vip");
            let free = guide::declare(section.sink(), &place, ObjectKind::Vip, name);
            match (written, free, address) {
                (Some(at), _, _) => listed.push(further.remove(at)),
                (None, Some(name), Some(address)) => {
                    listed.push(Listed { name, address, section: None });
                }
                _ => {}
            }
        }
        listed.append(&mut further);
        listed
    }

    fn further_vips(&self) -> Vec<Listed<'a>> {
        let listed = |vip: &&'a Named<'a>| {
            let address = vip.section.parsed("address", |text| text.parse::<Subnet>().ok())?;
            let name = Arc::clone(&vip.name.value);
            Some(Listed { name, address, section: Some(&vip.section) })
        };
        self.vips.iter().filter_map(listed).collect()
    }

    /// Reads the rest of the virtual IPs into the draft; their names, whether well or not.
    fn read_vips(
        &self,
        listed: Vec<Listed<'a>>,
        hosts: &[HostName],
        draft: &mut Draft,
    ) -> Vec<VipName> {
        let mut names = Vec::new();
        for Listed { name, address, section } in listed {
            let layers = Layers { upper: section.cloned(), lower: self.section().clone() };
            let layers = match section {
                // A joined pair has no keys of addresses, so only the [[vip]] speaks.
                Some(vip) if self.section().has("applications") => Layers::one(vip),
                _ => layers,
            };
            let (name, pair) = (VipName::new(name), self.name());
            let subject = Subject { name: name.clone(), pair: &pair, address, pair_hosts: hosts };
            if let Some(vip) = vip::read(subject, &layers, &draft.hosts) {
                self.check_port(&vip.vip, section);
                draft.vips.insert(name.clone(), vip);
            }
            names.push(name);
        }
        names
    }

    /// A virtual IP that says another port than its pair would lead to a closed door.
    fn check_port(&self, vip: &super::model::Vip, section: Option<&Section<'_>>) {
        let pair = self.section().whole("port").map(|port| port.value);
        let own = section.filter(|section| section.has("port"));
        if let (Some(pair), Some(own), Some(port)) = (pair, own, vip.port)
            && u64::from(port) != pair
        {
            let allowed = format!("{pair}, the port of {}", self.section().place().object);
            own.sink().error(&own.key_place("port"), port.to_string(), allowed);
        }
    }

    /// The name of one of the two applications: the operator's or the guide's.
    fn member_name(&self, place: Place) -> ApplicationName {
        let written = self.section().table(place.key()).and_then(|member| member.name("name"));
        let name = written.map_or_else(
            || names::application(&self.pair.name.value, place).into(),
            |name| name.value,
        );
        ApplicationName::new(name)
    }

    /// Checks the SIP port and address that an operator repeated for one of the two.
    fn check_member(&self, place: Place, host: &HostName, vips: &[VipName], draft: &Draft) {
        let Some(member) = self.section().table(place.key()) else { return };
        let port = self.section().whole("port").map(|port| port.value);
        if let Some(own) = member.whole("sip_port")
            && Some(own.value) != port
        {
            let allowed = match port {
                Some(port) => format!("{port}, the port of the pair"),
                None => "no port of its own in a pair without port".to_owned(),
            };
            member.sink().error(&own.place, own.value.to_string(), allowed);
        }
        if let Some(own) = member.address("sip_address") {
            let mut allowed: Vec<_> =
                vips.iter().filter_map(|vip| Some(draft.vips.get(vip)?.vip.address)).collect();
            if vips.is_empty() {
                allowed.extend(draft.hosts.get(host).map(|host| host.value.address));
            }
            if !allowed.contains(&own.value) {
                let listed: Vec<_> = allowed.iter().map(ToString::to_string).collect();
                let found = format!("\"{}\"", own.value);
                let what = if vips.is_empty() { "address of the host" } else { "vip of the pair" };
                let allowed = format!("{}, the {what}", listed.join(" or "));
                member.sink().error(&own.place, found, allowed);
            }
        }
    }

    /// Adds one of the two applications, unless the operator wrote it as `[[application]]`.
    fn member(&self, place: Place, host: &HostName, vip: Option<Subnet>, draft: &mut Draft) {
        let section = self.section();
        let name = self.member_name(place);
        let at = section
            .table(place.key())
            .map_or_else(|| section.key_place("name"), |member| member.key_place("name"));
        let text = name.as_str().to_owned();
        let declared = guide::declare(section.sink(), &at, ObjectKind::Application, text);
        if declared.is_none() {
            self.check_replacement(&name, host, draft);
            return;
        }
        let port = section.whole("port").and_then(|port| u16::try_from(port.value).ok());
        let placeholders = Placeholders {
            host: host.as_str().into(),
            address: draft.hosts.get(host).map(|host| host.value.address),
            vip: vip.map(|vip| vip.address),
            port,
        };
        let layers = Layers {
            upper: section.table(place.key()),
            lower: section.table_or_empty("application", &tables::PAIR_APPLICATION),
        };
        let defaults = ApplicationDefaults { kind: "sip-server", autostart: true };
        let fill = |text: &Text| placeholders.fill(text, section.sink());
        let Some(described) = objects::program(&layers, &defaults, &fill) else { return };
        let application = Application {
            name: name.clone(),
            kind: described.kind,
            host: host.clone(),
            runs: described.runs,
            startup_timeout: described.startup_timeout,
            pair: None,
        };
        draft.applications.insert(name, Placed { value: application, place: at });
    }

    /// An application that the operator wrote in place of the pair's must be on its host.
    fn check_replacement(&self, name: &ApplicationName, host: &HostName, draft: &Draft) {
        if let Some(written) = draft.applications.get(name)
            && written.value.host != *host
        {
            let found = format!("\"{}\" as its host", written.value.host);
            let allowed = format!("{host}, as in {}", self.section().place().object);
            self.section().sink().error(&written.place, found, allowed);
        }
    }
}
