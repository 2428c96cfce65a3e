//! A thousand seeds, and every seed that ever found something.
//!
//! `SIMULATION_SEEDS=FROM..TO` runs other ones. The stories of broken seeds are written below
//! `target/simulation/`; a seed that found something is kept as a file in `tests/seeds/`, its
//! number in the first line and what it found below.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Outcome, Single, run, run_single};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs seeds on every core. Gives the outcomes that are not well.
fn run_all(seeds: &[u64], run: impl Fn(u64) -> Result<Outcome, String> + Sync) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let broken = Mutex::new(Vec::new());
    let work = || {
        while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
            let outcome = run(*seed).unwrap_or_else(|error| panic!("{error}"));
            if !outcome.broken.is_empty() {
                broken.lock().unwrap().push(outcome);
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    let mut broken = broken.into_inner().unwrap();
    broken.sort_by_key(|outcome| outcome.seed);
    broken
}

/// Everything that broke in the seeds of one kind of run; empty: nothing. The stories are written
/// to files, and the shortest of them is part of the text.
fn report(
    name: &str,
    seeds: &[u64],
    run: impl Fn(u64) -> Result<Outcome, String> + Sync,
) -> String {
    let broken = run_all(seeds, run);
    let Some(shortest) = broken.iter().min_by_key(|outcome| outcome.story.len()) else {
        return String::new();
    };
    let folder = root().join("target/simulation");
    std::fs::create_dir_all(&folder).unwrap();
    let (bad, all) = (broken.len(), seeds.len());
    let mut report =
        format!("{name}: {bad} of {all} seeds broke something; stories in target/simulation/\n");
    for Outcome { seed, broken, story } in &broken {
        std::fs::write(folder.join(format!("{name}-{seed}.txt")), story).unwrap();
        report += &format!("seed {seed}:\n");
        for property in broken {
            report += &format!("    {property}\n");
        }
    }
    report + &format!("the story of {name} {}:\n{}", shortest.seed, shortest.story)
}

fn wanted() -> Range<u64> {
    let Ok(text) = std::env::var("SIMULATION_SEEDS") else { return 0..1_000 };
    let (from, to) = text.split_once("..").unwrap_or((&text, ""));
    let from = from.parse().unwrap();
    from..to.parse().unwrap_or(from + 1)
}

#[test]
fn a_thousand_seeds_break_nothing() {
    let report = report("seed", &wanted().collect::<Vec<_>>(), run);
    assert!(report.is_empty(), "{report}");
}

#[test]
fn seeds_that_once_found_something_break_nothing() {
    let folder = root().join("tests/seeds");
    let mut seeds = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        seeds.push(text.lines().next().unwrap().trim().parse().unwrap());
    }
    assert!(!seeds.is_empty(), "no seeds are kept");
    let report = report("kept", &seeds, run);
    assert!(report.is_empty(), "{report}");
}

#[test]
fn the_same_seed_tells_the_same_story() {
    for seed in 0..10 {
        assert_eq!(run(seed).unwrap().story, run(seed).unwrap().story);
    }
}

#[test]
fn after_one_fault_service_is_back_in_time_and_stays() {
    let seeds: Vec<u64> = (0..20).collect();
    let reports: Vec<String> = (Single::ALL.into_iter())
        .map(|single| report(&single.to_string(), &seeds, |seed| run_single(single, seed)))
        .filter(|report| !report.is_empty())
        .collect();
    assert!(reports.is_empty(), "{}", reports.join("\n"));
}
