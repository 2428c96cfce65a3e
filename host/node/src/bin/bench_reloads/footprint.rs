//! What this process holds, as the kernel counts it.

use std::error::Error;
use std::fs;
use std::path::Path;

/// What a process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Footprint {
    /// Memory that is resident and nobody else's, in KiB: what a leak would add to. Mapped files
    /// are left out, because the kernel takes them back when it wants to.
    pub(crate) anonymous_kib: u64,
    /// Open files, sockets and the like.
    pub(crate) files: u64,
    /// Threads.
    pub(crate) threads: u64,
    /// Mapped regions.
    pub(crate) maps: u64,
    /// Files below the folder of what is kept on disk.
    pub(crate) disk_files: u64,
    /// Their bytes, not the blocks that they take.
    pub(crate) disk_bytes: u64,
}

impl Footprint {
    /// As it is now; `kept` is a folder whose files are counted.
    ///
    /// # Errors
    /// What can not be read.
    pub(crate) fn now(kept: &Path) -> Result<Self, Box<dyn Error>> {
        let status = fs::read_to_string("/proc/self/status")?;
        let number = |key: &str| -> Result<u64, Box<dyn Error>> {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            let word = line.and_then(|line| line.split_whitespace().next());
            Ok(word.ok_or_else(|| format!("no {key} in /proc/self/status"))?.parse()?)
        };
        let (disk_files, disk_bytes) = size_of(kept)?;
        Ok(Self {
            anonymous_kib: number("RssAnon:")?,
            // Reading the folder opens it, and that is counted each time alike.
            files: fs::read_dir("/proc/self/fd")?.count() as u64,
            threads: number("Threads:")?,
            maps: fs::read_to_string("/proc/self/maps")?.lines().count() as u64,
            disk_files,
            disk_bytes,
        })
    }
}

/// Number and bytes of the files in a folder. Those that vanish meanwhile count as gone.
fn size_of(folder: &Path) -> Result<(u64, u64), Box<dyn Error>> {
    let (mut files, mut bytes) = (0, 0);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(found) = entry.metadata() else { continue };
        let (more_files, more_bytes) =
            if found.is_dir() { size_of(&entry.path())? } else { (1, found.len()) };
        files += more_files;
        bytes += more_bytes;
    }
    Ok((files, bytes))
}
