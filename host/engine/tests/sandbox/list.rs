//! The list of what plugins may try: every test that it names is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Where the tests of the list are.
const FOLDERS: [&str; 2] = ["tests/sandbox", "../node/src/plugins/tests"];

fn tests() -> BTreeSet<String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = FOLDERS.iter().flat_map(|folder| fs::read_dir(here.join(folder)).unwrap());
    let texts = entries.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let names = |text: String| {
        let mut lines = text.lines().peekable();
        let mut names = Vec::new();
        while let Some(line) = lines.next() {
            let is_test = line == "#[test]" || line.starts_with("#[tokio::test");
            let name = lines.peek().and_then(|next| next.split("fn ").nth(1)?.split('(').next());
            names.extend(name.filter(|_| is_test).map(str::to_owned));
        }
        names
    };
    texts.flat_map(names).collect()
}

#[test]
fn every_test_that_the_list_names_is_there() {
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/hostile.md");
    let list = fs::read_to_string(list).unwrap();
    let tests = tests();
    let mut named = 0;
    for row in list.lines().filter(|line| line.starts_with("| ") && line.contains('`')) {
        let last = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        for name in last.split(", ") {
            let name = name.trim_matches('`');
            assert!(tests.contains(name), "{name} is no test: {row}");
            named += 1;
        }
    }
    assert!(named > 40, "only {named} names were found");
}
