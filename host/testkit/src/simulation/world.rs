//! Everything that exists in a simulation, and the order in which it happens.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use takeover_logic::component::AddressAnswer;
use takeover_logic::config::model::Config;
use takeover_logic::control::io::Input as ControlInput;
use takeover_logic::host_agent::io::Input as AgentInput;
use takeover_logic::ids::{ApplicationName, BackendRunId, HostName, RequestId, RunId};
use takeover_logic::link::{Exit, Fault};

use super::clock::{Clock, MS, Time};
use super::components::{Asker, Backends, Mood, Reaction};
use super::faults::Change;
use super::hosts::Host;
use super::kernel::Packet;
use super::network::{Freight, LinkId};
use super::server::Server;
use super::story::Story;
use super::watch::Watch;

/// Something that will happen.
#[derive(Debug)]
pub(super) enum Event {
    Change(Change),
    ToAgent(HostName, u64, Box<AgentInput>),
    AgentWakes(HostName, u64),
    ToControl(u64, Box<ControlInput>),
    ControlWakes(u64),
    Commit(u64),
    Connect(HostName, u64),
    Freight(HostName, LinkId, Freight),
    Packet(Packet),
    Expiry(HostName, IpAddr),
    Exit(HostName, ApplicationName, u32, Exit),
    ReactionStep(RunId, u64),
    ReactionOverdue(RunId, u64),
    BackendStep(HostName, BackendRunId, u64, Option<Box<Result<AddressAnswer, Fault>>>),
    /// A program on a host writes a log event.
    Write(HostName),
}

/// More than this never happens in a sound run, which has about 20,000.
const EVENTS_MAX: u64 = 400_000;

/// What can go wrong by chance, in every moment.
#[derive(Debug)]
pub(super) struct Hazards {
    /// Shortest and longest delay on the management network.
    pub(super) link_delay: (Time, Time),
    /// Share of packets that the service network loses.
    pub(super) lan_loss: f64,
    /// Share of packets that it delivers twice.
    pub(super) lan_duplication: f64,
    /// Its longest delay.
    pub(super) lan_delay_max: Time,
    /// How late a timer may fire.
    pub(super) timer_lateness: Time,
    /// How long a commit of the journal may take.
    pub(super) commit_max: Time,
}

/// How components behave at the moment.
#[derive(Debug)]
pub(super) struct Moods {
    pub(super) reactions: Mood,
    pub(super) up: Mood,
    pub(super) down: Mood,
}

impl Moods {
    pub(super) const WELL: Self = Self { reactions: Mood::Well, up: Mood::Well, down: Mood::Well };
}

/// Control server, hosts and networks.
#[derive(Debug)]
pub(super) struct World {
    pub(super) time: Time,
    sequence: u64,
    happened: u64,
    queue: BTreeMap<(Time, u64), Event>,
    pub(super) rng: fastrand::Rng,
    pub(super) config: Arc<Config>,
    /// The virtual IP.
    pub(super) address: IpAddr,
    /// The gateway of the service network, which always answers.
    pub(super) reference: IpAddr,
    pub(super) network_interface: Arc<str>,
    pub(super) hazards: Hazards,
    pub(super) moods: Moods,
    /// A component has not done what it was asked for.
    pub(super) components_failed: bool,
    pub(super) server: Server,
    pub(super) hosts: BTreeMap<HostName, Host>,
    pub(super) next_link: LinkId,
    next_request: u64,
    pub(super) reactions: BTreeMap<RunId, Reaction>,
    pub(super) backends: Backends,
    pub(super) askers: BTreeMap<RequestId, Asker>,
    pub(super) watch: Watch,
    pub(super) last_holders: Vec<HostName>,
    /// How often it changed who answers for the address.
    pub(super) moves: u32,
    /// How many log events the programs of each host have written.
    pub(super) written: BTreeMap<HostName, u64>,
    pub(super) writes: bool,
    pub(super) story: Story,
}

impl World {
    /// A world in which nothing runs yet.
    pub(super) fn new(mut rng: fastrand::Rng, config: Arc<Config>, hazards: Hazards) -> Self {
        let vip = config.vips.values().next();
        let address = vip.map_or(IpAddr::from([0, 0, 0, 0]), |vip| vip.address);
        let interface = vip.and_then(|vip| vip.network_interfaces.values().next().cloned());
        let server = Server::new(Clock::new(&mut rng));
        let names = config.hosts.keys().cloned();
        let hosts = names.map(|name| (name, Host::new(Clock::new(&mut rng)))).collect();
        Self {
            time: 0,
            sequence: 0,
            happened: 0,
            queue: BTreeMap::new(),
            rng,
            config,
            address,
            reference: IpAddr::from([10, 81, 1, 1]),
            network_interface: interface.unwrap_or_else(|| "eth0".into()),
            hazards,
            moods: Moods::WELL,
            components_failed: false,
            server,
            hosts,
            next_link: 1,
            next_request: 1,
            reactions: BTreeMap::new(),
            backends: Backends::new(),
            askers: BTreeMap::new(),
            watch: Watch::default(),
            last_holders: Vec::new(),
            moves: 0,
            written: BTreeMap::new(),
            writes: true,
            story: Story::default(),
        }
    }

    /// Something happens at a time; what was said first happens first.
    pub(super) fn at(&mut self, time: Time, event: Event) {
        self.sequence += 1;
        self.queue.insert((time.max(self.time), self.sequence), event);
    }

    /// Something happens after a while.
    pub(super) fn after(&mut self, delay: Time, event: Event) {
        self.at(self.time + delay, event);
    }

    pub(super) fn new_request(&mut self) -> RequestId {
        self.next_request += 1;
        RequestId(self.next_request)
    }

    pub(super) fn tell(&mut self, line: impl AsRef<str>) {
        self.story.tell(self.time, line);
    }

    pub(super) fn broke(&mut self, property: impl Into<String>) {
        self.story.broke(self.time, property);
    }

    /// Lets everything happen up to a time.
    pub(super) fn run_until(&mut self, until: Time) {
        while let Some(entry) = self.queue.first_entry()
            && entry.key().0 <= until
        {
            let ((time, _), event) = entry.remove_entry();
            self.time = time;
            self.happened += 1;
            if self.happened > EVENTS_MAX {
                self.broke("a storm: more happens than in any sound run");
                self.queue.clear();
                break;
            }
            self.happens(event);
        }
        self.time = until;
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Change(change) => self.change(change),
            Event::ToAgent(host, life, input) => self.agent_receives(&host, life, *input),
            Event::AgentWakes(host, life) => self.agent_wakes(&host, life),
            Event::ToControl(life, input) => self.control_receives(life, *input),
            Event::ControlWakes(life) => self.control_wakes(life),
            Event::Commit(life) => self.commit(life),
            Event::Connect(host, life) => self.connect(&host, life),
            Event::Freight(host, link, freight) => self.freight_arrives(&host, link, freight),
            Event::Packet(packet) => self.arrives(packet),
            Event::Expiry(host, address) => self.expire(&host, address),
            Event::Exit(host, application, pid, exit) => {
                self.exit(&host, &application, (pid, exit));
            }
            Event::ReactionStep(run, life) => self.reaction_step(run, life),
            Event::ReactionOverdue(run, life) => self.reaction_overdue(run, life),
            Event::BackendStep(host, run, life, answer) => {
                self.backend_step(&host, (run, life), answer.map(|answer| *answer));
            }
            Event::Write(host) => self.write(&host),
        }
    }

    /// A program writes a numbered log event, if its agent is there to take it.
    fn write(&mut self, host: &HostName) {
        if !self.writes {
            return;
        }
        let takes = self
            .hosts
            .get(host)
            .is_some_and(|found| found.agent.is_some() && !found.is_frozen && found.kernel.powered);
        if takes {
            let number = self.written.entry(host.clone()).or_default();
            *number += 1;
            let event = super::reports::numbered(host, *number);
            // Into the agent at once: what it has taken it must not lose.
            let life = self.hosts.get(host).map_or(0, |found| found.life);
            self.agent_receives(host, life, AgentInput::Event(event));
        }
        let pause = self.rng.u64(300 * MS..3_000 * MS);
        self.after(pause, Event::Write(host.clone()));
    }
}
