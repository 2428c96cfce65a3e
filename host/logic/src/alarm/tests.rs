//! Alarms as scripts: one line per input, and everything that came out of it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use expect_test::{Expect, expect};

use super::*;
use crate::component::Category;
use crate::config::model::{
    Application, ControlSettings, EventSelector, Program, Reaction, Runs as ApplicationRuns,
};
use crate::control::io::{ReactionFault, ReactionState, RecordedEvent};
use crate::ids::EventSequence;
use crate::link::Fault;
use crate::log_event::EventId;
use crate::time::Timestamp;

/// What conditions and reactions there are, one per line:
/// `condition NAME EVENT by SELECTION [cancel EVENT] [after SECONDS] [disabled]: REACTION ...`,
/// `clearance NAME: REACTION ...`, `reaction NAME [on TARGET] [timeout SECONDS]`.
/// SELECTION is an application, `type=KIND` or `any`.
pub(super) fn config(text: &str) -> Config {
    let seconds = Duration::from_secs;
    let mut config = Config {
        control: ControlSettings {
            heartbeat_interval: Duration::from_millis(100),
            heartbeat_misses: 3,
            disconnect_switchover_timeout: Duration::ZERO,
            evidence_wait: Duration::from_secs(10),
            startup_grace: seconds(10),
            confirm_timeout: seconds(2),
        },
        hosts: BTreeMap::new(),
        applications: BTreeMap::new(),
        pairs: BTreeMap::new(),
        vips: BTreeMap::new(),
        reactions: BTreeMap::new(),
        conditions: BTreeMap::new(),
        solutions: BTreeMap::new(),
    };
    for (name, kind, host) in [("P1", "sip", "h1"), ("P2", "sip", "h2"), ("R", "router", "h1")] {
        config.applications.insert(name.into(), application(name, kind, host));
    }
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (head, reactions) = line.split_once(':').unwrap_or((line, ""));
        let words: Vec<&str> = head.split_whitespace().collect();
        let value =
            |key: &str| words.iter().position(|word| *word == key).map(|place| words[place + 1]);
        let reactions = reactions.split_whitespace().map(Into::into).collect();
        let number = |key: &str| value(key).map(|text| seconds(text.parse().unwrap()));
        match words[0] {
            "condition" => {
                let selector = |event: &str, by: &str| EventSelector {
                    event: event.parse().unwrap(),
                    selection: selection(by),
                };
                let name: ConditionName = words[1].into();
                let by = value("by").unwrap();
                let condition = Condition {
                    name: name.clone(),
                    description: "".into(),
                    category: Category::Critical,
                    detect: selector(words[2], by),
                    cancel: value("cancel").map(|event| selector(event, value("of").unwrap_or(by))),
                    cancel_timeout: number("after"),
                    reactions,
                    clearance_reactions: vec![],
                    enabled: !words.contains(&"disabled"),
                };
                config.conditions.insert(name, condition);
            }
            "clearance" => {
                let condition = config.conditions.get_mut(&words[1].into()).unwrap();
                condition.clearance_reactions = reactions;
            }
            "reaction" => {
                let reaction = Reaction {
                    name: words[1].into(),
                    plugin: "vip".into(),
                    settings: BTreeMap::new(),
                    timeout: number("timeout").unwrap_or(seconds(8)),
                    target: value("on").map(Into::into),
                };
                config.reactions.insert(reaction.name.clone(), reaction);
            }
            other => panic!("unknown line {other}"),
        }
    }
    config
}

fn application(name: &str, kind: &str, host: &str) -> Application {
    let program = Program {
        command: vec![name.into()],
        working_directory: None,
        environment: BTreeMap::new(),
        auto_restart: true,
        autostart: true,
        notify: false,
        channel: false,
        watchdog: None,
        shutdown_timeout: Duration::from_secs(90),
        suspending_timeout: Duration::from_secs(10),
        suspend_signal: None,
        options: Default::default(),
        options_signal: None,
    };
    Application {
        name: name.into(),
        kind: kind.into(),
        host: host.into(),
        runs: ApplicationRuns::Program(program),
        startup_timeout: Duration::from_secs(90),
        pair: None,
    }
}

fn selection(text: &str) -> Selection {
    match text.split_once('=') {
        Some(("type", kind)) => Selection::ApplicationType(kind.into()),
        _ if text == "any" => Selection::Any,
        _ => Selection::Application(text.into()),
    }
}

pub(super) fn now(millis: u64) -> Now {
    Now { instant: Instant(millis * 1_000_000), at: Timestamp(1_000_000 + millis) }
}

/// An event about an application of [`config`], about a host (`host=NAME`), or about nobody (`-`).
pub(super) fn event(config: &Config, at: Now, id: &str, whom: &str) -> Input {
    let id: EventId = id.parse().unwrap();
    let about = match whom.split_once('=') {
        Some((_, host)) => About::host(at.at, &host.into()),
        None => match config.applications.get(&whom.into()) {
            Some(application) => About::application(at.at, application),
            None => About::control_server(at.at),
        },
    };
    let level = if id == catalog::ALARM_RAISED { Level::Alarm } else { Level::Standard };
    let event = LogEvent {
        id,
        level,
        text: format!("event {id}").into(),
        application: about.application,
        application_type: about.application_type,
        host: about.host,
        at: at.at,
        attributes: vec![],
    };
    Input::Event(RecordedEvent { sequence: EventSequence(0), event })
}

pub(super) fn render(output: &Output) -> String {
    match output {
        Output::Run(run) => format!(
            "run {} {}: {:?}{} about {} until {:.1}",
            run.run,
            run.reaction,
            run.call.phase,
            if run.call.test { " test" } else { "" },
            run.call.application,
            run.deadline.0 as f64 / 1e9,
        ),
        Output::Changed(view) => {
            let mut text = format!("alarm {} {} {}", view.id, view.condition, view.application);
            let _ = match &view.cleared {
                Some((_, by)) => write!(text, " cleared {by:?}"),
                None => write!(text, " active"),
            };
            if view.repeats > 0 {
                let _ = write!(text, " repeats={}", view.repeats);
            }
            for reaction in &view.reactions {
                let _ = write!(text, " [{} {:?}]", reaction.run, reaction.state);
            }
            text
        }
        Output::Record(event) => format!("record {} {}", event.id, event.text),
        Output::Rearmed { condition, application, suppressed } => {
            format!("rearmed {condition} {application}: {suppressed} suppressed")
        }
    }
}

/// Runs a script: `SECONDS INPUT`, where INPUT is `event ID WHOM`, `ok RUN`, `fault RUN`,
/// `test CONDITION`, `clear ALARM`, `tick`, `restart`, `reconfigure` (to the second configuration).
fn check(configs: &[&str], script: &str, expected: Expect) {
    let mut config = self::config(configs[0]);
    let mut alarms = Alarms::new(&config);
    let mut story = String::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = now((words[0].parse::<f64>().unwrap() * 1000.0).round() as u64);
        writeln!(story, "{line}").unwrap();
        let number = || words[2].parse::<u64>().unwrap();
        match words[1] {
            "event" => alarms.handle(at, event(&config, at, words[2], words[3])),
            "ok" => {
                let run = RunId(number());
                alarms.handle(at, Input::ReactionEnded { run, result: Ok("enabled".into()) });
            }
            "fault" => {
                let run = RunId(number());
                let result = Err(ReactionFault::Fault(Fault::Unavailable("h1 is lost".into())));
                alarms.handle(at, Input::ReactionEnded { run, result });
            }
            "tick" => alarms.handle(at, Input::Tick),
            "test" => {
                let result = alarms.test(at, &words[2].into(), "ann");
                writeln!(story, "    answer {result:?}").unwrap();
            }
            "clear" => {
                let result = alarms.clear(at, AlarmId(number()), "ann");
                writeln!(story, "    answer {result:?}").unwrap();
            }
            "restart" => alarms = Alarms::restore(&config, alarms.save(), at),
            "reconfigure" => {
                config = self::config(configs[1]);
                alarms.reconfigure(at, &config);
            }
            other => panic!("unknown input {other}"),
        }
        while let Some(output) = alarms.poll() {
            writeln!(story, "    {}", render(&output)).unwrap();
        }
        if let Some(deadline) = alarms.deadline() {
            writeln!(story, "    until {:.1}", deadline.0 as f64 / 1e9).unwrap();
        }
    }
    expected.assert_eq(&story);
}

/// The four conditions of a pair, as the guide has them.
const PAIR: &str = "
    reaction P1_DOWN on h1
    reaction P1_UP on h1
    reaction P2_DOWN on h2
    reaction P2_UP on h2
    condition P1_50 05150 by P1 after 1: P2_DOWN P1_UP
    condition P1_51 05151 by P1 after 1: P1_DOWN
    condition P2_50 05150 by P2 after 1: P2_UP P1_DOWN
    condition P2_51 05151 by P2 after 1: P2_DOWN
";

#[test]
fn a_failover_runs_both_reactions_at_once_and_a_second_on_the_same_host_waits() {
    check(
        &[PAIR],
        "0.0 event 05150 P2
         0.1 event 05151 P1
         0.2 ok 1
         0.3 fault 2
         1.0 tick
         1.1 tick
         1.2 ok 3",
        expect![[r#"
            0.0 event 05150 P2
                run 1 P2_UP: Raised about P2 until 8.0
                run 2 P1_DOWN: Raised about P2 until 8.0
                record 90-04001 alarm 1 raised by condition P2_50 (critical): event 00-05150
                alarm 1 P2_50 P2 active [1 Running] [2 Running]
                until 1.0
            0.1 event 05151 P1
                record 90-04001 alarm 2 raised by condition P1_51 (critical): event 00-05151
                alarm 2 P1_51 P1 active [3 Waiting]
                until 1.0
            0.2 ok 1
                record 90-04003 reaction P2_UP of alarm 1 succeeded (run 1): enabled
                alarm 1 P2_50 P2 active [1 Succeeded("enabled")] [2 Running]
                until 1.0
            0.3 fault 2
                record 90-04004 reaction P1_DOWN of alarm 1 failed (run 2): unavailable: h1 is lost
                run 3 P1_DOWN: Raised about P1 until 8.3
                alarm 1 P2_50 P2 active [1 Succeeded("enabled")] [2 Failed("unavailable: h1 is lost")]
                alarm 2 P1_51 P1 active [3 Running]
                until 1.0
            1.0 tick
                record 90-04002 alarm 1 of condition P2_50 cleared by its cancel timeout, 0 repeats
                alarm 1 P2_50 P2 cleared Timeout [1 Succeeded("enabled")] [2 Failed("unavailable: h1 is lost")]
                until 1.1
            1.1 tick
                record 90-04002 alarm 2 of condition P1_51 cleared by its cancel timeout, 0 repeats
                alarm 2 P1_51 P1 cleared Timeout [3 Running]
                until 9.3
            1.2 ok 3
                record 90-04003 reaction P1_DOWN of alarm 2 succeeded (run 3): enabled
                alarm 2 P1_51 P1 cleared Timeout [3 Succeeded("enabled")]
        "#]],
    );
}

#[test]
fn a_repeat_while_active_is_counted_and_told_when_the_condition_is_armed_again() {
    check(
        &[PAIR],
        "0.0 event 05150 P2
         0.1 ok 1
         0.2 ok 2
         0.3 event 05150 P2
         0.4 event 05150 P2
         1.0 event 05150 P2
         2.0 tick",
        expect![[r#"
            0.0 event 05150 P2
                run 1 P2_UP: Raised about P2 until 8.0
                run 2 P1_DOWN: Raised about P2 until 8.0
                record 90-04001 alarm 1 raised by condition P2_50 (critical): event 00-05150
                alarm 1 P2_50 P2 active [1 Running] [2 Running]
                until 1.0
            0.1 ok 1
                record 90-04003 reaction P2_UP of alarm 1 succeeded (run 1): enabled
                alarm 1 P2_50 P2 active [1 Succeeded("enabled")] [2 Running]
                until 1.0
            0.2 ok 2
                record 90-04003 reaction P1_DOWN of alarm 1 succeeded (run 2): enabled
                alarm 1 P2_50 P2 active [1 Succeeded("enabled")] [2 Succeeded("enabled")]
                until 1.0
            0.3 event 05150 P2
                until 1.0
            0.4 event 05150 P2
                until 1.0
            1.0 event 05150 P2
                record 90-04002 alarm 1 of condition P2_50 cleared by its cancel timeout, 2 repeats
                record 90-04008 condition P2_50 re-armed; 2 matching events ran no reactions while its alarm was active
                rearmed P2_50 P2: 2 suppressed
                run 3 P2_UP: Raised about P2 until 9.0
                run 4 P1_DOWN: Raised about P2 until 9.0
                record 90-04001 alarm 2 raised by condition P2_50 (critical): event 00-05150
                alarm 1 P2_50 P2 cleared Timeout repeats=2 [1 Succeeded("enabled")] [2 Succeeded("enabled")]
                alarm 2 P2_50 P2 active [3 Running] [4 Running]
                until 1.3
            2.0 tick
                record 90-04002 alarm 2 of condition P2_50 cleared by its cancel timeout, 0 repeats
                alarm 2 P2_50 P2 cleared Timeout [3 Running] [4 Running]
                until 10.0
        "#]],
    );
}

#[test]
fn an_event_about_another_application_raises_nothing() {
    check(
        &[PAIR],
        "0.0 event 05150 R
         0.0 event 05150 host=h1
         0.0 event 05152 P1",
        expect![[r#"
            0.0 event 05150 R
            0.0 event 05150 host=h1
            0.0 event 05152 P1
        "#]],
    );
}

#[test]
fn conditions_by_type_and_any_have_one_alarm_per_application_or_host() {
    check(
        &["condition T 8003 by type=sip
           condition A 8003 by any"],
        "0.0 event 8003 P1
         0.1 event 8003 P2
         0.2 event 8003 host=h1
         0.3 event 8003 host=h2
         0.4 event 8003 -
         0.5 event 8003 P1",
        expect![[r#"
            0.0 event 8003 P1
                record 90-04001 alarm 1 raised by condition A (critical): event 00-08003
                record 90-04001 alarm 2 raised by condition T (critical): event 00-08003
                alarm 1 A P1 active
                alarm 2 T P1 active
            0.1 event 8003 P2
                record 90-04001 alarm 3 raised by condition A (critical): event 00-08003
                record 90-04001 alarm 4 raised by condition T (critical): event 00-08003
                alarm 3 A P2 active
                alarm 4 T P2 active
            0.2 event 8003 host=h1
                record 90-04001 alarm 5 raised by condition A (critical): event 00-08003
                alarm 5 A control-server active
            0.3 event 8003 host=h2
                record 90-04001 alarm 6 raised by condition A (critical): event 00-08003
                alarm 6 A control-server active
            0.4 event 8003 -
                record 90-04001 alarm 7 raised by condition A (critical): event 00-08003
                alarm 7 A control-server active
            0.5 event 8003 P1
                until 1.5
        "#]],
    );
}

#[test]
fn a_cancel_event_clears_the_alarm_of_its_application_and_runs_the_clearance_reactions() {
    check(
        &["reaction PAGE
           reaction CALM timeout 2
           condition LOST 4504 by any cancel 4503: PAGE
           clearance LOST: CALM"],
        "0.0 event 4504 P1
         0.1 event 4504 P2
         0.2 event 4503 P1
         0.3 ok 2
         0.4 ok 3
         9.0 tick
         9.1 event 4503 P2
         12.1 tick",
        expect![[r#"
            0.0 event 4504 P1
                run 1 PAGE: Raised about P1 until 8.0
                record 90-04001 alarm 1 raised by condition LOST (critical): event 00-04504
                alarm 1 LOST P1 active [1 Running]
                until 9.0
            0.1 event 4504 P2
                run 2 PAGE: Raised about P2 until 8.1
                record 90-04001 alarm 2 raised by condition LOST (critical): event 00-04504
                alarm 2 LOST P2 active [2 Running]
                until 9.0
            0.2 event 4503 P1
                run 3 CALM: Cleared about P1 until 2.2
                record 90-04002 alarm 1 of condition LOST cleared by its cancel event, 0 repeats
                alarm 1 LOST P1 cleared Event [1 Running] [3 Running]
                until 3.2
            0.3 ok 2
                record 90-04003 reaction PAGE of alarm 2 succeeded (run 2): enabled
                alarm 2 LOST P2 active [2 Succeeded("enabled")]
                until 3.2
            0.4 ok 3
                record 90-04003 reaction CALM of alarm 1 succeeded (run 3): enabled
                alarm 1 LOST P1 cleared Event [1 Running] [3 Succeeded("enabled")]
                until 9.0
            9.0 tick
                record 90-04004 reaction PAGE of alarm 1 failed (run 1): no answer 1 s after its deadline
                alarm 1 LOST P1 cleared Event [1 Failed("no answer 1 s after its deadline")] [3 Succeeded("enabled")]
            9.1 event 4503 P2
                run 4 CALM: Cleared about P2 until 11.1
                record 90-04002 alarm 2 of condition LOST cleared by its cancel event, 0 repeats
                alarm 2 LOST P2 cleared Event [2 Succeeded("enabled")] [4 Running]
                until 12.1
            12.1 tick
                record 90-04004 reaction CALM of alarm 2 failed (run 4): no answer 1 s after its deadline
                alarm 2 LOST P2 cleared Event [2 Succeeded("enabled")] [4 Failed("no answer 1 s after its deadline")]
        "#]],
    );
}

#[test]
fn the_cancel_event_of_a_condition_about_one_application_may_be_about_another() {
    check(
        &["condition X 4504 by P1 cancel 4503 of P2"],
        "0.0 event 4504 P1
         0.1 event 4503 P1
         0.2 event 4503 P2",
        expect![[r#"
            0.0 event 4504 P1
                record 90-04001 alarm 1 raised by condition X (critical): event 00-04504
                alarm 1 X P1 active
            0.1 event 4503 P1
            0.2 event 4503 P2
                record 90-04002 alarm 1 of condition X cleared by its cancel event, 0 repeats
                alarm 1 X P1 cleared Event
        "#]],
    );
}

#[test]
fn an_event_that_both_raises_and_cancels_a_condition_raises_it() {
    check(
        &["condition X 4504 by any cancel 4504"],
        "0.0 event 4504 P1
         0.1 event 4504 P1
         1.1 tick",
        expect![[r#"
            0.0 event 4504 P1
                record 90-04001 alarm 1 raised by condition X (critical): event 00-04504
                alarm 1 X P1 active
            0.1 event 4504 P1
                until 1.1
            1.1 tick
                alarm 1 X P1 active repeats=1
        "#]],
    );
}

#[test]
fn an_operator_clears_an_active_alarm_once() {
    check(
        &["condition X 4504 by any"],
        "0.0 event 4504 P1
         0.1 clear 1
         0.2 clear 1
         0.3 clear 7",
        expect![[r#"
            0.0 event 4504 P1
                record 90-04001 alarm 1 raised by condition X (critical): event 00-04504
                alarm 1 X P1 active
            0.1 clear 1
                answer Ok(())
                record 90-06008 operator ann asked for clearance of alarm 1
                record 90-04002 alarm 1 of condition X cleared by operator ann, 0 repeats
                alarm 1 X P1 cleared Operator("ann")
            0.2 clear 1
                answer Err(NotFound("alarm 1: not active"))
            0.3 clear 7
                answer Err(NotFound("alarm 7: not active"))
        "#]],
    );
}

#[test]
fn a_test_runs_the_reactions_and_never_stands_in_for_the_real_event() {
    check(
        &[PAIR],
        "0.0 test P2_50
         0.1 test P2_50
         0.2 event 05150 P2
         0.3 ok 1
         0.3 ok 2
         1.0 tick
         1.1 test P2_50
         1.2 tick",
        expect![[r#"
            0.0 test P2_50
                answer Ok(AlarmId(1))
                record 90-06007 operator ann asked for test of condition P2_50
                run 1 P2_UP: Raised test about P2 until 8.0
                run 2 P1_DOWN: Raised test about P2 until 8.0
                record 90-04001 alarm 1 raised by condition P2_50 (critical): simulated by a test: The run mode of the Application is changed to Primary
                alarm 1 P2_50 P2 active [1 Running] [2 Running]
                until 1.0
            0.1 test P2_50
                answer Err(Conflict("alarm 1 of condition P2_50 is active: wait until it clears, or clear it"))
                until 1.0
            0.2 event 05150 P2
                record 90-04001 alarm 2 raised by condition P2_50 (critical): event 00-05150
                alarm 2 P2_50 P2 active [3 Waiting] [4 Waiting]
                until 1.0
            0.3 ok 1
                record 90-04003 reaction P2_UP of alarm 1 succeeded (run 1): enabled
                run 3 P2_UP: Raised about P2 until 8.3
                alarm 1 P2_50 P2 active [1 Succeeded("enabled")] [2 Running]
                alarm 2 P2_50 P2 active [3 Running] [4 Waiting]
                until 1.0
            0.3 ok 2
                record 90-04003 reaction P1_DOWN of alarm 1 succeeded (run 2): enabled
                run 4 P1_DOWN: Raised about P2 until 8.3
                alarm 1 P2_50 P2 active [1 Succeeded("enabled")] [2 Succeeded("enabled")]
                alarm 2 P2_50 P2 active [3 Running] [4 Running]
                until 1.0
            1.0 tick
                record 90-04002 alarm 1 of condition P2_50 cleared by its cancel timeout, 0 repeats
                alarm 1 P2_50 P2 cleared Timeout [1 Succeeded("enabled")] [2 Succeeded("enabled")]
                until 1.2
            1.1 test P2_50
                answer Err(Conflict("alarm 2 of condition P2_50 is active: wait until it clears, or clear it"))
                until 1.2
            1.2 tick
                record 90-04002 alarm 2 of condition P2_50 cleared by its cancel timeout, 0 repeats
                alarm 2 P2_50 P2 cleared Timeout [3 Running] [4 Running]
                until 9.3
        "#]],
    );
}

#[test]
fn a_test_is_refused_where_it_can_not_mean_anything() {
    check(
        &["condition OFF 5150 by P1 disabled
           condition NONE 5150 by type=gateway
           condition GONE 5150 by P9
           condition TYPE 90-04004 by type=router
           condition ANY 90-77777 by any"],
        "0.0 test OFF
         0.0 test NONE
         0.0 test GONE
         0.0 test WHAT
         0.0 test TYPE
         0.0 test ANY",
        expect![[r#"
            0.0 test OFF
                answer Err(Conflict("condition OFF is disabled: enable it to test it"))
            0.0 test NONE
                answer Err(NotFound("application of type gateway: not configured"))
            0.0 test GONE
                answer Err(NotFound("application P9: not configured"))
            0.0 test WHAT
                answer Err(NotFound("condition WHAT: not configured"))
            0.0 test TYPE
                answer Ok(AlarmId(1))
                record 90-06007 operator ann asked for test of condition TYPE
                record 90-04001 alarm 1 raised by condition TYPE (critical): simulated by a test: reaction <reaction> of alarm <alarm> failed (run <run>): <reason>
                alarm 1 TYPE R active
            0.0 test ANY
                answer Ok(AlarmId(2))
                record 90-06007 operator ann asked for test of condition ANY
                record 90-04001 alarm 2 raised by condition ANY (critical): simulated by a test
                alarm 2 ANY control-server active
        "#]],
    );
}

#[test]
fn a_disabled_condition_raises_nothing_but_what_it_has_raised_still_clears() {
    check(
        &["condition X 4504 by any cancel 4503", "condition X 4504 by any cancel 4503 disabled"],
        "0.0 event 4504 P1
         0.1 reconfigure
         0.2 event 4504 P2
         0.3 event 4503 P1",
        expect![[r#"
            0.0 event 4504 P1
                record 90-04001 alarm 1 raised by condition X (critical): event 00-04504
                alarm 1 X P1 active
            0.1 reconfigure
            0.2 event 4504 P2
            0.3 event 4503 P1
                record 90-04002 alarm 1 of condition X cleared by its cancel event, 0 repeats
                alarm 1 X P1 cleared Event
        "#]],
    );
}

#[test]
fn alarms_of_a_removed_condition_are_cleared_and_waiting_runs_of_a_removed_reaction_fail() {
    check(
        &[
            "reaction A on h1
             reaction B on h1
             reaction C on h1
             condition X 4504 by any: A
             condition Y 4504 by any: B C",
            "reaction C on h1
             condition Y 4504 by any: C",
        ],
        "0.0 event 4504 P1
         0.1 reconfigure
         0.2 ok 1
         0.3 ok 3",
        expect![[r#"
            0.0 event 4504 P1
                run 1 A: Raised about P1 until 8.0
                record 90-04001 alarm 1 raised by condition X (critical): event 00-04504
                record 90-04001 alarm 2 raised by condition Y (critical): event 00-04504
                alarm 1 X P1 active [1 Running]
                alarm 2 Y P1 active [2 Waiting] [3 Waiting]
                until 9.0
            0.1 reconfigure
                record 90-04002 alarm 1 of condition X cleared by a change of the configuration, 0 repeats
                alarm 1 X P1 cleared Configuration [1 Running]
                until 9.0
            0.2 ok 1
                record 90-04003 reaction A of alarm 1 succeeded (run 1): enabled
                record 90-04004 reaction B of alarm 2 failed (run 2): reaction B is no longer configured
                run 3 C: Raised about P1 until 8.2
                alarm 1 X P1 cleared Configuration [1 Succeeded("enabled")]
                alarm 2 Y P1 active [2 Failed("reaction B is no longer configured")] [3 Running]
                until 9.2
            0.3 ok 3
                record 90-04003 reaction C of alarm 2 succeeded (run 3): enabled
                alarm 2 Y P1 active [2 Failed("reaction B is no longer configured")] [3 Succeeded("enabled")]
        "#]],
    );
}

#[test]
fn a_run_that_nobody_answers_fails_by_itself_and_lets_the_next_one_run() {
    check(
        &["reaction A on h1 timeout 2
           reaction B on h1
           condition X 4504 by any: A B"],
        "0.0 event 4504 P1
         2.9 tick
         3.0 tick
         3.1 ok 1
         3.2 ok 2",
        expect![[r#"
            0.0 event 4504 P1
                run 1 A: Raised about P1 until 2.0
                record 90-04001 alarm 1 raised by condition X (critical): event 00-04504
                alarm 1 X P1 active [1 Running] [2 Waiting]
                until 3.0
            2.9 tick
                until 3.0
            3.0 tick
                record 90-04004 reaction A of alarm 1 failed (run 1): no answer 1 s after its deadline
                run 2 B: Raised about P1 until 11.0
                alarm 1 X P1 active [1 Failed("no answer 1 s after its deadline")] [2 Running]
                until 12.0
            3.1 ok 1
                until 12.0
            3.2 ok 2
                record 90-04003 reaction B of alarm 1 succeeded (run 2): enabled
                alarm 1 X P1 active [1 Failed("no answer 1 s after its deadline")] [2 Succeeded("enabled")]
        "#]],
    );
}

#[test]
fn a_restart_runs_nothing_and_keeps_alarms_and_the_time_they_have_left() {
    check(
        &["reaction A on h1
           reaction B on h1
           condition X 4504 by any after 10: A B"],
        "5.0 event 4504 P1
         6.0 event 4504 P1
         100.0 restart
         100.5 event 4504 P1
         100.6 ok 1
         108.9 tick
         109.0 tick
         110.0 event 4504 P1",
        expect![[r#"
            5.0 event 4504 P1
                run 1 A: Raised about P1 until 13.0
                record 90-04001 alarm 1 raised by condition X (critical): event 00-04504
                alarm 1 X P1 active [1 Running] [2 Waiting]
                until 14.0
            6.0 event 4504 P1
                until 7.0
            100.0 restart
                record 90-04004 reaction A of alarm 1 failed (run 1): the control server was restarted while it ran
                record 90-04004 reaction B of alarm 1 failed (run 2): the control server was restarted while it ran
                alarm 1 X P1 active repeats=1 [1 Failed("the control server was restarted while it ran")] [2 Failed("the control server was restarted while it ran")]
                until 109.0
            100.5 event 4504 P1
                until 101.5
            100.6 ok 1
                until 101.5
            108.9 tick
                alarm 1 X P1 active repeats=2 [1 Failed("the control server was restarted while it ran")] [2 Failed("the control server was restarted while it ran")]
                until 109.0
            109.0 tick
                record 90-04002 alarm 1 of condition X cleared by its cancel timeout, 2 repeats
                record 90-04008 condition X re-armed; 2 matching events ran no reactions while its alarm was active
                rearmed X P1: 2 suppressed
                alarm 1 X P1 cleared Timeout repeats=2 [1 Failed("the control server was restarted while it ran")] [2 Failed("the control server was restarted while it ran")]
            110.0 event 4504 P1
                run 3 A: Raised about P1 until 118.0
                record 90-04001 alarm 2 raised by condition X (critical): event 00-04504
                alarm 2 X P1 active [3 Running] [4 Waiting]
                until 119.0
        "#]],
    );
}

#[test]
fn a_cleared_alarm_whose_reaction_runs_is_shown_as_failed_after_a_restart_and_forgotten() {
    check(
        &["reaction A
           condition X 4504 by any after 1: A"],
        "0.0 event 4504 P1
         1.0 tick
         1.5 restart
         2.0 restart",
        expect![[r#"
            0.0 event 4504 P1
                run 1 A: Raised about P1 until 8.0
                record 90-04001 alarm 1 raised by condition X (critical): event 00-04504
                alarm 1 X P1 active [1 Running]
                until 1.0
            1.0 tick
                record 90-04002 alarm 1 of condition X cleared by its cancel timeout, 0 repeats
                alarm 1 X P1 cleared Timeout [1 Running]
                until 9.0
            1.5 restart
                record 90-04004 reaction A of alarm 1 failed (run 1): the control server was restarted while it ran
                alarm 1 X P1 cleared Timeout [1 Failed("the control server was restarted while it ran")]
            2.0 restart
        "#]],
    );
}

#[test]
fn alarm_events_and_the_failure_of_a_reaction_do_not_feed_the_alarm_that_they_come_from() {
    check(
        &["reaction A
           condition HISTORY 90-04001 by any
           condition FAILED 90-04004 by any: A"],
        "0.0 event 90-04001 P1
         0.1 event 90-04004 P1
         0.2 fault 1
         0.2 event 90-04004 P1",
        expect![[r#"
            0.0 event 90-04001 P1
            0.1 event 90-04004 P1
                run 1 A: Raised about P1 until 8.1
                record 90-04001 alarm 1 raised by condition FAILED (critical): event 90-04004
                alarm 1 FAILED P1 active [1 Running]
                until 9.1
            0.2 fault 1
                record 90-04004 reaction A of alarm 1 failed (run 1): unavailable: h1 is lost
                alarm 1 FAILED P1 active [1 Failed("unavailable: h1 is lost")]
            0.2 event 90-04004 P1
                until 1.2
        "#]],
    );
}

#[test]
fn at_the_bound_of_alarms_events_are_counted_until_there_is_room() {
    let config = self::config("condition X 4504 by any");
    let mut alarms = Alarms::new(&config);
    let mut records = vec![];
    let mut drain = |alarms: &mut Alarms| {
        while let Some(output) = alarms.poll() {
            if let Output::Record(event) = output
                && event.level != Level::Alarm
            {
                records.push(event.text.to_string());
            }
        }
    };
    for number in 0..ALARMS_MAX + 3 {
        let whom = format!("host={number}");
        alarms.handle(now(0), event(&config, now(0), "4504", &whom));
        drain(&mut alarms);
    }
    assert_eq!(alarms.active().count(), ALARMS_MAX);
    for number in 0..ALARMS_MAX / 10 {
        alarms.clear(now(1), AlarmId(number as u64 + 1), "ann").unwrap();
        drain(&mut alarms);
    }
    records.retain(|text| !text.starts_with("operator"));
    assert_eq!(
        records,
        [
            "10000 alarms are active; events that would raise more are only counted",
            "there is room for alarms again; 3 were not raised",
        ]
    );
}

#[test]
fn at_the_bound_of_runs_a_reaction_fails_at_once_and_says_so() {
    let config = self::config("reaction A on h1\n condition X 4504 by any: A");
    let mut alarms = Alarms::new(&config);
    let mut states = BTreeMap::new();
    for number in 0..=crate::limits::REACTION_RUNS_MAX {
        let whom = format!("host={number}");
        alarms.handle(now(0), event(&config, now(0), "4504", &whom));
        while let Some(output) = alarms.poll() {
            if let Output::Changed(view) = output {
                states.insert(view.id, view.reactions[0].state.clone());
            }
        }
    }
    let count = |wanted: &dyn Fn(&ReactionState) -> bool| {
        states.values().filter(|state| wanted(state)).count()
    };
    assert_eq!(count(&|state| *state == ReactionState::Running), 1);
    assert_eq!(count(&|state| *state == ReactionState::Waiting), 999);
    assert_eq!(count(&|s| *s == ReactionState::Failed("1000 runs wait already".into())), 1);
}
