//! Probes and announcements on the wire, and who answers: one ARP and one ICMPv6 socket for each
//! interface that is used.
//!
//! Must not know virtual IPs. Sockets are opened at the first packet and dropped when the
//! interface changes, so that an interface that is made anew is found again.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV6};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use futures_util::future::select_all;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn6, recv, sendto,
    setsockopt, socket, sockopt,
};
use takeover_logic::host_agent::io::Input;
use tokio::io::unix::AsyncFd;

use super::arp::{self, Mac};
use super::neighbor_discovery as nd;
use super::netlink::{Interface, Interfaces};
use crate::system_calls;

/// Longest packet that matters here; longer ones are cut, which they may be.
const PACKET_MAX: usize = 256;

/// Packets read from one socket at a time, so that a flood on the network can not keep the
/// decision loop busy. What is left is read before the next decision.
const PACKETS_PER_ROUND_MAX: usize = 64;

/// A socket that can be waited for.
type Readable = AsyncFd<Arc<OwnedFd>>;

fn watched(socket: OwnedFd) -> io::Result<Readable> {
    system_calls::readable(Arc::new(socket))
}

/// The sockets of one interface.
struct Sockets {
    interface: Interface,
    mac: Mac,
    arp: Readable,
    /// Absent where the host has no IPv6.
    nd: Option<Readable>,
}

/// The wire.
#[derive(Default)]
pub(super) struct Network {
    interfaces: Interfaces,
    open: BTreeMap<Arc<str>, Sockets>,
}

impl Network {
    /// Takes over what an interface is now.
    pub(super) fn set(&mut self, interface: Interface) {
        if self.open.get(&interface.name).is_some_and(|open| open.interface != interface) {
            self.open.remove(&interface.name);
        }
        self.interfaces.insert(interface.index, interface);
    }

    /// Forgets an interface and says which it was.
    pub(super) fn remove(&mut self, index: u32) -> Option<Interface> {
        let interface = self.interfaces.remove(&index)?;
        self.open.remove(&interface.name);
        Some(interface)
    }

    /// The interface with an index.
    pub(super) fn by_index(&self, index: u32) -> Option<&Interface> {
        self.interfaces.get(&index)
    }

    /// Asks who has an address. Where there are no neighbors nobody can answer.
    pub(super) fn probe(&mut self, interface: &str, address: IpAddr) -> io::Result<()> {
        let Some(sockets) = self.sockets(interface)? else {
            return Ok(());
        };
        match address {
            IpAddr::V4(address) => sockets.send_arp(&arp::probe(sockets.mac, address)),
            IpAddr::V6(address) => {
                let message = nd::solicitation(sockets.mac, address);
                sockets.send_nd(&message, nd::solicited_node(address))
            }
        }
    }

    /// Tells everybody that an address is here.
    pub(super) fn announce(&mut self, interface: &str, address: IpAddr) -> io::Result<()> {
        let Some(sockets) = self.sockets(interface)? else {
            return Ok(());
        };
        let mac = sockets.mac;
        match address {
            IpAddr::V4(address) => {
                let form = |operation| arp::announcement(operation, mac, address);
                sockets.send_arp(&form(arp::Operation::Request))?;
                sockets.send_arp(&form(arp::Operation::Reply))
            }
            IpAddr::V6(address) => {
                let message = nd::unsolicited_advertisement(mac, address);
                sockets.send_nd(&message, nd::ALL_NODES)
            }
        }
    }

    /// Waits until something may have been received. Cancel safe.
    pub(super) async fn readable(&self) {
        let waits: Vec<_> = self
            .open
            .values()
            .flat_map(|sockets| std::iter::once(&sockets.arp).chain(&sockets.nd))
            .map(|socket| Box::pin(socket.readable()))
            .collect();
        if waits.is_empty() {
            return std::future::pending().await;
        }
        if let (Ok(mut ready), _, _) = select_all(waits).await {
            // Cleared before `drain` reads, so that what comes meanwhile wakes again.
            ready.clear_ready();
        }
    }

    /// Who answers, among what was received.
    pub(super) fn drain(&mut self) -> Vec<Input> {
        let mut inputs = Vec::new();
        for (name, sockets) in &self.open {
            let mut heard = |address: IpAddr, from: String| {
                let network_interface = name.clone();
                inputs.push(Input::Answered { network_interface, address, from: from.into() });
            };
            receive(&sockets.arp, |frame| {
                let Some(packet) = arp::parse(frame) else { return };
                if packet.sender_mac != sockets.mac && packet.sender != Ipv4Addr::UNSPECIFIED {
                    heard(packet.sender.into(), text(&packet.sender_mac));
                }
            });
            let Some(socket) = &sockets.nd else { continue };
            receive(socket, |message| {
                let Some(advertisement) = nd::parse(message) else { return };
                match advertisement.mac {
                    Some(mac) if mac == sockets.mac => {}
                    Some(mac) => heard(advertisement.target.into(), text(&mac)),
                    None => heard(advertisement.target.into(), "a host that hides its own".into()),
                }
            });
        }
        inputs
    }

    /// The open sockets of an interface; none: it has no neighbors.
    fn sockets(&mut self, name: &str) -> io::Result<Option<&Sockets>> {
        if !self.open.contains_key(name) {
            let interface = self.interfaces.values().find(|interface| *interface.name == *name);
            let interface = interface.ok_or_else(|| no_interface(name))?;
            let Some(mac) = interface.mac.filter(|_| interface.has_neighbors) else {
                return Ok(None);
            };
            let sockets = Sockets {
                interface: interface.clone(),
                mac,
                arp: watched(system_calls::arp_socket(interface.index)?)?,
                nd: nd_socket(name)?.map(watched).transpose()?,
            };
            self.open.insert(interface.name.clone(), sockets);
        }
        Ok(self.open.get(name))
    }
}

impl Sockets {
    fn send_arp(&self, frame: &[u8]) -> io::Result<()> {
        nix::unistd::write(self.arp.get_ref(), frame)?;
        Ok(())
    }

    fn send_nd(&self, message: &[u8], to: Ipv6Addr) -> io::Result<()> {
        let Some(socket) = &self.nd else {
            return Err(io::Error::other("the host has no IPv6"));
        };
        let to = SockaddrIn6::from(SocketAddrV6::new(to, 0, 0, self.interface.index));
        sendto(socket.as_raw_fd(), message, &to, MsgFlags::empty())?;
        Ok(())
    }
}

/// An ICMPv6 socket on one interface that hears advertisements; none: the host has no IPv6.
fn nd_socket(interface: &str) -> io::Result<Option<OwnedFd>> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let protocol = SockProtocol::IcmpV6;
    let opened = match socket(AddressFamily::Inet6, SockType::Raw, flags, protocol) {
        Ok(opened) => opened,
        Err(nix::Error::EAFNOSUPPORT) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    system_calls::accept_only(&opened, nd::ADVERTISEMENT)?;
    setsockopt(&opened, sockopt::BindToDevice, &OsString::from(interface))?;
    // Receivers drop Neighbor Discovery with any other hop limit (RFC 4861 section 7.1).
    setsockopt(&opened, sockopt::Ipv6MulticastHops, &255)?;
    setsockopt(&opened, sockopt::Ipv6Ttl, &255)?;
    Ok(Some(opened))
}

/// Hands on what a socket has received, until it has no more or the round is over. Reads without
/// asking the runtime whether something came, because a decision must see what is there.
fn receive(socket: &Readable, mut take: impl FnMut(&[u8])) {
    let mut buffer = [0; PACKET_MAX];
    for _ in 0..PACKETS_PER_ROUND_MAX {
        match recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
            Ok(length) => take(buffer.get(..length).unwrap_or_default()),
            Err(nix::Error::EAGAIN) => break,
            // A pending error of the socket (interface down) is taken by reading it.
            Err(_) => {}
        }
    }
}

fn text(mac: &Mac) -> String {
    let bytes: Vec<_> = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(":")
}

fn no_interface(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no network interface {name}"))
}
