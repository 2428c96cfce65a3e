//! Nothing is left behind by reloads. In a program of its own, so that nothing else opens files or
//! starts threads meanwhile. Needs `cargo xtask build-plugins`; `cargo xtask bench reloads` is the
//! same, longer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test")]

use std::path::Path;

#[path = "../src/bin/bench_reloads/footprint.rs"]
#[allow(dead_code, reason = "the measurement reads more of it")]
mod footprint;
#[path = "../src/bin/bench_reloads/work.rs"]
mod work;

/// For 50 reloads. A version that is not let go of holds its machine code and its bytes, about
/// half a MiB, so that 50 of them would be far beyond it.
const GROWTH_KIB_MAX: u64 = 12 << 10;

#[test]
fn fifty_reloads_under_calls_leave_nothing_behind_and_lose_no_call() {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins-test.d");
    let plan = work::Plan { warm_up: 20, reloads: 50, calls_per_s: 500, component_every: 5 };
    let report = work::run_on_own_runtime(&built, plan).unwrap();
    let (before, after) = report.footprints;
    assert_eq!(report.failed, 0, "{:?}", report.first_failure);
    assert!(report.calls > 0 && report.times.len() == 50, "{report:?}");
    let held = |footprint: footprint::Footprint| (footprint.files, footprint.threads);
    assert_eq!(held(after), held(before), "{before:?} {after:?}");
    let grown = after.anonymous_kib.saturating_sub(before.anonymous_kib);
    assert!(grown <= GROWTH_KIB_MAX, "{grown} KiB: {before:?} {after:?}");
    // Machine code of the ten components that came in; each version has two files of its own.
    let new = after.disk_files.saturating_sub(before.disk_files);
    assert!(new <= 10 + 8, "{new} more files are kept: {before:?} {after:?}");
}
