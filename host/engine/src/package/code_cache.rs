//! Machine code of components, kept over restarts: a Python guest takes seconds to compile and
//! milliseconds to read. Losing it costs time only, so whatever is wrong with it is a reason to
//! compile again, never an error.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use super::precompiled::{Checked, file_of};
use crate::limits::{CODE_FILE_BYTES_MAX, CODE_FILES_MAX};

/// A folder of machine code that only the user of this process can write.
#[derive(Debug)]
pub struct CodeCache {
    folder: PathBuf,
}

/// Why machine code is not kept in a folder.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// It can not be made or looked at.
    #[error("{}: {source}", .folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Somebody else could put code there.
    #[error(
        "{}: it belongs to user {owner} with mode {mode:o}, allowed: user {us} with mode 700",
        .folder.display()
    )]
    NotOurs {
        /// Which.
        folder: PathBuf,
        /// Its owner.
        owner: u32,
        /// Its mode.
        mode: u32,
        /// The user of this process.
        us: u32,
    },
}

impl CodeCache {
    /// Takes a folder for it, which is made where it is missing.
    ///
    /// # Errors
    /// It can not be made, is no folder, or is not ours alone.
    pub fn open(folder: &Path) -> Result<Self, CacheError> {
        let unusable = |source| CacheError::Folder { folder: folder.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable)?;
        let found = fs::symlink_metadata(folder).map_err(unusable)?;
        if !found.is_dir() {
            return Err(unusable(io::Error::other("not a folder")));
        }
        let (us, mode) = (rustix::process::geteuid().as_raw(), found.mode() & 0o7777);
        if found.uid() != us || mode & 0o077 != 0 {
            let (folder, owner) = (folder.to_owned(), found.uid());
            return Err(CacheError::NotOurs { folder, owner, mode, us });
        }
        Ok(Self { folder: folder.to_owned() })
    }

    /// The kept code of a component, if there is any that this engine can use.
    pub(super) fn find(&self, engine: &wasmtime::Engine, sha256: &str) -> Option<Component> {
        let path = self.path(engine, sha256);
        let bytes = match read_ours(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return unused(&path, &error),
        };
        let Some(checked) = Checked::new(&bytes) else {
            return unused(&path, &"its digest does not fit");
        };
        match checked.load(engine) {
            Ok(component) => Some(component),
            Err(error) => unused(&path, &format!("{error:#}")),
        }
    }

    /// Keeps the code of a component.
    pub(super) fn keep(&self, engine: &wasmtime::Engine, sha256: &str, component: &Component) {
        let path = self.path(engine, sha256);
        let kept = file_of(component).map_err(io::Error::other).and_then(|bytes| {
            if bytes.len() as u64 > CODE_FILE_BYTES_MAX {
                let text = format!("{} bytes, at most {CODE_FILE_BYTES_MAX}", bytes.len());
                return Err(io::Error::other(text));
            }
            write_whole(&path, &bytes)
        });
        if let Err(error) = kept {
            tracing::warn!("machine code is not kept in {}: {error}", path.display());
        }
        self.trim();
    }

    /// One file for each component and kind of engine. The hash is one over the engine's settings,
    /// made stable by SHA-256: the standard one may change with the compiler.
    fn path(&self, engine: &wasmtime::Engine, sha256: &str) -> PathBuf {
        let mut hasher = StableHasher(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        self.folder.join(format!("{sha256}-{:016x}.code", hasher.finish()))
    }

    /// Deletes what was not written for the longest time.
    fn trim(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let age = |entry: fs::DirEntry| {
            let written = entry.metadata().and_then(|found| found.modified());
            (written.unwrap_or(SystemTime::UNIX_EPOCH), entry.path())
        };
        let mut files: Vec<_> = entries.flatten().map(age).collect();
        files.sort();
        let excess = files.len().saturating_sub(CODE_FILES_MAX);
        for (_, path) in files.into_iter().take(excess) {
            // The next time tries again.
            let _ = fs::remove_file(path);
        }
    }
}

fn unused(path: &Path, reason: &dyn std::fmt::Display) -> Option<Component> {
    tracing::warn!("kept machine code is not used: {}: {reason}", path.display());
    None
}

/// Reads a regular file that only we can write.
fn read_ours(path: &Path) -> io::Result<Vec<u8>> {
    let named = fs::symlink_metadata(path)?;
    let file = File::open(path)?;
    let opened = file.metadata()?;
    if !named.is_file() || (opened.dev(), opened.ino()) != (named.dev(), named.ino()) {
        return Err(io::Error::other("not a regular file"));
    }
    if opened.uid() != rustix::process::geteuid().as_raw() || opened.mode() & 0o022 != 0 {
        return Err(io::Error::other("somebody else could have written it"));
    }
    let mut bytes = Vec::new();
    file.take(CODE_FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes beside and renames, so that nobody ever sees a part.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension(format!("{}.part", std::process::id()));
    // Left by a process of the same number that ended in between.
    let _ = fs::remove_file(&beside);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    drop(file);
    fs::rename(&beside, path)
}

/// A hash that is the same in every build of this program.
struct StableHasher(Sha256);

impl Hasher for StableHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        digest.iter().take(8).fold(0, |hash, byte| (hash << 8) | u64::from(*byte))
    }
}
