//! The failover bench: how long callers get no answer when the SIP server is killed, when an
//! operator orders a switchover, and when the host is lost; ours beside keepalived in two
//! configurations and beside a floor program, interleaved in the same run.
//!
//! `bench_failover [--repeats N] [--only ours,floor,...] [--scheduling fifo|other]`
//!
//! Method: a client sends an OPTIONS each millisecond to a SIP responder that runs on both hosts,
//! so that only the address moves; outage = last answer of the old holder to first answer of the
//! new one. With `fifo` (the default) every program that is measured and the probe run
//! SCHED_FIFO, which stands for an idle machine whatever else this one does.

#[path = "bench_failover/contestant.rs"]
mod contestant;
#[path = "bench_failover/report.rs"]
mod report;

use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use contestant::{Contestant, Who};
use report::{Event, Report};
use takeover_tests::lab::{Lab, Node, VIP};
use takeover_tests::probe::{INTERVAL, Probe};
use takeover_tests::statistics::milliseconds;
use takeover_tests::{keepalived, wait};

/// Port of the SIP responders.
pub(crate) const PORT: u16 = 5060;

/// Longest wait for a takeover: keepalived's usual configuration needs up to 3.6 s.
const TAKEOVER_TIMEOUT: Duration = Duration::from_secs(8);

/// Tries for one measurement where a contestant takes over for nothing.
const TRIES: usize = 5;

/// Undisturbed answers of h1 before the event.
const SETTLED: Duration = Duration::from_millis(300);

/// Answers of the new holder before a measurement ends, so that a late one of the old is seen.
const TAIL: Duration = Duration::from_millis(300);

/// What the command line says.
pub(crate) struct Arguments {
    repeats: usize,
    only: Vec<Who>,
    /// Whether the programs are measured under SCHED_FIFO.
    pub(crate) realtime: bool,
}

fn main() -> Result<()> {
    let arguments = arguments()?;
    if !Lab::is_possible() {
        bail!("needs root and iproute2, for network namespaces");
    }
    let mut report = Report::default();
    let lab = Lab::new()?;
    for repeat in 1..=arguments.repeats {
        for who in &arguments.only {
            for event in Event::ALL {
                let name = format!("{repeat:3} {who:?} {event:?}");
                let measured = measure_once(&lab, *who, event, &arguments, &mut report);
                match &measured {
                    Ok(outage) => eprintln!("{name} {outage:.1} ms"),
                    Err(error) => eprintln!("{name} {error:#}"),
                }
                report.add(*who, event, measured);
            }
        }
    }
    drop(lab);
    report.print(&arguments);
    if report.has_failures() {
        bail!("some repeats failed, see above");
    }
    Ok(())
}

/// One measurement. A contestant other than ours that took over before there was a reason to is
/// counted for that and gets another try.
fn measure_once(
    lab: &Lab,
    who: Who,
    event: Event,
    arguments: &Arguments,
    report: &mut Report,
) -> Result<f64> {
    for _ in 0..TRIES {
        match measure(lab, who, event, arguments)? {
            Some(outage) => return Ok(outage),
            None if who == Who::Ours => bail!("took over before the event"),
            None => report.add_false_takeover(who),
        }
    }
    bail!("took over before the event in {TRIES} tries")
}

/// One fresh setup, one event, one outage in milliseconds; none where h2 took over before it.
fn measure(lab: &Lab, who: Who, event: Event, arguments: &Arguments) -> Result<Option<f64>> {
    for node in [Node::H1, Node::H2] {
        lab.revive(node)?;
    }
    lab.forget_neighbors(Node::C1)?;
    let mut contestant = Contestant::start(lab, who, arguments.realtime)?;
    let target = SocketAddr::from((VIP, PORT));
    let probe = Probe::start(lab, Node::C1, target, INTERVAL, arguments.realtime)?;
    if arguments.realtime && !probe.is_realtime() {
        bail!("SCHED_FIFO is not allowed here; use --scheduling other");
    }
    wait::until("somebody answers the probe", Duration::from_secs(5), || {
        probe.latest().map(drop).ok_or_else(|| contestant.story())
    })?;
    // Not in step with anybody's timer.
    let phase = Duration::from_nanos(UNIX_EPOCH.elapsed()?.subsec_nanos().into());
    sleep(SETTLED + phase.min(who.longest_timer()));
    if probe.latest().is_none_or(|(name, _)| &*name != "h1") {
        return Ok(None);
    }
    let at = Instant::now();
    match event {
        Event::Kill => contestant.kill_server()?,
        Event::Manual => contestant.switch_over()?,
        Event::Host => {
            lab.kill_host(Node::H1)?;
        }
    }
    probe.wait_for("h2", TAKEOVER_TIMEOUT).with_context(|| contestant.story())?;
    sleep(TAIL);
    let seen = probe.finish()?;
    contestant.stop();
    Ok(seen.takeover(at, "h1", "h2").map(|takeover| milliseconds(takeover.outage)))
}

fn arguments() -> Result<Arguments> {
    let mut arguments = Arguments { repeats: 15, only: Who::ALL.to_vec(), realtime: true };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().with_context(|| format!("{word}: value missing"))?;
        match word.as_str() {
            "--repeats" => arguments.repeats = value.parse().with_context(|| value.clone())?,
            "--only" => {
                arguments.only = value.split(',').map(Who::from_name).collect::<Result<_>>()?
            }
            "--scheduling" => {
                arguments.realtime = match value.as_str() {
                    "fifo" => true,
                    "other" => false,
                    _ => bail!("--scheduling: found {value:?}, allowed: fifo, other"),
                }
            }
            _ => bail!("{word}: unknown; there are --repeats, --only, --scheduling"),
        }
    }
    if !keepalived::is_installed() && arguments.only.iter().any(|who| who.setup().is_some()) {
        bail!("keepalived is not installed; apt-get install keepalived, or --only ours,floor");
    }
    Ok(arguments)
}
