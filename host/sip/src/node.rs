//! One SIP node: what comes in, put through the machines, and what goes out.
//!
//! A node serves only as primary (guide, *Monitoring Critical Conditions*; domain rule 5.2): as
//! backup it is told things and answers nobody. Reading order: [`arrive`] (a request is judged),
//! [`way`] (where it goes), [`call`] (who decides about a new call), [`registrar`], [`hosts`]
//! (names that have to be looked up), [`checks`] (devices).

mod arrive;
mod call;
mod checks;
mod hosts;
mod registrar;
#[cfg(test)]
mod tests;
mod watch;
mod way;

use std::collections::HashMap;
use std::sync::Arc;

use takeover_logic::component::sip::{ForwardingCall, ForwardingDecision};
use takeover_logic::ids::Term;
use takeover_logic::link::RunMode;
use takeover_logic::time::{Instant, Now};

use crate::branch::Secret;
use crate::clock::instant_of;
use crate::devices::Devices;
use crate::digest::Digest;
use crate::directory::Directory;
use crate::event::NodeEvent;
use crate::flow::{ConnectionId, Flow};
use crate::location::Location;
use crate::message::Message;
use crate::message::scan::ScanError;
use crate::outbox::Outbox;
use crate::proxy::response::Seen;
use crate::proxy::{Arrival, Names, Proxy};
use crate::traffic::Traffic;
use crate::wish::Wish;
use hosts::Hosts;

/// What a node is, besides its directory.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How it names itself.
    pub names: Names,
    /// The key that it shares with the other node of its pair.
    pub secret: Secret,
    /// The same key as bytes, for challenges.
    pub key: [u8; 16],
    /// Tells apart machines that challenge at the same time.
    pub machine: u32,
}

/// Who decides where a new call goes: the forwarding policy, or what stands in for it.
pub trait Decider {
    /// Decides. Pure: the same call, the same decision, so that a call that comes again is answered
    /// alike.
    fn decide(&mut self, call: &ForwardingCall) -> ForwardingDecision;
}

/// What a node is told, besides messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Its run mode.
    RunMode {
        /// The mode.
        mode: RunMode,
        /// Number of the promotion.
        term: Term,
    },
    /// No new calls; say when the last one has ended.
    Suspend,
    /// A peer can not be reached: ICMP, or a connection that could not be made.
    Unreachable(Flow),
    /// A connection is gone.
    ConnectionClosed(ConnectionId),
    /// Where a host is; nowhere: nobody knows it.
    Resolved {
        /// Number of the question.
        question: u64,
        /// In the order in which they are to be tried.
        hops: Vec<Flow>,
    },
    /// Whether more comes in than can be handled.
    Overloaded(bool),
}

/// One SIP node.
#[derive(Debug)]
pub struct Node {
    settings: Settings,
    directory: Directory,
    proxy: Proxy,
    location: Location,
    digest: Digest,
    devices: Devices,
    traffic: Traffic,
    hosts: Hosts,
    /// Devices that are asked, by ticket.
    asked: HashMap<u64, Arc<str>>,
    tickets: u64,
    mode: RunMode,
    term: Term,
    mode_since: Instant,
    suspended: bool,
    overloaded: bool,
}

impl Node {
    /// A node that is told nothing yet: a backup.
    pub fn new(settings: Settings, directory: Directory, now: Now) -> Node {
        let realm = Arc::clone(directory.realm());
        let mut devices = Devices::default();
        devices.configure(now, directory.dns());
        Node {
            proxy: Proxy::new(settings.secret, settings.names.clone()),
            location: Location::new(directory.application().registrar.clone()),
            digest: Digest::new(realm, settings.key, settings.machine),
            devices,
            traffic: Traffic::default(),
            hosts: Hosts::default(),
            asked: HashMap::new(),
            tickets: 0,
            mode: RunMode::Backup,
            term: Term(0),
            mode_since: now.instant,
            suspended: false,
            overloaded: false,
            settings,
            directory,
        }
    }

    /// Whether it answers.
    pub fn is_serving(&self) -> bool {
        self.mode == RunMode::Primary
    }

    /// Takes one whole message. What it causes is in `out` afterwards.
    pub fn receive(
        &mut self,
        now: Now,
        (from, bytes): (&Flow, &[u8]),
        decider: &mut dyn Decider,
        out: &mut Outbox,
    ) {
        if !self.is_serving() {
            return;
        }
        let message = match Message::scan(bytes) {
            Ok(message) => message,
            Err(ScanError::KeepAlive | ScanError::NotSip) => return,
        };
        self.traffic.received(now.instant);
        if message.code().is_some() {
            self.response(now, &message, out);
        } else {
            let arrival = Arrival { now, message: &message, from };
            self.request(&arrival, decider, out);
        }
        self.settle(now, out);
    }

    fn response(&mut self, now: Now, message: &Message<'_>, out: &mut Outbox) {
        if !crate::message::check::response(message) {
            return;
        }
        if self.proxy.response(now.instant, message, out) != Seen::Dropped {
            self.traffic.response(message.code().unwrap_or_default());
        }
    }

    /// Takes anything else.
    pub fn handle(&mut self, now: Now, input: Input, decider: &mut dyn Decider, out: &mut Outbox) {
        match input {
            Input::RunMode { mode, term } => self.run_mode(now, mode, term),
            Input::Suspend => self.suspended = true,
            Input::Unreachable(flow) => self.proxy.unreachable(now.instant, &flow, out),
            Input::ConnectionClosed(connection) => self.location.connection_closed(connection),
            Input::Resolved { question, hops } => {
                self.resolved(now, (question, hops), decider, out);
            }
            Input::Overloaded(overloaded) => self.overloaded = overloaded,
        }
        self.settle(now, out);
    }

    fn run_mode(&mut self, now: Now, mode: RunMode, term: Term) {
        if term < self.term || (mode, term) == (self.mode, self.term) {
            return;
        }
        let serves = mode == RunMode::Primary;
        if serves && !self.is_serving() {
            self.location.take_over();
        }
        (self.mode, self.term, self.mode_since) = (mode, term, now.instant);
        self.devices.serve(now, serves);
    }

    /// When [`Node::tick`] wants to be called.
    pub fn deadline(&self, now: Now) -> Option<Instant> {
        if !self.is_serving() {
            return None;
        }
        let expiry = self.location.deadline().map(|at| instant_of(now, at));
        let first = Instant::earliest(self.proxy.deadline(), self.devices.deadline());
        Instant::earliest(first, Instant::earliest(expiry, self.hosts.deadline()))
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Now, out: &mut Outbox) {
        if !self.is_serving() {
            return;
        }
        self.proxy.tick(now.instant, out);
        self.devices.tick(now);
        self.hosts.tick(now.instant);
        let mut gone = Vec::new();
        self.location.expire(now.at, &mut gone);
        self.settle(now, out);
    }

    /// What the machines inside want or tell after an input.
    fn settle(&mut self, now: Now, out: &mut Outbox) {
        while let Some((ticket, code)) = self.proxy.poll_own() {
            if let Some(dn) = self.asked.remove(&ticket) {
                match code {
                    Some(_) => self.devices.answered(now, &dn),
                    None => self.devices.failed(now, &dn),
                }
            }
        }
        while let Some(output) = self.devices.poll() {
            self.device(now, output, out);
        }
        while self.location.poll_change().is_some() {}
        while self.devices.poll_change().is_some() {}
    }

    fn event(out: &mut Outbox, event: NodeEvent) {
        out.wish(Wish::Event(event));
    }
}
