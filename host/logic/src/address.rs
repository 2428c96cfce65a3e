//! One virtual IP on one host: who may have it there, and what is done about it.
//!
//! ```text
//!              up ordered                 backend succeeded, kernel says present
//!    absent ---------------> rising -----------------------------------> held
//!      ^  ^                    | failed, superseded, gave up               |
//!      |  +--------------------+ (address taken off by the agent)          |
//!      |                                                                   |
//!      |  backend ended, kernel says absent             down ordered       |
//!      +------------------------------------- falling <--------------------+
//!      +-------------------------------------------------------------------+
//!         gave up: cut off, stood still, interface down, another holder
//! ```
//!
//! # Invariants
//!
//! - The backend only asks. What it asks for is done here, for this address and no other, and the
//!   kernel is read again after each change; the last reading is the only truth that is told.
//! - One run at a time. A run that is over changes nothing any more.
//! - An address is not added while another host was seen to answer for it, and without a confirmed
//!   release not before enough probes stayed unanswered.
//! - Every way out of `rising` and `held` but a verified success ends with the agent taking the
//!   address off itself, and with a report when that does not work.
//! - An address is refreshed only while it is rising or held. An agent that stood still for longer
//!   than the lease gives it up before it does anything else.
//! - Every order is answered exactly once, after the state that it led to was told.
//!
//! This machine must not know other addresses, the link's messages, or how terms are fenced: the
//! host agent hands it only orders that are not stale. Reading order: [`io`], then this file, then
//! `runs` (orders and backends).

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::ids::{HostName, OrderId, RequestId};
use crate::limits::{
    ADDRESS_LEASE_S, ADDRESS_REFRESH_INTERVAL, LEASE_GUARD_MAX, OTHER_HOLDER_REPORT_INTERVAL,
    REMOVAL_RETRY_INTERVAL,
};
use crate::link::{Fault, Isolation, Sighting, Verdict, VipSpec};
use crate::time::Instant;

use self::announcing::Announcing;
use self::io::{Contact, Input, InterfaceState, KernelAnswer, KernelOperation, Output};
use self::io::{Packet, Reading};
use self::probing::Probing;
use self::references::References;
use self::runs::Run;

mod announcing;
pub mod io;
mod probing;
mod references;
mod runs;
#[cfg(test)]
mod tests;

/// The machine of one virtual IP.
#[derive(Clone, Debug)]
pub struct Address {
    host: HostName,
    spec: VipSpec,
    /// An up order succeeded and nothing has ended it.
    held: bool,
    run: Option<Run>,
    /// What the kernel last said; none: not yet asked.
    reading: Option<Reading>,
    /// Kernel operations under way, oldest first, and what each is for.
    operations: VecDeque<Operation>,
    interface: Option<InterfaceState>,
    contact: Contact,
    /// When the kernel's lease was last renewed.
    refreshed_at: Instant,
    refresh_at: Option<Instant>,
    /// It would not go; try again then.
    remove_at: Option<Instant>,
    /// That was reported.
    is_stuck: bool,
    probing: Probing,
    announcing: Announcing,
    references: References,
    /// The other holder that was reported, and when.
    other_holder: Option<(Arc<str>, Instant)>,
    /// A failed announcement was reported and none has succeeded since.
    silenced: bool,
    told: Option<(Verdict, Verdict)>,
    outputs: VecDeque<Output>,
}

/// What a kernel operation is for.
#[derive(Clone, Debug)]
enum Operation {
    /// A call of the backend.
    Call(RequestId, KernelOperation),
    /// Look whether a run that says it succeeded did.
    Verify(crate::ids::BackendRunId),
    /// Take it off after a run that did not succeed, then answer its orders.
    Undo(Vec<OrderId>, Fault),
    /// Renew the lease.
    Refresh,
    /// Look, because the kernel may have changed it.
    Look,
    /// Put it back.
    Restore,
    /// Take off what was not ordered.
    RemoveStray,
    /// Take it off because it was given up.
    GiveUp(Arc<str>),
    /// Try again to take it off.
    RemoveAgain,
}

impl Address {
    /// A machine that first looks whether the address is there, and takes it off if it is: what an
    /// earlier agent held was its own.
    pub fn new(host: HostName, spec: VipSpec, contact: Contact, now: Instant) -> Self {
        let mut address = Self {
            host,
            spec,
            held: false,
            run: None,
            reading: None,
            operations: VecDeque::new(),
            interface: None,
            contact,
            refreshed_at: now,
            refresh_at: None,
            remove_at: None,
            is_stuck: false,
            probing: Probing::default(),
            announcing: Announcing::default(),
            references: References::default(),
            other_holder: None,
            silenced: false,
            told: None,
            outputs: VecDeque::new(),
        };
        address.kernel(KernelOperation::Read, Operation::Look);
        address
    }

    /// What it is configured to be.
    pub fn spec(&self) -> &VipSpec {
        &self.spec
    }

    /// Takes over new settings. The caller starts a new machine where address, prefix or interface
    /// changed, so that nothing here moves.
    pub fn reconfigure(&mut self, spec: VipSpec) {
        self.spec = spec;
    }

    /// Whether the kernel has the address.
    pub fn present(&self) -> Verdict {
        match &self.reading {
            Some(Reading::Present) => Verdict::Good,
            Some(Reading::Absent) => Verdict::Bad("absent".into()),
            Some(Reading::Unreadable(reason)) => Verdict::Unknown(reason.clone()),
            None => Verdict::Unknown("not yet read".into()),
        }
    }

    /// Whether this host reaches the address's network: its references, where there are any, and
    /// otherwise at least its interface, so that a pulled cable is a reason to switch over.
    pub fn network(&self) -> Verdict {
        match self.interface {
            Some(InterfaceState::Down) => Verdict::Bad(self.interface_is_down()),
            Some(InterfaceState::Up) if self.spec.references.is_empty() => Verdict::Good,
            _ => self.references.verdict(&self.spec.references),
        }
    }

    /// Nothing is held, nothing runs, and the kernel was asked everything.
    pub fn is_settled(&self) -> bool {
        !self.held && self.run.is_none() && self.operations.is_empty()
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Instant, input: Input) {
        self.give_up_if_stood_still(now);
        match input {
            Input::Tick => {}
            Input::Order { order, run, action, term, release, time_left_ms } => {
                let run = Run::new(run, action, term, release, (now, time_left_ms));
                self.order(order, run, time_left_ms);
            }
            Input::TermRaised(term) => self.abort_older_up(term),
            Input::Suspected if !self.held => self.probing.suspect(now),
            Input::AnnounceAsked if self.held => self.announcing.burst(now),
            Input::Suspected | Input::AnnounceAsked => {}
            Input::Contact(contact) => self.contact = contact,
            Input::Interface(state) => self.interface_changed(state),
            Input::KernelChanged => self.look(),
            Input::Kernel(answer) => self.kernel_answered(now, answer),
            Input::Answered { address, from } => self.answered(now, address, from),
            Input::NotSent { packet: Packet::Probe, reason } => self.probe_not_sent(reason),
            Input::NotSent { packet: Packet::Announcement, reason } => self.not_announced(reason),
            Input::BackendCall { run, request, call } => self.backend_call(now, run, request, call),
            Input::BackendEnded { run, result } => self.backend_ended(run, result),
            Input::GiveUp(reason) => self.give_up(reason),
        }
        self.advance(now);
        self.tell();
    }

    /// The next output, oldest first.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`handle`](Self::handle) with a tick at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        [
            self.refresh_at,
            self.remove_at,
            self.run_deadline(),
            self.isolated_at(),
            self.probing.deadline(self.probe_interval()),
            self.announcing.deadline().filter(|_| self.may_announce()),
            self.references_at(),
        ]
        .into_iter()
        .fold(None, Instant::earliest)
    }

    /// Does what is due.
    fn advance(&mut self, now: Instant) {
        if self.isolated_at().is_some_and(|at| at <= now) {
            let silence = now.since(self.last_contact());
            self.give_up(format!("no contact for {} ms", silence.as_millis()).into());
        }
        self.end_overdue_run(now);
        if self.refresh_at.is_some_and(|at| at <= now) {
            self.refresh_at = Some(now + ADDRESS_REFRESH_INTERVAL);
            self.kernel(KernelOperation::Refresh, Operation::Refresh);
        }
        if self.remove_at.is_some_and(|at| at <= now) {
            self.remove_at = None;
            self.kernel(KernelOperation::Delete, Operation::RemoveAgain);
        }
        if self.references_at().is_some() && self.references.send(now, &self.spec.references) {
            let references = self.spec.references.iter().copied();
            self.outputs.extend(references.map(Output::ProbeReference));
        }
        self.probing.set_holding(self.held && self.run.is_none());
        if let Some(question) = self.probing.settle(now) {
            self.silence_answers(question);
        }
        if self.probing.take_silence(now) {
            self.outputs.push_back(Output::Seen(Sighting::Unclaimed));
        }
        if self.probing.send(now, self.probe_interval()) {
            self.outputs.push_back(Output::Probe);
        }
        if self.may_announce() && self.announcing.send(now) {
            self.outputs.push_back(Output::Announce);
        }
    }

    /// When to probe the references; never over an interface that is down.
    fn references_at(&self) -> Option<Instant> {
        let is_down = self.interface == Some(InterfaceState::Down);
        self.references.deadline(&self.spec.references).filter(|_| !is_down)
    }

    fn probe_interval(&self) -> Duration {
        Duration::from_millis(self.spec.probe_interval_ms.max(1))
    }

    /// A host that nobody hears must not tell the network that the address is here.
    fn may_announce(&self) -> bool {
        self.contact == Contact::Linked
            || self.references.verdict(&self.spec.references) == Verdict::Good
    }

    /// It is there, and is to stay.
    fn is_leased(&self) -> bool {
        self.reading == Some(Reading::Present) && (self.held || self.is_rising())
    }

    /// The kernel has renewed the lease.
    fn renewed(&mut self, now: Instant) {
        self.refreshed_at = now;
        self.refresh_at = Some(now + ADDRESS_REFRESH_INTERVAL);
    }

    /// When control server or references were last heard.
    fn last_contact(&self) -> Instant {
        match self.contact {
            Contact::Linked => Instant(u64::MAX),
            Contact::Lost { since } => {
                self.references.answered_at().map_or(since, |at| at.max(since))
            }
        }
    }

    /// When a holder that stays cut off must have let go.
    fn isolated_at(&self) -> Option<Instant> {
        let may_hold = self.held || self.is_rising();
        let bound = self.spec.isolation == Isolation::Release && may_hold;
        if !bound || self.contact == Contact::Linked {
            return None;
        }
        let lease = Duration::from_millis(self.spec.lease_ms);
        Some(self.last_contact() + (lease - LEASE_GUARD_MAX.min(lease / 4)))
    }

    /// The kernel took the address off meanwhile, or is about to; another host may have it by now.
    fn give_up_if_stood_still(&mut self, now: Instant) {
        let still = now.since(self.refreshed_at);
        let is_ours = self.refresh_at.is_some() && self.is_leased();
        if is_ours && still >= Duration::from_secs(ADDRESS_LEASE_S.into()) {
            let reason = format!("the host agent stood still for {} ms", still.as_millis());
            self.give_up(reason.into());
        }
    }

    /// Ends whatever holds the address here and takes it off.
    fn give_up(&mut self, reason: Arc<str>) {
        let was_here = self.held || self.run.is_some();
        if let Some(run) = self.take_run() {
            self.undo(run.orders, Fault::Unavailable(reason.clone()));
        }
        self.let_loose();
        if was_here || self.reading == Some(Reading::Present) {
            self.kernel(KernelOperation::Delete, Operation::GiveUp(reason));
        }
    }

    /// Stops keeping the address: no refresh, no announcement.
    fn let_loose(&mut self) {
        self.held = false;
        self.refresh_at = None;
        self.announcing.end();
    }

    fn interface_is_down(&self) -> Arc<str> {
        format!("network interface {} is down", self.spec.network_interface).into()
    }

    fn interface_changed(&mut self, state: InterfaceState) {
        if self.interface.replace(state) == Some(state) {
            return;
        }
        self.references.forget();
        match state {
            InterfaceState::Up => self.look(),
            InterfaceState::Down => {
                let concerned =
                    self.held || self.run.is_some() || self.reading == Some(Reading::Present);
                if concerned {
                    self.give_up(self.interface_is_down());
                }
            }
        }
    }

    /// Another host answered.
    fn answered(&mut self, now: Instant, address: IpAddr, from: Arc<str>) {
        if self.spec.references.contains(&address) {
            self.references.answered(now);
        }
        if address != self.spec.address {
            return;
        }
        self.probing.answered(from.clone());
        if let Some(question) = self.probing.take_question() {
            self.holder_answers(question, from);
        } else if self.held && self.run.is_none() {
            self.other_holder_seen(now, from);
        }
    }

    /// Two hold it. Whoever the control server hears stays and says so; the other one goes.
    fn other_holder_seen(&mut self, now: Instant, from: Arc<str>) {
        if self.contact != Contact::Linked {
            let reason = format!("{from} holds it too, and the control server is not heard");
            self.give_up(reason.into());
            return;
        }
        self.announcing.begin_again(now);
        let is_news = !self.other_holder.as_ref().is_some_and(|(holder, at)| {
            *holder == from && now.since(*at) < OTHER_HOLDER_REPORT_INTERVAL
        });
        if is_news {
            self.other_holder = Some((from.clone(), now));
            self.outputs.push_back(Output::Seen(Sighting::OtherHolder(from)));
        }
    }

    fn not_announced(&mut self, reason: Arc<str>) {
        if !self.silenced {
            self.silenced = true;
            self.outputs.push_back(Output::Seen(Sighting::NotAnnounced(reason)));
        }
    }

    fn kernel(&mut self, operation: KernelOperation, why: Operation) {
        self.operations.push_back(why);
        self.outputs.push_back(Output::Kernel(operation));
    }

    fn kernel_answered(&mut self, now: Instant, answer: KernelAnswer) {
        let Some(operation) = self.operations.pop_front() else {
            return;
        };
        self.reading = Some(answer.reading.clone());
        match operation {
            Operation::Call(request, asked) => self.call_done(now, request, asked, answer),
            Operation::Verify(run) => self.verified(now, run),
            Operation::Undo(orders, fault) => {
                self.removal_ended(now, &answer, None);
                self.finish(orders, Err(fault));
            }
            Operation::Refresh => self.refreshed(now, &answer),
            Operation::Look => self.looked(),
            Operation::Restore => self.restored(now, &answer),
            Operation::RemoveStray => {
                self.removal_ended(now, &answer, Some(Sighting::Removed));
            }
            Operation::GiveUp(reason) => {
                self.removal_ended(now, &answer, Some(Sighting::LetGo(reason)));
            }
            Operation::RemoveAgain => self.removal_ended(now, &answer, None),
        }
    }

    /// Reads the kernel, unless a reading of the same kind is about to come.
    fn look(&mut self) {
        if !matches!(self.operations.back(), Some(Operation::Look)) {
            self.kernel(KernelOperation::Read, Operation::Look);
        }
    }

    fn refreshed(&mut self, now: Instant, answer: &KernelAnswer) {
        if !self.is_leased() {
            self.looked();
        } else if answer.result.is_ok() {
            self.renewed(now);
        }
    }

    /// Compares what the kernel holds with what it should; a run under way does that itself.
    fn looked(&mut self) {
        if self.run.is_some() {
            return;
        }
        match &self.reading {
            Some(Reading::Present) if !self.held && self.remove_at.is_none() => {
                self.kernel(KernelOperation::Delete, Operation::RemoveStray);
            }
            Some(Reading::Absent) if self.held => {
                if self.interface == Some(InterfaceState::Down) {
                    self.give_up(self.interface_is_down());
                } else if let Some(holder) = self.probing.visible_holder() {
                    self.give_up(format!("it vanished, and {holder} answers for it").into());
                } else {
                    self.kernel(KernelOperation::Add, Operation::Restore);
                }
            }
            _ => {}
        }
    }

    fn restored(&mut self, now: Instant, answer: &KernelAnswer) {
        if !self.held {
            return;
        }
        if answer.reading == Reading::Present {
            self.renewed(now);
            self.announcing.begin(now);
            self.outputs.push_back(Output::Seen(Sighting::Restored));
        } else {
            let reason = format!("it vanished and could not be put back: {}", refusal(answer));
            self.give_up(reason.into());
        }
    }

    /// The end of every removal by the agent itself.
    fn removal_ended(&mut self, now: Instant, answer: &KernelAnswer, seen: Option<Sighting>) {
        if answer.reading == Reading::Absent {
            (self.remove_at, self.is_stuck) = (None, false);
            self.outputs.extend(seen.map(Output::Seen));
        } else if !self.held && self.run.is_none() {
            self.remove_at = Some(now + REMOVAL_RETRY_INTERVAL);
            if !std::mem::replace(&mut self.is_stuck, true) {
                let stuck = Sighting::Stuck(refusal(answer));
                self.outputs.push_back(Output::Seen(stuck));
            }
        }
    }

    /// Tells the state where it changed.
    fn tell(&mut self) {
        let state = (self.present(), self.network());
        if self.told.as_ref() != Some(&state) {
            self.told = Some(state);
            self.outputs.push_back(Output::StateChanged);
        }
    }

    /// Answers orders, after the state that they led to.
    fn finish(&mut self, orders: Vec<OrderId>, result: Result<(), Fault>) {
        self.tell();
        for order in orders {
            self.outputs.push_back(Output::Done { order, result: result.clone() });
        }
    }
}

/// Why the kernel does not hold what it should.
fn refusal(answer: &KernelAnswer) -> Arc<str> {
    match (&answer.result, &answer.reading) {
        (Err(reason), _) | (Ok(()), Reading::Unreadable(reason)) => reason.clone(),
        (Ok(()), Reading::Present) => "the kernel still has it".into(),
        (Ok(()), Reading::Absent) => "the kernel does not have it".into(),
    }
}
