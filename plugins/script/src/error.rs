//! An error of a script: where in its text, and what.

use std::fmt;

use rhai::{Dynamic, EvalAltResult, ParseError, Position};

use crate::limits::ERROR_BYTES_MAX;

/// Why a script was refused or ended early. Shown as `line L, column C: what`.
#[derive(Clone, Debug)]
pub struct ScriptError {
    /// Line and column, counted from 1; none where the error is about the whole script.
    pub place: Option<(usize, usize)>,
    /// What was found, and what is allowed.
    pub what: String,
    /// What the script threw, where it ended with a `throw` or with an error of a component's
    /// function.
    pub thrown: Option<Dynamic>,
}

impl ScriptError {
    /// An error about the whole script.
    pub fn whole(what: impl Into<String>) -> Self {
        Self { place: None, what: bounded(what.into()), thrown: None }
    }

    /// An error found while the text was read.
    pub(crate) fn from_parsing(error: &ParseError) -> Self {
        let what = bounded(lower_case(error.err_type().to_string()));
        Self { place: place(error.position()), what, thrown: None }
    }

    /// An error found while the script ran: the innermost, because that is where it happened.
    pub(crate) fn from_running(mut error: EvalAltResult) -> Self {
        while let EvalAltResult::ErrorInFunctionCall(_, _, inner, _) = error {
            error = *inner;
        }
        let place = place(error.take_position());
        match error {
            EvalAltResult::ErrorRuntime(thrown, _) => {
                let what = if thrown.is_unit() { "thrown".to_owned() } else { thrown.to_string() };
                Self { place, what: bounded(what), thrown: Some(thrown) }
            }
            other => {
                // How the language calls a text, in a list of arguments.
                let what = other.to_string().replace("&str | ImmutableString | String", "string");
                Self { place, what: bounded(lower_case(what)), thrown: None }
            }
        }
    }
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.place {
            write!(f, "line {line}, column {column}: ")?;
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for ScriptError {}

fn place(position: Position) -> Option<(usize, usize)> {
    Some((position.line()?, position.position().unwrap_or(1)))
}

/// The script language begins its sentences with a capital letter; ours are parts of sentences.
fn lower_case(text: String) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if first.is_ascii_uppercase() && second.is_lowercase() => {
            text.replacen(first, &first.to_ascii_lowercase().to_string(), 1)
        }
        _ => text,
    }
}

/// At most [`ERROR_BYTES_MAX`], in one line: control characters would tear it apart.
fn bounded(text: String) -> String {
    let mut text = text.replace(char::is_control, " ");
    if text.len() > ERROR_BYTES_MAX {
        text.truncate(text.floor_char_boundary(ERROR_BYTES_MAX));
        text.push_str("...");
    }
    text
}
