//! The cases, run natively against a recorded host.

use takeover_cases::{Case, Script, fault_words, run_all};

use super::*;

fault_words!(Fault);

/// The host of a case.
struct Recorded<'a>(&'a mut Script);

impl Applications for Recorded<'_> {
    fn restart(&mut self, application: &str) -> Result<(), Fault> {
        answer(self.0, &format!("management.restart-application {application}")).map(drop)
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
