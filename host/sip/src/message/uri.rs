//! SIP, SIPS and tel URIs (RFC 3261 section 19.1, RFC 3966), read in place.

use std::net::{IpAddr, Ipv6Addr};

use super::class::{self, HOST, NUMERIC, USER};
use super::params;

/// What kind of URI it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:`
    Tel,
    /// Anything else: answered with 416 where it would have to be routed.
    Other,
}

/// The parts of a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'a> {
    /// Its kind.
    pub scheme: Scheme,
    /// User part without a password, as written; the number of a tel URI.
    pub user: Option<&'a [u8]>,
    /// Host as written, an IPv6 address without its brackets; empty for tel and others.
    pub host: &'a [u8],
    /// Port, where one is written.
    pub port: Option<u16>,
    /// Parameters with their leading `;`.
    pub params: &'a [u8],
    /// Headers behind the `?`.
    pub headers: &'a [u8],
}

impl<'a> Uri<'a> {
    /// Reads a URI that is the whole text; none where it is malformed.
    pub fn parse(text: &'a [u8]) -> Option<Uri<'a>> {
        let colon = memchr::memchr(b':', text)?;
        let (scheme, rest) = text.split_at_checked(colon)?;
        let rest = rest.get(1..)?;
        if rest.is_empty() {
            return None;
        }
        match () {
            () if scheme.eq_ignore_ascii_case(b"sip") => Self::hierarchical(Scheme::Sip, rest),
            () if scheme.eq_ignore_ascii_case(b"sips") => Self::hierarchical(Scheme::Sips, rest),
            () if scheme.eq_ignore_ascii_case(b"tel") => Some(Self::tel(rest)),
            () if !is_scheme(scheme) => None,
            () => Some(Uri {
                scheme: Scheme::Other,
                user: None,
                host: &[],
                port: None,
                params: &[],
                headers: &[],
            }),
        }
    }

    fn tel(rest: &'a [u8]) -> Uri<'a> {
        let end = memchr::memchr(b';', rest).unwrap_or(rest.len());
        let (number, params) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        let scheme = Scheme::Tel;
        Uri { scheme, user: Some(number), host: &[], port: None, params, headers: &[] }
    }

    fn hierarchical(scheme: Scheme, rest: &'a [u8]) -> Option<Uri<'a>> {
        let (user, rest) = match memchr::memchr(b'@', rest) {
            Some(at) => (Some(user_part(rest.get(..at)?)?), rest.get(at + 1..)?),
            None => (None, rest),
        };
        let (rest, headers) = match memchr::memchr(b'?', rest) {
            Some(at) => (rest.get(..at)?, rest.get(at + 1..)?),
            None => (rest, &[][..]),
        };
        let params_at = memchr::memchr(b';', rest).unwrap_or(rest.len());
        let (host_port, params) = rest.split_at_checked(params_at)?;
        let (host, port) = host_port_of(host_port)?;
        let sound = params::well_formed(params) && memchr::memchr(b'@', rest).is_none();
        sound.then_some(Uri { scheme, user, host, port, params, headers })
    }

    /// A parameter; empty for one without a value.
    pub fn param(&self, name: &[u8]) -> Option<&'a [u8]> {
        params::get(self.params, name)
    }

    /// The host, where it is an address.
    pub fn address(&self) -> Option<IpAddr> {
        address(self.host)
    }

    /// Whether it names a loose router.
    pub fn is_loose(&self) -> bool {
        self.param(b"lr").is_some()
    }
}

/// RFC 3261 section 25.1.
fn is_scheme(text: &[u8]) -> bool {
    let further = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    text.first().is_some_and(u8::is_ascii_alphabetic) && text.iter().all(further)
}

fn user_part(info: &[u8]) -> Option<&[u8]> {
    let end = memchr::memchr(b':', info).unwrap_or(info.len());
    let user = info.get(..end)?;
    (!user.is_empty() && class::all(user, USER)).then_some(user)
}

/// Host and port of a `host[:port]`.
pub(super) fn host_port_of(text: &[u8]) -> Option<(&[u8], Option<u16>)> {
    let (host, rest) = if let Some(inside) = text.strip_prefix(b"[") {
        let end = memchr::memchr(b']', inside)?;
        let host = inside.get(..end)?;
        ipv6(host)?;
        (host, inside.get(end + 1..)?)
    } else {
        let end = memchr::memchr(b':', text).unwrap_or(text.len());
        let host = text.get(..end)?.trim_ascii_end();
        if host.is_empty() || !class::all(host, HOST) {
            return None;
        }
        (host, text.get(end..)?)
    };
    let rest = rest.trim_ascii_start();
    if rest.is_empty() {
        return Some((host, None));
    }
    let port = rest.strip_prefix(b":")?.trim_ascii();
    let port = u16::try_from(super::scan::decimal(port)?).ok()?;
    Some((host, Some(port)))
}

/// The address that a host is, if it is one.
pub(crate) fn address(host: &[u8]) -> Option<IpAddr> {
    if !class::all(host, NUMERIC) {
        return None;
    }
    let text = std::str::from_utf8(host).ok()?;
    text.parse().ok().or_else(|| ipv6(host).map(IpAddr::V6))
}

/// The address; also one with three colons, which RFC 3261's grammar made of IPv4 ones inside
/// (RFC 5118 section 4.10).
fn ipv6(host: &[u8]) -> Option<Ipv6Addr> {
    let text = std::str::from_utf8(host).ok()?;
    text.parse().ok().or_else(|| text.replacen(":::", "::", 1).parse().ok())
}
