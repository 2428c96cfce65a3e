//! Counters of SIP traffic for the monitor component: a sample is what happened since the last one.
//!
//! Every note is one addition. Must not know messages, nor what follows from a sample.

use takeover_logic::component::sip::{MonitorSample, MonitoredDevice};
use takeover_logic::link::RunMode;
use takeover_logic::time::Instant;

#[cfg(test)]
mod tests;

/// What is known beside the counters when a sample is taken.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// Run mode of the node.
    pub run_mode: RunMode,
    /// Since when it has it.
    pub run_mode_since: Instant,
    /// Since when the virtual IP is here; none: it is not.
    pub vip_since: Option<Instant>,
    /// Devices that are checked.
    pub devices: Vec<MonitoredDevice>,
}

/// Counts traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    received: u64,
    last_message: Option<Instant>,
    /// Responses by the first digit of their code.
    responses: [u64; 7],
    timeouts: u64,
    retransmissions: u64,
}

impl Traffic {
    /// A message arrived, request or response.
    pub fn received(&mut self, now: Instant) {
        self.received += 1;
        self.last_message = Some(now);
    }

    /// A response with this code was received or sent.
    pub fn response(&mut self, code: u16) {
        if let Some(count) = self.responses.get_mut(usize::from(code / 100)) {
            *count += 1;
        }
    }

    /// A transaction ended without a final answer.
    pub fn timed_out(&mut self) {
        self.timeouts += 1;
    }

    /// A message was sent again.
    pub fn sent_again(&mut self) {
        self.retransmissions += 1;
    }

    /// When the last message arrived.
    pub fn last_message(&self) -> Option<Instant> {
        self.last_message
    }

    /// What happened since the last sample. Counts anew from here; the time of the last message
    /// stays known.
    pub fn sample(&mut self, now: Instant, seen: Circumstances) -> MonitorSample {
        let counted = std::mem::take(self);
        self.last_message = counted.last_message;
        let ago_ms =
            |since: Instant| u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX);
        let [_, _, responses_2xx, _, responses_4xx, responses_5xx, _] = counted.responses;
        MonitorSample {
            run_mode: seen.run_mode,
            in_run_mode_ms: ago_ms(seen.run_mode_since),
            vip_up_ms: seen.vip_since.map(ago_ms),
            received: counted.received,
            last_message_ago_ms: counted.last_message.map(ago_ms),
            responses_2xx,
            responses_4xx,
            responses_5xx,
            timeouts: counted.timeouts,
            retransmissions: counted.retransmissions,
            devices: seen.devices,
        }
    }
}
