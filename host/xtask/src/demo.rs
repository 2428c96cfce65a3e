//! `cargo xtask demo`: a pair that switches over, on the machine of whoever reads the README.

use std::path::Path;

use anyhow::Result;

use crate::build_plugins::build_plugins;
use crate::{packages, run};

/// Puts in place what the demo needs, builds it and runs it with `args`.
pub(crate) fn demo(root: &Path, args: &[String]) -> Result<()> {
    if run::is_root() {
        packages::ensure(&[packages::DEMO])?;
    } else {
        println!("not root: the demo runs a single-host pair on loopback");
    }
    build_plugins(root)?;
    // The demo starts the programs that are built beside it.
    for package in ["takeover-cli", "takeover-tests"] {
        run::run(&mut run::cargo(root, &["build", "--locked", "--bins", "--package", package]))?;
    }
    let mut command = run::cargo(root, &["run", "--quiet", "--locked"]);
    command.args(["--package", "takeover-tests", "--bin", "demo", "--"]).args(args);
    run::become_it(&mut command)
}
