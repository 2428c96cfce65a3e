//! What outlives the process: copies of the versions that are in use or were, and what was decided
//! about them. A folder for each plugin, in it a folder for each package, named by its digest, and
//! `versions.json`. Only the user of this process can read and write it.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use takeover_engine::package::Package;
use takeover_logic::ids::PackageDigest;
use takeover_logic::plugin::Saved;

use crate::limits::{PLUGIN_FOLDERS_MAX, PLUGIN_VERSIONS_BYTES_MAX};

/// What was decided about the versions of a plugin.
const VERSIONS: &str = "versions.json";

/// The folder. Cheap to copy.
#[derive(Clone, Debug)]
pub(super) struct Store {
    /// None: it can not be used, nothing is kept.
    folder: Option<Arc<Path>>,
    /// The plugins' folder was looked at once.
    scanned: Arc<AtomicBool>,
}

impl Store {
    /// Takes a folder for it, which is made where it is missing. One that can not be used means
    /// that nothing outlives the process; it does not stand in the way of the plugins.
    pub(super) fn open(folder: &Path) -> Self {
        let made = make_folder(folder).map(|()| folder.into());
        let folder = made
            .inspect_err(|error| {
                let folder = folder.display();
                tracing::warn!("versions of plugins are not kept in {folder}: {error}");
            })
            .ok();
        Self { folder, scanned: Arc::default() }
    }

    pub(super) fn scanned(&self) {
        self.scanned.store(true, Ordering::Release);
    }

    pub(super) fn was_scanned(&self) -> bool {
        self.scanned.load(Ordering::Acquire)
    }

    /// Plugins of which something is kept.
    pub(super) fn names(&self) -> Vec<String> {
        let Some(folder) = &self.folder else { return Vec::new() };
        let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
        let names = entries.flatten().map(|it| it.file_name().to_string_lossy().into_owned());
        let plugins = names.filter(|name| !name.starts_with('.'));
        plugins
            .filter(|name| folder.join(name).join(VERSIONS).is_file())
            .take(PLUGIN_FOLDERS_MAX)
            .collect()
    }

    /// What was decided about a plugin's versions.
    pub(super) fn saved(&self, name: &str) -> Saved {
        let Some(path) = self.path(name).map(|folder| folder.join(VERSIONS)) else {
            return Saved::default();
        };
        let text = match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Saved::default(),
            Ok(found) if found.len() > PLUGIN_VERSIONS_BYTES_MAX => {
                Err(io::Error::other(format!("{} bytes", found.len())))
            }
            _ => fs::read_to_string(&path),
        };
        let saved = text.and_then(|text| Ok(serde_json::from_str(&text)?));
        saved.unwrap_or_else(|error: io::Error| {
            tracing::warn!("{}: {error}; the plugin begins anew", path.display());
            Saved::default()
        })
    }

    /// Writes what was decided, and deletes copies that are of no use any more.
    pub(super) fn save(
        &self,
        name: &str,
        saved: &Saved,
        keeps: BTreeSet<PackageDigest>,
    ) -> io::Result<()> {
        let Some(folder) = self.path(name) else { return Ok(()) };
        if *saved == Saved::default() && !folder.exists() {
            return Ok(());
        }
        make_folder(&folder)?;
        let text = serde_json::to_string_pretty(saved)?;
        write_whole(&folder.join(VERSIONS), text.as_bytes())?;
        for entry in fs::read_dir(&folder)?.flatten() {
            let copy = entry.file_name();
            let digest: PackageDigest = copy.to_string_lossy().as_ref().into();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) && !keeps.contains(&digest) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }

    /// Where the copy of a version is, or would be.
    pub(super) fn copy_of(&self, name: &str, digest: &PackageDigest) -> Option<PathBuf> {
        Some(self.path(name)?.join(digest.as_str()))
    }

    /// Keeps a copy of a verified package.
    pub(super) fn keep(
        &self,
        name: &str,
        digest: &PackageDigest,
        package: &Package,
    ) -> io::Result<()> {
        let Some(copy) = self.copy_of(name, digest) else { return Ok(()) };
        if copy.join("plugin.toml").exists() {
            return Ok(());
        }
        make_folder(&copy)?;
        package.files().try_for_each(|(name, bytes)| write_whole(&copy.join(name), bytes))
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(name))
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Writes beside and renames, so that a power failure leaves the old or the new.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("part");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(&beside, path)
}
