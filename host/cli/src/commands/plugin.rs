//! `takeover plugin`, one file per family of its commands: [`online`] asks a control server,
//! [`authoring`] works on a project of this machine.

use crate::args::PluginCommand;
use crate::exit::{Exit, Failure};

pub(crate) mod authoring;
mod online;

/// Does what was asked for about plugins.
pub(crate) fn run(command: PluginCommand) -> Result<Exit, Failure> {
    match command {
        PluginCommand::List { server, json } => online::list(&server, json),
        PluginCommand::Inspect { server, json, host, plugin } => {
            online::inspect(&server, json, (&plugin, host.as_deref()))
        }
        PluginCommand::Rollback { server, json, plugin } => {
            online::order(&server, json, &plugin, "rollback")
        }
        PluginCommand::Shadow { server, json, on, off, plugin } => match (on, off) {
            (false, false) => online::differences(&server, json, &plugin),
            (on, _) => online::shadow(&server, json, &plugin, on),
        },
        PluginCommand::Promote { server, json, plugin } => {
            online::order(&server, json, &plugin, "promote")
        }
        PluginCommand::Release { server, json, plugin } => {
            online::order(&server, json, &plugin, "release")
        }
        PluginCommand::Reload { server, json, plugin } => {
            online::order(&server, json, &plugin, "reload")
        }
        PluginCommand::Authoring(command) => authoring::run(command),
    }
}
