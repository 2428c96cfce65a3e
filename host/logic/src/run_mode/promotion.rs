//! The course of one decision: orders, confirmations, and what is done when they do not come.

use std::sync::Arc;

use crate::ids::Term;
use crate::limits;
use crate::link::{Fault, RunMode, Status};
use crate::run_mode::io::{Cause, Notice, Output, Side, Spoken};
use crate::run_mode::{Pair, Phase};

impl Pair {
    /// Begins a decision with a term of its own.
    pub(super) fn begin(&mut self, cause: Cause, to: Side) {
        self.failure = None;
        self.noted = None;
        self.retry_at = None;
        self.wanted = to;
        self.term = self.term.next();
        self.outputs.push_back(Output::Decided { cause, to: Some(to), term: self.term });
    }

    /// Tells the primary to stand by; the other one follows when it confirmed.
    pub(super) fn demote(&mut self, from: Side) {
        self.order(from, RunMode::Backup);
        self.enter(Phase::Demoting { from });
        let (old, new) = (&self.get(from).label, &self.get(from.other()).label.application);
        let term = self.term;
        self.step(format!("{old} is told to stand by with term {term}, {new} follows"));
    }

    /// Tells one to be primary.
    pub(super) fn promote(&mut self, to: Side, attempt: u32) {
        self.order(to, RunMode::Primary);
        self.enter(Phase::Promoting { to, attempt });
        let (label, term) = (&self.get(to).label, self.term);
        self.step(format!("{label} is told to be primary with term {term}"));
    }

    fn order(&mut self, side: Side, run_mode: RunMode) {
        let (term, until) = (self.term, self.now + self.settings.confirm_timeout);
        self.get_mut(side).give_order(run_mode, term, until);
        self.outputs.push_back(Output::Order { side, run_mode, term });
    }

    /// An order was carried out.
    pub(super) fn confirmed(&mut self, side: Side, run_mode: RunMode, term: Term) {
        let before = self.get(side).mode.map(|(mode, _)| mode);
        self.get_mut(side).confirm(run_mode, term);
        let confirmed = Output::Confirmed { side, run_mode };
        match self.phase {
            Phase::Demoting { from } if from == side => {
                self.step(format!("{} confirmed that it stands by", self.get(side).label));
                if self.get(from.other()).can_serve() {
                    self.promote(from.other(), 1);
                } else {
                    self.failure = Some(self.get(from.other()).description().into());
                    self.take_turns(from.other(), 1);
                }
                self.outputs.push_back(confirmed);
            }
            Phase::Promoting { to, .. } if to == side => {
                self.get_mut(side.other()).supersede();
                self.was_led = true;
                self.enter(Phase::Led { primary: side });
                self.step(format!("{} confirmed that it is primary", self.get(side).label));
                self.outputs.push_back(confirmed);
                let result = match self.failure.take() {
                    Some(reason) if side != self.wanted => {
                        let name = &self.get(side).label.application;
                        Err(format!("{reason}; {name} is primary").into())
                    }
                    _ => Ok(()),
                };
                self.outputs.push_back(Output::Ended { term, result });
            }
            _ if before != Some(run_mode) => {
                let label = &self.get(side).label;
                self.step(format!("{label} confirmed that it is {}", Spoken(run_mode)));
                self.outputs.push_back(confirmed);
            }
            _ => {}
        }
    }

    /// An order was refused, or not answered in time.
    pub(super) fn not_confirmed(&mut self, side: Side, run_mode: RunMode, fault: &Fault) {
        let stale = if let Fault::StaleTerm(newest) = fault {
            self.term = self.term.max(*newest);
            true
        } else {
            false
        };
        let label = self.get(side).label.clone();
        let reason: Arc<str> =
            format!("{label} did not confirm that it is {}: {fault}", Spoken(run_mode)).into();
        match self.phase {
            Phase::Demoting { from } if from == side => {
                let serves = self.get(side).status == Status::Running;
                let decision = if serves { "it stays primary" } else { "the other one takes over" };
                let notice = Notice::DemotionNotConfirmed { side, decision };
                self.outputs.push_back(Output::Notice(notice));
                self.step(format!("{reason}; {decision}"));
                self.get_mut(side).must_hear = true;
                if serves {
                    self.abandon(side, reason);
                } else {
                    self.promote(side.other(), 1);
                }
            }
            Phase::Promoting { to, attempt } if to == side => {
                let fault = fault.clone();
                self.outputs.push_back(Output::Notice(Notice::NotSet { side, run_mode, fault }));
                self.step(reason.clone());
                // It may be primary all the same; when another one is, it is told to stand by.
                self.get_mut(side).must_hear = true;
                self.failure = Some(reason);
                self.take_turns(if stale { side.other() } else { side }, attempt);
            }
            _ => {
                let (now, wait) = (self.now, self.settings.confirm_timeout);
                if self.get_mut(side).back_off(now, wait) {
                    let fault = fault.clone();
                    self.outputs.push_back(Output::Notice(Notice::NotSet {
                        side,
                        run_mode,
                        fault,
                    }));
                }
            }
        }
    }

    /// The old primary was told to stand by: looks whether that is still the way to go.
    pub(super) fn follow_demotion(&mut self, from: Side) {
        let to = from.other();
        match (self.get(to).can_serve(), self.get(from).takes_orders()) {
            // The order was lost with a link that is already back.
            (true, true) if self.get(from).order.is_none() => self.order(from, RunMode::Backup),
            (true, true) => {}
            (true, false) => {
                let gone = self.get(from).description();
                self.step(format!("{gone}, so its confirmation is not waited for"));
                self.promote(to, 1);
            }
            (false, true) => {
                let reason: Arc<str> = self.get(to).description().into();
                self.get_mut(from).order = None;
                self.abandon(from, reason);
            }
            (false, false) => {
                self.failure = Some(self.get(to).description().into());
                self.give_up();
            }
        }
    }

    /// One was told to be primary: looks whether it still can be.
    pub(super) fn follow_promotion(&mut self, to: Side, attempt: u32) {
        if self.get(to).can_serve() {
            if self.get(to).order.is_none() {
                // The order was lost with a link that is already back.
                self.order(to, RunMode::Primary);
            }
            return;
        }
        let reason: Arc<str> = self.get(to).description().into();
        self.step(format!("{reason}, before it confirmed that it is primary"));
        self.get_mut(to).order = None;
        self.failure = Some(reason);
        self.take_turns(to, attempt);
    }

    /// `failed` can not be primary: the other one is tried, with a term of its own, unless that
    /// was tried before.
    fn take_turns(&mut self, failed: Side, attempt: u32) {
        let to = failed.other();
        if attempt >= limits::PROMOTION_ATTEMPTS_MAX || !self.get(to).can_serve() {
            self.give_up();
            return;
        }
        self.term = self.term.next();
        self.promote(to, attempt + 1);
    }

    /// The exchange does not take place: the primary stays, and is told so with a new term,
    /// because it may have carried out the order without being heard.
    fn abandon(&mut self, primary: Side, reason: Arc<str>) {
        self.term = self.term.next();
        self.get_mut(primary).must_hear = true;
        self.enter(Phase::Led { primary });
        self.retry_at = Some(self.now + limits::DECISION_RETRY_INTERVAL);
        let name = self.get(primary).label.application.clone();
        let result = Err(format!("{reason}; {name} stays primary").into());
        self.outputs.push_back(Output::Ended { term: self.term, result });
    }

    /// Nobody could be made primary; it is tried again after a while, or when facts change.
    fn give_up(&mut self) {
        let reason = self.failure.take().unwrap_or_else(|| "nobody can serve".into());
        self.retry_at = Some(self.now + limits::DECISION_RETRY_INTERVAL);
        self.outputs.push_back(Output::Ended { term: self.term, result: Err(reason) });
        self.leave_leaderless();
    }
}
