//! The kernel's addresses and interfaces by netlink: add, refresh, delete, read, and be told.
//!
//! A request is answered by the kernel before the send returns, so that a call here takes some
//! tens of microseconds and may be made from the decision loop. Must not know why.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkHeader,
    NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressMessage, AddressScope, CacheInfo,
};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use takeover_logic::address::io::{InterfaceState, KernelAnswer, KernelOperation, Reading};
use takeover_logic::host_agent::io::Target;
use takeover_logic::limits::ADDRESS_LEASE_S;

use super::arp::Mac;

/// Largest datagram of the kernel: it fills at most 32 KiB of a dump at a time.
const DATAGRAM_MAX: usize = 64 << 10;

/// Datagrams read for one request. A dump of 10,000 addresses takes about 40; beyond it something
/// else is talking on the socket and the request fails.
const DATAGRAMS_MAX: usize = 1024;

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) index: u32,
    pub(super) name: Arc<str>,
    pub(super) mac: Option<Mac>,
    pub(super) state: InterfaceState,
    /// Neighbors are found by ARP and ND there; not so on the loopback and on tunnels.
    pub(super) has_neighbors: bool,
}

/// A socket for requests.
pub(super) struct Kernel {
    socket: Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Kernel {
    /// Opens a socket in the network namespace of the calling thread.
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.set_non_blocking(true)?;
        // The kernel then filters dumps by interface; without it, it tells all and we filter.
        let _ = socket.set_netlink_get_strict_chk(true);
        Ok(Self { socket, sequence: 0, buffer: vec![0; DATAGRAM_MAX] })
    }

    /// Does what is asked and reads the kernel again.
    pub(super) fn perform(&mut self, target: &Target, operation: KernelOperation) -> KernelAnswer {
        let reason = |error: io::Error| -> Arc<str> {
            let Target { network_interface, address, prefix } = target;
            format!("{operation:?} {address}/{prefix} on {network_interface}: {error}").into()
        };
        let index = match nix::net::if_::if_nametoindex(&*target.network_interface) {
            Ok(index) => index,
            Err(error) => {
                let reason = reason(error.into());
                return KernelAnswer { result: Err(reason), reading: Reading::Absent };
            }
        };
        let result = match operation {
            KernelOperation::Add => self.put(target, index),
            KernelOperation::Refresh => self.refresh(target, index),
            KernelOperation::Delete => self.delete(target, index),
            KernelOperation::Read => Ok(()),
        };
        let reading = match self.find(target, index) {
            Ok(found) if found.is_empty() => Reading::Absent,
            Ok(_) => Reading::Present,
            Err(error) => Reading::Unreadable(reason(error)),
        };
        KernelAnswer { result: result.map_err(reason), reading }
    }

    /// All interfaces.
    pub(super) fn interfaces(&mut self) -> io::Result<Vec<Interface>> {
        let request = RouteNetlinkMessage::GetLink(LinkMessage::default());
        let answers = self.request(request, NLM_F_DUMP)?;
        let links = answers.iter().filter_map(|answer| match answer {
            RouteNetlinkMessage::NewLink(link) => interface(link),
            _ => None,
        });
        Ok(links.collect())
    }

    fn put(&mut self, target: &Target, index: u32) -> io::Result<()> {
        let request = RouteNetlinkMessage::NewAddress(leased(target, index));
        self.request(request, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE).map(drop)
    }

    /// The kernel would add what it does not have, so it is asked first.
    fn refresh(&mut self, target: &Target, index: u32) -> io::Result<()> {
        if self.find(target, index)?.is_empty() { Ok(()) } else { self.put(target, index) }
    }

    /// Deletes the address with whatever prefix length it was put on.
    fn delete(&mut self, target: &Target, index: u32) -> io::Result<()> {
        for message in self.find(target, index)? {
            let request = RouteNetlinkMessage::DelAddress(message);
            match self.request(request, NLM_F_ACK) {
                Err(error) if error.raw_os_error() == Some(libc::EADDRNOTAVAIL) => {}
                result => drop(result?),
            }
        }
        Ok(())
    }

    /// Every entry of the address on the interface.
    fn find(&mut self, target: &Target, index: u32) -> io::Result<Vec<AddressMessage>> {
        let mut filter = AddressMessage::default();
        filter.header.family = family(target.address);
        filter.header.index = index;
        let answers = self.request(RouteNetlinkMessage::GetAddress(filter), NLM_F_DUMP)?;
        let found = answers.into_iter().filter_map(|answer| match answer {
            RouteNetlinkMessage::NewAddress(message) => {
                let is_it =
                    message.header.index == index && address(&message) == Some(target.address);
                is_it.then_some(message)
            }
            _ => None,
        });
        Ok(found.collect())
    }

    fn request(
        &mut self,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> io::Result<Vec<RouteNetlinkMessage>> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        header.sequence_number = self.sequence;
        let mut request = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        let mut answers = Vec::new();
        for _ in 0..DATAGRAMS_MAX {
            let length = self.socket.recv(&mut &mut self.buffer[..], 0)?;
            let datagram = self.buffer.get(..length).ok_or_else(truncated)?;
            for answer in messages(datagram) {
                let answer = answer?;
                if answer.header.sequence_number != self.sequence {
                    continue;
                }
                match answer.payload {
                    NetlinkPayload::InnerMessage(message) => answers.push(message),
                    NetlinkPayload::Done(_) => return Ok(answers),
                    NetlinkPayload::Error(error) => {
                        return match error.code {
                            None => Ok(answers),
                            Some(_) => Err(error.to_io()),
                        };
                    }
                    _ => {}
                }
            }
        }
        Err(io::Error::other("the kernel's answer does not end"))
    }
}

/// What the kernel tells by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// An address was put on, changed or taken off.
    Address { interface_index: u32, address: IpAddr },
    /// An interface appeared or changed.
    Interface(Interface),
    /// An interface is gone.
    InterfaceGone(u32),
    /// Notices were lost.
    Lost,
}

/// A socket that is told of every change of addresses and interfaces.
pub(super) struct Monitor {
    socket: Socket,
    buffer: Vec<u8>,
}

impl Monitor {
    /// Opens it in the network namespace of the calling thread.
    pub(super) fn open() -> io::Result<Self> {
        const LINK: u32 = 1;
        const IPV4_ADDRESS: u32 = 0x10;
        const IPV6_ADDRESS: u32 = 0x100;
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.set_non_blocking(true)?;
        socket.bind(&SocketAddr::new(0, LINK | IPV4_ADDRESS | IPV6_ADDRESS))?;
        Ok(Self { socket, buffer: vec![0; DATAGRAM_MAX] })
    }

    /// A second descriptor of the socket, to wait for.
    pub(super) fn descriptor(&self) -> io::Result<OwnedFd> {
        self.socket.as_fd().try_clone_to_owned()
    }

    /// What there is to be told now.
    pub(super) fn drain(&mut self) -> Vec<Notice> {
        let mut notices = Vec::new();
        for _ in 0..DATAGRAMS_MAX {
            match self.socket.recv(&mut &mut self.buffer[..], 0) {
                Ok(length) => {
                    let datagram = self.buffer.get(..length).unwrap_or_default();
                    for message in messages(datagram) {
                        match message.map(|message| message.payload) {
                            Ok(payload) => notices.extend(notice(payload)),
                            Err(_) => notices.push(Notice::Lost),
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // Its queue was full (ENOBUFS), or something else is wrong: look at everything.
                Err(_) => notices.push(Notice::Lost),
            }
        }
        notices
    }
}

fn notice(payload: NetlinkPayload<RouteNetlinkMessage>) -> Option<Notice> {
    let NetlinkPayload::InnerMessage(message) = payload else {
        return None;
    };
    match message {
        RouteNetlinkMessage::NewAddress(message) | RouteNetlinkMessage::DelAddress(message) => {
            let interface_index = message.header.index;
            Some(Notice::Address { interface_index, address: address(&message)? })
        }
        RouteNetlinkMessage::NewLink(link) => interface(&link).map(Notice::Interface),
        RouteNetlinkMessage::DelLink(link) => Some(Notice::InterfaceGone(link.header.index)),
        _ => None,
    }
}

/// The messages of one datagram.
fn messages(
    datagram: &[u8],
) -> impl Iterator<Item = io::Result<NetlinkMessage<RouteNetlinkMessage>>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let message = NetlinkMessage::deserialize(rest);
        let length = message.as_ref().map_or(rest.len(), |message| {
            usize::try_from(message.header.length).unwrap_or(usize::MAX)
        });
        let aligned = length.saturating_add(3) & !3;
        rest = rest.get(aligned.max(4)..).unwrap_or_default();
        Some(message.map_err(io::Error::other))
    })
}

/// The address with a lease. IPv6: without duplicate address detection, which would take a second
/// and which the probes before it replace.
fn leased(target: &Target, index: u32) -> AddressMessage {
    let mut lifetime = CacheInfo::default();
    lifetime.ifa_preferred = ADDRESS_LEASE_S;
    lifetime.ifa_valid = ADDRESS_LEASE_S;
    let mut message = AddressMessage::default();
    message.header.family = family(target.address);
    message.header.prefix_len = target.prefix;
    message.header.scope = AddressScope::Universe;
    message.header.index = index;
    message.attributes = vec![
        AddressAttribute::Local(target.address),
        AddressAttribute::Address(target.address),
        AddressAttribute::CacheInfo(lifetime),
    ];
    if target.address.is_ipv6() {
        message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
    }
    message
}

/// The host's own address; on point-to-point links `Address` is the peer's.
fn address(message: &AddressMessage) -> Option<IpAddr> {
    let local = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    });
    local.or_else(|| {
        message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Address(address) => Some(*address),
            _ => None,
        })
    })
}

fn interface(link: &LinkMessage) -> Option<Interface> {
    let name = link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(Arc::from(name.as_str())),
        _ => None,
    })?;
    let mac = link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::Address(bytes) => Mac::try_from(bytes.as_slice()).ok(),
        _ => None,
    });
    let flags = link.header.flags;
    let is_up = flags.contains(LinkFlags::Up) && flags.contains(LinkFlags::Running);
    Some(Interface {
        index: link.header.index,
        name,
        mac,
        state: if is_up { InterfaceState::Up } else { InterfaceState::Down },
        has_neighbors: !flags.intersects(LinkFlags::Loopback | LinkFlags::Noarp),
    })
}

fn family(address: IpAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}

fn truncated() -> io::Error {
    io::Error::other("the kernel's answer is longer than any should be")
}

/// Interfaces by index, as last told.
pub(super) type Interfaces = BTreeMap<u32, Interface>;
