//! The cases, run natively against a recorded host.

use takeover_cases::{Case, Script, ask, fault_words, run_all};

use super::*;

fault_words!(Fault);

/// The host of a case.
struct Recorded<'a>(&'a mut Script);

impl Solutions for Recorded<'_> {
    fn start(&mut self, solution: &str) -> Result<(), Fault> {
        answer(self.0, &ask::solution(true, solution)).map(|_| ())
    }

    fn stop(&mut self, solution: &str) -> Result<(), Fault> {
        answer(self.0, &ask::solution(false, solution)).map(|_| ())
    }
}

fn run(case: &Case, script: &mut Script) -> String {
    let settings = Settings::read(|key| case.setting(key));
    words(settings.and_then(|settings| react(&settings, &mut Recorded(script))))
}

#[test]
fn every_case_holds() {
    let held = run_all(env!("CARGO_MANIFEST_DIR").as_ref(), run).unwrap_or_else(|e| panic!("{e}"));
    assert!(held >= 3, "success, denied and time-out at least");
}

#[test]
fn a_missing_or_wrong_setting_is_named() {
    let outcome = words(Settings::read(|_| None).map(|_| String::new()));
    assert_eq!(outcome, "fault invalid: setting solution is missing");
    let outcome = words(Settings::read(|_| Some("up".to_owned())).map(|_| String::new()));
    let expected = "fault invalid: setting action is \"up\", allowed is start or stop";
    assert_eq!(outcome, expected);
}
