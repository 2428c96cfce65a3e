//! The SIP bench: what a redirect, an OPTIONS, a registration and a proxied call cost, ours (with a
//! component deciding each call) beside Kamailio, interleaved in the same run; then how fast each
//! can go without a failed or repeated message, and what happens beyond that.
//!
//! `bench_sip [--repeats N] [--seconds S] [--quick] [--only LOAD]`
//!
//! Method: sipp drives both servers on loopback with the same scenarios at the same rates. Cost is
//! the exact on-CPU time of all the server's threads and children (schedstat) per successful call.
//! Both servers run while they are compared, and get the load in turn, in short steps that make
//! pairs; the ratio is the median of those of the pairs. A machine that others use, too, is slow
//! for seconds, which is longer than a pair. Thirty pairs of short steps, as many as there are
//! unless told otherwise, gave 0.82 to 0.88 for the same program in four runs on such a machine.
//! Kamailio runs one worker with its fast allocator (`-X fm -x fm`): its default one doubles its
//! cost, and the comparison would be unfair. It may take 2 GiB: with 512 MiB it is out of memory at
//! 4,000 calls a second, of which it keeps each for some seconds, and its clean rate is 3,000.

#[path = "bench_sip/load.rs"]
mod load;
#[path = "bench_sip/report.rs"]
mod report;
#[path = "bench_sip/server.rs"]
mod server;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use load::Load;
use report::{Pair, Report};
use server::{Server, Who};
use takeover_tests::programs;

/// What the command line says.
struct Arguments {
    repeats: usize,
    seconds: u32,
    quick: bool,
    /// Only this load is compared.
    only: Option<Load>,
}

/// Rate of the interleaved comparison, per second.
fn compared_rate(load: Load) -> u32 {
    match load {
        Load::Redirect | Load::Options | Load::Register => 3_000,
        Load::Proxy => 1_500,
    }
}

/// Length of one step of the comparison, in seconds. Transactions of proxied calls outlive them, so
/// that a part of what they cost would fall between short steps.
fn step_seconds(load: Load) -> u32 {
    match load {
        Load::Redirect | Load::Options | Load::Register => 1,
        Load::Proxy => 5,
    }
}

/// Rates of the ramp for proxied calls, per second.
const RAMP: [u32; 11] =
    [1_000, 1_500, 2_000, 2_500, 3_000, 4_000, 5_000, 6_000, 8_000, 10_000, 12_000];

/// After this time nothing is left of the transactions of calls that ended: Timer B is 32 s (RFC
/// 3261 section 17.1.1.2).
const AFTER_TRANSACTIONS: Duration = Duration::from_secs(34);

fn main() -> Result<()> {
    let arguments = arguments()?;
    let missing = programs::missing(&["sipp", "kamailio"]);
    if !missing.is_empty() {
        bail!("not installed: {}", missing.join(", "));
    }
    let folder = tempfile::tempdir()?;
    let mut report = Report::default();
    for repeat in 1..=arguments.repeats {
        for load in
            Load::ALL.into_iter().filter(|load| arguments.only.is_none_or(|only| only == *load))
        {
            compare(folder.path(), load, arguments.seconds, &mut report)
                .with_context(|| format!("{}, repeat {repeat}", load.name()))?;
        }
    }
    if !arguments.quick {
        for who in Who::ALL {
            let clean = ramp(folder.path(), who, arguments.seconds, &mut report)?;
            if who == Who::Ours {
                overload(folder.path(), clean, arguments.seconds, &mut report)?;
            }
        }
        memory(folder.path(), &mut report)?;
    }
    report.print();
    if report.has_failures() {
        bail!("calls failed at the compared rates, see above");
    }
    Ok(())
}

/// Both servers get the same load in turn, for so many seconds each.
fn compare(folder: &std::path::Path, load: Load, seconds: u32, report: &mut Report) -> Result<()> {
    let [theirs, ours] = Who::ALL.map(|who| Server::start(folder, who, load));
    let (theirs, ours) = (theirs?, ours?);
    let length = step_seconds(load);
    let step = |server: &Server| load.run(folder, compared_rate(load), length, server);
    // What is done once is not what a call costs.
    step(&theirs)?;
    step(&ours)?;
    for number in 0..seconds.div_ceil(length) {
        // Neither is always the first one.
        let pair = if number % 2 == 0 {
            let theirs = step(&theirs)?;
            Pair { theirs, ours: step(&ours)? }
        } else {
            let ours = step(&ours)?;
            Pair { ours, theirs: step(&theirs)? }
        };
        eprintln!("{} Kamailio: {}", load.name(), pair.theirs);
        eprintln!("{} Takeover: {}", load.name(), pair.ours);
        report.compared(load, pair);
    }
    Ok(())
}

/// The highest rate at which no call failed and no message had to be sent again, in one of two
/// tries.
fn ramp(folder: &std::path::Path, who: Who, seconds: u32, report: &mut Report) -> Result<u32> {
    let server = Server::start(folder, who, Load::Proxy)?;
    let mut clean = 0;
    for rate in RAMP {
        let mut is_clean = false;
        for _ in 0..2 {
            let step = Load::Proxy.run(folder, rate, seconds, &server)?;
            eprintln!("    {who:?} ramp {rate}/s {step}");
            is_clean |= step.is_clean();
            if is_clean {
                break;
            }
        }
        if !is_clean {
            break;
        }
        clean = rate;
    }
    report.clean(who, clean);
    Ok(clean)
}

/// At one and a half and three times the clean rate, and right after it.
fn overload(folder: &std::path::Path, clean: u32, seconds: u32, report: &mut Report) -> Result<()> {
    let server = Server::start(folder, Who::Ours, Load::Proxy)?;
    for (name, rate) in [("1.5x", clean * 3 / 2), ("3x", clean * 3), ("after", clean / 2)] {
        let step = Load::Proxy.run(folder, rate, seconds, &server)?;
        eprintln!("    overload {name} {rate}/s {step}");
        report.overload(name, rate, step);
    }
    Ok(())
}

/// Memory per 10,000 registrations and per 1,000 calls, in MiB: medians of fresh nodes, whose
/// allocators give back at once what is free, so that the figure is what is held and not what a
/// start or a rush left behind.
fn memory(folder: &std::path::Path, report: &mut Report) -> Result<()> {
    const NODES: usize = 3;
    let (mut registrations, mut calls) = (Vec::new(), Vec::new());
    for _ in 0..NODES {
        registrations.push(memory_of_registrations(folder)?);
        calls.push(memory_of_calls(folder)?);
    }
    eprintln!("    memory: 10,000 registrations {registrations:.1?}, 1,000 calls {calls:.1?} MiB");
    report.memory(&registrations, &calls);
    Ok(())
}

fn memory_of_registrations(folder: &std::path::Path) -> Result<f64> {
    let server = Server::start_thrifty(folder, Load::Register)?;
    // Nothing of this stays, and what any work needs is there afterwards.
    Load::Options.run_count(folder, 2_000, 10_000, &server)?;
    let before = server.memory_mib()?;
    let step = Load::Register.run_count(folder, 2_000, 10_000, &server)?;
    if step.failed > 0 {
        bail!("registrations failed: {step}");
    }
    Ok(server.memory_mib()? - before)
}

fn memory_of_calls(folder: &std::path::Path) -> Result<f64> {
    let server = Server::start_thrifty(folder, Load::Proxy)?;
    Load::Proxy.run_count(folder, 500, 500, &server)?;
    std::thread::sleep(AFTER_TRANSACTIONS);
    let before = server.memory_mib()?;
    let step = Load::Proxy.run_count(folder, 1_000, 10_000, &server)?;
    if step.failed > 0 {
        bail!("calls failed: {step}");
    }
    Ok((server.memory_mib()? - before) / 10.0)
}

fn arguments() -> Result<Arguments> {
    let mut arguments = Arguments { repeats: 6, seconds: 5, quick: false, only: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word}: value missing"));
        match word.as_str() {
            "--repeats" => arguments.repeats = value()?.parse().context("--repeats")?,
            "--seconds" => arguments.seconds = value()?.parse().context("--seconds")?,
            "--quick" => arguments.quick = true,
            "--only" => {
                let name = value()?;
                let load = Load::ALL.into_iter().find(|load| load.name() == name);
                arguments.only = Some(load.with_context(|| format!("--only {name}: unknown"))?);
            }
            _ => bail!("{word}: unknown; there are --repeats, --seconds, --quick, --only"),
        }
    }
    Ok(arguments)
}
