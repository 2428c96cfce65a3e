//! The `takeover` command: arguments, exit codes, tables.
//!
//! It decides nothing. Operator commands are clients of the HTTP API and must not know more than
//! its bodies (`takeover::api::types`); daemons are started through the entry points of the crate
//! `takeover`.
//!
//! Reading order: `args` (what can be asked), `commands` (one file per family), `client` and
//! `follow` (the API), `show` (how things look).

use std::process::ExitCode;

use clap::Parser;

mod args;
mod client;
mod commands;
mod exit;
mod follow;
mod health;
mod out;
mod show;
mod sse;
mod table;
mod view;

/// Runs the command with the arguments of this process.
pub fn main() -> ExitCode {
    match commands::run(args::Cli::parse()) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if let Some(sentence) = failure.sentence() {
                eprintln!("takeover: {sentence}");
            }
            failure.exit().into()
        }
    }
}
