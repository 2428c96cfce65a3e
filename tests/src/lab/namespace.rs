//! Network namespaces by name: entering them, what runs in them, and what earlier owners left.
//!
//! Must not know the topology of the lab.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wait;

/// Where `ip netns` keeps its names.
const NAMES: &str = "/run/netns";

/// Every name of a lab begins with this, then the process id of its owner.
pub(super) const PREFIX: &str = "tklab";

/// The file that stands for a namespace.
pub(super) fn file(name: &str) -> PathBuf {
    Path::new(NAMES).join(name)
}

/// Puts the calling thread, and what it starts from then on, into a namespace.
///
/// # Errors
/// Where there is none of that name, or without the privilege.
pub fn enter(name: &str) -> Result<()> {
    let file = fs::File::open(file(name)).with_context(|| format!("namespace {name}"))?;
    setns(&file, CloneFlags::CLONE_NEWNET).with_context(|| format!("enter namespace {name}"))
}

/// Runs `f` on a thread of its own inside a namespace and returns what it returns.
///
/// # Errors
/// As [`enter`], and as `f`.
pub fn inside<T: Send>(name: &str, f: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            enter(name)?;
            f()
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Runs `ip` with a batch of commands; `namespace`: inside of it.
pub(super) fn ip_batch(namespace: Option<&str>, lines: &[String]) -> Result<()> {
    let mut command = Command::new("ip");
    if let Some(name) = namespace {
        command.args(["-n", name]);
    }
    run_with_input(command.args(["-batch", "-"]), &lines.join("\n")).map(drop)
}

/// Runs a command to its end and returns what it printed.
///
/// # Errors
/// Where it can not be started or fails, with what it wrote to standard error.
pub fn run(command: &mut Command) -> Result<String> {
    run_with_input(command, "")
}

/// The same with a text as standard input.
pub(super) fn run_with_input(command: &mut Command, input: &str) -> Result<String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let name = format!("{command:?}");
    let mut child = command.spawn().with_context(|| name.clone())?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ends without reading says why in its exit code.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().with_context(|| name.clone())?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!("{name}: {}: {} {input}", output.status, error.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Process ids in any of the namespaces, without the calling process and without the dead that
/// nobody has buried yet.
pub(super) fn processes(names: &[String]) -> Vec<i32> {
    let wanted: Vec<u64> =
        names.iter().filter_map(|n| Some(fs::metadata(file(n)).ok()?.ino())).collect();
    let own = std::process::id().cast_signed();
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| *pid != own)
        .filter(|pid| {
            fs::metadata(format!("/proc/{pid}/ns/net"))
                .is_ok_and(|found| wanted.contains(&found.ino()))
        })
        .filter(|pid| !is_zombie(*pid))
        .collect()
}

/// Whether a process has ended and waits to be buried.
fn is_zombie(pid: i32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
}

/// SIGKILL for everything in the namespaces, until nothing is left.
pub(super) fn kill_all(names: &[String]) -> Result<()> {
    wait::until("processes of the lab end", Duration::from_secs(5), || {
        let left = processes(names);
        for pid in &left {
            // It may have ended between the list and here.
            let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
        }
        if left.is_empty() { Ok(()) } else { Err(format!("pids {left:?}")) }
    })
}

/// Kills what runs in the namespaces and removes them.
pub(super) fn remove(names: &[String]) -> Result<()> {
    let existing: Vec<String> = names.iter().filter(|n| file(n).exists()).cloned().collect();
    if existing.is_empty() {
        return Ok(());
    }
    kill_all(&existing)?;
    let lines: Vec<String> = existing.iter().map(|name| format!("netns del {name}")).collect();
    ip_batch(None, &lines)
}

/// Removes the labs of owners that no longer exist (killed before they could clean up).
pub(super) fn remove_leftovers() {
    let Ok(entries) = fs::read_dir(NAMES) else { return };
    let orphans: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| owner(name).is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()))
        .collect();
    // Another process may clean up the same leftovers at the same moment; then it has done so.
    let _ = remove(&orphans);
}

/// The process id in a name of ours: `tklab<PID>x<N>-<NODE>`.
fn owner(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.split_once('x')?.0.parse().ok()
}
