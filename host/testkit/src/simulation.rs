//! A seeded simulation of one redundant pair: the real control server and host agents, with models
//! of everything around them.
//!
//! ```text
//!     operators      reactions (models)
//!          \            |
//!           control server (real machine) + journal that loses what is not committed
//!              |  links: in order; stall, end, end unseen       |
//!          host agent h1 (real machine)              host agent h2 (real machine)
//!           |       |        \                        /      |        |
//!      processes  backends  kernel 1 -- service network -- kernel 2  ...
//!      (models)   (models)  (leases)    (loses, delays,    (leases)
//!                                        duplicates)
//! ```
//!
//! Every machine has its own clock with its own drift. A seed decides everything; the same seed
//! tells the same story. What must hold (architecture 7) is checked while it runs and at its end;
//! all that broke is reported together with the story.
//!
//! Reading order: this file (what a run is), `single` and `faults` (what goes wrong), `watch`
//! (what must hold at any moment), `world` (how things happen); then one file for each part of the
//! picture.

mod clock;
mod components;
mod faults;
mod hosts;
mod kernel;
mod network;
mod reports;
mod server;
mod single;
mod story;
mod watch;
mod world;

use std::sync::Arc;
use std::time::Duration;

use takeover_logic::config;
use takeover_logic::config::model::Config;
use takeover_logic::config::worst_case::worst_case;
use takeover_logic::control::io::Command;
use takeover_logic::ids::ApplicationName;
use takeover_logic::limits::DECISION_RETRY_INTERVAL;
use takeover_logic::link::Status;

use self::clock::{MS, S, Time};
use self::components::Asker;
use self::faults::{Cast, Kind, plan};
pub use self::single::{Single, run_single};
use self::world::{Event, Hazards, World};

/// Faults happen between these times: the pair is up before, and everything is healed after.
const FAULTS: (Time, Time) = (4 * S, 30 * S);
/// How long two hosts may answer for one address in an unconfirmed takeover (architecture 7).
const SEVERAL_MAX: Time = 500 * MS;
/// Longest time that a stop which was ordered before may still take.
const STOP_MAX: Time = 12 * S;
/// Time for an ordered switchover at the end.
const SWITCHOVER_MAX: Time = 12 * S;

/// What came of one seed.
#[derive(Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Every property that did not hold; empty: all is well.
    pub broken: Vec<String>,
    /// What happened, one step per line.
    pub story: String,
}

/// Runs the simulation of a seed.
///
/// # Errors
/// The simulation's own configuration is not valid, which is told in full.
pub fn run(seed: u64) -> Result<Outcome, String> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let kind = Kind::of(seed);
    let isolation = if rng.bool() { "hold" } else { "release" };
    let wait = if rng.u32(0..4) == 0 { 1.0 } else { 0.0 };
    let config = Arc::new(configuration(isolation, rng.bool(), wait)?);
    let hazards = hazards(&mut rng, kind);
    let mut world = World::new(rng.fork(), config.clone(), hazards);
    world.tell(format!("seed {seed}, {kind:?} faults, {:?}", world.hazards));
    world.watch.allowed = if kind == Kind::Calm { 0 } else { SEVERAL_MAX };
    let cast = cast(&config);
    begin(&mut world, &cast);
    for (at, event) in plan(&mut rng, kind, &cast, FAULTS) {
        world.at(at, event);
    }
    world.run_until(FAULTS.0 - MS);
    world.expect_service("four seconds after the start");
    world.run_until(FAULTS.1);
    end(&mut world, &cast);
    let broken = world.story.broken().to_vec();
    Ok(Outcome { seed, broken, story: world.story.text() })
}

/// Everything is started.
fn begin(world: &mut World, cast: &Cast) {
    world.start_control();
    for host in &cast.hosts {
        world.start_agent(host);
        world.after(S, Event::Write(host.clone()));
    }
}

/// Everything is healed; then service must come back, and a switchover must work.
fn end(world: &mut World, cast: &Cast) {
    world.heal();
    world.ask(Command::Resume { pair: cast.pair.clone() });
    start_all(world, cast);
    world.expect_primary(cast);
    // A graceful stop from before may have refused the first order to start.
    world.run_until(world.time + STOP_MAX);
    start_all(world, cast);
    world.run_until(world.time + 5 * S);
    // What a component did not do is not tried again by itself: that is for the operator.
    if !world.components_failed {
        world.expect_service("after everything was healed");
    }
    let switchover = world.ask(Command::Switchover { pair: cast.pair.clone() });
    world.writes = false;
    world.run_until(world.time + SWITCHOVER_MAX);
    if !switchover.is_some_and(|request| world.server.succeeded(request)) {
        world.broke("the switchover at the end did not succeed");
    }
    world.expect_service("after the switchover at the end");
    world.end_of_several();
    world.check_reports();
    for text in world.server.unanswered() {
        world.broke(text);
    }
    let life = world.server.life;
    let is_open = |asker: &&Asker| matches!(asker, Asker::Reaction(_, of) if *of == life);
    let open = world.askers.values().filter(is_open).count();
    if open > 0 {
        world.broke(format!("{open} calls of reactions were never answered"));
    }
}

fn start_all(world: &mut World, cast: &Cast) {
    for application in &cast.applications {
        world.ask(Command::Start { application: application.clone() });
    }
}

impl World {
    /// A healthy instance that the control server reaches must be primary within the printed
    /// worst case; a decision that failed before may have to wait for its next attempt first.
    fn expect_primary(&mut self, cast: &Cast) {
        let worst = worst_case(&self.config, &cast.pair).map(|worst| worst.primary_within());
        let bound = worst.unwrap_or_default() + DECISION_RETRY_INTERVAL;
        let bound = nanos(bound);
        let give_up = self.time + 60 * S;
        let mut healthy_since = None;
        while self.time < give_up {
            self.run_until(self.time + 50 * MS);
            // A primary that is stopped gracefully stays in office until it has finished.
            let in_office = [Status::Running, Status::Suspending];
            if self.primary().is_some_and(|primary| self.is_seen_as(&primary, &in_office)) {
                return;
            }
            if !cast.applications.iter().any(|application| self.is_healthy(application)) {
                healthy_since = None;
                continue;
            }
            let since = *healthy_since.get_or_insert(self.time);
            if self.time - since > bound {
                self.broke(format!("no healthy primary within {} ms", bound / MS));
                return;
            }
        }
        self.broke("no instance became healthy within 60 s");
    }

    /// Who is primary, as operators see it.
    fn primary(&self) -> Option<ApplicationName> {
        let overview = self.server.control.as_ref()?.overview();
        overview.pairs.into_iter().find_map(|pair| pair.primary)
    }

    /// It runs, nobody is stopping it, and the control server reaches its host.
    fn is_healthy(&self, application: &ApplicationName) -> bool {
        self.is_seen_as(application, &[Status::Running])
    }

    /// Its process exists, its agent sees it in one of these statuses and is linked.
    fn is_seen_as(&self, application: &ApplicationName, statuses: &[Status]) -> bool {
        let host = self.config.applications.get(application).map(|found| &found.host);
        let Some(found) = host.and_then(|host| self.hosts.get(host)) else { return false };
        let linked =
            found.cable.at_agent.is_some() && found.cable.at_agent == found.cable.at_control;
        let Some(agent) = found.agent.as_ref().filter(|_| linked) else { return false };
        let mut states = agent.applications().into_iter();
        let state = states.find(|state| state.name == *application);
        found.runs(application) && state.is_some_and(|state| statuses.contains(&state.status))
    }

    /// Exactly the host of a primary whose process runs answers for the address.
    fn expect_service(&mut self, when: &str) {
        let primary = self.primary();
        let host = primary.as_ref().and_then(|name| self.config.applications.get(name));
        let host = host.map(|application| application.host.clone());
        let runs = primary.as_ref().is_some_and(|primary| self.is_healthy(primary));
        let holders = self.holders();
        if !runs || Some(holders.as_slice()) != host.as_ref().map(std::slice::from_ref) {
            self.broke(format!(
                "no service {when}: primary {primary:?} (healthy: {runs}), the address is on \
                 {holders:?}"
            ));
            let overview = self.server.control.as_ref().map(|control| control.overview());
            self.tell(format!("{overview:#?}"));
        }
    }
}

fn cast(config: &Config) -> Cast {
    let pair = config.pairs.values().next();
    Cast {
        pair: pair.map_or_else(|| "none".into(), |pair| pair.name.clone()),
        applications: pair.map(|p| vec![p.primary.clone(), p.backup.clone()]).unwrap_or_default(),
        hosts: config.hosts.keys().cloned().collect(),
    }
}

/// How unreliable the networks of a seed are. Nothing but faults disturbs calm ones.
fn hazards(rng: &mut fastrand::Rng, kind: Kind) -> Hazards {
    let rough = kind != Kind::Calm && rng.bool();
    Hazards {
        link_delay: if rough { (MS / 10, 20 * MS) } else { (MS / 20, MS) },
        lan_loss: if rough { 0.03 } else { 0.0 },
        lan_duplication: 0.02,
        lan_delay_max: if rough { 5 * MS } else { MS / 2 },
        timer_lateness: if rough { 10 * MS } else { MS },
        commit_max: if rng.bool() { 5 * MS } else { 100 * MS },
    }
}

/// A pair on two hosts, written as an operator writes it.
fn configuration(isolation: &str, references: bool, wait_s: f64) -> Result<Config, String> {
    let references = if references { "references = [\"10.81.1.1\"]" } else { "" };
    let text = format!(
        r#"
[control]
heartbeat_interval_ms = 100
heartbeat_misses = 3
disconnect_switchover_timeout_s = {wait_s:.1}

[[host]]
name = "h1"
address = "10.82.1.11"
[host.interfaces]
mgt0 = ["10.82.1.11/24"]
sip0 = ["10.81.1.11/24"]

[[host]]
name = "h2"
address = "10.82.1.12"
[host.interfaces]
mgt0 = ["10.82.1.12/24"]
sip0 = ["10.81.1.12/24"]

[[pair]]
name = "sip"
hosts = ["h1", "h2"]
vip = "10.81.1.100/24"
port = 5060
isolation = "{isolation}"
{references}

[pair.application]
command = ["/usr/sbin/kamailio", "-DD"]
"#
    );
    let checked = config::read(&[("simulation.toml".to_owned(), text)]);
    let error = |errors: Vec<config::ConfigError>| {
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    checked.map(|checked| checked.config).map_err(error)
}

fn nanos(duration: Duration) -> Time {
    Time::try_from(duration.as_nanos()).unwrap_or(Time::MAX)
}

#[cfg(test)]
mod tests;
