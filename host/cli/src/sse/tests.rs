//! Streams as text, messages as expected.

use super::{MESSAGE_BYTES_MAX, Parser, TooLong};

#[track_caller]
fn check(stream: &str, expected: &[(&str, &str)]) {
    let mut parser = Parser::default();
    let messages: Vec<_> =
        stream.lines().filter_map(|line| parser.line(line).expect("short")).collect();
    let found: Vec<_> =
        messages.iter().map(|one| (one.event.as_str(), one.data.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_message_ends_with_an_empty_line() {
    check("event: step\nid: 7\ndata: {}\n\ndata: open", &[("step", "{}")]);
}

#[test]
fn data_lines_are_joined_and_one_blank_is_dropped() {
    check("data:a\ndata:  b\ndata\n\n", &[("message", "a\n b\n")]);
}

#[test]
fn comments_and_messages_without_data_are_no_messages() {
    check(": alive\n\nevent: x\n\ndata: y\n\n", &[("message", "y")]);
}

#[test]
fn an_endless_message_is_an_error() {
    let mut parser = Parser::default();
    let line = format!("data:{}", "x".repeat(MESSAGE_BYTES_MAX / 2));
    assert_eq!(parser.line(&line), Ok(None));
    assert_eq!(parser.line(&line), Err(TooLong));
}
