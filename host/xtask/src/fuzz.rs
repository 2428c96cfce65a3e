//! `cargo xtask fuzz`: made-up input for everything in `host/sip` that reads bytes of others.
//!
//! The targets are in `host/sip/fuzz`, in the layout of cargo-fuzz, which is not needed: libFuzzer
//! is in a crate, and its counters come with flags that the stable compiler knows, too. What was
//! found stays in `host/sip/fuzz/artifacts`, and input that reached something new in
//! `host/sip/fuzz/corpus`, where the next run goes on from.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::run;

/// Minutes for all targets together, where none are given.
const MINUTES: u64 = 10;

/// A target, its part of the time, and folders with seeds besides its own in `host/sip/fuzz/seeds`.
const TARGETS: &[(&str, u64, &[&str])] = &[
    ("message", 3, TORTURE),
    ("uri", 1, &[]),
    ("address", 1, &[]),
    ("via", 1, &[]),
    ("stream", 2, TORTURE),
    ("branch", 1, &[]),
    ("digest", 1, &[]),
    ("standby", 3, &[]),
    ("directory", 2, &[]),
    ("node", 5, &[]),
];

/// The messages of RFC 4475 and RFC 5118.
const TORTURE: &[&str] = &["host/sip/tests/torture/rfc4475", "host/sip/tests/torture/rfc5118"];

/// Bytes of an input at most: longer ones find nothing that shorter ones do not, and cost more.
const INPUT_BYTES_MAX: usize = 16 << 10;

/// Counters of edges and of compared values, as libFuzzer wants them. No sanitizer of memory: there
/// is no unsafe code to look for, and without it there are twice as many runs.
const FLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "--cfg=fuzzing",
];

/// Runs every target for its part of the time, and says what each found.
pub(crate) fn fuzz(root: &Path, args: &[String]) -> Result<()> {
    let minutes = match args {
        [] => MINUTES,
        [flag, value] if flag == "--minutes" => match value.parse() {
            Ok(minutes @ 1..=10_000) => minutes,
            _ => bail!("--minutes: found {value:?}, allowed 1 to 10000"),
        },
        _ => bail!("fuzz: arguments {args:?}: not understood; --minutes N is"),
    };
    let programs = build(root)?;
    let parts: u64 = TARGETS.iter().map(|(_, parts, _)| parts).sum();
    let mut found = Vec::new();
    for (name, part, seeds) in TARGETS {
        let seconds = (minutes * 60 * part / parts).max(1);
        let begun = Instant::now();
        let held = target(root, &programs.join(name), name, seeds, seconds)?;
        let took = begun.elapsed().as_secs();
        println!("== {name}: {}, {took} s", if held { "ok" } else { "FOUND SOMETHING" });
        if !held {
            found.push(*name);
        }
    }
    if !found.is_empty() {
        let found = found.join(", ");
        bail!("{found}: the input is in host/sip/fuzz/artifacts; write a test with it");
    }
    Ok(())
}

/// Builds the targets; the folder where they are.
fn build(root: &Path) -> Result<PathBuf> {
    let triple = run::output(Command::new("rustc").arg("--version").arg("--verbose"))?;
    let triple = triple.lines().find_map(|line| line.strip_prefix("host: "));
    let triple = triple.context("rustc names no host")?;
    let folder = root.join("host/sip/fuzz");
    // With a target named, the flags are not for build scripts, which can not be linked with them.
    let args = ["build", "--release", "--locked", "--bins", "--target", triple];
    // The separator of this variable, for flags with blanks in them.
    run::run(run::cargo(&folder, &args).env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\x1f")))?;
    Ok(folder.join("target").join(triple).join("release"))
}

/// Runs one target; whether it found nothing.
fn target(root: &Path, program: &Path, name: &str, seeds: &[&str], seconds: u64) -> Result<bool> {
    let folder = root.join("host/sip/fuzz");
    let corpus = folder.join("corpus").join(name);
    let artifacts = folder.join("artifacts").join(name);
    for made in [&corpus, &artifacts] {
        std::fs::create_dir_all(made).with_context(|| made.display().to_string())?;
    }
    let mut command = Command::new(program);
    command.arg(format!("-max_total_time={seconds}")).arg(format!("-max_len={INPUT_BYTES_MAX}"));
    // A run of more than ten seconds, or with more memory than a node has, is a finding, too.
    command.args(["-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1", "-verbosity=0"]);
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    command.arg(&corpus).arg(folder.join("seeds").join(name));
    command.args(seeds.iter().map(|seeds| root.join(seeds)));
    println!("$ {}", run::display(&command));
    let limit = Duration::from_secs(seconds);
    let status = command.status().with_context(|| format!("{name}, for {limit:?}"))?;
    Ok(status.success())
}
