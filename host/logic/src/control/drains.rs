//! Switchovers that wait until the primary has few enough calls.
//!
//! The primary's agent watches the calls; this file asks it to, and begins the ordinary switchover
//! when it says that the time has come. What became of the calls is recorded when the switchover is
//! done. Nothing of it is kept over a restart: the operator's request is lost with it, too.

use std::sync::Arc;
use std::time::Duration;

use crate::catalog;
use crate::channel::{Calls, Reject};
use crate::control::Control;
use crate::control::io::{Output, Refusal};
use crate::control::operations::{Caller, refusal};
use crate::control::operators::conflict;
use crate::control::orders::Purpose;
use crate::ids::{ApplicationName, HostName, OrderId, PairName, RequestId};
use crate::limits;
use crate::link::{Fault, Task};
use crate::run_mode::{Cause, Side};
use crate::time::Instant;

/// A pair whose primary is drained.
#[derive(Clone, Debug)]
pub(super) struct Drain {
    request: RequestId,
    operator: Arc<str>,
    /// The primary.
    application: ApplicationName,
    order: OrderId,
    deadline: Instant,
    /// Calls that the two had lost before.
    lost_before: u32,
}

impl Drain {
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }
}

/// What a switchover after a drain began with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Drained {
    /// Calls that were up at its beginning.
    kept: u32,
    lost_before: u32,
}

impl Control {
    /// An agent told how many calls an application has.
    pub(super) fn calls_told(
        &mut self,
        host: &HostName,
        application: ApplicationName,
        calls: Calls,
    ) {
        if self.host_of(&application).as_ref() == Some(host) {
            self.calls.insert(application, calls);
        }
    }

    /// Has the primary of a pair drained, and exchanges the run modes then.
    pub(super) fn order_drain(
        &mut self,
        request: RequestId,
        operator: &Arc<str>,
        pair: &PairName,
        (drain_ms, max_calls): (u64, u32),
    ) -> Result<(), Refusal> {
        self.find_pair(pair)?;
        let about = self.about_pair(pair);
        self.record(catalog::operator_switchover(&about, operator, pair));
        if self.drains.contains_key(pair) {
            return Err(conflict(format!("pair {pair} waits for a switchover already")));
        }
        let Some(application) = self.primary_of(pair) else {
            return Err(conflict(format!("pair {pair}: nobody is primary")));
        };
        let Some(host) = self.host_of(&application) else {
            return Err(conflict(format!("application {application} is not configured")));
        };
        // A caller that reads this tries elsewhere, or here again (RFC 3261 section 21.5.4).
        let reject =
            Reject { code: 503, reason: "Draining".into(), retry_after_s: limits::DRAIN_RETRY_S };
        let name = application.clone();
        let task = Task::Drain { application: name, reject, max_calls, time_left_ms: drain_ms };
        let order = self.order(&host, task, Purpose::Drain { pair: pair.clone() });
        let order = order.map_err(refusal)?;
        let wait = Duration::from_millis(drain_ms) + limits::ORDER_ANSWER_GRACE;
        let (lost_before, deadline) = (self.lost_calls(pair), self.now.instant + wait);
        let operator = operator.clone();
        let drain = Drain { request, operator, application, order, deadline, lost_before };
        self.drains.insert(pair.clone(), drain);
        Ok(())
    }

    /// The primary has few enough calls, or can not be drained.
    pub(super) fn drained(&mut self, pair: &PairName, order: OrderId, result: Result<(), Fault>) {
        if self.drains.get(pair).is_none_or(|drain| drain.order != order) {
            return;
        }
        let Some(drain) = self.drains.remove(pair) else { return };
        let is_primary = self.primary_of(pair).as_ref() == Some(&drain.application);
        let outcome = match result {
            Err(fault) => Err(refusal(fault)),
            Ok(()) if !is_primary => {
                Err(conflict(format!("{} is no longer primary", drain.application)))
            }
            Ok(()) => {
                let calls = self.calls.get(&drain.application);
                let kept = calls.map(Calls::up).unwrap_or_default();
                let drained = Drained { kept, lost_before: drain.lost_before };
                let caller = Caller::Operator(drain.request);
                let cause = Cause::Operator(drain.operator.clone());
                self.switch_over_drained(pair, cause, caller, drained).map_err(Refusal::Conflict)
            }
        };
        if let Err(refusal) = outcome {
            self.refuse_switchover(pair, &refusal.to_string());
            if let Some(host) = self.host_of(&drain.application) {
                let task = Task::EndDrain { application: drain.application };
                // Where its host is away, the drain ends with the next run mode.
                let _ = self.order(&host, task, Purpose::Nothing);
            }
            let (request, result) = (drain.request, Err(refusal));
            self.outputs.push_back(Output::AnswerOperator { request, result });
        }
    }

    /// Gives up drains whose agent does not answer.
    pub(super) fn expire_drains(&mut self) {
        let now = self.now.instant;
        let late = self.drains.iter().filter(|(_, drain)| now >= drain.deadline);
        let late: Vec<_> = late.map(|(pair, drain)| (pair.clone(), drain.order)).collect();
        for (pair, order) in late {
            self.forget_order(order);
            self.drained(&pair, order, Err(Fault::TimedOut));
        }
    }

    /// Records what became of the calls.
    pub(super) fn report_drained(&mut self, pair: &PairName, drained: Drained) {
        let lost = self.lost_calls(pair).saturating_sub(drained.lost_before);
        let about = self.about_pair(pair);
        let kept = drained.kept;
        self.record(catalog::switchover_drained(&about, pair, &kept, &lost));
        let term = self.term_of(pair);
        self.explain(pair, term, format!("{kept} calls were up, {lost} were reported lost"));
    }

    fn lost_calls(&self, pair: &PairName) -> u32 {
        let members = Side::BOTH.into_iter().filter_map(|side| self.member(pair, side));
        let lost = members.filter_map(|member| self.calls.get(&member)).map(|calls| calls.lost);
        lost.fold(0, u32::saturating_add)
    }
}
