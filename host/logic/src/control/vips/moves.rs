//! The course of a move: asked for, waiting its turn and for the old holder, ordered, ended.

use std::collections::VecDeque;

use crate::catalog;
use crate::control::Control;
use crate::control::operations::Caller;
use crate::control::orders::{Purpose, out_of_reach};
use crate::control::vips::{Move, is_absent};
use crate::ids::{HostName, OrderId, VipName};
use crate::limits;
use crate::link::{Fault, Release, Task, VipAction};
use crate::run_mode::Input as PairInput;

impl Control {
    /// Asks for a move, or joins the same one; the callers of tests act on the present term.
    pub(in crate::control) fn begin_move(
        &mut self,
        vip: &VipName,
        host: &HostName,
        action: VipAction,
        (caller, test): (Caller, bool),
    ) {
        let Some(pair) = self.pair_of_vip(vip) else {
            let text = format!("virtual IP {vip}: not configured");
            return self.answer(caller, Err(Fault::NotFound(text.into())));
        };
        let (term, now) = (self.term_of(&pair), self.now.instant);
        let application = self.control_application(vip, host, Some(action));
        let timeout = application.map_or(limits::TIMEOUT_STARTUP, |found| found.startup_timeout);
        let linked = self.is_linked(host);
        let Some(site) = self.site_mut(vip, host) else {
            let text = format!("virtual IP {vip} has no interface on host {host}");
            return self.answer(caller, Err(Fault::Invalid(text.into())));
        };
        let last = site.moves.back_mut();
        if let Some(last) = last.filter(|last| last.action == action && last.term == term) {
            last.callers.push(caller);
            return;
        }
        let moving = Move {
            action,
            term,
            test,
            callers: vec![caller],
            deadline: now + timeout,
            release_by: now + limits::RELEASE_TIMEOUT.min(timeout / 2),
            ordered: None,
            raised: false,
        };
        if !linked {
            self.end_move(vip, host, moving, Err(out_of_reach(host)));
        } else if site.moves.len() >= limits::MOVES_MAX {
            let text = format!("{} moves of {vip} wait on {host}", limits::MOVES_MAX);
            self.end_move(vip, host, moving, Err(Fault::Unavailable(text.into())));
        } else {
            site.moves.push_back(moving);
        }
    }

    /// Orders what has its turn, and ends what a newer promotion made wrong.
    pub(in crate::control) fn advance_moves(&mut self) -> bool {
        let busy: Vec<(VipName, HostName)> = (self.vips.iter())
            .flat_map(|(name, vip)| vip.sites.iter().map(move |(host, site)| (name, host, site)))
            .filter(|(_, _, site)| !site.moves.is_empty())
            .map(|(name, host, _)| (name.clone(), host.clone()))
            .collect();
        let mut moved = false;
        for (vip, host) in busy {
            moved |= self.end_stale_moves(&vip, &host);
            moved |= self.order_move(&vip, &host);
        }
        moved
    }

    fn end_stale_moves(&mut self, vip: &VipName, host: &HostName) -> bool {
        let Some(pair) = self.pair_of_vip(vip) else { return false };
        let term = self.term_of(&pair);
        let stale = |moving: &Move| moving.ordered.is_none() && moving.term < term && !moving.test;
        let ended = self.take_moves(vip, host, stale);
        let any = !ended.is_empty();
        for moving in ended {
            self.end_move(vip, host, moving, Err(Fault::StaleTerm(term)));
        }
        any
    }

    fn order_move(&mut self, vip: &VipName, host: &HostName) -> bool {
        let now = self.now.instant;
        let Some(pair) = self.pair_of_vip(vip) else { return false };
        let Some(front) = self.site(vip, host).and_then(|site| site.moves.front()) else {
            return false;
        };
        if front.ordered.is_some() {
            return false;
        }
        let (action, deadline, test) = (front.action, front.deadline, front.test);
        let release = match action {
            VipAction::Down => Release::Confirmed,
            VipAction::Up => match self.release(vip, host) {
                Ok(()) => Release::Confirmed,
                Err(Held::Unknown(_)) => Release::Unknown,
                Err(Held::Yes) if now >= front.release_by => Release::Unknown,
                Err(Held::Yes) => return false,
            },
        };
        let term = self.term_of(&pair);
        let time_left_ms = deadline.since(now).as_millis().try_into().unwrap_or(u64::MAX);
        let task = Task::Vip { vip: vip.clone(), action, term, release, time_left_ms };
        match self.order(host, task, Purpose::Move { vip: vip.clone() }) {
            Ok(order) => {
                self.tell_of_order(vip, host, (action, release, test));
                if let Some(site) = self.site_mut(vip, host)
                    && let Some(front) = site.moves.front_mut()
                {
                    front.ordered = Some((order, release));
                    site.held |= action == VipAction::Up;
                }
            }
            Err(fault) => {
                let front = self.site_mut(vip, host).and_then(|site| site.moves.pop_front());
                if let Some(front) = front {
                    self.end_move(vip, host, front, Err(fault));
                }
            }
        }
        true
    }

    fn tell_of_order(
        &mut self,
        vip: &VipName,
        host: &HostName,
        (action, release, test): (VipAction, Release, bool),
    ) {
        let Some(pair) = self.pair_of_vip(vip) else { return };
        let what = match (action, release) {
            (VipAction::Down, _) => "is told to take it off".to_owned(),
            (VipAction::Up, Release::Confirmed) => {
                "is told to take it over, nobody else has it".to_owned()
            }
            (VipAction::Up, Release::Unknown) => {
                let why = match self.release(vip, host) {
                    Err(Held::Unknown(why)) => why,
                    _ => "the old holder did not let go in time".into(),
                };
                let about = self.about_vip(vip, host, Some(action));
                self.record(catalog::vip_release_unknown(&about, vip, host, &why));
                format!("is told to take it over after probing, because {why}")
            }
        };
        if !test {
            self.explain(&pair, self.term_of(&pair), format!("{vip}: {host} {what}"));
        }
    }

    /// Whether every other host that may hold an address is known not to.
    fn release(&self, vip: &VipName, host: &HostName) -> Result<(), Held> {
        let Some(managed) = self.vips.get(vip) else { return Ok(()) };
        let mut answer = Ok(());
        for (other, site) in managed.sites.iter().filter(|(other, _)| *other != host) {
            if !self.is_linked(other) {
                answer = Err(Held::Unknown(format!("host {other} can not be reached")));
            } else if !is_absent(&site.presence()) || site.is_going_up() {
                return Err(Held::Yes);
            }
        }
        answer
    }

    /// An agent answered the order of a move.
    pub(in crate::control) fn move_done(
        &mut self,
        vip: &VipName,
        host: &HostName,
        order: OrderId,
        result: Result<(), Fault>,
    ) {
        let pair = self.pair_of_vip(vip);
        if let (Some(pair), Err(Fault::StaleTerm(newest))) = (&pair, &result) {
            self.pair_input(pair, PairInput::TermSeen(*newest));
        }
        let Some(site) = self.site_mut(vip, host) else { return };
        let is_it = |front: &&mut Move| front.ordered.is_some_and(|(given, _)| given == order);
        let Some(front) = site.moves.front_mut().filter(is_it) else { return };
        if matches!(result, Err(Fault::StaleTerm(_))) && !front.raised {
            // The agent remembers a term that this server lost: once more, with that.
            front.raised = true;
            front.ordered = None;
            let newest = pair.map(|pair| self.term_of(&pair)).unwrap_or_default();
            if let Some(site) = self.site_mut(vip, host)
                && let Some(front) = site.moves.front_mut()
            {
                front.term = newest;
            }
            return;
        }
        let Some(front) = site.moves.pop_front() else { return };
        if result.is_ok() {
            site.carried_out(vip, front.action, front.term);
            self.shown.vip(vip);
            self.announce_again(vip, host);
        }
        self.end_move(vip, host, front, result);
    }

    /// Gives up what was not ordered or answered in time.
    pub(in crate::control) fn expire_moves(&mut self) {
        let now = self.now.instant;
        let places: Vec<(VipName, HostName)> = (self.vips.iter())
            .filter(|(_, vip)| vip.deadline().is_some_and(|at| at <= now))
            .flat_map(|(name, vip)| vip.sites.keys().map(|host| (name.clone(), host.clone())))
            .collect();
        for (vip, host) in places {
            let is_late = |moving: &Move| match moving.ordered {
                Some(_) => now >= moving.deadline + limits::ORDER_ANSWER_GRACE,
                None => now >= moving.deadline,
            };
            for late in self.take_moves(&vip, &host, is_late) {
                if let Some((order, _)) = late.ordered {
                    self.forget_order(order);
                }
                self.end_move(&vip, &host, late, Err(Fault::TimedOut));
            }
        }
    }

    /// The link to a host ended: what waits there is not ordered any more.
    pub(in crate::control) fn drop_waiting_moves(&mut self, host: &HostName) {
        for vip in self.vips_on(host) {
            for moving in self.take_moves(&vip, host, |_| true) {
                self.end_move(&vip, host, moving, Err(out_of_reach(host)));
            }
        }
    }

    /// Addresses that are no longer configured on some hosts: whoever waits is answered.
    pub(in crate::control) fn drop_moves_of(
        &mut self,
        vip: &VipName,
        on: impl Fn(&HostName) -> bool,
    ) {
        let Some(managed) = self.vips.get(vip) else { return };
        let hosts: Vec<HostName> = managed.sites.keys().filter(|host| on(host)).cloned().collect();
        for host in hosts {
            for moving in self.take_moves(vip, &host, |_| true) {
                if let Some((order, _)) = moving.ordered {
                    self.forget_order(order);
                }
                let text = format!("virtual IP {vip} is no longer configured on host {host}");
                self.end_move(vip, &host, moving, Err(Fault::NotFound(text.into())));
            }
        }
    }

    fn take_moves(
        &mut self,
        vip: &VipName,
        host: &HostName,
        which: impl Fn(&Move) -> bool,
    ) -> Vec<Move> {
        let Some(site) = self.site_mut(vip, host) else { return Vec::new() };
        let moves = std::mem::take(&mut site.moves);
        let (taken, kept) = split(moves, which);
        site.moves = kept;
        taken
    }

    /// Says how a move ended, and answers those who asked for it.
    fn end_move(&mut self, vip: &VipName, host: &HostName, ended: Move, result: Result<(), Fault>) {
        let about = self.about_vip(vip, host, Some(ended.action));
        let pair = self.pair_of_vip(vip);
        let (event, sentence) = match (ended.action, &result) {
            (VipAction::Up, Ok(())) => {
                (catalog::vip_up_verified(&about, vip, host), "has it, verified".to_owned())
            }
            (VipAction::Down, Ok(())) => (
                catalog::vip_down_verified(&about, vip, host),
                "does not have it, verified".to_owned(),
            ),
            (VipAction::Up, Err(why)) => (
                catalog::vip_up_failed(&about, vip, host, why),
                format!("did not take it over: {why}"),
            ),
            (VipAction::Down, Err(why)) => (
                catalog::vip_down_failed(&about, vip, host, why),
                format!("did not take it off: {why}"),
            ),
        };
        if let (Some(pair), false) = (&pair, ended.test) {
            self.explain(pair, ended.term, format!("{vip}: {host} {sentence}"));
        }
        self.record(event);
        if let (VipAction::Up, Some(managed)) = (ended.action, self.vips.get_mut(vip)) {
            let sure = ended.ordered.is_some_and(|(_, release)| release == Release::Confirmed);
            let superseded = matches!(result, Err(Fault::StaleTerm(_)));
            managed.failure = result.as_ref().err().map(|fault| fault.to_string().into());
            managed.unclaimed = false;
            managed.again = (result.is_err() && !sure && !superseded && !ended.test)
                .then(|| (host.clone(), ended.term));
        }
        for caller in ended.callers {
            self.answer(caller, result.clone());
        }
    }
}

/// Why an up waits, or goes on without knowing.
enum Held {
    /// Another host has the address, is moving it, or can not say.
    Yes,
    /// Another host can not be asked; why.
    Unknown(String),
}

/// Moves that are meant, and the others, both in order.
fn split(moves: VecDeque<Move>, which: impl Fn(&Move) -> bool) -> (Vec<Move>, VecDeque<Move>) {
    let mut taken = Vec::new();
    let mut kept = VecDeque::new();
    for moving in moves {
        if which(&moving) { taken.push(moving) } else { kept.push_back(moving) }
    }
    (taken, kept)
}
