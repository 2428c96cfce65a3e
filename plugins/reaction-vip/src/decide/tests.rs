//! The cases, run natively against a recorded host.

use takeover_cases::{Answer, Case, Script, run_all};

use super::*;

/// The host of a case.
struct Recorded<'a>(&'a mut Script);

impl Recorded<'_> {
    fn ask(&mut self, question: &str) -> Result<(), Fault> {
        match self.0.ask(question) {
            Answer::Fault(kind, text) => Err(fault(&kind, text)),
            _ => Ok(()),
        }
    }
}

impl VipControl for Recorded<'_> {
    fn enable(&mut self, vip: &str, application: &str) -> Result<(), Fault> {
        self.ask(&format!("vip-control.enable {vip} {application}"))
    }

    fn disable(&mut self, vip: &str, application: &str) -> Result<(), Fault> {
        self.ask(&format!("vip-control.disable {vip} {application}"))
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
