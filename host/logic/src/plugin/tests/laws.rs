//! What holds for any sequence of inputs.

use proptest::prelude::*;

use super::*;

/// What can happen, in the words of the scripts.
fn happening() -> impl Strategy<Value = String> {
    let package = prop::sample::select(vec!["a", "b", "c", "d", "e"]);
    let half = prop::sample::select(vec!["", " half"]);
    let end = prop::sample::select(vec!["ok", "trap", "limit", "deadline", "slow 50"]);
    let order = prop::sample::select(vec![
        "rollback",
        "promote",
        "shadow on",
        "shadow off",
        "release",
        "reload",
    ]);
    let step = prop::sample::select(vec!["verify", "check", "compile", "link", "start"]);
    let how = prop::sample::select(vec!["hang", "broken", "pending"]);
    prop_oneof![
        4 => (package, half).prop_map(|(package, half)| format!("folder {package}{half}")),
        1 => Just("folder no-component".to_owned()),
        2 => Just("scan".to_owned()),
        4 => (0..9, end.clone()).prop_map(|(input, end)| format!("does {input} {end}")),
        2 => (0..9).prop_map(|input| format!("call {input}")),
        2 => end.prop_map(|end| format!("ends {end}")),
        2 => order.prop_map(|order| format!("order {order}")),
        2 => (step, how).prop_map(|(step, how)| format!("fail {step} {how}")),
        2 => Just("mend".to_owned()),
        1 => Just("grants".to_owned()),
        1 => (1..9).prop_map(|generation| format!("compare {generation} differs")),
    ]
}

fn story() -> impl Strategy<Value = Vec<(u32, String)>> {
    let pause = prop::sample::select(vec![0, 50, 150, 1000, 3000, 61_000, 700_000]);
    prop::collection::vec((pause, happening()), 1..80)
}

/// Runs a story and looks at the machine after each happening.
fn tell(settings: Settings, story: Vec<(u32, String)>, look: impl Fn(&Bench, &str)) {
    let mut bench = Bench::new(settings, Saved::default());
    bench.run("0 folder a");
    let mut at_ms = 0_u64;
    for (pause, words) in story {
        at_ms += u64::from(pause);
        if words.starts_with("ends") && bench.calls.is_empty() {
            continue;
        }
        let line = format!("{}.{:03} {words}", at_ms / 1000, at_ms % 1000);
        bench.run(&line);
        look(&bench, &line);
    }
}

proptest! {
    #[test]
    fn no_candidate_takes_the_active_version_away(story in story()) {
        tell(REACTION, story, |bench, line| {
            assert!(bench.machine.active().is_some(), "after {line}:\n{}", bench.story);
        });
    }

    #[test]
    fn everything_is_bounded(story in story()) {
        tell(REACTION, story, |bench, line| {
            let view = bench.machine.view(bench.now);
            assert!(view.previous.len() <= 2, "after {line}");
            assert!(view.rejected.len() <= 16, "after {line}");
            assert!(view.others.len() <= 8 + 3, "after {line}");
            assert!(bench.machine.saved().denied.len() <= 16, "after {line}");
            let active = view.active.unwrap().digest;
            assert!(view.previous.iter().all(|it| it.0 != active), "after {line}");
        });
    }

    /// The active version of a backend changes only when none of its calls is under way.
    #[test]
    fn backend_never_changes_under_an_order(story in story()) {
        let before = std::cell::RefCell::new((None, 0));
        tell(BACKEND, story, |bench, line| {
            let active = bench.machine.active();
            let (was, _) = *before.borrow();
            if was.is_some() && was != active {
                let under_way = bench.calls.iter().filter(|(it, _)| Some(*it) == was).count();
                assert_eq!(under_way, 0, "after {line}:\n{}", bench.story);
            }
            *before.borrow_mut() = (active, bench.calls.len());
        });
    }

    /// A restart in the middle begins with a version that was in use.
    #[test]
    fn restart_finds_a_version(story in story()) {
        tell(REACTION, story, |bench, line| {
            let saved = bench.machine.saved();
            assert!(saved.active.is_some(), "after {line}");
            let mut again = Bench::new(REACTION, saved);
            again.run("0 folder no-component");
            assert!(again.machine.active().is_some(), "after {line}");
        });
    }
}
