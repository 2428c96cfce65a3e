//! Prints the tables of known keys as the page an operator reads.

use std::fmt::Write;

use super::{Fallback, Key, Kind, Table, tables};

/// The whole page, in Markdown.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Configuration\n\n\
         Made from `host/logic/src/config/keys/tables.rs`; do not edit. `UPDATE_EXPECT=1\n\
         cargo test -p takeover-logic --lib config` makes it again.\n\n\
         `takeover config check DIR` reports every error at once; `takeover config expand DIR`\n\
         prints what pairs expand to and every default. The folders under `examples/` are\n\
         complete.\n",
    );
    for table in tables::ALL {
        let _ = write!(page, "\n## {}\n\n{}\n\n", code(table.header), table.meaning);
        page.push_str("| key | value | default | meaning | a change takes effect |\n");
        page.push_str("|---|---|---|---|---|\n");
        table.keys().filter(|key| is_own(table, key)).for_each(|key| row(&mut page, key));
    }
    page
}

/// Whether a key is to be explained here: what the members of a pair share with
/// `[pair.application]` is explained there.
fn is_own(table: &Table, key: &Key) -> bool {
    let is_member = table.header == tables::PAIR_MEMBER.header;
    !(is_member && tables::PAIR_APPLICATION.key(key.name) == Some(key))
}

fn row(page: &mut String, key: &Key) {
    let cells =
        [&key.kind.allowed(), &default(key), key.meaning].map(|cell| cell.replace('|', "\\|"));
    let _ = writeln!(page, "| `{}` | {} | {} |", key.name, cells.join(" | "), key.effect.words());
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
