//! What the folder holds, by digest. A file whose size, time and number have not changed is not
//! read again, unless it changed so recently that it may have changed once more since.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest, Sha256};
use takeover_engine::package::{Kind, Package, candidates, kind_of};
use takeover_logic::plugin::io::Sight;

use super::PluginFolders;
use crate::limits::PLUGIN_FOLDERS_MAX;
use crate::pki::hex;

/// The coarsest clock of a file system in use. Two changes within it look like one.
const FILE_CLOCK: Duration = Duration::from_secs(2);

/// A file that looks the same is not read again before this, so that reloads of one plugin do not
/// make every look read all that changed lately.
const READ_INTERVAL: Duration = Duration::from_millis(500);

/// What is seen of a file without reading it.
type Stamp = Option<(u64, u64, u64, i64, i64, i64, i64)>;

/// Looks at a folder again and again.
pub(super) struct Scanner {
    seen: BTreeMap<Arc<str>, Seen>,
    last: Instant,
}

impl Default for Scanner {
    fn default() -> Self {
        Self { seen: BTreeMap::new(), last: Instant::now() }
    }
}

struct Seen {
    stamps: [Stamp; 5],
    sight: Sight,
    /// The files had been the same for so long that they can be told apart from later ones.
    sure: bool,
    read_at: Instant,
}

impl Scanner {
    /// When the folder was looked at last.
    pub(super) fn last(&self) -> Instant {
        self.last
    }

    /// What is there of every plugin: those in the folder, and those that are known.
    pub(super) fn scan(
        &mut self,
        folders: &PluginFolders,
        known: BTreeSet<Arc<str>>,
    ) -> io::Result<Vec<(Arc<str>, Sight)>> {
        self.last = Instant::now();
        let found: BTreeSet<Arc<str>> = candidates(&folders.plugins)?
            .into_iter()
            .filter(|path| is_ours(path, &folders.kinds))
            .filter_map(|path| Some(path.file_name()?.to_string_lossy().as_ref().into()))
            .take(PLUGIN_FOLDERS_MAX)
            .collect();
        self.seen.retain(|name, _| found.contains(name));
        let all = known.union(&found).take(2 * PLUGIN_FOLDERS_MAX);
        Ok(all.map(|name| (Arc::clone(name), self.look(folders, name))).collect())
    }

    fn look(&mut self, folders: &PluginFolders, name: &Arc<str>) -> Sight {
        let folder = folders.plugins.join(&**name);
        let stamps = stamps(&folder, &folders.grants.join(format!("{name}.toml")));
        if let Some(seen) = self.seen.get(name)
            && seen.stamps == stamps
            && (seen.sure || seen.read_at.elapsed() < READ_INTERVAL)
        {
            return seen.sight.clone();
        }
        let sight = sight(&folder, name, &folders.grants);
        let (sure, read_at) = (is_old(&stamps), Instant::now());
        let seen = Seen { sight: sight.clone(), sure, stamps, read_at };
        self.seen.insert(Arc::clone(name), seen);
        sight
    }
}

fn stamps(folder: &Path, grant: &Path) -> [Stamp; 5] {
    let file = |name: &str| folder.join(name);
    let files = [file("plugin.toml"), file("component.wasm"), file("plugin.sig")];
    let [manifest, component, signature] = files;
    [folder.to_owned(), manifest, component, signature, grant.to_owned()].map(|path| {
        let found = fs::symlink_metadata(path).ok()?;
        let (written, changed) = (found.mtime(), found.ctime());
        let (written_ns, changed_ns) = (found.mtime_nsec(), found.ctime_nsec());
        let (device, number, size) = (found.dev(), found.ino(), found.size());
        Some((device, number, size, written, written_ns, changed, changed_ns))
    })
}

/// Whether every file has been as it is for longer than its clock's step.
fn is_old(stamps: &[Stamp]) -> bool {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let limit = i64::try_from(now.saturating_sub(FILE_CLOCK).as_secs()).unwrap_or(i64::MAX);
    stamps.iter().flatten().all(|stamp| stamp.3 < limit && stamp.5 < limit)
}

/// Whether a plugin is of one of these kinds. One whose manifest can not be read may be, so that
/// what is wrong with it is told.
fn is_ours(folder: &Path, kinds: &[Kind]) -> bool {
    kind_of(folder).is_none_or(|kind| kinds.contains(&kind))
}

/// What a plugin's folder holds.
fn sight(folder: &Path, name: &str, grants: &Path) -> Sight {
    if fs::symlink_metadata(folder).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Sight::Gone;
    }
    let is_there = |name: &str| fs::symlink_metadata(folder.join(name)).is_ok();
    if is_there("plugin.toml") && !is_there("component.wasm") {
        return Sight::ComponentMissing;
    }
    match Package::read(folder, name, grants) {
        Ok(package) => {
            let whole = package.is_whole();
            Sight::Package { digest: package.digest().as_str().into(), whole }
        }
        // What can not be read has an identity, too: it is refused once, with the reason.
        Err(reason) => {
            let digest = hex(&Sha256::digest(format!("unreadable: {reason}")));
            Sight::Package { digest: digest.as_str().into(), whole: false }
        }
    }
}
