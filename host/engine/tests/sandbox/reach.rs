//! What was granted reaches the shell as it was granted; what lies beyond does not reach it.

use proptest::prelude::*;
use takeover_logic::ids::Term;
use takeover_logic::link::Fault;

use crate::outside::{EVERYTHING, Reach};

#[track_caller]
fn check(reach: &Reach, word: &str, with: &[&str], answer: &str, asked: &str) {
    let found = reach.ask(word, with);
    assert_eq!(found, Ok(answer.to_owned()), "{word} {with:?}");
    assert_eq!(reach.outside.asked.lock().unwrap().pop().as_deref(), Some(asked), "{word}");
}

#[test]
fn each_call_within_its_grant_reaches_the_shell_as_granted() {
    let reach = Reach::granting(EVERYTHING);
    check(
        &reach,
        "http",
        &["https://PAGER.example.com:443/v1/a?b#c", "POST", "hello", "content-type=text/plain"],
        // More than 64 headers and 256 KiB do not come back.
        "status 202, 64 headers, 262144 bytes",
        "POST https://pager.example.com/v1/a?b [(\"content-type\", \"text/plain\")] hello \
         Some(\"/etc/takeover/pager-ca.pem\")",
    );
    check(
        &reach,
        "command",
        &["page", "a b", "$(reboot)"],
        // 80,000 bytes of output are cut between two characters.
        "exit code 3, 65536 and 0 bytes",
        "test-reaction runs /usr/local/bin/page [\"a b\", \"$(reboot)\"] on None",
    );
    check(
        &reach,
        "mail",
        &["sip-a failed", "it did\nindeed", "oncall@example.com", "b@EXAMPLE.com"],
        "well behaved",
        "takeover@example.com to oncall@example.com b@example.com: sip-a failed / it did\nindeed \
         through 192.0.2.25:25 None",
    );
    check(
        &reach,
        "datagram",
        &["192.0.2.1:162", "ab"],
        "well behaved",
        "[97, 98] to 192.0.2.1:162",
    );
    let (set, forget) = ("remembers k: Some([118])", "remembers k: None");
    check(&reach, "memory-set", &["k", "v"], "well behaved", &format!("test-reaction {set}"));
    check(&reach, "memory-forget", &["k"], "well behaved", &format!("test-reaction {forget}"));
    check(&reach, "memory-get", &["k"], "a value", "test-reaction recalls k");
    assert_eq!(reach.host.asked(), Vec::<String>::new());
    for (word, with, asked) in [
        ("start", &["sip-a"][..], "StartApplication { name: sip-a }"),
        ("switchover", &["sip-a"], "Switchover { application: sip-a, only_if: None }"),
        ("enable", &["sip-vip"], "EnableVip { vip: sip-vip, application: sip-a }"),
        (
            "set-option",
            &["sip-a", "s", "k", "v"],
            "SetOption { application: sip-a, section: \"s\", key: \"k\", value: \"v\" }",
        ),
    ] {
        assert_eq!(reach.ask(word, with), Ok("well behaved".to_owned()));
        assert_eq!(reach.host.asked.lock().unwrap().pop().as_deref(), Some(asked));
    }
    assert_eq!(reach.host.lines(), Vec::<String>::new());
}

#[test]
fn each_call_beyond_its_grant_is_denied_and_logged() {
    let reach = Reach::granting(EVERYTHING);
    for (word, with, beyond) in [
        ("http", &["https://other.example/v1/"][..], "http"),
        ("http", &["https://pager.example.com:8443/v1/"], "http"),
        ("http", &["http://pager.example.com/v1/"], "http"),
        ("http", &["https://pager.example.com/v1evil"], "http"),
        ("http", &["https://pager.example.com/v1/../admin"], "http"),
        ("http", &["https://p\u{430}ger.example.com/v1/"], "http"),
        ("command", &["/usr/local/bin/page"], "command"),
        ("command", &["sh"], "command"),
        ("mail", &["s", "t", "oncall@example.com", "x@other.example"], "mail"),
        ("datagram", &["192.0.2.1:161"], "datagram"),
        ("datagram", &["192.0.2.2:162"], "datagram"),
        ("start", &["media"], "management"),
        ("switchover", &["media"], "management"),
        ("start-solution", &["all"], "management"),
        ("set-option", &["media"], "set-option"),
        ("enable", &["other-vip"], "vip-control"),
    ] {
        let denied = reach.ask(word, with).unwrap_err();
        let Fault::Denied(text) = &denied else { panic!("{word} {with:?}: {denied:?}") };
        let expected = format!("permission {beyond} of test-reaction is not granted for ");
        assert!(text.starts_with(&expected), "{text}");
        let line = reach.host.lines.lock().unwrap().pop();
        assert_eq!(line, Some(denied.to_string()));
    }
    assert_eq!(reach.outside.asked(), Vec::<String>::new());
    assert_eq!(reach.host.asked(), Vec::<String>::new());
}

#[test]
fn each_call_beyond_a_bound_is_invalid_and_goes_nowhere() {
    const URL: &str = "https://pager.example.com/v1/";
    let reach = Reach::granting(EVERYTHING);
    let headers = vec!["x=y"; 65];
    let many_headers = [&[URL, "GET", ""], &headers[..]].concat();
    let arguments = [&["page"], &vec!["x"; 257][..]].concat();
    let recipients = [&["s", "t"], &vec!["a@example.com"; 33][..]].concat();
    let cases: &[(&str, &[&str], &str)] = &[
        ("http", &["https://user@pager.example.com/v1/"], "url https://user@pager.example.com/v1/"),
        ("http", &["https://pager.example.com/v1/..%2fx"], "url https://pager.example.com/v1/..%"),
        ("http", &["#9000"], "url "),
        ("http", &[URL, "TRACE"], "method TRACE, allowed are GET, POST, PUT, PATCH, DELETE, HEAD"),
        ("http", &[URL, "get"], "method get, allowed are"),
        ("http", &[URL, "GET / HTTP/1.1\r\nX"], "method GET / HTTP/1.1  X, allowed are"),
        ("http", &[URL, "POST", "#262145"], "body: 262145 bytes, at most 262144"),
        ("http", &many_headers, "65 headers, at most 64"),
        ("http", &[URL, "GET", "", "#20000"], "headers: 20000 bytes, at most 16384"),
        ("http", &[URL, "GET", "", "Host=evil"], "header host: set by the host"),
        ("http", &[URL, "GET", "", "CONTENT-LENGTH=0"], "header content-length: set by the host"),
        ("http", &[URL, "GET", "", "Transfer-encoding=chunked"], "header transfer-encoding: set"),
        ("http", &[URL, "GET", "", "a=b\r\nHost: evil"], "header a: its value is not visible"),
        ("http", &[URL, "GET", "", "a\r\nHost=evil"], "header a  Host: not a name of a header"),
        ("http", &[URL, "GET", "", "=x"], "header : not a name of a header"),
        ("command", &arguments, "257 arguments, at most 256"),
        ("command", &["page", "#65537"], "arguments: 65537 bytes, at most 65536"),
        ("command", &["page", "a\0b"], "arguments: a zero byte"),
        ("mail", &["s", "t"], "0 recipients, allowed 1 to 32"),
        ("mail", &recipients, "33 recipients, allowed 1 to 32"),
        ("mail", &["#513", "t", "a@example.com"], "subject: 513 bytes, at most 512"),
        ("mail", &["s\r\nBcc: x@evil", "t", "a@example.com"], "subject: more than one line"),
        ("mail", &["s", "#65537", "a@example.com"], "text: 65537 bytes, at most 65536"),
        ("mail", &["s", "t", "a@example.com\r\nBcc: x"], "recipient a@example.com  Bcc: x:"),
        ("datagram", &["192.0.2.1:162", "#1401"], "payload: 1401 bytes, at most 1400"),
        ("datagram", &["192.0.2.1"], "destination 192.0.2.1: allowed is host:port"),
        ("memory-get", &["#257"], "key: 257 bytes, allowed 1 to 256"),
        ("memory-set", &["", "v"], "key: 0 bytes, allowed 1 to 256"),
        ("memory-set", &["k", "#65536"], "key and value: 65537 bytes, at most 65536"),
        ("set-option", &["sip-a", "#257"], "section: 257 bytes, at most 256"),
        ("set-option", &["sip-a", "s", "#257"], "key: 257 bytes, at most 256"),
        ("set-option", &["sip-a", "s", "k", "#4097"], "value: 4097 bytes, at most 4096"),
    ];
    for (word, with, expected) in cases {
        let fault = reach.ask(word, with).unwrap_err();
        let Fault::Invalid(text) = &fault else { panic!("{word}: {fault:?}") };
        assert!(text.starts_with(expected), "{word}: {text}");
    }
    assert_eq!(reach.outside.asked(), Vec::<String>::new());
    assert_eq!(reach.host.asked(), Vec::<String>::new());
}

#[test]
fn exactly_at_a_bound_is_allowed() {
    let reach = Reach::granting(EVERYTHING);
    let url = "https://pager.example.com/v1/";
    for (word, with) in [
        ("http", &[url, "PUT", "#262144"][..]),
        ("command", &["page", "#65536"]),
        ("mail", &["#512", "#65536", "a@example.com"]),
        ("datagram", &["192.0.2.1:162", "#1400"]),
        ("memory-set", &["k", "#65535"]),
    ] {
        assert!(reach.ask(word, with).is_ok(), "{word}");
    }
    assert_eq!(reach.outside.asked().len(), 5);
}

#[test]
fn process_that_serves_no_outside_says_so() {
    let bench = crate::outside::Bench::asking(&["memory"]);
    bench.grant("[[grant]]\npermission = \"memory\"\n");
    let engine = takeover_engine::Engine::start(takeover_engine::EngineSettings::default());
    let engine = engine.unwrap();
    let loaded = bench.load(&engine);
    let settings = crate::fixture::settings(&[("do", "memory-get")]);
    let deadline = std::time::Instant::now() + crate::fixture::PLENTY;
    let plugin = loaded.plugins.first().unwrap();
    let call = takeover_engine::Call { plugin, settings: &settings, deadline };
    let host = crate::fixture::Host::new(crate::fixture::Manner::Does);
    let ended = crate::fixture::wait(engine.react(call, crate::fixture::alarm("a"), host)).ended;
    assert_eq!(ended.to_string(), "unavailable: memory is not served here");
}

/// Pieces of URLs that try to get out of the grant.
fn piece() -> impl Strategy<Value = String> {
    let fixed = prop::sample::select(vec![
        "https://",
        "http://",
        "/",
        "\\",
        "@",
        ":",
        "?",
        "#",
        "..",
        "%2e",
        "%2f",
        "%5c",
        "\t",
        "v1",
        "/v1/",
        "v1evil",
        "pager.example.com",
        "evil.example",
        ":443",
        ":80",
        "\u{3002}",
    ]);
    prop_oneof![4 => fixed.prop_map(str::to_owned), 1 => "[^\u{1f}#]{0,3}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Through the component, the sandbox and the interface: nothing outside arrives.
    #[test]
    fn no_url_outside_the_grant_reaches_the_shell(
        pieces in prop::collection::vec(piece(), 0..6),
        begins in any::<bool>(),
    ) {
        static REACH: std::sync::OnceLock<Reach> = std::sync::OnceLock::new();
        let reach = REACH.get_or_init(|| Reach::granting(EVERYTHING));
        let begin = if begins { "https://pager.example.com/v1" } else { "https://" };
        let asked = reach.ask("http", &[&format!("{begin}{}", pieces.concat())]);
        let urls: Vec<String> = std::mem::take(&mut *reach.outside.urls.lock().unwrap());
        prop_assert_eq!(urls.len(), usize::from(asked.is_ok()), "{:?}", asked);
        for url in urls {
            prop_assert!(url.starts_with("https://pager.example.com/v1/"), "{url}");
            let path = url.split('?').next().unwrap_or_default().to_ascii_lowercase();
            let path = path.replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
            prop_assert!(!path.split('/').any(|step| step == ".."), "{url}");
        }
    }
}

/// Every permission that acts, with a call within its scope.
const ACTS: [(&str, &str, &[&str]); 7] = [
    ("command", "command", &["page"]),
    ("datagram", "datagram", &["192.0.2.1:162", "ab"]),
    ("http", "http", &["https://pager.example.com/v1/"]),
    ("mail", "mail", &["s", "t", "oncall@example.com"]),
    ("management", "start", &["sip-a"]),
    ("set-option", "set-option", &["sip-a", "s", "k", "v"]),
    ("vip-control", "enable", &["sip-vip"]),
];

#[test]
fn what_is_granted_to_primaries_only_is_refused_to_others_and_under_an_old_term() {
    let mut grants = EVERYTHING.to_owned();
    for (permission, ..) in ACTS {
        let row = format!("permission = \"{permission}\"\n");
        grants = grants.replace(&row, &format!("{row}when = \"primary\"\n"));
    }
    let reach = Reach::granting(&grants);
    let is = |primary: Result<(), Fault>| *reach.host.primary.lock().unwrap() = primary;
    for (permission, word, with) in ACTS {
        is(Ok(()));
        reach.ask(word, with).unwrap_or_else(|fault| panic!("{word}: {fault}"));
        is(Err(Fault::Denied("application sip-a is backup".into())));
        let text = format!(
            "permission {permission} of test-reaction is granted to primaries only: \
             application sip-a is backup"
        );
        assert_eq!(reach.ask(word, with), Err(Fault::Denied(text.into())));
        is(Err(Fault::StaleTerm(Term(7))));
        assert_eq!(reach.ask(word, with), Err(Fault::StaleTerm(Term(7))), "{word}");
    }
    let (outside, host) = (reach.outside.asked().len(), reach.host.asked().len());
    assert_eq!((outside, host), (4, 3), "only the primary reached anything");
    assert_eq!(reach.plugin.not_primary(), 14);
    // To look and to remember is not to act.
    reach.ask("memory-get", &["k"]).unwrap();
}
