//! What SIP monitors and forwarding policies are told and what they answer, as plain values. The
//! bounds of an answer are checked here, so that what a component makes up never reaches the wire.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::limits::{
    CONTACT_BYTES_MAX, CONTACTS_MAX, NAME_LENGTH_MAX, REASON_BYTES_MAX, RETRY_AFTER_S_MAX,
};
use crate::link::{RunMode, Verdict};
use crate::log_event::Attribute;

/// Response codes that redirect (RFC 3261, 21.3).
pub const REDIRECT_CODES: RangeInclusive<u16> = 300..=399;

/// Response codes that refuse (RFC 3261, 21.4 to 21.6).
pub const REFUSAL_CODES: RangeInclusive<u16> = 400..=699;

/// What a SIP monitor is shown. Counters count since the last sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonitorSample {
    /// Run mode of the node.
    pub run_mode: RunMode,
    /// How long it has had it, in milliseconds.
    pub in_run_mode_ms: u64,
    /// How long the virtual IP has been here, in milliseconds; none: it is not.
    pub vip_up_ms: Option<u64>,
    /// SIP messages received.
    pub received: u64,
    /// Time since the last of them, in milliseconds; none: there was none.
    pub last_message_ago_ms: Option<u64>,
    /// Responses of class 2xx.
    pub responses_2xx: u64,
    /// Responses of class 4xx.
    pub responses_4xx: u64,
    /// Responses of class 5xx.
    pub responses_5xx: u64,
    /// Transactions that ended without a final answer.
    pub timeouts: u64,
    /// Messages sent again.
    pub retransmissions: u64,
    /// Devices whose service is checked; at most
    /// [`MONITOR_DEVICES_MAX`](crate::limits::MONITOR_DEVICES_MAX).
    pub devices: Vec<MonitoredDevice>,
}

/// A device whose service is checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonitoredDevice {
    /// Its directory number.
    pub dn: Arc<str>,
    /// Configured time between two checks, in seconds; 0 is "not checked".
    pub check_interval_s: u32,
    /// Configured time without an answer after which it is out of service, in seconds.
    pub force_timeout_s: u32,
    /// It is in service.
    pub in_service: bool,
    /// Time since its last answer, in milliseconds; none: it never answered.
    pub answered_ago_ms: Option<u64>,
}

/// What a SIP monitor answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonitorAnswer {
    /// Good: service is given; bad: it is not; unknown: it could not be judged.
    pub assessment: Verdict,
    /// When to ask again. A wish, kept between
    /// [`MONITOR_INTERVAL_MIN`](crate::limits::MONITOR_INTERVAL_MIN) and
    /// [`MONITOR_INTERVAL_MAX`](crate::limits::MONITOR_INTERVAL_MAX).
    pub next_in: Duration,
}

/// Where a call comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallKind {
    /// From outside.
    #[default]
    Inbound,
    /// From a device of this node.
    Internal,
    /// From a routing point.
    Routed,
}

/// A destination's option `dr-forward`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DrForward {
    /// Never forward.
    #[default]
    Off,
    /// Forward when no agent is logged in.
    NoAgent,
    /// Forward when out of service.
    Oos,
}

/// What the node is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeMode {
    /// Serving.
    #[default]
    InService,
    /// The peer site is lost.
    SingleSite,
    /// A graceful shutdown is under way.
    ShuttingDown,
}

/// What a forwarding policy is asked about. All texts and headers together are at most
/// [`FORWARDING_CALL_BYTES_MAX`](crate::limits::FORWARDING_CALL_BYTES_MAX).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardingCall {
    /// Where it comes from.
    pub kind: CallKind,
    /// Its request URI.
    pub request_uri: String,
    /// Who calls.
    pub caller: String,
    /// Transport address that the request came from.
    pub source: String,
    /// Its Call-ID.
    pub call_id: String,
    /// It came from the peer node: it must never be sent back there.
    pub from_peer: bool,
    /// Where it would go.
    pub destination: ForwardingDestination,
    /// The peer node of the other site, where there is one.
    pub peer: Option<ForwardingPeer>,
    /// What this node is doing.
    pub node_mode: NodeMode,
    /// Configured response code for new calls during a shutdown.
    pub shutdown_reject_code: u16,
    /// Headers that the configuration shows to policies.
    pub headers: Vec<Attribute>,
}

impl ForwardingCall {
    /// Bytes of all its texts.
    pub fn size_bytes(&self) -> usize {
        let peer = self.peer.as_ref().map_or(0, |peer| peer.trunk.len() + peer.contact.len());
        let headers: usize = self.headers.iter().map(|h| h.name.len() + h.value.len()).sum();
        self.request_uri.len()
            + self.caller.len()
            + self.source.len()
            + self.call_id.len()
            + self.destination.dn.len()
            + peer
            + headers
    }
}

/// The destination of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardingDestination {
    /// Directory number.
    pub dn: String,
    /// It is configured here.
    pub known: bool,
    /// It is registered.
    pub registered: bool,
    /// It is in service.
    pub in_service: bool,
    /// An agent is logged in.
    pub agent_logged_in: bool,
    /// Its option `dr-forward`.
    pub dr_forward: DrForward,
}

/// The peer node of the other site.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardingPeer {
    /// The trunk to it.
    pub trunk: String,
    /// Contact to redirect to.
    pub contact: String,
    /// It is in service.
    pub in_service: bool,
}

/// Where a call goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardingDecision {
    /// To its destination.
    Deliver,
    /// The caller is told to try elsewhere.
    Redirect {
        /// One of [`REDIRECT_CODES`].
        code: u16,
        /// One to [`CONTACTS_MAX`], each at most [`CONTACT_BYTES_MAX`] and on one line.
        contacts: Vec<String>,
    },
    /// Through this trunk: a name of at most [`NAME_LENGTH_MAX`].
    ThroughTrunk(String),
    /// Refused.
    Refuse(Refusal),
}

/// How a call is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// One of [`REFUSAL_CODES`].
    pub code: u16,
    /// Reason phrase, at most [`REASON_BYTES_MAX`] and on one line; empty: the code's own.
    pub reason: Arc<str>,
    /// Seconds until the caller may try again, at most [`RETRY_AFTER_S_MAX`].
    pub retry_after_s: Option<u32>,
}

/// Why a decision was not passed on: what was found against what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: found {found}, allowed {allowed}")]
pub struct OutOfBounds {
    /// Which part of the decision.
    pub what: &'static str,
    /// What was found.
    pub found: String,
    /// What is allowed.
    pub allowed: String,
}

impl ForwardingDecision {
    /// Checks a decision that was made outside of this program.
    ///
    /// # Errors
    /// The first thing that is out of its bounds. Texts with control characters are among them:
    /// such a text could write headers of its own into the message.
    pub fn check(&self) -> Result<(), OutOfBounds> {
        match self {
            ForwardingDecision::Deliver => Ok(()),
            ForwardingDecision::Redirect { code, contacts } => {
                check_number("redirect code", *code, REDIRECT_CODES)?;
                check_number("number of contacts", contacts.len(), 1..=CONTACTS_MAX)?;
                contacts.iter().try_for_each(|c| check_text("contact", c, 1..=CONTACT_BYTES_MAX))
            }
            ForwardingDecision::ThroughTrunk(trunk) => {
                check_text("trunk", trunk, 1..=NAME_LENGTH_MAX)
            }
            ForwardingDecision::Refuse(refusal) => refusal.check(),
        }
    }
}

impl Refusal {
    /// Checks a refusal that was made outside of this program.
    ///
    /// # Errors
    /// As [`ForwardingDecision::check`].
    pub fn check(&self) -> Result<(), OutOfBounds> {
        check_number("refusal code", self.code, REFUSAL_CODES)?;
        check_text("reason", &self.reason, 0..=REASON_BYTES_MAX)?;
        check_number("retry-after-s", self.retry_after_s.unwrap_or(0), 0..=RETRY_AFTER_S_MAX)
    }
}

fn check_number<N: Copy + PartialOrd + std::fmt::Display>(
    what: &'static str,
    found: N,
    allowed: RangeInclusive<N>,
) -> Result<(), OutOfBounds> {
    if allowed.contains(&found) {
        return Ok(());
    }
    let (from, to) = (allowed.start(), allowed.end());
    Err(OutOfBounds { what, found: found.to_string(), allowed: format!("{from} to {to}") })
}

/// Nearly every text is ASCII, and of that all bytes are looked at together.
fn has_control(text: &str) -> bool {
    match text.is_ascii() {
        true => text.bytes().fold(false, |found, byte| found | byte.is_ascii_control()),
        false => text.chars().any(char::is_control),
    }
}

fn check_text(
    what: &'static str,
    text: &str,
    bytes: RangeInclusive<usize>,
) -> Result<(), OutOfBounds> {
    if has_control(text) {
        let (found, allowed) = ("a control character".to_owned(), "one line of text".to_owned());
        return Err(OutOfBounds { what, found, allowed });
    }
    if bytes.contains(&text.len()) {
        return Ok(());
    }
    let (from, to) = (bytes.start(), bytes.end());
    let found = format!("{} bytes", text.len());
    Err(OutOfBounds { what, found, allowed: format!("{from} to {to}") })
}

#[cfg(test)]
mod tests;
