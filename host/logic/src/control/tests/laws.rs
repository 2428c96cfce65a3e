//! What must hold for any course of events, and that the same inputs give the same outputs.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::bench::{Bench, UP, config, now_at};
use crate::control::Control;
use crate::control::io::{Input, Output};
use crate::ids::RequestId;
use crate::link::{ControlMessage, RunMode, Task};
use crate::time::Instant;

/// Words of a script, with the milliseconds before them.
fn any_line() -> impl Strategy<Value = (u64, String)> {
    let hosts = prop_oneof![Just("h1"), Just("h2")];
    let names = prop_oneof![Just("sip-1"), Just("sip-2")];
    let manners = prop_oneof![
        4 => Just("obedient"),
        1 => Just("deaf"),
        1 => Just("contrary"),
        1 => Just("clumsy"),
        1 => Just("silent"),
    ];
    let words = prop_oneof![
        4 => hosts.clone().prop_map(|host| format!("link {host}")),
        2 => hosts.clone().prop_map(|host| format!("cut {host}")),
        3 => (hosts.clone(), manners).prop_map(|(host, manner)| format!("{host} is {manner}")),
        2 => hosts.clone().prop_map(|host| format!("{host} answers")),
        2 => names.clone().prop_map(|name| format!("died {name}")),
        3 => names.clone().prop_map(|name| format!("restarted {name}")),
        1 => names.clone().prop_map(|name| format!("unavailable {name}")),
        1 => names.clone().prop_map(|name| format!("available {name}")),
        3 => Just("operator switchover".to_owned()),
        1 => names.clone().prop_map(|name| format!("operator stop {name}")),
        1 => names.clone().prop_map(|name| format!("operator start {name}")),
        1 => names.prop_map(|name| format!("operator restart {name}")),
        1 => Just("operator pause".to_owned()),
        2 => Just("operator resume".to_owned()),
        1 => Just("operator test ALRM_SIP_BACKUP_50_HAPrimary".to_owned()),
        1 => Just("operator start sip-2_VIP_UP".to_owned()),
        1 => Just("hang reactions".to_owned()),
        2 => Just("release reactions".to_owned()),
        1 => Just("trap reactions".to_owned()),
        1 => hosts.clone().prop_map(|host| format!("let-go {host}")),
        1 => hosts.prop_map(|host| format!("network {host} bad")),
        1 => Just("restart".to_owned()),
    ];
    let wait = prop_oneof![3 => Just(0_u64), 3 => 0..200_u64, 1 => 0..4_000_u64];
    (wait, words)
}

fn play(bench: &mut Bench, lines: &[(u64, String)]) {
    for (wait_ms, words) in lines {
        bench.wait_until(bench.now + Duration::from_millis(*wait_ms));
        bench.say(&words.split_whitespace().collect::<Vec<_>>());
        bench.pump();
        let primaries = ["sip-1", "sip-2"].map(|name| bench.control.run_mode_of(&name.into()));
        assert!(primaries != [Some(RunMode::Primary); 2], "two confirmed primaries after {words}");
    }
}

/// How often each request was answered, of those that a restart did not orphan.
fn answers(bench: &Bench) -> BTreeMap<RequestId, usize> {
    let mut answers = BTreeMap::new();
    for (_, output) in &bench.outputs {
        if let Output::AnswerOperator { request, .. } | Output::AnswerComponent { request, .. } =
            output
        {
            *answers.entry(*request).or_default() += 1;
        }
    }
    answers
}

fn promotions_rise(bench: &Bench) {
    let mut last = None;
    for (_, output) in &bench.outputs {
        if let Output::Send { message: ControlMessage::Order { task, .. }, .. } = output
            && let Task::SetRunMode { run_mode: RunMode::Primary, term, application, .. } = task
        {
            let again = last.as_ref().is_none_or(|(before, who)| {
                term > before || (term == before && who == application)
            });
            assert!(again, "{application} with term {term} after {last:?}");
            last = Some((*term, application.clone()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn no_course_of_events_breaks_the_laws(
        lines in proptest::collection::vec(any_line(), 1..40),
    ) {
        let mut bench = Bench::new(config(""));
        bench.run(UP);
        play(&mut bench, &lines);
        promotions_rise(&bench);
        // Long enough for every bound: a stop takes 11 s, an answer to a switchover 14 s.
        bench.wait_until(bench.now + Duration::from_secs(120));
        let restarts = lines.iter().any(|(_, words)| words == "restart");
        let answers = answers(&bench);
        prop_assert!(answers.values().all(|count| *count == 1), "{answers:?}");
        for (_, input) in &bench.inputs {
            if let Input::Operator { request, .. } | Input::Component { request, .. } = input {
                prop_assert!(restarts || answers.contains_key(request), "{input:?} not answered");
            }
        }
    }

    /// Whatever happened: when both hosts are linked and obedient and everything runs, the pair
    /// has one primary, and the address is there and nowhere else.
    #[test]
    fn everything_heals(lines in proptest::collection::vec(any_line(), 0..30)) {
        let mut bench = Bench::new(config(""));
        bench.run(UP);
        play(&mut bench, &lines);
        bench.wait_until(bench.now + Duration::from_secs(15));
        for words in [
            "release reactions",
            "cut h1", "cut h2", "link h1", "link h2", "restarted sip-1", "restarted sip-2",
            "operator resume", "network h1 good", "network h2 good",
        ] {
            bench.say(&words.split_whitespace().collect::<Vec<_>>());
            bench.pump();
        }
        bench.wait_until(bench.now + Duration::from_secs(60));
        let overview = bench.control.overview();
        let primary = overview.pairs[0].primary.clone();
        prop_assert!(primary.is_some(), "{overview:#?}");
        let holder = if primary == Some("sip-1".into()) { "h1" } else { "h2" };
        let other = if holder == "h1" { "h2" } else { "h1" };
        prop_assert!(bench.agent(holder).holds(), "{}\n{overview:#?}", bench.story);
        prop_assert!(!bench.agent(other).holds(), "{}\n{overview:#?}", bench.story);
    }

    #[test]
    fn the_same_inputs_give_the_same_outputs(
        lines in proptest::collection::vec(any_line(), 1..30),
    ) {
        let lines: Vec<_> = lines.into_iter().filter(|(_, words)| words != "restart").collect();
        let mut bench = Bench::new(config(""));
        bench.run(UP);
        play(&mut bench, &lines);
        let mut control = Control::new(config(""), now_at(Instant(0)));
        let mut again = Vec::new();
        for (now, input) in bench.inputs {
            let json = serde_json::to_string(&input).unwrap();
            control.handle(now, serde_json::from_str(&json).unwrap());
            while let Some(output) = control.poll() {
                again.push((now.instant, output));
            }
        }
        prop_assert_eq!(&again, &bench.outputs);
        prop_assert_eq!(control.save(), bench.control.save());
    }
}
