//! What operators see: everything at one moment, and what of it changed.

use std::collections::{BTreeMap, BTreeSet};

use crate::control::Control;
use crate::control::io::{ApplicationView, Change, HostView, Output, Overview, PairView, VipView};
use crate::ids::{ApplicationName, HostName, PairName, VipName};
use crate::run_mode::Side;

/// What was shown last, and what may have changed since.
#[derive(Debug, Default)]
pub(super) struct Shown {
    hosts: Table<HostName, HostView>,
    applications: Table<ApplicationName, ApplicationView>,
    pairs: Table<PairName, PairView>,
    vips: Table<VipName, VipView>,
}

#[derive(Debug)]
struct Table<K, V> {
    shown: BTreeMap<K, V>,
    touched: BTreeSet<K>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { shown: BTreeMap::new(), touched: BTreeSet::new() }
    }
}

impl<K: Ord + Clone, V: PartialEq + Clone> Table<K, V> {
    /// What is different from what was shown, now shown.
    fn changes(&mut self, present: impl Fn(&K) -> Option<V>) -> Vec<V> {
        let mut changes = Vec::new();
        for key in std::mem::take(&mut self.touched) {
            let view = present(&key);
            if view.as_ref() == self.shown.get(&key) {
                continue;
            }
            match view {
                Some(view) => {
                    self.shown.insert(key, view.clone());
                    changes.push(view);
                }
                None => {
                    self.shown.remove(&key);
                }
            }
        }
        changes
    }
}

impl Shown {
    pub(super) fn host(&mut self, name: &HostName) {
        self.hosts.touched.insert(name.clone());
    }

    pub(super) fn application(&mut self, name: &ApplicationName) {
        self.applications.touched.insert(name.clone());
    }

    pub(super) fn pair(&mut self, name: &PairName) {
        self.pairs.touched.insert(name.clone());
    }

    pub(super) fn vip(&mut self, name: &VipName) {
        self.vips.touched.insert(name.clone());
    }
}

impl Control {
    /// Everything that operators see.
    pub fn overview(&self) -> Overview {
        Overview {
            hosts: self.hosts.keys().filter_map(|name| self.host_view(name)).collect(),
            applications: (self.config.applications.keys())
                .filter_map(|name| self.application_view(name))
                .collect(),
            pairs: self.pairs.keys().filter_map(|name| self.pair_view(name)).collect(),
            vips: self.vips.keys().filter_map(|name| self.vip_view(name)).collect(),
            alarms: self.alarms.active().cloned().collect(),
        }
    }

    /// Everything may have changed: a configuration was taken over.
    pub(super) fn touch_everything(&mut self) {
        self.shown.hosts.touched.extend(self.hosts.keys().cloned());
        self.shown.applications.touched.extend(self.config.applications.keys().cloned());
        self.shown.pairs.touched.extend(self.pairs.keys().cloned());
        self.shown.vips.touched.extend(self.vips.keys().cloned());
    }

    pub(super) fn show_changes(&mut self) {
        let mut shown = std::mem::take(&mut self.shown);
        // The run mode of an application is that of its pair.
        for pair in shown.pairs.touched.clone() {
            let members = Side::BOTH.map(|side| self.member(&pair, side));
            shown.applications.touched.extend(members.into_iter().flatten());
        }
        let hosts = shown.hosts.changes(|name| self.host_view(name));
        let applications = shown.applications.changes(|name| self.application_view(name));
        let pairs = shown.pairs.changes(|name| self.pair_view(name));
        let vips = shown.vips.changes(|name| self.vip_view(name));
        self.shown = shown;
        let changes = (hosts.into_iter().map(Change::Host))
            .chain(applications.into_iter().map(Change::Application))
            .chain(pairs.into_iter().map(Change::Pair))
            .chain(vips.into_iter().map(Change::Vip));
        self.outputs.extend(changes.map(Output::Changed));
    }

    fn host_view(&self, name: &HostName) -> Option<HostView> {
        let (host, link) = (self.config.hosts.get(name)?, self.hosts.get(name)?);
        Some(HostView {
            name: name.clone(),
            address: host.address,
            status: link.status,
            version: link.version.clone(),
        })
    }

    pub(super) fn application_view(&self, name: &ApplicationName) -> Option<ApplicationView> {
        let application = self.config.applications.get(name)?;
        let managed = self.applications.get(name)?;
        Some(ApplicationView {
            name: name.clone(),
            kind: application.kind.clone(),
            host: application.host.clone(),
            status: managed.status.shown(),
            cause: managed.status.cause(),
            run_mode: self.run_mode_of(name),
            pair: application.pair.clone(),
            pid: managed.status.pid(),
            says: managed.status.says(),
        })
    }

    fn pair_view(&self, name: &PairName) -> Option<PairView> {
        let managed = self.pairs.get(name)?;
        let primary = managed.machine.primary();
        Some(PairView {
            name: name.clone(),
            primary: primary.and_then(|side| self.member(name, side)),
            backup: primary.and_then(|side| self.member(name, side.other())),
            term: managed.machine.term(),
            paused: managed.machine.is_paused(),
            state: managed.machine.state().into(),
            switchover: managed.decision.map(|decision| decision.switchover),
        })
    }

    fn vip_view(&self, name: &VipName) -> Option<VipView> {
        let (vip, managed) = (self.config.vips.get(name)?, self.vips.get(name)?);
        let presence = managed.sites.keys().map(|host| (host.clone(), self.presence(name, host)));
        Some(VipView {
            name: name.clone(),
            pair: vip.pair.clone(),
            address: format!("{}/{}", vip.address, vip.prefix).into(),
            presence: presence.collect(),
        })
    }
}
