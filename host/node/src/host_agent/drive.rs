//! The decision loop of a host agent: wait, take everything that is there, decide, carry out.
//!
//! Nothing in it blocks: the kernel answers at once, and everything slower runs beside it and
//! comes back as an event. A deadline counts only after everything that had come before it was
//! taken, so that a host that was busy for a moment does not hold its own delay against others.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use takeover_logic::address::io::{InterfaceState, Packet};
use takeover_logic::host_agent::HostAgent;
use takeover_logic::host_agent::io::{Input, OldProcess, Output, ProcessInput, Saved};
use takeover_logic::ids::{ApplicationName, BackendRunId, VipName};
use takeover_logic::link::{AgentMessage, Exit};
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::backends::{Backends, Calls};
use super::channel_socket::ChannelSocket;
use super::exit_watch::ExitWatch;
use super::held::Held;
use super::netlink::{Interface, Kernel, Monitor, Notice};
use super::network::Network;
use super::notify_socket::NotifySocket;
use super::options_file;
use super::output_watch::OutputWatch;
use super::process::Processes;
use super::store::Store;
use super::{Event, HostAgentError, Settings};
use crate::clock::Clock;
use crate::limits::{AGENT_INPUTS_MAX, HELD_OUTPUTS_MAX};
use crate::link::{AgentEvent, AgentLink, LinkEvent, LinkSender};
use crate::system_calls;

mod sockets;

/// Everything that the loop holds.
pub(super) struct Driver {
    clock: Clock,
    agent: HostAgent,
    link: AgentLink,
    /// The present link, while it is up.
    sender: Option<LinkSender<AgentMessage>>,
    /// No link will come any more.
    is_link_over: bool,
    kernel: Kernel,
    monitor: Monitor,
    /// Wakes the loop when the monitor has something.
    monitor_ready: AsyncFd<Arc<OwnedFd>>,
    network: Network,
    processes: Processes,
    socket_folder: PathBuf,
    notify_sockets: BTreeMap<ApplicationName, NotifySocket>,
    channels: BTreeMap<ApplicationName, ChannelSocket>,
    output: OutputWatch,
    store: Store,
    held: Held,
    backends: Arc<Backends>,
    calls: Arc<Calls>,
    runs: BTreeMap<BackendRunId, AbortHandle>,
    events: mpsc::Receiver<Event>,
    event_sender: mpsc::Sender<Event>,
    /// Results of effects, to be taken before anything else.
    results: VecDeque<Input>,
    is_stopped: bool,
}

impl Driver {
    /// Opens everything and takes over what an earlier agent left. Called on the thread that will
    /// run the loop, because sockets belong to its network namespace.
    pub(super) fn open(
        settings: &Settings,
        link: AgentLink,
        backends: Arc<Backends>,
    ) -> Result<Self, HostAgentError> {
        let folder = |path: &PathBuf| {
            std::fs::create_dir_all(path)
                .map_err(|source| HostAgentError::Folder { path: path.clone(), source })
        };
        folder(&settings.state_folder)?;
        folder(&settings.run_folder)?;
        let (store, saved) = Store::open(&settings.state_folder.join("host-agent.db"))?;
        let clock = Clock::new();
        let (event_sender, events) = mpsc::channel(AGENT_INPUTS_MAX);
        let output_folder = settings.state_folder.join("output");
        let exits = ExitWatch::start().map_err(HostAgentError::Thread)?;
        let output = OutputWatch::start(output_folder.clone()).map_err(HostAgentError::Thread)?;
        let kernel = Kernel::open().map_err(HostAgentError::Netlink)?;
        let monitor = Monitor::open().map_err(HostAgentError::Netlink)?;
        let monitor_ready = monitor
            .descriptor()
            .and_then(|descriptor| system_calls::readable(Arc::new(descriptor)))
            .map_err(HostAgentError::Netlink)?;
        let mut driver = Self {
            clock,
            agent: HostAgent::new(settings.identity()?, saved.clone(), clock.now()),
            link,
            sender: None,
            is_link_over: false,
            kernel,
            monitor,
            monitor_ready,
            network: Network::default(),
            processes: Processes::new(event_sender.clone(), exits, output_folder),
            socket_folder: settings.run_folder.clone(),
            notify_sockets: BTreeMap::new(),
            channels: BTreeMap::new(),
            output,
            store,
            held: Held::default(),
            backends,
            calls: Arc::new(Calls::new(event_sender.clone())),
            runs: BTreeMap::new(),
            events,
            event_sender,
            results: VecDeque::new(),
            is_stopped: false,
        };
        driver.adopt(&saved);
        Ok(driver)
    }

    /// Watches the processes that an earlier agent had started.
    fn adopt(&mut self, saved: &Saved) {
        for application in &saved.spec.applications {
            let name = &application.name;
            let Some(OldProcess::Running { pid, .. }) = saved.processes.get(name) else {
                continue;
            };
            self.open_notify_socket(application);
            self.write_options(application);
            self.open_channel(application);
            self.listen_to(name, *pid);
            self.output.follow(name);
            match self.processes.watch(name, *pid) {
                Ok(()) => tracing::info!(application = %name, pid, "adopted its process"),
                Err(_) => {
                    let event = ProcessInput::Exited(Exit::Unseen);
                    self.results.push_back(Input::Process { application: name.clone(), event });
                }
            }
        }
    }

    /// Runs until it was shut down and every address is off.
    pub(super) async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let mut is_ending = false;
        self.read_interfaces();
        self.backends.report_to(self.event_sender.clone());
        self.take(Input::Tick);
        while !self.is_stopped {
            let deadline = self.agent.deadline().map(|at| self.clock.to_std(at));
            let woken = tokio::select! {
                biased;
                () = &mut shutdown, if !is_ending => Woken::Shutdown,
                () = self.held.over() => Woken::Kept,
                Some(event) = self.events.recv() => Woken::Event(event),
                event = self.link.next(), if !self.is_link_over => Woken::Link(event),
                () = self.network.readable() => Woken::Ready,
                () = ready(&self.monitor_ready) => Woken::Ready,
                () = sleep_until(deadline) => Woken::Ready,
            };
            match woken {
                Woken::Shutdown => {
                    is_ending = true;
                    self.take(Input::Shutdown);
                }
                Woken::Kept => {
                    self.release();
                    self.take_results();
                }
                Woken::Event(event) => self.event(event),
                Woken::Link(Some(event)) => self.link_event(event),
                Woken::Link(None) => self.is_link_over = true,
                Woken::Ready => {}
            }
            self.take_what_is_there();
            if self.agent.deadline().is_some_and(|at| at <= self.clock.instant()) {
                self.take(Input::Tick);
            }
        }
    }

    fn take_what_is_there(&mut self) {
        for input in self.network.drain() {
            self.take(input);
        }
        for notice in self.monitor.drain() {
            self.notice(notice);
        }
        // Bounded by what the queues hold, so that sources that never rest can not keep it here.
        for _ in 0..AGENT_INPUTS_MAX {
            let Ok(event) = self.events.try_recv() else { break };
            self.event(event);
        }
        for _ in 0..AGENT_INPUTS_MAX {
            let Some(event) = self.link.try_next() else { break };
            self.link_event(event);
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Input(input) => {
                if let Input::BackendEnded { run, .. } = &input {
                    self.runs.remove(run);
                    self.calls.forget(*run);
                }
                self.take(input);
            }
            Event::Ended { application, pid, exit } => {
                if self.processes.note_end(&application, pid) {
                    tracing::info!(%application, pid, "its process ended: {exit}");
                    let event = ProcessInput::Exited(exit);
                    self.take(Input::Process { application, event });
                }
            }
            Event::Spawned { application, result } => {
                self.spawned(&application, result);
                self.take_results();
            }
        }
    }

    fn link_event(&mut self, event: AgentEvent) {
        match event {
            LinkEvent::Linked(sender) => {
                self.sender = Some(sender);
                self.take(Input::Linked);
            }
            LinkEvent::Message(message) => self.take(Input::Received(message)),
            LinkEvent::Ended { end, reason } => {
                tracing::warn!("link to the control server ended: {reason}");
                self.end_link();
                self.take(Input::LinkEnded(end));
            }
        }
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Address { interface_index, address } => {
                if let Some(interface) = self.network.by_index(interface_index) {
                    let network_interface = interface.name.clone();
                    self.take(Input::AddressChanged { network_interface, address });
                }
            }
            Notice::Interface(interface) => self.interface(interface),
            Notice::InterfaceGone(index) => {
                if let Some(interface) = self.network.remove(index) {
                    let (network_interface, state) = (interface.name, InterfaceState::Down);
                    self.take(Input::Interface { network_interface, state });
                }
            }
            Notice::Lost => {
                self.read_interfaces();
                self.take(Input::KernelChanged);
            }
        }
    }

    fn read_interfaces(&mut self) {
        match self.kernel.interfaces() {
            Ok(interfaces) => interfaces.into_iter().for_each(|each| self.interface(each)),
            Err(error) => tracing::error!(%error, "can not read the network interfaces"),
        }
    }

    fn interface(&mut self, interface: Interface) {
        let (network_interface, state) = (interface.name.clone(), interface.state);
        self.network.set(interface);
        self.take(Input::Interface { network_interface, state });
    }

    /// Hands an input to the machine and carries out what it wants, until it wants no more.
    fn take(&mut self, input: Input) {
        self.results.push_back(input);
        self.take_results();
    }

    fn take_results(&mut self) {
        while let Some(input) = self.results.pop_front() {
            self.agent.handle(self.clock.now(), input);
            while let Some(output) = self.agent.poll() {
                self.carry_out(output);
            }
        }
    }

    /// Nothing is sent any more. Nothing waits beyond the link over which its order came, or it
    /// would come before the first word on the next one.
    fn end_link(&mut self) {
        self.sender = None;
        // One round for each term among what waited.
        while self.held.is_waiting() {
            self.release();
        }
    }

    /// Carries out what waited for a term, up to the next one.
    fn release(&mut self) {
        for output in self.held.release() {
            self.carry_out(output);
        }
    }

    fn carry_out(&mut self, output: Output) {
        if let Output::CloseLink(reason) = &output {
            tracing::warn!("closing the link to the control server: {reason}");
            return self.end_link();
        }
        match self.held.pass(output) {
            Some(output) => self.carry_out_now(output),
            None if self.held.is_full() => {
                tracing::error!(
                    "{HELD_OUTPUTS_MAX} things wait for a term that is not kept yet: they go on"
                );
                self.release();
            }
            None => {}
        }
    }

    fn carry_out_now(&mut self, output: Output) {
        match output {
            Output::Send(message) => self.send(message),
            // Done before it could wait.
            Output::CloseLink(_) => {}
            Output::Persist(record) => {
                if let Some(kept) = self.store.keep(record) {
                    self.held.wait_for(kept);
                }
            }
            Output::Options(spec) => self.write_options(&spec),
            Output::Spawn(spec) => self.spawn(spec),
            Output::Signal { application, signal } => self.processes.signal(&application, signal),
            Output::Abandon(application) => {
                self.processes.abandon(&application);
                self.notify_sockets.remove(&application);
                self.channels.remove(&application);
                options_file::remove(&self.socket_folder, &application);
            }
            Output::Tell { application, message } => {
                let told = |channel: &ChannelSocket| channel.tell(message);
                if self.channels.get(&application).is_some_and(|channel| !told(channel)) {
                    self.reset_channel(&application);
                }
            }
            Output::CloseChannel { application, reason } => {
                tracing::warn!(%application, "closing its channel: {reason}");
                if self.channels.get(&application).is_some_and(|channel| !channel.close()) {
                    self.reset_channel(&application);
                }
            }
            Output::Kernel { vip, target, operation } => {
                let answer = self.kernel.perform(&target, operation);
                self.results.push_back(Input::Kernel { vip, answer });
            }
            Output::Probe { vip, network_interface, address } => {
                let sent = self.network.probe(&network_interface, address);
                self.sent(vip, Packet::Probe, sent);
            }
            Output::Announce { vip, target } => {
                let sent = self.network.announce(&target.network_interface, target.address);
                self.sent(vip, Packet::Announcement, sent);
            }
            Output::RunBackend(run) => self.run_backend(run),
            Output::CancelBackend(run) => {
                if let Some(task) = self.runs.remove(&run) {
                    task.abort();
                }
                self.calls.forget(run);
            }
            Output::AnswerBackend { request, result } => self.calls.answer(request, result),
            Output::Refused(reason) => {
                tracing::error!("the control server refuses this host agent: {reason}");
            }
            Output::Stopped => self.is_stopped = true,
        }
    }

    fn send(&mut self, message: AgentMessage) {
        if let Some(sender) = &self.sender
            && let Err(error) = sender.send(message)
        {
            tracing::warn!("can not send to the control server: {error}");
            self.sender = None;
        }
    }

    fn sent(&mut self, vip: VipName, packet: Packet, result: std::io::Result<()>) {
        if let Err(error) = result {
            let reason = error.to_string().into();
            self.results.push_back(Input::NotSent { vip, packet, reason });
        }
    }

    fn run_backend(&mut self, run: takeover_logic::host_agent::io::BackendRun) {
        let (vip, id) = (run.vip.clone(), run.run);
        let deadline = self.clock.to_std(run.deadline);
        let running = self.backends.run(run, deadline, &self.calls);
        let events = self.event_sender.clone();
        let task = tokio::spawn(async move {
            let result = running.await;
            let _ = events.send(Event::Input(Input::BackendEnded { vip, run: id, result })).await;
        });
        self.runs.insert(id, task.abort_handle());
    }
}

/// Why the loop woke.
enum Woken {
    Shutdown,
    /// What waited for a term waits no more.
    Kept,
    Event(Event),
    Link(Option<AgentEvent>),
    /// Time passed, or something can be read.
    Ready,
}

/// Waits until the kernel has something to tell. Cancel safe.
async fn ready(monitor: &AsyncFd<Arc<OwnedFd>>) {
    if let Ok(mut ready) = monitor.readable().await {
        // Cleared before the socket is read, so that what comes meanwhile wakes again.
        ready.clear_ready();
    }
}

async fn sleep_until(deadline: Option<std::time::Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
