//! Orders, and the backend runs that carry them out.
//!
//! A down order supersedes an up run at once, because letting go is never wrong; an up order waits
//! for nothing either: whoever gives the newer order knows more.

use std::sync::Arc;
use std::time::Duration;

use crate::component::{AddressAnswer, AddressCall, VipBinding, VipOrder};
use crate::ids::{BackendRunId, OrderId, RequestId, Term};
use crate::limits::{ORDERS_JOINED_MAX, TIMEOUT_STARTUP};
use crate::link::{Fault, Release, VipAction};
use crate::time::Instant;

use super::io::{InterfaceState, KernelAnswer, KernelOperation, Output, Reading};
use super::probing::{Purpose, Question};
use super::{Address, Operation, refusal};

/// A run of the backend.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) id: BackendRunId,
    pub(super) action: VipAction,
    pub(super) term: Term,
    pub(super) release: Release,
    pub(super) deadline: Instant,
    /// The backend said that it is done; the kernel is being asked.
    pub(super) is_verifying: bool,
    /// Another host was seen to answer for the address since it began.
    pub(super) is_hindered: bool,
    pub(super) orders: Vec<OrderId>,
}

impl Run {
    /// A run that begins at an instant and has so many milliseconds left by its order.
    pub(super) fn new(
        id: BackendRunId,
        action: VipAction,
        term: Term,
        release: Release,
        (now, time_left_ms): (Instant, u64),
    ) -> Self {
        let deadline = now + Duration::from_millis(time_left_ms).min(TIMEOUT_STARTUP);
        let (is_verifying, is_hindered) = (false, false);
        let orders = Vec::new();
        Self { id, action, term, release, deadline, is_verifying, is_hindered, orders }
    }
}

impl Address {
    /// Begins what an order asks for, or joins it where it is under way.
    pub(super) fn order(&mut self, order: OrderId, mut new: Run, time_left_ms: u64) {
        if self.interface == Some(InterfaceState::Down) && new.action == VipAction::Up {
            let fault = Fault::Unavailable(self.interface_is_down());
            return self.finish(vec![order], Err(fault));
        }
        match &mut self.run {
            Some(run) if run.action == new.action => {
                if run.orders.len() >= ORDERS_JOINED_MAX {
                    return self.finish(vec![order], Err(Fault::InProgress));
                }
                run.term = run.term.max(new.term);
                return run.orders.push(order);
            }
            Some(_) => self.supersede(new.action),
            None => {}
        }
        if new.release == Release::Confirmed {
            self.probing.forget();
        }
        self.probing.set_awaiting(false);
        if new.action == VipAction::Down {
            self.let_loose();
        }
        (self.remove_at, self.is_stuck) = (None, false);
        new.orders.push(order);
        self.outputs.push_back(Output::RunBackend {
            run: new.id,
            action: new.action,
            order: VipOrder {
                binding: self.binding(),
                term: new.term,
                release: new.release,
                time_left_ms: u32::try_from(time_left_ms).unwrap_or(u32::MAX),
            },
            deadline: new.deadline,
        });
        self.run = Some(new);
    }

    fn binding(&self) -> VipBinding {
        VipBinding {
            name: self.spec.name.clone(),
            address: self.spec.address,
            prefix: self.spec.prefix,
            network_interface: self.spec.network_interface.clone(),
            port: self.spec.port,
            probe_interval_ms: self.spec.probe_interval_ms,
            host: self.host.clone(),
            other_hosts: self.spec.other_hosts.clone(),
            options: Vec::new(),
        }
    }

    /// Ends the run for an order the other way. What it did is undone by that order's own run.
    fn supersede(&mut self, by: VipAction) {
        let by = match by {
            VipAction::Up => "up",
            VipAction::Down => "down",
        };
        if let Some(run) = self.take_run() {
            let fault = Fault::Failed(format!("superseded by a newer {by} order").into());
            self.finish(run.orders, Err(fault));
        }
    }

    pub(super) fn is_rising(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.action == VipAction::Up)
    }

    pub(super) fn run_deadline(&self) -> Option<Instant> {
        self.run.as_ref().filter(|run| !run.is_verifying).map(|run| run.deadline)
    }

    /// Ends the run, so that nothing it still asks for is done.
    pub(super) fn take_run(&mut self) -> Option<Run> {
        self.probing.take_question();
        let run = self.run.take()?;
        if !run.is_verifying {
            self.outputs.push_back(Output::CancelBackend { run: run.id });
        }
        Some(run)
    }

    /// Takes the address off and then answers the orders of a run that did not succeed.
    pub(super) fn undo(&mut self, orders: Vec<OrderId>, fault: Fault) {
        self.let_loose();
        self.probing.set_awaiting(false);
        self.kernel(KernelOperation::Delete, Operation::Undo(orders, fault));
    }

    /// The same for a run that failed by itself. Where another holder stood in its way, that one
    /// is watched until it is silent: then the control server may ask again.
    fn undo_run(&mut self, run: Run, fault: Fault) {
        self.undo(run.orders, fault);
        self.probing.set_awaiting(run.action == VipAction::Up && run.is_hindered);
    }

    /// A newer decision exists, so an unfinished older one must not put the address on any more.
    pub(super) fn abort_older_up(&mut self, term: Term) {
        let older = |run: &Run| run.action == VipAction::Up && run.term < term;
        if self.run.as_ref().is_some_and(older)
            && let Some(run) = self.take_run()
        {
            self.undo(run.orders, Fault::StaleTerm(term));
        }
    }

    /// Does natively what a run did not do in time.
    pub(super) fn end_overdue_run(&mut self, now: Instant) {
        if self.run_deadline().is_some_and(|deadline| deadline <= now)
            && let Some(run) = self.take_run()
        {
            self.undo_run(run, Fault::TimedOut);
        }
    }

    pub(super) fn backend_ended(&mut self, id: BackendRunId, result: Result<(), Fault>) {
        let Some(run) = self.run.as_mut().filter(|run| run.id == id && !run.is_verifying) else {
            return;
        };
        run.is_verifying = true;
        self.probing.take_question();
        match result {
            Ok(()) => self.kernel(KernelOperation::Read, Operation::Verify(id)),
            Err(fault) => {
                if let Some(run) = self.run.take() {
                    self.undo_run(run, fault);
                }
            }
        }
    }

    /// The kernel was read after a backend said that it succeeded.
    pub(super) fn verified(&mut self, now: Instant, id: BackendRunId) {
        let Some(run) = self.run.take_if(|run| run.id == id) else {
            return;
        };
        match (run.action, &self.reading) {
            (VipAction::Up, Some(Reading::Present)) => {
                self.held = true;
                self.other_holder = None;
                self.silenced = false;
                if self.refresh_at.is_none() {
                    // It was there already; from now on it is leased.
                    (self.refreshed_at, self.refresh_at) = (now, Some(now));
                }
                if self.announcing.deadline().is_none() {
                    self.announcing.begin(now);
                }
                self.finish(run.orders, Ok(()));
            }
            (VipAction::Down, Some(Reading::Absent)) => self.finish(run.orders, Ok(())),
            (action, reading) => {
                let is = match reading {
                    Some(Reading::Present) => "still there",
                    Some(Reading::Absent) => "not there",
                    Some(Reading::Unreadable(_)) | None => "not readable",
                };
                let did = if action == VipAction::Up { "put on" } else { "took off" };
                let text = format!(
                    "plugin {} says that it {did} the address, but it is {is}",
                    self.spec.backend
                );
                self.undo(run.orders, Fault::Failed(text.into()));
            }
        }
    }

    pub(super) fn backend_call(
        &mut self,
        now: Instant,
        id: BackendRunId,
        request: RequestId,
        call: AddressCall,
    ) {
        let Some(run) = self.run.as_ref().filter(|run| run.id == id && !run.is_verifying) else {
            let fault = Fault::Unavailable("the order is over".into());
            return self.answer_call(request, Err(fault));
        };
        let (action, release) = (run.action, run.release);
        match call {
            AddressCall::Add if action == VipAction::Down => {
                let fault = Fault::Denied("a down order does not allow to add".into());
                self.answer_call(request, Err(fault));
            }
            AddressCall::Add if release == Release::Unknown && !self.is_leased() => {
                let interval = self.probe_interval();
                self.probing.ask(Question::before_adding(request, interval));
            }
            AddressCall::Add => self.call_kernel(request, KernelOperation::Add),
            AddressCall::Delete => self.call_kernel(request, KernelOperation::Delete),
            AddressCall::Present => self.call_kernel(request, KernelOperation::Read),
            AddressCall::WhoHas { attempts, interval_ms } => {
                if !(1..=10).contains(&attempts) || !(1..=1000).contains(&interval_ms) {
                    let text = format!(
                        "{attempts} attempts {interval_ms} ms apart: allowed are 1 to 10, \
                         1 to 1000 ms apart"
                    );
                    return self.answer_call(request, Err(Fault::Invalid(text.into())));
                }
                self.probing.ask(Question {
                    request,
                    purpose: Purpose::WhoHas,
                    attempts: attempts.into(),
                    interval: Duration::from_millis(interval_ms.into()),
                });
            }
            AddressCall::Announce => self.announce_call(now, request),
        }
    }

    fn announce_call(&mut self, now: Instant, request: RequestId) {
        if self.reading == Some(Reading::Present) && self.is_rising() {
            self.announcing.begin(now);
            self.answer_call(request, Ok(AddressAnswer::Done));
        } else {
            let fault = Fault::Failed("the address is not on this host".into());
            self.answer_call(request, Err(fault));
        }
    }

    fn call_kernel(&mut self, request: RequestId, operation: KernelOperation) {
        self.kernel(operation, Operation::Call(request, operation));
    }

    /// Nobody answered for long enough.
    pub(super) fn silence_answers(&mut self, question: Question) {
        match question.purpose {
            Purpose::WhoHas => {
                self.answer_call(question.request, Ok(AddressAnswer::Holder(None)));
            }
            Purpose::Add => self.call_kernel(question.request, KernelOperation::Add),
        }
    }

    /// Another host answered.
    pub(super) fn holder_answers(&mut self, question: Question, from: Arc<str>) {
        if let Some(run) = &mut self.run {
            run.is_hindered = true;
        }
        let result = match question.purpose {
            Purpose::WhoHas => Ok(AddressAnswer::Holder(Some(from))),
            Purpose::Add => Err(Fault::Unavailable(format!("{from} answers for it").into())),
        };
        self.answer_call(question.request, result);
    }

    pub(super) fn probe_not_sent(&mut self, reason: Arc<str>) {
        self.probing.not_sent();
        self.references.not_sent();
        if let Some(question) = self.probing.take_question() {
            let fault = Fault::Unavailable(format!("can not probe: {reason}").into());
            self.answer_call(question.request, Err(fault));
        }
    }

    /// The kernel did, or did not, what the backend had asked for.
    pub(super) fn call_done(
        &mut self,
        now: Instant,
        request: RequestId,
        asked: KernelOperation,
        answer: KernelAnswer,
    ) {
        let is_present = answer.reading == Reading::Present;
        let is_absent = answer.reading == Reading::Absent;
        let result = match asked {
            KernelOperation::Read => match &answer.reading {
                Reading::Unreadable(reason) => Err(Fault::Unavailable(reason.clone())),
                _ => Ok(AddressAnswer::Present(is_present)),
            },
            KernelOperation::Add if is_present && answer.result.is_ok() => {
                if self.is_rising() {
                    self.renewed(now);
                }
                Ok(AddressAnswer::Done)
            }
            KernelOperation::Delete if is_absent => Ok(AddressAnswer::Done),
            _ => Err(Fault::Failed(refusal(&answer))),
        };
        self.answer_call(request, result);
    }

    fn answer_call(&mut self, request: RequestId, result: Result<AddressAnswer, Fault>) {
        self.outputs.push_back(Output::AnswerBackend { request, result });
    }
}
