//! The control server's deciding half, put together from its machines.
//!
//! The shell hands every input to [`Control`], drains every output, and sleeps until the deadline.
//! This module must not know how anything is sent, stored or run.
//!
//! ```text
//!   agents' messages --> hosts --> applications --> pairs (run_mode) --+-- SetRunMode --> agents
//!                          |                          | confirmed      |
//!                          |                          v                +-- Explain
//!                          |                       events --> alarms --> reactions --> components
//!                          v                                                              |
//!                        vips <------- EnableVip, DisableVip, StartApplication -----------+
//!                          |                              ^
//!                          +--> Vip orders --> agents     +-- operators, reconcile
//! ```
//!
//! Reading order: [`io`] (what comes in and goes out), `hosts` (links and what comes over them),
//! `applications`, `pairs` (run modes), `events` and `reactions` (log events, alarms), `vips`
//! (addresses), `operations` (start and stop), `operators` (commands), `reconcile`, [`saved`]
//! (what survives a restart), `spec` (what agents are told), `views` (what operators see).
//!
//! # Invariants
//!
//! - Nothing bypasses the path: an address moves because a log event raised an alarm whose
//!   reaction asked for it, because an operator started a control application, or in the one
//!   reconcile step.
//! - A run mode becomes a log event when it is confirmed, and once.
//! - Every request is answered exactly once, also when its order is lost with a link.
//! - A report of an agent is taken in once, in order.
//! - A restart fires nothing again; a reload touches no run mode and no address of what stays.
//! - The same inputs at the same times give the same outputs.

mod applications;
mod drains;
mod events;
mod hosts;
pub mod io;
mod operations;
mod operators;
pub mod options;
mod orders;
mod pairs;
mod reactions;
mod reconcile;
mod reload;
pub mod saved;
mod spec;
#[cfg(test)]
mod tests;
mod views;
mod vips;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::alarm::Alarms;
use crate::channel::Calls;
use crate::config::model::Config;
use crate::control::applications::Managed;
use crate::control::drains::Drain;
use crate::control::hosts::HostLink;
use crate::control::io::{Input, Output};
use crate::control::operations::Operation;
use crate::control::options::Overrides;
use crate::control::orders::Awaited;
use crate::control::pairs::ManagedPair;
use crate::control::reactions::Run;
use crate::control::saved::{Counters, Saved};
use crate::control::views::Shown;
use crate::control::vips::ManagedVip;
use crate::ids::{ApplicationName, HostName, OrderId, PairName, RunId, VipName};
use crate::time::{Instant, Now};

/// The deciding half of a control server.
#[derive(Debug)]
pub struct Control {
    config: Arc<Config>,
    /// When the input that is being handled was taken.
    now: Now,
    outputs: VecDeque<Output>,
    counters: Counters,
    hosts: BTreeMap<HostName, HostLink>,
    applications: BTreeMap<ApplicationName, Managed>,
    pairs: BTreeMap<PairName, ManagedPair>,
    vips: BTreeMap<VipName, ManagedVip>,
    /// Orders that were not yet answered.
    orders: BTreeMap<OrderId, Awaited>,
    /// Starts and stops that have not ended.
    operations: BTreeMap<u64, Operation>,
    last_operation: u64,
    /// Pairs whose primary is drained before a switchover.
    drains: BTreeMap<PairName, Drain>,
    /// Calls of applications, as they were told last.
    calls: BTreeMap<ApplicationName, Calls>,
    /// Reactions that run or wait.
    runs: BTreeMap<RunId, Run>,
    /// Options that were set while the system runs.
    overrides: Overrides,
    alarms: Alarms,
    /// Rises with every promotion of any pair: tells which reactions are older than it.
    epoch: u64,
    heartbeat_at: Instant,
    /// Until then a host that was not yet heard of is not lost.
    grace_until: Instant,
    /// Nothing was known at the start, so the first link of a host is news.
    fresh: bool,
    shown: Shown,
}

impl Control {
    /// A control server that knows nothing but its configuration.
    pub fn new(config: Arc<Config>, now: Now) -> Self {
        let mut control = Self::restore(config, Saved::default(), now);
        control.fresh = true;
        control
    }

    /// A control server as it was saved. Nothing is lost and nothing is fired until its hosts
    /// have linked up, or `startup_grace` has passed.
    pub fn restore(config: Arc<Config>, saved: Saved, now: Now) -> Self {
        let grace_until = now.instant + config.control.startup_grace;
        let mut control = Self {
            now,
            outputs: VecDeque::new(),
            counters: saved.counters,
            hosts: BTreeMap::new(),
            applications: BTreeMap::new(),
            pairs: BTreeMap::new(),
            vips: BTreeMap::new(),
            orders: BTreeMap::new(),
            operations: BTreeMap::new(),
            last_operation: 0,
            drains: BTreeMap::new(),
            calls: BTreeMap::new(),
            runs: BTreeMap::new(),
            overrides: saved.options.clone(),
            alarms: Alarms::restore(&config, saved.alarms.clone(), now),
            epoch: 0,
            heartbeat_at: now.instant + config.control.heartbeat_interval,
            grace_until,
            fresh: false,
            shown: Shown::default(),
            config,
        };
        control.restore_objects(&saved);
        control.forget_options();
        control.settle();
        control
    }

    /// Takes one input. Drain [`Self::poll`] afterwards.
    pub fn handle(&mut self, now: Now, input: Input) {
        self.forgive_own_pause(now.instant);
        self.now = now;
        match input {
            Input::Tick => {}
            Input::Received { host, message } => self.received(&host, message),
            Input::LinkEnded { host, end } => self.link_ended(&host, end),
            Input::Operator { request, operator, command } => {
                self.command(request, &operator, command);
            }
            Input::Component { request, run, call } => self.component_call(request, run, call),
            Input::ReactionEnded { run, result } => self.reaction_ended(run, result),
            Input::Event { event } => self.record(event),
        }
        self.do_what_is_due();
        self.settle();
    }

    /// The next output, in the order in which they are to be carried out.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When the next [`Input::Tick`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        let machines = self.pairs.values().map(ManagedPair::deadline);
        let vips = self.vips.values().map(ManagedVip::deadline);
        let operations = self.operations.values().map(|operation| Some(operation.deadline()));
        let drains = self.drains.values().map(|drain| Some(drain.deadline()));
        [self.hosts_deadline(), self.alarms.deadline()]
            .into_iter()
            .chain(drains)
            .chain(machines)
            .chain(vips)
            .chain(operations)
            .flatten()
            .min()
    }

    /// What time alone brings about.
    fn do_what_is_due(&mut self) {
        self.watch_hosts();
        self.tick_pairs();
        self.expire_operations();
        self.expire_drains();
        self.expire_moves();
        if self.alarms.deadline().is_some_and(|at| at <= self.now.instant) {
            self.alarms.handle(self.now, crate::alarm::Input::Tick);
        }
    }

    /// Lets the machines tell each other what they have to say, until all are silent. Each round
    /// moves something one arrow further along the diagram; the arrows make no circle but through
    /// an agent or a component, so the rounds are few.
    fn settle(&mut self) {
        loop {
            let mut moved = self.drain_pairs();
            moved |= self.drain_alarms();
            moved |= self.advance_moves();
            moved |= self.reconcile();
            if !moved {
                break;
            }
        }
        self.answer_switchovers();
        self.show_changes();
    }
}
