//! Puts `takeover-sip`'s node behind the seam: turns what the shell has into its inputs, and its
//! wishes into those of the shell.

use std::collections::VecDeque;
use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;

use serde_json::json;
use takeover_logic::component::sip::{ForwardingCall, ForwardingDecision, MonitorSample};
use takeover_logic::ids::Term;
use takeover_logic::link::{RunMode, Verdict};
use takeover_logic::time::{Instant, Now};
use takeover_sip::event::NodeEvent;
use takeover_sip::flow::Flow;
use takeover_sip::node::{self, Decider, Node};
use takeover_sip::outbox::Outbox;
use takeover_sip::wish;

use super::machine::{Input, Machine, Metric, Question, Report, Target, Wish};
use super::policy::Decisions;

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
        Self {
            node,
            out: Outbox::default(),
            wishes: VecDeque::from([Wish::Link(true)]),
            decider: Policy(decisions),
            vip,
            vip_since: None,
            mode: None,
            told_unavailable: false,
            refused_requests: 0,
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

    fn tell(&mut self, client: Option<super::machine::ClientId>, event: &serde_json::Value) {
        let event = event.to_string().into();
        self.wishes.push_back(Wish::Tell { client, event });
    }

    fn collect(&mut self) {
        let mut lost = 0;
        for wish in self.out.wishes() {
            match shell_wish(wish) {
                Some(wish) => self.wishes.push_back(wish),
                None => lost += 1,
            }
        }
        if lost > 0 {
            tracing::error!("{lost} messages for the other node are no text");
        }
    }

    /// Whether the virtual IP is on this host: an address that is can be bound.
    fn look_for_vip(&mut self, now: Now) {
        let is_here = self.vip.is_none_or(|vip| UdpSocket::bind((vip, 0)).is_ok());
        self.vip_since = is_here.then(|| self.vip_since.unwrap_or(now.instant));
    }
}

/// As the shell has it; none: it can not be carried out.
fn shell_wish(wish: wish::Wish) -> Option<Wish> {
    Some(match wish {
        wish::Wish::Resolve { question, host, port, transport } => Wish::Resolve(Question {
            number: question,
            host: host.into(),
            port,
            transport,
            is_secure: false,
        }),
        wish::Wish::Close(connection) => Wish::Close(connection),
        wish::Wish::Standby(bytes) => Wish::Standby(String::from_utf8(bytes).ok()?),
        wish::Wish::Event(event) => {
            let (name, dn) = match event {
                NodeEvent::BackInService { dn } => ("DNBackInService", dn),
                NodeEvent::OutOfService { dn } => ("DNOutOfService", dn),
            };
            let event = json!({ "event": name, "dn": dn }).to_string().into();
            Wish::Tell { client: None, event }
        }
        wish::Wish::Suspended => Wish::Report(Report::Suspended),
    })
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
            Input::Overloaded(is) => self.give(now, node::Input::Overloaded(is)),
            Input::Assessed(verdict) => self.assessed(verdict),
            Input::ClientCame(client) => {
                let primary = self.node.is_serving();
                self.tell(Some(client), &json!({ "event": "LinkConnected", "primary": primary }));
            }
            Input::Request { client, reference, request } => {
                self.refused_requests += 1;
                let name = request.get("request").and_then(serde_json::Value::as_str);
                let message = format!("request: found {name:?}, which this node does not know");
                let event = json!({ "event": "Error", "reference": reference, "message": message });
                self.tell(Some(client), &event);
            }
            Input::Option { name, value } => {
                tracing::warn!("option {name} = {value:?} takes effect when the node starts");
            }
            // The node has nothing to tell the other one yet, and forgets nothing of a client.
            Input::Standby(_) | Input::ClientGone(_) => {}
        }
    }

    fn tick(&mut self, now: Now) {
        self.node.tick(now, &mut self.out);
    }

    fn deadline(&self, now: Now) -> Option<Instant> {
        self.node.deadline(now)
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
        self.node.sample(now, self.vip_since)
    }

    fn metrics(&self) -> Vec<Metric> {
        #[expect(clippy::cast_precision_loss, reason = "nobody counts beyond 2^53")]
        let refused = self.refused_requests as f64;
        vec![
            Metric {
                name: "serving",
                help: "1: the node is primary.",
                value: f64::from(u8::from(self.node.is_serving())),
            },
            Metric {
                name: "requests_refused_total",
                help: "Requests of clients that the node does not know.",
                value: refused,
            },
        ]
    }
}
