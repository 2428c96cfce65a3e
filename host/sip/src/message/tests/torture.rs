//! The messages of RFC 4475 and RFC 5118: what is read, what is refused and with which code.

use std::path::Path;

use crate::message::check::{self, Objection};
use crate::message::scan::ScanError;
use crate::message::{HeaderName, Message};

/// What is done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Processed.
    Taken,
    /// Answered with that code.
    Refused(u16),
    /// No answer: a response, or no SIP at all.
    Dropped,
}

fn read(folder: &str, name: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture").join(folder);
    std::fs::read(root.join(name)).unwrap_or_else(|error| panic!("{folder}/{name}: {error}"))
}

fn fate(bytes: &[u8]) -> Fate {
    let message = match Message::scan(bytes) {
        Ok(message) => message,
        Err(ScanError::KeepAlive | ScanError::NotSip) => return Fate::Dropped,
    };
    if message.method().is_none() {
        return if check::response(&message) { Fate::Taken } else { Fate::Dropped };
    }
    match check::request(&message) {
        Ok(()) => Fate::Taken,
        Err(Objection { code, .. }) => Fate::Refused(code),
    }
}

/// Names and sections as in RFC 4475.
const RFC4475: &[(&str, Fate)] = &[
    // 3.1.1: valid.
    ("wsinv", Fate::Taken),
    ("intmeth", Fate::Taken),
    ("esc01", Fate::Taken),
    ("escnull", Fate::Taken),
    ("esc02", Fate::Taken),
    ("lwsdisp", Fate::Taken),
    ("longreq", Fate::Taken),
    ("dblreq", Fate::Taken),
    ("semiuri", Fate::Taken),
    ("transports", Fate::Taken),
    ("mpart01", Fate::Taken),
    ("unreason", Fate::Taken),
    ("noreason", Fate::Taken),
    // 3.1.2: invalid.
    ("badinv01", Fate::Refused(400)),
    ("clerr", Fate::Refused(400)),
    ("ncl", Fate::Refused(400)),
    ("scalar02", Fate::Refused(400)),
    ("scalarlg", Fate::Dropped),
    ("quotbal", Fate::Refused(400)),
    ("ltgtruri", Fate::Refused(400)),
    ("lwsruri", Fate::Refused(400)),
    ("lwsstart", Fate::Refused(400)),
    ("trws", Fate::Refused(400)),
    ("escruri", Fate::Refused(400)),
    // A proxy does not read Date: section 3.1.2.12 asks only elements that do to refuse it.
    ("baddate", Fate::Taken),
    ("regbadct", Fate::Refused(400)),
    ("badaspec", Fate::Refused(400)),
    ("baddn", Fate::Refused(400)),
    ("badvers", Fate::Refused(505)),
    ("mismatch01", Fate::Refused(400)),
    ("mismatch02", Fate::Refused(400)),
    ("bigcode", Fate::Dropped),
    // 3.2: transactions.
    ("badbranch", Fate::Taken),
    // 3.3: what only an application can refuse.
    ("insuf", Fate::Refused(400)),
    ("unkscm", Fate::Taken),
    ("novelsc", Fate::Taken),
    ("unksm2", Fate::Taken),
    ("bext01", Fate::Taken),
    ("invut", Fate::Taken),
    ("regaut01", Fate::Taken),
    ("multi01", Fate::Refused(400)),
    ("mcl01", Fate::Refused(400)),
    ("bcast", Fate::Taken),
    ("zeromf", Fate::Taken),
    ("cparam01", Fate::Taken),
    ("cparam02", Fate::Taken),
    ("regescrt", Fate::Taken),
    ("sdp01", Fate::Taken),
    // 3.4: RFC 2543.
    ("inv2543", Fate::Taken),
];

/// Names as in RFC 5118 section 4.
const RFC5118: &[(&str, Fate)] = &[
    ("ipv6-good", Fate::Taken),
    ("ipv6-bad", Fate::Refused(400)),
    ("port-ambiguous", Fate::Taken),
    ("port-unambiguous", Fate::Taken),
    ("via-received-param-with-delim", Fate::Taken),
    ("via-received-param-no-delim", Fate::Taken),
    ("ipv6-in-sdp", Fate::Taken),
    ("mult-ip-in-header", Fate::Taken),
    ("mult-ip-in-sdp", Fate::Taken),
    ("ipv4-mapped-ipv6", Fate::Taken),
    ("ipv6-bug-abnf-3-colons", Fate::Taken),
    ("ipv6-correct-abnf-2-colons", Fate::Taken),
];

fn differences(found: impl Iterator<Item = (&'static str, Fate, Fate)>) -> Vec<String> {
    let wrong = found.filter(|(_, expected, got)| expected != got);
    wrong.map(|(name, expected, got)| format!("{name}: {expected:?} expected, {got:?}")).collect()
}

#[test]
fn rfc4475_is_taken_and_refused_as_it_says() {
    let found = RFC4475
        .iter()
        .map(|(name, expected)| (*name, *expected, fate(&read("rfc4475", &format!("{name}.dat")))));
    assert_eq!(differences(found), Vec::<String>::new());
    assert_eq!(RFC4475.len(), 49);
}

#[test]
fn rfc5118_is_taken_and_refused_as_it_says() {
    let found =
        RFC5118.iter().map(|(name, expected)| (*name, *expected, fate(&read("rfc5118", name))));
    assert_eq!(differences(found), Vec::<String>::new());
}

#[test]
fn nothing_hides_behind_a_bare_line_end() {
    let hidden = b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP b;branch=z9hG4bK1\r\n\
        From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\
        Subject: x\nRoute: <sip:evil>\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(fate(hidden), Fate::Refused(400));
    let message = Message::scan(hidden).expect("SIP");
    assert_eq!(message.value(HeaderName::Route), None);
}

/// Bytes changed at random from the torture messages: nothing panics, and what another parser
/// takes for a request of the same kind is never read as another one.
#[test]
fn changed_messages_never_panic_and_never_mean_another_method() {
    let mut random = small_generator(0x5eed);
    for (name, _) in RFC4475 {
        let bytes = read("rfc4475", &format!("{name}.dat"));
        for _ in 0..400 {
            let mut changed = bytes.clone();
            for _ in 0..1 + random() % 4 {
                let at = random() % changed.len();
                match random() % 3 {
                    0 => changed[at] = (random() % 256) as u8,
                    1 => drop(changed.remove(at)),
                    _ => changed.insert(at, b"\r\n;,<>\"@:/ %\0[]"[random() % 15]),
                }
            }
            judge_both(&changed);
        }
    }
}

fn judge_both(bytes: &[u8]) {
    use sipx_sip::{message as other, parser};
    let ours = Message::scan(bytes).ok();
    if let Some(message) = &ours {
        let _ = (fate(bytes), message.to_tag(), message.from_tag(), message.top_via());
    }
    let theirs = parser::parse_datagram(bytes.to_vec().into(), &parser::Limits::datagram());
    let (Some(ours), Ok(other::Message::Request(theirs))) = (ours, theirs) else { return };
    let crate::message::StartLine::Request { method_at, .. } = ours.start() else {
        panic!("a request to another parser: {}", String::from_utf8_lossy(bytes));
    };
    assert_eq!(ours.at(method_at), theirs.method.as_bytes());
    if ours.fault().is_none() {
        assert_eq!(ours.headers().len(), theirs.headers.len());
        assert_eq!(ours.body(), &theirs.body()[..]);
    }
}

/// A small generator: the same messages in every run.
fn small_generator(seed: u64) -> impl FnMut() -> usize {
    let mut state = seed;
    move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    }
}
