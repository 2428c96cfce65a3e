//! Via values: where a response goes back to (RFC 3261 sections 18.2 and 20.42, RFC 3581).

use std::net::{IpAddr, SocketAddr};

use super::address::list_end;
use super::class::{self, TOKEN};
use super::params;
use super::scan::decimal;
use super::uri::{address, host_port_of};
use crate::flow::Transport;

/// What every branch of RFC 3261 begins with.
pub const MAGIC: &[u8] = b"z9hG4bK";

/// One Via value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
    /// Transport as written.
    pub transport: &'a [u8],
    /// Host of the sender, as it wrote it.
    pub host: &'a [u8],
    /// Port of the sender, where it wrote one.
    pub port: Option<u16>,
    /// Parameters with their leading `;`.
    pub params: &'a [u8],
    /// All of it.
    pub whole: &'a [u8],
    /// The branch, the first that is not empty; empty where there is none (RFC 2543).
    pub branch: &'a [u8],
    /// It has the parameter `rport` (RFC 3581).
    pub has_rport: bool,
    /// It has the parameter `received`.
    pub has_received: bool,
}

impl<'a> Via<'a> {
    /// Reads the first value of a list; also what follows its comma, empty after the last one.
    pub fn parse(text: &'a [u8]) -> Option<(Via<'a>, &'a [u8])> {
        let text = text.trim_ascii();
        let end = list_end(text)?;
        let (value, rest) = text.split_at_checked(end)?;
        let whole = value.trim_ascii();
        let after = slash(word(whole, b"SIP")?)?;
        let after = slash(word(after, b"2.0")?)?;
        let (transport, after) = after.split_at_checked(class::length(after, TOKEN))?;
        let sent_by = after.trim_ascii_start();
        if transport.is_empty() || sent_by.len() == after.len() {
            return None;
        }
        let stop = memchr::memchr(b';', sent_by).unwrap_or(sent_by.len());
        let (sent_by, params) = sent_by.split_at_checked(stop)?;
        let (host, port) = host_port_of(sent_by.trim_ascii())?;
        let (branch, has_rport, has_received): (&[u8], _, _) = (&[], false, false);
        let mut via = Via { transport, host, port, params, whole, branch, has_rport, has_received };
        let sound = params::read(params, |name, value| via.note(name, value));
        sound.then_some((via, rest.get(1..).unwrap_or_default()))
    }

    fn note(&mut self, name: &[u8], value: Option<&'a [u8]>) {
        match () {
            () if name.eq_ignore_ascii_case(b"branch") && self.branch.is_empty() => {
                self.branch = value.unwrap_or_default();
            }
            () if name.eq_ignore_ascii_case(b"rport") => self.has_rport = true,
            () if name.eq_ignore_ascii_case(b"received") => self.has_received = true,
            () => {}
        }
    }

    /// Every value of a list; ends at one that can not be read.
    pub fn list(text: &'a [u8]) -> impl Iterator<Item = Via<'a>> {
        let mut rest = text;
        std::iter::from_fn(move || {
            let (via, more) = Via::parse(rest)?;
            rest = more;
            Some(via)
        })
    }

    /// The port of the sender, or its transport's, of a list whose first value can not be read in
    /// whole: what is needed to tell the sender so. None where not even that can be read.
    pub fn sender_port(text: &[u8]) -> Option<u16> {
        let mut parts = text.splitn(3, |byte| *byte == b'/');
        let (name, _version, rest) = (parts.next()?, parts.next()?, parts.next()?);
        if !name.trim_ascii().eq_ignore_ascii_case(b"SIP") {
            return None;
        }
        let rest = rest.trim_ascii_start();
        let (transport, after) = rest.split_at_checked(class::length(rest, TOKEN))?;
        let sent_by = after.split(|byte| matches!(byte, b';' | b',')).next()?;
        let (_, port) = host_port_of(sent_by.trim_ascii())?;
        let known = Transport::from_name(transport);
        Some(port.unwrap_or(known.map_or(5060, Transport::default_port)))
    }

    /// A parameter; empty for one without a value.
    pub fn param(&self, name: &[u8]) -> Option<&'a [u8]> {
        params::get(self.params, name)
    }

    /// The port of the sender, or its transport's.
    pub fn port_or_default(&self) -> u16 {
        let known = Transport::from_name(self.transport);
        self.port.unwrap_or(known.map_or(5060, Transport::default_port))
    }

    /// Where a response goes (RFC 3261 section 18.2.2, RFC 3581 section 4); none where the sender
    /// gave a name and no element wrote `received`. `maddr` is not followed: it is for multicast,
    /// and would let a sender have answers sent to others.
    pub fn reply_address(&self) -> Option<SocketAddr> {
        let received = self.param(b"received").map(unbracketed).and_then(address);
        let host: IpAddr = received.or_else(|| address(self.host))?;
        let port = self.param(b"rport").and_then(decimal);
        let port = port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0);
        Some(SocketAddr::new(host, port.unwrap_or(self.port_or_default())))
    }
}

fn unbracketed(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"[").and_then(|text| text.strip_suffix(b"]")).unwrap_or(text)
}

fn word<'a>(text: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    let (begin, rest) = text.split_at_checked(word.len())?;
    begin.eq_ignore_ascii_case(word).then_some(rest)
}

fn slash(text: &[u8]) -> Option<&[u8]> {
    text.trim_ascii_start().strip_prefix(b"/").map(<[u8]>::trim_ascii_start)
}
