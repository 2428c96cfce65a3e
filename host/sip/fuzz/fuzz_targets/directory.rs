//! A directory file: read, used, and changed while it is used.

#![no_main]

use libfuzzer_sys::fuzz_target;
use takeover_sip::directory;
use takeover_sip::limits::DIRECTORY_ERRORS_MAX;
use takeover_sip_fuzz::{START, node};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut directory = match directory::read("sip.toml", text) {
        Ok(loaded) => loaded.directory,
        Err(errors) => {
            assert!(!errors.is_empty() && errors.len() <= DIRECTORY_ERRORS_MAX + 1);
            return;
        }
    };
    assert!(directory.differences(&directory).is_empty());
    let numbers: Vec<String> = directory.dns().map(|dn| dn.number.to_string()).collect();
    for number in &numbers {
        directory.destination(number);
        assert!(directory.dn(number).is_some());
    }
    node(None).set_directory(START, directory.clone());
    // Values of the file itself, as an operator would change them.
    for line in text.lines() {
        let Some((name, value)) = line.split_once('=') else { continue };
        let (name, value) = (name.trim(), value.trim().trim_matches('"'));
        let _ = directory.set(None, name, value);
        let _ = directory.set(numbers.first().map(String::as_str), name, value);
    }
});
