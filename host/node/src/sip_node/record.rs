//! The last decisions about calls, kept in the folder of the node's state, so that another policy
//! can be asked about the same calls (`takeover sip policy try --calls`).
//!
//! Two files are written in turn: the newer one until it is full, then over the older one. What is
//! beyond the bounds is not kept and counted; no call ever waits for it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use takeover_logic::component::sip::{ForwardingCall, ForwardingDecision};
use takeover_logic::time::Timestamp;

use super::limits::{
    RECORD_BURST, RECORD_FILE_BYTES_MAX, RECORD_LINE_BYTES_MAX, RECORD_PER_S, RECORD_QUEUE_MAX,
};

#[cfg(test)]
mod tests;

/// Names of the files, the newer one first.
const FILES: [&str; 2] = ["decisions-new.jsonl", "decisions-old.jsonl"];

/// Longest time that a record waits in memory.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

/// One call and what was decided about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// When.
    pub at: Timestamp,
    /// What was known.
    pub call: ForwardingCall,
    /// What was decided.
    pub decision: ForwardingDecision,
    /// No policy decided it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_fallback: bool,
    /// Calls before it that were not kept, because there were too many at a time.
    #[serde(default)]
    pub skipped: u64,
}

/// Takes decisions and never waits.
#[derive(Debug)]
pub(crate) struct Recorder {
    lines: SyncSender<Decided>,
    room: Mutex<Room>,
}

/// How many decisions may be kept now.
#[derive(Debug)]
struct Room {
    left: u64,
    /// When more were allowed last.
    since: Timestamp,
    skipped: u64,
}

impl Room {
    /// Whether one more may be kept; then, how many were not since the last that was.
    fn take(&mut self, at: Timestamp) -> Option<u64> {
        let seconds = at.0.saturating_sub(self.since.0) / 1000;
        if seconds > 0 {
            self.left = self.left.saturating_add(seconds * RECORD_PER_S).min(RECORD_BURST);
            self.since = at;
        }
        if self.left == 0 {
            self.skipped += 1;
            return None;
        }
        self.left -= 1;
        Some(std::mem::take(&mut self.skipped))
    }
}

impl Recorder {
    /// Begins to keep decisions in a folder, which is made where it is not there.
    ///
    /// # Errors
    /// The folder can not be made, a file not be opened, or there is no thread.
    pub(crate) fn start(folder: &Path) -> io::Result<Recorder> {
        fs::create_dir_all(folder)?;
        let files = Files::open(folder.to_owned())?;
        let (lines, queue) = sync_channel(RECORD_QUEUE_MAX);
        let body = move || write(files, &queue);
        std::thread::Builder::new().name("sip-decisions".into()).spawn(body)?;
        let room = Room { left: RECORD_BURST, since: Timestamp(0), skipped: 0 };
        Ok(Recorder { lines, room: Mutex::new(room) })
    }

    /// Keeps a decision, where there is room for it.
    pub(crate) fn keep(
        &self,
        at: Timestamp,
        call: &ForwardingCall,
        (decision, by_fallback): (&ForwardingDecision, bool),
    ) {
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(skipped) = room.take(at) else { return };
        let (call, decision) = (call.clone(), decision.clone());
        if self.lines.try_send(Decided { at, call, decision, by_fallback, skipped }).is_err() {
            room.skipped += skipped + 1;
        }
    }
}

/// The file that is written, and where the other one is.
struct Files {
    folder: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
}

impl Files {
    fn open(folder: PathBuf) -> io::Result<Files> {
        let [new, _] = FILES;
        // Numbers of callers are nobody else's business.
        let file =
            OpenOptions::new().append(true).create(true).mode(0o600).open(folder.join(new))?;
        let bytes = file.metadata()?.len();
        Ok(Files { folder, file: BufWriter::new(file), bytes })
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let length = line.len() as u64;
        if self.bytes > 0 && self.bytes + length > RECORD_FILE_BYTES_MAX {
            self.file.flush()?;
            let [new, old] = FILES.map(|name| self.folder.join(name));
            fs::rename(new, old)?;
            *self = Files::open(self.folder.clone())?;
        }
        self.bytes += length;
        self.file.write_all(line)
    }
}

/// Writes until nobody can send any more.
fn write(mut files: Files, queue: &Receiver<Decided>) {
    let mut told = String::new();
    loop {
        let result = match queue.recv_timeout(FLUSH_INTERVAL) {
            Ok(decided) => line(&decided).map_or(Ok(()), |line| files.write(&line)),
            Err(RecvTimeoutError::Timeout) => files.file.flush(),
            Err(RecvTimeoutError::Disconnected) => {
                let _ = files.file.flush(); // nobody is left to hear of it
                return;
            }
        };
        let error = result.err().map(|error| error.to_string()).unwrap_or_default();
        if !error.is_empty() && error != told {
            tracing::warn!("{}: decisions are not kept: {error}", files.folder.display());
        }
        told = error;
    }
}

/// A line with its end; none where it is longer than is kept.
fn line(decided: &Decided) -> Option<Vec<u8>> {
    let mut line = serde_json::to_vec(decided).ok()?;
    line.push(b'\n');
    (line.len() <= RECORD_LINE_BYTES_MAX).then_some(line)
}

/// The decisions in a node's folder that were made at or after a time, oldest first, at most the
/// last `max`; and how many were left out for that. Lines that can not be read (the last one of a
/// node that was killed) are passed over.
///
/// # Errors
/// There is no record, or it can not be read.
pub fn read(folder: &Path, since: Timestamp, max: usize) -> io::Result<(Vec<Decided>, usize)> {
    let [new, old] = FILES.map(|name| folder.join(name));
    let mut found = Vec::new();
    if old.exists() {
        found.extend(read_file(&old, since)?);
    }
    found.extend(read_file(&new, since)?);
    let beyond = found.len().saturating_sub(max);
    found.drain(..beyond);
    Ok((found, beyond))
}

fn read_file(path: &Path, since: Timestamp) -> io::Result<Vec<Decided>> {
    let mut found = Vec::new();
    let file = File::open(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    for line in BufReader::new(file).split(b'\n') {
        let decided = serde_json::from_slice::<Decided>(&line?);
        found.extend(decided.ok().filter(|decided| decided.at >= since));
    }
    Ok(found)
}
