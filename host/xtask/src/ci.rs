//! `cargo xtask ci`: everything that must be green, cheapest first, so that a slip shows early.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::build_plugins::build_plugins;
use crate::{authoring_tools, codegen, packages, run, test, tidy};

type Check = fn(&Path) -> Result<()>;

/// The checks in their order. Tests come last, so that their counts are the last thing to read.
const CHECKS: &[(&str, Check)] = &[
    ("format", format),
    ("tidy", tidy::tidy),
    ("clippy", clippy),
    ("documentation", documentation),
    ("packages", |_| packages::ensure(&[packages::DEMO, packages::TEST])),
    ("plugins", build_plugins),
    ("tools of plugins", authoring_tools::ensure),
    ("generated files", codegen::check),
    ("tests", test::run_all),
];

/// Runs the list and stops at the first check that is not green.
pub(crate) fn ci(root: &Path) -> Result<()> {
    for (name, check) in CHECKS {
        let begun = Instant::now();
        println!("== {name}");
        check(root).with_context(|| format!("check {name}"))?;
        println!("== {name}: ok, {:.1} s", begun.elapsed().as_secs_f64());
    }
    Ok(())
}

fn format(root: &Path) -> Result<()> {
    for workspace in ["", "plugins", "host/sip/fuzz"] {
        run::run(&mut run::cargo(&root.join(workspace), &["fmt", "--all", "--check"]))?;
    }
    Ok(())
}

fn clippy(root: &Path) -> Result<()> {
    let args = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    run::run(&mut run::cargo(root, &args))?;
    run::run(&mut run::cargo(&root.join("plugins"), &args))?;
    // Checked and not linked: so libFuzzer is not compiled, and no C++ compiler is needed.
    let mut targets = run::cargo(&root.join("host/sip/fuzz"), &args);
    run::run(targets.env("CUSTOM_LIBFUZZER_PATH", "/not-linked/libfuzzer.a"))
}

fn documentation(root: &Path) -> Result<()> {
    let mut command = run::cargo(root, &["doc", "--workspace", "--no-deps", "--locked"]);
    run::run(command.env("RUSTDOCFLAGS", "-D warnings"))
}
