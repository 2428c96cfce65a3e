//! What the folder holds, by digest. A file whose size, time and number have not changed is not
//! read again, unless it changed so recently that it may have changed once more since.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest, Sha256};
use takeover_engine::limits::POLICIES_MAX;
use takeover_engine::package::{Kind, Package, RejectionReason, candidates, kind_of, policy};
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
    stamps: Vec<Stamp>,
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
            .chain(policies(folders)?)
            .collect();
        self.seen.retain(|name, _| found.contains(name));
        let all = known.union(&found).take(2 * PLUGIN_FOLDERS_MAX);
        Ok(all.map(|name| (Arc::clone(name), self.look(folders, name))).collect())
    }

    fn look(&mut self, folders: &PluginFolders, name: &Arc<str>) -> Sight {
        let folder = folders.plugins.join(&**name);
        let stamps = stamps(folders, name);
        if let Some(seen) = self.seen.get(name)
            && seen.stamps == stamps
            && (seen.sure || seen.read_at.elapsed() < READ_INTERVAL)
        {
            return seen.sight.clone();
        }
        let (mut sight, sure) = (sight(&folder, name, folders), is_old(&stamps));
        // A text that nobody has saved for so long is not half saved: a start need not wait.
        if let Sight::Package { whole, .. } = &mut sight
            && sure
            && !self.seen.contains_key(name)
            && has_policy(folders, name)
        {
            *whole = true;
        }
        let seen = Seen { sight: sight.clone(), sure, stamps, read_at: Instant::now() };
        self.seen.insert(Arc::clone(name), seen);
        sight
    }
}

/// The policies of a folder that are ours. Those beyond the bound are among them, so that they are
/// told of.
fn policies(folders: &PluginFolders) -> io::Result<Vec<Arc<str>>> {
    if !runs_policies(folders) {
        return Ok(Vec::new());
    }
    let is_ours = |name: &String| {
        policy::kind_of(&folders.policies, name).is_none_or(|kind| folders.kinds.contains(&kind))
    };
    let names = policy::names(&folders.policies)?;
    Ok(names.into_iter().take(PLUGIN_FOLDERS_MAX).filter(is_ours).map(Arc::from).collect())
}

/// Whether a policy is beyond the bound, in the order of names.
fn is_surplus(folders: &PluginFolders, name: &str) -> bool {
    let names = policy::names(&folders.policies).unwrap_or_default();
    names.iter().position(|other| other == name).is_some_and(|place| place >= POLICIES_MAX)
}

/// Everything that a plugin's package may be read from. Of policies the kind is not known here, so
/// the components of all kinds are among it.
fn stamps(folders: &PluginFolders, name: &str) -> Vec<Stamp> {
    let mut paths = vec![folders.plugins.join(name), folders.grants.join(format!("{name}.toml"))];
    let mut package = |folder: &Path| {
        let files = ["plugin.toml", "component.wasm", "plugin.sig"];
        paths.extend(files.map(|file| folder.join(file)));
    };
    package(&folders.plugins.join(name));
    let file = folders.policies.join(policy::file_name(name));
    if has_policy(folders, name) {
        for component in folders.kinds.iter().filter_map(|kind| kind.script_component()) {
            package(&folders.plugins.join(component));
        }
        paths.push(folders.policies.join(policy::signature_name(name)));
        // What is beyond the bound depends on the others.
        paths.push(folders.policies.clone());
    }
    paths.push(file);
    let stamp = |path: PathBuf| {
        let found = fs::symlink_metadata(path).ok()?;
        let (written, changed) = (found.mtime(), found.ctime());
        let (written_ns, changed_ns) = (found.mtime_nsec(), found.ctime_nsec());
        let (device, number, size) = (found.dev(), found.ino(), found.size());
        Some((device, number, size, written, written_ns, changed, changed_ns))
    };
    paths.into_iter().map(stamp).collect()
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

fn is_there(path: &Path) -> bool {
    // One that can not be looked at is there, and the reading says why not.
    !fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Whether this process runs text policies at all; if not, their folder is another's.
fn runs_policies(folders: &PluginFolders) -> bool {
    folders.kinds.iter().any(|kind| kind.script_component().is_some())
}

fn has_policy(folders: &PluginFolders, name: &str) -> bool {
    runs_policies(folders) && is_there(&folders.policies.join(policy::file_name(name)))
}

/// Reads the package of a plugin: its folder, or its file among the text policies.
pub(super) fn read(folders: &PluginFolders, name: &str) -> Result<Package, RejectionReason> {
    let folder = folders.plugins.join(name);
    let file = folders.policies.join(policy::file_name(name));
    match (is_there(&folder), has_policy(folders, name)) {
        (true, true) => Err(RejectionReason::TwoOfOneName(folder, file)),
        (false, true) if is_surplus(folders, name) => Err(RejectionReason::TooManyPolicies),
        (false, true) => {
            Package::read_policy(&folders.policies, name, &folders.plugins, &folders.grants)
        }
        (_, false) => Package::read(&folder, name, &folders.grants),
    }
}

/// What a plugin's folder holds, or the folder of policies under its name.
fn sight(folder: &Path, name: &str, folders: &PluginFolders) -> Sight {
    let is_policy = has_policy(folders, name);
    if !is_policy && !is_there(folder) {
        return Sight::Gone;
    }
    let has = |name: &str| fs::symlink_metadata(folder.join(name)).is_ok();
    if !is_policy && has("plugin.toml") && !has("component.wasm") {
        return Sight::ComponentMissing;
    }
    match read(folders, name) {
        Ok(package) => {
            let whole = package.is_whole();
            Sight::Package { digest: package.digest().as_str().into(), whole }
        }
        Err(reason) => unreadable(&reason),
    }
}

/// What can not be read has an identity, too: it is refused once, with the reason.
fn unreadable(reason: &RejectionReason) -> Sight {
    let digest = hex(&Sha256::digest(format!("unreadable: {reason}")));
    Sight::Package { digest: digest.as_str().into(), whole: false }
}
