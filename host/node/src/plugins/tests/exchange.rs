//! From one version to another, and back.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_version_is_in_use_soon_and_calls_end_on_theirs() {
    let bench = Bench::new().await;
    let ticket = bench.plugins.begin(SUBJECT, InputDigest(1)).unwrap();
    bench.put("2", "nothing");
    bench.wait_for("2", "probation").await;
    assert_eq!(ticket.plugin().manifest.version, "1");
    let draining = bench.view().others;
    assert_eq!((&*draining[0].version, draining[0].in_flight), ("1", 1));
    drop(ticket);
    bench.until(|view| view.others[0].in_flight == 0).await;
    bench.plugins.operate(SUBJECT, Action::Promote).unwrap();
    bench.wait_for("2", "active").await;
    let view = bench.view();
    assert_eq!((view.others.len(), &*view.previous[0].version), (0, "1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faulty_version_is_swapped_back_and_denied() {
    let mut bench = Bench::new().await;
    assert_eq!(bench.call("").await, "well behaved");
    bench.put("2", "trap");
    bench.wait_for("2", "probation").await;
    for _ in 0..3 {
        assert!(bench.call("").await.starts_with("trapped"));
    }
    bench.told("2 was exchanged for 1 again: 3 of 3 calls were its fault").await;
    assert_eq!(bench.call("").await, "well behaved");
    // Neither a look nor a restart brings it back.
    bench.plugins.look();
    let bench = bench.restart().await;
    assert_eq!((&*bench.view().version, &*bench.view().state), ("1", "active"));
    bench.put("3", "nothing");
    bench.wait_for("3", "probation").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rollback_works_after_a_restart_and_outlives_it() {
    let bench = Bench::new().await;
    for version in ["2", "3"] {
        bench.put(version, "nothing");
        bench.wait_for(version, "probation").await;
        bench.plugins.operate(SUBJECT, Action::Promote).unwrap();
    }
    let bench = bench.restart().await;
    bench.wait_for("3", "active").await;
    bench.plugins.operate(SUBJECT, Action::Rollback).unwrap();
    bench.wait_for("2", "active").await;
    let bench = bench.restart().await;
    bench.wait_for("2", "active").await;
    bench.plugins.operate(SUBJECT, Action::Rollback).unwrap();
    bench.wait_for("1", "active").await;
    let none = bench.plugins.operate(SUBJECT, Action::Rollback).unwrap_err().to_string();
    assert_eq!(none, "plugin test-reaction: there is no earlier version that could be used");
    // Released, the version in the folder is tried again.
    bench.plugins.operate(SUBJECT, Action::Release).unwrap();
    bench.plugins.look();
    bench.wait_for("3", "probation").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shadow_changes_nothing_and_its_differences_are_kept() {
    let mut bench = Bench::new().await;
    bench.plugins.operate(SUBJECT, Action::ShadowOn).unwrap();
    bench.put("2", "enable");
    bench.told("2 runs in shadow, without effects").await;
    assert_eq!(bench.call("nothing").await, "well behaved");
    assert_eq!(bench.call("enable").await, "well behaved");
    // By itself version 2 enables an address, which version 1 does not.
    assert_eq!(bench.call("").await, "well behaved");
    let shadow = bench.plugins.shadow(SUBJECT).unwrap();
    assert_eq!((shadow.compared, shadow.differed), (3, 1));
    assert_eq!((&*shadow.active, shadow.shadow.as_deref()), ("1", Some("2")));
    let difference = &shadow.differences[0];
    assert_eq!(difference.active, "answered \"well behaved\"");
    assert!(difference.shadow.contains("did not ask this after EnableVip"), "{difference:?}");
    bench.plugins.operate(SUBJECT, Action::Promote).unwrap();
    bench.wait_for("2", "probation").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plugin_that_goes_on_failing_rests_and_an_input_is_put_aside() {
    let mut bench = Bench::new().await;
    for _ in 0..2 {
        assert!(bench.call("trap").await.starts_with("trapped"));
    }
    bench.told("ended instances twice and is put aside").await;
    let aside = "the same call ended its instances before, so it is put aside";
    assert_eq!(bench.call("trap").await, format!("refused: plugin {SUBJECT}: {aside}"));
    assert_eq!(bench.call("nothing").await, "well behaved");
    for input in ["one", "two", "three"] {
        assert!(call(&bench.plugins, "panic", input).await.starts_with("trapped"));
    }
    bench.told("failed too often; no calls for").await;
    let refused = bench.call("nothing").await;
    assert!(refused.contains("rests for") || refused == "well behaved", "{refused}");
    bench.plugins.operate(SUBJECT, Action::Release).unwrap();
    assert_eq!(bench.call("nothing").await, "well behaved");
    let calls = bench.view().calls;
    assert_eq!((calls.traps, calls.answered >= 2), (5, true), "{calls:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backend_is_not_exchanged_under_an_order() {
    let folder = tempfile::tempdir().unwrap();
    let backend = folder.path().join("plugins.d/test-vip");
    fs::create_dir_all(&backend).unwrap();
    let from = built("plugins-test.d", "test-vip");
    for file in ["component.wasm", "plugin.toml"] {
        fs::copy(from.join(file), backend.join(file)).unwrap();
    }
    let plugins = start(folder.path(), Uses::new()).await;
    let order = plugins.begin("test-vip", InputDigest(1)).unwrap();
    let text = fs::read_to_string(from.join("plugin.toml")).unwrap();
    let text = text.replace("version = \"0.1.0\"", "version = \"0.2.0\"");
    fs::write(backend.join("plugin.toml"), text).unwrap();
    let state = |plugins: &Plugins| {
        let view = plugins.view("test-vip").unwrap();
        (view.version, view.others.first().map(|it| it.state.clone()))
    };
    let began = Instant::now();
    while state(&plugins).1.as_deref() != Some("started") {
        assert!(began.elapsed() < PLENTY, "{:?}", plugins.view("test-vip"));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(state(&plugins).0, "0.1.0");
    drop(order);
    assert_eq!(state(&plugins).0, "0.2.0");
}
