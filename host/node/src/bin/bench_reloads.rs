//! `cargo xtask bench reloads`: a plugin is exchanged a thousand times while it is called a
//! thousand times a second. No call may fail, and nothing may be left behind: memory, files,
//! threads, mapped regions, copies on the disk.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::error::Error;
use std::path::Path;
use std::time::Duration;

#[path = "bench_reloads/footprint.rs"]
mod footprint;
#[path = "bench_reloads/work.rs"]
mod work;

use work::Plan;

/// As many machine codes are kept, and more: what is bounded has reached its bound.
const WARM_UP: u64 = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let mut plan =
        Plan { warm_up: WARM_UP, reloads: 1_000, calls_per_s: 1_000, component_every: 1 };
    let words: Vec<String> = std::env::args().skip(1).collect();
    match &words[..] {
        [] => {}
        [option, count] if option == "--reloads" => plan.reloads = count.parse()?,
        _ => return Err(format!("{words:?}: unknown; there is --reloads NUMBER").into()),
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let report = work::run_on_own_runtime(&root.join("target/plugins-test.d"), plan)?;
    let (before, after) = report.footprints;
    println!("{} reloads after {WARM_UP} others, {} calls", plan.reloads, report.calls);
    println!("{:<28}  {:>12}  {:>12}", "", "before", "after");
    for (name, before, after) in [
        ("anonymous memory, KiB", before.anonymous_kib, after.anonymous_kib),
        ("open files", before.files, after.files),
        ("threads", before.threads, after.threads),
        ("mapped regions", before.maps, after.maps),
        ("kept on disk, files", before.disk_files, after.disk_files),
        ("kept on disk, bytes", before.disk_bytes, after.disk_bytes),
    ] {
        println!("{name:<28}  {before:>12}  {after:>12}");
    }
    if let Some(failure) = &report.first_failure {
        println!("the first call that failed: {failure}");
    }
    let mut times = report.times;
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    let worst = times.last().copied().unwrap_or_default();
    println!("goals: no call failed, nothing grew");
    println!("result reloads.median {:.1} ms", milliseconds(median));
    println!("result reloads.worst {:.1} ms", milliseconds(worst));
    println!("result reloads.failed_calls {} count", report.failed);
    let grown_kib = grown(before.anonymous_kib, after.anonymous_kib);
    println!("result reloads.rss_growth {:.2} MiB", grown_kib as f64 / 1024.0);
    println!("result reloads.fds {} count", grown(before.files, after.files));
    println!("result reloads.threads {} count", grown(before.threads, after.threads));
    println!("result reloads.maps {} count", grown(before.maps, after.maps));
    println!("result reloads.disk_growth {} bytes", grown(before.disk_bytes, after.disk_bytes));
    Ok(())
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn grown(before: u64, after: u64) -> i64 {
    after.cast_signed() - before.cast_signed()
}
