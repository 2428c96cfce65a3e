//! What holds for alarms whatever happens: any inputs, in any order, with restarts between them.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::tests::{config, event, now, render};
use super::*;
use crate::control::io::{ReactionFault, ReactionState};

const RULES: &str = "
    reaction A on h1
    reaction B on h1 timeout 2
    reaction C on h2
    reaction D timeout 1
    condition APP 5150 by P1 after 1: A C
    condition TYPE 5150 by type=sip cancel 5151: B D
    condition ANY 5151 by any after 3: D A B
    clearance TYPE: A D
    clearance ANY: C
";
const OTHER_RULES: &str = "
    reaction A on h2
    reaction D timeout 1
    condition APP 5150 by P1 after 1: A
    condition TYPE 5150 by type=sip cancel 5151 disabled: D
";

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    Event(&'static str, &'static str),
    /// The run that has been under way longest, or the n-th of them, ends.
    Ended(usize, bool),
    Test(&'static str),
    Clear(u64),
    Tick,
    Restart,
    Reconfigure(bool),
}

fn step() -> impl Strategy<Value = (u64, Step)> {
    let whom = prop::sample::select(vec!["P1", "P2", "R", "host=h1", "-"]);
    let step = prop_oneof![
        8 => (prop::sample::select(vec!["5150", "5151"]), whom)
            .prop_map(|(e, w)| Step::Event(e, w)),
        8 => (0..4usize, any::<bool>()).prop_map(|(run, ok)| Step::Ended(run, ok)),
        2 => prop::sample::select(vec!["APP", "TYPE", "ANY"]).prop_map(Step::Test),
        2 => (1..20u64).prop_map(Step::Clear),
        4 => Just(Step::Tick),
        1 => Just(Step::Restart),
        1 => any::<bool>().prop_map(Step::Reconfigure),
    ];
    (prop_oneof![Just(0), 1..1500u64], step)
}

/// What an outside observer knows of the runs.
#[derive(Default)]
struct Observer {
    /// Runs under way, with their target.
    running: BTreeMap<RunId, Option<HostName>>,
    ended: BTreeSet<RunId>,
    /// Outcomes recorded as log events, by run.
    outcomes: BTreeMap<String, u32>,
    suppressed: u64,
    views: BTreeMap<AlarmId, AlarmView>,
    story: Vec<String>,
}

impl Observer {
    fn see(&mut self, output: Output, reactions: &Config) -> Result<(), TestCaseError> {
        self.story.push(render(&output));
        match output {
            Output::Run(run) => {
                prop_assert!(!self.ended.contains(&run.run), "run {} ran twice", run.run);
                let target =
                    reactions.reactions.get(&run.reaction).and_then(|found| found.target.clone());
                let beside = self.running.values().filter(|other| **other == target).count();
                prop_assert!(target.is_none() || beside == 0, "two run on {:?}", target);
                let before = self.running.insert(run.run, target);
                prop_assert_eq!(before, None);
            }
            Output::Record(event) => {
                if [catalog::REACTION_SUCCEEDED, catalog::REACTION_FAILED].contains(&event.id) {
                    let run = event.attributes.iter().find(|a| &*a.name == "run").unwrap();
                    *self.outcomes.entry(run.value.to_string()).or_default() += 1;
                    let run = RunId(run.value.parse().unwrap());
                    self.running.remove(&run);
                    self.ended.insert(run);
                }
            }
            Output::Changed(view) => {
                self.views.insert(view.id, view);
            }
            Output::Rearmed { suppressed, .. } => {
                prop_assert!(suppressed > 0);
                self.suppressed += u64::from(suppressed);
            }
        }
        Ok(())
    }
}

/// Runs steps; checks after each of them what must always hold. Gives the story.
fn run(steps: &[(u64, Step)]) -> Result<Vec<String>, TestCaseError> {
    let configs = [config(RULES), config(OTHER_RULES)];
    // Targets of an alarm's runs are those of the time when it was raised, so an observer can
    // judge them only while the rules do not change.
    let mut rules = &configs[0];
    let mut alarms = Alarms::new(rules);
    let mut observer = Observer::default();
    let mut millis = 0;
    for (later, step) in steps {
        millis += later;
        let at = now(millis);
        observer.story.push(format!("{millis} {step:?}"));
        match step {
            Step::Event(id, whom) => alarms.handle(at, event(rules, at, id, whom)),
            Step::Ended(place, ok) => {
                if let Some(run) = observer.running.keys().nth(*place).copied() {
                    let fault = ReactionFault::Ended("trap".into());
                    let result = if *ok { Ok("done".into()) } else { Err(fault) };
                    alarms.handle(at, Input::ReactionEnded { run, result });
                }
            }
            Step::Test(condition) => {
                let _ = alarms.test(at, &(*condition).into(), "ann");
            }
            Step::Clear(alarm) => {
                let _ = alarms.clear(at, AlarmId(*alarm), "ann");
            }
            Step::Tick => alarms.handle(at, Input::Tick),
            Step::Restart => {
                alarms = Alarms::restore(rules, alarms.save(), at);
                let runs = alarms.outputs.iter().filter(|o| matches!(o, Output::Run(_))).count();
                prop_assert_eq!(runs, 0, "a restart ran something");
            }
            Step::Reconfigure(other) => {
                rules = &configs[usize::from(*other)];
                alarms.reconfigure(at, rules);
            }
        }
        drain(&mut alarms, &mut observer, rules)?;
    }
    // Left alone, it comes to rest: each deadline brings it nearer.
    for _ in 0..1000 {
        let Some(deadline) = alarms.deadline() else { break };
        alarms.handle(now(deadline.0 / 1_000_000), Input::Tick);
        drain(&mut alarms, &mut observer, rules)?;
    }
    prop_assert_eq!(alarms.deadline(), None);
    prop_assert!(observer.running.is_empty(), "runs without an end: {:?}", observer.running);
    for (run, times) in &observer.outcomes {
        prop_assert_eq!(*times, 1, "outcome of run {} recorded more than once", run);
    }
    let mut suppressed = 0;
    for view in observer.views.values() {
        for reaction in &view.reactions {
            let ended =
                matches!(reaction.state, ReactionState::Succeeded(_) | ReactionState::Failed(_));
            prop_assert!(ended, "last seen {:?}", reaction);
            prop_assert!(observer.outcomes.contains_key(&reaction.run.to_string()));
        }
        if view.cleared.is_some() && !view.test {
            suppressed += u64::from(view.repeats);
        }
    }
    prop_assert_eq!(suppressed, observer.suppressed);
    Ok(observer.story)
}

fn drain(
    alarms: &mut Alarms,
    observer: &mut Observer,
    rules: &Config,
) -> Result<(), TestCaseError> {
    while let Some(output) = alarms.poll() {
        observer.see(output, rules)?;
    }
    let keys: BTreeSet<Key> = (alarms.alarms.values())
        .filter(|alarm| alarm.view.cleared.is_none())
        .map(Alarm::key)
        .collect();
    prop_assert_eq!(keys.len(), alarms.active().count(), "two active alarms of one kind");
    prop_assert_eq!(keys, alarms.active.keys().cloned().collect::<BTreeSet<_>>());
    for alarm in alarms.alarms.values() {
        let is_open = |state: &ReactionState| {
            matches!(state, ReactionState::Waiting | ReactionState::Running)
        };
        let open = alarm.view.reactions.iter().filter(|view| is_open(&view.state)).count();
        prop_assert_eq!(open, alarm.open_runs);
        prop_assert!(open > 0 || alarm.view.cleared.is_none(), "kept without a reason");
    }
    Ok(())
}

/// Reconfiguration changes targets, which the observer could not follow.
fn without_reconfiguration(steps: Vec<(u64, Step)>) -> Vec<(u64, Step)> {
    steps.into_iter().filter(|(_, step)| !matches!(step, Step::Reconfigure(_))).collect()
}

proptest! {
    #[test]
    fn runs_end_once_counters_add_up_and_a_replay_repeats(
        steps in prop::collection::vec(step(), 0..60).prop_map(without_reconfiguration)
    ) {
        let story = run(&steps)?;
        prop_assert_eq!(&story, &run(&steps)?);
    }

    #[test]
    fn a_saved_state_is_the_same_after_it_was_restored_and_saved_again(
        steps in prop::collection::vec(step(), 0..40)
    ) {
        let rules = [config(RULES), config(OTHER_RULES)];
        let mut alarms = Alarms::new(&rules[0]);
        let mut current = &rules[0];
        let mut millis = 0;
        for (later, step) in &steps {
            millis += later;
            let at = now(millis);
            match step {
                Step::Event(id, whom) => alarms.handle(at, event(current, at, id, whom)),
                Step::Test(condition) => {
                    let _ = alarms.test(at, &(*condition).into(), "ann");
                }
                Step::Reconfigure(other) => {
                    current = &rules[usize::from(*other)];
                    alarms.reconfigure(at, current);
                }
                _ => alarms.handle(at, Input::Tick),
            }
            while alarms.poll().is_some() {}
        }
        let at = now(millis + 1);
        alarms.handle(at, Input::Tick);
        let once = Alarms::restore(current, alarms.save(), at);
        let saved = once.save();
        let text = serde_json::to_string(&saved).unwrap();
        let again: Saved = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&again, &saved);
        let mut twice = Alarms::restore(current, again, at);
        prop_assert_eq!(twice.save(), saved);
        prop_assert_eq!(twice.poll(), None);
    }
}
