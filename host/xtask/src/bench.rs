//! `cargo xtask bench NAME`: the measurements that the documentation quotes.

use std::path::Path;

use anyhow::{Result, bail};

use crate::build_plugins::build_plugins;
use crate::{packages, run};

/// A measurement: its name, and package and binary of each of its parts.
const BENCHES: &[(&str, &[(&str, &str)])] = &[
    ("failover", &[("takeover-tests", "bench_failover")]),
    ("alarms", &[("takeover-testkit", "bench_alarms"), ("takeover-engine", "bench_reactions")]),
    ("plugins", &[("takeover-engine", "bench_plugins")]),
];

/// Builds for release and runs a measurement; it ends with lines `result NAME VALUE UNIT`.
pub(crate) fn bench(root: &Path, args: &[String]) -> Result<()> {
    let names = || BENCHES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let Some((wanted, rest)) = args.split_first() else { bail!("bench: which one? {}", names()) };
    let Some((_, parts)) = BENCHES.iter().find(|(name, _)| name == wanted) else {
        bail!("bench {wanted:?}: there are {}", names());
    };
    build_plugins(root)?;
    if *wanted == "failover" {
        packages::ensure(&[packages::DEMO, packages::TEST])?;
        for package in ["takeover-cli", "takeover-tests"] {
            let build = ["build", "--release", "--locked", "--bins", "--package", package];
            run::run(&mut run::cargo(root, &build))?;
        }
    }
    for (package, binary) in *parts {
        let mut command = run::cargo(root, &["run", "--release", "--locked"]);
        command.args(["--package", package, "--bin", binary, "--"]).args(rest);
        run::run(&mut command)?;
    }
    Ok(())
}
