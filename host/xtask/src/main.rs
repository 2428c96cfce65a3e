//! `cargo xtask TASK`: the project's own tasks, one file each.
//!
//! Nothing here is part of the product. It compiles in seconds, because every clone waits for it:
//! no dependency that a task can do without.
//!
//! Reading order: [`run`] (how programs are started), [`ci`] (the list of checks), [`tidy`] (the
//! house style as a check), then the other tasks.

#![allow(clippy::print_stdout, reason = "a task talks to the person who started it")]

use std::process::ExitCode;

use anyhow::{Result, bail};

mod authoring_tools;
mod bench;
mod bench_policies;
mod build_plugins;
mod ci;
mod codegen;
mod demo;
mod fuzz;
mod packages;
mod run;
mod test;
mod tidy;

const HELP: &str = "\
usage: cargo xtask TASK

tasks:
  demo [ARGS]        a pair that switches over, on this machine: in network namespaces as root,
                     else both instances on loopback; --once ends by itself
  test [ARGS]        installs what the tests need (as root), builds the plugins, runs every test;
                     ARGS go to `cargo test`
  ci                 everything that must be green, cheapest first
  bench NAME [ARGS]  measures: failover, alarms, plugins, hostile, reloads
  build-plugins      builds the components of plugins/ into target/plugins.d/
  fuzz [--minutes N] made-up input for what reads bytes of others, 10 minutes in all
  codegen [--check]  renews the generated documentation, or says what is out of date
  tidy               the house style: headers, sizes, words, crate arrows, complete folders";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[String]) -> Result<()> {
    let Some((task, rest)) = args.split_first() else { bail!("no task given\n\n{HELP}") };
    let root = run::root()?;
    match (task.as_str(), rest) {
        ("demo", rest) => demo::demo(&root, rest),
        ("test", rest) => test::test(&root, rest),
        ("ci", []) => ci::ci(&root),
        ("bench", rest) => bench::bench(&root, rest),
        ("fuzz", rest) => fuzz::fuzz(&root, rest),
        ("build-plugins", []) => build_plugins::build_plugins(&root),
        ("codegen", []) => codegen::renew(&root),
        ("codegen", [flag]) if flag == "--check" => codegen::check(&root),
        ("tidy", []) => tidy::tidy(&root),
        ("help" | "-h" | "--help", _) => {
            println!("{HELP}");
            Ok(())
        }
        ("build-plugins" | "ci" | "codegen" | "tidy", rest) => {
            bail!("{task}: arguments {rest:?}: not understood\n\n{HELP}")
        }
        (other, _) => bail!("no task {other:?}\n\n{HELP}"),
    }
}
