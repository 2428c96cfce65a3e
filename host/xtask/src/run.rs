//! Starts other programs, says which, and turns their failure into a sentence.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The root of the repository.
pub(crate) fn root() -> Result<PathBuf> {
    // Cargo tells where this crate is whenever it runs it; compiled in, the path would be wrong
    // in a clone that was moved.
    let here = std::env::var_os("CARGO_MANIFEST_DIR")
        .context("CARGO_MANIFEST_DIR is not set: start this as `cargo xtask`")?;
    let root = Path::new(&here).ancestors().nth(2).context("no root above host/xtask")?;
    Ok(root.to_owned())
}

/// `cargo` with these arguments, in the root.
pub(crate) fn cargo(root: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(root);
    command
}

/// Builds every program of the workspace, in `target/debug/` or `target/release/`. Always all of
/// them: with other packages chosen, dependencies would have other features and be compiled again.
pub(crate) fn build_programs(root: &Path, release: bool) -> Result<()> {
    let mut command = cargo(root, &["build", "--workspace", "--bins", "--locked"]);
    if release {
        command.arg("--release");
    }
    run(&mut command)
}

/// A program that was built by [`build_programs`].
pub(crate) fn program(name: &str, release: bool) -> Result<PathBuf> {
    // This task was started from `target/debug/`, wherever that is.
    let own = std::env::current_exe().context("the path of this program")?;
    let target = own.ancestors().nth(2).context("no folder above target/debug")?;
    Ok(target.join(if release { "release" } else { "debug" }).join(name))
}

/// What a command is, as one would type it.
pub(crate) fn display(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
    let args = command.get_args().map(|arg| arg.to_string_lossy());
    std::iter::once(program).chain(args).collect::<Vec<_>>().join(" ")
}

/// Shows and runs a command; anything but success is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    println!("$ {}", display(command));
    let status = command.status().with_context(|| display(command))?;
    if !status.success() {
        bail!("{}: {status}", display(command));
    }
    Ok(())
}

/// Becomes the command, so that Ctrl-C reaches it alone and its end is this program's.
pub(crate) fn become_it(command: &mut Command) -> Result<()> {
    println!("$ {}", display(command));
    let error = command.exec();
    Err(error).with_context(|| display(command))
}

/// Runs a command quietly and returns what it wrote.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| display(command))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{}: {}: {}", display(command), output.status, said.trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("{}: its output", display(command)))
}

/// Whether a program of this name can be started.
pub(crate) fn has_program(name: &str) -> bool {
    let sbin = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain(sbin).any(|folder| folder.join(name).is_file())
}

/// Whether this process may do everything.
pub(crate) fn is_root() -> bool {
    output(Command::new("id").arg("-u")).is_ok_and(|uid| uid.trim() == "0")
}
