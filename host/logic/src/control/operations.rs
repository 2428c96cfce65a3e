//! Starting and stopping: one application, two in turn, a solution in its order.
//!
//! An operation is a list of steps, one under way at a time, and somebody who waits for the end.

use std::collections::VecDeque;
use std::time::Duration;

use crate::component::ManagementAnswer;
use crate::config::model::{Application, Runs};
use crate::control::Control;
use crate::control::io::{Answer, Output, Refusal};
use crate::control::orders::Purpose;
use crate::ids::{ApplicationName, OrderId, RequestId};
use crate::limits;
use crate::link::{Fault, Status, Task};
use crate::status;
use crate::time::Instant;

/// Who waits for the outcome of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    Operator(RequestId),
    Component(RequestId),
    /// A step of an operation.
    Operation(u64),
    /// Nobody: autostart, reconcile.
    Nobody,
}

/// What to do with an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Start,
    Stop { graceful: bool },
}

/// Steps under way.
#[derive(Debug)]
pub(super) struct Operation {
    caller: Caller,
    /// The step under way.
    present: (ApplicationName, Verb),
    rest: VecDeque<(ApplicationName, Verb)>,
    order: Option<OrderId>,
    deadline: Instant,
}

impl Operation {
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }
}

impl Control {
    /// Begins an operation; its caller is answered when the last step has ended, or the first one
    /// failed.
    pub(super) fn begin_operation(
        &mut self,
        caller: Caller,
        steps: impl IntoIterator<Item = (ApplicationName, Verb)>,
    ) {
        if self.operations.len() >= limits::OPERATIONS_MAX {
            let text = format!("{} operations are under way", limits::OPERATIONS_MAX);
            self.answer(caller, Err(Fault::Unavailable(text.into())));
            return;
        }
        let mut rest: VecDeque<_> = steps.into_iter().collect();
        let Some(present) = rest.pop_front() else {
            self.answer(caller, Ok(()));
            return;
        };
        self.last_operation += 1;
        let deadline = self.now.instant;
        let operation = Operation { caller, present, rest, order: None, deadline };
        self.operations.insert(self.last_operation, operation);
        self.take_step(self.last_operation);
    }

    /// Carries out the present step of an operation.
    fn take_step(&mut self, number: u64) {
        let Some(operation) = self.operations.get(&number) else { return };
        let (name, verb) = operation.present.clone();
        let config = self.config.clone();
        let Some(application) = config.applications.get(&name) else {
            self.operation_step_done(number, Err(Fault::NotFound(unknown(&name).into())));
            return;
        };
        let begun = match (&application.runs, verb) {
            (Runs::Vip { .. }, Verb::Stop { .. }) => Ok(None),
            (Runs::Vip { vip, action }, Verb::Start) => {
                let caller = (Caller::Operation(number), false);
                self.begin_move(vip, &application.host, *action, caller);
                Ok(None)
            }
            (Runs::Program(_), verb) => self.order_step(application, verb, number),
        };
        let wait = step_timeout(application, verb);
        match begun {
            Ok(order) => {
                if let Some(operation) = self.operations.get_mut(&number) {
                    operation.order = order;
                    operation.deadline = self.now.instant + wait;
                }
                if matches!((&application.runs, verb), (Runs::Vip { .. }, Verb::Stop { .. })) {
                    // A control application ends by itself: there is nothing to stop.
                    self.operation_step_done(number, Ok(()));
                }
            }
            Err(fault) => self.operation_step_done(number, Err(fault)),
        }
    }

    fn order_step(
        &mut self,
        application: &Application,
        verb: Verb,
        number: u64,
    ) -> Result<Option<OrderId>, Fault> {
        let name = application.name.clone();
        let task = match verb {
            Verb::Start => Task::Start { application: name.clone() },
            Verb::Stop { graceful } => Task::Stop { application: name.clone(), graceful },
        };
        let order = self.order(&application.host, task, Purpose::Operation(number))?;
        if let Some(managed) = self.applications.get_mut(&name) {
            managed.stopped_by_order = matches!(verb, Verb::Stop { .. });
        }
        Ok(Some(order))
    }

    /// The present step of an operation ended.
    pub(super) fn operation_step_done(&mut self, number: u64, result: Result<(), Fault>) {
        let Some(operation) = self.operations.get_mut(&number) else { return };
        if result.is_ok()
            && let Some(next) = operation.rest.pop_front()
        {
            operation.present = next;
            operation.order = None;
            self.take_step(number);
            return;
        }
        if let Some(operation) = self.operations.remove(&number) {
            self.answer(operation.caller, result);
        }
    }

    /// Gives up what was not answered in time.
    pub(super) fn expire_operations(&mut self) {
        let now = self.now.instant;
        let due = |operation: &&u64| {
            self.operations.get(operation).is_some_and(|operation| now >= operation.deadline)
        };
        let late: Vec<u64> = self.operations.keys().filter(due).copied().collect();
        for number in late {
            let order = self.operations.get_mut(&number).and_then(|late| late.order.take());
            if let Some(order) = order {
                self.forget_order(order);
            }
            self.operation_step_done(number, Err(Fault::TimedOut));
        }
    }

    /// Whether somebody is starting or stopping an application at the moment.
    pub(super) fn is_under_way(&self, application: &ApplicationName) -> bool {
        self.operations.values().any(|operation| operation.present.0 == *application)
    }

    /// Starts an application whose host linked up, where that is configured.
    pub(super) fn autostart(&mut self, name: &ApplicationName) {
        let config = self.config.clone();
        let Some(application) = config.applications.get(name) else { return };
        let Some(managed) = self.applications.get(name) else { return };
        let stopped = managed.status.shown() == Status::Stopped && !managed.stopped_by_order;
        let wanted = matches!(&application.runs, Runs::Program(program) if program.autostart);
        if wanted && stopped && !self.is_under_way(name) {
            self.begin_operation(Caller::Nobody, [(name.clone(), Verb::Start)]);
        }
    }

    /// Steps that start every application of a list, control applications and those that run
    /// already left out.
    pub(super) fn steps_to_start(&self, names: &[ApplicationName]) -> Vec<(ApplicationName, Verb)> {
        let idle = |name: &&ApplicationName| !status::is_live(self.status_of(name));
        names.iter().filter(idle).map(|name| (name.clone(), Verb::Start)).collect()
    }

    /// Tells whoever waits how it went.
    pub(super) fn answer(&mut self, caller: Caller, result: Result<(), Fault>) {
        match caller {
            Caller::Operator(request) => {
                let result = result.map(|()| Answer::Done).map_err(refusal);
                self.outputs.push_back(Output::AnswerOperator { request, result });
            }
            Caller::Component(request) => {
                let result = result.map(|()| ManagementAnswer::Done);
                self.outputs.push_back(Output::AnswerComponent { request, result });
            }
            Caller::Operation(number) => self.operation_step_done(number, result),
            Caller::Nobody => {}
        }
    }
}

/// A fault as an operator reads it.
pub(super) fn refusal(fault: Fault) -> Refusal {
    match fault {
        Fault::NotFound(text) => Refusal::NotFound(text),
        Fault::InProgress => Refusal::Conflict("the same is under way already".into()),
        Fault::Unavailable(text) => Refusal::Conflict(text),
        other => Refusal::Failed(other.to_string().into()),
    }
}

/// The error for an application that is not configured.
pub(super) fn unknown(name: &ApplicationName) -> String {
    format!("application {name}: not configured")
}

/// Longest time of a step. The agent has bounds of its own; this one is for agents that hang.
fn step_timeout(application: &Application, verb: Verb) -> Duration {
    let own = match (&application.runs, verb) {
        (Runs::Program(program), Verb::Stop { graceful }) => {
            let drain = if graceful { program.suspending_timeout } else { Duration::ZERO };
            drain + program.shutdown_timeout
        }
        _ => application.startup_timeout,
    };
    own + limits::ORDER_ANSWER_GRACE
}
