//! Options of applications: set, told to their agent, kept over restarts, forgotten when they no
//! longer fit.

use std::sync::Arc;

use expect_test::expect;

use super::bench::{Bench, HOSTS, PAIR, UP, config_of, now_at};
use crate::component::{ManagementAnswer, ManagementCall};
use crate::config::model::Config;
use crate::control::Control;
use crate::control::io::{Command, Input, Output};
use crate::ids::{RunId, Term};
use crate::link::{ControlMessage, Fault, HostSpec};
use crate::options::OptionValue;

const OPTIONS: &str = "
[pair.backup.options.TServer]
sip-pass-check = false
oos-check = 0
dr-forward = \"off\"
";

fn config(options: &str) -> Arc<Config> {
    config_of(&[("hosts.toml", HOSTS), ("sip.toml", &format!("{PAIR}{options}"))])
}

fn set(application: &str, option: &str, value: &str) -> Command {
    let (option, value) = (option.into(), value.into());
    Command::SetOption { application: application.into(), option, value }
}

fn unset(option: &str) -> Command {
    Command::UnsetOption { application: "sip-2".into(), option: option.into() }
}

/// What an operator's command leads to, in words.
fn ask(bench: &mut Bench, command: Command) -> String {
    let (request, seen) = (bench.next_request(), bench.outputs.len());
    bench.feed(Input::Operator { request, operator: "eve".into(), command });
    let mut words = String::new();
    for (_, output) in bench.outputs.iter().skip(seen) {
        match output {
            Output::Record(recorded) => words += &format!("{}\n", recorded.event.text),
            Output::AnswerOperator { result, .. } => words += &format!("{result:?}\n"),
            Output::Send { host, message: ControlMessage::Configure(spec) } => {
                words += &format!("{host} <- {}\n", told(spec));
            }
            _ => {}
        }
    }
    words
}

fn told(spec: &HostSpec) -> String {
    let options = spec.applications.iter().map(|application| &application.options);
    options.map(|options| serde_json::to_string(options).unwrap()).collect()
}

#[test]
fn option_is_set_told_and_unset() {
    let mut bench = Bench::new(config(OPTIONS));
    bench.run(UP);
    let mut words = String::new();
    for command in [
        set("sip-2", "TServer/sip-pass-check", "true"),
        set("sip-2", "sip-pass-check", "true"),
        set("sip-2", "oos-check", "30"),
        unset("TServer/sip-pass-check"),
        unset("TServer/sip-pass-check"),
    ] {
        words += &ask(&mut bench, command);
    }
    expect![[r#"
        option TServer/sip-pass-check of sip-2 is set to true, before false, by operator eve
        h2 <- {"TServer":{"dr-forward":"off","oos-check":0,"sip-pass-check":true}}
        Ok(Done)
        Ok(Done)
        option TServer/oos-check of sip-2 is set to 30, before 0, by operator eve
        h2 <- {"TServer":{"dr-forward":"off","oos-check":30,"sip-pass-check":true}}
        Ok(Done)
        option TServer/sip-pass-check of sip-2 is false again, as configured, by operator eve
        h2 <- {"TServer":{"dr-forward":"off","oos-check":30,"sip-pass-check":false}}
        Ok(Done)
        Ok(Done)
    "#]]
    .assert_eq(&words);
}

#[test]
fn what_is_not_an_option_or_not_a_value_of_it_is_refused() {
    let mut bench = Bench::new(config(OPTIONS));
    bench.run(UP);
    let mut words = String::new();
    for command in [
        set("sip-9", "oos-check", "1"),
        set("SIP_SERVER_PRIMARY_VIP_UP", "oos-check", "1"),
        set("sip-2", "ooscheck", "1"),
        set("sip-1", "oos-check", "1"),
        set("sip-2", "oos-check", "soon"),
        set("sip-2", "sip-pass-check", "yes"),
        set("sip-2", "dr-forward", &"x".repeat(5000)),
    ] {
        words += &ask(&mut bench, command).chars().take(200).collect::<String>();
    }
    expect![[r#"
        Err(NotFound("application sip-9: not configured"))
        Err(Failed("invalid: application SIP_SERVER_PRIMARY_VIP_UP is a control application: it has no options"))
        Err(Failed("invalid: application sip-2: option ooscheck is unknown, known: TServer/dr-forward, TServer/oos-check, TServer/sip-pass-check; nearest: oos-check"))
        Err(Failed("invalid: application sip-1: option oos-check is unknown, known: none"))
        Err(Failed("invalid: option TServer/oos-check of sip-2: found \"soon\", allowed: a whole number"))
        Err(Failed("invalid: option TServer/sip-pass-check of sip-2: found \"yes\", allowed: true or false"))
        Err(Failed("invalid: option TServer/dr-forward of sip-2: found \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"#]].assert_eq(&words);
}

#[test]
fn reaction_sets_an_option_in_its_own_name() {
    let mut bench = Bench::new(config(OPTIONS));
    bench.run(UP);
    bench.run("5 hang reactions\n 5 operator test ALRM_SIP_PRIMARY_50_HAPrimary");
    bench.story.clear();
    let (run, request) = (bench.last_run(), bench.next_request());
    let (application, section) = ("sip-2".into(), "TServer".into());
    let (key, value) = ("dr-forward".into(), "no-agent".into());
    let call = ManagementCall::SetOption { application, section, key, value };
    bench.feed(Input::Component { request, run, call });
    let detail = bench.control.application(&"sip-2".into()).unwrap();
    let set = detail.options.iter().find(|option| option.set_by.is_some()).unwrap();
    assert_eq!(set.set_by.as_deref(), Some("reaction AR_SIP_PRIMARY_VIP_UP"));
    assert_eq!(set.value, OptionValue::Text("no-agent".into()));
    assert_eq!(set.configured, OptionValue::Text("off".into()));
    assert!(bench.story.contains("by reaction AR_SIP_PRIMARY_VIP_UP"), "{}", bench.story);
}

#[test]
fn what_was_set_outlives_a_restart_and_is_forgotten_when_it_no_longer_fits() {
    let mut bench = Bench::new(config(OPTIONS));
    bench.run(UP);
    ask(&mut bench, set("sip-2", "oos-check", "30"));
    ask(&mut bench, set("sip-2", "sip-pass-check", "true"));
    let saved = serde_json::to_string(&bench.control.save()).unwrap();
    let restored = |options: &str| {
        let saved = serde_json::from_str(&saved).unwrap();
        Control::restore(config(options), saved, now_at(bench.now))
    };
    let value = |control: &Control, name: &str| {
        let detail = control.application(&"sip-2".into()).unwrap();
        let option = detail.options.into_iter().find(|option| *option.name == *name);
        option.map(|option| (option.value.to_string(), option.set_by.is_some()))
    };
    let same = restored(OPTIONS);
    assert_eq!(value(&same, "oos-check"), Some(("30".to_owned(), true)));
    // Another type, and no longer declared.
    let changed = "[pair.backup.options.TServer]\noos-check = \"never\"\n";
    let mut other = restored(changed);
    assert_eq!(value(&other, "oos-check"), Some(("\"never\"".to_owned(), false)));
    assert_eq!(value(&other, "sip-pass-check"), None);
    let mut texts = Vec::new();
    while let Some(output) = other.poll() {
        if let Output::Record(recorded) = output {
            texts.push(recorded.event.text.to_string());
        }
    }
    let forgotten = |option: &str| {
        let text = format!("option TServer/{option} of sip-2 no longer fits the configuration");
        texts.iter().any(|one| one.starts_with(&text))
    };
    assert!(forgotten("oos-check") && forgotten("sip-pass-check"), "{texts:#?}");
    // The same while it runs.
    let mut bench = Bench::new(config(OPTIONS));
    bench.run(UP);
    ask(&mut bench, set("sip-2", "oos-check", "30"));
    bench.control.reconfigure(now_at(bench.now), config(changed));
    assert_eq!(value(&bench.control, "oos-check"), Some(("\"never\"".to_owned(), false)));
}

/// What the sandbox is told when it asks whether the application of a run is primary.
fn primary(bench: &mut Bench, run: RunId) -> Result<ManagementAnswer, Fault> {
    let request = bench.next_request();
    bench.feed(Input::Component { request, run, call: ManagementCall::RequirePrimary });
    let mut answers = bench.outputs.iter().filter_map(|(_, output)| match output {
        Output::AnswerComponent { request: of, result } if *of == request => Some(result.clone()),
        _ => None,
    });
    answers.next().unwrap()
}

#[test]
fn what_only_primaries_may_is_denied_to_others_and_under_an_old_term() {
    let begun = |script: &str| {
        let mut bench = Bench::new(config(""));
        bench.run(UP);
        bench.run(script);
        bench
    };
    let mut bench = begun("5 hang reactions\n 5 operator test ALRM_SIP_PRIMARY_50_HAPrimary");
    let run = bench.last_run();
    assert_eq!(primary(&mut bench, run), Ok(ManagementAnswer::Done));

    let mut bench = begun("5 hang reactions\n 5 operator test ALRM_SIP_BACKUP_50_HAPrimary");
    let run = bench.last_run();
    let denied = Err(Fault::Denied("application sip-2 is backup".into()));
    assert_eq!(primary(&mut bench, run), denied);

    // A reaction that began under the term before the present one.
    let mut bench = begun("5 hang reactions\n 5 operator switchover");
    let run = bench.last_run();
    bench.run("7 operator switchover");
    assert_eq!(primary(&mut bench, run), Err(Fault::StaleTerm(Term(3))));
}
