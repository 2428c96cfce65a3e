//! The cases of the shipped components, run in the sandbox: what held natively holds here too.

use std::path::PathBuf;

use takeover_engine::player::{Player, Scenario};
use takeover_engine::{EngineSettings, Kind, Plugin};

use crate::fixture::{load_shipped, source, wait};

fn scenarios(plugin: &Plugin) -> Vec<(PathBuf, Scenario)> {
    Scenario::read_all(plugin.manifest.kind, &source(&plugin.manifest.name)).unwrap()
}

#[test]
fn every_case_of_every_shipped_component_holds_in_the_sandbox() {
    let mut player = Player::start(EngineSettings::default()).unwrap();
    let plugins = load_shipped(player.engine());
    for kind in [Kind::AlarmReaction, Kind::VipBackend, Kind::SipMonitor, Kind::ForwardingPolicy] {
        assert!(plugins.iter().any(|plugin| plugin.manifest.kind == kind), "none of kind {kind}");
    }
    let mut failed = Vec::new();
    for plugin in &plugins {
        let scenarios = scenarios(plugin);
        let name = &plugin.manifest.name;
        assert!(scenarios.len() >= 3, "{name}: success, denied and time-out at least");
        failed.extend(wait(player.problems(plugin, &scenarios)));
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// The first case of a shipped component that `change` makes one that can not be played: the
/// sentences about it.
fn problems(name: &str, change: impl Fn(&mut Scenario)) -> String {
    let mut player = Player::start(EngineSettings::default()).unwrap();
    let plugins = load_shipped(player.engine());
    let plugin = plugins.iter().find(|plugin| plugin.manifest.name == name).unwrap();
    let (_, mut scenario) = scenarios(plugin).remove(0);
    change(&mut scenario);
    let played = wait(player.play(plugin, &scenario));
    assert_eq!(played.memory_bytes_max, 0, "it was played");
    played.problems.join("\n")
}

#[test]
fn case_that_can_not_be_played_says_why() {
    let found = problems("reaction-start-application", |scenario| {
        let Scenario::Call(case) = scenario else { panic!("{scenario:?}") };
        case.settings.insert("colour".into(), "red".into());
        case.alarm.event = "51-x".into();
        case.alarm.category = "grave".into();
        case.order.action = "sideways".into();
    });
    for part in [
        "setting colour of",
        "alarm.event is \"51-x\"",
        "alarm.category: unknown variant `grave`, expected one of `critical`",
        "order.action is \"sideways\"",
    ] {
        assert!(found.contains(part), "{part} not in {found}");
    }
    let found = problems("monitor-traffic", |scenario| {
        let Scenario::Monitor(case) = scenario else { panic!("{scenario:?}") };
        case.settings.insert("wait_for_vip".into(), 3.into());
        case.sample[1].run_mode = "idle".into();
    });
    for part in ["setting wait_for_vip", "sample 2: run_mode: unknown variant `idle`"] {
        assert!(found.contains(part), "{part} not in {found}");
    }
    let found = problems("forward-dr", |scenario| {
        let Scenario::Policy(case) = scenario else { panic!("{scenario:?}") };
        case.call.kind = "outbound".into();
        case.call.node_mode = "gone".into();
        case.call.destination.dr_forward = "on".into();
    });
    for part in ["call.kind: unknown", "call.node_mode: unknown", "dr_forward: unknown"] {
        assert!(found.contains(part), "{part} not in {found}");
    }
}

#[test]
fn case_of_another_kind_differs_and_calls_nothing() {
    let mut player = Player::start(EngineSettings::default()).unwrap();
    let plugins = load_shipped(player.engine());
    let plugin = |name: &str| plugins.iter().find(|p| p.manifest.name == name).unwrap();
    let (reaction, monitor, policy) =
        (plugin("reaction-start-application"), plugin("monitor-traffic"), plugin("forward-dr"));
    for (called, of) in [(monitor, reaction), (policy, monitor), (reaction, policy)] {
        let (_, mut scenario) = scenarios(of).remove(0);
        match &mut scenario {
            Scenario::Call(case) => case.settings.clear(),
            Scenario::Monitor(case) => case.settings.clear(),
            Scenario::Policy(case) => case.settings.clear(),
        }
        let problems = wait(player.play(called, &scenario)).problems.join("\n");
        let (name, kind) = (&called.manifest.name, called.manifest.kind);
        let part = format!("fault invalid: plugin {name} is of kind {kind}, wanted is ");
        assert!(problems.contains(&part), "{part} not in {problems}");
    }
}
