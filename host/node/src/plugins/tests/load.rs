//! New versions one after another while calls go on: none of them fails, none is lost.

use super::*;

/// Reloads of the usual test; `cargo xtask bench` asks for more.
fn reloads() -> u64 {
    let wanted = std::env::var("TAKEOVER_RELOADS").ok();
    wanted.and_then(|count| count.parse().ok()).unwrap_or(200)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_under_calls_lose_none() {
    let bench = Bench::new().await;
    let over = Arc::new(AtomicBool::new(false));
    let calls = Arc::new(AtomicU64::new(0));
    let callers: Vec<_> = (0..2)
        .map(|caller| {
            let (plugins, over, calls) = (bench.plugins.clone(), over.clone(), calls.clone());
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    let answer = call(&plugins, "", &format!("caller {caller}")).await;
                    assert_eq!(answer, "well behaved");
                    calls.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    let mut times = Vec::new();
    for number in 0..reloads() {
        let version = format!("2.{number}");
        let bytes = component();
        let began = Instant::now();
        write(bench.folder.path(), &bytes, &manifest(&version, "nothing", &bytes));
        bench.until(|view| view.version == version).await;
        times.push(began.elapsed());
    }
    over.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }
    times.sort();
    let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
    let (reloads, calls) = (times.len(), calls.load(Ordering::Relaxed));
    println!("{reloads} reloads under {calls} calls: median {median:?}, worst {worst:?}");
    assert!(calls > 0);
    let view = bench.view();
    assert!(view.others.len() <= 5, "{:#?}", view.others);
    assert!(view.previous.len() <= 2);
    let kept = fs::read_dir(bench.folder.path().join("state").join(SUBJECT)).unwrap().count();
    assert!(kept <= 8, "{kept} entries are kept");
}
