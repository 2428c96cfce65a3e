//! The reconcile step: where addresses are not where the run modes want them although nothing is
//! under way, the missing control application is started, once.
//!
//! It is asked for by what can leave such a difference behind: events that only counted because
//! their alarm was still active, a restart of the control server, a host that came back or was cut
//! off from the service network for a while, a decision that failed, and an up that failed because
//! nobody knew whether the old holder had let go. It is no loop: what it starts is not started
//! again because it failed (decision 0005).

use crate::catalog;
use crate::control::Control;
use crate::control::operations::Caller;
use crate::control::vips::is_absent;
use crate::ids::{HostName, PairName, VipName};
use crate::link::{Verdict, VipAction};
use crate::log_event::EventId;

impl Control {
    pub(super) fn ask_to_reconcile(&mut self, pair: &PairName) {
        if let Some(managed) = self.pairs.get_mut(pair) {
            managed.reconcile = true;
        }
    }

    /// Starts what is missing, for the pairs that are asked for and quiet.
    pub(super) fn reconcile(&mut self) -> bool {
        let names: Vec<PairName> = (self.pairs.iter())
            .filter(|(_, pair)| pair.reconcile && !pair.machine.is_paused())
            .map(|(name, _)| name.clone())
            .collect();
        let mut moved = false;
        for name in names {
            let Some(holder) = self.holder_when_quiet(&name) else { continue };
            if let Some(managed) = self.pairs.get_mut(&name) {
                managed.reconcile = false;
            }
            for (vip, host, action) in self.differences(&name, &holder) {
                moved |= self.start_missing(&name, &vip, &host, action);
            }
        }
        moved | self.try_again()
    }

    /// Asks once more for an up that failed while nobody knew of the old holder, now that all
    /// others are known to have let go, or that nobody is seen to answer any more.
    fn try_again(&mut self) -> bool {
        let waiting: Vec<(VipName, HostName)> = (self.vips.iter())
            .filter_map(|(name, vip)| Some((name.clone(), vip.again.as_ref()?.0.clone())))
            .collect();
        let mut moved = false;
        for (vip, host) in waiting {
            let Some(pair) = self.pair_of_vip(&vip) else { continue };
            let term = self.term_of(&pair);
            let Some(managed) = self.vips.get_mut(&vip) else { continue };
            if managed.again.as_ref().is_some_and(|(_, of)| *of != term) {
                managed.again = None;
                continue;
            }
            let others_let_go = |control: &Self| {
                control.vips.get(&vip).is_some_and(|managed| {
                    if managed.unclaimed {
                        return true;
                    }
                    let others = managed.sites.keys().filter(|other| **other != host);
                    others.into_iter().all(|other| is_absent(&control.presence(&vip, other)))
                })
            };
            if others_let_go(self) && self.holder_when_quiet(&pair).as_ref() == Some(&host) {
                if let Some(managed) = self.vips.get_mut(&vip) {
                    managed.again = None;
                }
                moved |= self.start_missing(&pair, &vip, &host, VipAction::Up);
            }
        }
        moved
    }

    /// The host of a pair's primary, when nothing about the pair is under way.
    fn holder_when_quiet(&self, pair: &PairName) -> Option<HostName> {
        let managed = self.pairs.get(pair)?;
        let configured = self.config.pairs.get(pair)?;
        let busy = !managed.machine.is_settled()
            || managed.machine.is_paused()
            || self.has_runs(pair)
            || configured.vips.iter().any(|vip| self.vips.get(vip).is_some_and(|v| v.is_moving()));
        if busy || self.waits_for_hosts(pair) {
            return None;
        }
        let holder = self.primary_of(pair).and_then(|primary| self.host_of(&primary))?;
        self.is_linked(&holder).then_some(holder)
    }

    /// Whether nothing about a pair is under way or will be by itself.
    pub(super) fn is_quiet(&self, pair: &PairName) -> bool {
        let Some(configured) = self.config.pairs.get(pair) else { return true };
        let vips = || configured.vips.iter().filter_map(|vip| self.vips.get(vip));
        !self.has_runs(pair)
            && !self.is_suppressed(pair)
            && !vips().any(|vip| vip.is_moving())
            && !self.pairs.get(pair).is_some_and(|managed| managed.reconcile)
    }

    /// Events about a pair only counted, because their alarm is still active: when it clears, the
    /// addresses are compared.
    fn is_suppressed(&self, pair: &PairName) -> bool {
        self.alarms.active().any(|alarm| {
            alarm.repeats > 0
                && !alarm.test
                && is_run_mode(alarm.event.id)
                && self.pair_around(&alarm.application).as_ref() == Some(pair)
        })
    }

    /// After a start: a host of the pair was not yet heard of.
    fn waits_for_hosts(&self, pair: &PairName) -> bool {
        let Some(pair) = self.config.pairs.get(pair) else { return false };
        let hosts = [&pair.primary, &pair.backup].map(|member| self.host_of(member));
        self.hosts_never_heard_of().any(|host| hosts.contains(&Some(host.clone())))
    }

    fn differences(
        &self,
        pair: &PairName,
        holder: &HostName,
    ) -> Vec<(VipName, HostName, VipAction)> {
        let Some(pair) = self.config.pairs.get(pair) else { return Vec::new() };
        let mut found = Vec::new();
        for vip in &pair.vips {
            let Some(managed) = self.vips.get(vip) else { continue };
            for host in managed.sites.keys() {
                let action = match self.presence(vip, host) {
                    Verdict::Good if host != holder => VipAction::Down,
                    Verdict::Bad(_) if host == holder => VipAction::Up,
                    _ => continue,
                };
                found.push((vip.clone(), host.clone(), action));
            }
        }
        found
    }

    /// Starts the control application that moves an address; without one, nothing bypasses what
    /// the operator configured.
    fn start_missing(
        &mut self,
        pair: &PairName,
        vip: &VipName,
        host: &HostName,
        action: VipAction,
    ) -> bool {
        let Some(application) = self.control_application(vip, host, Some(action)) else {
            return false;
        };
        let name = application.name.clone();
        let about = self.about(&name);
        self.record(catalog::vip_reconciled(&about, vip, &name));
        let sentence = format!("{vip} is not where the run modes want it: {name} is started once");
        self.explain(pair, self.term_of(pair), sentence);
        self.begin_move(vip, host, action, (Caller::Nobody, false));
        true
    }
}

fn is_run_mode(event: EventId) -> bool {
    matches!(event, catalog::RUN_MODE_PRIMARY | catalog::RUN_MODE_BACKUP)
}
