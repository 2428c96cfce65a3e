//! The kernels of the hosts and the network that the service is on: leased addresses, and who
//! answers for an address when somebody asks.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use takeover_logic::address::io::{InterfaceState, KernelAnswer, KernelOperation, Reading};
use takeover_logic::host_agent::io::{Input, Output, Target};
use takeover_logic::ids::{HostName, VipName};
use takeover_logic::limits::ADDRESS_LEASE_S;

use super::clock::{MS, S, Time};
use super::world::{Event, World};

/// An address on a host; none of it survives a loss of power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    /// When the kernel takes it off; none: never (added by hand).
    pub(super) until: Option<Time>,
}

/// The kernel of one host, and its place on the service network.
#[derive(Debug)]
pub(super) struct Kernel {
    pub(super) powered: bool,
    pub(super) interface: InterfaceState,
    pub(super) addresses: BTreeMap<IpAddr, Lease>,
    /// Whether what it sends arrives.
    pub(super) sends: bool,
    /// Whether it receives what others send.
    pub(super) receives: bool,
}

impl Kernel {
    pub(super) fn new() -> Self {
        Self {
            powered: true,
            interface: InterfaceState::Up,
            addresses: BTreeMap::new(),
            sends: true,
            receives: true,
        }
    }

    /// Whether a request from the network reaches it.
    fn hears(&self) -> bool {
        self.powered && self.receives && self.interface == InterfaceState::Up
    }

    /// Whether what it sends reaches the network.
    fn speaks(&self) -> bool {
        self.powered && self.sends && self.interface == InterfaceState::Up
    }

    /// Whether others see it answer for an address.
    pub(super) fn answers_for(&self, address: &IpAddr) -> bool {
        self.hears() && self.speaks() && self.addresses.contains_key(address)
    }
}

/// The link-layer address of a host.
fn link_layer(host: &HostName) -> Arc<str> {
    format!("mac-of-{host}").into()
}

/// Something on its way over the service network.
#[derive(Clone, Debug)]
pub(super) enum Packet {
    /// Who has the address? Asked by a host.
    Request(HostName, IpAddr),
    /// Answer for a host, from a link-layer address.
    Answer(HostName, IpAddr, Arc<str>),
}

impl World {
    /// Carries out an operation on the kernel and answers it, both as quick as a system call.
    pub(super) fn kernel_operation(
        &mut self,
        host: &HostName,
        (vip, target): (VipName, Target),
        operation: KernelOperation,
    ) {
        let lease = Lease { until: Some(self.time + self.lease_length()) };
        let Some(found) = self.hosts.get_mut(host) else { return };
        let kernel = &mut found.kernel;
        let had = kernel.addresses.contains_key(&target.address);
        match operation {
            KernelOperation::Add => {
                kernel.addresses.insert(target.address, lease);
            }
            KernelOperation::Refresh if had => {
                kernel.addresses.insert(target.address, lease);
            }
            KernelOperation::Delete => {
                kernel.addresses.remove(&target.address);
            }
            KernelOperation::Refresh | KernelOperation::Read => {}
        }
        let has = kernel.addresses.contains_key(&target.address);
        if has != had {
            let did = if has { "put on" } else { "taken off" };
            self.tell(format!("{host}: kernel: {} {did} by the agent", target.address));
        }
        if matches!(operation, KernelOperation::Add | KernelOperation::Refresh) && has {
            self.schedule_expiry(host, target.address);
        }
        if operation != KernelOperation::Read {
            self.notice(host, &target.address);
        }
        let reading = if has { Reading::Present } else { Reading::Absent };
        let answer = KernelAnswer { result: Ok(()), reading };
        self.hand_agent(host, 30_000, Input::Kernel { vip, answer });
        self.referee();
    }

    /// The kernel counts in seconds: an address goes 2.0 to 2.4 s after the last refresh.
    fn lease_length(&mut self) -> Time {
        Time::from(ADDRESS_LEASE_S) * S + self.rng.u64(0..400 * MS)
    }

    fn schedule_expiry(&mut self, host: &HostName, address: IpAddr) {
        let until = self.hosts.get(host).and_then(|found| found.kernel.addresses.get(&address));
        if let Some(at) = until.and_then(|lease| lease.until) {
            self.at(at, Event::Expiry(host.clone(), address));
        }
    }

    /// A lease may have run out; it has if nobody refreshed it meanwhile.
    pub(super) fn expire(&mut self, host: &HostName, address: IpAddr) {
        let time = self.time;
        let Some(found) = self.hosts.get_mut(host) else { return };
        let lease = found.kernel.addresses.get(&address).and_then(|lease| lease.until);
        if lease.is_some_and(|until| until <= time) {
            found.kernel.addresses.remove(&address);
            self.tell(format!("{host}: kernel: lease of {address} ran out"));
            self.notice(host, &address);
            self.referee();
        }
    }

    /// Somebody puts an address on by hand, for good, or takes it off. Where no agent is there to
    /// see it, nothing on earth could take it off again, so that is left out.
    pub(super) fn by_hand(&mut self, host: &HostName, put_on: bool) {
        let address = self.address;
        let Some(found) = self.hosts.get_mut(host).filter(|found| found.kernel.powered) else {
            return;
        };
        if put_on && (found.agent.is_none() || found.is_frozen) {
            return;
        }
        let had = found.kernel.addresses.contains_key(&address);
        if put_on && !had {
            found.kernel.addresses.insert(address, Lease { until: None });
        } else if !put_on {
            found.kernel.addresses.remove(&address);
        }
        if had != put_on {
            self.notice(host, &address);
            self.referee();
        }
    }

    /// The kernel tells its agent that an address changed.
    pub(super) fn notice(&mut self, host: &HostName, address: &IpAddr) {
        let network_interface = self.network_interface.clone();
        let input = Input::AddressChanged { network_interface, address: *address };
        let delay = self.rng.u64(20_000..MS);
        self.hand_agent(host, delay, input);
    }

    /// An agent asks who has an address, or says that it has it.
    pub(super) fn broadcast(&mut self, host: &HostName, output: &Output) {
        let speaks = self.hosts.get(host).is_some_and(|found| found.kernel.speaks());
        if !speaks {
            return;
        }
        match output {
            Output::Probe { address, .. } => {
                self.packet(Packet::Request(host.clone(), *address));
            }
            Output::Announce { target, .. } => {
                let others: Vec<_> =
                    self.hosts.keys().filter(|name| *name != host).cloned().collect();
                for other in others {
                    self.packet(Packet::Answer(other, target.address, link_layer(host)));
                }
            }
            _ => {}
        }
    }

    /// Sends a packet, unless it is lost; sometimes it arrives twice.
    fn packet(&mut self, packet: Packet) {
        let copies = if self.rng.f64() < self.hazards.lan_loss {
            0
        } else if self.rng.f64() < self.hazards.lan_duplication {
            2
        } else {
            1
        };
        for _ in 0..copies {
            let delay = self.rng.u64(30_000..self.hazards.lan_delay_max);
            self.after(delay, Event::Packet(packet.clone()));
        }
    }

    /// A packet arrives.
    pub(super) fn arrives(&mut self, packet: Packet) {
        match packet {
            Packet::Request(asker, address) => {
                let mut answers: Vec<Arc<str>> = (self.hosts.iter())
                    .filter(|(name, found)| **name != asker && found.kernel.answers_for(&address))
                    .map(|(name, _)| link_layer(name))
                    .collect();
                if address == self.reference {
                    answers.push("mac-of-gateway".into());
                }
                for from in answers {
                    self.packet(Packet::Answer(asker.clone(), address, from));
                }
            }
            Packet::Answer(host, address, from) => {
                let hears = self.hosts.get(&host).is_some_and(|found| found.kernel.hears());
                if hears {
                    let network_interface = self.network_interface.clone();
                    let input = Input::Answered { network_interface, address, from };
                    self.hand_agent(&host, 10_000, input);
                }
            }
        }
    }

    /// Whoever answers for the virtual IP on the service network.
    pub(super) fn holders(&self) -> Vec<HostName> {
        let answers = |(name, found): (&HostName, &super::hosts::Host)| {
            found.kernel.answers_for(&self.address).then(|| name.clone())
        };
        self.hosts.iter().filter_map(answers).collect()
    }
}
