//! The tables of known keys agree with the reader and with the generated page.

use crate::config::keys::{Fallback, Kind, Table, document, tables};
use crate::config::tests::{Comparison, folder, read_text};
use crate::config::{ConfigError, host_agent};

#[test]
fn the_page_of_configuration_is_the_one_made_from_the_tables() {
    let mut comparison = Comparison::default();
    comparison.file(&folder("host/docs/generated/config.md"), &document::markdown());
    comparison.finish();
}

/// What stands around a key of each table, so that only the key itself is wrong.
fn surroundings(table: &Table) -> (&'static str, &'static str) {
    const HOST: &str = "[[host]]\nname = \"h\"\naddress = \"10.0.0.1\"\n";
    const OTHER: &str = "[[host]]\nname = \"i\"\naddress = \"10.0.0.2\"\n[[pair]]\nname = \"p\"\n\
        hosts = [\"h\", \"i\"]\n";
    match table.header {
        "the top of a file" => ("", ""),
        "[control]" => ("[control]\n", ""),
        "[[control.tokens]]" => ("[[control.tokens]]\n", ""),
        "[[host]]" => ("[[host]]\n", ""),
        "[[pair]]" => (
            "[[pair]]\n",
            "[[host]]\nname = \"h\"\naddress = \"10.0.0.1\"\n\
             [[host]]\nname = \"i\"\naddress = \"10.0.0.2\"\n",
        ),
        "[pair.application]" => (OTHER, HOST),
        "[pair.primary] and [pair.backup]" => (OTHER, HOST),
        "[[vip]]" => ("[[vip]]\n", OTHER),
        "[[application]]" => ("[[application]]\n", ""),
        "[[reaction]]" => ("[[reaction]]\n", ""),
        "[[condition]]" => ("[[condition]]\n", ""),
        "detect and cancel" => ("[[condition]]\nname = \"c\"\n[condition.detect]\n", ""),
        "[[solution]]" => ("[[solution]]\n", ""),
        header => panic!("no surroundings for {header}"),
    }
}

/// Other keys of the table that must be there for the key to be looked at.
fn companions(table: &Table, key: &str) -> String {
    let all: &[(&str, &str)] = match table.header {
        "[[pair]]" if key == "applications" => &[("name", "\"p\"")],
        "[[pair]]" => &[
            ("name", "\"p\""),
            ("hosts", "[\"h\", \"i\"]"),
            ("vip", "\"10.0.0.9/24\""),
            ("network_interface", "\"e\""),
        ],
        "[[vip]]" => &[
            ("name", "\"v\""),
            ("pair", "\"p\""),
            ("address", "\"10.0.0.9/24\""),
            ("network_interface", "\"e\""),
        ],
        "[[application]]" if key == "vip" => &[("action", "\"up\"")],
        "[[application]]" if key == "action" => &[("vip", "\"v\"")],
        _ => &[],
    };
    let others = all.iter().filter(|(name, _)| *name != key);
    others.map(|(name, value)| format!("{name} = {value}\n")).collect()
}

fn errors_with(table: &Table, key: &str, value: &str) -> Vec<ConfigError> {
    if std::ptr::eq(table, &tables::HOST_AGENT) {
        return host_agent::read("a.toml", &format!("{key} = {value}\n")).unwrap_err();
    }
    let (before, after) = surroundings(table);
    let below = match table.header {
        "[pair.application]" => "[pair.application]\n",
        "[pair.primary] and [pair.backup]" => "[pair.backup]\n",
        _ => "",
    };
    let others = companions(table, key);
    read_text(&format!("{before}{below}{others}{key} = {value}\n{after}")).unwrap_err()
}

/// No key takes a date, so one in its place is an error if the reader looks at the key at all.
#[test]
fn every_known_key_is_read() {
    for table in tables::ALL {
        for key in table.keys() {
            let errors = errors_with(table, key.name, "1979-05-27");
            let is_reported = errors.iter().any(|error| {
                let last = error.place.key.rsplit('.').next();
                let of_object = error.place.object.starts_with(key.name);
                (last == Some(key.name) || of_object) && error.found.contains("1979-05-27")
                    || last == Some(key.name) && error.found.contains("not shown")
            });
            assert!(is_reported, "{}: {} is not read: {errors:?}", table.header, key.name);
        }
    }
}

#[test]
fn defaults_are_within_their_own_bounds() {
    for key in tables::ALL.iter().flat_map(|table| table.keys()) {
        let is_right = match (key.fallback, key.kind) {
            (Fallback::Required | Fallback::Nothing, _) => true,
            (Fallback::Number(number), Kind::Whole { min, max, .. }) => {
                number.fract() == 0.0 && (min as f64..=max as f64).contains(&number)
            }
            (Fallback::Number(number), Kind::Seconds { min, max }) => (min..=max).contains(&number),
            (Fallback::Text(text), Kind::Choice(choices)) => choices.contains(&text),
            (Fallback::Text(_), Kind::Text(_)) | (Fallback::Flag(_), Kind::Flag) => true,
            _ => false,
        };
        assert!(is_right, "{}", key.name);
    }
}

#[test]
fn no_table_has_a_key_twice() {
    for table in tables::ALL {
        let mut names: Vec<&str> = table.keys().map(|key| key.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{}", table.header);
    }
}
