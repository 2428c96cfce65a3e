//! Names of hosts, and requests that wait until somebody has looked one up (RFC 3263).

use std::collections::HashMap;
use std::time::Duration;

use takeover_logic::time::{Instant, Now};

use super::{Decider, Node};
use crate::flow::{Flow, Transport};
use crate::limits::{ALTERNATIVES_MAX, HOSTS_MAX, WAITING_MAX};
use crate::message::{Message, Scheme, Uri};
use crate::outbox::Outbox;
use crate::proxy::Arrival;
use crate::wish::Wish;

/// How long an answer is used here. The shell keeps it as long as DNS says; this only bridges the
/// moments between a request that asked and the ones right after it.
const ANSWER_LIFE: Duration = Duration::from_secs(2);

/// What has to be looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Host {
    name: String,
    port: Option<u16>,
    transport: Option<Transport>,
    /// For a `sips` URI: TLS only.
    secure: bool,
}

#[derive(Debug)]
enum Entry {
    /// Asked; these requests wait.
    Asked { question: u64, waiting: Vec<(Flow, Box<[u8]>)> },
    /// Answered.
    Known { hops: Vec<Flow>, until: Instant },
}

/// Names that were looked up, or are.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    entries: HashMap<Host, Entry>,
    questions: u64,
    waiting: usize,
}

/// Where a URI leads.
pub(super) enum Lead {
    /// There.
    Hops(Vec<Flow>),
    /// Nobody knows yet.
    Ask(Host),
    /// Nowhere.
    Nowhere,
}

impl Hosts {
    /// The hops of a URI. An address is its own answer.
    pub(super) fn lead(&self, now: Instant, uri: &Uri<'_>) -> Lead {
        if !matches!(uri.scheme, Scheme::Sip | Scheme::Sips) {
            return Lead::Nowhere;
        }
        let written = uri.param(b"transport").and_then(Transport::from_name);
        let secure = uri.scheme == Scheme::Sips;
        let transport = match (secure, written) {
            // There is no secure way by UDP.
            (true, Some(Transport::Udp)) => return Lead::Nowhere,
            // By TLS, whatever is written; which hosts, NAPTR and SRV may say.
            (true, _) => None,
            (false, written) => written,
        };
        if let Some(address) = uri.address() {
            let usual = if secure { Transport::Tls } else { Transport::Udp };
            let transport = transport.unwrap_or(usual);
            let port = uri.port.unwrap_or(transport.default_port());
            let remote = (address, port).into();
            return Lead::Hops(vec![Flow { transport, remote, connection: None }]);
        }
        let Ok(name) = std::str::from_utf8(uri.host) else { return Lead::Nowhere };
        let host = Host { name: name.to_ascii_lowercase(), port: uri.port, transport, secure };
        match self.entries.get(&host) {
            Some(Entry::Known { hops, until }) if *until > now && !hops.is_empty() => {
                Lead::Hops(hops.clone())
            }
            Some(Entry::Known { until, .. }) if *until > now => Lead::Nowhere,
            _ => Lead::Ask(host),
        }
    }

    /// Lets a request wait for a host. False where there is no room.
    pub(super) fn wait(
        &mut self,
        host: Host,
        (from, request): (&Flow, &[u8]),
        out: &mut Outbox,
    ) -> bool {
        if self.waiting >= WAITING_MAX || self.entries.len() >= HOSTS_MAX {
            return false;
        }
        self.waiting += 1;
        let request = (*from, request.into());
        if let Some(Entry::Asked { waiting, .. }) = self.entries.get_mut(&host) {
            waiting.push(request);
            return true;
        }
        self.questions += 1;
        let question = self.questions;
        out.wish(Wish::Resolve {
            question,
            host: host.name.clone(),
            port: host.port,
            transport: host.transport,
            secure: host.secure,
        });
        self.entries.insert(host, Entry::Asked { question, waiting: vec![request] });
        true
    }

    fn answered(&mut self, now: Instant, question: u64, hops: Vec<Flow>) -> Vec<(Flow, Box<[u8]>)> {
        let asked = self.entries.iter_mut().find(
            |(_, entry)| matches!(entry, Entry::Asked { question: asked, .. } if *asked == question),
        );
        let Some((_, entry)) = asked else { return Vec::new() };
        let hops = hops.into_iter().take(ALTERNATIVES_MAX).collect();
        let known = Entry::Known { hops, until: now + ANSWER_LIFE };
        let Entry::Asked { waiting, .. } = std::mem::replace(entry, known) else {
            return Vec::new();
        };
        self.waiting = self.waiting.saturating_sub(waiting.len());
        waiting
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let ends = self.entries.values().filter_map(|entry| match entry {
            Entry::Known { until, .. } => Some(*until),
            Entry::Asked { .. } => None,
        });
        ends.min()
    }

    pub(super) fn tick(&mut self, now: Instant) {
        self.entries
            .retain(|_, entry| !matches!(entry, Entry::Known { until, .. } if *until <= now));
    }
}

impl Node {
    /// A host was looked up: the requests that waited for it are taken up again.
    pub(super) fn resolved(
        &mut self,
        now: Now,
        (question, hops): (u64, Vec<Flow>),
        decider: &mut dyn Decider,
        out: &mut Outbox,
    ) {
        for (from, request) in self.hosts.answered(now.instant, question, hops) {
            if let Ok(message) = Message::scan(&request) {
                let arrival = Arrival { now, message: &message, from: &from };
                self.request(&arrival, decider, out);
            }
        }
    }
}
