//! What holds for any configuration and any text.

use std::fmt::Write;

use proptest::prelude::*;
use proptest::sample::select;

use super::{check_expansion, files, folder};
use crate::config::read;

/// A text as TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn table_of_values() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<bool>().prop_map(|flag| flag.to_string()),
        (-1e9..1e9).prop_map(|number: f64| format!("{number:?}")),
        "\\PC{0,12}".prop_map(|text| quoted(&text)),
    ];
    let value = leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3)
                .prop_map(|items| format!("[{}]", items.join(", "))),
            proptest::collection::btree_map("[a-z]{1,4}", inner, 0..3).prop_map(|map| table(&map)),
        ]
    });
    proptest::collection::btree_map("[a-z_]{1,6}", value, 0..4).prop_map(|map| table(&map))
}

fn table(map: &std::collections::BTreeMap<String, String>) -> String {
    let entries: Vec<String> = map.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    format!("{{ {} }}", entries.join(", "))
}

/// A `[[pair]]` in a range of addresses of its own.
fn pair(number: usize) -> impl Strategy<Value = String> {
    let program = (
        proptest::collection::vec("[^{}\\x00]{0,10}", 1..4),
        proptest::collection::btree_map("[A-Z]{1,4}", "[^{}\\x00]{0,10}", 0..3),
        any::<bool>(),
        proptest::option::of(1u32..3_600_000),
    );
    let addressing = (0usize..3, 2000u32..60_000, 10u32..1000, table_of_values());
    let further = proptest::option::of((select(vec!["hold", "release"]), 1u16..));
    (program, addressing, further).prop_map(move |(program, addressing, further)| {
        let (command, environment, flag, shutdown) = program;
        let (vips, lease, probe, settings) = addressing;
        let base = number * 40 + 20;
        let mut text = format!("[[pair]]\nname = \"p{number}\"\nhosts = [\"h1\", \"h2\"]\n");
        let list: Vec<String> =
            (0..vips).map(|vip| quoted(&format!("10.81.1.{}/24", base + vip))).collect();
        let _ = writeln!(text, "vip = [{}]", list.join(", "));
        let _ = writeln!(text, "lease_s = {}", f64::from(lease) / 1000.0);
        let _ = writeln!(text, "probe_interval_ms = {probe}\nbackend_settings = {settings}");
        let command: Vec<String> = command.iter().map(|text| quoted(text)).collect();
        let _ = writeln!(text, "[pair.application]\ncommand = [{}]", command.join(", "));
        let environment = environment.iter().map(|(key, text)| (key.clone(), quoted(text)));
        let _ = writeln!(text, "environment = {}", table(&environment.collect()));
        let _ = writeln!(text, "auto_restart = {flag}\nautostart = {}", !flag);
        if let Some(ms) = shutdown.filter(|ms| *ms >= 100) {
            let _ = writeln!(text, "shutdown_timeout_s = {}", f64::from(ms) / 1000.0);
        }
        if let Some((isolation, port)) = further {
            let address = format!("fd00:81::{number}:100/64");
            let _ = writeln!(text, "[[vip]]\nname = \"more{number}\"\npair = \"p{number}\"");
            let _ = writeln!(text, "address = \"{address}\"\nport = {port}");
            let _ = writeln!(text, "isolation = \"{isolation}\"");
        }
        text
    })
}

fn reaction(number: usize) -> impl Strategy<Value = String> {
    (table_of_values(), 100u32..300_000, any::<bool>(), 1u32..100_000).prop_map(
        move |(settings, timeout, enabled, event)| {
            format!(
                "[[reaction]]\nname = \"r{number}\"\nplugin = \"of-somebody\"\n\
                 settings = {settings}\ntimeout_s = {}\n\
                 [[condition]]\nname = \"c{number}\"\nenabled = {enabled}\n\
                 detect = {{ event = \"{event:05}\", any = true }}\nreactions = [\"r{number}\"]\n",
                f64::from(timeout) / 1000.0
            )
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 128,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn an_expanded_configuration_reads_back_the_same(
        pairs in (0usize..4).prop_flat_map(|count| (0..count).map(pair).collect::<Vec<_>>()),
        reactions in
            (0usize..3).prop_flat_map(|count| (0..count).map(reaction).collect::<Vec<_>>()),
    ) {
        let [hosts, ..] = &*files(&folder("tests/cases/config/pair")) else { panic!("no hosts") };
        let text = format!("{}\n{}\n{}", hosts.1, pairs.join("\n"), reactions.join("\n"));
        let checked = read(&[("a.toml".to_owned(), text.clone())]);
        prop_assert!(checked.is_ok(), "{checked:?} in\n{text}");
        check_expansion(&checked.unwrap(), "generated");
    }

    #[test]
    fn a_damaged_configuration_is_refused_with_errors_or_read(
        case in select(vec!["pair", "everything_else", "pair_with_two_vips_and_ipv6", "syntax"]),
        at in any::<prop::sample::Index>(),
        length in 0usize..20,
        put in "[\\PC\\n\\[\\]=\"{}.]{0,8}",
    ) {
        let mut files = files(&folder(&format!("tests/cases/config/{case}")));
        let last = files.len() - 1;
        let text = &mut files[last].1;
        let chars: Vec<char> = text.chars().collect();
        let at = at.index(chars.len());
        let end = (at + length).min(chars.len());
        *text = chars[..at].iter().chain(&put.chars().collect::<Vec<_>>())
            .chain(&chars[end..]).collect();
        match read(&files) {
            Ok(checked) => { check_expansion(&checked, "damaged"); }
            Err(errors) => {
                prop_assert!(!errors.is_empty());
                let lines = text_lines(&files);
                for error in errors {
                    prop_assert!(error.place.line >= 1 && error.place.line <= lines, "{error}");
                }
            }
        }
    }
}

/// Lines of the longest file, with one behind the last line feed.
fn text_lines(files: &[(String, String)]) -> u32 {
    files.iter().map(|(_, text)| text.matches('\n').count() as u32 + 1).max().unwrap_or(1)
}
