//! The cases, run natively against a recorded host.

use takeover_cases::{Answer, Case, Script, ask, fault_words, run_all};

use super::*;

fault_words!(Fault);

/// The host of a case.
struct Recorded<'a>(&'a mut Script);

impl Pairs for Recorded<'_> {
    fn run_mode(&mut self, application: &str) -> Result<Option<RunMode>, Fault> {
        let question = format!("management.get-application {application}");
        let Answer::Application(facts) = answer(self.0, &question)? else {
            return Err(Fault::Failed("not in the script".into()));
        };
        Ok(match facts.get("run_mode").map(String::as_str) {
            Some("primary") => Some(RunMode::Primary),
            Some("backup") => Some(RunMode::Backup),
            Some("exiting") => Some(RunMode::Exiting),
            _ => None,
        })
    }

    fn switchover(&mut self, application: &str, only_if: OnlyIf) -> Result<(), Fault> {
        let only_if = match only_if {
            OnlyIf::Primary => "primary",
            OnlyIf::Backup => "backup",
            OnlyIf::Any => "any",
        };
        answer(self.0, &ask::switchover(application, only_if)).map(|_| ())
    }
}

fn run(case: &Case, script: &mut Script) -> String {
    let application = case.setting("application").unwrap_or(case.alarm.application.clone());
    let only_if = only_if(case.setting("only_if").as_deref());
    words(only_if.and_then(|only_if| react(&application, only_if, &mut Recorded(script))))
}

#[test]
fn every_case_holds() {
    let held = run_all(env!("CARGO_MANIFEST_DIR").as_ref(), run).unwrap_or_else(|e| panic!("{e}"));
    assert!(held >= 3, "success, denied and time-out at least");
}

#[test]
fn a_wrong_setting_is_named() {
    let outcome = words(only_if(Some("both")).map(|_| String::new()));
    let expected =
        "fault invalid: setting only_if is \"both\", allowed is primary or backup or any";
    assert_eq!(outcome, expected);
}
