//! Hosts: the real host-agent machine, the shell around it, and the processes that it runs.

use std::collections::{BTreeMap, VecDeque};

use takeover_logic::address::io::InterfaceState;
use takeover_logic::control::io::LinkEnd;
use takeover_logic::host_agent::HostAgent;
use takeover_logic::host_agent::io::{
    Identity, Input, OldProcess, Output, ProcessInput, Record, Saved, Signal,
};
use takeover_logic::ids::{ApplicationName, HostName, ReportSequence};
use takeover_logic::link::{AgentMessage, Exit, Report};
use takeover_logic::supervise::Ending;

use super::clock::{Clock, MS, Time};
use super::kernel::Kernel;
use super::network::{Cable, Freight};
use super::world::{Event, World};

/// A process on a host.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) pid: u32,
    /// Its main process is there.
    pub(super) is_alive: bool,
    /// It does not listen to SIGTERM.
    pub(super) is_stubborn: bool,
}

/// What the agent's store holds.
#[derive(Debug, Default)]
pub(super) struct Store {
    saved: Saved,
    processes: BTreeMap<ApplicationName, (u32, Ending)>,
}

impl Store {
    fn keep(&mut self, record: Record) {
        match record {
            Record::Spec(spec) => self.saved.spec = spec,
            Record::Term(pair, term) => {
                self.saved.terms.insert(pair, term);
            }
            Record::RunMode(application, run_mode, term) => {
                self.saved.run_modes.insert(application, (run_mode, term));
            }
            Record::NoRunMode(application) => {
                self.saved.run_modes.remove(&application);
            }
            Record::Process(application, Some(process)) => {
                self.processes.insert(application, process);
            }
            Record::Process(application, None) => {
                self.processes.remove(&application);
            }
            Record::Report(sequence, report) => self.keep_report(sequence, report),
            Record::ReportsUpTo(sequence) => {
                self.saved.reports.retain(|(kept, _)| *kept > sequence);
            }
            Record::ReportsRenumbered => self.saved.reports.clear(),
        }
    }

    fn keep_report(&mut self, sequence: ReportSequence, report: Report) {
        self.saved.newest_report = self.saved.newest_report.max(sequence);
        self.saved.reports.retain(|(kept, _)| *kept != sequence);
        self.saved.reports.push((sequence, report));
        self.saved.reports.sort_by_key(|(kept, _)| *kept);
    }
}

/// A host.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) clock: Clock,
    pub(super) kernel: Kernel,
    pub(super) cable: Cable,
    pub(super) agent: Option<HostAgent>,
    /// Which agent it is, by count; what is meant for an earlier one is dropped.
    pub(super) life: u64,
    /// It is stopped by SIGSTOP; what comes in waits.
    pub(super) is_frozen: bool,
    inbox: VecDeque<Input>,
    wake_at: Option<Time>,
    pub(super) store: Store,
    pub(super) processes: BTreeMap<ApplicationName, Process>,
    /// Command lines can not be executed.
    pub(super) refuses_spawns: bool,
    next_pid: u32,
    /// Ticks in a row without the passing of time.
    idle_ticks: u32,
}

impl Host {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            kernel: Kernel::new(),
            cable: Cable::default(),
            agent: None,
            life: 0,
            is_frozen: false,
            inbox: VecDeque::new(),
            wake_at: None,
            store: Store::default(),
            processes: BTreeMap::new(),
            refuses_spawns: false,
            next_pid: 100,
            idle_ticks: 0,
        }
    }

    /// A program runs.
    pub(super) fn runs(&self, application: &ApplicationName) -> bool {
        self.processes.get(application).is_some_and(|process| process.is_alive)
    }
}

impl World {
    /// Starts the host agent, with what an earlier one left behind.
    pub(super) fn start_agent(&mut self, host: &HostName) {
        let session = self.rng.u64(..);
        let time = self.time;
        let Some(found) = self.hosts.get_mut(host) else { return };
        if found.agent.is_some() || !found.kernel.powered {
            return;
        }
        found.life += 1;
        found.is_frozen = false;
        found.inbox.clear();
        found.wake_at = None;
        let mut saved = found.store.saved.clone();
        for (application, (pid, ending)) in &found.store.processes {
            let (pid, ending) = (*pid, *ending);
            let is_it = |process: &Process| process.pid == pid && process.is_alive;
            let runs = found.processes.get(application).is_some_and(is_it);
            let old = match runs {
                true => OldProcess::Running { pid, ending },
                false => OldProcess::Gone { ending },
            };
            saved.processes.insert(application.clone(), old);
        }
        let identity = Identity { host: host.clone(), version: "0.1.0".into(), session };
        found.agent = Some(HostAgent::new(identity, saved, found.clock.at(time)));
        let life = found.life;
        let state = found.kernel.interface;
        self.tell(format!("{host}: agent started"));
        let network_interface = self.network_interface.clone();
        self.drain_agent(host);
        self.hand_agent(host, 0, Input::Interface { network_interface, state });
        self.after(5 * MS, Event::Connect(host.clone(), life));
    }

    /// The agent is gone at once, as by SIGKILL; its kernel closes the link.
    pub(super) fn kill_agent(&mut self, host: &HostName) {
        let Some(found) = self.hosts.get_mut(host) else { return };
        found.agent = None;
        found.life += 1;
        found.inbox.clear();
        self.agent_closes(host);
    }

    /// Everything on the host is gone at once and nobody is told.
    pub(super) fn power_off(&mut self, host: &HostName) {
        let Some(found) = self.hosts.get_mut(host) else { return };
        found.agent = None;
        found.life += 1;
        found.inbox.clear();
        found.cable.at_agent = None;
        found.kernel.powered = false;
        found.kernel.addresses.clear();
        found.processes.clear();
        self.referee();
    }

    /// SIGSTOP or SIGCONT.
    pub(super) fn freeze_agent(&mut self, host: &HostName, is_frozen: bool) {
        let Some(found) = self.hosts.get_mut(host) else { return };
        found.is_frozen = is_frozen;
        if is_frozen {
            return;
        }
        let waiting = std::mem::take(&mut found.inbox);
        // Whether the timer or the socket is looked at first is chance.
        if self.rng.bool() {
            self.agent_takes(host, Input::Tick);
        }
        for input in waiting {
            self.agent_takes(host, input);
        }
        self.agent_takes(host, Input::Tick);
    }

    /// Hands an input to the agent that lives now, a little later.
    pub(super) fn hand_agent(&mut self, host: &HostName, delay: Time, input: Input) {
        let Some(life) = self.hosts.get(host).map(|found| found.life) else { return };
        self.after(delay, Event::ToAgent(host.clone(), life, Box::new(input)));
    }

    /// An input reaches an agent, if it is still the same one.
    pub(super) fn agent_receives(&mut self, host: &HostName, life: u64, input: Input) {
        let Some(found) = self.hosts.get_mut(host) else { return };
        if found.life != life || found.agent.is_none() {
            return;
        }
        if found.is_frozen {
            found.inbox.push_back(input);
        } else {
            self.agent_takes(host, input);
        }
    }

    /// A deadline of the agent's is due.
    pub(super) fn agent_wakes(&mut self, host: &HostName, life: u64) {
        let time = self.time;
        let Some(found) = self.hosts.get_mut(host) else { return };
        let is_due = found.wake_at.is_some_and(|at| at <= time);
        if found.life == life && is_due && !found.is_frozen {
            found.wake_at = None;
            self.agent_takes(host, Input::Tick);
        }
    }

    fn agent_takes(&mut self, host: &HostName, input: Input) {
        let now = self.time;
        let Some(found) = self.hosts.get_mut(host) else { return };
        let clock = found.clock.at(now);
        if let Some(agent) = &mut found.agent {
            agent.handle(clock, input);
        }
        self.drain_agent(host);
    }

    /// Does what the agent wishes, and sleeps until its deadline.
    fn drain_agent(&mut self, host: &HostName) {
        loop {
            let agent = self.hosts.get_mut(host).and_then(|found| found.agent.as_mut());
            let Some(output) = agent.and_then(HostAgent::poll) else { break };
            self.agent_wishes(host, output);
        }
        let lateness = self.rng.u64(0..self.hazards.timer_lateness);
        let time = self.time;
        let Some(found) = self.hosts.get_mut(host) else { return };
        let deadline = found.agent.as_ref().and_then(HostAgent::deadline);
        let Some(at) = deadline.map(|deadline| found.clock.when(deadline)) else { return };
        if found.wake_at.is_some_and(|earlier| earlier > time && earlier <= at) {
            return;
        }
        // An overdue deadline costs another turn of the loop, never an endless one.
        found.idle_ticks = if at <= time { found.idle_ticks + 1 } else { 0 };
        let spins = found.idle_ticks > 1_000;
        let at = at.max(time + 1_000) + lateness;
        found.wake_at = Some(at);
        let life = found.life;
        self.at(at, Event::AgentWakes(host.clone(), life));
        if spins {
            self.broke(format!("the agent of {host} has a deadline that stays in the past"));
        }
    }

    fn agent_wishes(&mut self, host: &HostName, output: Output) {
        match output {
            Output::Send(message) => self.agent_sends(host, message),
            Output::CloseLink(reason) => {
                self.tell(format!("{host}: agent closes the link: {reason}"));
                self.agent_closes(host);
                self.hand_agent(host, 0, Input::LinkEnded(LinkEnd::Silent));
                self.connect_later(host);
            }
            Output::Persist(record) => {
                if let Some(found) = self.hosts.get_mut(host) {
                    found.store.keep(record);
                }
            }
            Output::Spawn(spec) => self.spawn(host, &spec.name),
            Output::Signal { application, signal } => self.signal(host, &application, signal),
            Output::Abandon(_)
            | Output::Options(_)
            | Output::Tell { .. }
            | Output::CloseChannel { .. } => {}
            Output::Kernel { vip, target, operation } => {
                self.kernel_operation(host, (vip, target), operation);
            }
            Output::Probe { .. } | Output::Announce { .. } => self.broadcast(host, &output),
            Output::RunBackend(run) => self.start_backend(host, run),
            Output::CancelBackend(run) => self.cancel_backend(host, run),
            Output::AnswerBackend { request, result } => {
                self.answer_backend(host, request, result);
            }
            Output::Refused(reason) => self.broke(format!("{host}: agent refused: {reason}")),
            Output::Stopped => {
                self.tell(format!("{host}: agent stopped in order"));
                self.kill_agent(host);
            }
        }
    }

    fn agent_sends(&mut self, host: &HostName, message: AgentMessage) {
        if let AgentMessage::Done { order, result: Err(fault) } = &message {
            self.tell(format!("{host}: order {order} failed: {fault}"));
        }
        let link = self.hosts.get(host).and_then(|found| found.cable.at_agent);
        if let Some(link) = link {
            self.ship(host, link, Freight::Up(message));
        }
    }

    /// A command line is executed: the process is there at once, the answer comes a little later.
    fn spawn(&mut self, host: &HostName, application: &ApplicationName) {
        let delay = self.rng.u64(MS / 2..3 * MS);
        let Some(found) = self.hosts.get_mut(host) else { return };
        let result = if found.refuses_spawns {
            Err("no such file or directory".into())
        } else {
            found.next_pid += 1;
            let pid = found.next_pid;
            // Whatever ran under this name is told apart by its pid.
            let process = Process { pid, is_alive: true, is_stubborn: false };
            found.processes.insert(application.clone(), process);
            Ok(pid)
        };
        self.tell(format!("{host}: {application} spawned: {result:?}"));
        let event = ProcessInput::Spawned(result);
        self.hand_agent(host, delay, Input::Process { application: application.clone(), event });
    }

    fn signal(&mut self, host: &HostName, application: &ApplicationName, signal: Signal) {
        let delay = self.rng.u64(MS..20 * MS);
        let Some(found) = self.hosts.get(host) else { return };
        let process = found.processes.get(application);
        match (process, signal) {
            (Some(process), Signal::Terminate) if process.is_alive && !process.is_stubborn => {
                let exit = Exit::Signal(15);
                self.after(
                    delay,
                    Event::Exit(host.clone(), application.clone(), process.pid, exit),
                );
            }
            (Some(process), Signal::Kill) if process.is_alive => {
                let exit = Exit::Signal(9);
                self.after(MS, Event::Exit(host.clone(), application.clone(), process.pid, exit));
            }
            (_, Signal::Kill) => {
                let event = ProcessInput::GroupGone;
                self.hand_agent(
                    host,
                    MS,
                    Input::Process { application: application.clone(), event },
                );
            }
            // Programs of the simulation know no graceful stop.
            (_, Signal::Terminate | Signal::Suspend(_) | Signal::Options(_)) => {}
        }
    }

    /// A process ends, if it is still the same one.
    pub(super) fn exit(
        &mut self,
        host: &HostName,
        application: &ApplicationName,
        (pid, exit): (u32, Exit),
    ) {
        let Some(found) = self.hosts.get_mut(host) else { return };
        let process = found.processes.get_mut(application);
        let Some(process) = process.filter(|process| process.pid == pid && process.is_alive) else {
            return;
        };
        process.is_alive = false;
        self.tell(format!("{host}: {application} ended: {exit}"));
        let delay = self.rng.u64(50_000..2 * MS);
        let event = ProcessInput::Exited(exit);
        self.hand_agent(host, delay, Input::Process { application: application.clone(), event });
    }

    /// A cable is pulled or plugged in.
    pub(super) fn set_interface(&mut self, host: &HostName, state: InterfaceState) {
        let Some(found) = self.hosts.get_mut(host) else { return };
        found.kernel.interface = state;
        let network_interface = self.network_interface.clone();
        self.hand_agent(host, MS, Input::Interface { network_interface, state });
        self.referee();
    }
}
