//! `takeover config`: checks and prints configuration without a running system.

use std::path::Path;

use takeover::config_folder::{LoadError, load, load_host_agent};
use takeover_logic::config::{expand, report};

use crate::args::ConfigCommand;
use crate::exit::{Exit, Failure};
use crate::out::Out;

/// Checks or prints a configuration.
pub(crate) fn run(command: ConfigCommand) -> Result<Exit, Failure> {
    let (text, exit) = match command {
        ConfigCommand::Check { path } => check(&path)?,
        ConfigCommand::Expand { dir } => {
            let checked = load(&dir).map_err(|error| failure(&error))?;
            (expand(&checked.config, &checked.shell), Exit::Ok)
        }
    };
    Out::new().print(&text)?;
    Ok(exit)
}

/// What is to be said of a configuration, and whether it is right.
fn check(path: &Path) -> Result<(String, Exit), Failure> {
    let checked = match path.is_file() {
        true => load_host_agent(path).map(|settings| {
            let control = settings.control.join(", ");
            format!("ok: host agent of \"{}\", control server at {control}\n", settings.host)
        }),
        false => load(path).map(|checked| report::report(&checked)),
    };
    match checked {
        Ok(text) => Ok((text, Exit::Ok)),
        // Errors are what was asked for, so they are output.
        Err(LoadError::Config(errors)) => {
            let lines: String = errors.iter().map(|error| format!("{error}\n")).collect();
            let count = errors.len();
            let count = format!("{count} {}", if count == 1 { "error" } else { "errors" });
            Ok((format!("{lines}{count}\n"), Exit::Problems))
        }
        Err(error) => Err(failure(&error)),
    }
}

/// The failure of a command that needs a right configuration.
fn failure(error: &LoadError) -> Failure {
    let exit = match error {
        LoadError::Files(_) => Exit::Usage,
        LoadError::Config(_) => Exit::Problems,
    };
    Failure::new(exit, error.to_string())
}

#[cfg(test)]
mod tests;
