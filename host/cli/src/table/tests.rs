//! Alignment.

use super::Table;
use crate::out::Out;

#[test]
fn columns_are_aligned_and_lines_end_with_their_text() {
    let mut table = Table::new(&["host", "status", "version"]);
    table.row(vec!["h1".into(), "running".into(), "0.1.0".into()]);
    table.row(vec!["host-with-ü".into(), "".into(), "0.1.0".into()]);
    table.row(vec!["h3".into(), "disconnected".into(), "".into()]);
    let expected = "\
host         status        version
h1           running       0.1.0
host-with-ü                0.1.0
h3           disconnected
";
    assert_eq!(table.render(Out::plain()), expected);
}
