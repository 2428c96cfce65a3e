//! What the reaction does, apart from the sandbox.

use takeover_template::{Escape, Facts, Template, cut, text_list};

use crate::bindings::takeover::plugin::types::Fault;

/// Characters of a subject; mail programs show about half of it. Beyond it: cut, with a mark.
const SUBJECT_CHARS_MAX: usize = 200;

/// What the operator wrote.
#[derive(Debug, PartialEq, Eq)]
pub struct Settings {
    to: Vec<String>,
    subject: Template,
    body: Template,
}

impl Settings {
    /// Reads the settings through the host.
    ///
    /// # Errors
    /// `invalid`, naming the setting, and for a recipient which one it is.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, Fault> {
        let to = text_list("to", get("to").as_deref())
            .map_err(|error| Fault::Invalid(error.to_string()))?;
        if to.is_empty() {
            let text = "setting to is empty, allowed is at least one address";
            return Err(Fault::Invalid(text.to_owned()));
        }
        for (index, address) in to.iter().enumerate() {
            let odd = |c: char| c.is_control() || c.is_whitespace() || c == ',' || c == ';';
            if !address.contains('@') || address.contains(odd) {
                let place = format!("setting to, item {}", index + 1);
                let text = format!("{place}: is {address:?}, allowed is one address with an @");
                return Err(Fault::Invalid(text));
            }
        }
        let template = |key: &str| {
            let text =
                get(key).ok_or_else(|| Fault::Invalid(format!("setting {key} is missing")))?;
            Template::parse(&text)
                .map_err(|error| Fault::Invalid(format!("setting {key}: {error}")))
        };
        Ok(Self { to, subject: template("subject")?, body: template("body")? })
    }
}

/// What the reaction asks of the host.
pub trait Mail {
    /// Hands a message to the relay.
    fn send(&mut self, to: &[String], subject: &str, text: &str) -> Result<(), Fault>;
}

/// Sends the message. The subject is one line whatever the template and the values hold, so that
/// no value becomes a header.
pub fn react(settings: &Settings, facts: &Facts, host: &mut impl Mail) -> Result<String, Fault> {
    let subject = settings.subject.render(facts, Escape::Line);
    let subject = subject.replace(|c: char| c.is_control(), " ");
    let subject = cut(subject.trim(), SUBJECT_CHARS_MAX);
    let text = settings.body.render(facts, Escape::Text);
    host.send(&settings.to, &subject, &text)?;
    Ok(format!("mail for {} handed to the relay", settings.to.join(", ")))
}

#[cfg(test)]
mod tests;
