//! The cases, run natively against a recorded host.

use takeover_cases::{Case, Script, ask, fault_words, run_all};

use super::*;

fault_words!(Fault);

/// The host of a case.
struct Recorded<'a>(&'a mut Script);

impl Options for Recorded<'_> {
    fn set(
        &mut self,
        application: &str,
        section: &str,
        key: &str,
        value: &str,
    ) -> Result<(), Fault> {
        answer(self.0, &ask::set_option(application, section, key, value)).map(|_| ())
    }
}

fn run(case: &Case, script: &mut Script) -> String {
    let settings = Settings::read(|key| case.setting(key));
    words(
        settings
            .and_then(|settings| react(&settings, &case.alarm.application, &mut Recorded(script))),
    )
}

#[test]
fn every_case_holds() {
    let held = run_all(env!("CARGO_MANIFEST_DIR").as_ref(), run).unwrap_or_else(|e| panic!("{e}"));
    assert!(held >= 3, "success, denied and time-out at least");
}

#[test]
fn each_missing_or_empty_setting_is_named() {
    for left_out in ["section", "key", "value"] {
        let get = |key: &str| (key != left_out).then(|| key.to_owned());
        let outcome = words(Settings::read(get).map(|_| String::new()));
        assert_eq!(outcome, format!("fault invalid: setting {left_out} is missing"));
    }
    for empty in ["section", "key"] {
        let get = |key: &str| Some(if key == empty { " " } else { key }.to_owned());
        let outcome = words(Settings::read(get).map(|_| String::new()));
        let expected = format!("fault invalid: setting {empty} is \" \", allowed is a name");
        assert_eq!(outcome, expected);
    }
}
