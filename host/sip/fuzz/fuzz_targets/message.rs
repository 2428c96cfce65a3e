//! A datagram: what is read of it, written again, and answered.

#![no_main]

use libfuzzer_sys::fuzz_target;
use takeover_sip::message::answer::{self, Answer};
use takeover_sip::message::edit::Edits;
use takeover_sip::message::{Message, check};

fuzz_target!(|bytes: &[u8]| {
    let Ok(message) = Message::scan(bytes) else { return };
    // Nothing is changed: nothing changes, but for line ends before it and bytes behind it.
    let begin = bytes.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(0);
    let body = message.position(message.body()).expect("a body that is part of the message");
    let mut written = Vec::new();
    Edits::default().write(&message, &mut written);
    assert_eq!(written, &bytes[begin..body.end]);
    // Read again, it is the same.
    let again = Message::scan(&written).expect("what was read once is read again");
    assert_eq!(again.fault(), message.fault());
    assert_eq!(again.headers().len(), message.headers().len());
    assert_eq!(again.body(), message.body());
    // Parts lie where they are said to be, one behind the other.
    let mut at = begin;
    for header in message.headers() {
        assert!(at <= header.line.start && header.line.end <= bytes.len());
        assert!(header.line.start < header.value.start || header.value.is_empty());
        assert!(header.value.end <= header.line.end);
        at = header.line.end;
    }
    if message.code().is_some() {
        check::response(&message);
    } else if check::request(&message).is_ok() {
        answered(&message);
    }
});

/// An answer to a request that is in order is in order itself, and leads back.
fn answered(request: &Message<'_>) {
    let source = "192.0.2.77:4711".parse().expect("an address");
    let mut written = Vec::new();
    let answer = Answer { code: 480, tag: Some("tag"), ..Answer::default() };
    answer::write(request, source, &answer, &mut written);
    let response = Message::scan(&written).expect("an answer that can be read");
    assert_eq!(response.code(), Some(480));
    assert_eq!(response.fault(), None);
    assert!(check::response(&response), "{}", String::from_utf8_lossy(&written));
    assert_eq!(response.call_id(), request.call_id());
    assert_eq!(response.cseq(), request.cseq());
    assert_eq!(response.from_tag(), request.from_tag());
    assert!(response.to_tag().is_some());
    let branch = |message: &Message<'_>| message.top_via().map(|via| via.branch.to_vec());
    assert_eq!(branch(&response), branch(request));
}
