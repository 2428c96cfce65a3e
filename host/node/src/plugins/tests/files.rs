//! What operators, copies and mistakes do to the files of a plugin.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_copied_component_is_waited_for() {
    let mut bench = Bench::new().await;
    let bytes = another_component(2);
    // The wrong way round: the manifest first, then the component piece by piece.
    fs::write(bench.path("plugin.toml"), manifest("2", "nothing", &bytes)).unwrap();
    fs::write(bench.path("component.wasm"), b"").unwrap();
    for part in 1..=20 {
        let end = bytes.len() * part / 20;
        fs::write(bench.path("component.wasm"), &bytes[..end]).unwrap();
        assert_eq!(bench.call("nothing").await, "well behaved");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    bench.wait_for("2", "probation").await;
    bench.told("plugin test-reaction 2 in use on probation instead of 1").await;
    let others = bench.seen.iter().filter(|text| text.contains("on probation")).count();
    assert_eq!(others, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn component_that_was_changed_is_refused_and_the_loaded_one_stays() {
    let mut bench = Bench::new().await;
    let mut bytes = component();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(bench.path("component.wasm"), &bytes).unwrap();
    let refused = format!("rejected: verify: component.wasm is {} bytes with sha256", bytes.len());
    bench.told(&refused).await;
    bench.told("version 1 stays in use").await;
    assert_eq!(bench.call("nothing").await, "well behaved");
    let view = bench.view();
    assert_eq!((&*view.version, &*view.rejected[0].step), ("1", "verify"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_are_not_followed() {
    let mut bench = Bench::new().await;
    let elsewhere = bench.folder.path().join("elsewhere.wasm");
    fs::write(&elsewhere, component()).unwrap();
    fs::remove_file(bench.path("component.wasm")).unwrap();
    symlink(&elsewhere, bench.path("component.wasm")).unwrap();
    bench.told("component.wasm is a symbolic link, which is not followed").await;
    assert_eq!(bench.call("nothing").await, "well behaved");
    fs::remove_file(bench.path("component.wasm")).unwrap();
    bench.put("2", "nothing");
    bench.wait_for("2", "probation").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_component_is_told_and_does_not_unload() {
    let mut bench = Bench::new().await;
    fs::remove_file(bench.path("component.wasm")).unwrap();
    bench.told("component.wasm is gone, plugin.toml is not; the loaded version stays").await;
    assert_eq!(bench.call("nothing").await, "well behaved");
    // The next start takes the copy.
    let bench = bench.restart().await;
    assert_eq!(bench.call("nothing").await, "well behaved");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removed_folder_is_unloaded_and_told_with_who_uses_it() {
    let mut bench = Bench::new().await;
    let what = "reaction page".into();
    let uses = [(SUBJECT.into(), vec![Use { what, settings: Settings::new() }])].into();
    bench.plugins.set_uses(uses);
    fs::remove_dir_all(bench.path("")).unwrap();
    bench.told("unloaded because its folder is gone; used by: reaction page").await;
    assert_eq!(bench.call("nothing").await, "refused: plugin test-reaction: it is not loaded");
    bench.plugins.operate(SUBJECT, Action::Rollback).unwrap();
    bench.wait_for("1", "active").await;
    assert_eq!(bench.call("nothing").await, "well behaved");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn component_of_another_world_is_refused() {
    let mut bench = Bench::new().await;
    let bytes = fs::read(built("plugins-test.d", "test-vip").join("component.wasm")).unwrap();
    write(bench.folder.path(), &bytes, &manifest("2", "nothing", &bytes));
    bench.told("rejected: check: component imports takeover:plugin/addresses").await;
    assert_eq!(bench.call("nothing").await, "well behaved");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plugin_does_not_become_one_of_another_kind() {
    let mut bench = Bench::new().await;
    let from = built("plugins-test.d", "test-vip");
    let bytes = fs::read(from.join("component.wasm")).unwrap();
    let text = fs::read_to_string(from.join("plugin.toml")).unwrap();
    let text = text.replace("name = \"test-vip\"", "name = \"test-reaction\"");
    write(bench.folder.path(), &bytes, &text);
    bench.told("rejected: check: it is of kind vip-backend, the version in use is of kind").await;
    assert_eq!(bench.call("nothing").await, "well behaved");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_the_new_version_does_not_take_are_told() {
    let mut bench = Bench::new().await;
    let what = "reaction page".into();
    let settings = [("number".to_owned(), 7.into())].into();
    bench.plugins.set_uses([(SUBJECT.into(), vec![Use { what, settings }])].into());
    let bytes = component();
    let text = manifest("2", "nothing", &bytes).replace("max = 9", "max = 5");
    write(bench.folder.path(), &bytes, &text);
    bench.told("rejected: check: reaction page: settings: ").await;
    bench.wait_for("1", "active").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn version_that_can_not_be_initialized_is_refused() {
    let mut bench = Bench::new().await;
    let bytes = component();
    let text = manifest("2", "nothing", &bytes);
    let text = text.replace("[settings.init]\n", "[settings.init]\ndefault = \"trap\"\n");
    write(bench.folder.path(), &bytes, &text);
    bench.told("rejected: start: init, without settings: trapped").await;
    assert_eq!(bench.call("nothing").await, "well behaved");
}

/// Some parts of a component that end between two of its sections are components, too. With the
/// manifest of the whole none is taken; with one of their own those that are taken do work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn component_cut_between_sections_is_refused_or_works() {
    let bench = Bench::new().await;
    let bytes = component();
    let ends: Vec<usize> = crafted::sections(&bytes).into_iter().map(|(_, end)| end).collect();
    assert!(ends.len() > 10, "{} sections", ends.len());
    let last = ends.len() - 1;
    let mut refused = 0;
    for end in ends.into_iter().take(last) {
        let part = &bytes[..end];
        let elsewhere = tempfile::tempdir().unwrap();
        write(elsewhere.path(), part, &manifest("2", "nothing", &bytes));
        let cut = Package::read(
            &elsewhere.path().join("plugins.d").join(SUBJECT),
            SUBJECT,
            elsewhere.path(),
        )
        .unwrap();
        assert!(!cut.is_whole() && cut.verify().is_err(), "after {end} bytes");
        // As if somebody had sealed the part.
        let version = format!("cut {end}");
        write(bench.folder.path(), part, &manifest(&version, "nothing", part));
        bench.plugins.look();
        let package =
            Package::read(&bench.path(""), SUBJECT, &bench.folder.path().join("grants.d"))
                .unwrap()
                .digest();
        bench.until(|view| view.version == version || is_refused(view, &package)).await;
        assert_eq!(bench.call("nothing").await, "well behaved", "after {end} bytes");
        refused += usize::from(is_refused(&bench.view(), &package));
    }
    assert!(refused > 5, "only {refused} parts were refused");
}

fn is_refused(view: &PluginView, package: &str) -> bool {
    view.rejected.iter().any(|rejected| rejected.package == package)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn machine_code_is_kept_for_nobody_else_and_rot_is_not_used() {
    let bench = Bench::new().await;
    let folder = bench.folder.path().join("state/.code");
    let mode = fs::metadata(&folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let files: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|it| it.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    let mode = fs::metadata(&files[0]).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Kept code is used, rotten code is made again.
    let bench = bench.restart().await;
    assert_eq!(bench.call("nothing").await, "well behaved");
    let mut bytes = fs::read(&files[0]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&files[0], &bytes).unwrap();
    let bench = bench.restart().await;
    assert_eq!(bench.call("nothing").await, "well behaved");
    assert_ne!(fs::read(&files[0]).unwrap(), bytes);
    // A folder that others could write is not used at all.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o770)).unwrap();
    let error = CodeCache::open(&folder).unwrap_err().to_string();
    assert!(error.contains("mode 770, allowed: "), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_state_folder_plugins_are_used_and_nothing_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = component();
    write(folder.path(), &bytes, &manifest("1", "nothing", &bytes));
    // A file where the folder would be: it can be neither made nor written.
    fs::write(folder.path().join("state"), "a file").unwrap();
    let bench = Bench::open(folder).await;
    assert_eq!(bench.call("nothing").await, "well behaved");
    bench.put("2", "nothing");
    bench.wait_for("2", "probation").await;
    bench.plugins.operate(SUBJECT, Action::Promote).unwrap();
    // Without a copy of what was in use, a start takes what is in the folder.
    let bench = bench.restart().await;
    assert_eq!((&*bench.view().version, &*bench.view().state), ("2", "active"));
    assert_eq!(bench.call("nothing").await, "well behaved");
    let state = fs::read_to_string(bench.folder.path().join("state")).unwrap();
    assert_eq!(state, "a file");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_calls_exchanges_and_times_are_counted() {
    let bench = Bench::new().await;
    assert_eq!(bench.call("nothing").await, "well behaved");
    for _ in 0..2 {
        call(&bench.plugins, "trap", "the same").await;
    }
    let refused = call(&bench.plugins, "trap", "the same").await;
    assert!(refused.contains("put aside"), "{refused}");
    let view = bench.view();
    assert_eq!((view.refused.put_aside, view.refused.total(), view.reloads), (1, 1, 0));
    let calls = &view.calls;
    assert_eq!((calls.calls, calls.answered, calls.traps), (3, 1, 2));
    assert_eq!((calls.own.calls(), calls.host.calls()), (3, 3));
    assert!(calls.own.median_us > 0 && calls.own.p99_us <= calls.own.max_us, "{calls:?}");
    bench.put("2", "nothing");
    bench.wait_for("2", "probation").await;
    assert_eq!((bench.view().reloads, bench.view().calls.calls), (1, 0), "counts are a version's");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_calls_are_told_with_both_shares_once_in_a_while() {
    let mut bench = Bench::new().await;
    bench.plugins.set_slow_call(Duration::ZERO);
    assert_eq!(bench.call("nothing").await, "well behaved");
    assert_eq!(bench.call("nothing").await, "well behaved");
    bench.told("slow call of plugin test-reaction 1: ").await;
    bench.told(" ms in the host, most of those in ").await;
    bench.put("2", "nothing");
    bench.told("2 in use on probation instead of 1").await;
    let slow = bench.seen.iter().filter(|text| text.starts_with("slow call")).count();
    assert_eq!(slow, 1, "the second is counted: {:#?}", bench.seen);
}
