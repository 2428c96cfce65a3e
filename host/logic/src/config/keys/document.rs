//! Prints the tables of known keys as the page an operator reads.

use std::fmt::Write;

use super::{Fallback, Key, Kind, tables};

/// The whole page, in Markdown.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Configuration\n\n\
         Generated from `host/logic/src/config/keys/tables.rs`; a test compares. Renew it with\n\
         `UPDATE_EXPECT=1 cargo test -p takeover-logic config`.\n",
    );
    for table in tables::ALL {
        let _ = write!(page, "\n## {}\n\n{}\n\n", code(table.header), table.meaning);
        page.push_str("| key | value | default | meaning | a change takes effect |\n");
        page.push_str("|---|---|---|---|---|\n");
        let shared = table.header != tables::PAIR_APPLICATION.header;
        for key in table.keys().filter(|key| {
            let of_pair_application = tables::PAIR_APPLICATION.key(key.name) == Some(*key);
            let is_member = table.header == tables::PAIR_MEMBER.header;
            !(shared && is_member && of_pair_application)
        }) {
            let _ = writeln!(
                page,
                "| `{}` | {} | {} | {} | {} |",
                key.name,
                key.kind.allowed().replace('|', "\\|"),
                default(key),
                key.meaning,
                key.effect.words()
            );
        }
    }
    page
}

/// A header as code, unless it is words.
fn code(header: &str) -> String {
    match header.contains(' ') {
        true => header.to_owned(),
        false => format!("`{header}`"),
    }
}

/// The default as a cell of the table.
fn default(key: &Key) -> String {
    match (key.fallback, key.kind) {
        (Fallback::Required, _) => "required".to_owned(),
        (Fallback::Nothing, _) => "none".to_owned(),
        (Fallback::Text(""), _) => "empty".to_owned(),
        (Fallback::Text(text), _) => format!("`{text:?}`"),
        (Fallback::Number(number), Kind::Whole { unit: "", .. }) => number.to_string(),
        (Fallback::Number(number), Kind::Whole { .. }) => format!("{number} ms"),
        (Fallback::Number(number), _) => format!("{number} s"),
        (Fallback::Flag(flag), _) => flag.to_string(),
    }
}
