//! What the reaction does, apart from the sandbox: reads a script, and runs it for an alarm.
//!
//! Reading order: this file, [`alarm`] (what a script sees), [`functions`] (what it may ask of the
//! host), [`outside`] (the same for what lies outside the management layer), [`fault`] (what it
//! gets instead of an answer).

mod alarm;
mod fault;
mod functions;
mod host;
mod json;
mod outside;

use std::rc::Rc;

use fault::FaultValue;
pub use host::Host;
use takeover_script::rhai::{Dynamic, Scope};
use takeover_script::{LogLevel, Program, ScriptError, engine, limits, register_log};

use crate::bindings::exports::takeover::plugin::reaction::Alarm;
use crate::bindings::takeover::plugin::types::Fault;

/// Name of the constant that holds the alarm.
const ALARM: &str = "alarm";

/// A reaction that was read.
#[derive(Debug)]
pub struct Reaction {
    program: Program,
}

impl Reaction {
    /// Reads the script in setting `script`; `write` writes a log line.
    ///
    /// # Errors
    /// `invalid`: where in the text, and what.
    pub fn read(host: Rc<dyn Host>, write: fn(LogLevel, &str)) -> Result<Self, Fault> {
        let text = host
            .setting("script")
            .ok_or_else(|| Fault::Invalid("setting script is missing".into()))?;
        let mut engine = engine(limits::REACTION);
        fault::register(&mut engine);
        json::register(&mut engine);
        functions::register(&mut engine, &host);
        outside::register(&mut engine, &host);
        let program =
            Program::compile(engine, &text, &[ALARM], |engine| register_log(engine, write))
                .map_err(|error| Fault::Invalid(error.to_string()))?;
        Ok(Self { program })
    }

    /// Reacts; the script's last value is what the operator reads.
    ///
    /// # Errors
    /// The fault that the script threw or did not catch, or `failed` with any other error; each
    /// says where in the text.
    pub fn react(&self, alarm: &Alarm) -> Result<String, Fault> {
        let mut scope = Scope::new();
        scope.push_constant_dynamic(ALARM, Dynamic::from_map(alarm::map(alarm)).into_read_only());
        match self.program.run(&mut scope) {
            Ok(value) if value.is_unit() => Ok("done".to_owned()),
            Ok(value) => Ok(value.to_string()),
            Err(error) => Err(fault_of(error)),
        }
    }
}

/// An uncaught error, as the fault that the operator sees.
fn fault_of(error: ScriptError) -> Fault {
    let thrown = error.thrown.clone().and_then(Dynamic::try_cast::<FaultValue>);
    match (thrown, error.place) {
        (Some(thrown), Some((line, column))) => {
            thrown.into_fault(&format!("line {line}, column {column}: "))
        }
        (Some(thrown), None) => thrown.into_fault(""),
        (None, _) => Fault::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
