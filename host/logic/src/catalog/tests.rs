//! The catalogue is whole, and the page beside it is the one made from it.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;

fn application() -> Application {
    use crate::config::model::{Program, Runs};
    Application {
        name: "sip-1".into(),
        kind: "sip-server".into(),
        host: "h1".into(),
        runs: Runs::Program(Program {
            command: vec!["sip".into()],
            working_directory: None,
            environment: Default::default(),
            auto_restart: true,
            autostart: true,
            notify: false,
            channel: false,
            watchdog: None,
            shutdown_timeout: std::time::Duration::from_secs(90),
            suspending_timeout: std::time::Duration::from_secs(10),
            suspend_signal: None,
            options: Default::default(),
            options_signal: None,
        }),
        startup_timeout: std::time::Duration::from_secs(90),
        pair: None,
    }
}

#[test]
fn run_mode_events_have_the_exact_text_of_the_guide_and_belong_to_the_application() {
    let about = About::application(Timestamp(7), &application());
    for (event, id, text) in [
        (
            run_mode_primary(&about),
            "00-05150",
            "The run mode of the Application is changed to Primary",
        ),
        (
            run_mode_backup(&about),
            "00-05151",
            "The run mode of the Application is changed to Backup",
        ),
    ] {
        assert_eq!(event.id.to_string(), id);
        assert_eq!(&*event.text, text);
        assert_eq!(event.level, Level::Standard);
        assert_eq!(event.attributes, []);
        assert_eq!(event.application, Some("sip-1".into()));
        assert_eq!(event.application_type.as_deref(), Some("sip-server"));
        assert_eq!(event.host, Some("h1".into()));
        assert_eq!(event.at, Timestamp(7));
    }
}

#[test]
fn fields_are_filled_in_and_become_attributes() {
    let about = About::host(Timestamp(1), &"h1".into());
    let event = vip_up_failed(&about, &"v {host}", &"h1", &"no such device");
    assert_eq!(&*event.text, "virtual IP v {host} was not put on host h1: no such device");
    let names: Vec<&str> = event.attributes.iter().map(|a| &*a.name).collect();
    assert_eq!(names, ["vip", "host", "reason"]);
    assert_eq!(event.application, None);
    assert_eq!(event.host, Some("h1".into()));
}

#[test]
fn every_id_is_there_once_and_ours_are_in_our_family() {
    let ids: BTreeSet<EventId> = ENTRIES.iter().map(|entry| entry.id).collect();
    assert_eq!(ids.len(), ENTRIES.len());
    for entry in ENTRIES {
        assert_eq!(entry.origin == Origin::Own, entry.id.family == OUR_FAMILY, "{}", entry.id);
        assert_eq!(super::entry(entry.id), Some(entry));
    }
}

#[test]
fn every_field_is_named_in_its_text_and_every_name_is_a_field() {
    for entry in ENTRIES {
        let named: BTreeSet<&str> =
            entry.text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
        let fields: BTreeSet<&str> = entry.fields.iter().copied().collect();
        assert_eq!(named, fields, "{}", entry.id);
        assert_eq!(fields.len(), entry.fields.len(), "{}", entry.id);
    }
}

#[test]
fn every_entry_says_what_it_means_and_what_to_do() {
    for entry in ENTRIES {
        for text in [entry.text, entry.meaning, entry.cause, entry.action] {
            assert!(!text.is_empty() && !text.contains('|'), "{}: {text:?}", entry.id);
        }
        for sentence in [entry.meaning, entry.cause, entry.action] {
            assert!(sentence.ends_with('.'), "{}: {sentence:?}", entry.id);
        }
    }
}

#[test]
fn the_page_of_log_events_is_the_one_made_from_the_catalogue() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/generated/log-events.md");
    let made = document::log_events();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &made).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == made, "log-events.md is old: run this test with UPDATE_EXPECT=1");
}
