//! What is said about a file of `grants.d` that is not right.

use super::*;

#[track_caller]
fn check(rows: &str, expected: &[&str]) {
    assert_eq!(file_with(rows).unwrap_err(), expected, "{rows}");
}

#[track_caller]
fn check_whole(text: &str, expected: &str) {
    let error = GrantFile::parse("reaction-x", text).unwrap_err().to_string();
    assert_eq!(error, format!("grants.d/reaction-x.toml: {expected}"), "{text}");
}

#[test]
fn file_must_say_what_it_holds_for() {
    check_whole(
        "",
        "neither sha256 nor signer: say for which component, or for whose signature, it holds",
    );
    let both = format!("sha256 = \"{SHA256}\"\nsigner = \"{}\"\n", signer());
    check_whole(&both, "sha256 and signer: only one of them is allowed");
    check_whole("sha256 = \"abc\"", "sha256 is \"abc\", allowed are 64 hexadecimal digits");
    check_whole("sha256 = 7", "sha256 is 7, allowed is a text that is not empty");
    check_whole(
        "signer = \"ed25519:abc\"",
        "signer is \"ed25519:abc\": not a public key; allowed is ed25519: and 32 bytes in base64",
    );
}

#[test]
fn text_that_is_no_toml_is_refused_with_its_line() {
    let text = format!("sha256 = \"{SHA256}\"\n\n[[grant\n");
    let error = GrantFile::parse("reaction-x", &text).unwrap_err().to_string();
    assert!(error.starts_with("grants.d/reaction-x.toml: line 3: "), "{error}");
}

#[test]
fn unknown_words_are_named_beside_the_known_ones() {
    let known = "known are addresses, command, datagram, http, mail, management, memory, \
                 set-option, vip-control";
    check(
        "[[grant]]\npermission = \"telepathy\"\n",
        &[&format!("grant 1: permission is \"telepathy\", {known}")],
    );
    check("[[grant]]\nname = \"http\"\n", &[&format!("grant 1: permission is missing, {known}")]);
    check("[[grant]]\npermission = 7\n", &[&format!("grant 1: permission is 7, {known}")]);
    check("grant = 7\n", &["grant is not a list of tables, as in [[grant]]"]);
    check("grant = [7]\n", &["grant 1 is not a table, as in [[grant]]"]);
    check("grants = []\n", &["unknown key grants, known: sha256, signer"]);
    check(
        "[[grant]]\npermission = \"datagram\"\ndestinations = [\"192.0.2.1:9\"]\nport = 9\n",
        &["grant 1 (datagram): unknown key port, known: destinations, when"],
    );
}

#[test]
fn scope_of_another_permission_is_refused() {
    check(
        "[[grant]]\npermission = \"memory\"\ndestinations = [\"https://a.example/\"]\n",
        &["grant 1 (memory): unknown key destinations, known: none (destinations belongs to \
           datagram and http)"],
    );
    check(
        "[[grant]]\npermission = \"vip-control\"\napplications = [\"a\"]\n",
        &["grant 1 (vip-control): unknown key applications, known: vips, when (applications \
           belongs to management and set-option)"],
    );
}

#[test]
fn permission_that_carries_a_scope_needs_one() {
    for permission in Permission::ALL {
        let bare = file_with(&format!("[[grant]]\npermission = \"{permission}\"\n"));
        assert_eq!(bare.is_err(), permission.needs_scope(), "{permission}: {bare:?}");
    }
    for key in ["destinations = []", "destinations = 7", "destinations = [7]"] {
        assert!(file_with(&format!("[[grant]]\npermission = \"http\"\n{key}\n")).is_err(), "{key}");
    }
    check(
        "[[grant]]\npermission = \"management\"\napplications = []\n",
        &["grant 1 (management): applications has 0 entries, allowed 1 to 64"],
    );
}

#[test]
fn numbers_are_bounded() {
    let names: Vec<String> = (0..65).map(|n| format!("\"a{n}\"")).collect();
    check(
        &format!("[[grant]]\npermission = \"management\"\napplications = [{}]\n", names.join(",")),
        &["grant 1 (management): applications has 65 entries, allowed 1 to 64"],
    );
    let rows = "[[grant]]\npermission = \"http\"\ndestinations = [\"https://a.example/\"]\n";
    assert!(file_with(&rows.repeat(64)).is_ok());
    check(&rows.repeat(65), &["65 grants, at most 64"]);
}

#[test]
fn permission_without_several_scopes_is_granted_once() {
    for permission in Permission::ALL {
        let twice = file_with(&page::example(permission).repeat(2));
        match permission {
            Permission::Http => assert_eq!(twice, Ok(vec![permission])),
            Permission::Command => assert_eq!(
                twice,
                Err(vec!["grant 2 (command): program page is named twice".to_owned()])
            ),
            _ => {
                assert_eq!(twice, Err(vec![format!("grant 2 ({permission}): granted before")]));
            }
        }
    }
}

#[test]
fn destination_is_a_plain_url() {
    for (url, why) in [
        ("ftp://a.example/", "it begins with neither http:// nor https://"),
        ("https:a.example", "it begins with neither http:// nor https://"),
        ("https://", "empty host"),
        ("https://a.example/?x=1", "a destination has no query and no fragment"),
        ("https://a.example/#x", "a destination has no query and no fragment"),
        ("https://*.a.example/", "a destination has no wildcards"),
        ("https://user@a.example/", "it has a user name"),
        ("https://a.example/a b", "it has a blank, a control character or a backslash"),
        ("https://a.example/v1/%2e%2e%2fv2", "its path hides a step up or a control character"),
        ("https://a.example:99999/", "invalid port number"),
    ] {
        check(
            &format!("[[grant]]\npermission = \"http\"\ndestinations = [\"{url}\"]\n"),
            &[&format!("grant 1 (http): destinations has {url:?}: {why}")],
        );
    }
}

#[test]
fn programs_are_absolute_and_their_host_is_bound_to_a_key() {
    let row = page::example(Permission::Command);
    for (from, to, expected) in [
        (
            "\"/usr/local/bin/page\"",
            "\"page\"",
            "grant 1 (command), program 1: path is \"page\", allowed is an absolute path",
        ),
        (
            "{ name = \"page\",",
            "{ name = \"page\", shell = true,",
            "grant 1 (command), program 1: unknown key shell, known: name, path",
        ),
        (
            "\"gateway.example.com\"",
            "\"-oProxyCommand=x\"",
            "grant 1 (command), remote: host is \"-oProxyCommand=x\", allowed is an address or a \
             name of a host",
        ),
        (
            "user = \"takeover\"",
            "user = \"-l root\"",
            "grant 1 (command), remote: user is \"-l root\", allowed is letters, digits, dots and \
             hyphens",
        ),
        (
            "user = \"takeover\"",
            "user = \"takeover\"\nport = 0",
            "grant 1 (command), remote: port is 0, allowed is a port from 1 to 65535",
        ),
        (
            "\"/etc/takeover/gateway.key\"",
            "\"gateway.key\"",
            "grant 1 (command), remote: identity is \"gateway.key\", allowed is an absolute path",
        ),
    ] {
        assert!(row.contains(from), "{from}");
        check(&row.replace(from, to), &[expected]);
    }
    let (head, _) = row.split_once("host_key").unwrap();
    check(
        &format!("{head}host_key = \"accept-new\"\n"),
        &["grant 1 (command), remote: host_key is \"accept-new\", allowed is a key as in \
           ssh-ed25519 AAAA..."],
    );
}

#[test]
fn password_does_not_go_over_an_open_connection() {
    let row = page::example(Permission::Mail);
    for (from, to, expected) in [
        (
            "\"starttls\"",
            "\"none\"",
            "grant 1 (mail), relay: a password does not go over a connection with security none",
        ),
        (
            "\"starttls\"",
            "\"ssl\"",
            "grant 1 (mail), relay: security is \"ssl\", allowed is none or starttls or tls",
        ),
        (
            "user = \"takeover\"\n",
            "",
            "grant 1 (mail), relay: user and password_file belong together",
        ),
        (
            "\"oncall@example.com\"",
            "\"*\"",
            "grant 1 (mail): recipients has \"*\": allowed is name@domain or *@domain",
        ),
        (
            "\"takeover@example.com\"",
            "\"takeover\"",
            "grant 1 (mail): from is \"takeover\", allowed is a mail address",
        ),
    ] {
        assert!(row.contains(from), "{from}");
        check(&row.replace(from, to), &[expected]);
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = "sha256 = \"x\"\nfoo = 1\n\
                [[grant]]\npermission = \"http\"\ndestinations = [\"x\", \"ftp://a/\"]\nca = \"y\"\n\
                [[grant]]\npermission = \"memory\"\nvips = [\"a\"]\n\
                [[grant]]\npermission = \"mail\"\n";
    let error = GrantFile::parse("reaction-x", text).unwrap_err();
    assert_eq!(
        error.problems,
        [
            "sha256 is \"x\", allowed are 64 hexadecimal digits",
            "unknown key foo, known: sha256, signer",
            "grant 1 (http): ca is \"y\", allowed is an absolute path",
            "grant 1 (http): destinations has \"x\": it begins with neither http:// nor https://",
            "grant 1 (http): destinations has \"ftp://a/\": it begins with neither http:// nor \
             https://",
            "grant 2 (memory): unknown key vips, known: none (vips belongs to vip-control)",
            "grant 3 (mail): from is missing",
            "grant 3 (mail): recipients is missing",
            "grant 3 (mail): the table relay is missing",
        ]
    );
}

#[test]
fn when_is_for_what_acts_and_the_same_in_all_rows() {
    let row = "[[grant]]\npermission = \"http\"\ndestinations = [\"https://a.example/\"]\n";
    check(
        &format!("{row}when = \"backup\"\n"),
        &["grant 1 (http): when is \"backup\", allowed is \"primary\""],
    );
    check(
        &format!("{row}when = \"primary\"\n{row}"),
        &["grant 2 (http): when differs from an earlier row"],
    );
    check(
        "[[grant]]\npermission = \"memory\"\nwhen = \"primary\"\n",
        &["grant 1 (memory): unknown key when, known: none (when belongs to command and datagram \
           and http and mail and management and set-option and vip-control)"],
    );
    let both = format!("{row}when = \"primary\"\n{row}when = \"primary\"\n");
    let grants = grants_of(&both);
    assert!(grants.is_for_primary(Permission::Http));
    assert!(!grants_of(row).is_for_primary(Permission::Http));
}
