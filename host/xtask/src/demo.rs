//! `cargo xtask demo`: a pair that switches over, on the machine of whoever reads the README.

use std::path::Path;
use std::process::Command;

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
    run::build_programs(root, false)?;
    let mut command = Command::new(run::program("demo", false)?);
    run::become_it(command.args(args).current_dir(root))
}
