//! What the reaction does, apart from the sandbox.

use takeover_template::{Escape, Facts, Template, first_line, integer_list, text_list};

use crate::bindings::takeover::plugin::command::Output;
use crate::bindings::takeover::plugin::types::Fault;

/// Characters of a program's standard error that are shown. Beyond it: cut, with a mark.
const STDERR_CHARS_MAX: usize = 300;

/// What the operator wrote.
#[derive(Debug, PartialEq, Eq)]
pub struct Settings {
    program: String,
    arguments: Vec<Template>,
    ok_exit_codes: Vec<i32>,
}

impl Settings {
    /// Reads the settings through the host.
    ///
    /// # Errors
    /// `invalid`, naming the setting, and for an argument which one it is.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, Fault> {
        let program = match get("program") {
            Some(program) if !program.trim().is_empty() => program,
            Some(_) => return Err(Fault::Invalid("setting program is empty".to_owned())),
            None => return Err(Fault::Invalid("setting program is missing".to_owned())),
        };
        let invalid = |error: takeover_template::ListError| Fault::Invalid(error.to_string());
        let texts = text_list("arguments", get("arguments").as_deref()).map_err(invalid)?;
        let mut arguments = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let template = Template::parse(text).map_err(|error| {
                Fault::Invalid(format!("setting arguments, item {}: {error}", index + 1))
            })?;
            arguments.push(template);
        }
        let written = get("ok_exit_codes").unwrap_or_else(|| "[0]".to_owned());
        let ok_exit_codes = integer_list("ok_exit_codes", Some(&written)).map_err(invalid)?;
        if ok_exit_codes.is_empty() {
            let text = "setting ok_exit_codes is empty, allowed is at least one exit code";
            return Err(Fault::Invalid(text.to_owned()));
        }
        Ok(Self { program, arguments, ok_exit_codes })
    }
}

/// What the reaction asks of the host.
pub trait Programs {
    /// Runs a program and waits for it.
    fn run(&mut self, program: &str, arguments: &[String]) -> Result<Output, Fault>;
}

/// Runs the program. There are as many arguments as were written, whatever the values hold.
pub fn react(
    settings: &Settings,
    facts: &Facts,
    host: &mut impl Programs,
) -> Result<String, Fault> {
    let program = &settings.program;
    let render = |template: &Template| template.render(facts, Escape::Text);
    let arguments: Vec<String> = settings.arguments.iter().map(render).collect();
    let output = host.run(program, &arguments)?;
    let ended = format!("{program} ended with exit code {}", output.exit_code);
    if settings.ok_exit_codes.contains(&output.exit_code) {
        return Ok(ended);
    }
    let said = first_line(&output.stderr, STDERR_CHARS_MAX);
    let said = if said.is_empty() { "nothing on its standard error" } else { &said };
    Err(Fault::Failed(format!("{ended}: {said}")))
}

#[cfg(test)]
mod tests;
