//! Pairs: facts go to their run-mode machines, and what those decide goes out.

use std::sync::Arc;

use crate::catalog;
use crate::config::model;
use crate::control::Control;
use crate::control::drains::Drained;
use crate::control::io::{Answer, Output, Refusal};
use crate::control::operations::Caller;
use crate::control::orders::Purpose;
use crate::control::saved::SavedPair;
use crate::ids::{ApplicationName, HostName, PairName, SwitchoverId, Term};
use crate::limits;
use crate::link::{ApplicationState, ControlMessage, Fault, RunMode, Task};
use crate::run_mode::io::Spoken;
use crate::run_mode::{Cause, Input, Label, Notice, Output as PairOutput, Pair, Settings, Side};
use crate::time::Instant;

/// The last decision about a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) switchover: SwitchoverId,
    pub(super) began_at: Instant,
}

/// Somebody who asked for a switchover and waits for its end.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Waiting {
    caller: Caller,
    switchover: SwitchoverId,
    /// It began with a drain.
    drained: Option<Drained>,
    /// The new primary confirmed; now the addresses are waited for, until then.
    confirmed_until: Option<Instant>,
}

/// A pair and what belongs to its decisions.
#[derive(Debug)]
pub(super) struct ManagedPair {
    pub(super) machine: Pair,
    pub(super) decision: Option<Decision>,
    /// The term at which [`Control::epoch`] was read, and what it was.
    seen: (Term, u64),
    waiting: Vec<Waiting>,
    /// Its addresses are to be compared with its run modes.
    pub(super) reconcile: bool,
}

impl ManagedPair {
    pub(super) fn save(&self) -> SavedPair {
        SavedPair {
            run_modes: self.machine.save(),
            switchover: self.decision.map(|decision| decision.switchover),
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let waiting = self.waiting.iter().filter_map(|waiting| waiting.confirmed_until).min();
        Instant::earliest(self.machine.deadline(), waiting)
    }

    /// The value of [`Control::epoch`] at its last promotion.
    pub(super) fn epoch(&self) -> u64 {
        self.seen.1
    }
}

impl Control {
    /// Takes up a pair, as it was saved or as a new one.
    pub(super) fn begin_pair(&mut self, name: &PairName, saved: Option<&SavedPair>) {
        let config = self.config.clone();
        let Some(pair) = config.pairs.get(name) else { return };
        let (settings, now) = (self.settings(), self.now.instant);
        let (Some(first), Some(second)) = (self.label(&pair.primary), self.label(&pair.backup))
        else {
            return;
        };
        let machine = match saved {
            Some(saved) => Pair::restore(&saved.run_modes, first, second, settings, now),
            None => Pair::new(first, second, settings, now),
        };
        let decision = saved.and_then(|saved| saved.switchover);
        let decision = decision.map(|switchover| Decision { switchover, began_at: now });
        let seen = (machine.term(), 0);
        let managed = ManagedPair { machine, decision, seen, waiting: vec![], reconcile: false };
        self.pairs.insert(name.clone(), managed);
        self.shown.pair(name);
    }

    pub(super) fn settings(&self) -> Settings {
        let control = &self.config.control;
        Settings {
            disconnect_switchover_timeout: control.disconnect_switchover_timeout,
            evidence_wait: control.evidence_wait,
            startup_grace: control.startup_grace,
            confirm_timeout: control.confirm_timeout,
        }
    }

    fn label(&self, application: &ApplicationName) -> Option<Label> {
        let host = self.host_of(application)?;
        Some(Label { application: application.clone(), host })
    }

    /// Asks the agent of a side, and by it the program, to look for the holder of the addresses.
    fn ask_to_look(&mut self, pair: &PairName, side: Side) {
        let Some(application) = self.member(pair, side) else { return };
        let Some(host) = self.host_of(&application).filter(|host| self.is_linked(host)) else {
            return;
        };
        let of_pair = self.config.vips.values().filter(|vip| vip.pair == *pair);
        let vips: Vec<_> = of_pair.map(|vip| vip.name.clone()).collect();
        for vip in vips {
            self.send(&host, ControlMessage::Suspect { vip });
        }
    }

    /// The pair that an application is one of, and which.
    /// The pair that a program is one of, where it runs on this host, and the term in which it is
    /// primary there; none: it is not.
    pub fn place_of(
        &self,
        host: &HostName,
        application: &ApplicationName,
    ) -> Option<(PairName, Option<Term>)> {
        let (name, side) = self.side_of(application)?;
        let is_here = self.host_of(application).as_ref() == Some(host);
        let pair = self.pairs.get(&name).filter(|_| is_here)?;
        let is_primary = pair.machine.primary() == Some(side);
        Some((name, is_primary.then(|| pair.machine.term())))
    }

    pub(super) fn side_of(&self, application: &ApplicationName) -> Option<(PairName, Side)> {
        let name = self.config.applications.get(application)?.pair.as_ref()?;
        let pair = self.config.pairs.get(name)?;
        let side = match application {
            member if *member == pair.primary => Side::First,
            member if *member == pair.backup => Side::Second,
            _ => return None,
        };
        Some((name.clone(), side))
    }

    /// The pair that an application belongs to: as one of the two, or as a control application of
    /// its address.
    pub(super) fn pair_around(&self, application: &ApplicationName) -> Option<PairName> {
        let application = self.config.applications.get(application)?;
        match &application.runs {
            model::Runs::Vip { vip, .. } => self.config.vips.get(vip).map(|vip| vip.pair.clone()),
            model::Runs::Program(_) => application.pair.clone(),
        }
    }

    /// The application that is primary, and confirmed it.
    pub(super) fn primary_of(&self, pair: &PairName) -> Option<ApplicationName> {
        let side = self.pairs.get(pair)?.machine.primary()?;
        self.member(pair, side)
    }

    pub(super) fn member(&self, pair: &PairName, side: Side) -> Option<ApplicationName> {
        let pair = self.config.pairs.get(pair)?;
        Some(match side {
            Side::First => pair.primary.clone(),
            Side::Second => pair.backup.clone(),
        })
    }

    /// The term of the last decision about a pair.
    pub(super) fn term_of(&self, pair: &PairName) -> Term {
        self.pairs.get(pair).map(|managed| managed.machine.term()).unwrap_or_default()
    }

    pub(super) fn pair_input(&mut self, pair: &PairName, input: Input) {
        if let Some(managed) = self.pairs.get_mut(pair) {
            managed.machine.handle(self.now.instant, input);
            self.shown.pair(pair);
        }
    }

    /// Hands a fact about an application to its pair, if it is one of one.
    pub(super) fn tell_pair(
        &mut self,
        application: &ApplicationName,
        fact: impl FnOnce(Side) -> Input,
    ) {
        if let Some((pair, side)) = self.side_of(application) {
            self.pair_input(&pair, fact(side));
        }
    }

    pub(super) fn pair_linked(
        &mut self,
        name: &ApplicationName,
        state: &ApplicationState,
        restarted: bool,
    ) {
        let (status, cause, reported) = (state.status, state.cause, state.run_mode);
        self.tell_pair(name, |side| Input::Linked { side, status, cause, reported, restarted });
    }

    pub(super) fn tick_pairs(&mut self) {
        let now = self.now.instant;
        let due = |pair: &ManagedPair| pair.machine.deadline().is_some_and(|at| at <= now);
        let names: Vec<PairName> =
            self.pairs.iter().filter(|(_, pair)| due(pair)).map(|(name, _)| name.clone()).collect();
        for name in names {
            self.pair_input(&name, Input::Tick);
        }
    }

    /// Begins a switchover that somebody asked for.
    ///
    /// # Errors
    ///
    /// A sentence that says why not; nothing was changed.
    pub(super) fn switch_over(
        &mut self,
        pair: &PairName,
        cause: Cause,
        caller: Caller,
    ) -> Result<(), Arc<str>> {
        let now = self.now.instant;
        let Some(managed) = self.pairs.get_mut(pair) else {
            return Err(format!("pair {pair}: not configured").into());
        };
        managed.machine.switch_over(now, cause)?;
        // The decision that the machine has just made gets the next number.
        let switchover = self.counters.switchover.next();
        let drained = None;
        managed.waiting.push(Waiting { caller, switchover, drained, confirmed_until: None });
        self.drain_pair(pair);
        Ok(())
    }

    /// The same after a drain.
    pub(super) fn switch_over_drained(
        &mut self,
        pair: &PairName,
        cause: Cause,
        caller: Caller,
        drained: Drained,
    ) -> Result<(), Arc<str>> {
        self.switch_over(pair, cause, caller)?;
        let waiting = self.pairs.get_mut(pair).and_then(|managed| managed.waiting.last_mut());
        if let Some(waiting) = waiting {
            waiting.drained = Some(drained);
        }
        Ok(())
    }

    pub(super) fn drain_pairs(&mut self) -> bool {
        let names: Vec<PairName> = self.pairs.keys().cloned().collect();
        let mut moved = false;
        for name in &names {
            moved |= self.drain_pair(name);
        }
        moved
    }

    fn drain_pair(&mut self, name: &PairName) -> bool {
        let mut moved = false;
        while let Some(output) = self.pairs.get_mut(name).and_then(|pair| pair.machine.poll()) {
            moved = true;
            self.note_promotion(name);
            self.pair_output(name, output);
        }
        moved
    }

    /// Notices that a pair's term rose: what was raised before is older from now on.
    fn note_promotion(&mut self, name: &PairName) {
        let Some(managed) = self.pairs.get_mut(name) else { return };
        let term = managed.machine.term();
        if term > managed.seen.0 {
            self.epoch += 1;
            managed.seen = (term, self.epoch);
        }
    }

    fn pair_output(&mut self, pair: &PairName, output: PairOutput) {
        self.shown.pair(pair);
        match output {
            PairOutput::Decided { cause, to, term } => self.decided(pair, &cause, to, term),
            PairOutput::Step { term, sentence } => self.explain(pair, term, sentence),
            PairOutput::Order { side, run_mode, term } => {
                let Some(application) = self.member(pair, side) else { return };
                let Some(host) = self.host_of(&application) else { return };
                let pair = pair.clone();
                let purpose = Purpose::RunMode { pair: pair.clone(), side, run_mode, term };
                let task = Task::SetRunMode { application, pair: pair.clone(), run_mode, term };
                if let Err(fault) = self.order(&host, task, purpose) {
                    let result = Err(fault);
                    self.pair_input(&pair, Input::Answered { side, run_mode, term, result });
                }
            }
            PairOutput::Look { side } => self.ask_to_look(pair, side),
            PairOutput::Confirmed { side, run_mode } => {
                let Some(application) = self.member(pair, side) else { return };
                let about = self.about(&application);
                self.shown.application(&application);
                match run_mode {
                    RunMode::Primary => self.record(catalog::run_mode_primary(&about)),
                    RunMode::Backup => self.record(catalog::run_mode_backup(&about)),
                    RunMode::Exiting => {}
                }
            }
            PairOutput::Ended { term, result } => self.decision_ended(pair, term, result),
            PairOutput::Notice(notice) => self.pair_notice(pair, notice),
        }
    }

    fn decided(&mut self, pair: &PairName, cause: &Cause, to: Option<Side>, term: Term) {
        let switchover = self.counters.switchover.next();
        self.counters.switchover = switchover;
        let began_at = self.now.instant;
        if let Some(managed) = self.pairs.get_mut(pair) {
            managed.decision = Some(Decision { switchover, began_at });
        }
        self.explain(pair, term, cause.to_string());
        if let Some(primary) = to.and_then(|side| self.member(pair, side)) {
            let about = self.about(&primary);
            self.record(catalog::switchover_decided(&about, pair, &switchover, &primary, cause));
        }
    }

    fn decision_ended(&mut self, pair: &PairName, term: Term, result: Result<(), Arc<str>>) {
        let now = self.now.instant;
        let Some(managed) = self.pairs.get_mut(pair) else { return };
        let Some(Decision { switchover, .. }) = managed.decision else { return };
        let (mut waiting, others): (Vec<_>, Vec<_>) = std::mem::take(&mut managed.waiting)
            .into_iter()
            .partition(|waiting| waiting.switchover == switchover);
        managed.waiting = others;
        let primary = self.primary_of(pair);
        match (result, primary) {
            (Ok(()), Some(primary)) => {
                let about = self.about(&primary);
                self.record(catalog::switchover_done(&about, pair, &switchover, &primary, &term));
                for waiting in &mut waiting {
                    waiting.confirmed_until = Some(now + limits::SWITCHOVER_ANSWER_TIMEOUT);
                }
                // A reaction that waits for the addresses could be waiting for itself.
                let (components, operators): (Vec<_>, Vec<_>) = (waiting.into_iter())
                    .partition(|waiting| matches!(waiting.caller, Caller::Component(_)));
                for waiting in components {
                    self.answer(waiting.caller, Ok(()));
                }
                if let Some(managed) = self.pairs.get_mut(pair) {
                    managed.waiting.extend(operators);
                }
            }
            (result, _) => {
                let reason = result.err().unwrap_or_else(|| "nobody is primary".into());
                let about = self.about_pair(pair);
                self.record(catalog::switchover_failed(&about, pair, &switchover, &reason));
                self.explain(pair, term, format!("failed: {reason}"));
                for waiting in waiting {
                    self.answer(waiting.caller, Err(Fault::Failed(reason.clone())));
                }
                self.ask_to_reconcile(pair);
            }
        }
    }

    fn pair_notice(&mut self, pair: &PairName, notice: Notice) {
        let about = self.about_pair(pair);
        let name = |side| self.member(pair, side).unwrap_or_else(|| pair.as_str().into());
        let term = self.term_of(pair);
        let (event, sentence) = match notice {
            Notice::BackupNotRunning { cause, backup, status } => {
                let (backup, status) = (name(backup), Spoken(status).to_string());
                let sentence = format!("{cause}; no switchover, because {backup} is {status}");
                (catalog::backup_not_running(&about, pair, &backup, &status), sentence)
            }
            Notice::Paused { cause } => {
                let reason = format!("the pair is paused; {cause}");
                (catalog::switchover_refused(&about, pair, &reason), reason)
            }
            Notice::Postponed { primary, backup, at_most } => {
                let (primary, backup) = (name(primary), name(backup));
                let seconds = at_most.as_secs_f64();
                let sentence = format!(
                    "{backup} still sees {primary} serve; the takeover waits {seconds} s at most"
                );
                (catalog::takeover_postponed(&about, pair, &primary, &backup, &seconds), sentence)
            }
            Notice::Leaderless { reason } => {
                let sentence = format!("nobody is primary: {reason}");
                (catalog::no_primary(&about, pair, &reason), sentence)
            }
            Notice::BothPrimary { restored, kept } => {
                let (restored, kept) = (name(restored), name(kept));
                let sentence = format!("{restored} goes to backup, {kept} stays primary");
                (catalog::two_primaries(&about, pair, &restored, &kept), sentence)
            }
            Notice::DemotionNotConfirmed { side, decision } => {
                let event = catalog::demotion_unconfirmed(&about, pair, &name(side), &decision);
                self.record(event);
                return;
            }
            Notice::NotSet { side, run_mode, fault } => {
                let name = name(side);
                let (about, mode) = (self.about(&name), Spoken(run_mode));
                self.record(catalog::run_mode_not_set(&about, &name, &mode, &fault));
                return;
            }
        };
        self.explain(pair, term, sentence);
        self.record(event);
    }

    /// Events about a pair are about its primary, or the one configured as such.
    pub(super) fn about_pair(&self, pair: &PairName) -> catalog::About {
        let application = self.primary_of(pair).or_else(|| self.member(pair, Side::First));
        match application {
            Some(application) => self.about(&application),
            None => catalog::About::control_server(self.now.at),
        }
    }

    /// A pair is no longer what it was: whoever waits for a switchover of it is answered.
    pub(super) fn drop_waiting(&mut self, pair: &PairName, fault: &Fault) {
        let Some(managed) = self.pairs.get_mut(pair) else { return };
        for waiting in std::mem::take(&mut managed.waiting) {
            self.answer(waiting.caller, Err(fault.clone()));
        }
    }

    /// Records that a switchover was refused.
    pub(super) fn refuse_switchover(&mut self, pair: &PairName, reason: &str) {
        let about = self.about_pair(pair);
        self.record(catalog::switchover_refused(&about, pair, &reason));
    }

    /// Answers operators whose switchover is done: confirmed, and its addresses are in place or
    /// nobody is moving them any more.
    pub(super) fn answer_switchovers(&mut self) {
        let now = self.now.instant;
        let names: Vec<PairName> = (self.pairs.iter())
            .filter(|(_, pair)| pair.waiting.iter().any(|w| w.confirmed_until.is_some()))
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            let quiet = self.misplaced(&name).is_none() || self.is_quiet(&name);
            let Some(managed) = self.pairs.get_mut(&name) else { continue };
            let is_over = |waiting: &Waiting| {
                waiting.confirmed_until.is_some_and(|until| quiet || now >= until)
            };
            let waiting = std::mem::take(&mut managed.waiting);
            let (over, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(is_over);
            managed.waiting = rest;
            for waiting in over {
                if let Some(drained) = waiting.drained {
                    self.report_drained(&name, drained);
                }
                let result = match self.misplaced(&name) {
                    Some(reason) => Err(Refusal::Failed(reason)),
                    None => Ok(Answer::SwitchedOver(waiting.switchover)),
                };
                if let Caller::Operator(request) = waiting.caller {
                    self.outputs.push_back(Output::AnswerOperator { request, result });
                }
            }
        }
    }
}
