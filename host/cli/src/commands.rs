//! The commands, one file per family.

use clap::CommandFactory;
use takeover::api::types::SwitchoverBody;

use crate::args::{Cli, Command};
use crate::exit::{Exit, Failure};
use crate::out::Out;

mod alarms;
mod applications;
mod config;
mod daemons;
mod events;
mod pairs;
mod pki;
pub(crate) mod plugin;
pub(crate) mod sip;
mod status;
mod why;

/// Does what was asked for.
pub(crate) fn run(cli: Cli) -> Result<Exit, Failure> {
    match cli.command {
        Command::Up { log, dir } => daemons::up(&dir, &log),
        Command::HostAgent { log, file } => daemons::host_agent(&file, &log),
        Command::Control { log, dir } => daemons::control(dir, &log),
        Command::SipNode { log, config, run_mode } => {
            daemons::sip_node(&config, run_mode.as_deref(), &log)
        }
        Command::Status { server, json, watch: false } => status::show(&server, json),
        Command::Status { server, json, watch: true } => status::watch(&server, json),
        Command::Events { server, json, follow, limit, after } => {
            let wanted = events::Wanted { limit, after, follow };
            events::show(&server, json, wanted)
        }
        Command::Alarms { command } => alarms::run(command),
        Command::Switchover { server, json, pair, drain, max_calls } => {
            let how = SwitchoverBody { drain_s: drain, max_calls };
            pairs::switchover(&server, json, &pair, how)
        }
        Command::Pause { server, json, pair } => pairs::pause(&server, json, &pair),
        Command::Resume { server, json, pair } => pairs::resume(&server, json, &pair),
        Command::Start { server, json, application } => {
            applications::start(&server, json, &application)
        }
        Command::Stop { server, json, graceful, application } => {
            applications::stop(&server, json, &application, graceful)
        }
        Command::Restart { server, json, application } => {
            applications::restart(&server, json, &application)
        }
        Command::Application { command } => applications::one(command),
        Command::Why { server, json, switchover } => why::explain(&server, json, &switchover),
        Command::Plugin { command } => plugin::run(command),
        Command::Sip { command } => sip::run(command),
        Command::Config { command } => config::run(command),
        Command::Pki { command } => pki::run(command),
        Command::Completions { shell } => completions(shell),
    }
}

fn completions(shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "takeover", &mut script);
    Out::new().print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests;
