//! Who failed how often, and who is therefore not even looked at.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use takeover_logic::time::Instant;

use crate::limits::{DN_FAILURES_MAX, FAILURES_MAX, FAILURES_WINDOW, SOURCE_FAILURES_MAX};

/// How many times as many failures a DN has from where it was last proved.
const PROVED_FACTOR: u32 = 4;

/// Failures since a time.
#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    since: Instant,
    count: u32,
    /// Source that proved the DN last.
    proved_by: Option<IpAddr>,
}

impl Failures {
    /// Time until they are forgotten, where there are more than allowed.
    fn over(&self, now: Instant, most: u32) -> Option<Duration> {
        let age = now.since(self.since);
        (self.count >= most && age < FAILURES_WINDOW).then(|| FAILURES_WINDOW.saturating_sub(age))
    }

    fn add(&mut self, now: Instant) {
        if self.count == 0 || now.since(self.since) >= FAILURES_WINDOW {
            (self.since, self.count) = (now, 0);
        }
        self.count = self.count.saturating_add(1);
    }
}

/// A table that forgets what was touched longest ago.
#[derive(Debug)]
struct Table<K> {
    entries: HashMap<K, (u64, Failures)>,
    order: BTreeSet<(u64, K)>,
    touched: u64,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Table { entries: HashMap::new(), order: BTreeSet::new(), touched: 0 }
    }
}

impl<K: Clone + Eq + Hash + Ord> Table<K> {
    fn get<Q>(&self, key: &Q) -> Failures
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.entries.get(key).map(|(_, failures)| *failures).unwrap_or_default()
    }

    fn set(&mut self, key: K, failures: Failures) {
        self.touched += 1;
        if let Some((before, _)) = self.entries.insert(key.clone(), (self.touched, failures)) {
            self.order.remove(&(before, key.clone()));
        }
        self.order.insert((self.touched, key));
        if self.entries.len() > FAILURES_MAX
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.entries.remove(&oldest);
        }
    }
}

/// Failures by source and by DN.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    sources: Table<IpAddr>,
    dns: Table<Arc<str>>,
}

impl Throttle {
    /// Whether an attempt is refused unseen, and for how long.
    pub(super) fn refuses(&self, now: Instant, source: IpAddr, dn: &str) -> Option<Duration> {
        let of_dn = self.dns.get(dn);
        if of_dn.proved_by == Some(source) {
            return of_dn.over(now, DN_FAILURES_MAX * PROVED_FACTOR);
        }
        let of_source = self.sources.get(&source);
        of_source.over(now, SOURCE_FAILURES_MAX).max(of_dn.over(now, DN_FAILURES_MAX))
    }

    /// An attempt was wrong. Only what is configured is counted by DN, so that made-up names push
    /// nothing out.
    pub(super) fn failed(&mut self, now: Instant, source: IpAddr, dn: Option<&str>) {
        let mut of_source = self.sources.get(&source);
        of_source.add(now);
        self.sources.set(source, of_source);
        let Some(dn) = dn else { return };
        let mut of_dn = self.dns.get(dn);
        of_dn.add(now);
        self.dns.set(dn.into(), of_dn);
    }

    /// An attempt was right.
    pub(super) fn succeeded(&mut self, source: IpAddr, dn: &str) {
        let before = self.dns.get(dn);
        if before.proved_by != Some(source) {
            self.dns.set(dn.into(), Failures { proved_by: Some(source), ..before });
        }
    }

    /// How many sources and DNs are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        (self.sources.entries.len(), self.dns.entries.len())
    }
}
