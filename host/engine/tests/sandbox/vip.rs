//! VIP backends: the scope of an order, and backends that misbehave half way.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use takeover_engine::Call;
use takeover_engine::outcome::{Ended, Outcome};
use takeover_logic::link::{Fault, Release, Verdict, VipAction};

use crate::fixture::{Host, Manner, PLENTY, Sandbox, alarm, binding, order, settings, shelf, wait};

fn move_vip(
    action: VipAction,
    written: &[(&str, &str)],
    timeout: Duration,
    host: &Arc<Host>,
) -> Outcome<()> {
    let sandbox = Sandbox::shared();
    let settings = settings(written);
    let deadline = Instant::now() + timeout;
    let call = Call { plugin: &sandbox.vip, settings: &settings, deadline };
    let order = order(Release::Confirmed, 8000);
    wait(sandbox.engine.move_vip(call, action, order, Arc::clone(host) as _))
}

#[test]
fn backend_that_fails_after_adding_ends_as_what_it_was() {
    let short = Duration::from_millis(200);
    let failed = Ended::Fault(Fault::Failed("up fails on request".into()));
    for (word, timeout, expected) in [
        ("fault", PLENTY, failed),
        ("loop", short, Ended::Deadline),
        ("wait", short, Ended::Deadline),
    ] {
        let host = Host::new(Manner::Does);
        let outcome = move_vip(VipAction::Up, &[("up", word)], timeout, &host);
        assert_eq!(outcome.ended, expected, "{word}");
        assert_eq!(host.asked(), ["Add"], "{word}");
    }
    let host = Host::new(Manner::Does);
    let outcome = move_vip(VipAction::Up, &[("up", "trap")], PLENTY, &host);
    assert!(matches!(outcome.ended, Ended::Trap(_)), "{outcome:?}");
}

#[test]
fn backend_can_not_reach_another_address() {
    let host = Host::new(Manner::Does);
    let outcome = move_vip(VipAction::Up, &[("up", "foreign")], PLENTY, &host);
    let text = "address 192.0.2.99 on eth0: this order is about 192.0.2.10 on eth0";
    assert_eq!(outcome.ended, Ended::Fault(Fault::Denied(text.into())));
    assert_eq!(host.asked(), ["Add"]);
}

#[test]
fn down_takes_the_address_off() {
    let host = Host::new(Manner::Does);
    let outcome = move_vip(VipAction::Down, &[], PLENTY, &host);
    assert_eq!(outcome.ended, Ended::Ok(()));
    assert_eq!(host.asked(), ["Delete"]);
}

#[test]
fn probe_can_not_add_the_address() {
    let sandbox = Sandbox::shared();
    let none = settings(&[]);
    let call = Call { plugin: &sandbox.vip, settings: &none, deadline: Instant::now() + PLENTY };
    let host = Host::new(Manner::Does);
    let outcome = wait(sandbox.engine.probe_vip(call, binding(), Arc::clone(&host) as _));
    let Ended::Ok(Verdict::Unknown(reason)) = &outcome.ended else { panic!("{outcome:?}") };
    assert!(reason.contains("addresses.add is not allowed in probe"), "{reason}");
    assert_eq!(host.asked(), Vec::<String>::new());
}

#[test]
fn plugin_of_another_kind_is_not_called() {
    let sandbox = Sandbox::shared();
    let none = settings(&[]);
    let deadline = Instant::now() + PLENTY;
    let host = Host::new(Manner::Does);
    let call = Call { plugin: &sandbox.vip, settings: &none, deadline };
    let ended = wait(sandbox.engine.react(call, alarm("sip-a"), Arc::clone(&host) as _)).ended;
    let text = "plugin test-vip is of kind vip-backend, wanted is alarm-reaction";
    assert_eq!(ended, Ended::Fault(Fault::Invalid(text.into())));
    let call = Call { plugin: &sandbox.reaction, settings: &none, deadline };
    let ended = wait(sandbox.engine.probe_vip(call, binding(), host)).ended;
    let text = "plugin test-reaction is of kind alarm-reaction, wanted is vip-backend";
    assert_eq!(ended, Ended::Fault(Fault::Invalid(text.into())));
}

#[test]
fn backend_without_the_permission_can_not_touch_its_address() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (shelf("plugins-test.d").join("test-vip"), folder.path().join("test-vip"));
    fs::create_dir(&to).unwrap();
    fs::copy(from.join("component.wasm"), to.join("component.wasm")).unwrap();
    let text = fs::read_to_string(from.join("plugin.toml")).unwrap();
    let asks = "[[permission]]\nname = \"addresses\"\n\
                reason = \"behaves well where nothing else is asked\"\n";
    assert!(text.contains(asks), "{text}");
    fs::write(to.join("plugin.toml"), text.replace(asks, "")).unwrap();
    let engine = &Sandbox::shared().engine;
    let plugin = engine.load_plugin(&to, None).unwrap();
    for action in [VipAction::Up, VipAction::Down] {
        let host = Host::new(Manner::Does);
        let none = settings(&[]);
        let call = Call { plugin: &plugin, settings: &none, deadline: Instant::now() + PLENTY };
        let order = order(Release::Confirmed, 8000);
        let ended = wait(engine.move_vip(call, action, order, Arc::clone(&host) as _)).ended;
        let text = "permission addresses is not asked for in plugin.toml of test-vip";
        assert_eq!(ended, Ended::Fault(Fault::Denied(text.into())));
        assert_eq!(host.asked(), Vec::<String>::new());
        assert_eq!(host.lines(), [format!("denied: {text}")]);
    }
}
