//! Values as an operator writes them: `"20 sec"`, `5`, `true`. Knows no option.

use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Longest text of an option, in bytes; a SIP URI with parameters needs a few hundred.
const TEXT_BYTES_MAX: usize = 1024;

/// One line of text, not empty.
pub(super) fn text(value: &str) -> Option<Arc<str>> {
    let fits = (1..=TEXT_BYTES_MAX).contains(&value.len()) && !value.chars().any(char::is_control);
    fits.then(|| value.into())
}

/// A text, or `NULL` or nothing for none.
pub(super) fn optional(value: &str) -> Option<Option<Arc<str>>> {
    if value.is_empty() || value.eq_ignore_ascii_case("null") {
        return Some(None);
    }
    text(value).map(Some)
}

/// True or false.
pub(super) fn flag(value: &str) -> Option<bool> {
    match value {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// A whole number between two others, both included.
pub(super) fn whole(value: &str, min: u32, max: u32) -> Option<u32> {
    value.parse().ok().filter(|number| (min..=max).contains(number))
}

/// A port.
pub(super) fn port(value: &str) -> Option<u16> {
    value.parse().ok().filter(|port| *port > 0)
}

/// A port or two with a hyphen between them.
pub(super) fn port_range(value: &str) -> Option<(u16, u16)> {
    let (first, last) = value.split_once('-').unwrap_or((value, value));
    let (first, last) = (port(first.trim())?, port(last.trim())?);
    (first <= last).then_some((first, last))
}

/// A response code that can reject a call.
pub(super) fn code(value: &str) -> Option<u16> {
    value.parse().ok().filter(|code| (300..=603).contains(code))
}

/// Whole seconds up to a bound; a unit may follow.
pub(super) fn seconds(value: &str, max: u64) -> Option<Duration> {
    duration(value).filter(|time| *time <= Duration::from_secs(max))
}

/// A time: a number and a unit, seconds where none is written, as in `20 sec` or `500 msec`.
pub(super) fn duration(value: &str) -> Option<Duration> {
    let value = value.trim();
    let digits = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    let (number, unit) = value.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let millis = match unit.trim() {
        "ms" | "msec" => 1,
        "" | "s" | "sec" | "second" | "seconds" => 1_000,
        "min" | "minute" | "minutes" => 60_000,
        "h" | "hour" | "hours" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

/// Hosts, separated by commas.
pub(super) fn hosts(value: &str) -> Option<Vec<Arc<str>>> {
    value.split(',').map(|host| is_host(host.trim()).then(|| host.trim().into())).collect()
}

/// Whether a text is an IP address or can be a host name.
pub(super) fn is_host(value: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    value.parse::<Ipv6Addr>().is_ok()
        || (value.len() <= 253 && value.trim_end_matches('.').split('.').all(label))
}

/// Whether a text can be a contact: a host, a host and a port, or a SIP URI.
pub(super) fn is_contact(value: &str) -> bool {
    let value = match value.split_once(':') {
        Some((scheme, rest)) if ["sip", "sips"].iter().any(|s| scheme.eq_ignore_ascii_case(s)) => {
            let rest = rest.split([';', '?']).next().unwrap_or_default();
            rest.rsplit_once('@').map_or(rest, |(_, host)| host)
        }
        _ => value,
    };
    if value.parse::<SocketAddr>().is_ok() || is_host(value.trim_matches(['[', ']'])) {
        return true;
    }
    value.rsplit_once(':').is_some_and(|(host, number)| is_host(host) && port(number).is_some())
}
