//! The file of one pair's store: a line that says what it is and how many items follow, then a
//! line of JSON for each.
//!
//! Replaced as a whole, so that a reader sees the old items or the new ones. Only the control
//! server's user can read it: it says where telephones are, though not their passwords.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use takeover_logic::ids::{PairName, Term};
use takeover_logic::keep::Item;
use takeover_logic::keep::store::Store;

use crate::limits::KEPT_FILE_BYTES_MAX;

/// Version of the format.
const VERSION: u32 = 1;

/// The first line.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Head {
    /// [`VERSION`].
    takeover_kept: u32,
    pair: PairName,
    /// In which its primary put them.
    term: Term,
    items: usize,
}

/// Why a file can not be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    /// It can not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is too long.
    #[error("{0} bytes, at most {KEPT_FILE_BYTES_MAX} are allowed")]
    TooLong(u64),
    /// A line is not what it should be.
    #[error("line {line}: {reason}")]
    Line { line: usize, reason: String },
    /// It is of another version, or of another pair.
    #[error("version {version} of pair {pair}, allowed: version {VERSION} of its own pair")]
    Other { version: u32, pair: PairName },
    /// It ends too soon, or too late.
    #[error("{found} items, but its first line says {said}")]
    Count { found: usize, said: usize },
}

/// Where a pair's file is.
pub(super) fn path(folder: &Path, pair: &PairName) -> PathBuf {
    folder.join(format!("{pair}.jsonl"))
}

/// Reads the store of a pair; an empty one where there is no file.
pub(super) fn read(folder: &Path, pair: &PairName) -> Result<Store, FileError> {
    let file = match File::open(path(folder, pair)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Store::default()),
        Err(error) => return Err(error.into()),
    };
    let length = file.metadata()?.len();
    if length > KEPT_FILE_BYTES_MAX {
        return Err(FileError::TooLong(length));
    }
    let mut lines = BufReader::new(file).lines().zip(1..);
    let (first, _) = lines.next().unwrap_or((Ok(String::new()), 1));
    let head: Head = parsed(&first?, 1)?;
    if head.takeover_kept != VERSION || head.pair != *pair {
        return Err(FileError::Other { version: head.takeover_kept, pair: head.pair });
    }
    let mut items: Vec<(Arc<str>, Arc<str>)> = Vec::new();
    for (line, number) in lines {
        let Item { key, value } = parsed(&line?, number)?;
        let none = || FileError::Line { line: number, reason: "no value".to_owned() };
        items.push((key, value.ok_or_else(none)?));
    }
    if items.len() != head.items {
        return Err(FileError::Count { found: items.len(), said: head.items });
    }
    Ok(Store::restore(head.term, items.into_iter()))
}

fn parsed<'a, T: Deserialize<'a>>(text: &'a str, line: usize) -> Result<T, FileError> {
    serde_json::from_str(text).map_err(|error| FileError::Line { line, reason: error.to_string() })
}

/// Puts a file that can not be used aside, in the place of an older one.
pub(super) fn put_aside(folder: &Path, pair: &PairName) -> io::Result<()> {
    fs::rename(path(folder, pair), folder.join(format!("{pair}.jsonl.bad")))
}

/// Writes the store of a pair; after it the file survives a loss of power.
pub(super) fn write(folder: &Path, pair: &PairName, store: &Store) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let beside = folder.join(format!(".{pair}.part"));
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    let mut writer = BufWriter::new(file);
    let (term, items) = store.saved();
    let head = Head { takeover_kept: VERSION, pair: pair.clone(), term, items: store.len() };
    line(&mut writer, &head)?;
    for (key, value) in items {
        line(&mut writer, &Item { key: key.into(), value: Some(value.into()) })?;
    }
    writer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    fs::rename(&beside, path(folder, pair))?;
    File::open(folder)?.sync_all()
}

fn line(writer: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *writer, value)?;
    writer.write_all(b"\n")
}
