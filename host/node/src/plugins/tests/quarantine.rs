//! A plugin that goes on failing, to the end: rests that grow, quarantine, and what ends it.

use std::sync::atomic::AtomicU64;

use takeover_logic::log_event::EventId;

use super::*;

/// Into quarantine.
const QUARANTINED: EventId = EventId::new(90, 5022);

/// A bench whose time a test can put forward.
async fn skipping() -> (Bench, &'static AtomicU64) {
    let folder = tempfile::tempdir().unwrap();
    let bytes = component();
    write(folder.path(), &bytes, &manifest("1", "nothing", &bytes));
    let (clock, skipped) = Clock::skipping();
    let engine = Arc::new(Engine::start(EngineSettings::default()).unwrap());
    let folders = PluginFolders::beside(
        folder.path().join("plugins.d"),
        folder.path().join("state"),
        &[Kind::AlarmReaction],
    );
    let plugins = Plugins::start_with(engine, folders, (None, Uses::new()), clock).await.unwrap();
    let events = plugins.events();
    (Bench { folder, plugins, events, seen: Vec::new() }, skipped)
}

/// Lets it fail, after each rest again, until it is in quarantine; the rests that there were.
async fn fail_until_quarantined(bench: &Bench, skipped: &AtomicU64) -> u32 {
    let mut rests = 0;
    for input in 0..100 {
        let answer = call(&bench.plugins, "trap", &format!("input {input}")).await;
        if answer.contains("is in quarantine") {
            return rests;
        }
        if answer.contains("rests for") {
            rests += 1;
            // Longer than any rest, shorter than the time after which faults are forgotten.
            skipped.fetch_add(31_000, Ordering::SeqCst);
        } else {
            assert!(answer.starts_with("trapped"), "{answer}");
        }
    }
    panic!("not in quarantine: {:#?}", bench.view());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plugin_that_never_recovers_gets_into_quarantine_and_an_operator_ends_it() {
    let (mut bench, skipped) = skipping().await;
    assert_eq!(fail_until_quarantined(&bench, skipped).await, 10);
    let view = bench.view();
    assert_eq!(view.closed.as_deref(), Some("quarantine"), "{view:#?}");
    assert_eq!((&*view.version, &*view.state), ("1", "active"));
    // Time does not end it, nor does an input that never did any harm.
    skipped.fetch_add(3_600_000, Ordering::SeqCst);
    let refused = format!(
        "refused: plugin {SUBJECT}: it failed too often and is in quarantine until a new version \
         or an operator ends it"
    );
    assert_eq!(bench.call("nothing").await, refused);
    bench.told(&format!("plugin {SUBJECT} is in quarantine after 10 rests in a row")).await;
    bench.plugins.operate(SUBJECT, Action::Release).unwrap();
    bench.told(&format!("plugin {SUBJECT} was released")).await;
    assert_eq!(bench.call("nothing").await, "well behaved");
    assert_eq!(bench.view().closed, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_version_ends_the_quarantine_of_the_one_before() {
    let (mut bench, skipped) = skipping().await;
    fail_until_quarantined(&bench, skipped).await;
    // Told once, however often it is called.
    for _ in 0..3 {
        assert!(bench.call("nothing").await.contains("is in quarantine"));
    }
    let mut told = 0;
    while let Ok(event) = bench.events.try_recv() {
        told += usize::from(event.id == QUARANTINED);
    }
    assert_eq!(told, 1);
    bench.put("2", "nothing");
    bench.wait_for("2", "probation").await;
    assert_eq!(bench.call("nothing").await, "well behaved");
    assert_eq!(bench.view().closed, None);
}
