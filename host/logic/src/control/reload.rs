//! A new configuration while everything runs. What stays is not touched: no run mode, no address,
//! no process; what is gone is let go of, and whoever waits for it is answered.

use std::sync::Arc;

use crate::config::model::{Application, Config, Runs};
use crate::control::Control;
use crate::control::applications::Managed;
use crate::control::hosts::HostLink;
use crate::control::io::Output;
use crate::control::saved::{SavedHost, SavedPair};
use crate::control::vips::ManagedVip;
use crate::ids::{ApplicationName, HostName, PairName, Term, VipName};
use crate::link::{ApplicationState, ControlMessage, Fault, RunMode, StatusCause};
use crate::time::Now;

impl Control {
    /// Uses another configuration from now on. Drain [`Self::poll`] afterwards.
    pub fn reconfigure(&mut self, now: Now, config: Arc<Config>) {
        self.forgive_own_pause(now.instant);
        self.now = now;
        let old = std::mem::replace(&mut self.config, config);
        self.reload_hosts();
        let new = self.reload_applications(&old);
        self.reload_vips();
        self.reload_pairs(&old);
        self.alarms.reconfigure(now, &self.config.clone());
        self.forget_options();
        self.configure_hosts();
        self.tell_new_applications(&new);
        self.touch_everything();
        self.do_what_is_due();
        self.settle();
    }

    fn reload_hosts(&mut self) {
        let config = self.config.clone();
        let is_gone = |name: &&HostName| !config.hosts.contains_key(*name);
        let gone: Vec<HostName> = self.hosts.keys().filter(is_gone).cloned().collect();
        for host in gone {
            if self.is_linked(&host) {
                let reason: Arc<str> = format!("host {host} is no longer configured").into();
                self.lose_orders(&host);
                self.send(&host, ControlMessage::Refused(reason.clone()));
                self.outputs.push_back(Output::CloseLink { host: host.clone(), reason });
            }
            self.hosts.remove(&host);
            self.shown.host(&host);
        }
        for name in config.hosts.keys() {
            let begin = || HostLink::new(SavedHost::default(), self.now.instant);
            self.hosts.entry(name.clone()).or_insert_with(begin);
        }
        self.grace_until = self.grace_until.max(self.now.instant + config.control.startup_grace);
    }

    /// Gives the applications that are new, or in another place than before.
    fn reload_applications(&mut self, old: &Config) -> Vec<ApplicationName> {
        let config = self.config.clone();
        let stays = |name: &ApplicationName| {
            let place = |application: &Application| {
                let is_program = matches!(application.runs, Runs::Program(_));
                (application.host.clone(), is_program)
            };
            let (before, after) = (old.applications.get(name), config.applications.get(name));
            before.is_some() && before.map(place) == after.map(place)
        };
        for name in self.applications.keys() {
            self.shown.application(name);
        }
        self.applications.retain(|name, _| stays(name));
        let new: Vec<ApplicationName> =
            config.applications.keys().filter(|name| !stays(name)).cloned().collect();
        for name in &new {
            self.applications.insert(name.clone(), Managed::default());
        }
        new
    }

    fn reload_vips(&mut self) {
        let config = self.config.clone();
        let is_gone = |name: &&VipName| !config.vips.contains_key(*name);
        let gone: Vec<VipName> = self.vips.keys().filter(is_gone).cloned().collect();
        for name in gone {
            self.shown.vip(&name);
            self.drop_moves_of(&name, |_| true);
            self.vips.remove(&name);
        }
        for (name, vip) in &config.vips {
            let stays = |host: &HostName| vip.network_interfaces.contains_key(host);
            self.drop_moves_of(name, |host| !stays(host));
            let begin = || ManagedVip::new(vip, &Default::default());
            let managed = self.vips.entry(name.clone()).or_insert_with(begin);
            managed.sites.retain(|host, _| stays(host));
            for host in vip.network_interfaces.keys() {
                managed.sites.entry(host.clone()).or_default();
            }
        }
    }

    fn reload_pairs(&mut self, old: &Config) {
        let config = self.config.clone();
        let settings = self.settings();
        let is_gone = |name: &&PairName| !config.pairs.contains_key(*name);
        let gone: Vec<PairName> = self.pairs.keys().filter(is_gone).cloned().collect();
        for name in gone {
            self.shown.pair(&name);
            let fault = Fault::NotFound(format!("pair {name}: no longer configured").into());
            self.drop_waiting(&name, &fault);
            self.pairs.remove(&name);
        }
        for (name, pair) in &config.pairs {
            let members = |config: &Config| {
                let pair = config.pairs.get(name)?;
                let place = |name: &ApplicationName| {
                    Some((name.clone(), config.applications.get(name)?.host.clone()))
                };
                Some((place(&pair.primary)?, place(&pair.backup)?))
            };
            let (before, after) = (members(old), members(&config));
            if before.is_some() && before == after {
                if let Some(managed) = self.pairs.get_mut(name) {
                    managed.machine.set_settings(settings);
                }
                continue;
            }
            // What is known of a member is known by its name, so an exchange of the configured
            // primary and backup changes nothing.
            let saved: Option<SavedPair> = self.pairs.get(name).map(|managed| managed.save());
            let fault = Fault::Unavailable(format!("pair {name} was configured anew").into());
            self.drop_waiting(name, &fault);
            self.begin_pair(name, saved.as_ref());
            for member in [&pair.primary, &pair.backup] {
                let run_modes = saved.as_ref().map(|saved| &saved.run_modes.run_modes);
                self.catch_up(member, run_modes.and_then(|modes| modes.get(member)).copied());
            }
        }
    }

    /// Tells a pair that was taken up anew what is known of a member already.
    fn catch_up(&mut self, name: &ApplicationName, run_mode: Option<(RunMode, Term)>) {
        let Some(host) = self.host_of(name) else { return };
        let Some(managed) = self.applications.get(name) else { return };
        if self.is_linked(&host) {
            let state = ApplicationState {
                name: name.clone(),
                status: managed.status.shown(),
                cause: managed.status.cause().unwrap_or(StatusCause::Reported),
                run_mode,
                pid: managed.status.pid(),
                says: None,
            };
            self.pair_linked(name, &state, false);
        }
    }
}
