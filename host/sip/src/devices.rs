//! Which devices answer: active out-of-service detection (options `oos-check` and `oos-force`).
//!
//! Says when to send OPTIONS to whom, and what follows from an answer or its absence. Must not know
//! SIP or addresses. Only the node that serves checks; the other one is told.
//!
//! ```text
//!           oos-check passed            oos-force passed, no answer
//!    idle -------------------> asked ------------------------------> out of service
//!     ^                          |                                          |
//!     +---- any answer ----------+------------------- any answer -----------+
//! ```

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use takeover_logic::component::sip::MonitoredDevice;
use takeover_logic::limits::MONITOR_DEVICES_MAX;
use takeover_logic::time::{Instant, Now, Timestamp};

use crate::directory::Dn;

#[cfg(test)]
mod tests;

/// Longest time over which the first checks are spread after this node begins to serve, so that
/// thousands of devices are not asked in one instant and the news is still fresh.
const SPREAD_MAX: Duration = Duration::from_secs(5);

/// What is to be done or told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send OPTIONS to this DN.
    Check(Arc<str>),
    /// The DN is out of service (event `DNOutOfService`).
    OutOfService(Arc<str>),
    /// The DN is in service again (event `DNBackInService`).
    BackInService(Arc<str>),
}

/// Whether a DN is out of service, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The DN.
    pub dn: Arc<str>,
    /// None: it is in service.
    pub out_since: Option<Timestamp>,
}

/// A device that is checked.
#[derive(Debug)]
struct Device {
    check: Duration,
    force: Duration,
    /// When it was asked last, while no answer came.
    asked: Option<Instant>,
    /// When it answered last.
    answered: Option<Instant>,
    /// When something is to be done next; its place in the queue.
    due: Option<Instant>,
    /// When it is asked next.
    next_check: Instant,
}

/// All devices that are checked.
#[derive(Debug, Default)]
pub struct Devices {
    devices: BTreeMap<Arc<str>, Device>,
    queue: BTreeSet<(Instant, Arc<str>)>,
    /// Those that are out of service; both nodes have the same.
    out: BTreeMap<Arc<str>, Timestamp>,
    is_serving: bool,
    outputs: VecDeque<Output>,
    changes: VecDeque<Change>,
}

impl Devices {
    /// Takes what is configured: DNs that are checked; others are passed over. What was known of a
    /// device stays known. Called again whenever an option of a DN changed.
    pub fn configure<'a>(&mut self, now: Now, dns: impl Iterator<Item = &'a Dn>) {
        let mut before = std::mem::take(&mut self.devices);
        self.queue.clear();
        for dn in dns.filter(|dn| dn.is_checked()) {
            let kept = before.remove(&dn.number);
            let mut device = kept.unwrap_or(Device {
                check: dn.oos_check,
                force: dn.oos_force,
                asked: None,
                answered: None,
                due: None,
                next_check: now.instant,
            });
            (device.check, device.force) = (dn.oos_check, dn.oos_force);
            device.next_check = device.next_check.min(now.instant + dn.oos_check);
            self.devices.insert(Arc::clone(&dn.number), device);
        }
        if !self.is_serving {
            return;
        }
        for dn in before.into_keys() {
            self.in_service(&dn);
        }
        let names: Vec<Arc<str>> = self.devices.keys().cloned().collect();
        names.iter().for_each(|dn| self.schedule(dn));
    }

    /// This node begins or ends to serve. Checks begin with the first, spread over a short time.
    pub fn serve(&mut self, now: Now, is_serving: bool) {
        if self.is_serving == is_serving {
            return;
        }
        self.is_serving = is_serving;
        self.queue.clear();
        let count = u32::try_from(self.devices.len()).unwrap_or(u32::MAX).max(1);
        let names: Vec<Arc<str>> = self.devices.keys().cloned().collect();
        for (at, dn) in (0_u32..).zip(&names) {
            if let Some(device) = self.devices.get_mut(dn) {
                (device.asked, device.due) = (None, None);
                let spread = device.check.min(SPREAD_MAX);
                device.next_check = now.instant + spread * at / count;
            }
            if is_serving {
                self.schedule(dn);
            }
        }
    }

    /// A device answered, whatever its answer was; also right for any request from it.
    pub fn answered(&mut self, now: Now, dn: &str) {
        let Some((dn, device)) = self.devices.get_key_value(dn) else { return };
        let dn = Arc::clone(dn);
        let was_asked = device.asked.is_some();
        if let Some(device) = self.devices.get_mut(&dn) {
            (device.asked, device.answered) = (None, Some(now.instant));
        }
        if self.is_serving && (was_asked || self.out.contains_key(&dn)) {
            self.in_service(&dn);
            self.schedule(&dn);
        }
    }

    /// A check could not be sent, or ended without an answer. With `oos-force` that is waited for;
    /// without, it is the verdict.
    pub fn failed(&mut self, now: Now, dn: &str) {
        let is_verdict =
            self.devices.get(dn).is_some_and(|d| d.force.is_zero() && d.asked.is_some());
        if self.is_serving && is_verdict {
            self.out_of_service(now, dn);
        }
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Now) {
        while let Some((due, dn)) = self.queue.first().cloned() {
            if due > now.instant {
                return;
            }
            self.act(now, &dn);
            self.schedule(&dn);
        }
    }

    fn act(&mut self, now: Now, dn: &Arc<str>) {
        let Some(device) = self.devices.get_mut(dn) else { return };
        let is_silent = device.asked.is_some_and(|asked| {
            !device.force.is_zero() && now.instant.since(asked) >= device.force
        });
        if is_silent {
            device.asked = None;
            self.out_of_service(now, dn);
        }
        let Some(device) = self.devices.get_mut(dn) else { return };
        if device.next_check <= now.instant {
            device.asked = device.asked.or(Some(now.instant));
            device.next_check = now.instant + device.check;
            self.outputs.push_back(Output::Check(Arc::clone(dn)));
        }
    }

    /// Puts a device into the queue for what comes next: its check or its verdict.
    fn schedule(&mut self, dn: &Arc<str>) {
        let Some(device) = self.devices.get_mut(dn) else { return };
        if let Some(due) = device.due.take() {
            self.queue.remove(&(due, Arc::clone(dn)));
        }
        let verdict = device.asked.filter(|_| !device.force.is_zero()).map(|at| at + device.force);
        let due = verdict.map_or(device.next_check, |verdict| verdict.min(device.next_check));
        device.due = Some(due);
        self.queue.insert((due, Arc::clone(dn)));
    }

    fn out_of_service(&mut self, now: Now, dn: &str) {
        if self.out.contains_key(dn) {
            return;
        }
        let dn: Arc<str> = dn.into();
        self.out.insert(Arc::clone(&dn), now.at);
        self.outputs.push_back(Output::OutOfService(Arc::clone(&dn)));
        self.changes.push_back(Change { dn, out_since: Some(now.at) });
    }

    fn in_service(&mut self, dn: &str) {
        if let Some((dn, _)) = self.out.remove_entry(dn) {
            self.outputs.push_back(Output::BackInService(Arc::clone(&dn)));
            self.changes.push_back(Change { dn, out_since: None });
        }
    }

    /// The next output.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Devices::tick`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.queue.first().map(|(due, _)| *due).filter(|_| self.is_serving)
    }

    /// Whether a DN is in service; one that is not checked is.
    pub fn is_in_service(&self, dn: &str) -> bool {
        !self.out.contains_key(dn)
    }

    /// What a monitor is shown, in the order of DNs; at most [`MONITOR_DEVICES_MAX`].
    pub fn monitored(&self, now: Instant) -> Vec<MonitoredDevice> {
        let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let shown = self.devices.iter().take(MONITOR_DEVICES_MAX);
        let device = |(dn, device): (&Arc<str>, &Device)| MonitoredDevice {
            dn: Arc::clone(dn),
            check_interval_s: seconds(device.check),
            force_timeout_s: seconds(device.force),
            in_service: self.is_in_service(dn),
            answered_ago_ms: device.answered.map(|at| millis(now.since(at))),
        };
        shown.map(device).collect()
    }

    /// The next change to tell the other node.
    pub fn poll_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// Takes over what the other node told.
    pub fn apply(&mut self, change: Change) {
        match change.out_since {
            Some(at) => self.out.insert(change.dn, at),
            None => self.out.remove(&change.dn),
        };
    }

    /// Devices that are out of service, as changes.
    pub fn out_of_service_dns(&self) -> impl Iterator<Item = Change> {
        self.out.iter().map(|(dn, at)| Change { dn: Arc::clone(dn), out_since: Some(*at) })
    }

    /// What is known of a DN, as a change.
    pub fn change_of(&self, dn: &Arc<str>) -> Change {
        Change { dn: Arc::clone(dn), out_since: self.out.get(dn).copied() }
    }
}

impl PartialEq for Devices {
    /// Whether two nodes know the same.
    fn eq(&self, other: &Devices) -> bool {
        self.out == other.out
    }
}
