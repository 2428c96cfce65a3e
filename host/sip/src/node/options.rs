//! What an operator changes while the node runs, and what it shows of itself.

use std::sync::Arc;

use takeover_logic::component::sip::MonitorSample;
use takeover_logic::link::RunMode;
use takeover_logic::time::{Instant, Now};

use super::Node;
use crate::directory::keys::Effect;
use crate::directory::{Directory, SetError};
use crate::proxy::Counters;
use crate::standby::Standing;
use crate::traffic::Circumstances;

/// How much of what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// Transactions.
    pub transactions: usize,
    /// Calls.
    pub calls: usize,
    /// Registered DNs.
    pub registered: usize,
    /// Calls that wait on routing points.
    pub parked: usize,
    /// What the proxy counted.
    pub proxy: Counters,
    /// Changes that the other node has not acknowledged.
    pub standby_lag: usize,
    /// Whether the other node follows every change.
    pub standby_in_step: bool,
    /// Whether the store of the pair has every registration.
    pub all_kept: bool,
    /// Registrations of which it is to be told.
    pub not_yet_kept: usize,
    /// Requests dropped because their source sent too many.
    pub flooding: u64,
}

impl Node {
    /// Changes one option: of a DN, or of the application.
    ///
    /// # Errors
    /// Why it was refused; then nothing was changed.
    pub fn set_option(
        &mut self,
        now: Now,
        dn: Option<&str>,
        name: &str,
        value: &str,
    ) -> Result<Effect, SetError> {
        let effect = self.directory.set(dn, name, value)?;
        self.trunks = Self::trunk_addresses(&self.directory);
        self.configured(now);
        Ok(effect)
    }

    /// Takes a directory that was read anew. What goes on goes on.
    pub fn set_directory(&mut self, now: Now, directory: Directory) {
        let gone = self.state.location.dns().filter(|dn| directory.dn(dn).is_none());
        let gone: Vec<Arc<str>> = gone.cloned().collect();
        gone.iter().for_each(|dn| self.state.location.remove(dn));
        self.trunks = Self::trunk_addresses(&directory);
        self.directory = directory;
        self.configured(now);
    }

    fn configured(&mut self, now: Now) {
        let application = self.directory.application();
        self.state.location.set_limits(application.registrar.clone());
        if let (Some(standby), Some(link)) = (&mut self.standby, &self.settings.standby) {
            standby.set(link.clone().with(&application.backup_sync));
        }
        self.state.devices.configure(now, self.directory.dns());
        self.note_continuity();
    }

    /// What is configured.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// What the monitor is shown, counted since the last time; none: this node does not serve, or
    /// is not asked to watch its traffic (`sip-pass-check`).
    pub fn sample(&mut self, now: Instant, vip_since: Option<Instant>) -> Option<MonitorSample> {
        if self.mode != RunMode::Primary || self.directory.traffic_timeout().is_none() {
            return None;
        }
        let seen = Circumstances {
            run_mode: self.mode,
            run_mode_since: self.mode_since,
            vip_since,
            devices: self.state.devices.monitored(now),
        };
        Some(self.traffic.sample(now, seen))
    }

    /// Whether it knows what it should.
    pub fn standing(&self) -> Standing {
        self.standby.as_ref().map_or(Standing::Ready, |standby| standby.standing())
    }

    /// How much of what there is.
    pub fn numbers(&self) -> Numbers {
        let lag = self.standby.as_ref().map_or(0, |standby| standby.counts().0);
        Numbers {
            transactions: self.proxy.len(),
            calls: self.state.dialogs.len(),
            registered: self.state.location.len(),
            parked: self.state.parked.len(),
            proxy: self.proxy.counters(),
            standby_lag: lag,
            standby_in_step: self.has_standby(),
            all_kept: self.keep.is_all_kept(&self.state.location),
            not_yet_kept: self.state.location.unkept().len(),
            flooding: self.sources.dropped(),
        }
    }
}
