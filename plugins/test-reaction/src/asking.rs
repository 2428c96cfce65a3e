//! Asks for whatever a test wants asked, chosen by a word, with what the setting `with` says.

use crate::bindings::takeover::plugin::management::OnlyIf;
use crate::bindings::takeover::plugin::types::{Attribute, Fault};
use crate::bindings::takeover::plugin::{
    command, datagram, http, mail, management, memory, settings, vip_control,
};

/// Stands between the parts of the setting `with`; no test wants it in one of them.
const BETWEEN: char = '\u{1f}';

/// What the setting `with` says, part by part.
struct With(std::vec::IntoIter<String>);

impl With {
    fn read() -> Self {
        let text = settings::get("with").unwrap_or_default();
        let parts = text.split(BETWEEN).filter(|_| !text.is_empty());
        Self(parts.map(str::to_owned).collect::<Vec<_>>().into_iter())
    }

    /// The next part, or what is taken where nothing is said. `#300` is a text of 300 letters.
    fn next_or(&mut self, otherwise: &str) -> String {
        self.0.next().map_or_else(|| otherwise.to_owned(), |part| long(&part))
    }

    fn rest(self) -> Vec<String> {
        self.0.map(|part| long(&part)).collect()
    }
}

fn long(part: &str) -> String {
    let count = part.strip_prefix('#').and_then(|count| count.parse().ok());
    count.map_or_else(|| part.to_owned(), |count| "a".repeat(count))
}

/// Asks the host; the answer says what came of it.
pub fn ask(word: &str, application: &str) -> Result<String, Fault> {
    let mut with = With::read();
    match word {
        "enable" | "busy" => vip_control::enable(&with.next_or("a-vip"), application)?,
        "start" => management::start_application(&with.next_or(application))?,
        "switchover" => management::switchover(&with.next_or(application), OnlyIf::Any)?,
        "start-solution" => management::start_solution(&with.next_or("all"))?,
        "set-option" => {
            let (name, section) = (with.next_or(application), with.next_or("section"));
            management::set_option(&name, &section, &with.next_or("key"), &with.next_or("value"))?;
        }
        "command" => return run(with),
        "http" => return send(with),
        "mail" => {
            let (subject, text) = (with.next_or("subject"), with.next_or("text"));
            mail::send(&with.rest(), &subject, &text)?;
        }
        "datagram" => {
            let to = with.next_or("192.0.2.1:9");
            datagram::send(&to, with.next_or("a").as_bytes())?;
        }
        "memory-get" => return recall(with),
        "memory-set" => {
            let key = with.next_or("key");
            memory::set(&key, Some(with.next_or("a").as_bytes()))?;
        }
        "memory-forget" => memory::set(&with.next_or("key"), None)?,
        _ => {}
    }
    Ok("well behaved".into())
}

fn run(mut with: With) -> Result<String, Fault> {
    let program = with.next_or("/bin/true");
    let output = command::run(&program, &with.rest())?;
    let (code, out, err) = (output.exit_code, output.stdout.len(), output.stderr.len());
    Ok(format!("exit code {code}, {out} and {err} bytes"))
}

fn send(mut with: With) -> Result<String, Fault> {
    let url = with.next_or("http://192.0.2.1/");
    let method = with.next_or("GET");
    let body = with.next_or("").into_bytes();
    let header = |text: String| {
        let (name, value) = text.split_once('=').unwrap_or((&text, ""));
        Attribute { name: name.to_owned(), value: value.to_owned() }
    };
    let headers = with.rest().into_iter().map(header).collect();
    let response = http::send(&http::Request { method, url, headers, body })?;
    let (status, headers, body) = (response.status, response.headers.len(), response.body.len());
    Ok(format!("status {status}, {headers} headers, {body} bytes"))
}

fn recall(mut with: With) -> Result<String, Fault> {
    let value = memory::get(&with.next_or("key"))?;
    Ok(value.map_or("nothing".into(), |value| String::from_utf8_lossy(&value).into_owned()))
}
