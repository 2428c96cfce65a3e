//! Reads a folder of plugins. What is wrong with one of them never stands in the way of another.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use sha2::{Digest, Sha256};

use super::policy::PolicyError;
use super::{Kind, LinkError, Manifest, ManifestError, Package, Plugin, Verified};
use crate::engine::{Engine, Linkers};
use crate::grants::{self, Approval, GrantError, GrantFile, NotBound, Pending};
use crate::limits::{GRANT_FILE_BYTES_MAX, PLUGINS_MAX, POLICIES_MAX};
use crate::signature::SignatureError;

/// Where plugins are, and the operator's answers to what they ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders {
    /// `plugins.d`: one folder per plugin.
    pub plugins: PathBuf,
    /// `grants.d`: one file per plugin; it need not exist.
    pub grants: PathBuf,
}

impl Folders {
    /// A folder of plugins, and `grants.d` beside it.
    pub fn beside(plugins: &Path) -> Self {
        let around = plugins.parent().unwrap_or(plugins);
        Self { plugins: plugins.to_owned(), grants: around.join("grants.d") }
    }
}

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
    /// The text policy does not say what it is.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// There is nothing to run a text policy with.
    #[error(
        "policies of kind {kind} are run by the component {}, and there is no {}",
        kind.script_component().unwrap_or_default(), folder.display()
    )]
    NoScriptComponent {
        /// Of the policy.
        kind: Kind,
        /// Where the component should be.
        folder: PathBuf,
    },
    /// Two plugins want one name.
    #[error("there is a plugin and a policy of this name: {} and {}; remove one", .0.display(),
        .1.display())]
    TwoOfOneName(PathBuf, PathBuf),
    /// There are more policies than a process runs.
    #[error("more than {POLICIES_MAX} policies in one folder; the rest is not used")]
    TooManyPolicies,
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
    /// Its signature does not count.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The operator's file about it is not right.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// Anybody could grant anything.
    #[error("grants.d{0} can be changed by everybody on this host; chmod o-w it")]
    Writable(String),
    /// It asks for more than the operator granted.
    #[error(transparent)]
    Pending(#[from] Pending),
    /// The operator's file is about another component or signer.
    #[error(transparent)]
    NotBound(#[from] Box<NotBound>),
    /// The component is not one of its kind.
    #[error(transparent)]
    Unfit(#[from] LinkError),
    /// There are too many.
    #[error("more than {PLUGINS_MAX} plugins in one folder")]
    TooMany,
}

impl RejectionReason {
    /// The file is not there at all.
    fn is_absence(&self) -> bool {
        matches!(self, Self::Unreadable { error, .. } if error.kind() == io::ErrorKind::NotFound)
    }
}

impl Engine {
    /// Loads every plugin of a folder that the operator lets run: see [`Engine::load`]. Grants are
    /// in `grants.d` beside it.
    pub async fn load_folder(&self, folder: &Path) -> Loaded {
        self.load(&Folders::beside(folder)).await
    }

    /// Loads every plugin that the operator lets run; the others are rejected with what is
    /// missing. Compiling is done on threads of its own, at most one less
    /// than there are cores, so that it never holds up what else runs here; the caller may await
    /// this on any runtime.
    ///
    /// A folder that can not be read at all comes back as one rejection.
    pub async fn load(&self, folders: &Folders) -> Loaded {
        let (done, result) = tokio::sync::oneshot::channel();
        let (engine, linkers) = (self.rooms.engine.clone(), Arc::clone(&self.linkers));
        let wanted = folders.clone();
        let work = move || {
            // Nobody waits any more when the receiver is gone.
            let _ = done.send(load(&engine, &linkers, &wanted));
        };
        let started = thread::Builder::new().name("takeover-load".into()).spawn(work);
        let error = match started {
            Ok(_detached) => match result.await {
                Ok(loaded) => return loaded,
                Err(_panicked) => io::Error::other("the loading thread ended early"),
            },
            Err(error) => error,
        };
        Loaded { rejected: vec![unreadable(&folders.plugins, ".", error)], ..Loaded::default() }
    }

    /// Loads one plugin from its folder, on the thread of the caller: for tools, which have
    /// nothing else to do meanwhile. `grant` has the rows of a file of `grants.d`, without what it
    /// is bound to; what it asks for beyond that is denied call by call.
    ///
    /// # Errors
    /// Why it was refused.
    pub fn load_plugin(
        &self,
        folder: &Path,
        grant: Option<&str>,
    ) -> Result<Arc<Plugin>, RejectionReason> {
        let name = check_folder(folder)?;
        let verified = Package::without_grants(folder, &name)?.verify()?;
        self.load_verified(&verified, grant)
    }

    /// The same for a package that was verified.
    ///
    /// # Errors
    /// Why it was refused.
    pub fn load_verified(
        &self,
        verified: &Verified,
        grant: Option<&str>,
    ) -> Result<Arc<Plugin>, RejectionReason> {
        // What a tool grants is bound to what it has before it.
        let (name, sha256) = (&verified.manifest.name, verified.manifest.sha256());
        let file = match grant {
            Some(rows) => Some(GrantFile::parse(name, &format!("sha256 = \"{sha256}\"\n{rows}"))?),
            None => None,
        };
        let granted = grants::as_far_as_granted(&verified.manifest, file.as_ref());
        let bytes = verified.package.component();
        let approved = verified.approved(granted);
        let plugin = Plugin::compile(&self.rooms.engine, &self.linkers, approved, bytes)?;
        Ok(Arc::new(plugin))
    }
}

fn unreadable(folder: &Path, file: &str, error: io::Error) -> Rejection {
    let reason = RejectionReason::Unreadable { file: file.to_owned(), error };
    Rejection { folder: folder.to_owned(), reason }
}

/// Loads every plugin of a folder on as many threads as are allowed.
fn load(engine: &wasmtime::Engine, linkers: &Linkers, folders: &Folders) -> Loaded {
    let entries = match candidates(&folders.plugins) {
        Ok(entries) => entries,
        Err(error) => {
            return Loaded {
                rejected: vec![unreadable(&folders.plugins, "plugin folder", error)],
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
            let result = load_one(engine, linkers, path, &folders.grants);
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
    grants: &Path,
) -> Result<Plugin, RejectionReason> {
    let verified = Package::read(folder, &check_folder(folder)?, grants)?.verify()?;
    match verified.approval()? {
        Approval::Granted(granted) => {
            let bytes = verified.package.component();
            Ok(Plugin::compile(engine, linkers, verified.approved(granted), bytes)?)
        }
        Approval::PendingApproval(pending) => Err(pending.into()),
        Approval::NotBound(not_bound) => Err(Box::new(not_bound).into()),
    }
}

/// The operator's answer about a plugin, if there is one. One that can not be read is no absence:
/// it could deny what is granted without it.
pub(super) fn grant_text(grants: &Path, plugin: &str) -> Result<Option<String>, RejectionReason> {
    let name = format!("{plugin}.toml");
    let text = match read_file(grants, &name, GRANT_FILE_BYTES_MAX) {
        Ok(text) => text,
        Err(reason) if reason.is_absence() => return Ok(None),
        Err(reason) => return Err(reason),
    };
    for (path, shown) in
        [(grants.to_owned(), String::new()), (grants.join(&name), format!("/{name}"))]
    {
        let unreadable = |error| RejectionReason::Unreadable { file: name.clone(), error };
        if fs::metadata(&path).map_err(unreadable)?.mode() & 0o002 != 0 {
            return Err(RejectionReason::Writable(shown));
        }
    }
    let text = String::from_utf8(text).map_err(|_| GrantError {
        plugin: plugin.to_owned(),
        problems: vec!["not UTF-8 text".to_owned()],
    })?;
    Ok(Some(text))
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
