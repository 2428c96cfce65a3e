//! Names of hosts, ends of connections and mail addresses, each in one spelling only, so that two
//! of them can be compared as text.

use std::net::{IpAddr, SocketAddr};

/// The longest name of a host (RFC 1035, 2.3.4, as text).
const HOST_NAME_BYTES_MAX: usize = 253;

/// The longest part of a host name (RFC 1035, 2.3.4).
const PART_BYTES_MAX: usize = 63;

/// The longest part of a mail address before its @ (RFC 5321, 4.5.3.1.1).
const LOCAL_PART_BYTES_MAX: usize = 64;

/// An address or a name of a host, in lower case. None: neither.
pub(super) fn host(text: &str) -> Option<String> {
    match text.parse::<IpAddr>() {
        Ok(address) => Some(address.to_string()),
        Err(_) => host_name(text),
    }
}

/// A name of a host, in lower case. A last part of digits is refused, because programs that read
/// addresses generously would take it for one.
pub(super) fn host_name(text: &str) -> Option<String> {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let fits = |part: &str| {
        let outer = part.starts_with('-') || part.ends_with('-');
        !part.is_empty() && part.len() <= PART_BYTES_MAX && !outer && part.chars().all(inner)
    };
    let last_is_number =
        text.rsplit('.').next().is_some_and(|part| part.chars().all(|c| c.is_ascii_digit()));
    let good = text.len() <= HOST_NAME_BYTES_MAX && text.split('.').all(fits) && !last_is_number;
    good.then(|| text.to_ascii_lowercase())
}

/// `host:port`. None: it is not, or the port is 0.
pub(super) fn end_point(text: &str) -> Option<String> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return (address.port() != 0).then(|| address.to_string());
    }
    let (name, port) = text.rsplit_once(':')?;
    let (name, port) = (host_name(name)?, port_number(port)?);
    Some(format!("{name}:{port}"))
}

fn port_number(text: &str) -> Option<u16> {
    let digits = text.chars().all(|c| c.is_ascii_digit());
    text.parse().ok().filter(|port| *port != 0 && digits)
}

/// A mail address without comments or quoting, its domain in lower case: what is allowed here can
/// not be read in two ways, nor for a pattern. Everything else is refused, though RFC 5321 knows
/// more.
pub(super) fn mail_address(text: &str) -> Option<String> {
    let (local, domain) = text.split_once('@')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "!#$%&'+-/=?^_`{|}~.".contains(c);
    let dots = local.starts_with('.') || local.ends_with('.') || local.contains("..");
    let good = !local.is_empty() && local.len() <= LOCAL_PART_BYTES_MAX && !dots;
    if !good || local.starts_with('-') || !local.chars().all(plain) {
        return None;
    }
    Some(format!("{local}@{}", host_name(domain)?))
}

/// Whom mail may go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Recipient {
    /// One address.
    One(String),
    /// All of a domain; domains below it are others.
    Domain(String),
}

impl Recipient {
    /// Reads `name@domain` or `*@domain`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("*@") {
            Some(domain) => host_name(domain).map(Recipient::Domain),
            None => mail_address(text).map(Recipient::One),
        }
    }

    /// Whether it covers an address that [`mail_address`] made.
    pub(super) fn covers(&self, address: &str) -> bool {
        match self {
            Recipient::One(one) => one == address,
            Recipient::Domain(domain) => {
                address.split_once('@').is_some_and(|(_, found)| found == domain)
            }
        }
    }
}

impl std::fmt::Display for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Recipient::One(address) => f.write_str(address),
            Recipient::Domain(domain) => write!(f, "*@{domain}"),
        }
    }
}
