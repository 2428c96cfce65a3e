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
        // Nearly every one begins so.
        if let Some(rest) = text.strip_prefix(b"sip:").filter(|rest| !rest.is_empty()) {
            return Self::hierarchical(Scheme::Sip, rest);
        }
        let colon = text.iter().position(|byte| *byte == b':')?;
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
        let Divided { user, host_port, params, headers } = divide(rest)?;
        let user = match user {
            Some(info) => Some(user_part(info)?),
            None => None,
        };
        let (host, port) = host_port_of(host_port)?;
        params::well_formed(params).then_some(Uri { scheme, user, host, port, params, headers })
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

/// What a `sip` or `sips` URI consists of, behind its scheme.
struct Divided<'a> {
    user: Option<&'a [u8]>,
    host_port: &'a [u8],
    params: &'a [u8],
    headers: &'a [u8],
}

/// One pass: up to the first `@` is the user part, in which `;` and `?` are letters like others;
/// from the first `?` behind it on are headers. None where another `@` is before those.
fn divide(text: &[u8]) -> Option<Divided<'_>> {
    let (mut host_at, mut params_at, mut headers_at) = (0, None, None);
    for (at, byte) in text.iter().enumerate().filter(|(_, byte)| class::divides(**byte)) {
        match byte {
            b'@' if host_at == 0 => (host_at, params_at, headers_at) = (at + 1, None, None),
            b'@' if headers_at.is_none() => return None,
            b';' if headers_at.is_none() => params_at = params_at.or(Some(at)),
            b'?' => headers_at = headers_at.or(Some(at)),
            _ => {}
        }
    }
    let end = headers_at.unwrap_or(text.len());
    let params_at = params_at.unwrap_or(end);
    Some(Divided {
        user: host_at.checked_sub(1).and_then(|at| text.get(..at)),
        host_port: text.get(host_at..params_at)?,
        params: text.get(params_at..end)?,
        headers: headers_at.and_then(|at| text.get(at + 1..)).unwrap_or_default(),
    })
}

/// RFC 3261 section 25.1.
fn is_scheme(text: &[u8]) -> bool {
    let further = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    text.first().is_some_and(u8::is_ascii_alphabetic) && text.iter().all(further)
}

fn user_part(info: &[u8]) -> Option<&[u8]> {
    let (user, rest) = info.split_at_checked(class::length(info, USER))?;
    (!user.is_empty() && matches!(rest.first(), None | Some(b':'))).then_some(user)
}

/// Host and port of a `host[:port]`.
pub(super) fn host_port_of(text: &[u8]) -> Option<(&[u8], Option<u16>)> {
    let (host, rest) = if let Some(inside) = text.strip_prefix(b"[") {
        let end = memchr::memchr(b']', inside)?;
        let host = inside.get(..end)?;
        ipv6(host)?;
        (host, inside.get(end + 1..)?)
    } else {
        let (host, rest) = text.split_at_checked(class::length(text, HOST))?;
        if host.is_empty() {
            return None;
        }
        (host, rest)
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
