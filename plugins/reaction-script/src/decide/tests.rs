//! The cases run natively, and what a script sees of the host's answers.

use std::cell::{Cell, RefCell};

use takeover_cases::{Answer, Case, Script, fault_words, run_all};

use super::*;
use crate::bindings::exports::takeover::plugin::reaction::Phase;
use crate::bindings::takeover::plugin::command::Output;
use crate::bindings::takeover::plugin::http::{Request, Response};
use crate::bindings::takeover::plugin::management::{Application, OnlyIf};
use crate::bindings::takeover::plugin::types::{
    Attribute, Category, Level, LogEvent, RunMode, Status,
};

fault_words!(Fault);

/// The host of a case: settings from it, answers from its script.
struct Recorded {
    case: Case,
    script: RefCell<Script>,
}

impl Recorded {
    fn ask(&self, question: &str) -> Result<Answer, Fault> {
        answer(&mut self.script.borrow_mut(), question)
    }

    fn done(&self, question: String) -> Result<(), Fault> {
        self.ask(&question).map(|_| ())
    }

    /// For what these cases have no answer but a fault.
    fn refused<T>(&self, question: String) -> Result<T, Fault> {
        self.ask(&question).and_then(|_| Err(Fault::Failed("not in the script".into())))
    }
}

impl Host for Recorded {
    fn setting(&self, key: &str) -> Option<String> {
        self.case.setting(key)
    }

    fn get_application(&self, name: &str) -> Result<Application, Fault> {
        let answer = self.ask(&format!("management.get-application {name}"))?;
        let Answer::Application(facts) = answer else {
            return Err(Fault::Failed("not in the script".into()));
        };
        let status = match facts.get("status").map(String::as_str) {
            Some("stopped") => Status::Stopped,
            Some("running") => Status::Running,
            _ => Status::Unknown,
        };
        Ok(Application { name: name.to_owned(), status, ..application() })
    }

    fn start_application(&self, name: &str) -> Result<(), Fault> {
        self.done(format!("management.start-application {name}"))
    }

    fn stop_application(&self, name: &str, graceful: bool) -> Result<(), Fault> {
        let how = if graceful { "graceful" } else { "at-once" };
        self.done(format!("management.stop-application {name} {how}"))
    }

    fn restart_application(&self, name: &str) -> Result<(), Fault> {
        self.done(format!("management.restart-application {name}"))
    }

    fn start_solution(&self, name: &str) -> Result<(), Fault> {
        self.done(format!("management.start-solution {name}"))
    }

    fn stop_solution(&self, name: &str) -> Result<(), Fault> {
        self.done(format!("management.stop-solution {name}"))
    }

    fn switchover(&self, application: &str, only_if: OnlyIf) -> Result<(), Fault> {
        let only_if = match only_if {
            OnlyIf::Primary => "primary",
            OnlyIf::Backup => "backup",
            OnlyIf::Any => "any",
        };
        self.done(format!("management.switchover {application} {only_if}"))
    }

    fn set_option(
        &self,
        application: &str,
        option: (&str, &str),
        value: &str,
    ) -> Result<(), Fault> {
        let (section, key) = option;
        self.done(format!("management.set-option {application} {section} {key} {value}"))
    }

    fn enable_vip(&self, vip: &str, application: &str) -> Result<(), Fault> {
        self.done(format!("vip-control.enable {vip} {application}"))
    }

    fn disable_vip(&self, vip: &str, application: &str) -> Result<(), Fault> {
        self.done(format!("vip-control.disable {vip} {application}"))
    }

    fn run(&self, program: &str, arguments: &[String]) -> Result<Output, Fault> {
        self.refused(format!("command.run {program} {}", arguments.join(" ")))
    }

    fn request(&self, request: &Request) -> Result<Response, Fault> {
        self.refused(format!("http.send {} {}\n\n", request.method, request.url))
    }

    fn mail(&self, to: &[String], subject: &str, text: &str) -> Result<(), Fault> {
        let to: String = to.iter().map(|address| format!("to: {address}\n")).collect();
        self.done(format!("mail.send\n{to}subject: {subject}\n\n{text}"))
    }

    fn datagram(&self, to: &str, payload: &[u8]) -> Result<(), Fault> {
        let payload: String = payload.iter().map(|byte| format!("{byte:02x}")).collect();
        self.done(format!("datagram.send {to} {payload}"))
    }

    fn recall(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        self.refused(format!("memory.get {key}"))
    }

    fn remember(&self, key: &str, value: Option<&[u8]>) -> Result<(), Fault> {
        let value = value.map(String::from_utf8_lossy);
        let value = value.map_or("nothing".to_owned(), |value| format!("value {value}"));
        self.done(format!("memory.set {key} {value}"))
    }

    fn now_unix_ms(&self) -> u64 {
        self.script.borrow().now_ms()
    }

    fn monotonic_ms(&self) -> u64 {
        self.script.borrow().now_ms()
    }

    fn wait_ms(&self, duration_ms: u32) {
        self.script.borrow_mut().ask(&format!("clock.wait-ms {duration_ms}"));
    }
}

fn application() -> Application {
    Application {
        name: "sip-a".into(),
        host: "host-a".into(),
        kind: "sip-server".into(),
        status: Status::ServiceUnavailable,
        run_mode: Some(RunMode::Primary),
    }
}

fn alarm(case: &Case) -> Alarm {
    Alarm {
        condition: case.alarm.condition.clone(),
        category: Category::Major,
        application: case.alarm.application.clone(),
        host: Some("host-a".into()),
        event: LogEvent {
            id: case.alarm.event.clone(),
            level: Level::Standard,
            text: "it happened".into(),
            application: Some(case.alarm.application.clone()),
            application_type: None,
            host: None,
            at_unix_ms: 7,
            attributes: vec![Attribute { name: "port".into(), value: "5060".into() }],
        },
        phase: if case.alarm.raised { Phase::Raised } else { Phase::Cleared },
        repeats: 2,
        test: case.alarm.test,
    }
}

fn react(host: Rc<dyn Host>, case: &Case) -> String {
    words(Reaction::read(host, |_, _| {}).and_then(|reaction| reaction.react(&alarm(case))))
}

fn run(case: &Case, script: &mut Script) -> String {
    let host = Rc::new(Recorded { case: case.clone(), script: RefCell::new(script.clone()) });
    let outcome = react(host.clone(), case);
    script.clone_from(&host.script.borrow());
    outcome
}

#[test]
fn every_case_holds() {
    let held = run_all(env!("CARGO_MANIFEST_DIR").as_ref(), run).unwrap_or_else(|e| panic!("{e}"));
    assert!(held >= 3, "success, denied and time-out at least");
}

/// A host that answers everything, and keeps what it was asked.
#[derive(Default)]
struct Generous {
    script: String,
    asked: RefCell<Vec<String>>,
    now_ms: Cell<u64>,
}

impl Generous {
    fn ask(&self, question: String) -> Result<(), Fault> {
        self.asked.borrow_mut().push(question);
        Ok(())
    }
}

impl Host for Generous {
    fn setting(&self, key: &str) -> Option<String> {
        (key == "script").then(|| self.script.clone())
    }
    fn get_application(&self, _: &str) -> Result<Application, Fault> {
        Ok(application())
    }
    fn start_application(&self, name: &str) -> Result<(), Fault> {
        self.ask(format!("start {name}"))
    }
    fn stop_application(&self, name: &str, graceful: bool) -> Result<(), Fault> {
        self.ask(format!("stop {name} {graceful}"))
    }
    fn restart_application(&self, name: &str) -> Result<(), Fault> {
        self.ask(format!("restart {name}"))
    }
    fn start_solution(&self, name: &str) -> Result<(), Fault> {
        self.ask(format!("start-solution {name}"))
    }
    fn stop_solution(&self, name: &str) -> Result<(), Fault> {
        self.ask(format!("stop-solution {name}"))
    }
    fn switchover(&self, application: &str, only_if: OnlyIf) -> Result<(), Fault> {
        self.ask(format!("switchover {application} {only_if:?}"))
    }
    fn set_option(
        &self,
        application: &str,
        option: (&str, &str),
        value: &str,
    ) -> Result<(), Fault> {
        self.ask(format!("set-option {application} {option:?} {value}"))
    }
    fn enable_vip(&self, vip: &str, application: &str) -> Result<(), Fault> {
        self.ask(format!("enable {vip} {application}"))
    }
    fn disable_vip(&self, vip: &str, application: &str) -> Result<(), Fault> {
        self.ask(format!("disable {vip} {application}"))
    }
    fn run(&self, program: &str, arguments: &[String]) -> Result<Output, Fault> {
        self.ask(format!("run {program} {arguments:?}"))?;
        Ok(Output { exit_code: -3, stdout: "out".into(), stderr: "err".into() })
    }
    fn request(&self, request: &Request) -> Result<Response, Fault> {
        self.ask(format!("{request:?}"))?;
        let header = |name: &str, value: &str| Attribute { name: name.into(), value: value.into() };
        let headers = vec![header("X-A", "1"), header("x-a", "2")];
        Ok(Response { status: 503, headers, body: b"not \xff now".to_vec() })
    }
    fn mail(&self, to: &[String], subject: &str, text: &str) -> Result<(), Fault> {
        self.ask(format!("mail {to:?} {subject} {text}"))
    }
    fn datagram(&self, to: &str, payload: &[u8]) -> Result<(), Fault> {
        self.ask(format!("datagram {to} {payload:?}"))
    }
    fn recall(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        Ok((key == "known").then(|| b"value".to_vec()))
    }
    fn remember(&self, key: &str, value: Option<&[u8]>) -> Result<(), Fault> {
        self.ask(format!("remember {key} {value:?}"))
    }
    fn now_unix_ms(&self) -> u64 {
        u64::MAX
    }
    fn monotonic_ms(&self) -> u64 {
        self.now_ms.get()
    }
    fn wait_ms(&self, duration_ms: u32) {
        self.now_ms.set(self.now_ms.get() + u64::from(duration_ms));
    }
}

/// How a script ends on a host that answers everything, and what it asked.
fn ended(script: &str) -> (String, Vec<String>) {
    let host = Rc::new(Generous { script: script.to_owned(), ..Generous::default() });
    let case: Case = toml::from_str("title = 't'\nexpect = ''").unwrap();
    let outcome = react(host.clone(), &case);
    let asked = host.asked.borrow().clone();
    (outcome, asked)
}

#[test]
fn every_function_asks_the_host_for_what_its_name_says() {
    let table = [
        ("management::start_application(\"a\")", "start a"),
        ("management::stop_application(\"a\", false)", "stop a false"),
        ("management::restart_application(\"a\")", "restart a"),
        ("management::start_solution(\"s\")", "start-solution s"),
        ("management::stop_solution(\"s\")", "stop-solution s"),
        ("management::switchover(\"a\", \"backup\")", "switchover a OnlyIf::Backup"),
        ("management::set_option(\"a\", \"b\", \"c\", \"d\")", "set-option a (\"b\", \"c\") d"),
        ("vip_control::enable(\"v\", \"a\")", "enable v a"),
        ("vip_control::disable(\"v\", \"a\")", "disable v a"),
        ("command::run(\"/bin/a\", [\"b\", \"c\"])", "run /bin/a [\"b\", \"c\"]"),
        ("mail::send(\"a@b\", \"s\", \"t\")", "mail [\"a@b\"] s t"),
        ("mail::send([\"a@b\", \"c@d\"], \"s\", \"t\")", "mail [\"a@b\", \"c@d\"] s t"),
        ("datagram::send(\"h:1\", \"ab\")", "datagram h:1 [97, 98]"),
        ("memory::set(\"k\", \"v\")", "remember k Some([118])"),
        ("memory::set(\"k\", ())", "remember k None"),
    ];
    for (script, expected) in table {
        let (outcome, asked) = ended(script);
        assert!(outcome.starts_with("ok: "), "{script}: {outcome}");
        assert_eq!(asked, [expected], "{script}");
    }
}

#[test]
fn answers_have_the_names_and_words_of_the_contract() {
    let table = [
        ("management::get_application(\"a\").status", "service-unavailable"),
        ("management::get_application(\"a\").run_mode", "primary"),
        ("management::get_application(\"a\").kind", "sip-server"),
        ("command::run(\"/bin/a\", []).exit_code", "-3"),
        ("http::send(#{url: \"http://a\"}).status", "503"),
        ("http::send(#{url: \"http://a\"}).headers[\"x-a\"]", "1, 2"),
        ("http::send(#{url: \"http://a\"}).body", "not \u{fffd} now"),
        ("memory::get(\"known\")", "value"),
        ("memory::get(\"other\") == ()", "true"),
        ("settings::get(\"other\") == ()", "true"),
        ("clock::now_unix_ms() > 0", "true"),
        ("let a = clock::monotonic_ms(); clock::wait_ms(20); clock::monotonic_ms() - a", "20"),
        ("alarm.condition", "a-condition"),
        ("alarm.category", "major"),
        ("alarm.phase", "raised"),
        ("alarm.repeats", "2"),
        ("alarm.event.id", "00-05150"),
        ("alarm.event.application_type == ()", "true"),
        ("alarm.event.attributes[0].value", "5060"),
        ("", "done"),
    ];
    for (script, expected) in table {
        assert_eq!(ended(&format!("{script};\n{script}")).0, format!("ok: {expected}"), "{script}");
    }
}

#[test]
fn request_has_what_the_script_wrote() {
    let (_, asked) = ended(
        "http::send(#{method: \"POST\", url: \"http://a\", headers: #{\"x-b\": \"c\"}, \
         body: #{text: \"a\\\"b\", n: [1, true, ()]}.to_json()})",
    );
    for part in ["method: \"POST\"", "url: \"http://a\"", "name: \"x-b\"", "value: \"c\""] {
        assert!(asked[0].contains(part), "{part}: {asked:?}");
    }
    let body: Vec<u8> = br#"{"n":[1,true,null],"text":"a\"b"}"#.to_vec();
    assert!(asked[0].contains(&format!("{body:?}")), "{asked:?}");
}

#[test]
fn what_makes_no_sense_is_said_before_the_host_is_asked() {
    let table = [
        ("http::send(#{})", "http::send: url is missing"),
        ("http::send(#{url: 1})", "http::send: url is i64, allowed is a text"),
        ("http::send(#{url: \"a\", bdy: 1})", "http::send: bdy is unknown, known are url, "),
        ("http::send(#{url: \"a\", headers: 1})", "http::send: headers is "),
        ("command::run(\"/bin/a\", [1])", "command::run: argument is i64, allowed is a text"),
        (
            "management::switchover(\"a\", \"x\")",
            "management::switchover: only_if is \"x\", allowed is ",
        ),
        ("clock::wait_ms(-1)", "clock::wait_ms: -1, allowed is 0 to 4294967295"),
        ("throw fault(\"timed-out\", \"x\")", "fault: kind is \"timed-out\", allowed is denied, "),
        ("alarm.phase = \"cleared\"", "cannot modify"),
        ("management::start_aplication(\"a\")", "function not found: "),
    ];
    for (script, expected) in table {
        let (outcome, asked) = ended(script);
        assert!(outcome.starts_with("fault failed: line 1, column "), "{script}: {outcome}");
        assert!(outcome.contains(expected), "{script}: {outcome}");
        assert_eq!(asked, Vec::<String>::new(), "{script}");
    }
    let (outcome, _) = ended("managment::start_application(\"a\")");
    assert!(outcome.starts_with("fault invalid: line 1, column 1: "), "{outcome}");
}

#[test]
fn json_escapes_what_has_to_be() {
    let (outcome, _) = ended(r#"#{"a\"": "\\\n\x01é"}.to_json()"#);
    assert_eq!(outcome, "ok: {\"a\\\"\":\"\\\\\\u000a\\u0001é\"}");
    let (outcome, _) = ended("let a = []; for i in 0..20 { a = [a]; } a.to_json()");
    assert!(outcome.contains("deeper than 16 lists and maps"), "{outcome}");
}

#[test]
fn effects_do_not_happen_while_the_script_is_read() {
    let script = "management::start_application(\"a\"); log(\"x\"); \"y\"".to_owned();
    let host = Rc::new(Generous { script, ..Generous::default() });
    let reaction = Reaction::read(host.clone(), |_, _| {}).unwrap();
    assert_eq!(*host.asked.borrow(), Vec::<String>::new());
    let case: Case = toml::from_str("title = 't'\nexpect = ''").unwrap();
    assert_eq!(reaction.react(&alarm(&case)).unwrap(), "y");
    assert_eq!(*host.asked.borrow(), ["start a"]);
}
