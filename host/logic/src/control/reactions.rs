//! Alarms and their reactions: what the alarm machine wants run, and what components ask for.

use std::sync::Arc;

use crate::alarm;
use crate::component::{ApplicationFacts, ManagementAnswer, ManagementCall};
use crate::config::model::Runs;
use crate::control::Control;
use crate::control::io::{AlarmView, Change, Output, ReactionFault, ReactionRun, ReactionState};
use crate::control::operations::{Caller, Verb, unknown};
use crate::control::pairs::ManagedPair;
use crate::ids::{ApplicationName, PairName, RequestId, RunId, SolutionName, VipName};
use crate::link::{Fault, RunMode, Status, VipAction};
use crate::run_mode::Cause;
use crate::status;

/// A reaction that runs or waits.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// [`Control::epoch`] when its alarm was raised or cleared.
    epoch: u64,
    /// What its alarm is about.
    application: ApplicationName,
    /// The pair around that.
    pair: Option<PairName>,
    /// An operator tests the condition: it acts on the present term.
    pub(super) test: bool,
    /// What it is called, for the explanation.
    pub(super) label: Arc<str>,
}

impl Control {
    pub(super) fn drain_alarms(&mut self) -> bool {
        let mut moved = false;
        while let Some(output) = self.alarms.poll() {
            moved = true;
            match output {
                alarm::Output::Run(run) => self.run_reaction(run),
                alarm::Output::Changed(view) => self.alarm_changed(view),
                alarm::Output::Record(event) => self.record(event),
                alarm::Output::Rearmed { application, .. } => {
                    if let Some(pair) = self.pair_around(&application) {
                        self.ask_to_reconcile(&pair);
                    }
                }
            }
        }
        moved
    }

    fn run_reaction(&mut self, run: ReactionRun) {
        let pair = self.pair_around(&run.call.application);
        let (epoch, test) = (self.epoch, run.call.test);
        let label = run.reaction.as_str().into();
        let application = run.call.application.clone();
        let this = Run { epoch, application, pair: pair.clone(), test, label };
        self.runs.entry(run.run).or_insert(this);
        if let Some(pair) = pair.filter(|_| !test) {
            let (reaction, condition) = (&run.reaction, &run.call.condition);
            let sentence = format!("condition {condition} runs reaction {reaction}");
            self.explain(&pair, self.term_of(&pair), sentence);
        }
        self.outputs.push_back(Output::RunReaction(run));
    }

    /// Keeps the table of runs in step with what the alarm shows.
    fn alarm_changed(&mut self, view: AlarmView) {
        let pair = self.pair_around(&view.application);
        for reaction in &view.reactions {
            let (epoch, test, pair) = (self.epoch, view.test, pair.clone());
            let failed = match &reaction.state {
                ReactionState::Waiting | ReactionState::Running => {
                    let label = reaction.reaction.as_str().into();
                    let application = view.application.clone();
                    let this = Run { epoch, application, pair, test, label };
                    self.runs.entry(reaction.run).or_insert(this);
                    continue;
                }
                ReactionState::Succeeded(_) => None,
                ReactionState::Failed(why) => Some(why.clone()),
            };
            let ended = self.runs.remove(&reaction.run);
            if let (Some(Run { pair: Some(pair), test: false, label, .. }), Some(why)) =
                (ended, failed)
            {
                let sentence = format!("reaction {label} failed: {why}");
                self.explain(&pair, self.term_of(&pair), sentence);
            }
        }
        self.outputs.push_back(Output::Changed(Change::Alarm(view)));
    }

    pub(super) fn reaction_ended(&mut self, run: RunId, result: Result<Arc<str>, ReactionFault>) {
        self.alarms.handle(self.now, alarm::Input::ReactionEnded { run, result });
    }

    /// Whether reactions to alarms about a pair run or wait.
    pub(super) fn has_runs(&self, pair: &PairName) -> bool {
        self.runs.values().any(|run| run.pair.as_ref() == Some(pair))
    }

    /// A component asks for something; it is answered here or when that is done.
    pub(super) fn component_call(&mut self, request: RequestId, run: RunId, call: ManagementCall) {
        let caller = Caller::Component(request);
        let Some(run) = self.runs.get(&run).cloned() else {
            let text = format!("reaction run {run} has ended");
            self.answer(caller, Err(Fault::Unavailable(text.into())));
            return;
        };
        let steps = match call {
            ManagementCall::GetApplication { name } => {
                let result = self.facts(&name).map(ManagementAnswer::Application);
                self.outputs.push_back(Output::AnswerComponent { request, result });
                return;
            }
            ManagementCall::RequirePrimary => {
                let result = self.require_primary(&run);
                return self.answer(caller, result);
            }
            ManagementCall::EnableVip { vip, application } => {
                return self.move_for(&run, &vip, &application, (VipAction::Up, caller));
            }
            ManagementCall::DisableVip { vip, application } => {
                return self.move_for(&run, &vip, &application, (VipAction::Down, caller));
            }
            ManagementCall::Switchover { application, only_if } => {
                return self.switchover_for(&run, &application, only_if, caller);
            }
            ManagementCall::StartApplication { name } => {
                return self.start_for(&run, &name, caller);
            }
            ManagementCall::StopApplication { name, graceful } => {
                self.known(&name).map(|()| vec![(name, Verb::Stop { graceful })])
            }
            ManagementCall::RestartApplication { name } => {
                let stop = Verb::Stop { graceful: false };
                self.known(&name).map(|()| vec![(name.clone(), stop), (name, Verb::Start)])
            }
            ManagementCall::StartSolution { name } => {
                self.solution(&name).map(|names| self.steps_to_start(&names))
            }
            ManagementCall::StopSolution { name } => self.solution(&name).map(|names| {
                let stop = |name: ApplicationName| (name, Verb::Stop { graceful: false });
                names.into_iter().rev().map(stop).collect()
            }),
            ManagementCall::SetOption { application, section, key, value } => {
                let by = format!("reaction {}", run.label).into();
                let option = format!("{section}/{key}");
                let result = self.set_option(&application, &option, &value, &by);
                return self.answer(caller, result);
            }
        };
        match steps {
            Ok(steps) => self.begin_operation(caller, steps),
            Err(fault) => self.answer(caller, Err(fault)),
        }
    }

    fn known(&self, name: &ApplicationName) -> Result<(), Fault> {
        match self.config.applications.contains_key(name) {
            true => Ok(()),
            false => Err(Fault::NotFound(unknown(name).into())),
        }
    }

    fn solution(&self, name: &SolutionName) -> Result<Vec<ApplicationName>, Fault> {
        let solution = self.config.solutions.get(name);
        let missing = || Fault::NotFound(format!("solution {name}: not configured").into());
        solution.map(|solution| solution.applications.clone()).ok_or_else(missing)
    }

    fn facts(&self, name: &ApplicationName) -> Result<ApplicationFacts, Fault> {
        let application = self
            .config
            .applications
            .get(name)
            .ok_or_else(|| Fault::NotFound(unknown(name).into()))?;
        Ok(ApplicationFacts {
            name: name.clone(),
            host: application.host.clone(),
            kind: application.kind.clone(),
            status: self.status_of(name),
            run_mode: self.run_mode_of(name),
        })
    }

    /// The confirmed run mode of an application, where it is one of a pair.
    pub(super) fn run_mode_of(&self, name: &ApplicationName) -> Option<RunMode> {
        let (pair, side) = self.side_of(name)?;
        self.pairs.get(&pair)?.machine.run_mode(side)
    }

    /// A newer promotion than the one under which an alarm was raised makes what its reactions ask
    /// for wrong: a late DOWN must not take the address off the new primary.
    fn fence(&self, run: &Run, pair: &PairName) -> Result<(), Fault> {
        let newest = self.pairs.get(pair).map_or(0, ManagedPair::epoch);
        if run.test || run.epoch >= newest {
            return Ok(());
        }
        Err(Fault::StaleTerm(self.term_of(pair)))
    }

    /// Whether the application that a run is about is primary, under a term that is not older.
    fn require_primary(&self, run: &Run) -> Result<(), Fault> {
        let name = &run.application;
        let denied = |text: String| Err(Fault::Denied(text.into()));
        let Some((pair, _)) = self.side_of(name) else {
            return denied(format!("application {name} is not one of a pair"));
        };
        self.fence(run, &pair)?;
        match self.run_mode_of(name) {
            Some(RunMode::Primary) => Ok(()),
            Some(RunMode::Backup) => denied(format!("application {name} is backup")),
            Some(RunMode::Exiting) => denied(format!("application {name} is exiting")),
            None => denied(format!("the run mode of application {name} is not confirmed")),
        }
    }

    /// Moves a virtual IP on the host of an application, for a reaction.
    fn move_for(
        &mut self,
        run: &Run,
        vip: &VipName,
        application: &ApplicationName,
        (action, caller): (VipAction, Caller),
    ) {
        let config = self.config.clone();
        let place = match (config.vips.get(vip), config.applications.get(application)) {
            (None, _) => Err(Fault::NotFound(format!("virtual IP {vip}: not configured").into())),
            (_, None) => Err(Fault::NotFound(unknown(application).into())),
            (Some(vip), Some(application)) => {
                self.fence(run, &vip.pair).map(|()| application.host.clone())
            }
        };
        match place {
            Ok(host) => self.begin_move(vip, &host, action, (caller, run.test)),
            Err(fault) => self.answer(caller, Err(fault)),
        }
    }

    fn start_for(&mut self, run: &Run, name: &ApplicationName, caller: Caller) {
        let config = self.config.clone();
        let Some(application) = config.applications.get(name) else {
            return self.answer(caller, Err(Fault::NotFound(unknown(name).into())));
        };
        if let Runs::Vip { vip, action } = &application.runs {
            let pair = config.vips.get(vip).map(|vip| vip.pair.clone());
            let fenced = pair.map_or(Ok(()), |pair| self.fence(run, &pair));
            return match fenced {
                Err(fault) => self.answer(caller, Err(fault)),
                Ok(()) if self.is_moving(vip, &application.host, *action) => {
                    self.answer(caller, Err(Fault::InProgress));
                }
                Ok(()) => self.begin_move(vip, &application.host, *action, (caller, run.test)),
            };
        }
        match self.status_of(name) {
            _ if self.is_under_way(name) => self.answer(caller, Err(Fault::InProgress)),
            Status::StartPending | Status::StartTransition | Status::Initializing => {
                self.answer(caller, Err(Fault::InProgress));
            }
            status if status::takes_run_modes(status) => self.answer(caller, Ok(())),
            _ => self.begin_operation(caller, [(name.clone(), Verb::Start)]),
        }
    }

    fn switchover_for(
        &mut self,
        run: &Run,
        application: &ApplicationName,
        only_if: Option<RunMode>,
        caller: Caller,
    ) {
        let Some((pair, _)) = self.side_of(application) else {
            let text = format!("application {application}: not one of a pair");
            return self.answer(caller, Err(Fault::Invalid(text.into())));
        };
        if let Err(fault) = self.fence(run, &pair) {
            return self.answer(caller, Err(fault));
        }
        if only_if.is_some() && only_if != self.run_mode_of(application) {
            return self.answer(caller, Ok(()));
        }
        let cause = Cause::Reaction(run.label.clone());
        if let Err(reason) = self.switch_over(&pair, cause, caller.clone()) {
            self.refuse_switchover(&pair, &reason);
            self.answer(caller, Err(Fault::Unavailable(reason)));
        }
    }
}
