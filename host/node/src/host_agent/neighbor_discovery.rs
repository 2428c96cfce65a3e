//! Neighbor Discovery messages as bytes: solicitations and advertisements (RFC 4861).
//!
//! The kernel adds the IPv6 header and the checksum (RFC 3542 section 3.1).

use std::net::Ipv6Addr;

use super::arp::Mac;

#[cfg(test)]
mod tests;

/// ICMPv6 type of a neighbor solicitation.
const SOLICITATION: u8 = 135;
/// ICMPv6 type of a neighbor advertisement.
pub(super) const ADVERTISEMENT: u8 = 136;
/// Flag O: replace what your cache says (RFC 4861 section 4.4).
const OVERRIDE: u8 = 0x20;
const SOURCE_LINK_LAYER: u8 = 1;
const TARGET_LINK_LAYER: u8 = 2;

/// Length of the messages that are built here.
pub(super) const MESSAGE_LENGTH: usize = 32;

/// All nodes on the link (RFC 4291 section 2.7.1).
pub(super) const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// The group that the holder of an address listens to (RFC 4291 section 2.7.1).
pub(super) fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., high, low] = address.segments();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | (high & 0xff), low)
}

/// Asks who has an address.
pub(super) fn solicitation(mac: Mac, target: Ipv6Addr) -> [u8; MESSAGE_LENGTH] {
    message(SOLICITATION, 0, target, (SOURCE_LINK_LAYER, mac))
}

/// Tells everybody that an address is here (RFC 4861 section 7.2.6).
pub(super) fn unsolicited_advertisement(mac: Mac, target: Ipv6Addr) -> [u8; MESSAGE_LENGTH] {
    message(ADVERTISEMENT, OVERRIDE, target, (TARGET_LINK_LAYER, mac))
}

fn message(
    kind: u8,
    flags: u8,
    target: Ipv6Addr,
    (option, mac): (u8, Mac),
) -> [u8; MESSAGE_LENGTH] {
    let parts: [&[u8]; 4] =
        [&[kind, 0, 0, 0, flags, 0, 0, 0], &target.octets(), &[option, 1], &mac];
    let mut message = [0; MESSAGE_LENGTH];
    let bytes = parts.into_iter().flatten();
    message.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    message
}

/// An address and the link-layer address that answers for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Advertisement {
    pub(super) target: Ipv6Addr,
    /// None where the message does not say (RFC 4861 section 4.4 allows that).
    pub(super) mac: Option<Mac>,
}

/// Reads an ICMPv6 message; none: not a neighbor advertisement.
pub(super) fn parse(message: &[u8]) -> Option<Advertisement> {
    let rest = message.strip_prefix(&[ADVERTISEMENT, 0])?;
    let (_, rest) = rest.split_at_checked(6)?;
    let (target, mut options) = rest.split_first_chunk::<16>()?;
    let mut mac = None;
    while let [kind, units, ..] = options {
        let length = usize::from(*units) * 8;
        // Length zero is invalid (RFC 4861 section 4.6) and would never end.
        let (option, rest) = options.split_at_checked(length.max(8))?;
        if *kind == TARGET_LINK_LAYER && *units == 1 {
            mac = option.get(2..8).and_then(|bytes| Mac::try_from(bytes).ok());
        }
        options = rest;
    }
    Some(Advertisement { target: Ipv6Addr::from(*target), mac })
}
