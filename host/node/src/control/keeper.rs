//! What is kept for the pairs: a thread that has their stores, and their files.
//!
//! The decision loop hands over what programs say, with the place that they have at that moment,
//! and gets back what they are to be told. So neither the size of a store nor the disk is ever
//! felt by a decision. What is decided in a store is `takeover_logic::keep`'s.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use takeover_logic::catalog::{self, About};
use takeover_logic::ids::{ApplicationName, HostName, PairName};
use takeover_logic::keep::store::{Output, Speaker, Store};
use takeover_logic::keep::{Keep, Kept};
use takeover_logic::log_event::LogEvent;
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::limits::{KEEPER_WORDS_MAX, KEPT_WRITE_INTERVAL};

mod file;
#[cfg(test)]
mod tests;

/// What the loop hands over.
#[derive(Debug)]
enum Word {
    Said(PairName, Speaker, Keep),
    HostGone(HostName),
}

/// What comes back.
#[derive(Debug, PartialEq)]
pub(super) enum FromKeeper {
    /// A word for a program.
    Tell(ApplicationName, Kept),
    /// Something for the log.
    Event(Box<LogEvent>),
}

/// The loop's end.
pub(super) struct Keeper {
    words: SyncSender<Word>,
    thread: JoinHandle<()>,
}

impl Keeper {
    /// Starts the thread. `folder`: where the files are; made when the first one is written.
    pub(super) fn start(
        folder: PathBuf,
        clock: Clock,
        back: mpsc::Sender<FromKeeper>,
    ) -> std::io::Result<Self> {
        let (words, heard) = sync_channel(KEEPER_WORDS_MAX);
        let desk = Desk { folder, clock, back, pairs: BTreeMap::new() };
        let thread = std::thread::Builder::new().name("keep".into());
        Ok(Self { words, thread: thread.spawn(move || desk.run(&heard))? })
    }

    /// A program said something. Never waits; what finds no room is lost, and said again by a
    /// program that gets no answer.
    pub(super) fn said(&self, pair: PairName, speaker: Speaker, keep: Keep) {
        self.hand_over(Word::Said(pair, speaker, keep));
    }

    /// The link of a host ended.
    pub(super) fn host_gone(&self, host: &HostName) {
        self.hand_over(Word::HostGone(host.clone()));
    }

    fn hand_over(&self, word: Word) {
        if self.words.try_send(word).is_err() {
            tracing::warn!("what is to be kept finds no room: {KEEPER_WORDS_MAX} words wait");
        }
    }

    /// Ends the thread when everything is written, or could not be. Waits for the disk; whoever
    /// gets the answers must have closed before.
    pub(super) fn end(self) {
        drop(self.words);
        // A panic was told when it happened.
        let _ = self.thread.join();
    }
}

/// One pair's store.
struct Pair {
    store: Store,
    /// Since when its file is behind it.
    changed: Option<Instant>,
    is_failing: bool,
}

/// The thread.
struct Desk {
    folder: PathBuf,
    clock: Clock,
    back: mpsc::Sender<FromKeeper>,
    pairs: BTreeMap<PairName, Pair>,
}

impl Desk {
    fn run(mut self, heard: &Receiver<Word>) {
        loop {
            let changed = self.pairs.values().filter_map(|pair| pair.changed).min();
            let wait = changed.map(|since| KEPT_WRITE_INTERVAL.saturating_sub(since.elapsed()));
            match heard.recv_timeout(wait.unwrap_or(KEPT_WRITE_INTERVAL)) {
                Ok(Word::Said(pair, speaker, keep)) => self.said(&pair, &speaker, keep),
                Ok(Word::HostGone(host)) => {
                    self.pairs.values_mut().for_each(|pair| pair.store.host_gone(&host));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.write(Duration::ZERO),
            }
            self.write(KEPT_WRITE_INTERVAL);
        }
    }

    fn said(&mut self, name: &PairName, speaker: &Speaker, keep: Keep) {
        if !self.pairs.contains_key(name) {
            let store = self.read(name);
            self.pairs.insert(name.clone(), Pair { store, changed: None, is_failing: false });
        }
        let Some(pair) = self.pairs.get_mut(name) else { return };
        pair.store.hear(speaker, keep);
        if pair.store.take_changed() {
            pair.changed.get_or_insert_with(Instant::now);
        }
        let outputs: Vec<Output> = std::iter::from_fn(|| pair.store.poll()).collect();
        for output in outputs {
            let back = match output {
                Output::Tell(application, kept) => FromKeeper::Tell(application, kept),
                Output::NotKept { key, items, bytes } => {
                    self.event(|about| catalog::not_kept(about, name, &key, &items, &bytes))
                }
            };
            self.send(back);
        }
    }

    /// The store as it was written last; empty where it can not be read.
    fn read(&self, name: &PairName) -> Store {
        match file::read(&self.folder, name) {
            Ok(store) => store,
            Err(error) => {
                let reason = match file::put_aside(&self.folder, name) {
                    Ok(()) => error.to_string(),
                    Err(aside) => format!("{error}; it could not be put aside: {aside}"),
                };
                self.send(self.event(|about| catalog::kept_not_read(about, name, &reason)));
                Store::default()
            }
        }
    }

    /// Writes the stores whose files are behind for so long.
    fn write(&mut self, behind: Duration) {
        let mut failed = Vec::new();
        for (name, pair) in &mut self.pairs {
            if pair.changed.is_none_or(|since| since.elapsed() < behind) {
                continue;
            }
            match file::write(&self.folder, name, &pair.store) {
                Ok(()) => (pair.changed, pair.is_failing) = (None, false),
                Err(error) => {
                    pair.changed = Some(Instant::now());
                    if !std::mem::replace(&mut pair.is_failing, true) {
                        failed.push((name.clone(), error.to_string()));
                    }
                }
            }
        }
        for (name, reason) in failed {
            self.send(self.event(|about| catalog::kept_not_written(about, &name, &reason)));
        }
    }

    fn event(&self, write: impl FnOnce(&About) -> LogEvent) -> FromKeeper {
        let about = About::control_server(self.clock.now().at);
        FromKeeper::Event(Box::new(write(&about)))
    }

    fn send(&self, back: FromKeeper) {
        // None listens: the control server is stopping.
        let _ = self.back.blocking_send(back);
    }
}
