//! Orders to agents that were not yet answered, and whom each answer belongs to.

use crate::control::Control;
use crate::ids::{HostName, OrderId, PairName, Term, VipName};
use crate::link::{ControlMessage, Fault, RunMode, Task};
use crate::run_mode::{Input as PairInput, Side};

/// What an order was given for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A run mode of a pair.
    RunMode { pair: PairName, side: Side, run_mode: RunMode, term: Term },
    /// The first move of a virtual IP on a host.
    Move { vip: VipName },
    /// A step of an operation.
    Operation(u64),
    /// The primary of a pair is drained before a switchover.
    Drain { pair: PairName },
    /// Nobody waits for it.
    Nothing,
}

/// An order that was not yet answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Awaited {
    pub(super) host: HostName,
    pub(super) purpose: Purpose,
}

impl Control {
    /// Gives an order.
    ///
    /// # Errors
    ///
    /// The host is not linked.
    pub(super) fn order(
        &mut self,
        host: &HostName,
        task: Task,
        purpose: Purpose,
    ) -> Result<OrderId, Fault> {
        if !self.is_linked(host) {
            return Err(out_of_reach(host));
        }
        let order = self.counters.order.next();
        self.counters.order = order;
        self.orders.insert(order, Awaited { host: host.clone(), purpose });
        self.send(host, ControlMessage::Order { order, task });
        Ok(order)
    }

    /// An agent answered an order. Answers to orders that were given up are ignored.
    pub(super) fn order_done(
        &mut self,
        host: &HostName,
        order: OrderId,
        result: Result<(), Fault>,
    ) {
        if self.orders.get(&order).is_some_and(|awaited| awaited.host == *host)
            && let Some(awaited) = self.orders.remove(&order)
        {
            self.answered(order, awaited, result);
        }
    }

    /// The link to a host ended, and with it every order under way there.
    pub(super) fn lose_orders(&mut self, host: &HostName) {
        let lost: Vec<OrderId> = (self.orders.iter())
            .filter(|(_, awaited)| awaited.host == *host)
            .map(|(order, _)| *order)
            .collect();
        for order in lost {
            match self.orders.remove(&order) {
                // A pair is told of the link itself, which says more than that an order is lost.
                None | Some(Awaited { purpose: Purpose::RunMode { .. }, .. }) => {}
                Some(awaited) => self.answered(order, awaited, Err(out_of_reach(host))),
            }
        }
        self.drop_waiting_moves(host);
    }

    /// Gives up an order: its answer will be ignored.
    pub(super) fn forget_order(&mut self, order: OrderId) {
        self.orders.remove(&order);
    }

    fn answered(&mut self, order: OrderId, awaited: Awaited, result: Result<(), Fault>) {
        match awaited.purpose {
            Purpose::RunMode { pair, side, run_mode, term } => {
                self.pair_input(&pair, PairInput::Answered { side, run_mode, term, result });
            }
            Purpose::Move { vip } => self.move_done(&vip, &awaited.host, order, result),
            Purpose::Operation(operation) => self.operation_step_done(operation, result),
            Purpose::Drain { pair } => self.drained(&pair, order, result),
            Purpose::Nothing => {}
        }
    }
}

/// Why nothing can be asked of a host.
pub(super) fn out_of_reach(host: &HostName) -> Fault {
    Fault::Unavailable(format!("host {host} is not linked").into())
}
