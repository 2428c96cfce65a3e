//! What the reaction does, apart from the sandbox. The request itself is in [`request`].

use takeover_template::{Facts, first_line};

use crate::bindings::takeover::plugin::http::{Request, Response};
use crate::bindings::takeover::plugin::types::Fault;

mod request;

pub use request::Settings;

/// Characters of an answer's body that are shown. Beyond it: cut, with a mark.
const ANSWER_CHARS_MAX: usize = 200;

/// What the reaction asks of the host.
pub trait Http {
    /// Sends a request and waits for the answer.
    fn send(&mut self, request: &Request) -> Result<Response, Fault>;
}

/// Tells the server. What is shown of the address is the server alone: the path is often a secret.
pub fn react(settings: &Settings, facts: &Facts, host: &mut impl Http) -> Result<String, Fault> {
    let response = host.send(&settings.request(facts))?;
    let answered = format!("{} answered {}", settings.server(), response.status);
    let body = String::from_utf8_lossy(&response.body);
    let said = match first_line(&body, ANSWER_CHARS_MAX) {
        line if line.is_empty() => answered.clone(),
        line => format!("{answered}: {line}"),
    };
    match response.status {
        200..=299 => Ok(answered),
        300..=399 => Err(Fault::Failed(format!("{answered}, and redirects are not followed"))),
        429 | 500..=599 => Err(Fault::Unavailable(said)),
        _ => Err(Fault::Failed(said)),
    }
}

#[cfg(test)]
mod tests;
