//! The management network: one link per host, in order and without loss as TCP makes it, that
//! stalls while the way is cut, ends when one side closes it, and never tells who ended when the
//! way back is cut as well.

use std::collections::VecDeque;

use takeover_logic::control::io::{Input as ControlInput, LinkEnd};
use takeover_logic::host_agent::io::Input as AgentInput;
use takeover_logic::ids::HostName;
use takeover_logic::link::{AgentMessage, ControlMessage};

use super::clock::{MS, Time};
use super::world::{Event, World};

/// The number of a link; each connection has another.
pub(super) type LinkId = u64;

/// What goes over a link.
#[derive(Clone, Debug)]
pub(super) enum Freight {
    /// To the control server.
    Up(AgentMessage),
    /// To the agent.
    Down(ControlMessage),
    /// The agent's side is closed.
    UpEnd,
    /// The control server's side is closed.
    DownEnd,
}

impl Freight {
    fn is_up(&self) -> bool {
        matches!(self, Freight::Up(_) | Freight::UpEnd)
    }
}

/// One direction of the way between a host and the control server.
#[derive(Debug, Default)]
pub(super) struct Way {
    pub(super) is_cut: bool,
    /// What was sent while it was cut, and goes on when it is whole again.
    stalled: VecDeque<(LinkId, Freight)>,
    /// Nothing overtakes: the next arrival is not before this.
    not_before: Time,
}

/// The ways of one host, and its link.
#[derive(Debug, Default)]
pub(super) struct Cable {
    pub(super) up: Way,
    pub(super) down: Way,
    /// The link as the agent's shell sees it.
    pub(super) at_agent: Option<LinkId>,
    /// The link as the control server's shell sees it.
    pub(super) at_control: Option<LinkId>,
}

impl World {
    /// Sends over a link, or keeps it until the way is whole again.
    pub(super) fn ship(&mut self, host: &HostName, link: LinkId, freight: Freight) {
        let (low, high) = self.hazards.link_delay;
        let delay = self.rng.u64(low..high);
        let time = self.time;
        let Some(found) = self.hosts.get_mut(host) else { return };
        let way = if freight.is_up() { &mut found.cable.up } else { &mut found.cable.down };
        if way.is_cut {
            way.stalled.push_back((link, freight));
            return;
        }
        let at = way.not_before.max(time + delay);
        way.not_before = at + 1;
        self.at(at, Event::Freight(host.clone(), link, freight));
    }

    /// Cuts or mends ways; what was stalled arrives after the next retransmission.
    pub(super) fn set_ways(&mut self, host: &HostName, up: Option<bool>, down: Option<bool>) {
        let retransmission = self.rng.u64(MS..200 * MS);
        let time = self.time;
        let Some(found) = self.hosts.get_mut(host) else { return };
        let mut resent = Vec::new();
        for (way, cut) in [(&mut found.cable.up, up), (&mut found.cable.down, down)] {
            if let Some(cut) = cut {
                way.is_cut = cut;
                if !cut {
                    way.not_before = way.not_before.max(time + retransmission);
                    resent.extend(way.stalled.drain(..));
                }
            }
        }
        for (link, freight) in resent {
            self.ship(host, link, freight);
        }
    }

    /// Something arrives at the end of a link.
    pub(super) fn freight_arrives(&mut self, host: &HostName, link: LinkId, freight: Freight) {
        let Some(found) = self.hosts.get_mut(host) else { return };
        let cable = &mut found.cable;
        match freight {
            Freight::Up(message) if cable.at_control == Some(link) => {
                self.hand_control(0, ControlInput::Received { host: host.clone(), message });
            }
            Freight::UpEnd if cable.at_control == Some(link) => {
                cable.at_control = None;
                let end = LinkEnd::Closed;
                self.hand_control(0, ControlInput::LinkEnded { host: host.clone(), end });
            }
            Freight::Down(message) if cable.at_agent == Some(link) => {
                self.hand_agent(host, 0, AgentInput::Received(message));
            }
            Freight::DownEnd if cable.at_agent == Some(link) => {
                cable.at_agent = None;
                self.hand_agent(host, 0, AgentInput::LinkEnded(LinkEnd::Closed));
                self.connect_later(host);
            }
            // It came for a side that has closed.
            _ => {}
        }
    }

    /// The agent's shell tries again after a while.
    pub(super) fn connect_later(&mut self, host: &HostName) {
        let delay = self.rng.u64(50 * MS..300 * MS);
        let Some(life) = self.hosts.get(host).map(|found| found.life) else { return };
        self.after(delay, Event::Connect(host.clone(), life));
    }

    /// The agent's shell tries to connect. A connection that the control server still holds open
    /// for the same host is replaced.
    pub(super) fn connect(&mut self, host: &HostName, life: u64) {
        let link = self.next_link;
        let control_is_up = self.server.is_listening();
        let Some(found) = self.hosts.get_mut(host) else { return };
        if found.life != life || found.agent.is_none() || found.cable.at_agent.is_some() {
            return;
        }
        let whole = !found.cable.up.is_cut && !found.cable.down.is_cut;
        if found.is_frozen || !control_is_up || !whole {
            self.connect_later(host);
            return;
        }
        self.next_link += 1;
        let replaced = found.cable.at_control.replace(link).is_some();
        found.cable.at_agent = Some(link);
        if replaced {
            let end = LinkEnd::Closed;
            self.hand_control(0, ControlInput::LinkEnded { host: host.clone(), end });
        }
        self.tell(format!("{host}: link {link} is up"));
        self.hand_agent(host, 0, AgentInput::Linked);
    }

    /// The agent, or what is left of its host, closes its side.
    pub(super) fn agent_closes(&mut self, host: &HostName) {
        let link = self.hosts.get_mut(host).and_then(|found| found.cable.at_agent.take());
        if let Some(link) = link {
            self.ship(host, link, Freight::UpEnd);
        }
    }

    /// The control server, or its kernel, closes its side.
    pub(super) fn control_closes(&mut self, host: &HostName) {
        let link = self.hosts.get_mut(host).and_then(|found| found.cable.at_control.take());
        if let Some(link) = link {
            self.ship(host, link, Freight::DownEnd);
        }
    }
}
