//! Telephones register, prove themselves, and their registrations end.

use super::*;

const PHONE: &str = "10.0.0.2:5062";

fn register(number: &str, cseq: u32, more: &str) -> String {
    request("REGISTER", "sip:example.com", number, "r")
        .replace("CSeq: 1 ", &format!("CSeq: {cseq} "))
        .replace("branch=z9hG4bKr", &format!("branch=z9hG4bK{cseq}r"))
        .replace("Content-Length", &format!("{more}Content-Length"))
}

/// RFC 7616 section 3.4, by hand.
fn response(password: &str, nonce: &str) -> String {
    use sha2::{Digest as _, Sha256};
    let hash = |text: String| -> String {
        Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let first = hash(format!("1000:example.com:{password}"));
    let second = hash("REGISTER:sip:example.com".to_owned());
    hash(format!("{first}:{nonce}:00000001:c:auth:{second}"))
}

fn parameter(text: &str, name: &str) -> String {
    let begin = format!("{name}=\"");
    let rest = text.split(&begin).nth(1).unwrap_or_default();
    rest.split('"').next().unwrap_or_default().to_owned()
}

#[test]
fn a_telephone_proves_its_password_and_is_registered() {
    let mut stage = Stage::new();
    stage.arrives(PHONE, &register("1000", 1, ""));
    let text = stage.only();
    assert!(text.starts_with("SIP/2.0 401 Unauthorized\n"), "{text}");
    assert!(text.contains("algorithm=SHA-256") && text.contains("algorithm=MD5"));
    let nonce = parameter(&text, "nonce");
    for (password, cseq, line) in
        [("wrong", 2, "SIP/2.0 403 Forbidden"), ("secret-1000", 3, "SIP/2.0 200 OK")]
    {
        let response = response(password, &nonce);
        let proof = format!(
            "Authorization: Digest username=\"1000\", realm=\"example.com\", nonce=\"{nonce}\", \
             uri=\"sip:example.com\", qop=auth, nc=00000001, cnonce=\"c\", algorithm=SHA-256, \
             response=\"{response}\"\n"
        );
        stage.arrives(PHONE, &register("1000", cseq, &proof));
        assert_eq!(stage.lines(), [to(PHONE, line)]);
    }
}

#[test]
fn who_proved_nothing_is_not_told_much_more_than_it_said() {
    let mut stage = Stage::new();
    let long = "x".repeat(900);
    for number in 1..=8 {
        let contact = format!("<sip:{number}{long}@10.0.0.2>");
        let text = register("2000", number, "").replace("<sip:2000@10.0.0.2:5062>", &contact);
        let length = text.len() + text.lines().count();
        stage.arrives(PHONE, &text);
        let answer = stage.only();
        assert!(answer.starts_with("SIP/2.0 200 OK\n"), "{answer}");
        let answered = answer.len() + answer.lines().count();
        assert!(answered <= length + crate::limits::ANSWER_GROWTH_MAX, "{answered} of {length}");
    }
    // Whoever asks without a contact, in whose name ever, is not sent the long ones.
    let text = register("2000", 9, "").replace("Contact: <sip:2000@10.0.0.2:5062>\n", "");
    stage.arrives("10.0.0.66:5060", &text);
    let answer = stage.only();
    assert!(answer.starts_with("SIP/2.0 200 OK\n") && !answer.contains(&long), "{answer}");
}

#[test]
fn registrations_are_listed_refreshed_removed_and_end() {
    let mut stage = Stage::new();
    stage.arrives(PHONE, &register("2000", 1, "Expires: 100\n"));
    assert!(stage.only().contains("Contact: <sip:2000@10.0.0.2:5062>;expires=100\n"));
    stage.wait(Duration::from_secs(60));
    stage.arrives(
        PHONE,
        &register("2000", 2, "Expires: 100\n").replace("Contact: <sip:2000@10.0.0.2:5062>\n", ""),
    );
    assert!(stage.only().contains("expires=40\n"), "a question, no refresh");
    stage.arrives(
        PHONE,
        &register("2000", 3, "Expires: 0\n").replace("<sip:2000@10.0.0.2:5062>", "*"),
    );
    assert!(!stage.only().contains("Contact"));
    stage.arrives(PHONE, &register("2000", 4, "Expires: 10\n"));
    let text = stage.only();
    assert!(text.starts_with("SIP/2.0 423 ") && text.contains("Min-Expires: 60\n"), "{text}");
    stage.arrives(PHONE, &register("2000", 5, "Expires: 60\n"));
    stage.out.clear();
    stage.wait(Duration::from_secs(61));
    stage.arrives("10.0.0.1:5060", &request("INVITE", "sip:2000@10.0.0.9", "2000", "a"));
    assert_eq!(stage.lines(), [to("10.0.0.1:5060", "SIP/2.0 480 Temporarily Unavailable")]);
}

#[test]
fn unknown_numbers_learn_nothing_and_bad_contacts_are_refused() {
    let mut stage = Stage::new();
    stage.arrives(PHONE, &register("9999", 1, ""));
    assert!(stage.only().starts_with("SIP/2.0 401 "), "as if there were such a number");
    stage.arrives(PHONE, &register("2000", 1, "").replace("<sip:2000@10.0.0.2:5062>", "*"));
    assert_eq!(stage.lines(), [to(PHONE, "SIP/2.0 400 Bad Contact")]);
}

#[test]
fn a_caller_who_is_one_of_us_proves_it_or_calls_from_where_it_registered() {
    let mut stage = Stage::new();
    stage.register("2000", PHONE);
    let from_1000 =
        request("INVITE", "sip:2000@10.0.0.9", "2000", "a").replace("sip:7777@", "sip:1000@");
    stage.arrives("10.0.0.1:5060", &from_1000);
    assert_eq!(stage.lines(), [to("10.0.0.1:5060", "SIP/2.0 407 Proxy Authentication Required")]);
    let from_2000 =
        request("INVITE", "sip:2000@10.0.0.9", "2000", "b").replace("sip:7777@", "sip:2000@");
    stage.arrives(PHONE, &from_2000);
    assert_eq!(stage.lines()[0].1, "SIP/2.0 100 Trying");
}
