//! Starts the programs that build plugins. What they write goes to standard error, where the author
//! sees it; standard output stays for results.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::AuthoringError;
use crate::limits::{BUILD_TIMEOUT, BUILD_TOOL_POLL};

/// Runs a program to its end.
pub(crate) fn run(command: &mut Command) -> Result<(), AuthoringError> {
    run_for(command, BUILD_TIMEOUT)
}

fn run_for(command: &mut Command, limit: Duration) -> Result<(), AuthoringError> {
    let name = display(command);
    let failed = |error: io::Error| AuthoringError::Tool {
        command: display_program(&name),
        how: error.to_string(),
    };
    let stdout = io::stderr().as_fd().try_clone_to_owned().map_err(failed)?;
    let mut child = command.stdin(Stdio::null()).stdout(stdout).spawn().map_err(failed)?;
    let began = Instant::now();
    loop {
        match child.try_wait().map_err(failed)? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => {
                return Err(AuthoringError::Tool { command: name, how: status.to_string() });
            }
            None if began.elapsed() >= limit => {
                // It may have ended just now; either way it is waited for.
                let _ = child.kill();
                let _ = child.wait();
                return Err(AuthoringError::Slow { command: name, after: limit });
            }
            None => thread::sleep(BUILD_TOOL_POLL),
        }
    }
}

/// Runs a program quietly and returns what it wrote.
pub(crate) fn output(command: &mut Command) -> Result<String, AuthoringError> {
    let name = display(command);
    let failed = |how: String| AuthoringError::Tool { command: name.clone(), how };
    let output =
        command.stdin(Stdio::null()).output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failed(format!("{}: {}", output.status, said.trim())));
    }
    String::from_utf8(output.stdout).map_err(|_| failed("its output is not UTF-8".to_owned()))
}

/// Whether a program of this name can be started.
pub(crate) fn is_there(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// Fails with what installs the program where it is not there.
pub(crate) fn need(tool: &'static str, install: &'static str) -> Result<(), AuthoringError> {
    if is_there(tool) { Ok(()) } else { Err(AuthoringError::Missing { tool, install }) }
}

/// What a command is, as one would type it, without the folder of the program.
fn display(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
    let args = command.get_args().map(|arg| arg.to_string_lossy());
    std::iter::once(program).chain(args).collect::<Vec<_>>().join(" ")
}

fn display_program(name: &str) -> String {
    name.split(' ').next().unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn program_that_fails_is_named_with_its_status() {
        let error = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert_eq!(error.to_string(), "sh -c exit 3: exit status: 3");
    }

    #[test]
    fn program_that_does_not_end_is_stopped() {
        let limit = Duration::from_millis(50);
        let error = run_for(Command::new("sleep").arg("60"), limit).unwrap_err();
        assert!(matches!(error, AuthoringError::Slow { .. }), "{error}");
    }

    #[test]
    fn program_that_is_not_there_is_named_with_what_installs_it() {
        let error = need("no-such-program", "install it").unwrap_err();
        assert_eq!(error.to_string(), "no-such-program is not installed: install it");
    }
}
