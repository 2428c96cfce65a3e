//! What a script may ask of the management layer and of the host itself: modules with the names
//! and functions of the contract, `_` for `-`. A fault is thrown.

use std::rc::Rc;

use takeover_script::rhai::{Dynamic, Engine, Module};

use super::Host;
use super::alarm::{entries, number, optional, text};
use super::fault::{Outcome, function, thrown};
use crate::bindings::takeover::plugin::management::{Application, OnlyIf};
use crate::bindings::takeover::plugin::types::{RunMode, Status};

/// Teaches the engine `settings`, `clock`, `memory`, `management` and `vip_control`.
pub fn register(engine: &mut Engine, host: &Rc<dyn Host>) {
    engine.register_static_module("settings", settings(host).into());
    engine.register_static_module("clock", clock(host).into());
    engine.register_static_module("memory", memory(host).into());
    engine.register_static_module("management", management(host).into());
    engine.register_static_module("vip_control", vip_control(host).into());
}

fn settings(host: &Rc<dyn Host>) -> Module {
    let mut module = Module::new();
    function!(module, "get", |host, key: &str| Ok(optional(host.setting(key).as_deref())));
    module
}

fn clock(host: &Rc<dyn Host>) -> Module {
    let mut module = Module::new();
    function!(module, "now_unix_ms", |host| Ok(number(host.now_unix_ms())));
    function!(module, "monotonic_ms", |host| Ok(number(host.monotonic_ms())));
    function!(module, "wait_ms", |host, duration_ms: i64| {
        let max = u32::MAX;
        let duration_ms = u32::try_from(duration_ms)
            .map_err(|_| format!("clock::wait_ms: {duration_ms}, allowed is 0 to {max}"))?;
        host.wait_ms(duration_ms);
        Ok(())
    });
    module
}

/// Values are text here: a script has no other use for bytes that it made itself.
fn memory(host: &Rc<dyn Host>) -> Module {
    let mut module = Module::new();
    function!(module, "get", |host, key: &str| {
        let value = thrown(host.recall(key))?;
        Ok(optional(value.map(|value| String::from_utf8_lossy(&value).into_owned()).as_deref()))
    });
    function!(module, "set", |host, key: &str, value: &str| {
        thrown(host.remember(key, Some(value.as_bytes())))
    });
    function!(module, "set", |host, key: &str, _forget: ()| thrown(host.remember(key, None)));
    module
}

fn management(host: &Rc<dyn Host>) -> Module {
    let mut module = Module::new();
    function!(module, "get_application", |host, name: &str| {
        thrown(host.get_application(name)).map(|found| application(&found))
    });
    function!(module, "start_application", |host, name: &str| {
        thrown(host.start_application(name))
    });
    function!(module, "stop_application", |host, name: &str, graceful: bool| {
        thrown(host.stop_application(name, graceful))
    });
    function!(module, "restart_application", |host, name: &str| {
        thrown(host.restart_application(name))
    });
    function!(module, "start_solution", |host, name: &str| thrown(host.start_solution(name)));
    function!(module, "stop_solution", |host, name: &str| thrown(host.stop_solution(name)));
    function!(module, "switchover", |host, application: &str, only_if: &str| {
        thrown(host.switchover(application, read_only_if(only_if)?))
    });
    function!(module, "set_option", |host,
                                     application: &str,
                                     section: &str,
                                     key: &str,
                                     value: &str| {
        thrown(host.set_option(application, (section, key), value))
    });
    module
}

fn read_only_if(word: &str) -> Outcome<OnlyIf> {
    match word {
        "primary" => Ok(OnlyIf::Primary),
        "backup" => Ok(OnlyIf::Backup),
        "any" => Ok(OnlyIf::Any),
        other => {
            let allowed = "allowed is primary, backup or any";
            Err(format!("management::switchover: only_if is {other:?}, {allowed}").into())
        }
    }
}

fn vip_control(host: &Rc<dyn Host>) -> Module {
    let mut module = Module::new();
    function!(module, "enable", |host, vip: &str, application: &str| {
        thrown(host.enable_vip(vip, application))
    });
    function!(module, "disable", |host, vip: &str, application: &str| {
        thrown(host.disable_vip(vip, application))
    });
    module
}

fn application(found: &Application) -> Dynamic {
    let status = match found.status {
        Status::Unknown => "unknown",
        Status::Stopped => "stopped",
        Status::StartPending => "start-pending",
        Status::StartTransition => "start-transition",
        Status::Initializing => "initializing",
        Status::Running => "running",
        Status::ServiceUnavailable => "service-unavailable",
        Status::Suspending => "suspending",
        Status::Suspended => "suspended",
        Status::StopPending => "stop-pending",
        Status::StopTransition => "stop-transition",
    };
    let run_mode = found.run_mode.map(|run_mode| match run_mode {
        RunMode::Primary => "primary",
        RunMode::Backup => "backup",
        RunMode::Exiting => "exiting",
    });
    Dynamic::from_map(entries([
        ("name", text(&found.name)),
        ("host", text(&found.host)),
        ("kind", text(&found.kind)),
        ("status", status.into()),
        ("run_mode", optional(run_mode)),
    ]))
}
