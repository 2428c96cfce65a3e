//! Addresses and neighbor entries over netlink, for the measuring programs: starting `ip` costs
//! 2 ms, which is as long as a whole takeover.

use std::io::{Error, ErrorKind, Result};
use std::net::IpAddr;
use std::time::Duration;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::time::TimeVal;

/// Multicast group of changes of the neighbor table (`RTNLGRP_NEIGH`).
const GROUP_NEIGHBOR: u32 = 3;

/// Largest message that the kernel sends in these conversations.
const MESSAGE_BYTES_MAX: usize = 16 << 10;

/// Adds and deletes addresses in the network namespace of the thread that opened it.
pub struct Addresses {
    socket: Socket,
}

impl Addresses {
    /// Opens a netlink socket in the calling thread's namespace.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn open() -> Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self { socket })
    }

    /// Puts `address` on `interface`; no error where it is already there.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn add(&self, interface: &str, address: IpAddr, prefix: u8) -> Result<()> {
        let message = RouteNetlinkMessage::NewAddress(message(interface, address, prefix)?);
        self.ask(message, NLM_F_CREATE | NLM_F_REPLACE)
    }

    /// Takes `address` off `interface`.
    ///
    /// # Errors
    /// As the kernel says; also where it is not there.
    pub fn delete(&self, interface: &str, address: IpAddr, prefix: u8) -> Result<()> {
        self.ask(RouteNetlinkMessage::DelAddress(message(interface, address, prefix)?), 0)
    }

    /// Sends one request and waits for the kernel's acknowledgement.
    fn ask(&self, message: RouteNetlinkMessage, flags: u16) -> Result<()> {
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        let mut request = NetlinkMessage::new(header, NetlinkPayload::from(message));
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        let mut answer = Vec::with_capacity(MESSAGE_BYTES_MAX);
        self.socket.recv(&mut answer, 0)?;
        let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer)
            .map_err(|error| Error::new(ErrorKind::InvalidData, error.to_string()))?;
        match answer.payload {
            NetlinkPayload::Error(error) if error.code.is_some() => Err(error.to_io()),
            _ => Ok(()),
        }
    }
}

/// The address message for both directions.
fn message(interface: &str, address: IpAddr, prefix: u8) -> Result<AddressMessage> {
    let mut message = AddressMessage::default();
    message.header.family =
        if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    message.header.prefix_len = prefix;
    message.header.index = if_nametoindex(interface)?;
    message.attributes = vec![AddressAttribute::Local(address), AddressAttribute::Address(address)];
    Ok(message)
}

/// A change of a neighbor entry: which link-layer address a machine will send to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeighborChange {
    /// The network address.
    pub address: IpAddr,
    /// Its link-layer address; none: not resolved, or the entry was deleted.
    pub mac: Option<[u8; 6]>,
}

/// Watches the neighbor table of the thread that opened it.
pub struct NeighborWatch {
    socket: Socket,
}

impl NeighborWatch {
    /// Subscribes to changes in the calling thread's namespace. `patience` bounds one `next`.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn open(patience: Duration) -> Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.add_membership(GROUP_NEIGHBOR)?;
        let micros = i64::try_from(patience.as_micros()).unwrap_or(i64::MAX);
        let timeout = TimeVal::new(micros / 1_000_000, micros % 1_000_000);
        setsockopt(&socket, sockopt::ReceiveTimeout, &timeout)?;
        Ok(Self { socket })
    }

    /// The next changes; none where nothing happened for the patience given.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn next(&self) -> Result<Vec<NeighborChange>> {
        let mut bytes = Vec::with_capacity(MESSAGE_BYTES_MAX);
        match self.socket.recv(&mut bytes, 0) {
            Ok(_) => Ok(parse(&bytes)),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }
}

/// Every neighbor change in one datagram of the kernel; what can not be read is left out.
fn parse(mut bytes: &[u8]) -> Vec<NeighborChange> {
    let mut changes = Vec::new();
    while let Ok(message) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes) {
        let length = message.header.length as usize;
        match message.payload {
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewNeighbour(entry)) => {
                changes.extend(change(&entry, true));
            }
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelNeighbour(entry)) => {
                changes.extend(change(&entry, false));
            }
            _ => {}
        }
        // Messages are padded to four bytes; a length of zero would never end.
        let Some(rest) = bytes.get(length.next_multiple_of(4).max(16)..) else { break };
        bytes = rest;
    }
    changes
}

/// What one neighbor message says.
fn change(entry: &NeighbourMessage, present: bool) -> Option<NeighborChange> {
    let mut address = None;
    let mut mac = None;
    for attribute in &entry.attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(found)) => {
                address = Some(IpAddr::V4(*found));
            }
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(found)) => {
                address = Some(IpAddr::V6(*found));
            }
            NeighbourAttribute::LinkLayerAddress(found) if present => {
                mac = found.as_slice().try_into().ok();
            }
            _ => {}
        }
    }
    Some(NeighborChange { address: address?, mac })
}
