//! Parts of messages, edits, answers and streams.

use crate::message::answer::{self, Answer};
use crate::message::check::{self, Objection};
use crate::message::edit::{Edits, stamp_via};
use crate::message::stream::{self, Piece, StreamError};
use crate::message::{Address, HeaderName, Message, Scheme, Uri, Via};

const INVITE: &[u8] = b"INVITE sip:2000@10.0.0.9 SIP/2.0\r\n\
    Via: SIP/2.0/UDP 10.0.0.1:5062;rport;branch=z9hG4bKa, SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKb\r\n\
    Route: <sip:10.0.0.9;lr>, <sip:10.0.0.8;lr>\r\n\
    Max-Forwards: 70\r\n\
    From: \"A, B\" <sip:1000@example.com>;tag=1\r\n\
    To: <sip:2000@example.com>\r\n\
    Call-ID: abc\r\n\
    CSeq: 1 INVITE\r\n\
    Content-Length: 3\r\n\r\nsdpMORE";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\r', "")
}

#[test]
fn uris() {
    let uri =
        Uri::parse(b"sip:alice;x=1:pw@[2001:db8::1]:5070;lr;transport=tcp?subject=a").expect("uri");
    assert_eq!(uri.scheme, Scheme::Sip);
    assert_eq!(uri.user, Some(&b"alice;x=1"[..]));
    assert_eq!((uri.host, uri.port), (&b"2001:db8::1"[..], Some(5070)));
    assert_eq!(uri.param(b"Transport"), Some(&b"tcp"[..]));
    assert!(uri.is_loose());
    assert_eq!(uri.headers, b"subject=a");
    assert_eq!(
        Uri::parse(b"tel:+49-89;phone-context=x").and_then(|uri| uri.user),
        Some(&b"+49-89"[..])
    );
    for wrong in
        ["", "sip:", "sip:@host", "sip:a b@host", "sip:a@", "sip:a@[::1", "sip:a@h:x", "1sip:a"]
    {
        assert_eq!(Uri::parse(wrong.as_bytes()), None, "{wrong}");
    }
}

#[test]
fn addresses() {
    let list = b" \"A, \\\"B\" <sip:a@b;lr>;tag=1 , C <sip:c@d>, sip:e@f;q=0.5";
    let all: Vec<_> = Address::list(list).collect();
    assert_eq!(all.len(), 3);
    assert_eq!(all[0].uri, b"sip:a@b;lr");
    assert_eq!(all[0].param(b"TAG"), Some(&b"1"[..]));
    assert_eq!(all[2].uri, b"sip:e@f");
    assert_eq!(all[2].param(b"q"), Some(&b"0.5"[..]));
    for wrong in ["\"open <sip:a@b>", "<sip:a@b", "a, b <sip:a@b>", "sip:a@b?x=y"] {
        let read = Address::parse(wrong.as_bytes());
        assert!(read.is_none_or(|(address, _)| Uri::parse(address.uri).is_none()), "{wrong}");
    }
}

#[test]
fn replies_go_where_the_via_says() {
    let reply = |text: &str| Via::parse(text.as_bytes()).and_then(|(via, _)| via.reply_address());
    let address = |text: &str| text.parse().ok();
    assert_eq!(reply("SIP / 2.0 / UDP 10.0.0.1"), address("10.0.0.1:5060"));
    assert_eq!(reply("SIP/2.0/TLS 10.0.0.1;branch=x"), address("10.0.0.1:5061"));
    assert_eq!(reply("SIP/2.0/UDP h:5080;received=10.0.0.2"), address("10.0.0.2:5080"));
    assert_eq!(reply("SIP/2.0/UDP h;received=10.0.0.2;rport=99"), address("10.0.0.2:99"));
    assert_eq!(
        reply("SIP/2.0/UDP h;received=[2001:db8::2];rport=0"),
        address("[2001:db8::2]:5060")
    );
    assert_eq!(reply("SIP/2.0/UDP h;received=10.0.0.2;maddr=10.0.0.3"), address("10.0.0.2:5060"));
    assert_eq!(reply("SIP/2.0/UDP h"), None);
}

#[test]
fn a_via_is_stamped_with_its_real_source() {
    let stamp = |via: &str, source: &str| {
        let (via, _) = Via::parse(via.as_bytes()).expect("via");
        let mut out = Vec::new();
        stamp_via(&via, source.parse().expect("address"), &mut out);
        String::from_utf8(out).expect("text")
    };
    assert_eq!(
        stamp("SIP/2.0/UDP 10.0.0.1;branch=x", "10.0.0.1:5060"),
        "SIP/2.0/UDP 10.0.0.1;branch=x"
    );
    assert_eq!(
        stamp("SIP/2.0/UDP h:1 ;rport;branch=x;received=9.9.9.9", "10.0.0.1:70"),
        "SIP/2.0/UDP h:1;branch=x;received=10.0.0.1;rport=70"
    );
}

#[test]
fn edits_change_only_what_they_name() {
    let message = Message::scan(INVITE).expect("message");
    let mut edits = Edits::default();
    let first = message.headers()[0].line.start;
    let hops = message.header(HeaderName::MaxForwards).expect("header").value.clone();
    edits.replace(hops, |out| out.extend_from_slice(b"69"));
    let route = message.headers().iter().position(|header| header.name == HeaderName::Route);
    let top = Address::parse(message.value(HeaderName::Route).expect("route")).expect("address").0;
    edits.remove_first_value(&message, route.expect("route"), top.whole);
    edits.insert(first, |out| out.extend_from_slice(b"Via: mine\r\n"));
    let mut out = Vec::new();
    edits.write(&message, &mut out);
    let expected = text(INVITE)
        .replace("SIP/2.0\nVia", "SIP/2.0\nVia: mine\nVia")
        .replace("<sip:10.0.0.9;lr>, ", "")
        .replace("Forwards: 70", "Forwards: 69")
        .replace("MORE", "");
    assert_eq!(text(&out), expected);
    let message = Message::scan(&out).expect("message");
    edits.clear();
    let route = message.headers().iter().position(|header| header.name == HeaderName::Route);
    let top = Address::parse(message.value(HeaderName::Route).expect("route")).expect("address").0;
    edits.remove_first_value(&message, route.expect("route"), top.whole);
    let mut again = Vec::new();
    edits.write(&message, &mut again);
    assert_eq!(text(&again), expected.replace("Route: <sip:10.0.0.8;lr>\n", ""));
}

#[test]
fn an_answer_brings_back_what_it_must() {
    let message = Message::scan(INVITE).expect("message");
    let mut out = Vec::new();
    let answer =
        Answer { code: 503, tag: Some("t"), lines: b"Retry-After: 5\r\n", ..Answer::default() };
    answer::write(&message, "10.0.0.1:7000".parse().expect("address"), &answer, &mut out);
    expect_test::expect![[r#"
        SIP/2.0 503 Service Unavailable
        Via: SIP/2.0/UDP 10.0.0.1:5062;branch=z9hG4bKa;received=10.0.0.1;rport=7000, SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKb
        From: "A, B" <sip:1000@example.com>;tag=1
        To: <sip:2000@example.com>;tag=t
        Call-ID: abc
        CSeq: 1 INVITE
        Retry-After: 5
        Content-Length: 0

    "#]]
    .assert_eq(&text(&out));
}

/// Found with made-up input: the answer's tag stood behind a comma, where nobody would read it.
#[test]
fn from_and_to_are_no_lists() {
    let replaced = |from: &str, to: &str| {
        let text = String::from_utf8_lossy(INVITE).replace(from, to).into_bytes();
        check::request(&Message::scan(&text).expect("message"))
    };
    assert_eq!(replaced("", ""), Ok(()));
    for (header, phrase) in [("To: <sip:2000@example.com>", "Bad To"), (";tag=1", "Bad From")] {
        for behind in [", <sip:b@c>", ",", ",user@example.com"] {
            let found = replaced(header, &format!("{header}{behind}"));
            assert_eq!(found, Err(Objection { code: 400, phrase }), "{header}{behind}");
        }
    }
}

#[test]
fn streams_are_cut_into_messages() {
    let whole = INVITE.len() - 4;
    assert_eq!(stream::next(INVITE), Ok(Piece::Message(whole)));
    for end in 1..whole {
        assert_eq!(stream::next(&INVITE[..end]), Ok(Piece::More), "{end}");
    }
    assert_eq!(stream::next(b"\r\n\r\nINVITE"), Ok(Piece::KeepAlive { skip: 4, ping: true }));
    assert_eq!(stream::next(b"\r\nINVITE"), Ok(Piece::KeepAlive { skip: 2, ping: false }));
    assert_eq!(stream::next(b"GET / HTTP/1.1\r\n\r\n"), Err(StreamError::NotSip));
    let lengthless = b"OPTIONS sip:a SIP/2.0\r\nVia: x\r\n\r\n";
    assert_eq!(stream::next(lengthless), Err(StreamError::ContentLength));
    assert_eq!(stream::next(&vec![b'a'; 70_000]), Err(StreamError::Head));
    let huge = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 999999999\r\n\r\n";
    assert_eq!(stream::next(huge), Err(StreamError::Size));
}
