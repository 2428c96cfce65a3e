//! What is asked of the system: calls of the good component at a steady rate, and of the hostile
//! ones; their reloads; orders for their backend.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use takeover_tests::api::Api;

use crate::hostile::{CALM, CALM_CONDITIONS, Hostile, VICTIM_WORDS};
use crate::setup::System;

/// Threads that call the good component, each some of its conditions.
pub(crate) const CALM_THREADS: u32 = 4;

/// Calls of the good component that begin in a second.
const CALM_PER_S: u32 = 50;

/// Time between two calls of hostile reactions; each comes about every 1.5 s.
const HOSTILE_EVERY: Duration = Duration::from_millis(50);

/// Time between two reloads; each plugin comes about every 3 s.
const RELOAD_EVERY: Duration = Duration::from_millis(100);

/// Time between two orders for the hostile backend.
const VICTIM_EVERY: Duration = Duration::from_millis(300);

/// Who asks, and how much was asked.
pub(crate) struct Load<'a> {
    api: &'a Api,
    plugins: PathBuf,
    reloads: AtomicU32,
    orders: AtomicU32,
    failed: AtomicU32,
    failure: OnceLock<String>,
}

impl<'a> Load<'a> {
    /// Asks this system.
    pub(crate) fn new(system: &'a System) -> Self {
        let (reloads, orders, failed) = Default::default();
        let (plugins, failure) = (system.plugins(), OnceLock::new());
        Self { api: &system.api, plugins, reloads, orders, failed, failure }
    }

    /// Reloads so far.
    pub(crate) fn reloads(&self) -> u32 {
        self.reloads.load(Ordering::Relaxed)
    }

    /// Orders for the hostile backend so far, and how many of them failed, as they should.
    pub(crate) fn orders(&self) -> (u32, u32) {
        (self.orders.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }

    /// What became of the first that failed.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Calls the good component until `end`, at this thread's share of the rate; how often.
    pub(crate) fn call_calm(&self, part: u32, end: Instant) -> u32 {
        let interval = Duration::from_secs(1) * CALM_THREADS / CALM_PER_S;
        let mut due = Instant::now() + interval * part / CALM_THREADS;
        let (mut asked, mut turn) = (0, part);
        while due < end {
            sleep(due.saturating_duration_since(Instant::now()));
            let condition = turn % CALM_CONDITIONS;
            let path = format!("/v1/conditions/{CALM}-{condition}/test");
            asked += u32::from(self.api.post(&path).is_ok());
            turn += CALM_THREADS;
            due += interval;
        }
        asked
    }

    /// Calls every hostile reaction in turn until `end`, and releases it from quarantine.
    pub(crate) fn call_hostile(&self, set: &[Hostile], end: Instant) {
        let hostile = || set.iter().filter(|one| one.is_reaction() && one.name != CALM);
        for one in hostile().cycle() {
            if Instant::now() >= end {
                return;
            }
            // Refused is as good: it was asked.
            let _ = self.api.post(&format!("/v1/plugins/{}/release", one.name));
            let _ = self.api.post(&format!("/v1/conditions/{}/test", one.name));
            sleep(HOSTILE_EVERY);
        }
    }

    /// Puts new versions of all into the folder, one after another, until `end`.
    pub(crate) fn reload_hostile(&self, set: &[Hostile], end: Instant) {
        for version in 1.. {
            for one in set.iter().filter(|one| one.name != CALM) {
                if Instant::now() >= end {
                    return;
                }
                if one.put(&self.plugins, version).is_ok() {
                    self.reloads.fetch_add(1, Ordering::Relaxed);
                }
                sleep(RELOAD_EVERY);
            }
        }
    }

    /// Has the hostile backend take addresses off, in turn, until `end`.
    pub(crate) fn order_victims(&self, end: Instant) {
        for word in VICTIM_WORDS.iter().cycle() {
            if Instant::now() >= end {
                return;
            }
            let path = format!("/v1/applications/take-off-{word}/start");
            self.orders.fetch_add(1, Ordering::Relaxed);
            if let Err(error) = self.api.post(&path) {
                self.failed.fetch_add(1, Ordering::Relaxed);
                self.failure.get_or_init(|| format!("{error:#}"));
            }
            sleep(VICTIM_EVERY);
        }
    }
}
