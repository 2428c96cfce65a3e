//! Where a request goes: Route headers, Request-URI, directory, registrations (RFC 3261 sections
//! 16.4 to 16.6).

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use takeover_logic::time::{Now, Timestamp};

use super::Node;
use super::hosts::{Host, Lead};
use crate::branch;
use crate::directory::{Destination, Directory, Dn, DnType};
use crate::flow::Transport;
use crate::message::{Address, HeaderName, Message, Method, Scheme, Uri};
use crate::outbox::Outbox;
use crate::proxy::forward::Manner;
use crate::proxy::{Arrival, Target};

/// Where a request wants to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way<'a> {
    /// To this node, or to a number of its switch.
    Here {
        /// The number; none: the node itself.
        user: Option<Cow<'a, str>>,
        /// Route values on top that name this node.
        own_routes: usize,
    },
    /// To the next Route value, or to a Request-URI elsewhere.
    There {
        /// Whose host decides.
        uri: &'a [u8],
        /// Whether the request belongs to a call that this pair let in.
        inside: bool,
        /// Route values on top that name this node.
        own_routes: usize,
    },
}

/// Targets, or what is missing for them.
pub(super) enum Targets {
    /// These, at once.
    Ready(Vec<Target>),
    /// A name has to be looked up first.
    Ask(Host),
    /// Nobody is there.
    Nobody,
}

impl Node {
    /// Reads the way of a request; none: a kind of URI that is not spoken here.
    pub(super) fn way<'a>(&self, message: &Message<'a>) -> Option<Way<'a>> {
        let mut own_routes = 0;
        let mut inside = false;
        for route in message.values(HeaderName::Route).flat_map(Address::list) {
            let Some(uri) = route.parts().filter(|uri| self.is_here(uri)) else {
                return Some(Way::There { uri: route.uri, inside, own_routes });
            };
            inside |= self.is_marked(message, &uri) && message.to_tag().is_some();
            own_routes += 1;
        }
        let uri = message.request_parts()?;
        if uri.scheme == Scheme::Other {
            return None;
        }
        if uri.scheme == Scheme::Tel || self.is_here(&uri) {
            let user = uri.user.map(String::from_utf8_lossy);
            return Some(Way::Here { user, own_routes });
        }
        Some(Way::There { uri: message.request_uri(), inside, own_routes })
    }

    /// Whether a Route value of ours bears the mark that this call was given.
    pub(super) fn is_marked(&self, message: &Message<'_>, uri: &Uri<'_>) -> bool {
        let mark = branch::dialog_mark(&self.settings.secret, message.call_id());
        let found = uri.param(branch::DIALOG.as_bytes());
        found.is_some_and(|found| found == branch::Hex::of(mark).as_bytes())
    }

    pub(super) fn is_here(&self, uri: &Uri<'_>) -> bool {
        let realm = self.directory.realm().as_bytes();
        self.settings.names.are(uri.host, uri.port) || uri.host.eq_ignore_ascii_case(realm)
    }

    /// Sends a request on that nobody has to decide about.
    pub(super) fn send_on(
        &mut self,
        now: Now,
        arrival: &Arrival<'_, '_>,
        way: &Way<'_>,
        out: &mut Outbox,
    ) {
        let message = arrival.message;
        let (targets, own_routes) = match way {
            Way::Here { user: Some(user), own_routes } => {
                (self.targets_of_number(now, user), *own_routes)
            }
            Way::Here { user: None, own_routes } => (Targets::Nobody, *own_routes),
            Way::There { uri, inside, own_routes } => {
                if !inside && !self.is_trusted(now.at, arrival) {
                    return self.answer_code(arrival, 403, out);
                }
                (self.targets_of_uri(now, uri), *own_routes)
            }
        };
        let opens = message.method().is_some_and(Method::opens_dialog);
        let record_route = opens && message.to_tag().is_none();
        let manner = Manner { record_route, own_routes, call: None };
        self.note_request(now, message);
        self.send_to(arrival, targets, manner, out);
    }

    /// Sends a request to its targets, lets it wait for a name, or says that nobody is there.
    pub(super) fn send_to(
        &mut self,
        arrival: &Arrival<'_, '_>,
        targets: Targets,
        manner: Manner,
        out: &mut Outbox,
    ) {
        let message = arrival.message;
        match secured(message, targets) {
            Targets::Ready(targets) => {
                let method = message.method();
                let remembered = !matches!(method, Some(Method::Ack | Method::Cancel));
                if remembered && self.proxy.make_room(arrival.now.instant) {
                    self.proxy.forward(arrival, targets, manner, out);
                } else if let Some(target) = targets.first() {
                    self.proxy.forward_stateless(arrival, target, manner, out);
                }
            }
            Targets::Ask(host) => {
                if !self.hosts.wait(host, (arrival.from, message.raw()), out) {
                    self.refuse_for_now(arrival, out);
                }
            }
            Targets::Nobody if message.to_tag().is_some() => self.answer_code(arrival, 481, out),
            Targets::Nobody => self.answer_code(arrival, 480, out),
        }
    }

    /// Where a number is.
    pub(super) fn targets_of_number(&self, now: Now, number: &str) -> Targets {
        match self.directory.destination(number) {
            Destination::Dn(dn) => self.targets_of_dn(now, dn),
            Destination::Trunks(trunks) => self.targets_of_trunks(now, &trunks, number),
            Destination::Unknown => Targets::Nobody,
        }
    }

    /// Where a DN is: its registered contacts, else its configured one, else behind the softswitch.
    pub(super) fn targets_of_dn(&self, now: Now, dn: &Dn) -> Targets {
        let targets: Vec<Target> = self
            .state
            .location
            .lookup(&dn.number, now.at)
            .filter(|binding| !binding.flow_lost)
            .map(|binding| Target {
                uri: Some(binding.contact.as_bytes().into()),
                hops: vec![binding.flow],
                route: binding.path.as_ref().map(|path| path.as_bytes().into()),
            })
            .collect();
        if !targets.is_empty() {
            return Targets::Ready(targets);
        }
        let behind = || self.directory.softswitch().and_then(|switch| switch.contact.as_ref());
        match dn.contact.as_ref().or_else(behind) {
            Some(contact) => self.targets_at(now, contact, &dn.number),
            None => Targets::Nobody,
        }
    }

    /// Through the first trunk whose contact is known; the others are tried after it.
    pub(super) fn targets_of_trunks(&self, now: Now, trunks: &[&Dn], number: &str) -> Targets {
        let mut first: Option<Target> = None;
        let mut missing = None;
        let usable = trunks.iter().filter(|trunk| self.has_line(trunk));
        for contact in usable.filter_map(|trunk| trunk.contact.as_ref()) {
            match self.targets_at(now, contact, number) {
                Targets::Ready(targets) => {
                    let Some(target) = targets.into_iter().next() else { continue };
                    match &mut first {
                        Some(first) => first.hops.extend(target.hops),
                        None => first = Some(target),
                    }
                }
                Targets::Ask(host) => missing = missing.or(Some(host)),
                Targets::Nobody => {}
            }
        }
        match (first, missing) {
            (Some(target), _) => Targets::Ready(vec![target]),
            (None, Some(host)) => Targets::Ask(host),
            (None, None) => Targets::Nobody,
        }
    }

    /// Whether a trunk is in service and has not all the calls that it may have.
    fn has_line(&self, trunk: &Dn) -> bool {
        let calls = self.state.dialogs.calls_of(&trunk.number);
        self.state.devices.is_in_service(&trunk.number)
            && trunk.capacity.is_none_or(|capacity| calls < capacity)
    }

    /// A number at a configured contact.
    fn targets_at(&self, now: Now, contact: &str, number: &str) -> Targets {
        let uri = uri_at(contact, number).concat();
        let Some(parts) = Uri::parse(uri.as_bytes()) else { return Targets::Nobody };
        match self.hosts.lead(now.instant, &parts) {
            Lead::Hops(hops) => {
                let uri = Some(uri.into_bytes().into());
                Targets::Ready(vec![Target { uri, hops, route: None }])
            }
            Lead::Ask(host) => Targets::Ask(host),
            Lead::Nowhere => Targets::Nobody,
        }
    }

    /// Where a URI elsewhere is. One that is a registered contact is reached as that was.
    fn targets_of_uri(&self, now: Now, uri: &[u8]) -> Targets {
        let Some(parts) = Uri::parse(uri) else { return Targets::Nobody };
        let user = parts.user.and_then(|user| std::str::from_utf8(user).ok());
        let registered = user.and_then(|user| {
            let mut bindings = self.state.location.lookup(user, now.at);
            bindings.find(|binding| binding.contact.as_bytes() == uri && !binding.flow_lost)
        });
        let hops = match registered {
            Some(binding) => vec![binding.flow],
            None => match self.hosts.lead(now.instant, &parts) {
                Lead::Hops(hops) => hops,
                Lead::Ask(host) => return Targets::Ask(host),
                Lead::Nowhere => return Targets::Nobody,
            },
        };
        Targets::Ready(vec![Target { uri: None, hops, route: None }])
    }

    /// Whether a request comes from somebody who may call anywhere: from where its DN registered,
    /// or from a trunk's or DN's configured address.
    pub(super) fn is_trusted(&self, at: Timestamp, arrival: &Arrival<'_, '_>) -> bool {
        self.caller_dn(arrival).is_some_and(|dn| self.comes_from(at, dn, arrival))
    }

    /// Whether a request comes from where a DN is known to be.
    pub(super) fn comes_from(&self, at: Timestamp, dn: &Dn, arrival: &Arrival<'_, '_>) -> bool {
        let from = arrival.from;
        let same = |flow: &crate::flow::Flow| match from.connection {
            Some(connection) => flow.connection == Some(connection),
            None => flow.remote == from.remote,
        };
        self.state.location.lookup(&dn.number, at).any(|binding| same(&binding.flow))
            || dn.contact.as_ref().is_some_and(|contact| {
                let uri = uri_at(contact, &dn.number).concat();
                Uri::parse(uri.as_bytes()).and_then(|uri| uri.address()) == Some(from.remote.ip())
            })
    }

    /// The DN that a request says it comes from.
    pub(super) fn caller_dn(&self, arrival: &Arrival<'_, '_>) -> Option<&Dn> {
        let user = std::str::from_utf8(arrival.message.from_parts()?.user?).ok()?;
        self.directory.dn(user).filter(|dn| dn.kind.is_dialable())
    }

    /// The trunk that a request comes from, by its source address.
    pub(super) fn source_trunk(&self, arrival: &Arrival<'_, '_>) -> Option<&Dn> {
        let trunk = self.trunks.get(&arrival.from.remote.ip())?;
        self.directory.dn(trunk)
    }

    /// Trunks by the address that their contact is.
    pub(super) fn trunk_addresses(directory: &Directory) -> HashMap<IpAddr, Arc<str>> {
        let trunks = directory.dns().filter(|dn| dn.kind == DnType::Trunk);
        let address = |trunk: &Dn| {
            let uri = uri_at(trunk.contact.as_ref()?, "").concat();
            Some((Uri::parse(uri.as_bytes())?.address()?, Arc::clone(&trunk.number)))
        };
        trunks.filter_map(address).collect()
    }
}

/// What is meant for a `sips` URI goes by TLS only (RFC 3261 sections 8.1.2 and 26.2.2).
pub(super) fn secured(message: &Message<'_>, targets: Targets) -> Targets {
    let uri = Uri::parse(message.request_uri());
    let Targets::Ready(mut targets) = targets else { return targets };
    if uri.is_some_and(|uri| uri.scheme == Scheme::Sips) {
        for target in &mut targets {
            target.hops.retain(|hop| hop.transport == Transport::Tls);
        }
        targets.retain(|target| !target.hops.is_empty());
    }
    if targets.is_empty() { Targets::Nobody } else { Targets::Ready(targets) }
}

/// The URI of a number at a contact, which is a host, a host and port, or a URI; in parts.
pub(super) fn uri_at<'a>(contact: &'a str, number: &'a str) -> [&'a str; 4] {
    let scheme = ["sip:", "sips:"].into_iter().find(|scheme| contact.starts_with(scheme));
    let (scheme, rest) = (scheme.unwrap_or("sip:"), contact);
    let rest = rest.strip_prefix(scheme).unwrap_or(rest);
    match rest.contains('@') || number.is_empty() {
        true => [scheme, "", "", rest],
        false => [scheme, number, "@", rest],
    }
}
