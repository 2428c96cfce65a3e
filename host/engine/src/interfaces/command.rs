//! Interface `command`: programs that the operator named. A component says a name, the grant says
//! which program that is and where it runs.

use std::sync::Arc;

use takeover_logic::link::Fault;

use super::{Side, State};
use crate::bindings::{command, types};
use crate::convert::{bounded_lines, fault_to_guest};
use crate::grants::Permission;
use crate::host::outside::{CommandCall, CommandOutput};
use crate::limits::{COMMAND_ARGUMENT_BYTES_MAX, COMMAND_ARGUMENTS_MAX, COMMAND_OUTPUT_BYTES_MAX};

impl<S: Side> command::Host for State<S> {
    async fn run(
        &mut self,
        program: String,
        arguments: Vec<String>,
    ) -> Result<command::Output, types::Fault> {
        let call = self.admit(self.command_call(&program, arguments))?;
        self.in_run_mode(Permission::Command).await?;
        let outside = Arc::clone(&self.outside);
        let output = self.wait_for("command", outside.run(call)).await;
        output.map(output_to_guest).map_err(fault_to_guest)
    }
}

impl<S: Side> State<S> {
    fn command_call(&self, program: &str, arguments: Vec<String>) -> Result<CommandCall, Fault> {
        let program = self.grants.program(program)?;
        check_arguments(&arguments)?;
        Ok(CommandCall {
            plugin: self.grants.plugin(),
            program: program.path.clone(),
            arguments,
            remote: program.remote.clone(),
            deadline: self.deadline,
        })
    }
}

fn check_arguments(arguments: &[String]) -> Result<(), Fault> {
    let (count, bytes) = (arguments.len(), arguments.iter().map(String::len).sum::<usize>());
    let problem = if count > COMMAND_ARGUMENTS_MAX {
        format!("{count} arguments, at most {COMMAND_ARGUMENTS_MAX}")
    } else if bytes > COMMAND_ARGUMENT_BYTES_MAX {
        format!("arguments: {bytes} bytes, at most {COMMAND_ARGUMENT_BYTES_MAX}")
    } else if arguments.iter().any(|argument| argument.contains('\0')) {
        "arguments: a zero byte, which no program can be given".to_owned()
    } else {
        return Ok(());
    };
    Err(Fault::Invalid(problem.into()))
}

fn output_to_guest(output: CommandOutput) -> command::Output {
    command::Output {
        exit_code: output.exit_code,
        stdout: bounded_lines(output.stdout, COMMAND_OUTPUT_BYTES_MAX),
        stderr: bounded_lines(output.stderr, COMMAND_OUTPUT_BYTES_MAX),
    }
}
