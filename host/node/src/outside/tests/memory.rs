//! What was told to be kept is there, and nothing beyond the bound.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use takeover_engine::host::outside::Outside;
use takeover_engine::limits::MEMORY_STATE_BYTES_MAX;
use takeover_logic::link::Fault;

use super::{Bench, told};
use crate::limits::MEMORY_CALLS_MAX;
use crate::outside::memory::Memory;
use crate::outside::{OutsideError, Settings, System};

fn reopened(bench: Bench) -> Bench {
    let Bench { folder, system } = bench;
    drop(system);
    let state_folder = folder.path().to_owned();
    let system = System::start(Settings { state_folder, authorities: None }).unwrap();
    Bench { folder, system }
}

async fn set(bench: &Bench, plugin: &str, key: &str, value: &[u8]) -> Result<(), Fault> {
    bench.system.remember(plugin, key, Some(value.to_vec())).await
}

async fn get(bench: &Bench, plugin: &str, key: &str) -> Option<Vec<u8>> {
    bench.system.recall(plugin, key).await.unwrap()
}

#[tokio::test]
async fn each_plugin_has_its_own_memory_over_a_restart() {
    let bench = Bench::start();
    assert_eq!(get(&bench, "a", "key").await, None);
    set(&bench, "a", "key", b"of a").await.unwrap();
    set(&bench, "b", "key", b"of b").await.unwrap();
    set(&bench, "a", "", &[0, 255]).await.unwrap();
    set(&bench, "a", "empty", b"").await.unwrap();
    let bench = reopened(bench);
    assert_eq!(get(&bench, "a", "key").await.as_deref(), Some(&b"of a"[..]));
    assert_eq!(get(&bench, "b", "key").await.as_deref(), Some(&b"of b"[..]));
    assert_eq!(get(&bench, "a", "").await, Some(vec![0, 255]));
    assert_eq!(get(&bench, "a", "empty").await, Some(vec![]));
    let file = fs::metadata(bench.folder.path().join("plugin-memory.db")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);

    bench.system.remember("a", "key", None).await.unwrap();
    bench.system.remember("a", "never set", None).await.unwrap();
    let bench = reopened(bench);
    assert_eq!(get(&bench, "a", "key").await, None);
    assert_eq!(get(&bench, "b", "key").await.as_deref(), Some(&b"of b"[..]));
}

#[tokio::test]
async fn beyond_the_bound_nothing_is_changed() {
    let bench = Bench::start();
    let half = vec![1; MEMORY_STATE_BYTES_MAX / 2 - 1];
    set(&bench, "a", "x", &half).await.unwrap();
    set(&bench, "a", "y", &half).await.unwrap();
    let fault = set(&bench, "a", "z", b"").await;
    assert_eq!(
        told(fault),
        "invalid: plugin memory of a: 65537 bytes in all with this value, allowed at most 65536"
    );
    let larger = vec![2; MEMORY_STATE_BYTES_MAX / 2];
    assert!(matches!(set(&bench, "a", "x", &larger).await, Err(Fault::Invalid(_))));
    assert_eq!(get(&bench, "a", "x").await, Some(half.clone()), "the old value is kept");
    assert_eq!(get(&bench, "a", "z").await, None);

    // Keys count in bytes, what is replaced does not count, and others have a bound of their own.
    set(&bench, "a", "x", &vec![3; half.len() - 2]).await.unwrap();
    set(&bench, "a", "ä", b"").await.unwrap();
    assert!(matches!(set(&bench, "a", "z", b"").await, Err(Fault::Invalid(_))));
    set(&bench, "b", "z", &half).await.unwrap();
    bench.system.remember("a", "x", None).await.unwrap();
    set(&bench, "a", "z", b"room").await.unwrap();
}

#[tokio::test]
async fn a_newer_file_and_another_file_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plugin-memory.db");
    let refused = || {
        let settings = Settings { state_folder: folder.path().to_owned(), authorities: None };
        let error: OutsideError = System::start(settings).map(drop).unwrap_err();
        error.to_string().replace(&format!("{}/", folder.path().display()), "")
    };
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let before = fs::read(&path).unwrap();
    assert_eq!(
        refused(),
        "plugin memory plugin-memory.db: written by a newer version: schema 99, this version \
         reads up to 1"
    );
    assert_eq!(fs::read(&path).unwrap(), before, "a refused file stays as it is");

    fs::write(&path, "no database, and long enough to be seen as none\n".repeat(20)).unwrap();
    let text = refused();
    assert!(text.contains("file is not a database"), "{text}");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(refused().contains("can not be opened"), "{}", refused());
}

#[tokio::test]
async fn orders_beyond_the_bound_are_refused_and_the_rest_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Memory::open(folder.path()).unwrap();
    // Another process holds the file, so the first order waits for it.
    let other = rusqlite::Connection::open(folder.path().join("plugin-memory.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut answers = Vec::new();
    for number in 0..MEMORY_CALLS_MAX + 2 {
        answers.push(memory.remember("a", &number.to_string(), Some(vec![1])));
    }
    let dropped = answers.remove(1);
    let last = answers.pop().unwrap();
    let text = told(last.await);
    assert_eq!(text, "unavailable: plugin memory: 256 calls wait for the disk, which is the most");
    drop(dropped);
    other.execute_batch("COMMIT").unwrap();
    for answer in answers.into_iter().take(MEMORY_CALLS_MAX - 1) {
        answer.await.unwrap();
    }
    assert_eq!(memory.recall("a", "0").await.unwrap(), Some(vec![1]));
    assert_eq!(memory.recall("a", "1").await.unwrap(), None, "nobody waited for it");
}

/// The test runs itself again as the process that is killed.
#[test]
fn what_was_answered_is_there_after_kill_9() {
    const NAME: &str = "outside::tests::memory::what_was_answered_is_there_after_kill_9";
    const CHILD: &str = "TAKEOVER_TEST_PLUGIN_MEMORY";
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    if let Some(folder) = std::env::var_os(CHILD) {
        let memory = Memory::open(Path::new(&folder)).unwrap();
        for number in 1u64.. {
            let value = number.to_be_bytes().to_vec();
            runtime.block_on(memory.remember("a", "newest", Some(value))).unwrap();
            println!("answered {number}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(CHILD, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let answered = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| line.strip_prefix("answered ")?.parse::<u64>().ok())
        .find(|number| *number >= 50)
        .expect("the child keeps fifty values");
    child.kill().unwrap();
    child.wait().unwrap();

    let memory = Memory::open(folder.path()).unwrap();
    let found = runtime.block_on(memory.recall("a", "newest")).unwrap().unwrap();
    let found = u64::from_be_bytes(found.try_into().unwrap());
    assert!(found >= answered, "{found} of {answered}");
}

#[test]
fn a_full_disk_is_told_and_nothing_is_changed() {
    use nix::mount::{MntFlags, MsFlags, mount, umount2};
    use nix::sched::{CloneFlags, unshare};
    if !nix::unistd::geteuid().is_root() {
        assert!(std::env::var_os("REQUIRE_ALL").is_none(), "needs root");
        println!("SKIP a_full_disk_is_told_and_nothing_is_changed: needs root");
        return;
    }
    // A mount namespace belongs to a thread; the thread of the memory is made by this one.
    let whole = std::thread::spawn(|| {
        let folder = tempfile::tempdir().unwrap();
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        let none = None::<&str>;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
        mount(Some("tmpfs"), folder.path(), Some("tmpfs"), MsFlags::empty(), Some("size=1m"))
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let memory = Memory::open(folder.path()).unwrap();
        runtime.block_on(memory.remember("a", "key", Some(vec![1]))).unwrap();
        let filler = folder.path().join("filler");
        // Fills the file system: the write that fails is the purpose.
        let _ = fs::write(&filler, vec![0u8; 2 << 20]);
        let big = vec![2; 60_000];
        let full = told(runtime.block_on(memory.remember("a", "key", Some(big.clone()))));
        assert!(full.contains("full"), "{full}");
        let kept = runtime.block_on(memory.recall("a", "key")).unwrap();
        assert_eq!(kept, Some(vec![1]), "nothing is half written");
        fs::remove_file(&filler).unwrap();
        runtime.block_on(memory.remember("a", "key", Some(big.clone()))).unwrap();
        assert_eq!(runtime.block_on(memory.recall("a", "key")).unwrap(), Some(big));
        drop(memory);
        umount2(folder.path(), MntFlags::MNT_DETACH).unwrap();
    });
    whole.join().unwrap();
}
