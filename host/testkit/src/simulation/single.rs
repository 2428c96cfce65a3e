//! One fault at a time in an otherwise healthy pair, and how soon service must be back.

use std::fmt;
use std::sync::Arc;

use takeover_logic::address::io::InterfaceState;
use takeover_logic::control::io::Command;

use super::clock::{MS, S, Time};
use super::components::Mood;
use super::faults::{Cast, Change, Kind};
use super::world::{Event, World};
use super::{Outcome, SEVERAL_MAX, begin, cast, configuration, hazards};

/// When the fault comes, at the earliest.
const AT: Time = 5 * S;

/// A fault, told from the side of the primary at that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Single {
    /// The primary's process is killed.
    PrimaryKilled,
    /// The backup's process is killed.
    BackupKilled,
    /// An operator orders a switchover.
    Switchover,
    /// An operator orders five switchovers within a second.
    FiveSwitchovers,
    /// An operator stops the primary.
    PrimaryStopped,
    /// The primary's host loses power.
    HostLost,
    /// The agent of the primary's host is killed.
    AgentKilled,
    /// The agent of the primary's host stands still.
    AgentFrozen,
    /// The agent of the primary's host is replaced.
    AgentReplaced,
    /// The primary's host is cut off from the management network for three seconds.
    ManagementCut,
    /// The service network is cut off from the primary's host.
    ServiceCut,
    /// The interface of the virtual IP goes down.
    InterfaceDown,
    /// The control server is killed and started again after a second.
    ControlKilled,
    /// The same, and the primary's process is killed while it is away.
    ControlAndPrimaryKilled,
    /// Somebody deletes the virtual IP.
    Deleted,
    /// Somebody adds the virtual IP on the standby.
    Added,
    /// The primary's process is killed while backends that take an address off hang.
    PrimaryKilledDownHangs,
}

impl Single {
    /// Every one.
    pub const ALL: [Self; 17] = [
        Self::PrimaryKilled,
        Self::BackupKilled,
        Self::Switchover,
        Self::FiveSwitchovers,
        Self::PrimaryStopped,
        Self::HostLost,
        Self::AgentKilled,
        Self::AgentFrozen,
        Self::AgentReplaced,
        Self::ManagementCut,
        Self::ServiceCut,
        Self::InterfaceDown,
        Self::ControlKilled,
        Self::ControlAndPrimaryKilled,
        Self::Deleted,
        Self::Added,
        Self::PrimaryKilledDownHangs,
    ];

    /// Longest time until exactly the host of a healthy primary answers for the address.
    fn service_within(self) -> Time {
        match self {
            // Seen in milliseconds; the rest is the way through control server and components.
            Self::PrimaryKilled | Self::Switchover | Self::InterfaceDown => 150 * MS,
            Self::PrimaryStopped | Self::PrimaryKilledDownHangs => 150 * MS,
            Self::BackupKilled => 0,
            // The last one may come when the alarm of the one before it is still active: then the
            // addresses are compared when it clears.
            Self::FiveSwitchovers => 3_500 * MS,
            // Three heartbeats of 100 ms, one more to notice, probing.
            Self::HostLost => 700 * MS,
            // The kernel keeps the address for up to 2.4 s after the last refresh.
            Self::AgentKilled | Self::AgentFrozen => 3_200 * MS,
            Self::AgentReplaced => 700 * MS,
            // Cut for 3 s; then the restored one goes to backup.
            Self::ManagementCut => 4_500 * MS,
            // Three probes of the reference, 100 ms apart.
            Self::ServiceCut => 700 * MS,
            // Nothing moves; there is nobody to be asked for 1 s.
            Self::ControlKilled => 1_500 * MS,
            // Away for 1 s, then the agents link up again.
            Self::ControlAndPrimaryKilled => 2_500 * MS,
            Self::Deleted | Self::Added => 50 * MS,
        }
    }

    /// Whether the address has to stay where it is.
    fn moves_nothing(self) -> bool {
        matches!(self, Self::BackupKilled | Self::ControlKilled)
    }

    /// How long two hosts may answer for the address.
    fn several_within(self) -> Time {
        match self {
            Self::Added => 50 * MS,
            Self::AgentKilled | Self::AgentFrozen | Self::ManagementCut => SEVERAL_MAX,
            _ => 0,
        }
    }

    fn begin(self, world: &mut World, cast: &Cast) {
        let (Some(primary), Some(backup)) = (cast.applications.first(), cast.applications.get(1))
        else {
            return;
        };
        let (Some(host), Some(standby)) = (cast.hosts.first(), cast.hosts.get(1)) else { return };
        let (host, standby, at) = (host.clone(), standby.clone(), world.time);
        let mut later = |after: Time, change| world.at(at + after, Event::Change(change));
        match self {
            Self::PrimaryKilled => later(0, Change::Kill(primary.clone())),
            Self::BackupKilled => later(0, Change::Kill(backup.clone())),
            Self::Switchover => later(0, Change::Ask(switchover(cast))),
            Self::FiveSwitchovers => {
                (0..5).for_each(|n| later(n * 200 * MS, Change::Ask(switchover(cast))));
            }
            Self::PrimaryStopped => {
                let application = primary.clone();
                later(0, Change::Ask(Command::Stop { application, graceful: false }));
            }
            Self::HostLost => later(0, Change::PowerOff(host)),
            Self::AgentKilled => later(0, Change::KillAgent(host)),
            Self::AgentFrozen => later(0, Change::FreezeAgent(host, true)),
            Self::AgentReplaced => {
                later(0, Change::StopAgent(host.clone()));
                later(300 * MS, Change::StartAgent(host));
            }
            Self::ManagementCut => {
                later(0, Change::Ways(host.clone(), Some(true), Some(true)));
                later(3 * S, Change::Ways(host, Some(false), Some(false)));
            }
            Self::ServiceCut => later(0, Change::Service(host, false, false)),
            Self::InterfaceDown => later(0, Change::Interface(host, InterfaceState::Down)),
            Self::ControlKilled => {
                later(0, Change::KillControl);
                later(S, Change::StartControl);
            }
            Self::ControlAndPrimaryKilled => {
                later(0, Change::KillControl);
                later(300 * MS, Change::Kill(primary.clone()));
                later(S, Change::StartControl);
            }
            Self::Deleted => later(0, Change::ByHand(host, false)),
            Self::Added => later(0, Change::ByHand(standby, true)),
            Self::PrimaryKilledDownHangs => {
                later(0, Change::Moods(Mood::Well, Mood::Well, Mood::Hangs));
                later(0, Change::Kill(primary.clone()));
            }
        }
    }
}

impl fmt::Display for Single {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

fn switchover(cast: &Cast) -> Command {
    Command::Switchover { pair: cast.pair.clone() }
}

/// Runs one fault with the chances of a seed.
///
/// # Errors
/// The simulation's own configuration is not valid, which is told in full.
pub fn run_single(single: Single, seed: u64) -> Result<Outcome, String> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let (isolation, references) = match single {
        Single::ServiceCut => ("hold", true),
        Single::ManagementCut => (if rng.bool() { "hold" } else { "release" }, rng.bool()),
        _ => ("hold", rng.bool()),
    };
    let config = Arc::new(configuration(isolation, references, 0.0)?);
    let hazards = hazards(&mut rng, Kind::Calm);
    let mut world = World::new(rng.fork(), config.clone(), hazards);
    world.tell(format!("{single}, seed {seed}, {isolation}, references: {references}"));
    world.watch.allowed = single.several_within();
    let cast = cast(&config);
    begin(&mut world, &cast);
    world.run_until(AT + rng.u64(0..S));
    world.expect_service("five seconds after the start");
    let (fired, moves) = (world.server.fired(), world.moves);
    single.begin(&mut world, &cast);
    world.run_until(world.time + single.service_within() + MS);
    world.expect_service(&format!("{} ms after the fault", single.service_within() / MS));
    // Nothing undoes it later, for as long as every timeout that it may have begun.
    for second in 1..=12 {
        world.run_until(world.time + S);
        world.expect_service(&format!("{second} s after that"));
    }
    world.end_of_several();
    if single.moves_nothing() && world.moves != moves {
        world.broke("the address was moved");
    }
    if single == Single::ControlKilled && world.server.fired() != fired {
        world.broke("the restart of the control server led to reactions");
    }
    let broken = world.story.broken().to_vec();
    Ok(Outcome { seed, broken, story: world.story.text() })
}
