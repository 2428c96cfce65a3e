//! `cargo xtask bench hostile`: whether plugins that mean harm hurt anything but themselves.
//!
//! A control server and two host agents run on loopback, with a pair. First only a component that
//! behaves well is called, at a steady rate; then the whole hostile set is called and reloaded
//! over and over beside it. What counts: how late the signs of life on the links are, how long the
//! calls of the good component take, and that no run mode changes.
//!
//! `bench_hostile [--quiet-s SECONDS] [--hostile-s SECONDS]`
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

#[path = "../../../host/engine/tests/sandbox/crafted.rs"]
mod crafted;
#[path = "bench_hostile/hostile.rs"]
mod hostile;
#[path = "bench_hostile/load.rs"]
mod load;
#[path = "bench_hostile/relay.rs"]
mod relay;
#[path = "bench_hostile/report.rs"]
mod report;
#[path = "bench_hostile/setup.rs"]
mod setup;

use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hostile::Hostile;
use load::Load;
use report::{Calls, Phase, count_decisions};
use setup::System;

/// Time in which what the start has set going comes to rest.
const SETTLING: Duration = Duration::from_secs(3);

fn main() -> Result<()> {
    let (mut quiet, mut hostile) = (Duration::from_secs(20), Duration::from_secs(60));
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let wanted = match word.as_str() {
            "--quiet-s" => &mut quiet,
            "--hostile-s" => &mut hostile,
            _ => bail!("{word}: unknown; there are --quiet-s and --hostile-s"),
        };
        let seconds = words.next().with_context(|| format!("{word}: how many?"))?;
        *wanted = Duration::from_secs(seconds.parse()?);
    }
    let set = Hostile::all()?;
    let system = System::up(&set)?;
    println!("{} plugins are there, {} of them hostile", set.len(), set.len() - 1);
    sleep(SETTLING);
    let decisions = count_decisions(&system.api)?;
    // While the control server starts, agents knock again and again.
    let connections = || system.relays.iter().map(relay::Relay::connections).sum::<usize>();
    let connected = connections();
    let calm = Load::new(&system);
    let before = phase("quiet", &system, &calm, &[], quiet)?;
    let after = phase("hostile", &system, &calm, &set, hostile)?;
    let plugins = system.api.get("/v1/plugins")?;
    report::print_hostile(&plugins, calm.reloads(), calm.orders());
    if let Some(failure) = calm.failure() {
        println!("the first order that failed: {failure}");
    }
    let decided = count_decisions(&system.api)? - decisions;
    report::print(&before, &after, connections() - connected, decided)
}

/// Calls the good component for a while, with hostile ones beside it, and says what was seen.
fn phase(
    name: &'static str,
    system: &System,
    load: &Load<'_>,
    set: &[Hostile],
    time: Duration,
) -> Result<Phase> {
    let log_begin = report::length(&system.log())?;
    let begin = Instant::now();
    let end = begin + time;
    let asked = scope(|scope| {
        let mut threads = Vec::new();
        for part in 0..load::CALM_THREADS {
            threads.push(scope.spawn(move || load.call_calm(part, end)));
        }
        if !set.is_empty() {
            scope.spawn(|| load.call_hostile(set, end));
            scope.spawn(|| load.reload_hostile(set, end));
            scope.spawn(|| load.order_victims(end));
        }
        threads.into_iter().map(|thread| thread.join().unwrap_or_default()).sum()
    });
    let calls = Calls::from_log(&system.log(), log_begin, hostile::CALM)?;
    let late = system
        .relays
        .iter()
        .flat_map(|relay| relay.lateness(setup::HEARTBEAT, begin, end))
        .collect();
    Ok(Phase { name, asked, calls, late })
}
