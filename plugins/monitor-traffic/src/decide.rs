//! What the monitor does, apart from the sandbox: the guide's SIP traffic monitoring.
//!
//! T is the longest time in which a checked device makes SIP messages arrive: the maximum of its
//! check interval and force timeout together. A primary that gets no message for T says that
//! service is unavailable; any message, answers to OPTIONS included, ends that. When the pair
//! changes sides and silence goes on, each side doubles its T with every further promotion, up to
//! four times: T, 2T, 4T, 4T, ... on each, so T, T, 2T, 2T, 4T, 4T, ... seen from outside.
//!
//! Reading order: this file (the judgement), [`promotions`] (what is counted), [`keep`] (how the
//! count survives a reload).

mod keep;
mod promotions;

use keep::Keeper;
use promotions::Promotions;

use crate::bindings::exports::takeover::plugin::monitor::{Answer, Assessment, Device, Sample};
use crate::bindings::takeover::plugin::types::{Fault, RunMode};

/// Time between two samples at most, in milliseconds. What a promotion is found by: two within
/// one interval count as one.
const NEXT_MS_MAX: u64 = 1_000;

/// Time between two samples at least, in milliseconds: the host's deadline for a call is a part
/// of it.
const NEXT_MS_MIN: u64 = 100;

/// What the monitor asks of the host.
pub trait Host {
    /// A setting, as text.
    fn setting(&mut self, key: &str) -> Option<String>;
    /// What was last remembered under a key.
    fn recall(&mut self, key: &str) -> Result<Option<Vec<u8>>, Fault>;
    /// Remembers.
    fn remember(&mut self, key: &str, value: &[u8]) -> Result<(), Fault>;
    /// Writes a line for operators.
    fn log(&mut self, text: &str);
}

/// A monitor between two samples.
#[derive(Debug)]
pub struct Monitor {
    promotions: Promotions,
    keeper: Keeper,
}

impl Monitor {
    /// A monitor that has seen nothing.
    pub const fn new() -> Self {
        Self { promotions: Promotions::new(), keeper: Keeper::new() }
    }

    /// Judges a sample.
    pub fn assess(&mut self, sample: &Sample, host: &mut impl Host) -> Answer {
        self.keeper.restore(&mut self.promotions, host);
        let last_message_ago_ms = last_message_ago_ms(sample);
        self.promotions.see(sample, last_message_ago_ms);
        self.keeper.keep(&self.promotions, host);
        let (assessment, next_in_ms) = match longest_wait_ms(&sample.devices) {
            None => (unknown("no device is checked, so nothing says when silence is long"), None),
            Some(longest_ms) => match sample.run_mode {
                // The guide: a server that became backup reports that it runs.
                RunMode::Backup => (Assessment::Running, None),
                RunMode::Exiting => (unknown("this server is ending"), None),
                RunMode::Primary => self.primary(sample, last_message_ago_ms, longest_ms, host),
            },
        };
        let next_in_ms = next_in_ms.unwrap_or(NEXT_MS_MAX).clamp(NEXT_MS_MIN, NEXT_MS_MAX);
        Answer { assessment, next_in_ms: u32::try_from(next_in_ms).unwrap_or(u32::MAX) }
    }

    /// Judges a primary, and says when silence could become too long.
    fn primary(
        &self,
        sample: &Sample,
        last_message_ago_ms: Option<u64>,
        longest_ms: u64,
        host: &mut impl Host,
    ) -> (Assessment, Option<u64>) {
        let waits_for_vip = host.setting("wait_for_vip").as_deref() != Some("false");
        let here_ms = match sample.vip_up_ms {
            Some(vip_up_ms) if waits_for_vip => vip_up_ms.min(sample.in_run_mode_ms),
            None if waits_for_vip => return (unknown("the virtual IP is not here yet"), None),
            _ => sample.in_run_mode_ms,
        };
        let silence_ms = last_message_ago_ms.unwrap_or(u64::MAX).min(here_ms);
        let (least, most) = self.promotions.factors();
        let (surely_fine_ms, surely_bad_ms) = (least * longest_ms, most * longest_ms);
        if silence_ms <= surely_fine_ms {
            return (Assessment::Running, Some(surely_fine_ms - silence_ms + 1));
        }
        let found = format!("no SIP message for {}", seconds(silence_ms));
        if silence_ms > surely_bad_ms {
            let devices = devices(&sample.devices);
            let limit = seconds(surely_bad_ms);
            let text = format!("{found} (limit {limit}), {devices}");
            return (Assessment::Unavailable(text), None);
        }
        let (from, to) = (seconds(surely_fine_ms), seconds(surely_bad_ms));
        let text = format!("{found}; the limit is {from} to {to}: {}", self.keeper.why_not_known());
        (unknown(text), Some(surely_bad_ms - silence_ms + 1))
    }
}

/// T, in milliseconds; none where no device is checked.
fn longest_wait_ms(devices: &[Device]) -> Option<u64> {
    let wait_s =
        |device: &Device| u64::from(device.check_interval_s) + u64::from(device.force_timeout_s);
    devices.iter().filter(|device| device.check_interval_s > 0).map(|d| wait_s(d) * 1_000).max()
}

/// Time since the last SIP message of any kind; an answer of a checked device is one.
fn last_message_ago_ms(sample: &Sample) -> Option<u64> {
    let answers = sample.devices.iter().filter_map(|device| device.answered_ago_ms);
    // A host that counted a message and does not know its time has just seen it.
    let counted = (sample.received > 0 && sample.last_message_ago_ms.is_none()).then_some(0);
    answers.chain(sample.last_message_ago_ms).chain(counted).min()
}

/// What the checks of the devices say, for whoever reads why.
fn devices(devices: &[Device]) -> String {
    let checked = devices.iter().filter(|device| device.check_interval_s > 0);
    let lost = checked.clone().filter(|device| !device.in_service).count();
    format!("{lost} of {} checked devices out of service", checked.count())
}

fn seconds(milliseconds: u64) -> String {
    match (milliseconds / 1_000, milliseconds % 1_000 / 100) {
        (whole, 0) => format!("{whole} s"),
        (whole, tenths) => format!("{whole}.{tenths} s"),
    }
}

fn unknown(text: impl Into<String>) -> Assessment {
    Assessment::Unknown(text.into())
}

#[cfg(test)]
mod tests;
