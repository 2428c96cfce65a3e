//! The cases of the shipped components, run in the sandbox: what held natively holds here too.

use std::path::{Path, PathBuf};

use takeover_cases::read_all;
use takeover_engine::player::Player;
use takeover_engine::{EngineSettings, Plugin};

use crate::fixture::{load, shelf, wait};

fn source(plugin: &Plugin) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins").join(&plugin.manifest.name)
}

#[test]
fn every_case_of_every_shipped_component_holds_in_the_sandbox() {
    let mut player = Player::start(EngineSettings::default()).unwrap();
    let loaded = load(player.engine(), &shelf("plugins.d"));
    assert!(loaded.plugins.len() >= 5, "{:?}", loaded.plugins);
    let mut failed = String::new();
    for plugin in &loaded.plugins {
        let cases = read_all(&source(plugin)).unwrap();
        let name = &plugin.manifest.name;
        assert!(cases.len() >= 3, "{name}: success, denied and time-out at least");
        for (path, case) in &cases {
            for problem in wait(player.play(plugin, case)).problems {
                failed.push_str(&format!("\n{} ({}): {problem}", path.display(), case.title));
            }
        }
    }
    assert!(failed.is_empty(), "{failed}");
}

#[test]
fn case_that_can_not_be_played_says_why() {
    let mut player = Player::start(EngineSettings::default()).unwrap();
    let loaded = load(player.engine(), &shelf("plugins.d"));
    let plugin = loaded.plugin("reaction-start-application").unwrap();
    let (_, mut case) = read_all(&source(plugin)).unwrap().remove(0);
    case.settings.insert("colour".into(), "red".into());
    case.alarm.event = "51-x".into();
    case.order.action = "sideways".into();
    let problems = wait(player.play(plugin, &case)).problems.join("\n");
    for part in ["setting colour of", "alarm.event is \"51-x\"", "order.action is \"sideways\""] {
        assert!(problems.contains(part), "{part} not in {problems}");
    }
}
