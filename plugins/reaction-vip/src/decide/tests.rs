//! The cases, run natively against a recorded host.

use takeover_cases::{Case, Script, fault_words, run_all};

use super::*;

fault_words!(Fault);

/// The host of a case.
struct Recorded<'a>(&'a mut Script);

impl VipControl for Recorded<'_> {
    fn enable(&mut self, vip: &str, application: &str) -> Result<(), Fault> {
        answer(self.0, &format!("vip-control.enable {vip} {application}")).map(drop)
    }

    fn disable(&mut self, vip: &str, application: &str) -> Result<(), Fault> {
        answer(self.0, &format!("vip-control.disable {vip} {application}")).map(drop)
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
fn each_missing_or_wrong_setting_is_named() {
    let written = [("action", "enable"), ("vip", "v"), ("application", "a")];
    for left_out in ["action", "vip", "application"] {
        let get = |key: &str| {
            let found = written.iter().find(|(name, _)| *name == key && key != left_out)?;
            Some(found.1.to_owned())
        };
        let outcome = words(Settings::read(get).map(|_| String::new()));
        assert_eq!(outcome, format!("fault invalid: setting {left_out} is missing"));
    }
    let outcome = words(Settings::read(|_| Some("up".to_owned())).map(|_| String::new()));
    let expected = "fault invalid: setting action is \"up\", allowed is enable or disable";
    assert_eq!(outcome, expected);
}
