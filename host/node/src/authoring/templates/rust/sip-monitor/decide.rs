//! What the monitor makes of a sample, apart from the sandbox.

/// What matters of a sample.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// This node is primary.
    pub primary: bool,
    /// How long the virtual IP has been here; none: it is not.
    pub vip_up_ms: Option<u64>,
    /// Time since the last SIP message; none: there was none.
    pub last_message_ago_ms: Option<u64>,
}

/// What is to be said of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Service is given.
    Running,
    /// Service is not given; why.
    Unavailable(String),
    /// Nobody can say; why. Never counts as either of the others.
    Unknown(String),
}

/// Judges by silence. What can not be expected to receive anything is not judged.
pub fn assess(seen: Seen, silence_ms: u64) -> Verdict {
    if !seen.primary {
        return Verdict::Unknown("not primary".to_owned());
    }
    let Some(vip_up_ms) = seen.vip_up_ms else {
        return Verdict::Unknown("the virtual IP is not here".to_owned());
    };
    // A message from before the address came here says nothing about service at the address.
    let quiet_ms = seen
        .last_message_ago_ms
        .map_or(vip_up_ms, |ago_ms| ago_ms.min(vip_up_ms));
    let heard = seen
        .last_message_ago_ms
        .is_some_and(|ago_ms| ago_ms <= vip_up_ms);
    match (quiet_ms < silence_ms, heard) {
        (true, true) => Verdict::Running,
        (true, false) => Verdict::Unknown("the virtual IP has been here for a moment".to_owned()),
        (false, _) => Verdict::Unavailable(format!("no SIP message for {} s", quiet_ms / 1000)),
    }
}

#[cfg(test)]
mod tests;
