//! Each scope against calls that try to get around it.

use proptest::prelude::*;

use super::*;

/// The scope that the tests of URLs try to leave.
const HTTP: &str = "[[grant]]\npermission = \"http\"\n\
                    destinations = [\"https://pager.example.com/v1/\", \"http://192.0.2.1:8080/a\"]\n";

#[track_caller]
fn allowed(url: &str, sent: &str) {
    let grants = grants_of(HTTP);
    let (found, ca) = grants.url(url).unwrap_or_else(|fault| panic!("{url}: {fault}"));
    assert_eq!((found.as_str(), ca), (sent, None), "{url}");
}

#[track_caller]
fn refused(url: &str, expected: &str) {
    let fault = grants_of(HTTP).url(url).unwrap_err().to_string();
    assert!(fault.starts_with(expected), "{url}: {fault}");
}

#[test]
fn url_within_the_scope_is_sent_in_its_normal_spelling() {
    allowed("https://pager.example.com/v1/", "https://pager.example.com/v1/");
    allowed("https://pager.example.com/v1/a?b=/../c", "https://pager.example.com/v1/a?b=/../c");
    allowed("HTTPS://Pager.EXAMPLE.com:443/v1/x#y", "https://pager.example.com/v1/x");
    allowed("https://pager.example.com/v1/a/../b", "https://pager.example.com/v1/b");
    allowed("https://pager.example.com/x/../v1/b", "https://pager.example.com/v1/b");
    allowed("http://192.0.2.1:8080/a", "http://192.0.2.1:8080/a");
    allowed("http://192.0.2.1:8080/a/b", "http://192.0.2.1:8080/a/b");
    allowed("http://0xC0.0.2.1:8080/a?q", "http://192.0.2.1:8080/a?q");
}

#[test]
fn url_beyond_the_scope_is_denied_by_name() {
    let denied = grants_of(HTTP).url("https://other/").unwrap_err().to_string();
    assert_eq!(
        denied,
        "denied: permission http of reaction-x is not granted for https://other/; granted: \
         https://pager.example.com/v1/, http://192.0.2.1:8080/a"
    );
    for url in [
        "http://pager.example.com/v1/",
        "https://pager.example.com:444/v1/",
        "https://pager.example.com:80/v1/",
        "https://pager.example.com./v1/",
        "https://pager.example.com.evil.example/v1/",
        "https://evil.example/pager.example.com/v1/",
        "https://evil.example/?https://pager.example.com/v1/",
        "https://evil.example/#https://pager.example.com/v1/",
        "https://pager.example.com",
        "https://pager.example.com/v1",
        "https://pager.example.com/v1evil",
        "https://pager.example.com/V1/",
        "https://pager.example.com/v1%2fx",
        "https://pager.example.com//v1/",
        "https://pager.example.com/v1/../v2/",
        "https://pager.example.com/v1/%2e%2E/v2/",
        "https://pager.example.com/v1/.%2e/v2/",
        // Cyrillic letters that look like Latin ones are another name.
        "https://p\u{430}ger.example.com/v1/",
        "https://xn--pger-53d.example.com/v1/",
        "http://192.0.2.1:8080/ab",
        "http://192.0.2.1:8080/",
        "http://192.0.2.1/a",
        "http://192.0.2.10:8080/a",
        "http://[::ffff:192.0.2.1]:8080/a",
    ] {
        refused(url, "denied: permission http of reaction-x is not granted for ");
    }
}

#[test]
fn url_that_two_readers_could_read_in_two_ways_is_refused() {
    for url in [
        "",
        "pager.example.com/v1/",
        "//pager.example.com/v1/",
        "file:///etc/passwd",
        "https:pager.example.com/v1/",
        "https://pager.example.com@evil.example/v1/",
        "https://evil.example@pager.example.com/v1/",
        "https://user:password@pager.example.com/v1/",
        "https://@pager.example.com/v1/",
        "https://pager.example.com\\@evil.example/v1/",
        "https://evil.example\\.pager.example.com/v1/",
        "https://pager.example.com/v1/\r\nHost: evil.example",
        "https://pager.example.com/v1/\t",
        " https://pager.example.com/v1/",
        "https://pager.example.com/v1/a b",
        "https://pager.example.com/v1/..%2fv2/",
        "https://pager.example.com/v1/..%5cv2/",
        "https://pager.example.com/v1/%2e%2e%2fv2/",
        "https://pager.example.com/v1/%252e%252e%252fv2/",
        "https://pager.example.com/v1/%25252e%25252e/v2/",
        "https://pager.example.com/v1/..;/v2/",
        "https://pager.example.com/v1/..;a=b/v2/",
        "https://pager.example.com/v1/%00",
        "https://pager.example.com/v1/%0d%0aHost:x",
        "https://pager.example.com%00.evil.example/v1/",
        "https://pager.example.com:99999/v1/",
        "https://[::1/v1/",
    ] {
        refused(url, "invalid: url ");
    }
    let long = format!("https://pager.example.com/v1/{}", "a".repeat(8 << 10));
    let fault = grants_of(HTTP).url(&long).unwrap_err().to_string();
    assert!(fault.ends_with(": 8221 bytes, at most 8192"), "{fault}");
    assert!(fault.len() < 300, "{fault}");
}

#[test]
fn names_beyond_ascii_are_compared_as_they_are_sent() {
    let rows =
        "[[grant]]\npermission = \"http\"\ndestinations = [\"https://b\u{fc}cher.example/\"]\n";
    let grants = grants_of(rows);
    for url in ["https://xn--bcher-kva.example/a", "https://B\u{dc}CHER.example/a"] {
        assert_eq!(grants.url(url).unwrap().0.as_str(), "https://xn--bcher-kva.example/a");
    }
    assert!(grants.url("https://bucher.example/a").is_err());
}

#[test]
fn authorities_belong_to_their_row() {
    let rows = "[[grant]]\npermission = \"http\"\ndestinations = [\"https://a.example/\"]\n\
                ca = \"/etc/a.pem\"\n\
                [[grant]]\npermission = \"http\"\ndestinations = [\"https://b.example/\"]\n";
    let grants = grants_of(rows);
    assert_eq!(grants.url("https://a.example/").unwrap().1, Some(Path::new("/etc/a.pem")));
    assert_eq!(grants.url("https://b.example/").unwrap().1, None);
}

/// Pieces that URLs are put together from: the granted ones, and those that try to get around.
fn piece() -> impl Strategy<Value = String> {
    let fixed = prop::sample::select(vec![
        "https://",
        "http://",
        "HTTPS://",
        "https:",
        "//",
        "/",
        "\\",
        "@",
        ":",
        "?",
        "#",
        ".",
        "..",
        "%2e",
        "%2E%2e",
        "%2f",
        "%5c",
        "%252e",
        "%00",
        "%40",
        "\t",
        "\n",
        " ",
        ";",
        "v1",
        "v1/",
        "/v1/",
        "v1evil",
        "pager.example.com",
        "PAGER.example.com",
        "evil.example",
        "xn--",
        ":443",
        ":80",
        "user",
        "\u{2024}",
        "\u{ff0f}",
        "\u{3002}",
        "\u{ad}",
        "[::1]",
        "192.0.2.1:8080/a",
    ]);
    prop_oneof![4 => fixed.prop_map(str::to_owned), 1 => "\\PC{0,4}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// Whatever is let through is, as it is sent, below what was granted, for a reader of URLs
    /// that this code does not use too.
    #[test]
    fn no_url_outside_the_scope_is_let_through(
        begins in prop::bool::weighted(0.7),
        pieces in prop::collection::vec(piece(), 0..8),
    ) {
        let begin = if begins { "https://pager.example.com/v1/" } else { "" };
        let text = format!("{begin}{}", pieces.concat());
        if let Ok((url, _)) = grants_of(HTTP).url(&text) {
            let sent: ::http::Uri = url.as_str().parse().unwrap();
            let place = (sent.scheme_str(), sent.host(), sent.port_u16());
            if place == (Some("http"), Some("192.0.2.1"), Some(8080)) {
                prop_assert!(sent.path() == "/a" || sent.path().starts_with("/a/"), "{url}");
            } else {
                prop_assert_eq!(place, (Some("https"), Some("pager.example.com"), None));
                prop_assert!(sent.path().starts_with("/v1/"), "{url}");
            }
            let steps = sent.path().replace("%2f", "/").replace("%2F", "/").replace("%2e", ".");
            prop_assert!(!steps.split('/').any(|step| step == ".." || step == "."), "{url}");
        }
    }

    /// What was let through once is let through as it was sent, unchanged.
    #[test]
    fn normal_spelling_is_stable(pieces in prop::collection::vec(piece(), 0..6)) {
        let text = format!("https://pager.example.com/v1/{}", pieces.concat());
        let grants = grants_of(HTTP);
        if let Ok((url, _)) = grants.url(&text) {
            let again = grants.url(url.as_str()).map(|(url, _)| url.to_string());
            prop_assert_eq!(again, Ok(url.to_string()));
        }
    }
}

#[test]
fn only_the_named_programs_are_run() {
    let grants = grants_of(page::example(Permission::Command));
    let program = grants.program("page").unwrap();
    assert_eq!(program.path, Path::new("/usr/local/bin/page"));
    assert_eq!(program.remote.as_ref().map(|remote| remote.port), Some(22));
    for name in ["Page", "page ", "/usr/local/bin/page", "../page", "", "sh", "page\0"] {
        let denied = grants.program(name).unwrap_err().to_string();
        assert!(denied.starts_with("denied: permission command of reaction-x is not"), "{denied}");
        assert!(denied.ends_with("; granted: page"), "{denied}");
    }
}

#[test]
fn mail_goes_to_the_granted_recipients_only() {
    let grants = grants_of(page::example(Permission::Mail));
    let mail = |to: &[&str]| {
        let to: Vec<String> = to.iter().map(|one| (*one).to_owned()).collect();
        grants.mail(&to).map(|(_, to)| to.join(" ")).map_err(|fault| fault.to_string())
    };
    assert_eq!(
        mail(&["oncall@EXAMPLE.com", "a.b+c@operations.example.com"]).unwrap(),
        "oncall@example.com a.b+c@operations.example.com"
    );
    assert_eq!(
        mail(&["oncall@example.com", "other@example.com"]).unwrap_err(),
        "denied: permission mail of reaction-x is not granted for other@example.com; granted: \
         oncall@example.com, *@operations.example.com"
    );
    for recipient in [
        "Oncall@example.com",
        "oncall@example.com.evil.example",
        "oncall@sub.example.com",
        "x@sub.operations.example.com",
        "x@evil-operations.example.com",
    ] {
        let denied = mail(&[recipient]).unwrap_err();
        assert!(denied.starts_with("denied: "), "{recipient}: {denied}");
    }
    for recipient in [
        "",
        "oncall",
        "@example.com",
        "oncall@",
        "*@operations.example.com",
        "oncall@example.com, x@evil.example",
        "<oncall@example.com>",
        "x@evil.example\r\nBcc: oncall@example.com",
        "x@evil.example@operations.example.com",
        "\"x@evil.example\"@operations.example.com",
        "x%evil.example@operations.example.com ",
        "x(a)@operations.example.com",
        "-oQ@operations.example.com",
        "x@operations.example.com.",
        "x@[192.0.2.1]",
    ] {
        let refused = mail(&[recipient]).unwrap_err();
        assert!(refused.starts_with("invalid: recipient "), "{recipient}: {refused}");
    }
}

#[test]
fn datagrams_go_to_the_granted_ends_only() {
    let grants = grants_of(page::example(Permission::Datagram));
    assert_eq!(grants.end_point("192.0.2.1:162").unwrap(), "192.0.2.1:162");
    assert_eq!(grants.end_point("[2001:0db8::0:1]:162").unwrap(), "[2001:db8::1]:162");
    assert_eq!(
        grants.end_point("192.0.2.1:161").unwrap_err().to_string(),
        "denied: permission datagram of reaction-x is not granted for 192.0.2.1:161; granted: \
         192.0.2.1:162, [2001:db8::1]:162"
    );
    for end in ["192.0.2.2:162", "[::ffff:192.0.2.1]:162", "a.example:162", "[2001:db8::1%1]:162"] {
        let denied = grants.end_point(end).unwrap_err().to_string();
        assert!(denied.starts_with("denied: "), "{end}: {denied}");
    }
    for end in [
        "",
        "192.0.2.1",
        ":162",
        "192.0.2.1:0",
        "192.0.2.1:65698",
        "192.0.2.1:+162",
        "0300.0.2.1:162",
        "3221225985:162",
        "192.0.2.1:162:162",
        "192.0.2.1 :162",
    ] {
        let refused = grants.end_point(end).unwrap_err().to_string();
        assert!(refused.starts_with("invalid: destination "), "{end}: {refused}");
    }
}

#[test]
fn narrowed_management_reaches_the_named_applications_and_no_solution() {
    let management = Permission::Management;
    let grants = grants_of(page::example(management));
    assert_eq!(grants.application(management, Named::Application("sip-a")), Ok(()));
    assert_eq!(
        grants.application(management, Named::Application("media")).unwrap_err().to_string(),
        "denied: permission management of reaction-x is not granted for application media; \
         granted: sip-a, sip-b"
    );
    let solution = grants.application(management, Named::Solution("sip-a")).unwrap_err();
    assert!(solution.to_string().contains("for solution sip-a; granted"), "{solution}");
    let whole = grants_of("[[grant]]\npermission = \"management\"\n");
    for name in [Named::Application("media"), Named::Solution("all")] {
        assert_eq!(whole.application(management, name), Ok(()));
    }
}

#[test]
fn narrowed_vip_control_reaches_the_named_addresses() {
    let grants = grants_of(page::example(Permission::VipControl));
    assert_eq!(grants.vip("sip-vip"), Ok(()));
    assert_eq!(
        grants.vip("other-vip").unwrap_err().to_string(),
        "denied: permission vip-control of reaction-x is not granted for virtual IP other-vip; \
         granted: sip-vip"
    );
}

#[test]
fn long_lists_and_long_words_are_cut_in_the_sentence() {
    let ends: Vec<String> = (1..=12).map(|n| format!("\"192.0.2.{n}:9\"")).collect();
    let rows =
        format!("[[grant]]\npermission = \"datagram\"\ndestinations = [{}]\n", ends.join(","));
    let denied = grants_of(&rows).end_point("192.0.2.99:9").unwrap_err().to_string();
    assert!(denied.ends_with(" and 4 more"), "{denied}");
    let grants = grants_of(page::example(Permission::Command));
    let denied = grants.program(&"x\n".repeat(900)).unwrap_err().to_string();
    assert!(denied.len() < 400 && !denied.contains('\n'), "{denied}");
}
