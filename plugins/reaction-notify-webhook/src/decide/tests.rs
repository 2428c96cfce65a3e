//! The cases, run natively against a recorded host.

use takeover_cases::{Answer, Case, Script, ask, fault_words, run_all};

use super::*;
use crate::bindings::takeover::plugin::types::Attribute;

fault_words!(Fault);

/// The host of a case.
struct Recorded<'a>(&'a mut Script);

impl Http for Recorded<'_> {
    fn send(&mut self, request: &Request) -> Result<Response, Fault> {
        let headers = request.headers.iter().map(|h| (h.name.as_str(), h.value.as_str()));
        let question = ask::http(&request.method, &request.url, headers, &request.body);
        match answer(self.0, &question)? {
            Answer::Response { status, headers, body } => {
                let headers =
                    headers.into_iter().map(|(name, value)| Attribute { name, value }).collect();
                Ok(Response { status, headers, body })
            }
            _ => Err(Fault::Failed("not in the script".into())),
        }
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
fn each_mistake_in_the_settings_is_named_and_no_secret_is_told() {
    let url = ("url", "https://a.example/secret");
    let header = "is no header, allowed is NAME: VALUE";
    for (written, expected) in [
        (vec![], "setting url is missing".to_owned()),
        (
            vec![("url", "ftp://a.example/secret")],
            "setting url does not begin with http:// or https://".to_owned(),
        ),
        (vec![("url", "https:///secret")], "setting url has no server, or blanks in it".to_owned()),
        (
            vec![url, ("method", "GET")],
            "setting method is \"GET\", allowed is POST or PUT".to_owned(),
        ),
        (
            vec![url, ("headers", r#"["x: y", "secret"]"#)],
            format!("setting headers, item 2: {header}"),
        ),
        (
            vec![url, ("headers", r#"["x: secret\r\ny: z"]"#)],
            format!("setting headers, item 1: {header}"),
        ),
        (
            vec![url, ("headers", r#"["x y: secret"]"#)],
            format!("setting headers, item 1: {header}"),
        ),
        (
            vec![url, ("body_format", "xml")],
            "setting body_format is \"xml\", allowed is json or text".to_owned(),
        ),
        (
            vec![url, ("body_format", "text")],
            "setting body is missing, and body_format is text".to_owned(),
        ),
        (
            vec![url, ("body", r#"{"a": $APP_NAME}"#)],
            "setting body is not JSON: expected value at line 1 column 7; variables belong \
             between quotes, all but $REPEATS and $TEST"
                .to_owned(),
        ),
    ] {
        let get = |key: &str| {
            let found = written.iter().find(|(name, _)| *name == key)?;
            Some(found.1.to_owned())
        };
        let outcome = words(Settings::read(get).map(|_| String::new()));
        assert_eq!(outcome, format!("fault invalid: {expected}"));
        assert!(!outcome.contains("secret"));
    }
}
