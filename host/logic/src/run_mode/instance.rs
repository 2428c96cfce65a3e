//! What is known of one of the two applications of a pair.
//!
//! This module must not know the other one, nor decide anything.

use std::time::Duration;

use crate::ids::Term;
use crate::limits;
use crate::link::{RunMode, Status, StatusCause, Verdict};
use crate::run_mode::io::{Label, Spoken};
use crate::status;
use crate::time::Instant;

/// Link to the agent of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Not yet heard of since the machine began.
    NotYet,
    /// There.
    Up,
    /// Gone since.
    Lost(Instant),
}

/// An order that was not yet answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) run_mode: RunMode,
    pub(super) term: Term,
    until: Instant,
}

/// One of the two.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) label: Label,
    pub(super) link: Link,
    /// The last one told; kept while the host can not be reached.
    pub(super) status: Status,
    pub(super) cause: StatusCause,
    pub(super) network: Verdict,
    /// What it sees of the other one, whose host is lost: good: that one serves.
    pub(super) other: Verdict,
    /// Run mode that this life of the process confirmed, and its term.
    pub(super) mode: Option<(RunMode, Term)>,
    /// It may not know its run mode, although it confirmed it once.
    pub(super) must_hear: bool,
    pub(super) order: Option<Order>,
    /// A reminder that failed is not repeated before this.
    pub(super) retry_at: Option<Instant>,
    failures: u32,
}

impl Instance {
    pub(super) fn new(label: Label) -> Self {
        Self {
            label,
            link: Link::NotYet,
            status: Status::Unknown,
            cause: StatusCause::Reported,
            network: Verdict::Unknown("not yet told".into()),
            other: Verdict::Unknown("not yet told".into()),
            mode: None,
            must_hear: false,
            order: None,
            retry_at: None,
            failures: 0,
        }
    }

    /// It could be primary now.
    pub(super) fn can_serve(&self) -> bool {
        self.link == Link::Up && self.status == Status::Running
    }

    /// It can be told a run mode now.
    pub(super) fn takes_orders(&self) -> bool {
        self.link == Link::Up && status::takes_run_modes(self.status)
    }

    /// It confirmed this run mode, and nothing has happened to it since.
    pub(super) fn is_confirmed(&self, run_mode: RunMode) -> bool {
        self.mode.is_some_and(|(mode, _)| mode == run_mode)
    }

    pub(super) fn lost_since(&self) -> Option<Instant> {
        match self.link {
            Link::Lost(since) => Some(since),
            Link::NotYet | Link::Up => None,
        }
    }

    /// What it is, as part of a sentence.
    pub(super) fn description(&self) -> String {
        let Label { application, host } = &self.label;
        match self.link {
            Link::NotYet => format!("host {host} of {application} has not yet linked up"),
            Link::Lost(_) => format!("host {host} of {application} can not be reached"),
            Link::Up => format!("{application} on {host} is {}", Spoken(self.status)),
        }
    }

    pub(super) fn link_up(&mut self, status: Status, cause: StatusCause) {
        self.link = Link::Up;
        self.order = None;
        self.tell(status, cause);
    }

    /// What it was told last stays true as far as anybody knows; what is under way is lost.
    pub(super) fn link_lost(&mut self, now: Instant) {
        if self.lost_since().is_none() {
            self.link = Link::Lost(now);
        }
        self.order = None;
        self.other = Verdict::Unknown("its host is lost".into());
    }

    pub(super) fn tell(&mut self, status: Status, cause: StatusCause) {
        (self.status, self.cause) = (status, cause);
        if !status::takes_run_modes(status) {
            self.end_life();
        }
    }

    /// Its process is gone, and with it what the process was told.
    pub(super) fn end_life(&mut self) {
        self.mode = None;
        self.order = None;
        self.other = Verdict::Unknown("its process ended".into());
        self.must_hear = false;
        self.retry_at = None;
        self.failures = 0;
    }

    /// Another one is primary: what this one confirmed is no longer so.
    pub(super) fn supersede(&mut self) {
        if self.is_confirmed(RunMode::Primary) {
            self.mode = None;
        }
    }

    pub(super) fn give_order(&mut self, run_mode: RunMode, term: Term, until: Instant) {
        self.order = Some(Order { run_mode, term, until });
        self.retry_at = None;
    }

    /// Takes the order off, if it is the one under way.
    pub(super) fn take_order(&mut self, run_mode: RunMode, term: Term) -> bool {
        self.order.take_if(|order| (order.run_mode, order.term) == (run_mode, term)).is_some()
    }

    /// Takes the order off, if it was not answered in time.
    pub(super) fn expired_order(&mut self, now: Instant) -> Option<Order> {
        self.order.take_if(|order| now >= order.until)
    }

    pub(super) fn confirm(&mut self, run_mode: RunMode, term: Term) {
        self.mode = Some((run_mode, term));
        self.must_hear = false;
        self.retry_at = None;
        self.failures = 0;
    }

    /// Waits before the next reminder, longer each time. Gives whether this failure is the first.
    pub(super) fn back_off(&mut self, now: Instant, first: Duration) -> bool {
        let wait = first.saturating_mul(1 << self.failures.min(16));
        self.retry_at = Some(now + wait.min(limits::RUN_MODE_RETRY_MAX));
        self.must_hear = true;
        self.failures = self.failures.saturating_add(1);
        self.failures == 1
    }

    pub(super) fn deadlines(&self) -> [Option<Instant>; 2] {
        [self.order.map(|order| order.until), self.retry_at]
    }
}
