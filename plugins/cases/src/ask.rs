//! The text of the questions that have more than plain names in them, made the same natively and in
//! the sandbox.
//!
//! In one line, an argument is written bare where it has only letters, digits and `-_./:@%+=,~`,
//! and as a JSON string where it has anything else or nothing. Requests and messages are written as
//! they go over the wire: a first line, a line for each header, an empty line, the body.

use std::fmt::Write as _;

/// `command.run PROGRAM ARGUMENT ...`.
pub fn command(program: &str, arguments: &[String]) -> String {
    let arguments = arguments.iter().map(String::as_str);
    line("command.run", std::iter::once(program).chain(arguments))
}

/// `http.send METHOD URL`, then `NAME: VALUE` for each header, an empty line and the body.
pub fn http<'a>(
    method: &str,
    url: &str,
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    body: &[u8],
) -> String {
    let mut text = format!("http.send {method} {url}\n");
    for (name, value) in headers {
        let _ = writeln!(text, "{name}: {value}");
    }
    text.push('\n');
    text.push_str(&readable(body));
    text
}

/// `mail.send`, then `to: ADDRESS` for each recipient, `subject: SUBJECT`, an empty line and the
/// text.
pub fn mail(to: &[String], subject: &str, text: &str) -> String {
    let mut message = "mail.send\n".to_owned();
    for address in to {
        let _ = writeln!(message, "to: {address}");
    }
    let _ = write!(message, "subject: {subject}\n\n{text}");
    message
}

/// `datagram.send HOST:PORT` and the payload in hexadecimal digits.
pub fn datagram(to: &str, payload: &[u8]) -> String {
    format!("datagram.send {to} {}", hex(payload))
}

/// `memory.get KEY`.
pub fn memory_get(key: &str) -> String {
    line("memory.get", [key])
}

/// `memory.set KEY value TEXT`, `memory.set KEY bytes HEX` or `memory.set KEY nothing`.
pub fn memory_set(key: &str, value: Option<&[u8]>) -> String {
    let text = value.map(std::str::from_utf8);
    match (text, value) {
        (Some(Ok(text)), _) => line("memory.set", [key, "value", text]),
        (_, Some(bytes)) => line("memory.set", [key, "bytes", &hex(bytes)]),
        (_, None) => line("memory.set", [key, "nothing"]),
    }
}

/// `management.set-option APPLICATION SECTION KEY VALUE`.
pub fn set_option(application: &str, section: &str, key: &str, value: &str) -> String {
    line("management.set-option", [application, section, key, value])
}

/// `management.switchover APPLICATION ONLY-IF`.
pub fn switchover(application: &str, only_if: &str) -> String {
    line("management.switchover", [application, only_if])
}

/// `management.start-solution NAME`, or with `stop-solution`.
pub fn solution(start: bool, name: &str) -> String {
    let verb = if start { "management.start-solution" } else { "management.stop-solution" };
    line(verb, [name])
}

fn line<'a>(function: &str, arguments: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = function.to_owned();
    for argument in arguments {
        text.push(' ');
        text.push_str(&word(argument));
    }
    text
}

/// One argument in a line.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,~".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    serde_json::Value::from(text).to_string()
}

fn readable(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| format!("bytes {}", hex(bytes)), str::to_owned)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_stay_apart_whatever_they_hold() {
        let arguments = ["--to=a@example.com", "two words", "", "a\"b\nc"].map(str::to_owned);
        let expected = r#"command.run /bin/page --to=a@example.com "two words" "" "a\"b\nc""#;
        assert_eq!(command("/bin/page", &arguments), expected);
        assert_eq!(set_option("sip-a", "log", "level", "a b"), {
            r#"management.set-option sip-a log level "a b""#
        });
        assert_eq!(switchover("sip-a", "primary"), "management.switchover sip-a primary");
        assert_eq!(solution(true, "sip"), "management.start-solution sip");
        assert_eq!(solution(false, "sip"), "management.stop-solution sip");
    }

    #[test]
    fn requests_and_messages_are_written_as_they_go_over_the_wire() {
        let headers = [("content-type", "text/plain"), ("x", "y")];
        assert_eq!(
            http("POST", "https://a.example/b", headers, b"1\n2"),
            "http.send POST https://a.example/b\ncontent-type: text/plain\nx: y\n\n1\n2"
        );
        let to = ["a@example.com".to_owned(), "b@example.com".to_owned()];
        assert_eq!(
            mail(&to, "it is", "text"),
            "mail.send\nto: a@example.com\nto: b@example.com\nsubject: it is\n\ntext"
        );
        assert_eq!(datagram("192.0.2.1:162", &[0x30, 0x0a]), "datagram.send 192.0.2.1:162 300a");
    }

    #[test]
    fn memory_is_text_where_it_can_be() {
        assert_eq!(memory_get("since"), "memory.get since");
        assert_eq!(memory_set("since", Some(b"a b")), r#"memory.set since value "a b""#);
        assert_eq!(memory_set("since", Some(&[0xff, 0])), "memory.set since bytes ff00");
        assert_eq!(memory_set("since", None), "memory.set since nothing");
    }
}
