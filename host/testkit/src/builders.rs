//! Small configurations for tests and measurements, without the detour over text.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use takeover_logic::component::Category;
use takeover_logic::config::model::{
    Application, Condition, Config, ControlSettings, EventSelector, Program, Reaction, Runs,
    Selection,
};
use takeover_logic::ids::{ConditionName, ReactionName};
use takeover_logic::limits::PAIR_CANCEL_TIMEOUT;
use takeover_logic::log_event::EventId;

/// A configuration with the defaults and no objects.
pub fn empty_config() -> Config {
    Config {
        control: ControlSettings {
            heartbeat_interval: Duration::from_millis(100),
            heartbeat_misses: 3,
            disconnect_switchover_timeout: Duration::ZERO,
            evidence_wait: Duration::from_secs(10),
            startup_grace: Duration::from_secs(10),
            confirm_timeout: Duration::from_secs(2),
        },
        hosts: BTreeMap::new(),
        applications: BTreeMap::new(),
        pairs: BTreeMap::new(),
        vips: BTreeMap::new(),
        reactions: BTreeMap::new(),
        conditions: BTreeMap::new(),
        solutions: BTreeMap::new(),
    }
}

/// A program under a host's agent, with the defaults of one of a pair.
pub fn program(name: &str, kind: &Arc<str>, host: &str) -> Application {
    Application {
        name: name.into(),
        kind: kind.clone(),
        host: host.into(),
        runs: Runs::Program(Program {
            command: vec![format!("/usr/bin/{name}")],
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
        }),
        startup_timeout: Duration::from_secs(90),
        pair: None,
    }
}

/// A condition like those of a pair: critical, re-armed after a second.
pub fn condition(name: impl Into<Arc<str>>, event: EventId, selection: Selection) -> Condition {
    Condition {
        name: ConditionName::new(name),
        description: "".into(),
        category: Category::Critical,
        detect: EventSelector { event, selection },
        cancel: None,
        cancel_timeout: Some(PAIR_CANCEL_TIMEOUT),
        reactions: Vec::new(),
        clearance_reactions: Vec::new(),
        enabled: true,
    }
}

/// A reaction without a target and settings.
pub fn reaction(name: impl Into<Arc<str>>) -> Reaction {
    Reaction {
        name: ReactionName::new(name),
        plugin: "reaction-vip".into(),
        settings: BTreeMap::new(),
        timeout: Duration::from_secs(8),
        target: None,
    }
}
