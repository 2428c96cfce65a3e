//! One bad text per rule, and texts that only look bad.

use super::check;

/// Findings of a file with this name and content, as they are printed.
#[track_caller]
fn findings(file: &str, content: &str, expected: &[&str]) {
    let mut found = Vec::new();
    check(file, content, &mut found);
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found, expected, "{file}:\n{content}");
}

fn with_header(code: &str) -> String {
    format!("//! A file.\n{code}")
}

#[test]
fn a_file_without_header_is_found() {
    findings("a.rs", "fn f() {}\n", &["a.rs:1: no `//!` header that says what the file owns"]);
    findings(
        "a/mod.rs",
        "//! A.\n",
        &["a/mod.rs: is named mod.rs: a module is foo.rs beside foo/"],
    );
}

#[test]
fn blanks_at_ends_are_found() {
    findings("a.md", "one \ntwo\n", &["a.md:1: blank at the end of the line"]);
    findings("a.md", "one\n\n", &["a.md:2: blank line at the end"]);
    findings("a.md", "one", &["a.md:1: no line end at the end"]);
    findings("empty.md", "", &[]);
}

#[test]
fn placeholders_are_found_as_words_only() {
    let word = ["FIX", "ME"].concat();
    let text = format!("// {word}: later\n");
    let expected = format!("a.wit:1: {word:?}: mend it, or say what is so");
    findings("a.wit", &text, &[&expected]);
    findings("a.wit", &format!("// {word}D\n"), &[]);
    let call = ["todo", "!("].concat();
    let expected = format!("a.rs:2: {call:?}: nothing is left out");
    findings("a.rs", &with_header(&format!("{call});\n")), &[&expected]);
    // A constant may contain the letters of a vendor's word.
    findings("a.rs", &with_header("const DISCSIZE: u8 = 1;\n"), &[]);
}

#[test]
fn unsafe_code_is_allowed_for_raw_sockets_machine_code_and_generated_bindings() {
    let line = with_header(&["#![allow(unsafe", "_code)]\n"].concat());
    findings("host/node/src/system_calls.rs", &line, &[]);
    findings("host/engine/src/package/precompiled.rs", &line, &[]);
    findings("plugins/vip-linux/src/lib.rs", &line, &[]);
    let expected =
        format!("a.rs:2: {:?}: unsafe code has one file", ["allow(unsafe", "_code"].concat());
    findings("a.rs", &line, &[&expected]);
}

#[test]
fn long_lines_are_found_outside_raw_strings_addresses_and_tables() {
    let long = "x".repeat(101);
    findings(
        "a.rs",
        &with_header(&format!("// {long}\n")),
        &["a.rs:2: 104 characters, 100 are allowed"],
    );
    for fine in [
        format!("let t = r#\"\n{long}\n\"#;\n"),
        format!("// https://example.org/{long}\n"),
        format!("| {long} |\n"),
        format!("//! | {long} |\n"),
    ] {
        findings("a.rs", &with_header(&fine), &[]);
    }
    let behind = format!("let t = r#\"\n\"#; // {long}\nlet u = 0; // {long}\n");
    findings("a.rs", &with_header(&behind), &["a.rs:4: 115 characters, 100 are allowed"]);
}

#[test]
fn long_files_are_found_and_tests_may_be_longer() {
    let lines = with_header(&"// x\n".repeat(600));
    findings("a.rs", &lines, &["a.rs: 601 lines, 600 are allowed: is there a second room in it?"]);
    findings("a/tests.rs", &lines, &[]);
    findings("tests/netns/pair.rs", &lines, &[]);
}

#[test]
fn long_functions_are_found() {
    let body = |lines| {
        format!("impl A {{\n    pub fn long() {{\n{}    }}\n}}\n", "        x();\n".repeat(lines))
    };
    findings("a.rs", &with_header(&body(68)), &[]);
    findings("a.rs", &with_header(&body(69)), &["a.rs:3: fn long: 71 lines, 70 are allowed"]);
    let short = "fn a() {}\n".repeat(99);
    findings("a.rs", &with_header(&short), &[]);
    let text = format!("fn a() {{\n    let t = r#\"\n{}\"#;\n}}\n", "text\n".repeat(99));
    findings("a.rs", &with_header(&text), &[]);
    let declared =
        format!("trait A {{\n    fn a(\n        b: u8,\n    );\n}}\n{}", "// x\n".repeat(99));
    findings("a.rs", &with_header(&declared), &[]);
}

#[test]
fn imports_of_everything_are_found() {
    findings(
        "a.rs",
        &with_header("use crate::ids::*;\nuse super::*;\n    use Phase::*;\nuse a::prelude::*;\n"),
        &["a.rs:2: imports everything: name what is used"],
    );
}

#[test]
fn messages_as_received_are_left_alone() {
    findings("host/sip/fuzz/seeds/node/call", "INVITE\r\n\r\n", &[]);
    findings(
        "host/sip/fuzz/seeds.txt",
        "INVITE \n",
        &["host/sip/fuzz/seeds.txt:1: blank at the end of the line"],
    );
}
