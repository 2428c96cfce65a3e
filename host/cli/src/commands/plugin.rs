//! `takeover plugin`, one file per family of its commands: [`authoring`] works on a project of this
//! machine.

use clap::Subcommand;

use crate::exit::{Exit, Failure};

mod authoring;

use authoring::AuthoringCommand;

/// What can be done with plugins.
#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    #[command(flatten)]
    Authoring(AuthoringCommand),
}

/// Does what was asked for.
pub(crate) fn run(command: PluginCommand) -> Result<Exit, Failure> {
    match command {
        PluginCommand::Authoring(command) => authoring::run(command),
    }
}
