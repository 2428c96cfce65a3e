//! What the reaction does, apart from the sandbox. How a trap looks on the wire is in `trap`.

use std::net::Ipv6Addr;

use der::asn1::ObjectIdentifier;
use takeover_template::Facts;

use crate::bindings::takeover::plugin::types::Fault;
use crate::trap::Trap;

/// The port of SNMP managers (RFC 3417 section 3.1).
const TRAP_PORT: u16 = 162;

/// Bytes of a community. With the two bounds below a trap fits into a datagram of the contract.
const COMMUNITY_BYTES_MAX: usize = 64;

/// Bytes of a name in a trap; the configuration's names have at most 64. Beyond it: cut.
const NAME_BYTES_MAX: usize = 96;

/// Bytes of the event's sentence in a trap. Beyond it: cut.
const TEXT_BYTES_MAX: usize = 400;

/// Below the enterprise: 0.1 is the trap of an alarm that was raised, 0.2 of one that was cleared
/// (the zero makes it a notification of RFC 2578 section 8.5), 1.1.0 to 1.7.0 are the variables.
const RAISED: [u32; 2] = [0, 1];
const CLEARED: [u32; 2] = [0, 2];
const VARIABLES: u32 = 1;

/// What the operator wrote.
#[derive(Debug, PartialEq, Eq)]
pub struct Settings {
    manager: String,
    community: String,
    enterprise: ObjectIdentifier,
}

impl Settings {
    /// Reads the settings through the host.
    ///
    /// # Errors
    /// `invalid`, naming the setting; the community, which is a secret of sorts, is not repeated.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, Fault> {
        let required =
            |key: &str| get(key).ok_or_else(|| Fault::Invalid(format!("setting {key} is missing")));
        let written = required("manager")?;
        let manager = manager(&written).ok_or_else(|| {
            let text = format!(
                "setting manager is {written:?}, allowed is a host, or a host and a port from 1 \
                 to 65535"
            );
            Fault::Invalid(text)
        })?;
        let community = required("community")?;
        if !(1..=COMMUNITY_BYTES_MAX).contains(&community.len()) {
            let found = community.len();
            let text = format!(
                "setting community has {found} bytes, allowed are 1 to {COMMUNITY_BYTES_MAX}"
            );
            return Err(Fault::Invalid(text));
        }
        let written = required("enterprise")?;
        let enterprise =
            ObjectIdentifier::new(&written).ok().filter(has_room).ok_or_else(|| {
                let text = format!(
                    "setting enterprise is {written:?}, allowed is an object identifier as in \
                 1.3.6.1.4.1.32473.1"
                );
                Fault::Invalid(text)
            })?;
        Ok(Self { manager, community, enterprise })
    }
}

/// Whether the three numbers of a variable still fit behind it.
fn has_room(enterprise: &ObjectIdentifier) -> bool {
    below(*enterprise, &[VARIABLES, 1, 0]).is_ok()
}

fn below(above: ObjectIdentifier, numbers: &[u32]) -> Result<ObjectIdentifier, Fault> {
    numbers
        .iter()
        .try_fold(above, |above, number| above.push_arc(*number))
        .map_err(|error| Fault::Invalid(format!("setting enterprise: {error}")))
}

/// `host:port` of what an operator wrote; a bare IPv6 address gets its brackets.
fn manager(written: &str) -> Option<String> {
    if written.is_empty() || written.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return None;
    }
    if written.parse::<Ipv6Addr>().is_ok() {
        return Some(format!("[{written}]:{TRAP_PORT}"));
    }
    let (host, port) = match written.rsplit_once(':') {
        // The last colon of `[2001:db8::1]` belongs to the address.
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (written, TRAP_PORT),
    };
    let address = host.strip_prefix('[').and_then(|inside| inside.strip_suffix(']'));
    let sound = match address {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && !host.contains([':', '[', ']']),
    };
    (sound && port != 0).then(|| format!("{host}:{port}"))
}

/// What the reaction asks of the host.
pub trait Network {
    /// Monotonic time.
    fn monotonic_ms(&mut self) -> u64;
    /// Sends a datagram.
    fn send(&mut self, to: &str, payload: &[u8]) -> Result<(), Fault>;
}

/// Sends the trap.
pub fn react(settings: &Settings, facts: &Facts, host: &mut impl Network) -> Result<String, Fault> {
    let trap = encode(settings, facts, host.monotonic_ms())?;
    host.send(&settings.manager, &trap)?;
    Ok(format!("trap sent to {}, nobody confirms traps", settings.manager))
}

/// The trap as bytes.
fn encode(settings: &Settings, facts: &Facts, monotonic_ms: u64) -> Result<Vec<u8>, Fault> {
    let values = [
        cut(&facts.condition, NAME_BYTES_MAX),
        facts.category,
        cut(&facts.application, NAME_BYTES_MAX),
        cut(facts.host.as_deref().unwrap_or_default(), NAME_BYTES_MAX),
        cut(&facts.event_id, NAME_BYTES_MAX),
        cut(&facts.text, TEXT_BYTES_MAX),
        facts.phase,
    ];
    let mut variables = Vec::new();
    for (number, value) in (1..).zip(values) {
        let name = below(settings.enterprise, &[VARIABLES, number, 0])?;
        variables.push((name, value.to_owned()));
    }
    let which = if facts.phase == "raised" { RAISED } else { CLEARED };
    let trap = Trap {
        community: &settings.community,
        request_id: request_id(facts),
        up_time: up_time(monotonic_ms),
        id: below(settings.enterprise, &which)?,
        variables: &variables,
    };
    trap.encode().map_err(|error| Fault::Failed(format!("trap can not be encoded: {error}")))
}

/// The same for an alarm that comes again after a crash of the control server, so that a manager
/// can tell: the low 31 bits of the event's time, the last of them for the phase.
fn request_id(facts: &Facts) -> u32 {
    let low = facts.at_unix_ms.wrapping_shl(1) & 0x7fff_ffff;
    let phase = u32::from(facts.phase != "raised");
    u32::try_from(low).unwrap_or_default() | phase
}

/// Hundredths of a second; begins anew after 497 days, as RFC 2578 has it.
fn up_time(monotonic_ms: u64) -> u32 {
    u32::try_from((monotonic_ms / 10) & u64::from(u32::MAX)).unwrap_or_default()
}

/// At most so many bytes of a text, up to the end of a character.
fn cut(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
