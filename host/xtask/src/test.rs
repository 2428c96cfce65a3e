//! `cargo xtask test`: every test of the workspace, with what the tests need put in place first.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use crate::build_plugins::build_plugins;
use crate::{authoring_tools, packages, run};

/// A test program that writes nothing for so long hangs, and is ended, so that the others get
/// their turn and the end is a report. The slowest test that runs alone takes about 30 s; libtest
/// writes a line for each that ends.
const SILENCE_MAX: Duration = Duration::from_secs(240);

/// Installs packages and tools, builds the plugins and runs every test; with `args`,
/// `cargo test --workspace` and `args` behind it.
pub(crate) fn test(root: &Path, args: &[String]) -> Result<()> {
    packages::ensure(&[packages::DEMO, packages::TEST])?;
    build_plugins(root)?;
    authoring_tools::ensure(root)?;
    if args.is_empty() { run_all(root) } else { report(&mut [workspace(root).args(args)]) }
}

/// Runs every test: of the plugins, natively, then of the workspace.
pub(crate) fn run_all(root: &Path) -> Result<()> {
    let plugins = root.join("plugins");
    // Compiled first, in steps of their own: a compiler may be silent for as long as it likes.
    for workspace in [plugins.as_path(), root] {
        run::run(&mut run::cargo(workspace, &["test", "--workspace", "--locked", "--no-run"]))?;
    }
    let args = ["test", "--workspace", "--locked", "--no-fail-fast"];
    report(&mut [&mut run::cargo(&plugins, &args), &mut workspace(root)])
}

/// The tests of the workspace. Where `CI` is set, a test that lacks a program or a privilege fails
/// instead of being skipped.
fn workspace(root: &Path) -> Command {
    let mut command = run::cargo(root, &["test", "--workspace", "--locked", "--no-fail-fast"]);
    if std::env::var_os("CI").is_some_and(|value| !value.is_empty()) {
        command.env("REQUIRE_ALL", "1");
    }
    command
}

/// Runs test commands, all of them also where one fails, and sums up.
fn report(commands: &mut [&mut Command]) -> Result<()> {
    let mut totals = Totals::default();
    let mut failed = Vec::new();
    for command in commands {
        if !watch(command, SILENCE_MAX, &mut totals)? {
            failed.push(run::display(command));
        }
    }
    println!("tests: {totals}");
    if !failed.is_empty() {
        bail!("{}: {} failed", failed.join(", "), totals.failed);
    }
    if totals.passed == 0 {
        bail!("no test ran");
    }
    Ok(())
}

/// Runs the command, passes on what it writes and counts along.
fn watch(command: &mut Command, silence_max: Duration, totals: &mut Totals) -> Result<bool> {
    println!("$ {}", run::display(command));
    let mut child = command.stdout(Stdio::piped()).spawn().context("cargo test")?;
    let output = child.stdout.take().context("cargo test: no output")?;
    let (sender, lines) = mpsc::sync_channel(1);
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n') {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    loop {
        match lines.recv_timeout(silence_max) {
            Ok(line) => {
                let mut line = line.context("output of cargo test")?;
                totals.add(&String::from_utf8_lossy(&line));
                line.push(b'\n');
                std::io::stdout().write_all(&line)?;
            }
            Err(RecvTimeoutError::Timeout) => end_programs(child.id(), silence_max)?,
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    reader.join().map_err(|_| anyhow!("the reader of cargo's output broke off"))?;
    Ok(child.wait().context("cargo test")?.success())
}

/// Ends what this cargo has started, unless it is still compiling; it goes on with its next test
/// program.
fn end_programs(cargo: u32, silence: Duration) -> Result<()> {
    let path = format!("/proc/{cargo}/task/{cargo}/children");
    let children = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    for child in children.split_whitespace() {
        let program = std::fs::read_link(format!("/proc/{child}/exe"));
        let program = program.ok().and_then(|path| Some(path.file_name()?.to_owned()));
        let program = program.unwrap_or_default();
        let name = program.to_string_lossy();
        if ["rustc", "build-script"].iter().any(|compiling| name.starts_with(compiling)) {
            continue;
        }
        println!("HANGS {name}: silent for {silence:?}, ended");
        // It may have ended just now, which is as good.
        let _ = Command::new("kill").args(["-KILL", child]).status();
    }
    Ok(())
}

/// Sums over the `test result:` lines of all test programs.
#[derive(Debug, Default, PartialEq, Eq)]
struct Totals {
    programs: u32,
    passed: u32,
    failed: u32,
    ignored: u32,
    skipped: u32,
}

impl Totals {
    fn add(&mut self, line: &str) {
        if line.starts_with("SKIP ") {
            self.skipped += 1;
        }
        let Some(counts) = line.strip_prefix("test result: ") else { return };
        self.programs += 1;
        for part in counts.split(['.', ';']) {
            let mut words = part.split_whitespace();
            let (Some(count), Some(what)) = (words.next(), words.next()) else { continue };
            let Ok(count) = count.parse::<u32>() else { continue };
            match what {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => {}
            }
        }
    }
}

impl std::fmt::Display for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Totals { programs, passed, failed, ignored, skipped } = self;
        write!(f, "{passed} passed, {failed} failed, {ignored} ignored, {skipped} skipped")?;
        write!(f, " in {programs} test programs")
    }
}

#[cfg(test)]
mod tests;
