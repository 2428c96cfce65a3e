//! The page that is made from the catalogue, `host/docs/generated/log-events.md`.

use std::fmt::Write;

use super::{ENTRIES, Entry, Origin};

/// The whole page, as Markdown.
pub fn log_events() -> String {
    let mut page = String::from(HEAD);
    let parts = [
        ("Written by Takeover: the guide's own", Origin::Guide),
        ("Written by Takeover: ours", Origin::Own),
        ("Kept for applications: ids confirmed by public material", Origin::Public),
        ("Kept for applications: ids recalled, not confirmed", Origin::Recalled),
    ];
    for (title, origin) in parts {
        // Writing to a String does not fail.
        let _ = writeln!(page, "\n## {title}\n");
        let _ = writeln!(page, "| id | level | text | meaning | usual cause | what to do |");
        let _ = writeln!(page, "|---|---|---|---|---|---|");
        for entry in ENTRIES.iter().filter(|entry| entry.origin == origin) {
            let _ = writeln!(page, "{}", row(entry));
        }
    }
    page
}

const HEAD: &str = "\
# Log events

Made from `host/logic/src/catalog/entries.rs`; do not edit. `UPDATE_EXPECT=1 cargo test -p
takeover-logic catalog` makes it again.

An id is FAMILY-NUMBER; an alarm condition names it as `00-05150`, `05150` or `5150`. Family 90 is
ours. `{field}` stands for a value; each is also an attribute of the event under that name. Events
of level Alarm are the history of alarms; no condition matches them.
";

/// One line of a table.
fn row(entry: &Entry) -> String {
    let Entry { id, level, text, meaning, cause, action, .. } = entry;
    format!("| {id} | {level:?} | {text} | {meaning} | {cause} | {action} |")
}
