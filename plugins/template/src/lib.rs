//! What the reactions that tell others about an alarm share: its facts, the variables that stand
//! for them in a text, and settings that are lists. Not a component.
//!
//! It must not know the contract: each component fills in [`Facts`] from its own bindings, with
//! [`facts!`].
//!
//! A template is text with variables, `$NAME` or `${NAME}`; `$$` is a dollar sign. A value takes
//! the place of its variable and is never read again: what looks like a variable in it is text. So
//! a value can not become a second argument, another program or another field of JSON.
//!
//! Reading order: this file (templates), [`facts`](mod@facts) (the variables), [`lists`].

use std::borrow::Cow;

mod facts;
mod lists;

pub use facts::{Facts, VARIABLES, Variable};
pub use lists::{ListError, integer_list, text_list};

/// Characters of one value in a text; the contract keeps as much of a log line. Beyond it: cut,
/// with a mark.
pub const VALUE_CHARS_MAX: usize = 2048;

/// What stands at the end of a text that was cut.
const CUT: char = '…';

/// How values are written, so that they stay values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// As they are, except that NUL, which neither a program's argument nor a mail can hold,
    /// becomes the replacement character.
    Text,
    /// In one line: every control character becomes a blank.
    Line,
    /// As the inside of a JSON string (RFC 8259 section 7): the template has the quotes around it.
    Json,
}

/// A text with variables, all of them known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// Its place in [`VARIABLES`].
    Variable(usize),
}

/// Why a text is not a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// There is no such variable.
    #[error("unknown variable ${name}, the nearest known one is ${nearest}")]
    Unknown {
        /// As written.
        name: String,
        /// The known one that looks most like it.
        nearest: &'static str,
    },
    /// A dollar sign that no name follows.
    #[error("a $ without a name behind it at character {at}, allowed is $$ for a dollar sign")]
    NoName {
        /// Counted from 1.
        at: usize,
    },
    /// A `${` without its end.
    #[error("a ${{ without a closing brace at character {at}")]
    NoEnd {
        /// Counted from 1.
        at: usize,
    },
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// The first variable that is not known, with the nearest known one; a single dollar sign.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('$') {
            plain.push_str(before);
            let at = text.chars().count() - behind.chars().count();
            if let Some(behind) = behind.strip_prefix('$') {
                plain.push('$');
                rest = behind;
                continue;
            }
            let (name, behind) = name(behind, at)?;
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::Variable(facts::find(name)?));
            rest = behind;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }

    /// The text with the values in their places.
    pub fn render(&self, facts: &Facts, escape: Escape) -> String {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Variable(index) => {
                    let value = VARIABLES.get(*index).map(|variable| (variable.value)(facts));
                    text.push_str(&escaped(&value.unwrap_or_default(), escape));
                }
            }
        }
        text
    }
}

/// The name at the beginning of `text`, and what follows it.
fn name(text: &str, at: usize) -> Result<(&str, &str), TemplateError> {
    let other = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let (name, behind) = match text.strip_prefix('{') {
        Some(inside) => inside.split_once('}').ok_or(TemplateError::NoEnd { at })?,
        None => text.split_at(text.find(other).unwrap_or(text.len())),
    };
    if name.is_empty() { Err(TemplateError::NoName { at }) } else { Ok((name, behind)) }
}

fn escaped(value: &str, escape: Escape) -> Cow<'_, str> {
    let value = cut(value, VALUE_CHARS_MAX);
    match escape {
        Escape::Text => Cow::Owned(value.replace('\0', "\u{fffd}")),
        Escape::Line => Cow::Owned(value.replace(|c: char| c.is_control(), " ")),
        Escape::Json => {
            let quoted = serde_json::Value::from(&*value).to_string();
            let inside = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
            Cow::Owned(inside.unwrap_or_default().to_owned())
        }
    }
}

/// The first line of a text that is not blank, with blanks for control characters and at most so
/// many characters.
pub fn first_line(text: &str, chars_max: usize) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    cut(line, chars_max).replace(|c: char| c.is_control(), " ")
}

/// At most so many characters of a text; the last is a mark where something is missing.
pub fn cut(text: &str, chars_max: usize) -> Cow<'_, str> {
    if text.chars().nth(chars_max).is_none() {
        return Cow::Borrowed(text);
    }
    let kept = text.chars().take(chars_max.saturating_sub(1));
    Cow::Owned(kept.chain([CUT]).collect())
}

#[cfg(test)]
mod tests;
