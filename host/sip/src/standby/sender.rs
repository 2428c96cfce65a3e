//! The end that tells: a snapshot, then numbered changes, a bounded log of what is not yet taken.
//!
//! ```text
//!    log:   | taken (dropped) | told, not taken | not told yet |
//!                             ^ base            ^ told + 1     ^ next
//! ```

use std::collections::VecDeque;

use takeover_logic::time::Instant;

use super::message::{Item, Position, StreamId};
use crate::limits::{
    STANDBY_FLIGHT_BYTES_MAX, STANDBY_ITEM_BYTES_MAX, STANDBY_LINE_BYTES, STANDBY_LOG_BYTES_MAX,
    STANDBY_WAIT, STANDBY_WAITS_MAX,
};
use crate::state::{Change, Key, State};

/// Somebody who waits until a change is on the other node. Never used twice by a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WaitId(pub u64);

/// Sizes, in bytes; see [`crate::limits`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) line: usize,
    pub(super) flight: usize,
    pub(super) log: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            line: STANDBY_LINE_BYTES,
            flight: STANDBY_FLIGHT_BYTES_MAX,
            log: STANDBY_LOG_BYTES_MAX,
        }
    }
}

/// How far the snapshot is.
#[derive(Debug)]
enum Snapshot {
    /// One has to be begun; until then nothing is logged, because it will hold everything.
    Needed,
    /// These keys are left.
    Running(VecDeque<Key>),
    /// It was told, to its end.
    Told,
}

/// Tells the other node what changes here.
#[derive(Debug)]
pub(super) struct Sender {
    stream: StreamId,
    bounds: Bounds,
    snapshot: Snapshot,
    /// Items in JSON; the first has the number `base`.
    log: VecDeque<Box<[u8]>>,
    base: u64,
    log_bytes: usize,
    /// Number of the last item that was told, and the bytes of those that are not yet taken.
    told: u64,
    flight_bytes: usize,
    /// Number of the end of the last snapshot.
    end: Option<u64>,
    waits: VecDeque<(u64, WaitId, Instant)>,
    /// Somebody waited in vain for this number: nobody waits until it is taken.
    lagging: Option<u64>,
    given_up: Vec<WaitId>,
    acknowledged: Vec<WaitId>,
    /// Snapshots that had to begin because the log was full.
    overflows: u64,
    oversized: u64,
}

impl Sender {
    pub(super) fn new(stream: StreamId, bounds: Bounds) -> Sender {
        Sender {
            stream,
            bounds,
            snapshot: Snapshot::Needed,
            log: VecDeque::new(),
            base: 1,
            log_bytes: 0,
            told: 0,
            flight_bytes: 0,
            end: None,
            waits: VecDeque::new(),
            lagging: None,
            given_up: Vec::new(),
            acknowledged: Vec::new(),
            overflows: 0,
            oversized: 0,
        }
    }

    /// Number of the next item.
    fn next(&self) -> u64 {
        self.base + u64::try_from(self.log.len()).unwrap_or(u64::MAX)
    }

    /// A link came up; the other end has followed so far. True: with that it has a whole snapshot.
    pub(super) fn resume(&mut self, position: Option<Position>) -> bool {
        let number = position.filter(|p| p.stream == self.stream).map(|p| p.number);
        let is_known = |number: &u64| (self.base..=self.next()).contains(&(number + 1));
        match number.filter(is_known) {
            Some(number) if !matches!(self.snapshot, Snapshot::Needed) => {
                self.told = number;
                let is_whole = self.taken(number);
                self.flight_bytes = 0;
                is_whole
            }
            _ => {
                self.restart();
                false
            }
        }
    }

    /// Begins a snapshot with the next item. What the log holds will be in it.
    pub(super) fn restart(&mut self) {
        self.base = self.next();
        self.log.clear();
        (self.log_bytes, self.flight_bytes) = (0, 0);
        self.told = self.base - 1;
        (self.snapshot, self.end) = (Snapshot::Needed, None);
        self.give_up();
    }

    /// The link went down: nobody is told anything, and nobody waits.
    pub(super) fn link_lost(&mut self) {
        self.give_up();
        self.lagging = None;
    }

    fn give_up(&mut self) {
        self.given_up.extend(self.waits.drain(..).map(|(_, wait, _)| wait));
    }

    /// Logs a change, unless a snapshot will hold it.
    pub(super) fn change(&mut self, change: Change) {
        if !matches!(self.snapshot, Snapshot::Needed) {
            self.log(Item::Change(Box::new(change)));
        }
    }

    fn log(&mut self, item: Item) {
        // As in `Message::line`: there is nothing that JSON could not hold.
        let json = serde_json::to_vec(&item).unwrap_or_default();
        if json.len() > STANDBY_ITEM_BYTES_MAX {
            self.oversized += 1;
            return;
        }
        self.log_bytes += json.len();
        self.log.push_back(json.into());
        if self.log_bytes > self.bounds.log {
            self.overflows += 1;
            self.restart();
        }
    }

    /// Somebody wants to know when everything logged so far is taken. False: there is nothing to
    /// wait for, or it would be in vain.
    pub(super) fn wait(&mut self, now: Instant, wait: WaitId) -> bool {
        let number = self.next() - 1;
        if !self.is_in_step() || number < self.base || self.lagging.is_some() {
            return false;
        }
        if self.waits.len() >= STANDBY_WAITS_MAX {
            return false;
        }
        self.waits.push_back((number, wait, now + STANDBY_WAIT));
        true
    }

    /// Whether the other node has a whole snapshot and follows.
    pub(super) fn is_in_step(&self) -> bool {
        matches!(self.snapshot, Snapshot::Told) && self.end.is_none()
    }

    /// The other end took everything up to a number. True: with that it has a whole snapshot.
    pub(super) fn taken(&mut self, number: u64) -> bool {
        let number = number.min(self.told);
        while self.base <= number
            && let Some(item) = self.log.pop_front()
        {
            self.base += 1;
            self.log_bytes = self.log_bytes.saturating_sub(item.len());
            self.flight_bytes = self.flight_bytes.saturating_sub(item.len());
        }
        while let Some((wanted, wait, _)) = self.waits.front().copied()
            && wanted <= number
        {
            self.waits.pop_front();
            self.acknowledged.push(wait);
        }
        self.lagging = self.lagging.filter(|wanted| *wanted > number);
        let is_whole = self.end.is_some_and(|end| end <= number);
        if is_whole {
            self.end = None;
        }
        is_whole
    }

    /// Gives up on those who waited too long. True: the other end lags behind from now on.
    pub(super) fn tick(&mut self, now: Instant) -> bool {
        let late = self.waits.front().filter(|(_, _, until)| *until <= now);
        let Some((number, ..)) = late.copied() else { return false };
        self.give_up();
        self.lagging.replace(number).is_none()
    }

    /// When [`Sender::tick`] is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.waits.front().map(|(_, _, until)| *until)
    }

    /// The next line for the other end, where it may be told more now.
    pub(super) fn next_line(&mut self, state: &State) -> Option<Vec<u8>> {
        if self.flight_bytes >= self.bounds.flight {
            return None;
        }
        if self.told + 1 >= self.next() {
            self.fill(state);
        }
        let first = self.told + 1;
        let from = usize::try_from(first.checked_sub(self.base)?).ok()?;
        let mut line = Vec::new();
        for item in self.log.iter().skip(from) {
            if !line.is_empty() {
                line.push(b',');
            }
            line.extend_from_slice(item);
            self.told += 1;
            self.flight_bytes += item.len();
            if line.len() >= self.bounds.line {
                break;
            }
        }
        if line.is_empty() {
            return None;
        }
        let StreamId { term, at } = self.stream;
        let stream = format!("{{\"term\":{term},\"at\":{at}}}");
        let head = format!("{{\"is\":\"items\",\"stream\":{stream},\"first\":{first},\"items\":[");
        let mut whole = head.into_bytes();
        whole.append(&mut line);
        whole.extend_from_slice(b"]}\n");
        Some(whole)
    }

    /// Logs the next part of the snapshot.
    fn fill(&mut self, state: &State) {
        if matches!(self.snapshot, Snapshot::Needed) {
            self.snapshot = Snapshot::Running(state.keys().into());
            self.log(Item::Begin);
        }
        let before = self.log_bytes;
        while self.log_bytes < before + self.bounds.line {
            let Snapshot::Running(keys) = &mut self.snapshot else { return };
            match keys.pop_front() {
                Some(key) => {
                    // What was removed meanwhile was told as a change.
                    let change = state.change_of(&key);
                    if !change.is_removal() {
                        self.log(Item::Change(Box::new(change)));
                    }
                }
                None => {
                    self.snapshot = Snapshot::Told;
                    self.end = Some(self.next());
                    self.log(Item::End);
                }
            }
        }
    }

    pub(super) fn stream(&self) -> StreamId {
        self.stream
    }

    /// Those who need not wait any longer: first those whose changes are on the other node.
    pub(super) fn drain_waits(&mut self) -> (Vec<WaitId>, Vec<WaitId>) {
        (std::mem::take(&mut self.acknowledged), std::mem::take(&mut self.given_up))
    }

    /// Items that are not yet taken, how often the log was full, and items too large to tell.
    pub(super) fn counts(&self) -> (usize, u64, u64) {
        (self.log.len(), self.overflows, self.oversized)
    }
}
