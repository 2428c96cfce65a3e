//! Reads a folder of plugins. What is wrong with one of them never stands in the way of another.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use sha2::{Digest, Sha256};

use super::{LinkError, Manifest, ManifestError, Plugin};
use crate::engine::{Engine, Linkers};
use crate::limits::{COMPONENT_BYTES_MAX, MANIFEST_BYTES_MAX, PLUGINS_MAX};

/// What a folder held.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Plugins that can be called, in the order of their names.
    pub plugins: Vec<Arc<Plugin>>,
    /// Folders that were refused, in the order of their names.
    pub rejected: Vec<Rejection>,
}

impl Loaded {
    /// The plugin of this name.
    pub fn plugin(&self, name: &str) -> Option<&Arc<Plugin>> {
        self.plugins.iter().find(|plugin| plugin.manifest.name == name)
    }
}

/// A folder that was refused.
#[derive(Debug)]
pub struct Rejection {
    /// Which.
    pub folder: PathBuf,
    /// Why.
    pub reason: RejectionReason,
}

/// Why a plugin was refused, in an operator's words.
#[derive(Debug, thiserror::Error)]
pub enum RejectionReason {
    /// A file can not be read.
    #[error("{file}: {error}")]
    Unreadable {
        /// Which.
        file: String,
        /// What the system says.
        error: io::Error,
    },
    /// A link could be turned to another file after the check.
    #[error("{0} is a symbolic link, which is not followed; copy the file")]
    Link(String),
    /// Neither file nor folder.
    #[error("{0} is not a regular file")]
    NotAFile(String),
    /// A component outside a folder has no manifest.
    #[error("a component belongs in a folder of its own, beside its plugin.toml")]
    Loose,
    /// A file is larger than anything legitimate.
    #[error("{file}: {found} bytes, at most {max}")]
    Oversized {
        /// Which.
        file: String,
        /// Its size.
        found: u64,
        /// The bound.
        max: u64,
    },
    /// The manifest is not right.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The folder bears another name.
    #[error("plugin.toml names the plugin {0}; its folder must bear the same name")]
    Name(String),
    /// The component is not the one that the manifest was written for: half copied, or changed.
    #[error(
        "component.wasm is {found_bytes} bytes with sha256 {found}, plugin.toml says \
         {expected_bytes} bytes with sha256 {expected}"
    )]
    Digest {
        /// Of the file.
        found: String,
        /// Of the file.
        found_bytes: u64,
        /// Of the manifest.
        expected: String,
        /// Of the manifest.
        expected_bytes: u64,
    },
    /// The component is not one of its kind.
    #[error(transparent)]
    Unfit(#[from] LinkError),
    /// There are too many.
    #[error("more than {PLUGINS_MAX} plugins in one folder")]
    TooMany,
}

impl Engine {
    /// Loads every plugin of a folder. Compiling is done on threads of its own, at most one less
    /// than there are cores, so that it never holds up what else runs here; the caller may await
    /// this on any runtime.
    ///
    /// A folder that can not be read at all comes back as one rejection.
    pub async fn load_folder(&self, folder: &Path) -> Loaded {
        let (done, result) = tokio::sync::oneshot::channel();
        let (engine, linkers) = (self.rooms.engine.clone(), Arc::clone(&self.linkers));
        let path = folder.to_owned();
        let work = move || {
            // Nobody waits any more when the receiver is gone.
            let _ = done.send(load(&engine, &linkers, &path));
        };
        let started = thread::Builder::new().name("takeover-load".into()).spawn(work);
        let error = match started {
            Ok(_detached) => match result.await {
                Ok(loaded) => return loaded,
                Err(_panicked) => io::Error::other("the loading thread ended early"),
            },
            Err(error) => error,
        };
        Loaded { rejected: vec![unreadable(folder, ".", error)], ..Loaded::default() }
    }
}

fn unreadable(folder: &Path, file: &str, error: io::Error) -> Rejection {
    let reason = RejectionReason::Unreadable { file: file.to_owned(), error };
    Rejection { folder: folder.to_owned(), reason }
}

/// Loads every plugin of a folder on as many threads as are allowed.
fn load(engine: &wasmtime::Engine, linkers: &Linkers, folder: &Path) -> Loaded {
    let entries = match candidates(folder) {
        Ok(entries) => entries,
        Err(error) => {
            return Loaded {
                rejected: vec![unreadable(folder, "plugin folder", error)],
                ..Loaded::default()
            };
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.saturating_sub(1).clamp(1, 4).min(entries.len().max(1));
    let taken = entries.get(..PLUGINS_MAX).unwrap_or(&entries);
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    let worker = || {
        while let Some(path) = taken.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = load_one(engine, linkers, path);
            results.lock().unwrap_or_else(PoisonError::into_inner).push((path, result));
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(worker);
        }
        worker();
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(path, _)| *path);
    let mut loaded = Loaded::default();
    for (path, result) in results {
        match result {
            Ok(plugin) => loaded.plugins.push(Arc::new(plugin)),
            Err(reason) => loaded.rejected.push(Rejection { folder: path.clone(), reason }),
        }
    }
    loaded.rejected.extend(
        entries
            .iter()
            .skip(PLUGINS_MAX)
            .map(|path| Rejection { folder: path.clone(), reason: RejectionReason::TooMany }),
    );
    loaded
}

/// Everything in the folder that looks like a plugin, in the order of names. Hidden entries and
/// files that are no components (a README, an editor's backup) are nobody's business.
pub fn candidates(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let hidden = name.to_string_lossy().starts_with('.');
        let component = Path::new(&name).extension().is_some_and(|ending| ending == "wasm");
        if !hidden && (component || !entry.file_type()?.is_file()) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Reads, verifies, compiles and links one plugin. The bytes are read once, so that nobody can
/// change them between the check and the use.
fn load_one(
    engine: &wasmtime::Engine,
    linkers: &Linkers,
    folder: &Path,
) -> Result<Plugin, RejectionReason> {
    let name = check_folder(folder)?;
    let manifest = read_file(folder, "plugin.toml", MANIFEST_BYTES_MAX)?;
    let manifest = String::from_utf8(manifest)
        .map_err(|_| ManifestError(vec!["not UTF-8 text".to_owned()]))?;
    let manifest = Manifest::parse(&manifest)?;
    if manifest.name != name {
        return Err(RejectionReason::Name(manifest.name));
    }
    let bytes = read_file(folder, "component.wasm", COMPONENT_BYTES_MAX)?;
    verify(&manifest, &bytes)?;
    Ok(Plugin::compile(engine, linkers, manifest, &bytes)?)
}

/// The name of a folder that is one, and no link to one.
pub(super) fn check_folder(folder: &Path) -> Result<String, RejectionReason> {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let unreadable = |error| RejectionReason::Unreadable { file: name.clone(), error };
    let kind = fs::symlink_metadata(folder).map_err(unreadable)?.file_type();
    if kind.is_symlink() {
        return Err(RejectionReason::Link(name));
    }
    if !kind.is_dir() {
        return Err(RejectionReason::Loose);
    }
    Ok(name)
}

pub(super) fn verify(manifest: &Manifest, bytes: &[u8]) -> Result<(), RejectionReason> {
    let found = format!("{:x}", Sha256::digest(bytes));
    let found_bytes = bytes.len() as u64;
    let expected = &manifest.component;
    if found == expected.sha256 && found_bytes == expected.size_bytes {
        return Ok(());
    }
    Err(RejectionReason::Digest {
        found,
        found_bytes,
        expected: expected.sha256.clone(),
        expected_bytes: expected.size_bytes,
    })
}

/// Reads a regular file of at most `max` bytes.
pub(super) fn read_file(folder: &Path, name: &str, max: u64) -> Result<Vec<u8>, RejectionReason> {
    let unreadable = |error| RejectionReason::Unreadable { file: name.to_owned(), error };
    let path = folder.join(name);
    let named = fs::symlink_metadata(&path).map_err(unreadable)?;
    if named.file_type().is_symlink() {
        return Err(RejectionReason::Link(name.to_owned()));
    }
    // Opening anything else could block for ever (a pipe) or have effects (a device).
    if !named.is_file() {
        return Err(RejectionReason::NotAFile(name.to_owned()));
    }
    let file = File::open(&path).map_err(unreadable)?;
    let opened = file.metadata().map_err(unreadable)?;
    // Exchanged for a link between the look and the opening: what was opened is another file.
    if (opened.dev(), opened.ino()) != (named.dev(), named.ino()) {
        return Err(RejectionReason::Link(name.to_owned()));
    }
    let mut bytes = Vec::new();
    file.take(max + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > max {
        let found = opened.len().max(bytes.len() as u64);
        return Err(RejectionReason::Oversized { file: name.to_owned(), found, max });
    }
    Ok(bytes)
}
