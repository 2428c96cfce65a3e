//! What of the control server must survive a restart, and how it is put back.
//!
//! Written with every group commit, so it is small: no configuration, nothing that agents tell
//! again when they link up.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::alarm;
use crate::control::Control;
use crate::control::applications::Managed;
use crate::control::hosts::HostLink;
use crate::control::options::Overrides;
use crate::control::vips::ManagedVip;
use crate::ids::{
    ApplicationName, EventSequence, HostName, OrderId, PairName, ReportSequence, SwitchoverId,
    VipName,
};
use crate::link::Status;
use crate::run_mode;
use crate::status::ApplicationStatus;

/// Numbers that are never given twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// The last place in the journal.
    pub event: EventSequence,
    /// The last order.
    pub order: OrderId,
    /// The last decision.
    pub switchover: SwitchoverId,
}

/// A host as it is saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedHost {
    /// Its agent's run that was seen last.
    pub session: u64,
    /// The newest report of it that was taken in.
    pub stored: ReportSequence,
}

/// An application as it is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedApplication {
    /// The last status told.
    pub status: Status,
    /// The process last told of.
    pub pid: Option<u32>,
    /// Somebody ordered its stop, so it is not started by itself.
    pub stopped_by_order: bool,
}

/// A pair as it is saved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedPair {
    /// Its run modes.
    pub run_modes: run_mode::Saved,
    /// The last decision.
    pub switchover: Option<SwitchoverId>,
}

/// What must survive a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// Numbers that are never given twice.
    pub counters: Counters,
    /// Hosts.
    pub hosts: BTreeMap<HostName, SavedHost>,
    /// Applications.
    pub applications: BTreeMap<ApplicationName, SavedApplication>,
    /// Pairs.
    pub pairs: BTreeMap<PairName, SavedPair>,
    /// Hosts that once held a virtual IP, as far as anybody knows.
    pub held: BTreeMap<VipName, BTreeSet<HostName>>,
    /// Options that were set while the system ran.
    #[serde(default)]
    pub options: Overrides,
    /// Alarms.
    pub alarms: alarm::Saved,
}

impl Control {
    /// What must survive a restart, as of the last input.
    pub fn save(&self) -> Saved {
        let hosts = self.hosts.iter().map(|(name, host)| (name.clone(), host.save()));
        let applications =
            self.applications.iter().map(|(name, application)| (name.clone(), application.save()));
        let pairs = self.pairs.iter().map(|(name, pair)| (name.clone(), pair.save()));
        let held = self.vips.iter().map(|(name, vip)| (name.clone(), vip.held()));
        Saved {
            counters: self.counters,
            hosts: hosts.collect(),
            applications: applications.collect(),
            pairs: pairs.collect(),
            held: held.collect(),
            options: self.overrides.clone(),
            alarms: self.alarms.save(),
        }
    }

    /// Puts back what is still configured.
    pub(super) fn restore_objects(&mut self, saved: &Saved) {
        let config = self.config.clone();
        for name in config.hosts.keys() {
            let host = saved.hosts.get(name).copied().unwrap_or_default();
            self.hosts.insert(name.clone(), HostLink::new(host, self.now.instant));
        }
        for name in config.applications.keys() {
            let managed = match saved.applications.get(name) {
                Some(saved) => Managed {
                    status: ApplicationStatus::restore(saved.status, saved.pid),
                    stopped_by_order: saved.stopped_by_order,
                },
                None => Managed::default(),
            };
            self.applications.insert(name.clone(), managed);
        }
        for (name, vip) in &config.vips {
            let held = saved.held.get(name).cloned().unwrap_or_default();
            self.vips.insert(name.clone(), ManagedVip::new(vip, &held));
        }
        for name in config.pairs.keys() {
            let saved = saved.pairs.get(name);
            self.begin_pair(name, saved);
            if saved.is_some() {
                self.ask_to_reconcile(name);
            }
        }
    }
}
