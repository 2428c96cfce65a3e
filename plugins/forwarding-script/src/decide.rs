//! What the policy does, apart from the sandbox: reads a script once, and runs it for each call.
//!
//! Reading order: this file, [`call`] (what a script sees), [`answer`] (what it gives back).

mod answer;
mod call;

use answer::Answer;
use takeover_script::rhai::Scope;
use takeover_script::{LogLevel, Program, ScriptError, engine, limits, register_log};

use crate::bindings::exports::takeover::plugin::forwarding::{Call, Decision};
use crate::bindings::takeover::plugin::types::Fault;

/// Name of the constant that holds the call.
const CALL: &str = "call";

/// A policy that was read.
#[derive(Debug)]
pub struct Policy {
    program: Program,
}

impl Policy {
    /// Reads the policy in setting `script`; `write` writes a log line.
    ///
    /// # Errors
    /// `invalid`: where in the text, and what.
    pub fn read(
        get: impl Fn(&str) -> Option<String>,
        write: fn(LogLevel, &str),
    ) -> Result<Self, Fault> {
        let text =
            get("script").ok_or_else(|| Fault::Invalid("setting script is missing".into()))?;
        let mut engine = engine(limits::DECISION);
        call::register(&mut engine);
        answer::register(&mut engine);
        let program =
            Program::compile(engine, &text, &[CALL], |engine| register_log(engine, write))
                .map_err(|error| Fault::Invalid(error.to_string()))?;
        Ok(Self { program })
    }

    /// Decides a call: the script's last value.
    ///
    /// # Errors
    /// Where in the text, and what; also a last value that is no decision.
    pub fn decide(&self, call: Call) -> Result<Decision, ScriptError> {
        let mut scope = Scope::new();
        scope.push_constant(CALL, call::CallValue::new(call));
        let value = self.program.run(&mut scope)?;
        let found = value.type_name();
        match value.try_cast::<Answer>() {
            Some(answer) => Ok(answer.into_decision()),
            None => Err(ScriptError::whole(format!(
                "the script ended with {}, allowed is deliver, redirect, through_trunk or refuse",
                words(found)
            ))),
        }
    }
}

/// A type of the script language, for operators.
fn words(type_name: &str) -> &str {
    match type_name {
        "()" => "nothing",
        "i64" => "a number",
        "bool" => "true or false",
        "string" => "a text",
        "array" => "a list",
        "map" => "a map",
        _ => "a part of the call",
    }
}

#[cfg(test)]
mod tests;
