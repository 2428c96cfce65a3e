//! What goes wrong on purpose: single changes, and seeded plans of them that end in good order.

use std::time::Duration;

use takeover_logic::address::io::InterfaceState;
use takeover_logic::control::io::{Command, Input as ControlInput, LinkEnd};
use takeover_logic::host_agent::io::Input as AgentInput;
use takeover_logic::ids::{ApplicationName, HostName, PairName};
use takeover_logic::link::Exit;

use super::clock::{MS, S, Time};
use super::components::Mood;
use super::world::{Event, Moods, World};

/// One change of the world.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// SIGKILL to a program.
    Kill(ApplicationName),
    /// A program stops listening to SIGTERM.
    Deafen(ApplicationName),
    /// Command lines can not be executed, or can again.
    RefuseSpawns(HostName, bool),
    StartAgent(HostName),
    KillAgent(HostName),
    /// SIGTERM to an agent.
    StopAgent(HostName),
    FreezeAgent(HostName, bool),
    PowerOff(HostName),
    PowerOn(HostName),
    StartControl,
    KillControl,
    FreezeControl(bool),
    /// Cut or mend the ways of the management network: to the control server, and back.
    Ways(HostName, Option<bool>, Option<bool>),
    /// The link of a host is reset from between.
    Reset(HostName),
    /// Whether the service network takes what a host sends, and brings it what others send.
    Service(HostName, bool, bool),
    Interface(HostName, InterfaceState),
    /// The virtual IP is put on or taken off by hand.
    ByHand(HostName, bool),
    Ask(Command),
    /// Reactions, ups and downs behave like this from now on.
    Moods(Mood, Mood, Mood),
}

impl World {
    /// Carries out a change.
    pub(super) fn change(&mut self, change: Change) {
        self.tell(format!("--- {change:?}"));
        match change {
            Change::Kill(application) => self.kill(&application),
            Change::Deafen(application) => {
                for found in self.hosts.values_mut() {
                    if let Some(process) = found.processes.get_mut(&application) {
                        process.is_stubborn = true;
                    }
                }
            }
            Change::RefuseSpawns(host, refuses) => {
                if let Some(found) = self.hosts.get_mut(&host) {
                    found.refuses_spawns = refuses;
                }
            }
            Change::StartAgent(host) => self.start_agent(&host),
            Change::KillAgent(host) => self.kill_agent(&host),
            Change::StopAgent(host) => self.hand_agent(&host, 0, AgentInput::Shutdown),
            Change::FreezeAgent(host, is_frozen) => self.freeze_agent(&host, is_frozen),
            Change::PowerOff(host) => self.power_off(&host),
            Change::PowerOn(host) => {
                if let Some(found) = self.hosts.get_mut(&host) {
                    found.kernel.powered = true;
                }
                self.start_agent(&host);
            }
            Change::StartControl => self.start_control(),
            Change::KillControl => self.kill_control(),
            Change::FreezeControl(is_frozen) => self.freeze_control(is_frozen),
            Change::Ways(host, up, down) => self.set_ways(&host, up, down),
            Change::Reset(host) => self.reset(&host),
            Change::Service(host, sends, receives) => {
                if let Some(found) = self.hosts.get_mut(&host) {
                    found.kernel.sends = sends;
                    found.kernel.receives = receives;
                }
                self.referee();
            }
            Change::Interface(host, state) => self.set_interface(&host, state),
            Change::ByHand(host, put_on) => self.by_hand(&host, put_on),
            Change::Ask(command) => {
                self.ask(command);
            }
            Change::Moods(reactions, up, down) => self.moods = Moods { reactions, up, down },
        }
    }

    fn kill(&mut self, application: &ApplicationName) {
        let process = self.hosts.iter().find_map(|(host, found)| {
            found.processes.get(application).map(|process| (host.clone(), process.pid))
        });
        if let Some((host, pid)) = process {
            self.exit(&host, application, (pid, Exit::Signal(9)));
        }
    }

    /// Both sides see the link end.
    fn reset(&mut self, host: &HostName) {
        let Some(found) = self.hosts.get_mut(host) else { return };
        let (at_agent, at_control) = (found.cable.at_agent.take(), found.cable.at_control.take());
        if at_agent.is_some() {
            self.hand_agent(host, 0, AgentInput::LinkEnded(LinkEnd::Closed));
            self.connect_later(host);
        }
        if at_control.is_some() {
            let end = LinkEnd::Closed;
            self.hand_control(0, ControlInput::LinkEnded { host: host.clone(), end });
        }
    }

    /// Everything that was broken is whole again, and what was stopped is started.
    pub(super) fn heal(&mut self) {
        self.tell("--- everything is healed");
        self.moods = Moods::WELL;
        let hosts: Vec<HostName> = self.hosts.keys().cloned().collect();
        for host in hosts {
            self.set_ways(&host, Some(false), Some(false));
            if let Some(found) = self.hosts.get_mut(&host) {
                found.kernel.powered = true;
                (found.kernel.sends, found.kernel.receives) = (true, true);
                found.refuses_spawns = false;
                for process in found.processes.values_mut() {
                    process.is_stubborn = false;
                }
            }
            if self.hosts.get(&host).is_some_and(|found| found.is_frozen) {
                self.freeze_agent(&host, false);
            }
            self.start_agent(&host);
            self.set_interface(&host, InterfaceState::Up);
        }
        if self.server.control.is_none() {
            self.start_control();
        }
        self.freeze_control(false);
    }
}

/// What kind of faults a plan has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Programs die and operators act, while hosts, networks and components are well: never may
    /// two hosts answer.
    Calm,
    /// Hosts, agents and networks fail.
    Hosts,
    /// The control server fails too.
    Control,
    /// Components misbehave.
    Components,
    /// Everything.
    All,
}

impl Kind {
    /// The kind of a seed.
    pub(super) fn of(seed: u64) -> Self {
        match seed % 5 {
            0 => Self::Calm,
            1 => Self::Hosts,
            2 => Self::Control,
            3 => Self::Components,
            _ => Self::All,
        }
    }
}

/// The names that plans are made of.
#[derive(Clone, Debug)]
pub(super) struct Cast {
    pub(super) pair: PairName,
    pub(super) applications: Vec<ApplicationName>,
    pub(super) hosts: Vec<HostName>,
}

/// A seeded plan: changes between two times, each with its own end where it has one.
pub(super) fn plan(
    rng: &mut fastrand::Rng,
    kind: Kind,
    cast: &Cast,
    (from, to): (Time, Time),
) -> Vec<(Time, Event)> {
    let mut changes = Vec::new();
    for _ in 0..rng.u32(1..=8) {
        let at = rng.u64(from..to);
        // Many faults are short, some outlast every timeout.
        let lasts = if rng.bool() { rng.u64(10 * MS..2 * S) } else { rng.u64(S..12 * S) };
        let until = (at + lasts).min(to);
        let (begin, end) = fault(rng, kind, cast);
        changes.push((at, Event::Change(begin)));
        changes.extend(end.map(|end| (until, Event::Change(end))));
    }
    changes
}

/// One fault, and what ends it.
fn fault(rng: &mut fastrand::Rng, kind: Kind, cast: &Cast) -> (Change, Option<Change>) {
    let dice = rng.u32(0..100);
    match kind {
        Kind::Calm => ordinary(rng, cast),
        Kind::Hosts if dice < 30 => ordinary(rng, cast),
        Kind::Hosts => host_fault(rng, cast),
        Kind::Control if dice < 25 => ordinary(rng, cast),
        Kind::Control if dice < 50 => host_fault(rng, cast),
        Kind::Control => control_fault(rng),
        Kind::Components if dice < 50 => ordinary(rng, cast),
        Kind::Components => component_fault(rng),
        Kind::All if dice < 25 => ordinary(rng, cast),
        Kind::All if dice < 60 => host_fault(rng, cast),
        Kind::All if dice < 80 => control_fault(rng),
        Kind::All => component_fault(rng),
    }
}

fn pick<T: Clone>(rng: &mut fastrand::Rng, from: &[T]) -> Option<T> {
    from.get(rng.usize(0..from.len().max(1))).cloned()
}

/// What happens on any day.
fn ordinary(rng: &mut fastrand::Rng, cast: &Cast) -> (Change, Option<Change>) {
    let pair = cast.pair.clone();
    let Some(application) = pick(rng, &cast.applications) else {
        return (Change::FreezeControl(false), None);
    };
    match rng.u32(0..8) {
        0..=2 => (Change::Kill(application), None),
        3 | 4 => (Change::Ask(Command::Switchover { pair }), None),
        5 => {
            let stop = Command::Stop { application: application.clone(), graceful: rng.bool() };
            (Change::Ask(stop), Some(Change::Ask(Command::Start { application })))
        }
        6 => (Change::Ask(Command::Restart { application }), None),
        _ => {
            let resume = Change::Ask(Command::Resume { pair: pair.clone() });
            (Change::Ask(Command::Pause { pair }), Some(resume))
        }
    }
}

fn host_fault(rng: &mut fastrand::Rng, cast: &Cast) -> (Change, Option<Change>) {
    let (Some(host), Some(application)) = (pick(rng, &cast.hosts), pick(rng, &cast.applications))
    else {
        return (Change::FreezeControl(false), None);
    };
    let whole = Change::Ways(host.clone(), Some(false), Some(false));
    match rng.u32(0..13) {
        0 => (Change::KillAgent(host.clone()), Some(Change::StartAgent(host))),
        1 => (Change::StopAgent(host.clone()), Some(Change::StartAgent(host))),
        2 | 3 => (Change::FreezeAgent(host.clone(), true), Some(Change::FreezeAgent(host, false))),
        4 => (Change::PowerOff(host.clone()), Some(Change::PowerOn(host))),
        5 | 6 => (Change::Ways(host, Some(true), Some(true)), Some(whole)),
        7 if rng.bool() => (Change::Ways(host, Some(true), None), Some(whole)),
        7 => (Change::Ways(host, None, Some(true)), Some(whole)),
        8 => (Change::Reset(host), None),
        9 => {
            let (sends, receives) = (rng.bool(), rng.u32(0..3) == 0);
            let mended = Change::Service(host.clone(), true, true);
            (Change::Service(host, sends && !receives, receives), Some(mended))
        }
        10 => {
            let up = Change::Interface(host.clone(), InterfaceState::Up);
            (Change::Interface(host, InterfaceState::Down), Some(up))
        }
        11 => (Change::ByHand(host, rng.bool()), None),
        _ if rng.bool() => (Change::Deafen(application), None),
        _ => (Change::RefuseSpawns(host.clone(), true), Some(Change::RefuseSpawns(host, false))),
    }
}

fn control_fault(rng: &mut fastrand::Rng) -> (Change, Option<Change>) {
    if rng.u32(0..3) == 0 {
        (Change::FreezeControl(true), Some(Change::FreezeControl(false)))
    } else {
        (Change::KillControl, Some(Change::StartControl))
    }
}

fn component_fault(rng: &mut fastrand::Rng) -> (Change, Option<Change>) {
    let mut mood = || match rng.u32(0..10) {
        0..=3 => Mood::Well,
        4 | 5 => Mood::Slow(Duration::from_millis(rng.u64(1..3_000)).as_millis() as Time * MS),
        6 => Mood::Fails,
        7 => Mood::Traps,
        8 => Mood::Hangs,
        _ => Mood::Lies,
    };
    let well = Change::Moods(Mood::Well, Mood::Well, Mood::Well);
    (Change::Moods(mood(), mood(), mood()), Some(well))
}
