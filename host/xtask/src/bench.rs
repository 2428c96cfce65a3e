//! `cargo xtask bench NAME`: the measurements that the documentation quotes.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::build_plugins::build_plugins;
use crate::{bench_policies, packages, run};

/// A measurement: its name, and the program of each of its parts.
const BENCHES: &[(&str, &[&str])] = &[
    ("failover", &["bench_failover"]),
    ("alarms", &["bench_alarms", "bench_reactions"]),
    ("plugins", &["bench_plugins", "bench_reload"]),
    ("sip", &["bench_sip"]),
    ("hostile", &["bench_hostile"]),
    ("reloads", &["bench_reloads"]),
];

/// Builds for release and runs a measurement; it ends with lines `result NAME VALUE UNIT`.
pub(crate) fn bench(root: &Path, args: &[String]) -> Result<()> {
    let names = || BENCHES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let Some((wanted, rest)) = args.split_first() else { bail!("bench: which one? {}", names()) };
    let Some((_, parts)) = BENCHES.iter().find(|(name, _)| name == wanted) else {
        bail!("bench {wanted:?}: there are {}", names());
    };
    build_plugins(root)?;
    if matches!(wanted.as_str(), "failover" | "sip") {
        packages::ensure(&[packages::DEMO, packages::TEST])?;
    }
    run::build_programs(root, true)?;
    if *wanted == "plugins" {
        bench_policies::build(root)?;
    }
    for part in *parts {
        let mut command = Command::new(run::program(part, true)?);
        run::run(command.args(rest).current_dir(root))?;
    }
    Ok(())
}
