//! The cases, run natively against a recorded host.

use takeover_cases::{Alarm, Answer, Case, Script, ask, fault_words, run_all};

use super::*;

fault_words!(Fault);

/// The host of a case.
struct Recorded<'a>(&'a mut Script);

impl Programs for Recorded<'_> {
    fn run(&mut self, program: &str, arguments: &[String]) -> Result<Output, Fault> {
        match answer(self.0, &ask::command(program, arguments))? {
            Answer::Output { exit_code, stdout, stderr } => {
                Ok(Output { exit_code, stdout, stderr })
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

/// Programs that all succeed; keeps the names they were run by.
#[derive(Default)]
struct Named(Vec<String>);

impl Programs for Named {
    fn run(&mut self, program: &str, _arguments: &[String]) -> Result<Output, Fault> {
        self.0.push(program.to_owned());
        Ok(Output { exit_code: 0, stdout: String::new(), stderr: String::new() })
    }
}

// No case: in the sandbox the grant is asked first, and it names no such program.
#[test]
fn a_variable_in_the_program_is_not_one() {
    let get = |key: &str| (key == "program").then(|| "$APP_NAME".to_owned());
    let mut programs = Named::default();
    let facts = Facts::of_case(&Alarm::default(), "");
    let outcome = Settings::read(get).and_then(|it| react(&it, &facts, &mut programs));
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(programs.0, ["$APP_NAME"]);
}

#[test]
fn each_mistake_in_the_settings_is_named() {
    for (written, expected) in [
        (vec![], "setting program is missing"),
        (vec![("program", " ")], "setting program is empty"),
        (
            vec![("program", "page"), ("arguments", r#"["$APP_NAME", "$APPNAME"]"#)],
            "setting arguments, item 2: unknown variable $APPNAME, the nearest known one is \
             $APP_NAME",
        ),
        (
            vec![("program", "page"), ("arguments", "--all")],
            "setting arguments is --all, allowed is a list of texts",
        ),
        (
            vec![("program", "page"), ("ok_exit_codes", "[]")],
            "setting ok_exit_codes is empty, allowed is at least one exit code",
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
