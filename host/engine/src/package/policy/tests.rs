//! What is read from the text of a policy without running it.

use std::collections::BTreeMap;

use super::*;

fn policy(text: &str) -> Policy {
    Policy::parse("page", text.as_bytes()).unwrap().0
}

fn refused(text: &str) -> String {
    Policy::parse("page", text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn first_line_says_kind_and_purpose() {
    let text = "\n//  alarm-reaction :  Pages whoever is on call.\n// version: 1.2.0\n1";
    let (_, head) = Policy::parse("page", text.as_bytes()).unwrap();
    assert_eq!(head.kind, Kind::AlarmReaction);
    assert_eq!(head.description, "Pages whoever is on call.");
    assert_eq!(head.version.as_deref(), Some("1.2.0"));
    let (_, head) = Policy::parse("page", b"// forwarding-policy: x\ndeliver()").unwrap();
    assert_eq!((head.kind, head.version), (Kind::ForwardingPolicy, None));
}

#[test]
fn other_first_lines_are_refused_with_what_is_allowed() {
    let allowed = "allowed is `// alarm-reaction: WHAT IT DOES` or `// forwarding-policy: WHAT IT \
                   DOES`";
    for (text, found) in [
        ("", "its first line is ``"),
        ("let x = 1;", "its first line is `let x = 1;`"),
        ("// vip-backend: x", "its first line is `// vip-backend: x`"),
        ("// alarm-reaction:", "its first line says nothing after alarm-reaction"),
    ] {
        assert_eq!(refused(text), format!("page.rhai: {found}, {allowed}"));
    }
    let long = format!("// alarm-reaction: x\n// version: {}\n", "9".repeat(65));
    assert_eq!(refused(&long), "page.rhai: version is 65 bytes, allowed is 1 to 64");
    let latin = Policy::parse("page", b"// alarm-reaction: \xe9").unwrap_err();
    assert_eq!(latin.to_string(), "page.rhai: not UTF-8 text");
}

#[test]
fn name_is_that_of_a_plugin() {
    let error = Policy::parse("Page me", b"// alarm-reaction: x").unwrap_err().to_string();
    assert_eq!(
        error,
        "Page me.rhai: name \"Page me\": allowed are 1 to 64 lower-case letters, digits and hyphens"
    );
}

#[test]
fn error_names_the_file_and_shows_the_line() {
    let policy = policy("// alarm-reaction: x\n  let a = b;\n");
    assert_eq!(
        policy.explain("invalid: line 2, column 11: variable not found: b"),
        "invalid: page.rhai, line 2, column 11: variable not found: b in `let a = b;`"
    );
    assert_eq!(
        policy.excerpt("invalid: line 2, column 11: variable not found: b").unwrap(),
        "    2 |   let a = b;\n      |           ^"
    );
    for other in ["denied: no line 4 here", "script is empty", "line x, column y: z"] {
        assert_eq!(policy.explain(other), other);
        assert_eq!(policy.excerpt(other), None);
    }
}

#[test]
fn shown_line_is_bounded() {
    let line = "é".repeat(POLICY_LINE_SHOWN_BYTES_MAX);
    let policy = policy(&format!("// alarm-reaction: x\n{line}"));
    let shown = policy.explain("line 2, column 1: it");
    assert!(shown.ends_with("é...`"), "{shown}");
    assert!(shown.len() < POLICY_LINE_SHOWN_BYTES_MAX + 64, "{shown}");
}

fn asked(text: &str) -> BTreeMap<Permission, String> {
    calls::permissions(text).into_iter().map(|(it, call)| (it, call.to_string())).collect()
}

#[test]
fn script_asks_for_what_it_uses() {
    let text = "let a = settings::get(\"vip\");\nvip_control :: enable(a, a);\n\
                management::set_option(a, a, a, a);\nclock::wait_ms(1); http::send(#{url: a});\n\
                http::send(#{});";
    let found = asked(text);
    assert_eq!(found.get(&Permission::VipControl).unwrap(), "line 2 calls vip_control::enable");
    assert_eq!(found.get(&Permission::SetOption).unwrap(), "line 3 calls management::set_option");
    assert_eq!(found.get(&Permission::Http).unwrap(), "line 4 calls http::send");
    assert_eq!(found.len(), 3);
}

#[test]
fn comments_and_texts_ask_for_nothing() {
    let text = "// http::send\n/* mail::send /* command::run */ datagram::send */\n\
                let a = \"http::send \\\" http::send\"; let b = '\"'; let c = `http::send`;\n/*/ \
                http::send */";
    assert_eq!(asked(text), BTreeMap::new());
}

#[test]
fn code_after_and_inside_of_texts_is_found() {
    let url = "let a = \"http://x\"; mail::send(a)";
    assert_eq!(asked(url).into_keys().collect::<Vec<_>>(), [Permission::Mail]);
    let inside = "let a = `//${ if true { `${command::run(a)}` } else { \"}\" } } it's`;\n\
                  memory::get(a)";
    let found = asked(inside);
    assert_eq!(found.get(&Permission::Command).unwrap(), "line 1 calls command::run");
    assert_eq!(found.get(&Permission::Memory).unwrap(), "line 2 calls memory::get");
    assert_eq!(found.len(), 2);
}
