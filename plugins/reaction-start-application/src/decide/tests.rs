//! The cases, run natively against a recorded host.

use takeover_cases::{Answer, Case, Script, fault_words, run_all};

use super::*;

fault_words!(Fault);

/// The host of a case.
struct Recorded<'a>(&'a mut Script);

impl Applications for Recorded<'_> {
    fn status(&mut self, application: &str) -> Result<Status, Fault> {
        match answer(self.0, &format!("management.get-application {application}"))? {
            Answer::Application(facts) => Ok(match facts.get("status").map(String::as_str) {
                Some("running") => Status::Running,
                Some("stopped") => Status::Stopped,
                Some("initializing") => Status::Initializing,
                _ => Status::Unknown,
            }),
            _ => Err(Fault::Failed("not in the script".into())),
        }
    }

    fn start(&mut self, application: &str) -> Result<(), Fault> {
        answer(self.0, &format!("management.start-application {application}")).map(drop)
    }
}

fn run(case: &Case, script: &mut Script) -> String {
    let application = case.setting("application").unwrap_or(case.alarm.application.clone());
    words(react(&application, &mut Recorded(script)))
}

#[test]
fn every_case_holds() {
    let held = run_all(env!("CARGO_MANIFEST_DIR").as_ref(), run).unwrap_or_else(|e| panic!("{e}"));
    assert!(held >= 3, "success, denied and time-out at least");
}
