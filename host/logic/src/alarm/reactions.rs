//! What an alarm runs: starting its reactions and taking in how they ended.
//!
//! This file must not know why an alarm was raised or cleared.

use std::sync::Arc;

use super::io::Output;
use super::runs::{Admission, Run};
use super::{Alarm, Alarms};
use crate::catalog;
use crate::component::{AlarmCall, Phase};
use crate::config::model::Reaction;
use crate::control::io::{ReactionRun, ReactionState, ReactionView};
use crate::ids::{AlarmId, ReactionName, RunId};
use crate::limits::{REACTION_ANSWER_GRACE, REACTION_RUNS_MAX};
use crate::time::Instant;

/// Shown beside a reaction whose end nobody saw.
const INTERRUPTED: &str = "the control server was restarted while it ran";

impl Alarms {
    /// Starts reactions in their order, without waiting for one before the next; only those with
    /// the same target wait for each other.
    pub(super) fn react(&mut self, id: AlarmId, phase: Phase, reactions: &[ReactionName]) {
        for name in reactions {
            let run = self.last_run.next();
            self.last_run = run;
            let target = self.rules.reaction(name).and_then(|reaction| reaction.target.clone());
            let open = Run { alarm: id, reaction: name.clone(), target, give_up_at: None };
            let admission = self.runs.add(run, open);
            let Some(alarm) = self.alarms.get_mut(&id) else { return };
            let state = ReactionState::Waiting;
            alarm.view.reactions.push(ReactionView { reaction: name.clone(), run, phase, state });
            alarm.open_runs += 1;
            match admission {
                Admission::Starts => self.start(run),
                Admission::Waits => {}
                Admission::Refused => self.refuse(id, run, name),
            }
        }
    }

    /// Starts a run whose turn it is; where it can not be started, it fails and the next one on
    /// its target has its turn.
    fn start(&mut self, first: RunId) {
        let mut turn = Some(first);
        while let Some(run) = turn.take() {
            let Some(open) = self.runs.get(run) else { return };
            let id = open.alarm;
            match (self.rules.reaction(&open.reaction), self.alarms.get_mut(&id)) {
                (Some(reaction), Some(alarm)) => {
                    let deadline = self.now.instant + reaction.timeout;
                    self.runs.started(run, deadline + REACTION_ANSWER_GRACE);
                    self.touched.insert(id);
                    if let Some(output) = begin(alarm, run, reaction, deadline) {
                        self.outputs.push_back(Output::Run(output));
                    }
                }
                _ => {
                    let reason = format!("reaction {} is no longer configured", open.reaction);
                    turn = self.end(run, Err(reason.into()));
                }
            }
        }
    }

    /// A run ended, by its answer or by itself. Ones that ended before are ignored.
    pub(super) fn on_reaction_ended(&mut self, run: RunId, result: Result<Arc<str>, Arc<str>>) {
        if let Some(next) = self.end(run, result) {
            self.start(next);
        }
    }

    /// Takes a run out of the tables and records how it ended. Gives the run whose turn it is.
    fn end(&mut self, run: RunId, result: Result<Arc<str>, Arc<str>>) -> Option<RunId> {
        let (open, next) = self.runs.end(run)?;
        self.conclude(open.alarm, run, &open.reaction, result);
        next
    }

    /// Shows and records how a run ended.
    fn conclude(
        &mut self,
        id: AlarmId,
        run: RunId,
        name: &ReactionName,
        result: Result<Arc<str>, Arc<str>>,
    ) {
        let Some(alarm) = self.alarms.get_mut(&id) else { return };
        alarm.open_runs = alarm.open_runs.saturating_sub(1);
        let about = alarm.about(self.now);
        let event = match &result {
            Ok(answer) => catalog::reaction_succeeded(&about, name, &id, &run, answer),
            Err(reason) => catalog::reaction_failed(&about, name, &id, &run, reason),
        };
        let state = match result {
            Ok(answer) => ReactionState::Succeeded(answer),
            Err(reason) => ReactionState::Failed(reason),
        };
        set_state(alarm, run, state);
        self.touched.insert(id);
        self.record(event);
    }

    /// A run did not fit into the table.
    fn refuse(&mut self, id: AlarmId, run: RunId, name: &ReactionName) {
        let Some(alarm) = self.alarms.get_mut(&id) else { return };
        alarm.open_runs = alarm.open_runs.saturating_sub(1);
        let reason = format!("{REACTION_RUNS_MAX} runs wait already");
        set_state(alarm, run, ReactionState::Failed(reason.into()));
        let about = alarm.about(self.now);
        self.touched.insert(id);
        self.record(catalog::reaction_refused(&about, name, &id, &REACTION_RUNS_MAX));
    }

    /// After a restart: runs that were under way or waiting have failed.
    pub(super) fn fail_interrupted_runs(&mut self, id: AlarmId) {
        let Some(alarm) = self.alarms.get_mut(&id) else { return };
        let is_open = |view: &&ReactionView| {
            matches!(view.state, ReactionState::Waiting | ReactionState::Running)
        };
        let open: Vec<(RunId, ReactionName)> = (alarm.view.reactions.iter().filter(is_open))
            .map(|view| (view.run, view.reaction.clone()))
            .collect();
        alarm.open_runs = open.len();
        for (run, reaction) in &open {
            self.conclude(id, *run, reaction, Err(INTERRUPTED.into()));
        }
    }
}

/// Marks a run as running and makes the order to run it.
fn begin(
    alarm: &mut Alarm,
    run: RunId,
    reaction: &Reaction,
    deadline: Instant,
) -> Option<ReactionRun> {
    let phase = set_state(alarm, run, ReactionState::Running)?;
    let view = &alarm.view;
    let call = AlarmCall {
        condition: view.condition.clone(),
        category: view.category,
        application: view.application.clone(),
        host: view.host.clone(),
        event: view.event.clone(),
        phase,
        repeats: view.repeats,
        test: view.test,
    };
    Some(ReactionRun {
        run,
        reaction: reaction.name.clone(),
        plugin: reaction.plugin.clone(),
        settings: reaction.settings.clone(),
        call,
        deadline,
    })
}

/// Shows where a run stands. Gives its phase.
fn set_state(alarm: &mut Alarm, run: RunId, state: ReactionState) -> Option<Phase> {
    let view = alarm.view.reactions.iter_mut().find(|view| view.run == run)?;
    view.state = state;
    Some(view.phase)
}
