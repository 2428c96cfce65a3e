//! The text of the answers of what lies outside: programs, HTTP servers, a component's memory.
//!
//! `exit CODE`, then a line `out: TEXT` or `err: TEXT` for each line that the program left;
//! `status CODE`, then a line `NAME: VALUE` for each header, an empty line and the body;
//! `value TEXT`, `bytes HEX` or `nothing` for what the memory holds.

use crate::Answer;

/// Reads one of them; `rest` is what follows its first word.
pub(crate) fn outside(word: &str, rest: &str) -> Option<Answer> {
    match word {
        "exit" => output(rest),
        "status" => response(rest),
        "value" => value(rest).map(|text| Answer::Value(Some(text.into_bytes()))),
        "bytes" => bytes(rest).map(|bytes| Answer::Value(Some(bytes))),
        "nothing" if rest.is_empty() => Some(Answer::Value(None)),
        _ => None,
    }
}

fn output(text: &str) -> Option<Answer> {
    let mut lines = text.lines();
    let exit_code = lines.next()?.parse().ok()?;
    let (mut stdout, mut stderr) = (String::new(), String::new());
    for line in lines {
        let (stream, text) = match line.split_once(':')? {
            ("out", text) => (&mut stdout, text),
            ("err", text) => (&mut stderr, text),
            _ => return None,
        };
        stream.push_str(text.strip_prefix(' ').unwrap_or(text));
        stream.push('\n');
    }
    Some(Answer::Output { exit_code, stdout, stderr })
}

fn response(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let status = lines.next()?.parse().ok()?;
    let header = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        Some((name.to_owned(), value.to_owned()))
    };
    let headers = lines.map(header).collect::<Option<Vec<_>>>()?;
    Some(Answer::Response { status, headers, body: body.as_bytes().to_vec() })
}

/// A text as it is, or as a JSON string.
fn value(text: &str) -> Option<String> {
    if text.starts_with('"') { serde_json::from_str(text).ok() } else { Some(text.to_owned()) }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        hex.chars().map(|c| c.to_digit(16)?.try_into().ok()).collect::<Option<_>>()?;
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(high << 4 | low),
        _ => None,
    };
    digits.chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_left_is_read_by_stream() {
        let text = "exit 3\nerr: no such table\nout: 1\nout:  2\nerr:";
        let expected = Answer::Output {
            exit_code: 3,
            stdout: "1\n 2\n".into(),
            stderr: "no such table\n\n".into(),
        };
        assert_eq!(Answer::parse(text), Some(expected));
        let silent = Answer::Output { exit_code: -1, stdout: String::new(), stderr: String::new() };
        assert_eq!(Answer::parse("exit -1"), Some(silent));
        for bad in ["exit", "exit x", "exit 0\nerror: x", "exit 0\nx"] {
            assert_eq!(Answer::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_a_server_answered_is_read_as_it_came() {
        let text = "status 503\nretry-after: 5\n\nnot\n\nnow";
        let headers = vec![("retry-after".to_owned(), "5".to_owned())];
        let expected = Answer::Response { status: 503, headers, body: b"not\n\nnow".to_vec() };
        assert_eq!(Answer::parse(text), Some(expected));
        let bare = Answer::Response { status: 204, headers: Vec::new(), body: Vec::new() };
        assert_eq!(Answer::parse("status 204"), Some(bare));
        for bad in ["status", "status ok", "status 200\nx"] {
            assert_eq!(Answer::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_the_memory_holds_is_text_or_bytes_or_nothing() {
        let held = |bytes: &[u8]| Some(Answer::Value(Some(bytes.to_vec())));
        assert_eq!(Answer::parse("value a b"), held(b"a b"));
        assert_eq!(Answer::parse(r#"value "a\nb""#), held(b"a\nb"));
        assert_eq!(Answer::parse("bytes ff00"), held(&[0xff, 0]));
        assert_eq!(Answer::parse("nothing"), Some(Answer::Value(None)));
        for bad in ["bytes f", "bytes xy", "nothing more", r#"value "a"#, "whatever"] {
            assert_eq!(Answer::parse(bad), None, "{bad}");
        }
    }
}
