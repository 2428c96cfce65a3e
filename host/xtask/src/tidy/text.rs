//! The rules about single files. Works on text alone, so that its tests need no files.

use super::Finding;

/// Characters in a line of code (style 2.10; `rustfmt` keeps to it where it can break a line).
const LINE_MAX: usize = 100;

/// Lines in a file: above this there is a second room in it.
const FILE_MAX: usize = 600;

/// Lines in a file of tests or of a table.
const TABLE_MAX: usize = 1000;

/// Lines in a function, from `fn` to its closing brace; text in raw strings is not counted.
const FUNCTION_MAX: usize = 70;

/// The same in tests, where one function reads a whole script language.
const TEST_FUNCTION_MAX: usize = 100;

/// Files that are mostly one table, with a row per line.
const TABLES: &[&str] =
    &["host/logic/src/catalog/entries.rs", "host/logic/src/config/keys/tables.rs"];

/// Endings of files that hold no text.
const BINARY: &[&str] = &[".png", ".wasm", ".db"];

/// Folders of messages and other input as it comes from the network: each byte is as it is meant.
const AS_RECEIVED: &[&str] =
    &["host/sip/tests/torture/rfc4475/", "host/sip/tests/torture/rfc5118/", "host/sip/fuzz/seeds/"];

/// Files in which lines are as long as their tool makes them.
const MACHINE_MADE: &[&str] =
    &["Cargo.lock", "plugins/Cargo.lock", "host/sip/fuzz/Cargo.lock", "LICENSE"];

/// A word that must not appear, where it must not, and what to do instead. Each is written in two
/// parts, so that this file may contain it.
const BANNED: &[(&[&str; 2], &[&str], &str)] = &[
    (&["TO", "DO"], &[""], "open work belongs into the tracker"),
    (&["FIX", "ME"], &[""], "mend it, or say what is so"),
    (&["XX", "X "], &[""], "mend it, or say what is so"),
    (&["todo", "!("], &[".rs"], "nothing is left out"),
    (&["unimplemented", "!("], &[".rs"], "nothing is left out"),
    (&["dbg", "!("], &[".rs"], "remove it"),
    (&["#[ig", "nore"], &[".rs"], "a test that does not run is no test"),
    (&["should_", "panic"], &[".rs"], "assert the error"),
    (&["super::", "super"], &[".rs"], "import from `crate::`"),
    (&["allow(unsafe", "_code"], &[".rs"], "unsafe code has one file"),
    (&["expect(unsafe", "_code"], &[".rs"], "unsafe code has one file"),
    (&["/home", "/"], &[""], "a path of one machine"),
    (&["/wo", "rk/"], &[""], "a path of one machine"),
    (&["/Use", "rs/"], &[""], "a path of one machine"),
    (&["inner", "HTML"], &[".js"], "data is shown with `textContent`"),
    (&["SC", "S"], &[".rs", ".js"], "say control server; the vendor's word is for the glossary"),
    (&["LC", "A"], &[".rs", ".js"], "say host agent; the vendor's word is for the glossary"),
    (&["Gene", "sys"], &[".rs", ".js", ".toml"], "the vendor's word is for the glossary"),
];

/// Where unsafe code is allowed: raw sockets and a few system calls have no safe interface, nor has
/// the reading of machine code, and the bindings that a component's glue has generated call into
/// its host.
fn may_be_unsafe(file: &str) -> bool {
    let glue = file.strip_prefix("plugins/").and_then(|file| file.split_once('/'));
    let one_call = ["host/node/src/system_calls.rs", "host/engine/src/package/precompiled.rs"];
    one_call.contains(&file) || glue.is_some_and(|(_, rest)| rest == "src/lib.rs")
}

/// Whether the name says that a file holds no text.
pub(super) fn is_binary(file: &str) -> bool {
    BINARY.iter().any(|ending| file.ends_with(ending))
        || AS_RECEIVED.iter().any(|folder| file.starts_with(folder))
}

/// Adds what is wrong with one file.
pub(super) fn check(file: &str, content: &str, findings: &mut Vec<Finding>) {
    if MACHINE_MADE.contains(&file) || is_binary(file) {
        return;
    }
    blanks(file, content, findings);
    banned_words(file, content, findings);
    if file.ends_with(".rs") {
        header(file, content, findings);
        functions(file, content, findings);
        imports(file, content, findings);
    }
    if [".rs", ".wit", ".js", ".css", ".html", ".sh"].iter().any(|ending| file.ends_with(ending)) {
        sizes(file, content, findings);
    }
}

/// Lines with whether each lies inside a raw string, where `rustfmt` and these rules have no say.
fn lines_with_raw(content: &str) -> impl Iterator<Item = (usize, &str, bool)> {
    let mut closing: Option<String> = None;
    content.lines().enumerate().map(move |(index, line)| {
        let inside = closing.is_some();
        let mut rest = line;
        loop {
            match &closing {
                Some(end) => match rest.split_once(end.as_str()) {
                    Some((_, behind)) => (rest, closing) = (behind, None),
                    None => break,
                },
                None => match opening(rest) {
                    Some((end, behind)) => (rest, closing) = (behind, Some(end)),
                    None => break,
                },
            }
        }
        (index + 1, line, inside)
    })
}

/// The first raw string that begins in `line`: its end mark and what follows its beginning.
fn opening(line: &str) -> Option<(String, &str)> {
    let (at, _) = line.match_indices("r#").find(|(at, _)| {
        let before = line.get(..*at).unwrap_or_default();
        let marks = line.get(at + 1..).unwrap_or_default().trim_start_matches('#');
        marks.starts_with('"') && !before.ends_with(|c: char| c.is_alphanumeric() && c != 'b')
    })?;
    let from = line.get(at + 1..)?;
    let (marks, behind) = from.split_once('"')?;
    Some((format!("\"{marks}"), behind))
}

fn blanks(file: &str, content: &str, findings: &mut Vec<Finding>) {
    for (index, line) in content.split('\n').enumerate() {
        if line.ends_with([' ', '\t', '\r']) {
            findings.push(Finding::new(file, index + 1, "blank at the end of the line"));
        }
    }
    if content.ends_with("\n\n") {
        findings.push(Finding::new(file, content.lines().count(), "blank line at the end"));
    }
    if !content.is_empty() && !content.ends_with('\n') {
        findings.push(Finding::new(file, content.lines().count(), "no line end at the end"));
    }
}

fn banned_words(file: &str, content: &str, findings: &mut Vec<Finding>) {
    for (parts, endings, instead) in BANNED {
        let word = parts.concat();
        let about_unsafe = word.contains("unsafe");
        if !endings.iter().any(|ending| file.ends_with(ending))
            || (about_unsafe && may_be_unsafe(file))
        {
            continue;
        }
        for (index, line) in content.lines().enumerate() {
            if contains_word(line, &word) {
                findings.push(Finding::new(file, index + 1, format!("{word:?}: {instead}")));
            }
        }
    }
}

/// Whether `line` has `word` and not merely as a part of a longer one.
fn contains_word(line: &str, word: &str) -> bool {
    let letter = |c: char| c.is_alphanumeric() || c == '_';
    let (first, last) = (word.starts_with(letter), word.ends_with(letter));
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).unwrap_or_default();
        let behind = line.get(at + word.len()..).unwrap_or_default();
        let longer = first && before.ends_with(letter) || last && behind.starts_with(letter);
        !longer
    })
}

fn header(file: &str, content: &str, findings: &mut Vec<Finding>) {
    if !content.starts_with("//! ") {
        findings.push(Finding::new(file, 1, "no `//!` header that says what the file owns"));
    }
    if file.ends_with("/mod.rs") {
        findings.push(Finding::new(file, 0, "is named mod.rs: a module is foo.rs beside foo/"));
    }
}

fn is_test(file: &str) -> bool {
    file.ends_with("/tests.rs") || file.contains("/tests/") || file.starts_with("tests/")
}

/// Whether breaking the line would make it worse: a row of a table, an address, in a test a string
/// that is compared.
fn is_unbreakable(file: &str, line: &str) -> bool {
    let text = line.trim_start().trim_start_matches(['/', '!', ' ']);
    let is_string = text.starts_with('"') || text.starts_with("b\"");
    text.starts_with('|')
        || line.contains("://")
        || TABLES.contains(&file)
        || (is_string && is_test(file))
}

fn sizes(file: &str, content: &str, findings: &mut Vec<Finding>) {
    let max = if is_test(file) || TABLES.contains(&file) { TABLE_MAX } else { FILE_MAX };
    let count = content.lines().count();
    if count > max {
        let text = format!("{count} lines, {max} are allowed: is there a second room in it?");
        findings.push(Finding::new(file, 0, text));
    }
    for (number, line, raw) in lines_with_raw(content) {
        let width = line.chars().count();
        if width > LINE_MAX && !raw && !is_unbreakable(file, line) {
            let text = format!("{width} characters, {LINE_MAX} are allowed");
            findings.push(Finding::new(file, number, text));
        }
    }
}

fn imports(file: &str, content: &str, findings: &mut Vec<Finding>) {
    for (number, line, raw) in lines_with_raw(content) {
        let line = line.trim();
        let Some(from) = line.strip_prefix("use ").and_then(|line| line.strip_suffix("::*;"))
        else {
            continue;
        };
        // The variants of an enumeration, where a table is made of them; a crate's prelude.
        let last = from.rsplit("::").next().unwrap_or_default();
        let meant = last == "super" || last == "prelude" || last.starts_with(char::is_uppercase);
        if !raw && !meant {
            findings.push(Finding::new(file, number, "imports everything: name what is used"));
        }
    }
}

/// Relies on `rustfmt`: the brace that closes a function stands alone, as deep as its `fn`.
fn functions(file: &str, content: &str, findings: &mut Vec<Finding>) {
    let lines: Vec<_> = lines_with_raw(content).collect();
    for (index, (number, line, raw)) in lines.iter().enumerate() {
        let Some((indent, name)) = function(line).filter(|_| !raw) else { continue };
        let closing = format!("{}}}", " ".repeat(indent));
        let mut length = 0;
        for (_, line, raw) in lines.iter().skip(index) {
            length += usize::from(!raw);
            let ends_at_once = length == 1 && (line.ends_with('}') || line.ends_with(';'));
            if !raw && (*line == closing || ends_at_once) {
                break;
            }
            // A declaration in a trait, over several lines.
            if !raw && line.starts_with(&closing.replace('}', ")")) && line.ends_with(';') {
                break;
            }
        }
        let max = if is_test(file) { TEST_FUNCTION_MAX } else { FUNCTION_MAX };
        if length > max {
            let text = format!("fn {name}: {length} lines, {max} are allowed");
            findings.push(Finding::new(file, *number, text));
        }
    }
}

/// Indentation and name of the function that begins in this line.
fn function(line: &str) -> Option<(usize, &str)> {
    let code = line.trim_start();
    let (qualifiers, rest) = match code.strip_prefix("fn ") {
        Some(rest) => ("", rest),
        None => code.split_once(" fn ")?,
    };
    let known = ["pub", "const", "async", "unsafe", "extern", "\"C\"", "pub(crate)", "pub(super)"];
    if !qualifiers.split_whitespace().all(|word| known.contains(&word)) {
        return None;
    }
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    Some((line.len() - code.len(), rest.get(..end)?))
}

#[cfg(test)]
mod tests;
