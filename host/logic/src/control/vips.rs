//! Virtual IPs: where they are, and moving them. An address moves by one order at a time to the
//! agent of one host; whoever asks for the same joins the move under way.
//!
//! ```text
//!              front of its host's queue;            Done, or the agent's
//!              up: the others let go, or bound       bound and a grace
//!   waiting --------------------------------> ordered ------------------> ended: callers answered
//!      |                                                                   ^
//!      +-------------------------------------------------------------------+
//!           a newer promotion, the link lost, the deadline passed
//! ```
//!
//! # Invariants
//!
//! - Only what an agent told counts as presence: its reports, and that it carried out an order.
//! - Every order carries the present term of the pair; a move that waits from before a promotion
//!   is not ordered any more (tests of alarms excepted).
//! - Up is ordered when every other host that may hold the address is known not to, or with
//!   `Release::Unknown`; it never waits longer than [`limits::RELEASE_TIMEOUT`].
//! - Every move ends, and answers each of its callers once.

mod moves;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::catalog::{self, About};
use crate::config::model::{self, Runs};
use crate::control::Control;
use crate::control::operations::Caller;
use crate::ids::{HostName, OrderId, PairName, Term, VipName};
use crate::limits;
use crate::link::{ControlMessage, Release, Verdict, VipAction, VipState};
use crate::run_mode::Input as PairInput;
use crate::time::Instant;

/// A virtual IP.
#[derive(Debug)]
pub(super) struct ManagedVip {
    pub(super) sites: BTreeMap<HostName, Site>,
    /// An up failed while nobody could say whether the old holder let go: asked for once more when
    /// that is known.
    pub(super) again: Option<(HostName, Term)>,
    /// The host that is to ask again sees that nobody answers any more.
    pub(super) unclaimed: bool,
    /// Why the last up failed.
    pub(super) failure: Option<Arc<str>>,
}

/// A host that may hold a virtual IP.
#[derive(Debug, Default)]
pub(super) struct Site {
    /// What its agent told last.
    told: Option<VipState>,
    /// It held the address once, as far as anybody knows.
    held: bool,
    /// It came back and may have answered for the address meanwhile.
    came_back: bool,
    /// Its agent says that it let go of the address by itself, and has not yet told that it is
    /// gone.
    let_go: bool,
    pub(super) moves: VecDeque<Move>,
}

/// A move that has not ended.
#[derive(Debug)]
pub(super) struct Move {
    action: VipAction,
    /// The term of the pair when it was asked for.
    term: Term,
    /// Asked for by the test of an alarm.
    test: bool,
    callers: Vec<Caller>,
    deadline: Instant,
    /// Until then an up waits for the old holder.
    release_by: Instant,
    ordered: Option<(OrderId, Release)>,
    /// Its agent knew a higher term, and it was ordered again with that.
    raised: bool,
}

impl ManagedVip {
    pub(super) fn new(vip: &model::Vip, held: &BTreeSet<HostName>) -> Self {
        let site = |host: &HostName| Site { held: held.contains(host), ..Site::default() };
        let sites = vip.network_interfaces.keys().map(|host| (host.clone(), site(host)));
        Self { sites: sites.collect(), again: None, unclaimed: false, failure: None }
    }

    pub(super) fn held(&self) -> BTreeSet<HostName> {
        self.sites.iter().filter(|(_, site)| site.held).map(|(host, _)| host.clone()).collect()
    }

    pub(super) fn is_moving(&self) -> bool {
        self.sites.values().any(|site| !site.moves.is_empty())
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let moves = self.sites.values().flat_map(|site| &site.moves);
        moves
            .map(|moving| match (moving.ordered, moving.action) {
                (Some(_), _) => moving.deadline + limits::ORDER_ANSWER_GRACE,
                (None, VipAction::Up) => moving.release_by.min(moving.deadline),
                (None, VipAction::Down) => moving.deadline,
            })
            .min()
    }
}

impl Site {
    /// Whether the address is there, as its agent told last.
    pub(super) fn presence(&self) -> Verdict {
        match &self.told {
            Some(state) => state.present.clone(),
            None => Verdict::Unknown("not yet told".into()),
        }
    }

    fn tell(&mut self, state: VipState) {
        match state.present {
            Verdict::Good => self.held = true,
            Verdict::Bad(_) => self.held = false,
            Verdict::Unknown(_) => {}
        }
        self.told = Some(state);
    }

    /// An order was carried out and verified.
    fn carried_out(&mut self, vip: &VipName, action: VipAction, term: Term) {
        let present = match action {
            VipAction::Up => Verdict::Good,
            VipAction::Down => Verdict::Bad("taken off as ordered".into()),
        };
        let network = match &self.told {
            Some(told) => told.network.clone(),
            None => Verdict::Unknown("not told".into()),
        };
        self.tell(VipState { name: vip.clone(), present, term, network });
    }

    fn is_going_up(&self) -> bool {
        let up = |moving: &Move| moving.action == VipAction::Up && moving.ordered.is_some();
        self.moves.front().is_some_and(up)
    }
}

impl Control {
    /// The control application that moves an address one way on a host.
    pub(super) fn control_application(
        &self,
        vip: &VipName,
        host: &HostName,
        action: Option<VipAction>,
    ) -> Option<&model::Application> {
        self.config.applications.values().find(|application| {
            let runs = match &application.runs {
                Runs::Vip { vip: of, action: way } => {
                    of == vip && action.is_none_or(|action| action == *way)
                }
                Runs::Program(_) => false,
            };
            runs && application.host == *host
        })
    }

    /// Events about a move are about the control application that it is; others about the
    /// application that the address is for.
    pub(super) fn about_vip(
        &self,
        vip: &VipName,
        host: &HostName,
        action: Option<VipAction>,
    ) -> About {
        let found = match action {
            Some(_) => self.control_application(vip, host, action),
            None => self.config.applications.values().find(|application| {
                let pair = application.pair.as_ref();
                application.host == *host && pair == self.pair_of_vip(vip).as_ref()
            }),
        };
        match found {
            Some(application) => About::application(self.now.at, application),
            None => About::host(self.now.at, host),
        }
    }

    fn site(&self, vip: &VipName, host: &HostName) -> Option<&Site> {
        self.vips.get(vip)?.sites.get(host)
    }

    fn site_mut(&mut self, vip: &VipName, host: &HostName) -> Option<&mut Site> {
        self.vips.get_mut(vip)?.sites.get_mut(host)
    }

    pub(super) fn pair_of_vip(&self, vip: &VipName) -> Option<PairName> {
        self.config.vips.get(vip).map(|vip| vip.pair.clone())
    }

    /// Virtual IPs that a host may hold.
    fn vips_on(&self, host: &HostName) -> Vec<VipName> {
        let may = |vip: &ManagedVip| vip.sites.contains_key(host);
        self.vips.iter().filter(|(_, vip)| may(vip)).map(|(name, _)| name.clone()).collect()
    }

    pub(super) fn is_moving(&self, vip: &VipName, host: &HostName, action: VipAction) -> bool {
        let moves = self.site(vip, host).map(|site| &site.moves);
        moves.is_some_and(|moves| moves.iter().any(|moving| moving.action == action))
    }

    /// The host of a failed up sees that the other holder is silent.
    pub(super) fn unclaimed(&mut self, vip: &VipName, host: &HostName) {
        if let Some(managed) = self.vips.get_mut(vip) {
            managed.unclaimed = managed.again.as_ref().is_some_and(|(to, _)| to == host);
        }
    }

    /// An agent told of an address.
    pub(super) fn vip_told(&mut self, host: &HostName, state: VipState) {
        let vip = state.name.clone();
        let Some(pair) = self.pair_of_vip(&vip) else { return };
        let about = self.about_vip(&vip, host, None);
        let Some(site) = self.site_mut(&vip, host) else { return };
        let was_cut_off =
            site.told.as_ref().is_some_and(|told| matches!(told.network, Verdict::Bad(_)));
        let (term, network) = (state.term, state.network.clone());
        site.tell(state);
        let has_let_go = site.let_go && is_absent(&site.presence());
        site.let_go &= !has_let_go;
        self.shown.vip(&vip);
        if (was_cut_off || has_let_go) && !matches!(network, Verdict::Bad(_)) {
            // It let go of the address meanwhile, and may be the one that is to have it.
            self.ask_to_reconcile(&pair);
        }
        match network {
            Verdict::Bad(why) if !was_cut_off => {
                self.record(catalog::network_lost(&about, &vip, host, &why));
            }
            Verdict::Good if was_cut_off => {
                self.record(catalog::network_back(&about, &vip, host));
            }
            _ => {}
        }
        self.announce_again(&vip, host);
        self.pair_input(&pair, PairInput::TermSeen(term));
        self.tell_network(&pair, host);
    }

    /// An agent let go of an address by itself.
    pub(super) fn vip_let_go(&mut self, host: &HostName, vip: &VipName) {
        let Some(site) = self.site_mut(vip, host) else { return };
        site.let_go = true;
        if is_absent(&site.presence())
            && let Some(told) = site.told.clone()
        {
            self.vip_told(host, told);
        }
    }

    /// Tells a pair whether a host reaches the networks of all its addresses.
    fn tell_network(&mut self, pair: &PairName, host: &HostName) {
        let Some(configured) = self.config.pairs.get(pair) else { return };
        let unknown = || Verdict::Unknown("not told".into());
        let linked = self.is_linked(host);
        let mut verdict = if configured.vips.is_empty() { unknown() } else { Verdict::Good };
        for vip in &configured.vips {
            let told = self.site(vip, host).and_then(|site| site.told.as_ref());
            match told.filter(|_| linked).map(|told| &told.network) {
                Some(bad @ Verdict::Bad(_)) => {
                    verdict = bad.clone();
                    break;
                }
                Some(Verdict::Good) => {}
                Some(Verdict::Unknown(_)) | None => verdict = unknown(),
            }
        }
        for application in [configured.primary.clone(), configured.backup.clone()] {
            if self.host_of(&application).as_ref() == Some(host) {
                let verdict = verdict.clone();
                self.tell_pair(&application, |side| PairInput::Network { side, verdict });
            }
        }
    }

    /// An agent told all its addresses.
    pub(super) fn vips_on_hello(&mut self, host: &HostName, states: &[VipState]) {
        for vip in self.vips_on(host) {
            let state = states.iter().find(|state| state.name == vip).cloned();
            let holder = self.holder_beside(&vip, host);
            let Some(site) = self.site_mut(&vip, host) else { continue };
            let present = state.as_ref().is_some_and(|state| state.present == Verdict::Good);
            site.told = None;
            site.came_back = site.held || present;
            self.shown.vip(&vip);
            if let Some(state) = state {
                self.vip_told(host, state);
            }
            let still = self.site(&vip, host).is_some_and(|site| site.came_back);
            if let (true, Some(holder)) = (still, holder) {
                self.send(&holder, ControlMessage::Announce { vip: vip.clone() });
            }
            // Whether it is where it should be can not be told from what was known before: its
            // agent may have let go and ended, and no run mode changed.
            if let Some(pair) = self.pair_of_vip(&vip) {
                self.ask_to_reconcile(&pair);
            }
        }
    }

    /// Once a host that came back has let go of an address, the holder announces it again.
    fn announce_again(&mut self, vip: &VipName, host: &HostName) {
        let holder = self.holder_beside(vip, host);
        let Some(site) = self.site_mut(vip, host) else { return };
        if site.came_back && is_absent(&site.presence()) {
            site.came_back = false;
            if let Some(holder) = holder {
                self.send(&holder, ControlMessage::Announce { vip: vip.clone() });
            }
        }
    }

    /// Another linked host that has the address.
    fn holder_beside(&self, vip: &VipName, host: &HostName) -> Option<HostName> {
        let sites = &self.vips.get(vip)?.sites;
        let has = |(other, site): &(&HostName, &Site)| {
            *other != host && self.is_linked(other) && site.presence() == Verdict::Good
        };
        sites.iter().find(has).map(|(other, _)| other.clone())
    }

    pub(super) fn vips_out_of_sight(&mut self, host: &HostName) {
        for vip in self.vips_on(host) {
            self.shown.vip(&vip);
            if let Some(pair) = self.pair_of_vip(&vip) {
                self.tell_network(&pair, host);
            }
        }
    }

    /// A host is overdue: those who would take over its addresses begin to probe.
    pub(super) fn suspect(&mut self, host: &HostName) {
        for vip in self.vips_on(host) {
            let Some(managed) = self.vips.get(&vip) else { continue };
            let holds = managed.sites.get(host).is_some_and(|site| site.held);
            let others: Vec<HostName> = (managed.sites.keys())
                .filter(|other| holds && *other != host && self.is_linked(other))
                .cloned()
                .collect();
            for other in others {
                self.send(&other, ControlMessage::Suspect { vip: vip.clone() });
            }
        }
    }

    /// Whether an address is on a host, as far as is known now.
    pub(super) fn presence(&self, vip: &VipName, host: &HostName) -> Verdict {
        if !self.is_linked(host) {
            return Verdict::Unknown(format!("host {host} is not linked").into());
        }
        match self.site(vip, host) {
            Some(site) => site.presence(),
            None => Verdict::Unknown("no interface there".into()),
        }
    }

    /// Which address of a pair is not on its primary's host, or also on another, and why; none
    /// where everything is in place.
    pub(super) fn misplaced(&self, pair: &PairName) -> Option<Arc<str>> {
        let Some(primary) = self.primary_of(pair) else {
            return Some(format!("nobody is primary of pair {pair}").into());
        };
        let holder = self.host_of(&primary)?;
        let wrong = |name: &VipName, vip: &ManagedVip, host: &HostName| {
            let presence = self.presence(name, host);
            let place = match (*host == holder, presence) {
                (true, Verdict::Good) | (false, Verdict::Bad(_) | Verdict::Unknown(_)) => {
                    return None;
                }
                (true, _) => format!("virtual IP {name} is not on host {host}"),
                (false, Verdict::Good) => format!("virtual IP {name} is still on host {host}"),
            };
            let why = match &vip.failure {
                _ if vip.is_moving() => "it is being moved",
                Some(failure) => failure,
                None => "no reaction moved it",
            };
            Some(format!("{primary} is primary, but {place}: {why}").into())
        };
        let vips = self.config.pairs.get(pair)?.vips.iter();
        vips.filter_map(|name| Some((name, self.vips.get(name)?)))
            .find_map(|(name, vip)| vip.sites.keys().find_map(|host| wrong(name, vip, host)))
    }
}

/// An address is known not to be there.
pub(super) fn is_absent(presence: &Verdict) -> bool {
    matches!(presence, Verdict::Bad(_))
}
