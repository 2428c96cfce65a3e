//! ARP packets as bytes: probes, announcements, and what others send (RFC 826, RFC 5227).

use std::net::Ipv4Addr;

#[cfg(test)]
mod tests;

/// A link-layer address of Ethernet.
pub(super) type Mac = [u8; 6];

const BROADCAST: Mac = [0xff; 6];
const NOBODY: Mac = [0; 6];
const ETHERTYPE_ARP: [u8; 2] = [0x08, 0x06];
/// Ethernet, IPv4, addresses of 6 and 4 bytes.
const FORMAT: [u8; 6] = [0, 1, 8, 0, 6, 4];

/// Length of an Ethernet frame with an ARP packet for IPv4, without padding.
pub(super) const FRAME_LENGTH: usize = 42;

/// What an ARP packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Request,
    Reply,
}

/// The part of an ARP packet that matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) operation: Operation,
    pub(super) sender_mac: Mac,
    pub(super) sender: Ipv4Addr,
    pub(super) target_mac: Mac,
    pub(super) target: Ipv4Addr,
}

/// Asks who has an address without claiming one (RFC 5227 section 2.1.1: sender address zero), so
/// that no cache is changed by the question.
pub(super) fn probe(mac: Mac, target: Ipv4Addr) -> [u8; FRAME_LENGTH] {
    frame(Packet {
        operation: Operation::Request,
        sender_mac: mac,
        sender: Ipv4Addr::UNSPECIFIED,
        target_mac: NOBODY,
        target,
    })
}

/// Tells everybody that an address is here. Both forms are sent, because some devices update their
/// cache only by requests and others only by replies.
pub(super) fn announcement(
    operation: Operation,
    mac: Mac,
    address: Ipv4Addr,
) -> [u8; FRAME_LENGTH] {
    let target_mac = match operation {
        Operation::Request => NOBODY,
        Operation::Reply => BROADCAST,
    };
    frame(Packet { operation, sender_mac: mac, sender: address, target_mac, target: address })
}

fn frame(packet: Packet) -> [u8; FRAME_LENGTH] {
    let operation = match packet.operation {
        Operation::Request => [0, 1],
        Operation::Reply => [0, 2],
    };
    let parts: [&[u8]; 9] = [
        &BROADCAST,
        &packet.sender_mac,
        &ETHERTYPE_ARP,
        &FORMAT,
        &operation,
        &packet.sender_mac,
        &packet.sender.octets(),
        &packet.target_mac,
        &packet.target.octets(),
    ];
    let mut frame = [0; FRAME_LENGTH];
    let bytes = parts.into_iter().flatten();
    frame.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    frame
}

/// Reads an Ethernet frame; none: not an ARP request or reply for IPv4.
pub(super) fn parse(frame: &[u8]) -> Option<Packet> {
    let (_, rest) = frame.split_at_checked(12)?;
    let rest = rest.strip_prefix(&ETHERTYPE_ARP)?.strip_prefix(&FORMAT)?;
    let (operation, rest) = rest.split_first_chunk::<2>()?;
    let operation = match operation {
        [0, 1] => Operation::Request,
        [0, 2] => Operation::Reply,
        _ => return None,
    };
    let (sender_mac, rest) = rest.split_first_chunk::<6>()?;
    let (sender, rest) = rest.split_first_chunk::<4>()?;
    let (target_mac, rest) = rest.split_first_chunk::<6>()?;
    let (target, _) = rest.split_first_chunk::<4>()?;
    Some(Packet {
        operation,
        sender_mac: *sender_mac,
        sender: Ipv4Addr::from(*sender),
        target_mac: *target_mac,
        target: Ipv4Addr::from(*target),
    })
}
