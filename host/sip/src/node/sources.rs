//! How much each source sends: a bucket of tokens for each address, a second's worth deep.

use std::collections::HashMap;
use std::net::IpAddr;

use takeover_logic::time::Instant;

use crate::limits::SOURCES_MAX;

/// Parts of a token, so that slow refilling is exact enough.
const PARTS: u64 = 1_000;

#[derive(Clone, Copy, Debug)]
struct Bucket {
    parts: u64,
    at: Instant,
}

/// Addresses and what they may still send.
#[derive(Debug, Default)]
pub(super) struct Sources {
    buckets: HashMap<IpAddr, Bucket>,
    dropped: u64,
}

impl Sources {
    /// Takes one token of an address that gets `rate` of them a second. False: it has none left.
    pub(super) fn take(&mut self, now: Instant, source: IpAddr, rate: u32) -> bool {
        let full = u64::from(rate).saturating_mul(PARTS);
        if self.buckets.len() >= SOURCES_MAX && !self.buckets.contains_key(&source) {
            self.forget_silent(now);
        }
        let bucket = self.buckets.entry(source).or_insert(Bucket { parts: full, at: now });
        let millis = u64::try_from(now.since(bucket.at).as_millis()).unwrap_or(u64::MAX);
        if millis > 0 {
            let more = u64::from(rate).saturating_mul(millis).saturating_mul(PARTS) / 1_000;
            bucket.parts = bucket.parts.saturating_add(more).min(full);
            bucket.at = now;
        }
        let may = bucket.parts >= PARTS;
        match may {
            true => bucket.parts -= PARTS,
            false => self.dropped += 1,
        }
        may
    }

    /// Requests that were dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Forgets whoever has a full bucket again, and everybody where that is nobody.
    fn forget_silent(&mut self, now: Instant) {
        let silent = |bucket: &Bucket| now.since(bucket.at).as_secs() >= 1;
        self.buckets.retain(|_, bucket| !silent(bucket));
        if self.buckets.len() >= SOURCES_MAX {
            self.buckets.clear();
        }
    }
}
