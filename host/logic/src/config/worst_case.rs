//! How long a failover of a pair takes at worst, and whether the lease of a virtual IP is long
//! enough to be safe (architecture 5.4).
//!
//! The numbers come from the configuration alone; the simulation holds the machines to them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::model::{Application, Config, ControlSettings, Pair, Runs, Selection, Vip};
use crate::ids::{ApplicationName, HostName, PairName, VipName};
use crate::limits;
use crate::log_event::EventId;

/// 00-05150: the run mode of the application is changed to primary.
const CHANGED_TO_PRIMARY: EventId = EventId::new(0, 5150);

/// The inequality `r + n*o + d + g < T`: a holder that is cut off has let go, verified, before
/// anyone else may believe that its lease ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inequality {
    /// `r`: time between two signs of life.
    pub renewal: Duration,
    /// `n`: round trips of one renewal.
    pub round_trips: u32,
    /// `o`: longest one round trip may take; after that the link counts as lost.
    pub round_trip: Duration,
    /// `d`: longest time until the address is verified gone.
    pub removal: Duration,
    /// `g`: clock drift over the lease, scheduling, and how late the kernel may be.
    pub guard: Duration,
    /// `T`: the lease.
    pub lease: Duration,
}

impl Inequality {
    /// The inequality of a lease under these settings.
    pub fn new(control: &ControlSettings, lease: Duration) -> Self {
        Self {
            renewal: control.heartbeat_interval,
            round_trips: 1,
            round_trip: detection(control),
            removal: limits::ADDRESS_REMOVAL,
            guard: limits::LEASE_GUARD_MAX.min(lease / 4) + lease / limits::CLOCK_DRIFT_DIVISOR,
            lease,
        }
    }

    /// The left side.
    pub fn sum(&self) -> Duration {
        self.renewal + self.round_trip * self.round_trips + self.removal + self.guard
    }

    /// Whether the lease is safe.
    pub fn holds(&self) -> bool {
        self.sum() < self.lease
    }
}

impl fmt::Display for Inequality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "heartbeat {} + {} x round trip {} + removal {} + guard {} = {}",
            seconds(self.renewal),
            self.round_trips,
            seconds(self.round_trip),
            seconds(self.removal),
            seconds(self.guard),
            seconds(self.sum())
        )
    }
}

/// One part of the time that a failover takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What happens.
    pub what: &'static str,
    /// Longest time it takes.
    pub at_most: Duration,
    /// Where the number comes from.
    pub because: String,
}

/// One way to fail, and how long it takes until service is back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// What fails.
    pub what: &'static str,
    /// The steps, one after the other; the last is the only one about addresses, where there is
    /// one.
    pub steps: Vec<Step>,
    /// Longest time until the other application is confirmed primary.
    pub primary_within: Duration,
    /// Longest time until it has the virtual IPs; `None`: the pair has none.
    pub address_within: Option<Duration>,
    /// The same where nothing has to be waited for until its timeout.
    pub usual: Duration,
}

/// The worst cases of one pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorstCase {
    /// The pair.
    pub pair: PairName,
    /// Every way to fail that is detected.
    pub cases: Vec<Case>,
    /// The inequality of each virtual IP.
    pub leases: Vec<(VipName, Inequality)>,
}

impl WorstCase {
    /// The longest time until a pair with a healthy, reachable instance has a primary.
    pub fn primary_within(&self) -> Duration {
        self.cases.iter().map(|case| case.primary_within).max().unwrap_or_default()
    }
}

/// The worst cases of a pair; `None` where there is no such pair.
pub fn worst_case(config: &Config, pair: &PairName) -> Option<WorstCase> {
    let pair = config.pairs.get(pair)?;
    let vips: Vec<&Vip> = pair.vips.iter().filter_map(|name| config.vips.get(name)).collect();
    let members: Vec<&Application> = [&pair.primary, &pair.backup]
        .into_iter()
        .filter_map(|name| config.applications.get(name))
        .collect();
    let mut cases = vec![process_ended(config, pair)];
    cases.extend(process_hung(config, pair, &members));
    let is_single_host = members.iter().all(|member| Some(&member.host) == first_host(&members));
    if !is_single_host {
        cases.push(host_lost(config, pair, &vips));
    }
    let inequality = |vip: &&Vip| (vip.name.clone(), Inequality::new(&config.control, vip.lease));
    Some(WorstCase {
        pair: pair.name.clone(),
        cases,
        leases: vips.iter().map(inequality).collect(),
    })
}

fn first_host<'a>(members: &[&'a Application]) -> Option<&'a HostName> {
    members.first().map(|member| &member.host)
}

/// Silence after which a link counts as lost.
fn detection(control: &ControlSettings) -> Duration {
    control.heartbeat_interval * control.heartbeat_misses
}

/// The process ends while its host is well: seen within milliseconds.
fn process_ended(config: &Config, pair: &Pair) -> Case {
    /// Between the exit and the agent's report: the flag of large processes is polled every
    /// 1 to 2 ms, the rest is a busy machine.
    const SEEN_WITHIN: Duration = Duration::from_millis(50);
    let seen = Step {
        what: "detection",
        at_most: SEEN_WITHIN,
        because: "the host agent watches the process".to_owned(),
    };
    case("process ended", vec![seen], SEEN_WITHIN, config, pair)
}

/// The process stays but stops reporting; only where it is watched.
fn process_hung(config: &Config, pair: &Pair, members: &[&Application]) -> Option<Case> {
    let watchdogs = members.iter().filter_map(|member| match &member.runs {
        Runs::Program(program) => program.watchdog,
        Runs::Vip { .. } => None,
    });
    let watchdog = watchdogs.max()?;
    let silence = Step {
        what: "detection",
        at_most: watchdog,
        because: "its watchdog stays silent".to_owned(),
    };
    Some(case("process hung", vec![silence], watchdog, config, pair))
}

/// The host or the way to it is gone.
fn host_lost(config: &Config, pair: &Pair, vips: &[&Vip]) -> Case {
    let control = &config.control;
    let silence = Step {
        what: "detection",
        at_most: detection(control),
        because: format!(
            "{} heartbeats of {} missing",
            control.heartbeat_misses,
            seconds(control.heartbeat_interval)
        ),
    };
    let wait = Step {
        what: "disconnect wait",
        at_most: control.disconnect_switchover_timeout,
        because: "disconnect_switchover_timeout_s".to_owned(),
    };
    let probes = vips.iter().map(|vip| vip.probe_interval * limits::TAKEOVER_PROBES).max();
    let probes = probes.unwrap_or_default();
    let usual = silence.at_most + wait.at_most + probes;
    let mut case = case("host lost", vec![silence, wait], usual, config, pair);
    if let (Some(reactions), true) = (case.steps.last_mut(), case.address_within.is_some()) {
        let of_it = format!(
            "; of it {} for probes, {} while the old holder still answers",
            seconds(probes),
            seconds(limits::ADDRESS_EXPIRY_MAX)
        );
        reactions.because.push_str(&of_it);
    }
    case
}

/// A case with what follows every detection: confirmation and reactions.
fn case(
    what: &'static str,
    mut steps: Vec<Step>,
    usual: Duration,
    config: &Config,
    pair: &Pair,
) -> Case {
    steps.push(Step {
        what: "confirmation",
        at_most: config.control.confirm_timeout,
        because: "confirm_timeout_s".to_owned(),
    });
    let primary_within = steps.iter().map(|step| step.at_most).sum();
    let mut address_within = None;
    if !pair.vips.is_empty() {
        let at_most = reactions(config, pair);
        address_within = Some(primary_within + at_most);
        let because = "timeouts of the reactions on one host".to_owned();
        steps.push(Step { what: "reactions", at_most, because });
    }
    Case { what, steps, primary_within, address_within, usual }
}

/// Longest time that the reactions on a change to primary take: those on one host wait for each
/// other, others do not.
fn reactions(config: &Config, pair: &Pair) -> Duration {
    let of_member = |name: &ApplicationName| {
        let mut by_target: BTreeMap<Option<&HostName>, Duration> = BTreeMap::new();
        let conditions = config.conditions.values().filter(|condition| {
            condition.enabled
                && condition.detect.event == CHANGED_TO_PRIMARY
                && takes(config, &condition.detect.selection, name)
        });
        for reaction in conditions.flat_map(|condition| &condition.reactions) {
            if let Some(reaction) = config.reactions.get(reaction) {
                *by_target.entry(reaction.target.as_ref()).or_default() += reaction.timeout;
            }
        }
        by_target.into_values().max().unwrap_or_default()
    };
    of_member(&pair.primary).max(of_member(&pair.backup))
}

/// Whether a selection takes events about an application.
fn takes(config: &Config, selection: &Selection, name: &ApplicationName) -> bool {
    match selection {
        Selection::Application(wanted) => wanted == name,
        Selection::ApplicationType(kind) => {
            config.applications.get(name).is_some_and(|application| application.kind == *kind)
        }
        Selection::Any => true,
    }
}

/// A duration as people read it: seconds, to the millisecond, without idle zeros.
pub fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_millis() as f64 / 1000.0)
}
