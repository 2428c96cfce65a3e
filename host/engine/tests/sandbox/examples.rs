//! The configuration in each component's `example.toml` is one that works.

use std::fs;

use takeover_engine::{Engine, EngineSettings, Kind};
use takeover_logic::config;

use crate::fixture::{load_shipped, source};

/// What the examples take for granted: a pair, and two more applications.
const AROUND: &str = r#"
[[host]]
name = "h1"
address = "10.81.1.11"
interfaces = { eth0 = ["10.81.1.11/24"] }

[[host]]
name = "h2"
address = "10.81.1.12"
interfaces = { eth0 = ["10.81.1.12/24"] }

[[pair]]
name = "sip"
hosts = ["h1", "h2"]
vip = "10.81.1.100/24"
application = { command = ["sip"] }
primary = { name = "sip-a" }
backup = { name = "sip-b" }

[[application]]
name = "media"
host = "h1"
command = ["media"]

[[application]]
name = "recorder"
host = "h2"
command = ["recorder"]
"#;

#[test]
fn every_example_is_a_configuration_that_its_component_accepts() {
    let engine = Engine::start(EngineSettings::default()).unwrap();
    for plugin in &load_shipped(&engine) {
        let name = &plugin.manifest.name;
        // Nodes are given the settings of these when they are started; no file names them.
        if matches!(plugin.manifest.kind, Kind::SipMonitor | Kind::ForwardingPolicy) {
            continue;
        }
        let example = fs::read_to_string(source(name).join("example.toml")).unwrap();
        let files =
            [("around.toml".to_owned(), AROUND.to_owned()), ("example.toml".to_owned(), example)];
        let checked = config::read(&files).unwrap_or_else(|errors| {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            panic!("{name}: {errors:#?}")
        });
        let reactions = checked.config.reactions.values().map(|r| (&r.plugin, &r.settings));
        let backends = checked.config.vips.values().map(|v| (&v.backend, &v.settings));
        let mut used = 0;
        for (_, settings) in reactions.chain(backends).filter(|(used, _)| used.as_str() == name) {
            assert_eq!(plugin.validate_settings(settings), Vec::<String>::new(), "{name}");
            used += 1;
        }
        assert!(used > 0, "{name}: its example does not use it");
    }
}
