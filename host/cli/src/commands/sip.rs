//! `takeover sip`: what a SIP node would do, tried out on this machine.

use clap::Subcommand;

use crate::exit::{Exit, Failure};

mod policy;

/// What can be tried.
#[derive(Debug, Subcommand)]
pub(crate) enum SipCommand {
    /// Forwarding policies
    Policy {
        /// What to do with them
        #[command(subcommand)]
        command: PolicyCommand,
    },
}

/// What can be done with forwarding policies.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Ask a policy about a call that is described here: what it decides, how long that takes, and
    /// what the caller's telephone sees; exit code 1 where it decides nothing
    Try(Box<policy::Try>),
}

/// Does what was asked for.
pub(crate) fn run(command: SipCommand) -> Result<Exit, Failure> {
    let SipCommand::Policy { command: PolicyCommand::Try(wanted) } = command;
    policy::try_out(&wanted)
}
