//! The cases, run natively against a recorded host.

use takeover_cases::{Case, Script, ask, fault_words, run_all};

use super::*;

fault_words!(Fault);

/// The host of a case.
struct Recorded<'a>(&'a mut Script);

impl Mail for Recorded<'_> {
    fn send(&mut self, to: &[String], subject: &str, text: &str) -> Result<(), Fault> {
        answer(self.0, &ask::mail(to, subject, text)).map(|_| ())
    }
}

fn run(case: &Case, script: &mut Script) -> String {
    let name = case.setting("reaction_name").unwrap_or_default();
    let facts = Facts::of_case(&case.alarm, &name);
    let settings = Settings::read(|key| case.setting(key));
    words(settings.and_then(|settings| react(&settings, &facts, &mut Recorded(script))))
}

#[test]
fn every_case_holds() {
    let held = run_all(env!("CARGO_MANIFEST_DIR").as_ref(), run).unwrap_or_else(|e| panic!("{e}"));
    assert!(held >= 3, "success, denied and time-out at least");
}

#[test]
fn each_mistake_in_the_settings_is_named() {
    let to = ("to", r#"["a@example.com"]"#);
    for (written, expected) in [
        (vec![], "setting to is empty, allowed is at least one address"),
        (vec![("to", "a@example.com")], "setting to is a@example.com, allowed is a list of texts"),
        (
            vec![("to", r#"["a@example.com", "b@example.com, c@example.com"]"#)],
            "setting to, item 2: is \"b@example.com, c@example.com\", allowed is one address with \
             an @",
        ),
        (
            vec![("to", r#"["a@example.com\nBcc: b"]"#)],
            "setting to, item 1: is \"a@example.com\\nBcc: b\", allowed is one address with an @",
        ),
        (vec![to], "setting subject is missing"),
        (vec![to, ("subject", "x")], "setting body is missing"),
        (
            vec![to, ("subject", "$COND_CTG"), ("body", "")],
            "setting subject: unknown variable $COND_CTG, the nearest known one is $COND_CTGR",
        ),
    ] {
        let get = |key: &str| {
            let found = written.iter().find(|(name, _)| *name == key)?;
            Some(found.1.to_owned())
        };
        let outcome = words(Settings::read(get).map(|_| String::new()));
        assert_eq!(outcome, format!("fault invalid: {expected}"));
    }
}

#[test]
fn a_long_subject_is_cut() {
    struct Subject(String);
    impl Mail for Subject {
        fn send(&mut self, _: &[String], subject: &str, _: &str) -> Result<(), Fault> {
            subject.clone_into(&mut self.0);
            Ok(())
        }
    }
    let get = |key: &str| match key {
        "to" => Some(r#"["a@example.com"]"#.to_owned()),
        "subject" => Some("x".repeat(300)),
        _ => Some(String::new()),
    };
    let mut sent = Subject(String::new());
    let facts = Facts::of_case(&takeover_cases::Alarm::default(), "r");
    react(&Settings::read(get).unwrap(), &facts, &mut sent).unwrap();
    assert_eq!(sent.0.chars().count(), SUBJECT_CHARS_MAX);
    assert!(sent.0.ends_with("x…"));
}
