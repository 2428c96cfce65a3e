//! One SIP node: what comes in, put through the machines, and what goes out.
//!
//! A node serves only as primary (guide, *Monitoring Critical Conditions*; domain rule 5.2): as
//! backup it is told things and answers nobody. Reading order: `arrive` (a request is judged),
//! `way` (where it goes), `call` (who decides about a new call), `registrar`, `hosts`
//! (names that have to be looked up), `checks` (devices).

mod arrive;
mod call;
mod checks;
pub mod clients;
mod deliver;
mod facts;
mod hosts;
mod keep;
mod link;
pub mod options;
pub mod parking;
mod registrar;
mod sources;
mod strict;
mod take_over;
#[cfg(test)]
mod tests;
mod told;
mod way;

pub use told::{Told, told};

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use takeover_logic::component::sip::{ForwardingCall, ForwardingDecision, Refusal};
use takeover_logic::ids::Term;
use takeover_logic::link::RunMode;
use takeover_logic::time::{Instant, Now};

use crate::branch::Secret;
use crate::clock::instant_of;
use crate::digest::Digest;
use crate::directory::Directory;
use crate::event::NodeEvent;
use crate::flow::{ConnectionId, Flow};
use crate::keep::{KeepInput, Keeping};
use crate::limits::ADMIT_ALL;
use crate::message::scan::ScanError;
use crate::message::{Header, Message};
use crate::outbox::Outbox;
use crate::proxy::response::Seen;
use crate::proxy::{Arrival, Names, Proxy};
use crate::standby::{self, LinkId, Standby};
use crate::state::State;
use crate::traffic::Traffic;
use crate::wish::Wish;
use deliver::HeldCalls;
use facts::Facts;
use hosts::Hosts;
use sources::Sources;

/// What a node is, besides its directory.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How it names itself.
    pub names: Names,
    /// What its own answers say in `Server`: which node answered.
    pub server: Box<str>,
    /// The key that it shares with the other node of its pair.
    pub secret: Secret,
    /// The same key as bytes, for challenges.
    pub key: [u8; 16],
    /// Tells apart machines that challenge at the same time.
    pub machine: u32,
    /// The link to the other node; none: this node has none, or is in warm standby.
    pub standby: Option<standby::Settings>,
    /// Most requests a second from one address that begin something, trunks and registered
    /// telephones aside; 0: any number.
    pub source_rate: u32,
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
    /// New calls are refused like this while the ones that are there end, before a switchover;
    /// none: no longer.
    Drain(Option<Refusal>),
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
    /// More comes in than can be handled: so many new calls are let in, of [`ADMIT_ALL`], and the
    /// others refused.
    Admit(u32),
    /// What happened to the link to the other node.
    Standby(StandbyInput),
    /// What happened on the way to the store of the pair.
    Keep(KeepInput),
}

/// What happened to the link to the other node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StandbyInput {
    /// It is there, dialed or accepted.
    Connected(LinkId),
    /// It could not be dialed.
    DialFailed,
    /// It is gone.
    Disconnected(LinkId),
    /// These lines came in, in their order.
    Lines(LinkId, Vec<Vec<u8>>),
}

/// One SIP node.
#[derive(Debug)]
pub struct Node {
    settings: Settings,
    directory: Directory,
    proxy: Proxy,
    state: State,
    digest: Digest,
    traffic: Traffic,
    hosts: Hosts,
    /// Devices that are asked, by ticket.
    asked: HashMap<u64, Arc<str>>,
    tickets: u64,
    mode: RunMode,
    term: Term,
    mode_since: Instant,
    draining: Option<Refusal>,
    suspended: bool,
    said_suspended: bool,
    admitted: u32,
    standby: Option<Standby>,
    keep: Keeping,
    held: HeldCalls,
    /// Trunks by their address.
    trunks: HashMap<IpAddr, Arc<str>>,
    /// When records of INVITEs whose final answer was missed are looked for next.
    sweep_at: Instant,
    sources: Sources,
    /// What the policy was shown last; kept for its memory.
    facts: Facts,
    /// Of the last message; kept for its memory.
    headers: Vec<Header>,
    /// Of the last redirection; the same.
    lines: Vec<u8>,
}

impl Node {
    /// A node that is told nothing yet: a backup.
    pub fn new(settings: Settings, directory: Directory, now: Now) -> Node {
        let realm = Arc::clone(directory.realm());
        let mut state = State::new(directory.application().registrar.clone(), settings.key);
        state.devices.configure(now, directory.dns());
        Node {
            proxy: Proxy::new(settings.secret, settings.names.clone()),
            state,
            digest: Digest::new(realm, settings.key, settings.machine),
            traffic: Traffic::default(),
            hosts: Hosts::default(),
            asked: HashMap::new(),
            tickets: 0,
            mode: RunMode::Backup,
            term: Term(0),
            mode_since: now.instant,
            draining: None,
            suspended: false,
            said_suspended: false,
            admitted: ADMIT_ALL,
            standby: settings.standby.clone().map(|link| Standby::new(link, now)),
            keep: Keeping::default(),
            held: HeldCalls::default(),
            trunks: Node::trunk_addresses(&directory),
            sources: Sources::default(),
            facts: Facts::default(),
            headers: Vec::new(),
            lines: Vec::new(),
            sweep_at: now.instant,
            settings,
            directory,
        }
    }

    /// Whether new calls are refused because a switchover is coming.
    pub fn is_draining(&self) -> bool {
        self.draining.is_some()
    }

    /// How many new calls are let in, of [`ADMIT_ALL`].
    pub fn admitted(&self) -> u32 {
        self.admitted
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
        let message = match Message::scan_into(bytes, std::mem::take(&mut self.headers)) {
            Ok(message) => message,
            Err(ScanError::KeepAlive | ScanError::NotSip) => return,
        };
        self.traffic.received(now.instant);
        if message.code().is_some() {
            self.response(now, &message, out);
        } else if let Some(bytes) = self.loosened(&message) {
            // What was written here can be read.
            if let Ok(message) = &Message::scan(&bytes) {
                self.request(&Arrival { now, message, from }, decider, out);
            }
        } else {
            self.request(&Arrival { now, message: &message, from }, decider, out);
        }
        self.headers = message.into_headers();
        self.settle(now, out);
    }

    fn response(&mut self, now: Now, message: &Message<'_>, out: &mut Outbox) {
        if !crate::message::check::response(message) {
            return;
        }
        if self.proxy.response(now.instant, message, out) != Seen::Dropped {
            self.traffic.response(message.code().unwrap_or_default());
            self.note_answer(now, message);
        }
    }

    /// Takes anything else.
    pub fn handle(&mut self, now: Now, input: Input, decider: &mut dyn Decider, out: &mut Outbox) {
        match input {
            Input::RunMode { mode, term } => self.run_mode(now, (mode, term), out),
            Input::Suspend => self.shut_down(now),
            Input::Drain(refusal) => self.draining = refusal,
            Input::Unreachable(flow) => self.proxy.unreachable(now.instant, &flow, out),
            Input::ConnectionClosed(connection) => {
                self.state.location.connection_closed(connection)
            }
            Input::Resolved { question, hops } => {
                self.resolved(now, (question, hops), decider, out);
            }
            Input::Admit(share) => self.admitted = share,
            Input::Standby(input) => self.standby_input(now, input),
            Input::Keep(input) => self.keep_input(now, input),
        }
        self.review_keeping(now, out);
        self.settle(now, out);
    }

    fn run_mode(&mut self, now: Now, (mode, term): (RunMode, Term), out: &mut Outbox) {
        if term < self.term || (mode, term) == (self.mode, self.term) {
            return;
        }
        let serves = mode == RunMode::Primary;
        let begins = serves && !self.is_serving();
        (self.mode, self.term, self.mode_since) = (mode, term, now.instant);
        self.draining = None;
        self.state.devices.serve(now, serves);
        if !serves {
            // Whoever serves now goes on with them; much later they would be sent again from here.
            self.proxy.forget_all();
            self.held = HeldCalls::default();
            self.asked.clear();
        }
        if begins {
            self.state.take_over();
        }
        if let Some(standby) = &mut self.standby {
            standby.serve(now, serves, term, &mut self.state);
        }
        if begins {
            self.go_on(now, out);
        }
    }

    /// When [`Node::tick`] wants to be called.
    pub fn deadline(&self, now: Now) -> Option<Instant> {
        let standby = self.standby.as_ref().and_then(Standby::deadline);
        let standby = Instant::earliest(standby, self.keep.deadline(&self.state.location));
        if !self.is_serving() {
            return standby;
        }
        let tables = [
            self.state.location.deadline(),
            self.state.dialogs.deadline(),
            self.state.parked.deadline(),
        ];
        let tables = tables.into_iter().flatten().min().map(|at| instant_of(now, at));
        let own = [self.proxy.deadline(), self.state.devices.deadline(), self.hosts.deadline()];
        own.into_iter().chain([standby]).fold(tables, Instant::earliest)
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Now, out: &mut Outbox) {
        if let Some(standby) = &mut self.standby {
            standby.tick(now, &self.state);
        }
        self.review_keeping(now, out);
        if !self.is_serving() {
            return self.settle(now, out);
        }
        self.proxy.tick(now.instant, out);
        self.state.devices.tick(now);
        self.hosts.tick(now.instant);
        let mut gone = Vec::new();
        self.state.location.expire(now.at, &mut gone);
        gone.iter().for_each(|dn| self.state.agents.endpoint_lost(now.at, dn, false));
        self.state.dialogs.expire(now.at);
        self.parked_due(now, out);
        self.forget_old_invites(now);
        self.settle(now, out);
    }

    /// What the machines inside want or tell after an input.
    fn settle(&mut self, now: Now, out: &mut Outbox) {
        while let Some((ticket, code)) = self.proxy.poll_own() {
            if let Some(dn) = self.asked.remove(&ticket) {
                match code {
                    Some(_) => self.state.devices.answered(now, &dn),
                    None => self.state.devices.failed(now, &dn),
                }
            }
        }
        while let Some(output) = self.state.devices.poll() {
            self.device(now, output, out);
        }
        while let Some(ended) = self.proxy.poll_final() {
            self.note_final(now, ended);
        }
        self.tell(now, out);
        self.tell_standby(now, out);
    }

    fn event(out: &mut Outbox, event: NodeEvent) {
        out.wish(Wish::Event(event));
    }
}
