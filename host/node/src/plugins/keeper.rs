//! The thread that looks: at the folder when the system says that it changed and every few
//! seconds, at the time when a machine has a deadline; and that writes what is to be kept. The
//! watch only wakes it: network and overlay file systems tell nothing, editors tell too much.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use takeover_logic::plugin::io::{Input, Sight};

use super::Plugins;
use super::scan::Scanner;
use crate::limits::{PLUGIN_SCAN_INTERVAL, PLUGIN_SCAN_INTERVAL_MIN};
use crate::threads;

/// Wakes the thread. One wake that waits is as good as many.
#[derive(Debug)]
pub(super) struct Waker {
    wakes: SyncSender<()>,
    /// The folder is to be looked at.
    look: AtomicBool,
}

impl Waker {
    pub(super) fn new() -> (Arc<Self>, Receiver<()>) {
        let (wakes, woken) = sync_channel(1);
        (Arc::new(Self { wakes, look: AtomicBool::new(false) }), woken)
    }

    /// A deadline may have come nearer, or something is to be kept.
    pub(super) fn wake(&self) {
        let _ = self.wakes.try_send(()); // one that is waiting wakes it, too
    }

    /// The folder may have changed.
    pub(super) fn look(&self) {
        self.look.store(true, Ordering::Release);
        self.wake();
    }
}

/// Starts the thread, which ends when the plugins are dropped.
pub(super) fn start(plugins: &Arc<Plugins>, woken: Receiver<()>) -> io::Result<()> {
    let waker = Arc::clone(&plugins.keeper);
    let watch = Watch::start(plugins, Arc::clone(&waker));
    let weak = Arc::downgrade(plugins);
    let body = move || {
        threads::be_prompt();
        let (scanner, scan_at) = (Scanner::default(), Instant::now());
        Keeper { plugins: weak, waker, woken, scanner, watch, scan_at }.run();
    };
    thread::Builder::new().name("takeover-plugins".into()).spawn(body).map(drop)
}

/// Wakes the thread when something in the folder changes.
struct Watch {
    watcher: Option<RecommendedWatcher>,
    /// Folders that did not exist yet; they need not.
    missing: Vec<PathBuf>,
}

impl Watch {
    fn start(plugins: &Plugins, waker: Arc<Waker>) -> Self {
        let handler = move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !event.kind.is_access()) {
                waker.look();
            }
        };
        let folders = &plugins.folders;
        let watcher = notify::recommended_watcher(handler).and_then(|mut watcher| {
            watcher.watch(&folders.plugins, RecursiveMode::Recursive)?;
            Ok(watcher)
        });
        let watcher = watcher
            .inspect_err(|error| {
                let every = PLUGIN_SCAN_INTERVAL;
                tracing::warn!("plugin folder is not watched, looked at every {every:?}: {error}");
            })
            .ok();
        let missing = vec![folders.grants.clone(), folders.policies.clone()];
        let mut watch = Self { watcher, missing };
        watch.look();
        watch
    }

    /// Takes in the folders that exist by now.
    fn look(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        self.missing.retain(|it| watcher.watch(it, RecursiveMode::NonRecursive).is_err());
    }
}

struct Keeper {
    plugins: Weak<Plugins>,
    waker: Arc<Waker>,
    woken: Receiver<()>,
    scanner: Scanner,
    watch: Watch,
    /// When the folder is looked at next.
    scan_at: Instant,
}

impl Keeper {
    fn run(mut self) {
        loop {
            let Some(plugins) = self.plugins.upgrade() else { return };
            if Instant::now() >= self.scan_at {
                self.scan(&plugins);
            }
            tick(&plugins);
            save(&plugins);
            let due = next(&plugins).unwrap_or(self.scan_at).min(self.scan_at);
            drop(plugins);
            let left = due.saturating_duration_since(Instant::now());
            if let Err(RecvTimeoutError::Disconnected) = self.woken.recv_timeout(left) {
                return;
            }
            if self.waker.look.swap(false, Ordering::Acquire) {
                // A file that is being copied tells of every piece.
                let soonest = self.scanner.last() + PLUGIN_SCAN_INTERVAL_MIN;
                self.scan_at = self.scan_at.min(soonest);
            }
        }
    }

    fn scan(&mut self, plugins: &Arc<Plugins>) {
        self.scan_at = Instant::now() + PLUGIN_SCAN_INTERVAL;
        // Before the look, so that nothing is missed between the two.
        self.watch.look();
        let known = plugins.all().into_iter().map(|slot| Arc::clone(&slot.name)).collect();
        match self.scanner.scan(&plugins.folders, known) {
            Ok(sights) => {
                for (name, sight) in sights {
                    if sight == Sight::Gone && plugins.slot(&name).is_none() {
                        continue;
                    }
                    plugins.slot_or_new(&name).handle(plugins, Input::Scanned(sight));
                }
            }
            // Not to be read is not empty: what is loaded stays.
            Err(error) => {
                let folder = plugins.plugins_folder().display();
                tracing::warn!("plugin folder {folder} can not be read: {error}");
            }
        }
        plugins.store.scanned();
        plugins.moved.notify_waiters();
    }
}

/// Serves the deadlines that are due.
fn tick(plugins: &Arc<Plugins>) {
    let now = plugins.clock.instant();
    for slot in plugins.all() {
        let due = slot.lock().machine.deadline().is_some_and(|at| at <= now);
        if due {
            slot.handle(plugins, Input::Tick);
        }
    }
}

/// The next deadline of all machines.
fn next(plugins: &Plugins) -> Option<Instant> {
    let deadlines = plugins.all();
    let deadlines = deadlines.iter().filter_map(|slot| slot.lock().machine.deadline());
    // One that stays due although it was served must not keep the thread busy.
    let soonest = Instant::now() + Duration::from_millis(1);
    deadlines.min().map(|at| plugins.clock.to_std(at).max(soonest))
}

/// Writes what is to outlive the process, and deletes copies that are of no use any more.
pub(super) fn save(plugins: &Plugins) {
    for slot in plugins.all() {
        let mut state = slot.lock();
        if !std::mem::take(&mut state.unsaved) {
            continue;
        }
        let saved = state.machine.saved();
        let keeps = state.machine.keeps().cloned().collect();
        drop(state);
        if let Err(error) = plugins.store.save(&slot.name, &saved, keeps) {
            tracing::warn!("plugin {}: its versions are not kept: {error}", slot.name);
        }
    }
}
