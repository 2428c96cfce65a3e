//! A host agent's deciding half: its programs, its addresses, its link to the control server.
//!
//! ```text
//!    control server <--- link ---> HostAgent ---+--- one Supervisor per application
//!                                   | terms     |
//!                                   | spool     +--- one Address per virtual IP
//! ```
//!
//! # Invariants
//!
//! - An order with a term older than the highest seen for its pair is refused; a newer one is
//!   kept for a later agent before anything is done about it.
//! - What the last configuration says goes on while the control server is away: restarts, leases,
//!   watches. Only orders wait.
//! - State is told whole in `Hello` and then by change. What must not be lost is numbered, kept,
//!   and told again until it is acknowledged.
//! - An agent that stood still for longer than an address's lease gives its addresses up before it
//!   looks at any input.
//! - Ending in order takes every address off and leaves every process running, so that an agent
//!   can be replaced without an outage of the programs.
//!
//! The shell hands every input to [`HostAgent`], drains every output in order, and sleeps until
//! the deadline. Reading order: [`io`], this file, `orders` (the control server's messages),
//! `channel` and `drain` (what is said to programs and by them), `plumbing` (how the machines'
//! outputs become the agent's).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::address::Address;
use crate::address::io::{Contact, Input as AddressInput, InterfaceState};
use crate::ids::{ApplicationName, BackendRunId, PairName, Term, VipName};
use crate::limits::{ADDRESS_LEASE_S, SHUTDOWN_TIMEOUT};
use crate::link::{
    AgentMessage, ApplicationState, Hello, HostSpec, PROTOCOL, Report, RunMode, Sighting, VipState,
};
use crate::log_event::LogEvent;
use crate::plugin::report::PluginView;
use crate::supervise::{Input as SupervisorInput, Supervisor};
use crate::time::{Instant, Now};

use self::channel::Channel;
use self::io::{Identity, Input, OldProcess, Output, ProcessInput, Record, Saved};
use self::link_state::LinkState;
use self::spool::Spool;

mod channel;
mod drain;
pub mod io;
mod link_state;
mod orders;
mod plumbing;
mod spool;
#[cfg(test)]
mod tests;

/// The machines of one host.
#[derive(Clone, Debug)]
pub struct HostAgent {
    identity: Identity,
    spec: HostSpec,
    terms: BTreeMap<PairName, Term>,
    /// Run mode and term that each application has, or was told last.
    run_modes: BTreeMap<ApplicationName, (RunMode, Term)>,
    /// Those that speak.
    channels: BTreeMap<ApplicationName, Channel>,
    options: BTreeMap<ApplicationName, BTreeMap<Arc<str>, Arc<str>>>,
    supervisors: BTreeMap<ApplicationName, Supervisor>,
    addresses: BTreeMap<VipName, Address>,
    /// Addresses that were given up because they are no longer configured as they were.
    leaving: BTreeSet<VipName>,
    interfaces: BTreeMap<Arc<str>, InterfaceState>,
    link: LinkState,
    /// The contact that the addresses were last told.
    contact: Contact,
    spool: Spool,
    sightings: VecDeque<(VipName, Sighting)>,
    /// What operators see of this host's plugins.
    plugins: Vec<PluginView>,
    /// Applications that are to be told by a signal that their options have changed.
    untold_options: BTreeSet<ApplicationName>,
    last_run: BackendRunId,
    /// When the last input was taken.
    now: Now,
    /// An orderly end is under way and takes until then at most.
    stopping: Option<Instant>,
    is_stopped: bool,
    outputs: VecDeque<Output>,
}

impl HostAgent {
    /// A host agent that goes on where an earlier one ended.
    pub fn new(identity: Identity, saved: Saved, now: Now) -> Self {
        let Saved { spec, terms, run_modes, processes, reports, newest_report } = saved;
        let mut agent = Self {
            identity,
            link: LinkState::new(&spec, now.instant),
            spec: HostSpec::default(),
            terms,
            run_modes,
            channels: BTreeMap::new(),
            options: BTreeMap::new(),
            supervisors: BTreeMap::new(),
            addresses: BTreeMap::new(),
            leaving: BTreeSet::new(),
            interfaces: BTreeMap::new(),
            contact: Contact::Lost { since: now.instant },
            spool: Spool::restore(reports, newest_report),
            sightings: VecDeque::new(),
            plugins: Vec::new(),
            untold_options: BTreeSet::new(),
            last_run: BackendRunId::default(),
            now,
            stopping: None,
            is_stopped: false,
            outputs: VecDeque::new(),
        };
        for application in &spec.applications {
            let old = processes.get(&application.name);
            let spec = application.clone();
            agent.channel_of_earlier_life(application, old.copied());
            let supervisor = match old {
                Some(OldProcess::Running { pid, ending }) => {
                    Supervisor::adopt(spec, (*pid, *ending), now.instant)
                }
                Some(OldProcess::Gone { ending }) => Supervisor::missed(spec, *ending, now.instant),
                None => Supervisor::new(spec),
            };
            agent.supervisors.insert(application.name.clone(), supervisor);
        }
        agent.spec = spec;
        agent.configure_addresses(now.instant);
        agent.gather();
        agent
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Now, input: Input) {
        let stood_still = now.instant.since(self.now.instant);
        self.now = now;
        if stood_still >= Duration::from_secs(ADDRESS_LEASE_S.into()) {
            self.each_address(now.instant, &AddressInput::Tick);
        }
        self.dispatch(now, input);
        self.advance(now);
        self.gather();
    }

    /// The next output, oldest first.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`handle`](Self::handle) with a tick at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        let supervisors = self.supervisors.values().map(Supervisor::deadline);
        let addresses = self.addresses.values().map(Address::deadline);
        let own = [self.link.deadline(), self.stopping.filter(|_| !self.is_stopped)];
        let channels = self.channels.values().map(Channel::deadline);
        let all = supervisors.chain(addresses).chain(channels).chain(own);
        all.fold(None, Instant::earliest)
    }

    /// The configuration in use.
    pub fn spec(&self) -> &HostSpec {
        &self.spec
    }

    /// State of every application, in the order of their names.
    pub fn applications(&self) -> Vec<ApplicationState> {
        self.supervisors.keys().filter_map(|name| self.application_state(name)).collect()
    }

    /// State of every virtual IP, in the order of their names.
    pub fn vips(&self) -> Vec<VipState> {
        self.addresses.keys().filter_map(|name| self.vip_state(name)).collect()
    }

    fn dispatch(&mut self, now: Now, input: Input) {
        match input {
            Input::Tick => {}
            Input::Linked => self.linked(now.instant),
            Input::LinkEnded(_) => self.link.close(),
            Input::Received(message) => self.received(now, message),
            Input::Process { application, event } => self.process(now, &application, event),
            Input::Kernel { vip, answer } => {
                self.address(now.instant, &vip, AddressInput::Kernel(answer));
            }
            Input::AddressChanged { network_interface, address } => {
                for machine in self.addresses.values_mut() {
                    let spec = machine.spec();
                    let is_it = spec.address == address;
                    if is_it && spec.network_interface == network_interface {
                        machine.handle(now.instant, AddressInput::KernelChanged);
                    }
                }
            }
            Input::KernelChanged => self.each_address(now.instant, &AddressInput::KernelChanged),
            Input::Interface { network_interface, state } => {
                self.on_interface(now.instant, &network_interface, &AddressInput::Interface(state));
                self.interfaces.insert(network_interface, state);
            }
            Input::Answered { network_interface, address, from } => {
                let answered = AddressInput::Answered { address, from };
                self.on_interface(now.instant, &network_interface, &answered);
            }
            Input::NotSent { vip, packet, reason } => {
                self.address(now.instant, &vip, AddressInput::NotSent { packet, reason });
            }
            Input::BackendCall { vip, run, request, call } => {
                self.backend_call(
                    now.instant,
                    &vip,
                    AddressInput::BackendCall { run, request, call },
                );
            }
            Input::BackendEnded { vip, run, result } => {
                self.address(now.instant, &vip, AddressInput::BackendEnded { run, result });
            }
            Input::Event(event) => self.report(event),
            Input::Plugins(plugins) => {
                self.plugins = plugins;
                self.tell_plugins();
            }
            Input::Shutdown => {
                self.stopping = Some(now.instant + SHUTDOWN_TIMEOUT);
                let reason = AddressInput::GiveUp("the host agent is stopped".into());
                self.each_address(now.instant, &reason);
            }
        }
    }

    /// Does what is due.
    fn advance(&mut self, now: Now) {
        if self.link.is_silent(now.instant) {
            let silence = self.link.silence(now.instant).as_millis();
            self.link.close();
            let reason = format!("control server silent for {silence} ms");
            self.outputs.push_back(Output::CloseLink(reason.into()));
        }
        self.tell_contact(now.instant);
        if self.link.send_heartbeat(now.instant) {
            self.outputs.push_back(Output::Send(AgentMessage::Heartbeat));
        }
        for supervisor in self.supervisors.values_mut() {
            if supervisor.deadline().is_some_and(|at| at <= now.instant) {
                supervisor.handle(now.instant, SupervisorInput::Tick);
            }
        }
        for address in self.addresses.values_mut() {
            if address.deadline().is_some_and(|at| at <= now.instant) {
                address.handle(now.instant, AddressInput::Tick);
            }
        }
        self.advance_channels(now.instant);
        if !self.leaving.is_empty() {
            self.configure_addresses(now.instant);
        }
        self.signal_options();
        if self.stopping.is_some_and(|until| until <= now.instant)
            || (self.stopping.is_some() && self.addresses.values().all(Address::is_settled))
        {
            self.stop();
        }
    }

    fn stop(&mut self) {
        if !self.is_stopped {
            self.is_stopped = true;
            self.gather();
            self.outputs.push_back(Output::Stopped);
        }
    }

    fn linked(&mut self, now: Instant) {
        self.link.open(now);
        let hello = Hello {
            protocol: PROTOCOL,
            version: self.identity.version.clone(),
            host: self.identity.host.clone(),
            session: self.identity.session,
            applications: self.applications(),
            vips: self.vips(),
            newest_report: self.spool.newest(),
        };
        self.outputs.push_back(Output::Send(AgentMessage::Hello(hello)));
    }

    fn process(&mut self, now: Now, application: &ApplicationName, event: ProcessInput) {
        let input = match event {
            ProcessInput::Channel(event) => return self.channel_input(now, application, event),
            ProcessInput::Spawned(result) => {
                if result.is_err() {
                    self.channels.remove(application);
                }
                SupervisorInput::Spawned(result)
            }
            ProcessInput::Exited(exit) => {
                self.supervisor(now.instant, application, SupervisorInput::Exited(exit));
                return self.channel_life_ended(application);
            }
            ProcessInput::GroupGone => SupervisorInput::GroupGone,
            ProcessInput::Notified(notification) => SupervisorInput::Notified(notification),
        };
        self.supervisor(now.instant, application, input);
    }

    fn supervisor(&mut self, now: Instant, application: &ApplicationName, input: SupervisorInput) {
        if let Some(supervisor) = self.supervisors.get_mut(application) {
            supervisor.handle(now, input);
        }
    }

    /// Tells the addresses whether the control server is heard.
    fn tell_contact(&mut self, now: Instant) {
        let contact = if self.link.is_up() {
            Contact::Linked
        } else {
            Contact::Lost { since: self.link.heard_at() }
        };
        if contact != self.contact {
            self.contact = contact;
            self.each_address(now, &AddressInput::Contact(contact));
        }
    }

    fn address(&mut self, now: Instant, vip: &VipName, input: AddressInput) {
        if let Some(address) = self.addresses.get_mut(vip) {
            address.handle(now, input);
        }
    }

    fn each_address(&mut self, now: Instant, input: &AddressInput) {
        for address in self.addresses.values_mut() {
            address.handle(now, input.clone());
        }
    }

    fn on_interface(&mut self, now: Instant, network_interface: &str, input: &AddressInput) {
        for address in self.addresses.values_mut() {
            if *address.spec().network_interface == *network_interface {
                address.handle(now, input.clone());
            }
        }
    }

    /// Spools a log event and sends it where a link is up.
    fn report(&mut self, event: LogEvent) {
        let report = Report::Event(event);
        let pushed = self.spool.push(report.clone());
        let record = Record::Report(pushed.sequence, report);
        self.outputs.push_back(Output::Persist(record));
        if let Some((sequence, dropped)) = pushed.dropped {
            self.persist(Record::ReportsUpTo(sequence));
            self.persist(Record::Report(sequence, dropped));
        }
        self.send_reports();
    }

    /// Tells of the plugins where a link is up; a new link is told them anew.
    fn tell_plugins(&mut self) {
        if self.link.is_up() && !self.plugins.is_empty() {
            let plugins = self.plugins.clone();
            self.outputs.push_back(Output::Send(AgentMessage::Plugins { plugins }));
        }
    }

    fn send_reports(&mut self) {
        while self.link.is_up()
            && let Some((sequence, report)) = self.spool.next_to_send()
        {
            self.outputs.push_back(Output::Send(AgentMessage::Report { sequence, report }));
        }
    }

    fn persist(&mut self, record: Record) {
        self.outputs.push_back(Output::Persist(record));
    }

    fn application_state(&self, name: &ApplicationName) -> Option<ApplicationState> {
        let supervisor = self.supervisors.get(name)?;
        Some(supervisor.state().clone().of(name.clone(), self.confirmed_run_mode(name)))
    }

    fn vip_state(&self, name: &VipName) -> Option<VipState> {
        let address = self.addresses.get(name)?;
        Some(VipState {
            name: name.clone(),
            present: address.present(),
            term: self.terms.get(&address.spec().pair).copied().unwrap_or_default(),
            network: address.network(),
        })
    }
}
