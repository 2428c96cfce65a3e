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
                Some("suspending") => Status::Suspending,
                _ => Status::Unknown,
            }),
            _ => Err(Fault::Failed("not in the script".into())),
        }
    }

    fn stop(&mut self, application: &str, graceful: bool) -> Result<(), Fault> {
        let how = if graceful { "graceful" } else { "at-once" };
        answer(self.0, &format!("management.stop-application {application} {how}")).map(drop)
    }
}

fn run(case: &Case, script: &mut Script) -> String {
    let application = case.setting("application").unwrap_or(case.alarm.application.clone());
    let graceful = case.setting("graceful").is_some_and(|graceful| graceful == "true");
    words(react(&application, graceful, &mut Recorded(script)))
}

#[test]
fn every_case_holds() {
    let held = run_all(env!("CARGO_MANIFEST_DIR").as_ref(), run).unwrap_or_else(|e| panic!("{e}"));
    assert!(held >= 3, "success, denied and time-out at least");
}
