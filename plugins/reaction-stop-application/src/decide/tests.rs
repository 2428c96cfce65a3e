//! The cases, run natively against a recorded host.

use takeover_cases::{Answer, Case, Script, run_all};

use super::*;

/// The host of a case.
struct Recorded<'a>(&'a mut Script);

impl Recorded<'_> {
    fn ask(&mut self, question: &str) -> Result<Answer, Fault> {
        match self.0.ask(question) {
            Answer::Fault(kind, text) => Err(fault(&kind, text)),
            answer => Ok(answer),
        }
    }
}

impl Applications for Recorded<'_> {
    fn status(&mut self, application: &str) -> Result<Status, Fault> {
        match self.ask(&format!("management.get-application {application}"))? {
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
        self.ask(&format!("management.stop-application {application} {how}")).map(|_| ())
    }
}

/// A fault of the contract, from the words of a case.
fn fault(kind: &str, text: String) -> Fault {
    match kind {
        "denied" => Fault::Denied(text),
        "not-found" => Fault::NotFound(text),
        "unavailable" => Fault::Unavailable(text),
        "in-progress" => Fault::InProgress,
        "timed-out" => Fault::TimedOut,
        "invalid" => Fault::Invalid(text),
        _ => Fault::Failed(text),
    }
}

/// The words of a case for how a call ended.
fn words(outcome: Result<String, Fault>) -> String {
    let (kind, text) = match outcome {
        Ok(text) => return format!("ok: {text}"),
        Err(Fault::Denied(text)) => ("denied", text),
        Err(Fault::NotFound(text)) => ("not-found", text),
        Err(Fault::Unavailable(text)) => ("unavailable", text),
        Err(Fault::InProgress) => return "fault in-progress".into(),
        Err(Fault::TimedOut) => return "fault timed-out".into(),
        Err(Fault::StaleTerm(term)) => ("stale-term", term.to_string()),
        Err(Fault::Invalid(text)) => ("invalid", text),
        Err(Fault::Failed(text)) => ("failed", text),
    };
    format!("fault {kind}: {text}")
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
