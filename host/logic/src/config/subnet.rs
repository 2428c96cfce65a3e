//! Addresses with the prefix length of their subnet: reading, printing, and what lies within.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::model::Subnet;

/// A text that is not an address with a prefix length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an address with its prefix length, as in 10.81.1.11/24")]
pub struct SubnetError;

impl FromStr for Subnet {
    type Err = SubnetError;

    fn from_str(text: &str) -> Result<Self, SubnetError> {
        let (address, prefix) = text.split_once('/').ok_or(SubnetError)?;
        let address: IpAddr = address.parse().map_err(|_| SubnetError)?;
        let is_number = prefix.bytes().all(|byte| byte.is_ascii_digit());
        let prefix: u8 = is_number.then(|| prefix.parse().ok()).flatten().ok_or(SubnetError)?;
        let subnet = Self { address, prefix };
        (1..=subnet.bits()).contains(&prefix).then_some(subnet).ok_or(SubnetError)
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl Subnet {
    /// Length of an address of this family, in bits.
    pub fn bits(&self) -> u8 {
        match self.address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        }
    }

    /// Whether the subnet is nothing but the address itself.
    pub fn is_single(&self) -> bool {
        self.prefix == self.bits()
    }

    /// The subnet's own address, as in 10.81.1.0/24.
    pub fn network(&self) -> Subnet {
        let address = match self.address {
            IpAddr::V4(address) => {
                Ipv4Addr::from_bits(address.to_bits() & mask(self.prefix, 32) as u32).into()
            }
            IpAddr::V6(address) => {
                Ipv6Addr::from_bits(address.to_bits() & mask(self.prefix, 128)).into()
            }
        };
        Subnet { address, ..*self }
    }

    /// Whether an address lies in the subnet.
    pub fn contains(&self, address: IpAddr) -> bool {
        let same_family = address.is_ipv4() == self.address.is_ipv4();
        same_family && Subnet { address, ..*self }.network() == self.network()
    }

    /// Whether an interface may have the address; unlike a virtual IP also a loopback one.
    pub fn is_interface_address(&self) -> bool {
        self.address.is_loopback() || self.is_host_address()
    }

    /// Whether the address can be one of a host: neither the subnet's own nor its broadcast
    /// address, and of a kind that hosts have.
    pub fn is_host_address(&self) -> bool {
        let of_a_host = !self.address.is_multicast()
            && !self.address.is_unspecified()
            && !self.address.is_loopback();
        // Subnets of one or two addresses have no addresses of their own (RFC 3021, RFC 6164).
        let reserves = self.prefix + 2 <= self.bits();
        let is_broadcast = match self.address {
            IpAddr::V4(address) => address.to_bits() | mask(self.prefix, 32) as u32 == u32::MAX,
            IpAddr::V6(_) => false,
        };
        of_a_host && !(reserves && (is_broadcast || self.network().address == self.address))
    }
}

/// The upper `prefix` of `bits` bits set.
fn mask(prefix: u8, bits: u32) -> u128 {
    let low = bits.saturating_sub(prefix.into());
    (u128::MAX >> (128 - bits)) & u128::MAX.checked_shl(low).unwrap_or(0)
}
