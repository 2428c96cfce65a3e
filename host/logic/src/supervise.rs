//! One program under supervision: start, readiness, watchdog, stop, restart.
//!
//! ```text
//!           start            spawned                 READY=1, or at once
//!   down -----------> spawning ----------> initializing -----------> running
//!    ^ ^                 | can not              |                       |
//!    | +-----------------+                      | not ready in time,    | watchdog silent
//!    |                                          v                       v
//!    | group gone                             killing <-----------------+
//!    +------------ clearing <---- exited -------+                       |
//!                      ^                        ^ timeout               | stop
//!                      +------- exited ---- terminating <---------------+
//!                                               ^ drained, timeout      | graceful stop of one
//!                                               +---- suspending <------+ that knows the signal
//! ```
//!
//! # Invariants
//!
//! - The end of the main process is told at once; whatever is left of its process group is killed
//!   before the program is started again, because a forked worker would still hold the port.
//! - A stop by order ends every wish to restart, also the wish of a later agent: that the process
//!   is being ended is kept beside its pid.
//! - A program without a channel and without a signal that asks it to finish its work is stopped
//!   at once by a graceful stop (guide: applications that do not support graceful stop).
//! - Restarts wait 200 ms, doubled with each failure in a row up to 30 s; the row ends when the
//!   program has run for 60 s.
//! - Every order is answered exactly once, after the status that it led to was told.
//!
//! This machine must not know how processes are made, signals sent or sockets read.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{ApplicationName, OrderId, Term};
use crate::limits::{
    GROUP_GONE_TIMEOUT, ORDERS_JOINED_MAX, RESTART_WAIT_MAX, RESTART_WAIT_MIN, RESTART_WAIT_RESET,
};
use crate::link::{
    ApplicationSpec, ApplicationState, Exit, Fault, RunMode, Status, StatusCause, SuspendSignal,
};
use crate::time::Instant;

#[cfg(test)]
mod tests;

/// What a program says by `sd_notify` (sd_notify(3)), where one datagram may say several things,
/// or in other words on its channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notification {
    /// `READY=1`.
    Ready,
    /// `STOPPING=1`.
    Stopping,
    /// `WATCHDOG=1`.
    Watchdog,
    /// `WATCHDOG=trigger`: treat me as hung up.
    WatchdogTriggered,
    /// `STATUS=...`.
    Says(Arc<str>),
    /// `X_TAKEOVER_SERVICE=available` or `=unavailable`: whether it can serve at the moment.
    Service(bool),
    /// `X_TAKEOVER_SERVICE=suspended`: it has finished its work and may be ended.
    Suspended,
}

/// Whether a process is being ended by order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// No: it is to run.
    No,
    /// It was asked to finish its work.
    Suspending,
    /// It was told to end.
    Stopping,
}

/// One input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Time passed.
    Tick,
    /// Start it.
    Start(OrderId),
    /// Stop it.
    Stop {
        /// Answered when its process group is gone.
        order: OrderId,
        /// Let it finish first.
        graceful: bool,
    },
    /// Answer to [`Output::Spawn`]: its process, or why there is none.
    Spawned(Result<u32, Arc<str>>),
    /// The main process ended.
    Exited(Exit),
    /// Answer to [`Output::Kill`] after the main process ended: nothing of the group is left.
    GroupGone,
    /// It says something.
    Notified(Notification),
    /// It is not managed any more; its process goes on, and waiting orders are answered.
    Forget,
}

/// What operators see of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Its status.
    pub status: Status,
    /// Why it is in that status.
    pub cause: StatusCause,
    /// Its process.
    pub pid: Option<u32>,
    /// What it says of itself.
    pub says: Option<Arc<str>>,
}

impl State {
    /// The state as it is told on the link.
    pub fn of(self, name: ApplicationName, run_mode: Option<(RunMode, Term)>) -> ApplicationState {
        let Self { status, cause, pid, says } = self;
        ApplicationState { name, status, cause, run_mode, pid, says }
    }
}

/// One output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Execute the command line in a process group of its own.
    Spawn,
    /// Send this signal to the main process, which hands it on as it sees fit.
    Suspend(SuspendSignal),
    /// Ask it on its channel to finish its work.
    AskToFinish,
    /// Send SIGTERM to the process group.
    Terminate,
    /// Send SIGKILL to the process group, also when its main process has ended.
    Kill,
    /// Its process, to be kept for a later agent; none when nothing is left of its group.
    HasProcess(Option<(u32, Ending)>),
    /// Its state changed, and is now this.
    Changed(State),
    /// An order was carried out, or not.
    Done {
        /// Which.
        order: OrderId,
        /// The outcome.
        result: Result<(), Fault>,
    },
}

/// Where the process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Down,
    Spawning,
    Initializing {
        ready_by: Instant,
    },
    Running {
        since: Instant,
    },
    Suspending {
        until: Instant,
    },
    Terminating {
        until: Instant,
    },
    /// SIGKILL was sent; the end is on its way.
    Killing,
    /// The main process ended, its group is being killed.
    Clearing {
        until: Instant,
    },
}

/// The machine of one program.
#[derive(Clone, Debug)]
pub struct Supervisor {
    spec: ApplicationSpec,
    phase: Phase,
    state: State,
    /// Why the process is started.
    starting: StatusCause,
    /// Why the process is being ended, where it is not its own doing.
    ending: Option<StatusCause>,
    restart_at: Option<Instant>,
    /// Failures in a row.
    failures: u32,
    watchdog_at: Option<Instant>,
    starts: Vec<OrderId>,
    stops: Vec<OrderId>,
    told: State,
    outputs: VecDeque<Output>,
}

impl Supervisor {
    /// A program that is not running.
    pub fn new(spec: ApplicationSpec) -> Self {
        let (status, cause) = (Status::Stopped, StatusCause::Ordered);
        let state = State { status, cause, pid: None, says: None };
        Self {
            spec,
            phase: Phase::Down,
            told: state.clone(),
            state,
            starting: cause,
            ending: None,
            restart_at: None,
            failures: 0,
            watchdog_at: None,
            starts: Vec::new(),
            stops: Vec::new(),
            outputs: VecDeque::new(),
        }
    }

    /// A program whose process an earlier agent had started and that still runs. It is taken to be
    /// ready: if it is not, its watchdog or its end will tell. What it was being ended with goes
    /// on, with its whole timeout.
    pub fn adopt(spec: ApplicationSpec, (pid, ending): (u32, Ending), now: Instant) -> Self {
        let mut supervisor = Self::new(spec);
        supervisor.state.pid = Some(pid);
        supervisor.state.cause = StatusCause::Adopted;
        supervisor.run(now);
        match ending {
            Ending::No => {}
            Ending::Suspending => supervisor.suspend(now),
            Ending::Stopping => supervisor.terminate(now),
        }
        // The agent's first word on a link tells the state whole; from here on only changes.
        supervisor.told = supervisor.state.clone();
        supervisor
    }

    /// A program whose process ended while no agent was there to see how. One that was being
    /// ended stays down.
    pub fn missed(spec: ApplicationSpec, ending: Ending, now: Instant) -> Self {
        let mut supervisor = Self::new(spec);
        supervisor.outputs.push_back(Output::HasProcess(None));
        if ending == Ending::No {
            supervisor.state.cause = StatusCause::Died(Exit::Unseen);
            supervisor.failed(now);
        }
        supervisor
    }

    /// How it is run.
    pub fn spec(&self) -> &ApplicationSpec {
        &self.spec
    }

    /// Takes over new settings; a running process keeps its command line until the next start.
    pub fn reconfigure(&mut self, spec: ApplicationSpec) {
        self.spec = spec;
    }

    /// What operators see of it.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Tick => {}
            Input::Start(order) => self.start(order),
            Input::Stop { order, graceful } => self.stop(now, order, graceful),
            Input::Spawned(result) => self.spawned(now, result),
            Input::Exited(exit) => self.exited(now, exit),
            Input::GroupGone => self.group_gone(),
            Input::Notified(notification) => self.notified(now, notification),
            Input::Forget => self.forget(),
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
        let phase = match self.phase {
            Phase::Initializing { ready_by } => Some(ready_by),
            Phase::Suspending { until }
            | Phase::Terminating { until }
            | Phase::Clearing { until } => Some(until),
            Phase::Down => self.restart_at,
            Phase::Spawning | Phase::Running { .. } | Phase::Killing => None,
        };
        Instant::earliest(phase, self.watchdog_at)
    }

    /// Does what is due.
    fn advance(&mut self, now: Instant) {
        match self.phase {
            Phase::Initializing { ready_by } if ready_by <= now => {
                self.kill(StatusCause::StartFailed);
            }
            Phase::Suspending { until } if until <= now => self.terminate(now),
            Phase::Terminating { until } if until <= now => {
                self.phase = Phase::Killing;
                self.outputs.push_back(Output::Kill);
            }
            Phase::Clearing { until } if until <= now => self.group_gone(),
            Phase::Down if self.restart_at.is_some_and(|at| at <= now) => {
                self.restart_at = None;
                self.spawn(StatusCause::Restarted);
            }
            _ => {}
        }
        if self.watchdog_at.is_some_and(|at| at <= now) {
            self.kill(StatusCause::HungUp);
        }
    }

    fn start(&mut self, order: OrderId) {
        match self.phase {
            Phase::Down => {
                self.restart_at = None;
                self.starts.push(order);
                self.spawn(StatusCause::Ordered);
            }
            Phase::Spawning if self.starts.len() < ORDERS_JOINED_MAX => self.starts.push(order),
            Phase::Initializing { .. } | Phase::Running { .. } => self.done(order, Ok(())),
            Phase::Clearing { .. } if self.restart_at.is_some() => {
                // It comes back by itself, as soon as nothing is left of it.
                self.restart_at = Some(Instant(0));
                self.done(order, Ok(()));
            }
            _ => self.done(order, Err(Fault::InProgress)),
        }
    }

    fn spawn(&mut self, cause: StatusCause) {
        self.phase = Phase::Spawning;
        self.starting = cause;
        self.ending = None;
        self.outputs.push_back(Output::Spawn);
    }

    fn spawned(&mut self, now: Instant, result: Result<u32, Arc<str>>) {
        if self.phase != Phase::Spawning {
            return;
        }
        match result {
            Ok(pid) => {
                self.state.pid = Some(pid);
                self.keep(Ending::No);
                self.state.status = Status::StartTransition;
                self.state.cause = self.starting;
                self.state.says = None;
                if self.spec.notify || self.spec.channel.is_some() {
                    self.tell();
                    self.state.status = Status::Initializing;
                    let timeout = Duration::from_millis(self.spec.startup_timeout_ms);
                    self.phase = Phase::Initializing { ready_by: now + timeout };
                } else {
                    self.run(now);
                }
                self.finish_starts(Ok(()));
                if !self.stops.is_empty() {
                    self.terminate(now);
                }
            }
            Err(reason) => {
                self.phase = Phase::Down;
                self.state.status = Status::Stopped;
                self.state.cause = StatusCause::StartFailed;
                self.state.says = Some(reason.clone());
                if self.stops.is_empty() {
                    self.failed(now);
                }
                self.finish_starts(Err(Fault::Failed(reason)));
                self.finish_stops();
            }
        }
    }

    fn run(&mut self, now: Instant) {
        self.phase = Phase::Running { since: now };
        self.state.status = Status::Running;
        self.feed_watchdog(now);
    }

    fn feed_watchdog(&mut self, now: Instant) {
        let silence = self.spec.watchdog_ms.map(Duration::from_millis);
        self.watchdog_at = silence.map(|silence| now + silence);
    }

    fn stop(&mut self, now: Instant, order: OrderId, graceful: bool) {
        self.restart_at = None;
        self.failures = 0;
        if self.stops.len() >= ORDERS_JOINED_MAX {
            return self.done(order, Err(Fault::InProgress));
        }
        self.stops.push(order);
        match self.phase {
            Phase::Down => {
                self.state.cause = StatusCause::Ordered;
                self.finish_stops();
            }
            Phase::Running { .. } if graceful && self.can_suspend() => {
                self.suspend(now);
                self.outputs.extend(self.spec.suspend_signal.map(Output::Suspend));
                self.outputs.extend(self.spec.channel.as_ref().map(|_| Output::AskToFinish));
            }
            Phase::Suspending { .. } if graceful => {}
            Phase::Initializing { .. } | Phase::Running { .. } | Phase::Suspending { .. } => {
                self.terminate(now);
            }
            // Already on its way; being ordered now, it stays down.
            Phase::Spawning | Phase::Terminating { .. } | Phase::Killing => {
                self.ending = Some(StatusCause::Ordered);
                self.keep(Ending::Stopping);
            }
            Phase::Clearing { .. } => self.state.cause = StatusCause::Ordered,
        }
    }

    /// It can be asked to finish its work.
    fn can_suspend(&self) -> bool {
        self.spec.suspend_signal.is_some() || self.spec.channel.is_some()
    }

    /// It finishes its work, and is ended when it says so or after the timeout.
    fn suspend(&mut self, now: Instant) {
        let timeout = Duration::from_millis(self.spec.suspending_timeout_ms);
        self.ending = Some(StatusCause::Ordered);
        self.phase = Phase::Suspending { until: now + timeout };
        (self.state.status, self.state.cause) = (Status::Suspending, StatusCause::Ordered);
        self.keep(Ending::Suspending);
    }

    /// Keeps its process and what becomes of it for a later agent.
    fn keep(&mut self, ending: Ending) {
        if let Some(pid) = self.state.pid {
            self.outputs.push_back(Output::HasProcess(Some((pid, ending))));
        }
    }

    fn terminate(&mut self, now: Instant) {
        let timeout = Duration::from_millis(self.spec.shutdown_timeout_ms);
        self.ending = Some(StatusCause::Ordered);
        self.watchdog_at = None;
        self.phase = Phase::Terminating { until: now + timeout };
        (self.state.status, self.state.cause) = (Status::StopTransition, StatusCause::Ordered);
        self.keep(Ending::Stopping);
        self.outputs.push_back(Output::Terminate);
    }

    /// Ends a process that does not do what it should.
    fn kill(&mut self, cause: StatusCause) {
        let ordered = self.ending == Some(StatusCause::Ordered);
        let cause = if ordered { StatusCause::Ordered } else { cause };
        self.ending = Some(cause);
        self.watchdog_at = None;
        self.phase = Phase::Killing;
        (self.state.status, self.state.cause) = (Status::StopTransition, cause);
        self.outputs.push_back(Output::Kill);
    }

    fn exited(&mut self, now: Instant, exit: Exit) {
        if matches!(self.phase, Phase::Down | Phase::Spawning | Phase::Clearing { .. }) {
            return;
        }
        if let Phase::Running { since } = self.phase
            && now.since(since) >= RESTART_WAIT_RESET
        {
            self.failures = 0;
        }
        self.phase = Phase::Clearing { until: now + GROUP_GONE_TIMEOUT };
        self.state.status = Status::Stopped;
        self.state.pid = None;
        self.state.cause = self.ending.take().unwrap_or(StatusCause::Died(exit));
        self.watchdog_at = None;
        // The status first: a failover waits for it, the rest of the group does not matter to it.
        self.tell();
        self.outputs.push_back(Output::Kill);
        if self.state.cause != StatusCause::Ordered {
            self.failed(now);
        }
    }

    /// Plans the restart after a failure.
    fn failed(&mut self, now: Instant) {
        if self.spec.auto_restart {
            let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
            let wait = RESTART_WAIT_MIN.saturating_mul(factor).min(RESTART_WAIT_MAX);
            self.failures = self.failures.saturating_add(1);
            self.restart_at = Some(now + wait);
        }
    }

    fn group_gone(&mut self) {
        if matches!(self.phase, Phase::Clearing { .. }) {
            self.phase = Phase::Down;
            self.outputs.push_back(Output::HasProcess(None));
            self.finish_stops();
        }
    }

    fn notified(&mut self, now: Instant, notification: Notification) {
        let is_running = matches!(self.phase, Phase::Running { .. });
        match notification {
            Notification::Ready if matches!(self.phase, Phase::Initializing { .. }) => {
                self.run(now);
            }
            Notification::Stopping if is_running => {
                (self.state.status, self.state.cause) =
                    (Status::StopTransition, StatusCause::Reported);
            }
            Notification::Watchdog if self.watchdog_at.is_some() => self.feed_watchdog(now),
            Notification::WatchdogTriggered if is_running => self.kill(StatusCause::HungUp),
            Notification::Service(false) if is_running => {
                (self.state.status, self.state.cause) =
                    (Status::ServiceUnavailable, StatusCause::Reported);
            }
            Notification::Service(true) if self.state.status == Status::ServiceUnavailable => {
                (self.state.status, self.state.cause) = (Status::Running, StatusCause::Reported);
            }
            Notification::Suspended if matches!(self.phase, Phase::Suspending { .. }) => {
                self.state.status = Status::Suspended;
                self.tell();
                self.terminate(now);
            }
            Notification::Says(text) => {
                self.state.says = Some(text).filter(|text| !text.is_empty());
            }
            _ => {}
        }
    }

    fn forget(&mut self) {
        let fault = Fault::NotFound("the application is no longer configured".into());
        for order in std::mem::take(&mut self.stops) {
            self.done(order, Err(fault.clone()));
        }
        self.finish_starts(Err(fault));
    }

    fn finish_starts(&mut self, result: Result<(), Fault>) {
        self.tell();
        for order in std::mem::take(&mut self.starts) {
            self.outputs.push_back(Output::Done { order, result: result.clone() });
        }
    }

    fn finish_stops(&mut self) {
        self.tell();
        for order in std::mem::take(&mut self.stops) {
            self.outputs.push_back(Output::Done { order, result: Ok(()) });
        }
    }

    fn done(&mut self, order: OrderId, result: Result<(), Fault>) {
        self.tell();
        self.outputs.push_back(Output::Done { order, result });
    }

    /// Tells what operators see, where it changed.
    fn tell(&mut self) {
        if self.told != self.state {
            self.told = self.state.clone();
            self.outputs.push_back(Output::Changed(self.state.clone()));
        }
    }
}
