//! Run modes of one pair: who is primary, who stands by, and when that changes.
//!
//! [`Pair`] is handed facts (what runs, which host is linked, what was confirmed) and an
//! operator's wishes; it gives orders, and a sentence for each decision. It must not know
//! addresses, alarms or links: what follows from a confirmed run mode begins with a log event
//! ([`crate::control`]). Reading order: the diagram, [`io`] (what comes in and goes out),
//! [`instance`] (what is known of one of the two), then [`Pair::handle`].
//!
//! ```text
//!                       one can serve                  confirmed
//!      Leaderless ------------------------> Promoting ------------> Led
//!        ^   ^                             |  ^    ^                 | |
//!        |   |   neither of two confirmed  |  |    |   primary gone, | |
//!        |   +-----------------------------+  |    |  backup running | |
//!        |                          confirmed,|    +-----------------+ |
//!        |                            or gone |                        |
//!        |                                    |   switchover, service  |
//!        |                                Demoting <-------------------+
//!        |                                    |       unavailable      ^
//!        |                                    +------------------------+
//!        |                                      not confirmed: as it was
//!        +--------------------------------------------------------------
//!           the primary's process ended and the backup can not serve
//! ```
//!
//! # Invariants
//!
//! - Every order carries the term of its decision. Terms only rise; each promotion has its own.
//! - At most one of the two is confirmed primary; a promotion begins only when the other one has
//!   confirmed that it stands by, is not running, or can not be reached.
//! - A host that can not be reached is lost after `disconnect_switchover_timeout`, which delays
//!   nothing else; while its backup still sees it serve, after `evidence_wait` more. Whoever comes
//!   back goes to backup while another is primary: no switch-back.
//! - Nothing is decided while the pair is paused, except what an operator or a reaction asks for.
//! - Only a change is told: the same run mode confirmed twice is one [`Output::Confirmed`].
//! - What failed is tried again only when facts change or a stated time has passed.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::ids::Term;
use crate::link::{Fault, RunMode, Verdict};
use crate::status;
use crate::time::Instant;

pub mod instance;
pub mod io;
mod promotion;
mod saved;
#[cfg(test)]
mod tests;
mod trouble;

use instance::{Instance, Link};
pub use io::{Cause, Input, Label, Notice, Output, Settings, Side};
pub use saved::Saved;
use trouble::Remedy;

/// Where a pair stands. The sides named in a phase are the ones that its orders went to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nobody is primary, and nobody was told to be.
    Leaderless,
    /// `primary` confirmed that it is.
    Led { primary: Side },
    /// `from` was told to stand by; the other one follows when it did.
    Demoting { from: Side },
    /// `to` was told to be primary, as the `attempt`-th of this decision.
    Promoting { to: Side, attempt: u32 },
}

/// Whether a pair may go from one phase to another in one step: the arrows of the diagram, and
/// `Leaderless -> Led` for a primary that was found in office.
fn is_transition_valid(from: Phase, to: Phase) -> bool {
    use Phase::*;
    match (from, to) {
        (Leaderless | Led { .. }, Leaderless | Led { .. } | Promoting { .. }) => true,
        (Led { primary }, Demoting { from }) => primary == from,
        (Demoting { .. }, Promoting { .. }) => true,
        (Demoting { from }, Led { primary }) => primary == from,
        (Demoting { .. } | Promoting { .. }, Leaderless) => true,
        (Promoting { to, .. }, Led { primary }) => primary == to,
        (Promoting { attempt: a, .. }, Promoting { attempt: b, .. }) => b == a + 1,
        _ => false,
    }
}

/// The two applications of a redundant pair.
#[derive(Debug)]
pub struct Pair {
    settings: Settings,
    phase: Phase,
    term: Term,
    paused: bool,
    /// Somebody was primary once, so the configured primary has no privilege any more.
    was_led: bool,
    /// Until then the configured backup waits for the configured primary.
    grace_until: Instant,
    /// Until then, or until both hosts have linked up, nobody new is promoted: the one that is
    /// not yet linked may be in office.
    settle_until: Option<Instant>,
    /// When the backup is asked again to look for a lost primary.
    look_at: Option<Instant>,
    /// A failed decision is not made again before this.
    retry_at: Option<Instant>,
    /// Who the present decision wants to be primary.
    wanted: Side,
    /// What the present decision has failed with so far.
    failure: Option<Arc<str>>,
    /// The trouble that was reported and could not be acted on.
    noted: Option<Notice>,
    first: Instance,
    second: Instance,
    outputs: VecDeque<Output>,
    /// The time of the last input.
    now: Instant,
}

impl Pair {
    /// A pair that was never led. `first` is configured as primary.
    pub fn new(first: Label, second: Label, settings: Settings, now: Instant) -> Self {
        Self {
            settings,
            phase: Phase::Leaderless,
            term: Term::default(),
            paused: false,
            was_led: false,
            grace_until: now + settings.startup_grace,
            settle_until: None,
            look_at: None,
            retry_at: None,
            wanted: Side::First,
            failure: None,
            noted: None,
            first: Instance::new(first),
            second: Instance::new(second),
            outputs: VecDeque::new(),
            now,
        }
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Instant, input: Input) {
        self.now = now;
        match input {
            Input::Tick => {}
            Input::Linked { side, status, cause, reported, restarted } => {
                let instance = self.get_mut(side);
                if restarted {
                    instance.end_life();
                }
                instance.link_up(status, cause);
                self.retry_at = None;
                self.hear(side, reported);
            }
            Input::Lost { side } => self.get_mut(side).link_lost(now),
            Input::Status { side, status, cause } => {
                self.get_mut(side).tell(status, cause);
                self.retry_at = None;
            }
            Input::Network { side, verdict } => self.get_mut(side).network = verdict,
            Input::Other { side, seen } => self.get_mut(side).other = seen,
            Input::TermSeen(term) => self.term = self.term.max(term),
            Input::Answered { side, run_mode, term, result } => {
                if self.get_mut(side).take_order(run_mode, term) {
                    match result {
                        Ok(()) => self.confirmed(side, run_mode, term),
                        Err(fault) => self.not_confirmed(side, run_mode, &fault),
                    }
                }
            }
            Input::Pause => self.paused = true,
            Input::Resume => self.paused = false,
        }
        if !self.is_half_told() {
            self.decide();
        }
    }

    /// The next output, in the order in which they are to be carried out.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When the next `Tick` is due.
    pub fn deadline(&self) -> Option<Instant> {
        let [waited, postponed] = match self.phase {
            Phase::Led { primary } => self.given_up_at(primary),
            _ => [None; 2],
        };
        let grace = (!self.was_led).then_some(self.grace_until);
        [waited, postponed, self.look_at, grace, self.settle_until, self.retry_at]
            .into_iter()
            .chain(self.first.deadlines())
            .chain(self.second.deadlines())
            .flatten()
            .filter(|at| *at > self.now)
            .min()
    }

    /// Exchanges the run modes: the primary stands by, then the other one becomes primary. The
    /// outcome comes as [`Output::Ended`].
    ///
    /// # Errors
    ///
    /// A sentence that says why it can not be done now; nothing was changed.
    pub fn switch_over(&mut self, now: Instant, cause: Cause) -> Result<(), Arc<str>> {
        self.now = now;
        let Phase::Led { primary } = self.phase else {
            return Err(self.state().into());
        };
        let backup = self.get(primary.other());
        if !backup.can_serve() {
            return Err(format!("{}; it must run to take over", backup.description()).into());
        }
        if self.get(primary).link == Link::NotYet {
            return Err(self.get(primary).description().into());
        }
        self.begin(cause, primary.other());
        if self.get(primary).takes_orders() {
            self.demote(primary);
        } else {
            let gone = self.get(primary).description();
            self.step(format!("{gone}, so it is not told to stand by"));
            self.promote(primary.other(), 1);
        }
        self.decide();
        Ok(())
    }

    /// Uses other waiting times from now on.
    pub fn set_settings(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// The side that is primary, and confirmed it.
    pub fn primary(&self) -> Option<Side> {
        match self.phase {
            Phase::Led { primary } | Phase::Demoting { from: primary } => {
                Some(primary).filter(|side| self.get(*side).is_confirmed(RunMode::Primary))
            }
            _ => None,
        }
    }

    /// The confirmed run mode of a side; none where it can not be reached.
    pub fn run_mode(&self, side: Side) -> Option<RunMode> {
        let instance = self.get(side);
        instance.mode.filter(|_| instance.link == Link::Up).map(|(mode, _)| mode)
    }

    /// The term of the last decision.
    pub fn term(&self) -> Term {
        self.term
    }

    /// Whether it decides nothing by itself.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Whether a primary is in office and no order is under way.
    pub fn is_settled(&self) -> bool {
        let waits = |instance: &Instance| instance.order.is_some();
        matches!(self.phase, Phase::Led { .. }) && !waits(&self.first) && !waits(&self.second)
    }

    /// What the pair is doing or waiting for, in a sentence.
    pub fn state(&self) -> String {
        let paused = if self.paused { "paused; " } else { "" };
        let name = |side: Side| &self.get(side).label.application;
        let doing = match self.phase {
            Phase::Leaderless => format!(
                "nobody is primary: {}; {}",
                self.first.description(),
                self.second.description()
            ),
            Phase::Led { primary } => match self.trouble(primary) {
                Some(trouble) if trouble.remedy == Remedy::Wait => {
                    let backup = self.get(primary.other());
                    let sees = if backup.other == Verdict::Good {
                        format!("; {} still sees it serve", backup.label)
                    } else {
                        String::new()
                    };
                    format!("{} is primary; {}{sees}", name(primary), trouble.cause)
                }
                Some(trouble) => {
                    let backup = self.get(primary.other()).description();
                    format!("{}; {backup}", trouble.cause)
                }
                None => format!("{} is primary", name(primary)),
            },
            Phase::Demoting { from } => format!("{} is to stand by", name(from)),
            Phase::Promoting { to, .. } => format!("{} is to become primary", name(to)),
        };
        format!("{paused}{doing}")
    }

    /// Looks at the facts and does what follows from them.
    fn decide(&mut self) {
        self.expire_orders();
        match self.phase {
            Phase::Leaderless => self.find_primary(),
            Phase::Led { primary } => self.watch(primary),
            Phase::Demoting { from } => self.follow_demotion(from),
            Phase::Promoting { to, attempt } => self.follow_promotion(to, attempt),
        }
        if let Phase::Led { primary } = self.phase {
            if !self.paused {
                self.align(primary, RunMode::Primary);
            }
            // Also while paused: two primaries are no decision that could wait.
            self.align(primary.other(), RunMode::Backup);
        }
    }

    /// Both run on one host, whose link came up or ended, and only one of them was told so yet.
    fn is_half_told(&self) -> bool {
        let (first, second) = (&self.first, &self.second);
        first.label.host == second.label.host
            && (first.link == Link::Up) != (second.link == Link::Up)
    }

    /// A link came up: what its application is told to be against what it should be.
    fn hear(&mut self, side: Side, reported: Option<(RunMode, Term)>) {
        if self.first.link != Link::NotYet && self.second.link != Link::NotYet {
            self.settle_until = None;
        }
        let newer = reported.is_some_and(|(_, term)| term > self.term);
        let known = self.get(side).mode.map(|(mode, _)| mode);
        if let Some((_, term)) = reported {
            self.term = self.term.max(term);
        }
        if !status::takes_run_modes(self.get(side).status) {
            return;
        }
        if let (Some((run_mode, term)), Some(expected)) = (reported, self.expected(side))
            && (run_mode, term) == (expected, self.term)
        {
            self.confirmed(side, run_mode, term);
            return;
        }
        match reported {
            Some((RunMode::Primary, term)) => self.hear_primary(side, term, newer),
            Some((RunMode::Backup, term)) => {
                self.get_mut(side).mode = Some((RunMode::Backup, term));
                if known != Some(RunMode::Backup) {
                    self.outputs.push_back(Output::Confirmed { side, run_mode: RunMode::Backup });
                }
                // An order of ours that this server no longer remembers: the other one knows.
                if newer && self.phase == (Phase::Led { primary: side }) {
                    self.enter(Phase::Leaderless);
                }
            }
            // Its agent forgot what it was told, or is about to end it: told again.
            Some((RunMode::Exiting, _)) | None => self.get_mut(side).must_hear = known.is_some(),
        }
    }

    /// The confirmation that the present decision waits for from a side.
    fn expected(&self, side: Side) -> Option<RunMode> {
        match self.phase {
            Phase::Demoting { from } if from == side => Some(RunMode::Backup),
            Phase::Promoting { to, .. } if to == side => Some(RunMode::Primary),
            _ => None,
        }
    }

    /// A link came up, and its application is primary by its own word.
    fn hear_primary(&mut self, side: Side, term: Term, newer: bool) {
        let other_in_office = match self.phase {
            Phase::Led { primary } => {
                primary != side && (!newer || self.get(primary).link == Link::Up)
            }
            Phase::Demoting { .. } | Phase::Promoting { .. } => true,
            Phase::Leaderless => term < self.term,
        };
        if !other_in_office {
            self.take_office(side, term);
            return;
        }
        self.get_mut(side).mode = None;
        let Phase::Led { primary } = self.phase else { return };
        let (restored, kept) = (side, primary);
        if self.get(kept).link == Link::Up {
            let cause = Cause::BothPrimary {
                restored: self.get(restored).label.clone(),
                kept: self.get(kept).label.clone(),
            };
            self.outputs.push_back(Output::Decided { cause, to: None, term: self.term });
            self.outputs.push_back(Output::Notice(Notice::BothPrimary { restored, kept }));
        }
        // Its agent may have seen a term that nobody here remembers: ours must be above it.
        if newer {
            self.term = self.term.next();
        }
    }

    /// Adopts a primary that was found in office.
    fn take_office(&mut self, side: Side, term: Term) {
        let known = self.get(side).mode.map(|(mode, _)| mode);
        self.get_mut(side).mode = Some((RunMode::Primary, term));
        self.get_mut(side.other()).supersede();
        self.was_led = true;
        if self.phase != (Phase::Led { primary: side }) {
            self.enter(Phase::Led { primary: side });
        }
        if known != Some(RunMode::Primary) {
            self.outputs.push_back(Output::Confirmed { side, run_mode: RunMode::Primary });
        }
    }

    /// Tells `side` its run mode where it does not have it, or may have forgotten it.
    fn align(&mut self, side: Side, run_mode: RunMode) {
        let (now, term) = (self.now, self.term);
        let until = now + self.settings.confirm_timeout;
        let instance = self.get_mut(side);
        let has = instance.is_confirmed(run_mode);
        let due = instance.retry_at.is_none_or(|at| now >= at);
        // A primary without its run mode needs a promotion, not a reminder: `watch` sees to it.
        let reminder = if has { instance.must_hear } else { run_mode == RunMode::Backup };
        if instance.takes_orders() && instance.order.is_none() && reminder && due {
            instance.give_order(run_mode, term, until);
            self.outputs.push_back(Output::Order { side, run_mode, term });
        }
    }

    /// Orders that nobody answered in time count as refused.
    fn expire_orders(&mut self) {
        let now = self.now;
        for side in Side::BOTH {
            if let Some(order) = self.get_mut(side).expired_order(now) {
                self.not_confirmed(side, order.run_mode, &Fault::TimedOut);
            }
        }
    }

    fn enter(&mut self, phase: Phase) {
        debug_assert!(
            is_transition_valid(self.phase, phase),
            "{:?} can not follow {:?}",
            phase,
            self.phase
        );
        self.phase = phase;
    }

    fn step(&mut self, sentence: impl Into<Arc<str>>) {
        self.outputs.push_back(Output::Step { term: self.term, sentence: sentence.into() });
    }

    /// Reports once what can not be acted on; again only after it has passed.
    fn note(&mut self, notice: Notice) {
        if self.noted.as_ref() != Some(&notice) {
            self.outputs.push_back(Output::Notice(notice.clone()));
            self.noted = Some(notice);
        }
    }

    fn get(&self, side: Side) -> &Instance {
        match side {
            Side::First => &self.first,
            Side::Second => &self.second,
        }
    }

    fn get_mut(&mut self, side: Side) -> &mut Instance {
        match side {
            Side::First => &mut self.first,
            Side::Second => &mut self.second,
        }
    }
}
