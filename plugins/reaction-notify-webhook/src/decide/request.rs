//! The request that tells about an alarm: what the operator wrote of it, and what it becomes.

use serde_json::json;
use takeover_template::{Escape, Facts, Template, text_list};

use crate::bindings::takeover::plugin::http::Request;
use crate::bindings::takeover::plugin::types::{Attribute, Fault};

/// What the operator wrote.
#[derive(Debug, PartialEq, Eq)]
pub struct Settings {
    url: String,
    method: String,
    headers: Vec<(String, String)>,
    /// None: the object of [`object`].
    body: Option<Template>,
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Text,
}

impl Settings {
    /// Reads the settings through the host.
    ///
    /// # Errors
    /// `invalid`, naming the setting. What may hold a secret, the address and values of headers, is
    /// not repeated.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, Fault> {
        let url = get("url").ok_or_else(|| invalid("setting url is missing"))?;
        check_url(&url)?;
        let method = get("method").unwrap_or_else(|| "POST".to_owned());
        if !["POST", "PUT"].contains(&method.as_str()) {
            return Err(invalid(format!("setting method is {method:?}, allowed is POST or PUT")));
        }
        let format = match get("body_format").as_deref() {
            None | Some("json") => Format::Json,
            Some("text") => Format::Text,
            Some(other) => {
                let text = format!("setting body_format is {other:?}, allowed is json or text");
                return Err(invalid(text));
            }
        };
        let headers = read_headers(get("headers").as_deref())?;
        let body = get("body").map(|text| read_body(&text, format)).transpose()?;
        if body.is_none() && format == Format::Text {
            return Err(invalid("setting body is missing, and body_format is text"));
        }
        Ok(Self { url, method, headers, body, format })
    }

    /// The request about an alarm.
    pub(super) fn request(&self, facts: &Facts) -> Request {
        let (escape, content_type) = match self.format {
            Format::Json => (Escape::Json, "application/json"),
            Format::Text => (Escape::Text, "text/plain; charset=utf-8"),
        };
        let header = |name: &str, value: &str| Attribute { name: name.into(), value: value.into() };
        let mut headers: Vec<Attribute> =
            self.headers.iter().map(|(name, value)| header(name, value)).collect();
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            headers.insert(0, header("content-type", content_type));
        }
        let body = match &self.body {
            Some(template) => template.render(facts, escape),
            None => object(facts),
        };
        Request {
            method: self.method.clone(),
            url: self.url.clone(),
            headers,
            body: body.into_bytes(),
        }
    }

    /// The server of the address, without user, path and query.
    pub(super) fn server(&self) -> &str {
        server(&self.url)
    }
}

fn invalid(text: impl Into<String>) -> Fault {
    Fault::Invalid(text.into())
}

fn server(url: &str) -> &str {
    let behind = url.split_once("://").map_or(url, |(_, behind)| behind);
    let authority = behind.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, server)| server)
}

fn check_url(url: &str) -> Result<(), Fault> {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    if !["http", "https"].contains(&scheme) {
        return Err(invalid("setting url does not begin with http:// or https://"));
    }
    if server(url).is_empty() || url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(invalid("setting url has no server, or blanks in it"));
    }
    Ok(())
}

/// Headers as `NAME: VALUE`, with the characters of RFC 9110 section 5.
fn read_headers(json: Option<&str>) -> Result<Vec<(String, String)>, Fault> {
    let lines = text_list("headers", json)
        .map_err(|_| invalid("setting headers is something else, allowed is a list of texts"))?;
    let mut headers = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let (name, value) = line.split_once(':').unwrap_or_default();
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(token) || value.chars().any(char::is_control) {
            let place = format!("setting headers, item {}", index + 1);
            return Err(invalid(format!("{place}: is no header, allowed is NAME: VALUE")));
        }
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    Ok(headers)
}

/// A template; in JSON, one that is JSON whatever the values are.
fn read_body(text: &str, format: Format) -> Result<Template, Fault> {
    let template =
        Template::parse(text).map_err(|error| invalid(format!("setting body: {error}")))?;
    if format == Format::Json {
        let tried = template.render(&awkward(), Escape::Json);
        if let Err(error) = serde_json::from_str::<serde_json::Value>(&tried) {
            let text = format!(
                "setting body is not JSON: {error}; variables belong between quotes, all but \
                 $REPEATS and $TEST"
            );
            return Err(invalid(text));
        }
    }
    Ok(template)
}

/// Facts of which none is JSON by itself, except for those that always are.
fn awkward() -> Facts {
    let text = || "a \"b\"\n".to_owned();
    Facts {
        reaction: text(),
        condition: text(),
        category: "major",
        application: text(),
        application_type: Some(text()),
        host: Some(text()),
        event_id: text(),
        text: text(),
        at_unix_ms: 0,
        phase: "raised",
        repeats: 0,
        test: false,
    }
}

/// The body where none is written.
fn object(facts: &Facts) -> String {
    json!({
        "source": "takeover",
        "id": facts.id(),
        "reaction": facts.reaction,
        "condition": facts.condition,
        "category": facts.category,
        "application": facts.application,
        "application_type": facts.application_type,
        "host": facts.host,
        "phase": facts.phase,
        "repeats": facts.repeats,
        "test": facts.test,
        "event": {
            "id": facts.event_id,
            "text": facts.text,
            "time": facts.time(),
            "at_unix_ms": facts.at_unix_ms,
        },
    })
    .to_string()
}
