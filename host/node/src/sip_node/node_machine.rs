//! Puts `takeover-sip`'s node behind the seam: turns what the shell has into its inputs, and its
//! wishes into those of the shell.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;

use serde_json::json;
use takeover_logic::component::sip::{ForwardingCall, ForwardingDecision, MonitorSample};
use takeover_logic::ids::Term;
use takeover_logic::link::{RunMode, Verdict};
use takeover_logic::time::{Instant, Now};
use takeover_sip::directory::Directory;
use takeover_sip::flow::Flow;
use takeover_sip::node::{self, Decider, Node};
use takeover_sip::outbox::Outbox;
use takeover_sip::standby::{LinkId, Standing};
use takeover_sip::wish;

use super::limits::CALLS_TOLD_INTERVAL;
use super::machine::{
    Asker, ClientId, Input, Machine, Metric, Question, Report, StandbyInput, Target, Wish,
};
use super::policy::Decisions;
use super::requests::{self, Done};

/// The node's machine as the SIP thread drives it.
pub(crate) struct NodeMachine {
    node: Node,
    out: Outbox,
    wishes: VecDeque<Wish>,
    decider: Policy,
    /// The virtual IP; none: the port is bound to every address.
    vip: Option<IpAddr>,
    /// Since when it is here, as far as a sample has seen.
    vip_since: Option<Instant>,
    mode: Option<(RunMode, Term)>,
    /// The monitor's verdict was reported: it is not said twice.
    told_unavailable: bool,
    refused_requests: u64,
    /// Clients that are connected, with the names that they have on both nodes.
    clients: BTreeMap<ClientId, Arc<str>>,
    /// The link to the other node; links are counted.
    link: Option<LinkId>,
    links: u64,
    /// It said that it is ready.
    told_ready: bool,
    /// When the number of calls is told next; none: nobody waits for it.
    tell_calls_at: Option<Instant>,
    /// Options that were set since the start, by their paths; at most those there are.
    options: BTreeMap<Arc<str>, Arc<str>>,
}

/// 00-06053: the application obtained its configuration.
const CONFIGURATION_OBTAINED: u32 = 6053;

/// 00-02002: a resource could not be loaded.
const RESOURCE_NOT_LOADED: u32 = 2002;

/// The first of several errors, and how many more there are: an event has room for one sentence.
fn first_of(reason: &str) -> Arc<str> {
    let mut lines = reason.lines();
    let first = lines.next().unwrap_or_default();
    match lines.count() {
        0 => first.into(),
        more => format!("{first} (and {more} more in the log)").into(),
    }
}

/// Asks the policy, in place.
struct Policy(Arc<Decisions>);

impl Decider for Policy {
    fn decide(&mut self, call: &ForwardingCall) -> ForwardingDecision {
        self.0.decide(call)
    }
}

impl NodeMachine {
    /// A backup that wants the link to the other node.
    pub(crate) fn new(node: Node, decisions: Arc<Decisions>, vip: Option<IpAddr>) -> Self {
        let mut machine = Self {
            node,
            out: Outbox::default(),
            wishes: VecDeque::from([Wish::Link(true)]),
            decider: Policy(decisions),
            vip,
            vip_since: None,
            mode: None,
            told_unavailable: false,
            refused_requests: 0,
            clients: BTreeMap::new(),
            link: None,
            links: 0,
            told_ready: false,
            tell_calls_at: None,
            options: BTreeMap::new(),
        };
        machine.note_standing(machine.node.standing());
        machine
    }

    /// Once it knows what it should it could serve, and stays so.
    fn note_standing(&mut self, standing: Standing) {
        if standing == Standing::Ready && !std::mem::replace(&mut self.told_ready, true) {
            self.wishes.push_back(Wish::Report(Report::Ready));
        }
    }

    fn give(&mut self, now: Now, input: node::Input) {
        self.node.handle(now, input, &mut self.decider, &mut self.out);
    }

    fn run_mode(&mut self, now: Now, mode: RunMode, term: Term) {
        let served = self.node.is_serving();
        self.give(now, node::Input::RunMode { mode, term });
        let serves = self.node.is_serving();
        if served != serves {
            self.vip_since = None;
            self.wishes.push_back(if serves { Wish::Bind } else { Wish::Unbind });
            let event = json!({ "event": "PrimaryChanged", "primary": serves });
            self.tell(None, &event);
            self.tell_calls_at = None;
        }
        if !serves && std::mem::take(&mut self.told_unavailable) {
            // Somebody else serves: this node is ready to again (guide, traffic monitoring).
            self.wishes.push_back(Wish::Report(Report::Service(Ok(()))));
        }
        if self.mode != Some((mode, term)) {
            self.mode = Some((mode, term));
            self.wishes.push_back(Wish::Report(Report::RunMode { mode, term }));
        }
    }

    /// The monitor's word counts while the node serves; that it can not judge says nothing.
    fn assessed(&mut self, verdict: Verdict) {
        if !self.node.is_serving() {
            return;
        }
        match verdict {
            Verdict::Bad(reason) if !self.told_unavailable => {
                self.told_unavailable = true;
                self.wishes.push_back(Wish::Report(Report::Service(Err(reason))));
            }
            Verdict::Good if std::mem::take(&mut self.told_unavailable) => {
                self.wishes.push_back(Wish::Report(Report::Service(Ok(()))));
            }
            Verdict::Bad(_) | Verdict::Good | Verdict::Unknown(_) => {}
        }
    }

    fn tell(&mut self, client: Option<ClientId>, event: &serde_json::Value) {
        let event = event.to_string().into();
        self.wishes.push_back(Wish::Tell { client, event });
    }

    fn collect(&mut self) {
        let wishes: Vec<wish::Wish> = self.out.wishes().collect();
        for wish in wishes {
            self.take(wish);
        }
    }

    /// Turns a wish of the node into those of the shell.
    fn take(&mut self, wish: wish::Wish) {
        let shell = match wish {
            wish::Wish::Resolve { question, host, port, transport, secure } => {
                Wish::Resolve(Question {
                    number: question,
                    host: host.into(),
                    port,
                    transport,
                    is_secure: secure,
                })
            }
            wish::Wish::Close(connection) => Wish::Close(connection),
            wish::Wish::Standby(id, mut line) => {
                // The link puts the end of a line there itself.
                line.truncate(line.trim_ascii_end().len());
                match (self.link == Some(id), String::from_utf8(line)) {
                    (true, Ok(line)) => Wish::Standby(line),
                    _ => return,
                }
            }
            wish::Wish::CloseLink(id) if self.link == Some(id) => Wish::CutLink,
            wish::Wish::CloseLink(_) => return,
            wish::Wish::Dial => Wish::Dial,
            wish::Wish::Standing(standing) => return self.note_standing(standing),
            wish::Wish::Link(event) => return tracing::info!("standby link: {event}"),
            wish::Wish::Agent(event) => return self.event(&event.clients, &event),
            wish::Wish::Call(event) => return self.event(&event.clients, &event),
            wish::Wish::Event(event) => return tracing::info!(?event, "device"),
            wish::Wish::Suspended => Wish::Report(Report::Suspended),
            wish::Wish::Keep(keep) => Wish::Report(Report::Keep(keep)),
        };
        self.wishes.push_back(shell);
    }

    /// Tells an event to clients of these names.
    fn event(&mut self, names: &[Arc<str>], event: &impl serde::Serialize) {
        // There is nothing in it that JSON could not hold.
        let Ok(json) = serde_json::to_value(event) else { return };
        let listening = self.clients.iter().filter(|(_, name)| names.contains(name));
        let ids: Vec<ClientId> = listening.map(|(id, _)| *id).collect();
        for id in ids {
            self.tell(Some(id), &json);
        }
    }

    fn request(&mut self, now: Now, (client, reference): (Asker, u64), request: serde_json::Value) {
        let name = request.get("request").and_then(serde_json::Value::as_str).unwrap_or_default();
        let name = name.to_owned();
        let asked = (&client.name, request);
        let done = requests::carry_out(&mut self.node, now, asked, &mut self.out);
        let mut answer = match done {
            Ok(Done::Answer(answer)) => answer,
            Ok(Done::ShutDown) => {
                self.give(now, node::Input::Suspend);
                json!({})
            }
            Err(message) => {
                self.refused_requests += 1;
                let event = json!({ "event": "Error", "reference": reference, "message": message });
                return self.tell(Some(client.id), &event);
            }
        };
        if let Some(fields) = answer.as_object_mut() {
            fields.insert("event".to_owned(), name.into());
            fields.insert("reference".to_owned(), reference.into());
        }
        self.tell(Some(client.id), &answer);
    }

    fn standby(&mut self, now: Now, input: StandbyInput) {
        let input = match (input, self.link) {
            (StandbyInput::Up, _) => {
                self.links += 1;
                let id = LinkId(self.links);
                self.link = Some(id);
                node::StandbyInput::Connected(id)
            }
            (StandbyInput::Down(_), Some(id)) => {
                self.link = None;
                node::StandbyInput::Disconnected(id)
            }
            (StandbyInput::DialFailed, _) => node::StandbyInput::DialFailed,
            (StandbyInput::Message(line), Some(id)) => {
                node::StandbyInput::Lines(id, vec![line.into_bytes()])
            }
            (StandbyInput::Down(_) | StandbyInput::Message(_), None) => return,
        };
        self.give(now, node::Input::Standby(input));
    }

    /// Options come as `SECTION/NAME`; those of a DN as `dn NUMBER/NAME`.
    fn option(&mut self, now: Now, path: &str, value: &str) {
        let (section, name) = path.split_once('/').unwrap_or(("", path));
        match self.node.set_option(now, section.strip_prefix("dn "), name, value) {
            Ok(_) if self.options.get(path).is_some_and(|it| **it == *value) => {}
            Ok(effect) => tracing::info!("option {path} = {value:?}: {}", effect.words()),
            Err(error) => tracing::error!("option {path} = {value:?}: {error}"),
        }
    }

    /// A directory that was read again; options that were set since the start count on.
    fn directory(&mut self, now: Now, directory: &Directory) {
        self.node.set_directory(now, directory.clone());
        for (path, value) in self.options.clone() {
            self.option(now, &path, &value);
        }
        tracing::info!("directory read again");
        let (number, reason) = (CONFIGURATION_OBTAINED, "the directory was read again".into());
        self.wishes.push_back(Wish::Report(Report::Event { number, reason }));
    }

    /// Tells how many calls there are, while somebody waits for their end.
    fn tell_calls(&mut self, now: Now) {
        if self.tell_calls_at.is_none_or(|at| at > now.instant) {
            return;
        }
        self.tell_calls_at = Some(now.instant + CALLS_TOLD_INTERVAL);
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let (established, ringing) = self.node.call_counts();
        let lost = u32::try_from(self.node.take_over_figures().lost).unwrap_or(u32::MAX);
        let (established, ringing) = (count(established), count(ringing));
        self.wishes.push_back(Wish::Report(Report::Calls { established, ringing, lost }));
    }

    /// Whether the virtual IP is on this host: an address that is can be bound.
    fn look_for_vip(&mut self, now: Now) {
        let is_here = self.vip.is_none_or(|vip| UdpSocket::bind((vip, 0)).is_ok());
        self.vip_since = is_here.then(|| self.vip_since.unwrap_or(now.instant));
    }
}

fn hop(target: &Target) -> Flow {
    Flow { transport: target.transport, remote: target.address, connection: None }
}

impl Machine for NodeMachine {
    fn receive(&mut self, now: Now, from: &Flow, message: &[u8]) {
        self.node.receive(now, (from, message), &mut self.decider, &mut self.out);
    }

    fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::RunMode { mode, term } => self.run_mode(now, mode, term),
            Input::Suspend => self.give(now, node::Input::Suspend),
            Input::Unreachable(flow) => self.give(now, node::Input::Unreachable(flow)),
            Input::ConnectionClosed(id) => self.give(now, node::Input::ConnectionClosed(id)),
            Input::Resolved { question, answer } => {
                let targets = answer.unwrap_or_else(|error| {
                    tracing::warn!("{error}");
                    Vec::new()
                });
                let hops = targets.iter().map(hop).collect();
                self.give(now, node::Input::Resolved { question, hops });
            }
            Input::Admit(share) => self.give(now, node::Input::Admit(share)),
            Input::Assessed(verdict) => self.assessed(verdict),
            Input::ClientCame(client, name) => {
                self.clients.insert(client, name);
                let primary = self.node.is_serving();
                self.tell(Some(client), &json!({ "event": "LinkConnected", "primary": primary }));
            }
            Input::Request { client, reference, request } => {
                self.request(now, (client, reference), request);
            }
            Input::Option { name, value } => {
                self.option(now, &name, &value);
                self.options.insert(name, value);
            }
            Input::Directory(directory) => self.directory(now, &directory),
            Input::NotLoaded(reason) => {
                tracing::error!("not loaded, what was read last stays:\n{reason}");
                let reason = first_of(&reason);
                let number = RESOURCE_NOT_LOADED;
                self.wishes.push_back(Wish::Report(Report::Event { number, reason }));
            }
            Input::Standby(input) => self.standby(now, input),
            Input::Keep(input) => self.give(now, node::Input::Keep(input)),
            Input::Drain(refusal) => {
                self.tell_calls_at = refusal.as_ref().map(|_| now.instant);
                self.give(now, node::Input::Drain(refusal));
            }
            // What it asked for stays: it may be connected again, or to the other node.
            Input::ClientGone(client) => drop(self.clients.remove(&client)),
        }
        self.tell_calls(now);
    }

    fn tick(&mut self, now: Now) {
        self.node.tick(now, &mut self.out);
        self.tell_calls(now);
    }

    fn deadline(&self, now: Now) -> Option<Instant> {
        Instant::earliest(self.node.deadline(now), self.tell_calls_at)
    }

    fn sends(&self) -> impl Iterator<Item = (&Flow, &[u8])> {
        self.out.sends()
    }

    fn sent(&mut self) {
        self.collect();
        self.out.clear();
    }

    fn wish(&mut self) -> Option<Wish> {
        if self.wishes.is_empty() {
            self.collect();
        }
        self.wishes.pop_front()
    }

    fn sample(&mut self, now: Now) -> Option<MonitorSample> {
        self.look_for_vip(now);
        self.node.sample(now.instant, self.vip_since)
    }

    fn metrics(&self) -> Vec<Metric> {
        let numbers = self.node.numbers();
        let proxy = numbers.proxy;
        #[expect(clippy::cast_precision_loss, reason = "nobody counts beyond 2^53")]
        let metric = |name, help, value: u64| Metric { name, help, value: value as f64 };
        let serving = u64::from(self.node.is_serving());
        let draining = u64::from(self.node.is_draining());
        let admitted = u64::from(self.node.admitted());
        let in_step = u64::from(numbers.standby_in_step);
        let all_kept = u64::from(numbers.all_kept);
        let size = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
        let (established, ringing) = self.node.call_counts();
        vec![
            metric("serving", "1: the node is primary.", serving),
            metric("draining", "1: new calls are refused until a switchover.", draining),
            metric("admitted_64ths", "New calls let in, of 64; fewer under overload.", admitted),
            metric("transactions", "Transactions now.", size(numbers.transactions)),
            metric("established_calls", "Calls that were answered.", size(established)),
            metric("ringing_calls", "Calls that were not yet answered.", size(ringing)),
            metric("registered_dns", "DNs with a contact.", size(numbers.registered)),
            metric("parked_calls", "Calls that wait on routing points.", size(numbers.parked)),
            metric("standby_in_step", "1: the other node follows every change.", in_step),
            metric("standby_lag", "Changes not yet acknowledged.", size(numbers.standby_lag)),
            metric("all_kept", "1: the control server has every registration.", all_kept),
            metric("not_yet_kept", "Registrations to tell it of.", size(numbers.not_yet_kept)),
            metric("request_repeats_total", "Requests that came again.", proxy.request_repeats),
            metric("resent_total", "Messages that were sent again.", proxy.resent),
            metric("forgotten_total", "Transactions forgotten for want of room.", proxy.forgotten),
            metric("timeouts_total", "Branches without a final answer.", proxy.timeouts),
            metric("stateless_total", "Messages relayed without a transaction.", proxy.stateless),
            metric("dropped_total", "Messages that belong nowhere.", proxy.dropped),
            metric("flooding_total", "Requests of sources that send too many.", numbers.flooding),
            metric("requests_refused_total", "Requests of clients refused.", self.refused_requests),
        ]
    }
}
