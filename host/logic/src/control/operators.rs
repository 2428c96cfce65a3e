//! What operators ask for. Every command is recorded before it is carried out, with who gave it.

use std::sync::Arc;

use crate::catalog;
use crate::config::model::Runs;
use crate::control::Control;
use crate::control::io::{Answer, Command, Output, Refusal};
use crate::control::operations::{Caller, Verb, refusal, unknown};
use crate::ids::{ApplicationName, PairName, RequestId};
use crate::link::Status;
use crate::run_mode::io::Spoken;
use crate::run_mode::{Cause, Input as PairInput};

impl Control {
    /// Carries out a command, and answers it here or when that is done.
    pub(super) fn command(&mut self, request: RequestId, operator: &Arc<str>, command: Command) {
        let answer = match command {
            Command::Switchover { pair } => {
                self.order_switchover(request, operator, &pair).map(|()| None)
            }
            Command::DrainedSwitchover { pair, drain_ms, max_calls } => {
                self.order_drain(request, operator, &pair, (drain_ms, max_calls)).map(|()| None)
            }
            Command::Start { application } => {
                self.order_start(request, operator, &application).map(|()| None)
            }
            Command::Stop { application, graceful } => {
                self.order_stop(request, operator, &application, graceful).map(|()| None)
            }
            Command::Restart { application } => {
                self.order_restart(request, operator, &application).map(|()| None)
            }
            Command::SetOption { application, option, value } => {
                let by = format!("operator {operator}").into();
                let set = self.set_option(&application, &option, &value, &by);
                set.map(|()| Some(Answer::Done)).map_err(refusal)
            }
            Command::UnsetOption { application, option } => {
                let by = format!("operator {operator}").into();
                let unset = self.unset_option(&application, &option, &by);
                unset.map(|()| Some(Answer::Done)).map_err(refusal)
            }
            Command::Pause { pair } => self.pause(operator, &pair).map(|()| Some(Answer::Done)),
            Command::Resume { pair } => self.resume(operator, &pair).map(|()| Some(Answer::Done)),
            Command::TestAlarm { condition } => {
                let tested = self.alarms.test(self.now, &condition, operator);
                tested.map(|alarm| Some(Answer::Alarm(alarm)))
            }
            Command::ClearAlarm { alarm } => {
                let cleared = self.alarms.clear(self.now, alarm, operator);
                cleared.map(|()| Some(Answer::Done))
            }
        };
        // What the alarms have to say about it is recorded before it is answered.
        self.drain_alarms();
        let result = match answer {
            Ok(None) => return,
            Ok(Some(answer)) => Ok(answer),
            Err(refusal) => Err(refusal),
        };
        self.outputs.push_back(Output::AnswerOperator { request, result });
    }

    fn order_switchover(
        &mut self,
        request: RequestId,
        operator: &Arc<str>,
        pair: &PairName,
    ) -> Result<(), Refusal> {
        self.find_pair(pair)?;
        let about = self.about_pair(pair);
        self.record(catalog::operator_switchover(&about, operator, pair));
        let cause = Cause::Operator(operator.clone());
        self.switch_over(pair, cause, Caller::Operator(request)).map_err(|reason| {
            self.refuse_switchover(pair, &reason);
            Refusal::Conflict(reason)
        })
    }

    fn order_start(
        &mut self,
        request: RequestId,
        operator: &Arc<str>,
        name: &ApplicationName,
    ) -> Result<(), Refusal> {
        self.find_idle(name)?;
        let config = self.config.clone();
        let runs = config.applications.get(name).map(|application| &application.runs);
        let moving = match runs {
            Some(Runs::Vip { vip, action }) => {
                self.host_of(name).is_some_and(|host| self.is_moving(vip, &host, *action))
            }
            _ => false,
        };
        if moving {
            return Err(conflict(format!("application {name} is under way already")));
        }
        let status = self.status_of(name);
        if !matches!(status, Status::Stopped | Status::Unknown) {
            return Err(conflict(format!("application {name} is {}", Spoken(status))));
        }
        let about = self.about(name);
        self.record(catalog::operator_start(&about, operator, name));
        self.begin_operation(Caller::Operator(request), [(name.clone(), Verb::Start)]);
        Ok(())
    }

    fn order_stop(
        &mut self,
        request: RequestId,
        operator: &Arc<str>,
        name: &ApplicationName,
        graceful: bool,
    ) -> Result<(), Refusal> {
        self.find_program(name)?;
        let about = self.about(name);
        self.record(catalog::operator_stop(&about, operator, name));
        self.begin_operation(Caller::Operator(request), [(name.clone(), Verb::Stop { graceful })]);
        Ok(())
    }

    fn order_restart(
        &mut self,
        request: RequestId,
        operator: &Arc<str>,
        name: &ApplicationName,
    ) -> Result<(), Refusal> {
        self.find_program(name)?;
        self.find_idle(name)?;
        let about = self.about(name);
        self.record(catalog::operator_restart(&about, operator, name));
        let stop = (name.clone(), Verb::Stop { graceful: false });
        self.begin_operation(Caller::Operator(request), [stop, (name.clone(), Verb::Start)]);
        Ok(())
    }

    fn pause(&mut self, operator: &Arc<str>, pair: &PairName) -> Result<(), Refusal> {
        self.find_pair(pair)?;
        let about = self.about_pair(pair);
        self.record(catalog::operator_pause(&about, operator, pair));
        self.pair_input(pair, PairInput::Pause);
        Ok(())
    }

    fn resume(&mut self, operator: &Arc<str>, pair: &PairName) -> Result<(), Refusal> {
        self.find_pair(pair)?;
        let about = self.about_pair(pair);
        self.record(catalog::operator_resume(&about, operator, pair));
        self.pair_input(pair, PairInput::Resume);
        Ok(())
    }

    pub(super) fn find_pair(&self, pair: &PairName) -> Result<(), Refusal> {
        let missing = || Refusal::NotFound(format!("pair {pair}: not configured").into());
        self.pairs.get(pair).map(|_| ()).ok_or_else(missing)
    }

    /// An application that nobody is starting or stopping.
    fn find_idle(&self, name: &ApplicationName) -> Result<(), Refusal> {
        if !self.config.applications.contains_key(name) {
            return Err(Refusal::NotFound(unknown(name).into()));
        }
        if self.is_under_way(name) {
            return Err(conflict(format!("application {name} is being started or stopped")));
        }
        Ok(())
    }

    fn find_program(&self, name: &ApplicationName) -> Result<(), Refusal> {
        match self.config.applications.get(name).map(|application| &application.runs) {
            None => Err(Refusal::NotFound(unknown(name).into())),
            Some(Runs::Program(_)) => Ok(()),
            Some(Runs::Vip { vip, .. }) => Err(conflict(format!(
                "application {name} moves virtual IP {vip} and ends by itself: only start it"
            ))),
        }
    }
}

pub(super) fn conflict(text: String) -> Refusal {
    Refusal::Conflict(text.into())
}
