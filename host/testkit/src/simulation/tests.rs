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

/// Fails with everything that broke, and the shortest of the stories.
fn check(name: &str, seeds: &[u64], run: impl Fn(u64) -> Result<Outcome, String> + Sync) {
    let broken = run_all(seeds, run);
    let Some(shortest) = broken.iter().min_by_key(|outcome| outcome.story.len()) else { return };
    let folder = root().join("target/simulation");
    std::fs::create_dir_all(&folder).unwrap();
    let mut report = String::new();
    for Outcome { seed, broken, story } in &broken {
        std::fs::write(folder.join(format!("{name}-{seed}.txt")), story).unwrap();
        report += &format!("seed {seed}:\n");
        for property in broken {
            report += &format!("    {property}\n");
        }
    }
    panic!(
        "{name}: {} of {} seeds broke something; stories in target/simulation/\n{report}\n\
         the story of seed {}:\n{}",
        broken.len(),
        seeds.len(),
        shortest.seed,
        shortest.story
    );
}

fn wanted() -> Range<u64> {
    let Ok(text) = std::env::var("SIMULATION_SEEDS") else { return 0..1_000 };
    let (from, to) = text.split_once("..").unwrap_or((&text, ""));
    let from = from.parse().unwrap();
    from..to.parse().unwrap_or(from + 1)
}

#[test]
fn a_thousand_seeds_break_nothing() {
    check("seed", &wanted().collect::<Vec<_>>(), run);
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
    check("kept", &seeds, run);
}

#[test]
fn the_same_seed_tells_the_same_story() {
    for seed in 0..10 {
        assert_eq!(run(seed).unwrap().story, run(seed).unwrap().story);
    }
}

#[test]
fn after_one_fault_service_is_back_in_time_and_stays() {
    for single in Single::ALL {
        check(&single.to_string(), &(0..20).collect::<Vec<_>>(), |seed| run_single(single, seed));
    }
}
