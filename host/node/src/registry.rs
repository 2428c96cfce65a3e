//! Plugins in an OCI registry: a built plugin is pushed as an artifact that other tools for
//! components read, too, and pulled into a folder of the caller's.
//!
//! It must not know where plugins are put in use: what is pulled is trusted no more than what
//! somebody sent by mail. The signature comes along, because it says who built the plugin; a grant
//! does not, because it says what an operator allows.
//!
//! Reading order: this file (push and pull), `reference` (the name of an artifact), `artifact`
//! (what is in one), [`credentials`], `client` (the protocol).

mod artifact;
mod client;
pub mod credentials;
pub mod reference;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use takeover_engine::package::{Package, RejectionReason};

use self::artifact::Artifact;
use self::client::Client;
use self::credentials::Credentials;
use self::reference::Reference;
use crate::authoring::{AuthoringError, Subject};

/// Where a registry is reached and as whom.
#[derive(Debug)]
pub struct Access {
    /// What it is called.
    pub reference: Reference,
    /// As whom; none: as anybody.
    pub credentials: Option<Credentials>,
    /// PEM file with the authorities to trust in place of the system's.
    pub ca: Option<PathBuf>,
}

/// An artifact in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The digest of its manifest: with it a reference names this very artifact.
    pub digest: String,
    /// The plugin's name.
    pub name: String,
    /// Its version, as its author counts.
    pub version: String,
}

/// Why a plugin was not pushed or pulled.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The reference makes no sense.
    #[error("reference {found:?}: {problem}")]
    Reference {
        /// What was given.
        found: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// The credentials can not be used. Never says what is in them.
    #[error("credentials: {0}")]
    Credentials(String),
    /// The registry can not be reached, or what it says makes no sense.
    #[error("registry {registry}: {what}: {problem}")]
    Registry {
        /// Host and port.
        registry: String,
        /// What was asked.
        what: String,
        /// How it went.
        problem: String,
    },
    /// What is there is not a plugin.
    #[error("{reference}: {problem}")]
    Artifact {
        /// What was pulled.
        reference: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The plugin that was pulled is not right.
    #[error(transparent)]
    Rejected(#[from] RejectionReason),
    /// The plugin to be pushed is not right.
    #[error(transparent)]
    Subject(#[from] AuthoringError),
    /// A file can not be read or written.
    #[error("{}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is a plugin of that name in the folder.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// A text policy is a file, not a component.
    #[error("{0} is a text policy: it is one file, which other tools for components could not use")]
    Policy(String),
}

/// Pushes a built plugin. The same plugin makes the same artifact.
///
/// # Errors
/// No built plugin, or a registry that can not be reached or refuses it.
pub fn push(subject: &Subject, access: &Access) -> Result<Pushed, RegistryError> {
    let verified = subject.read()?;
    let (name, version) = (verified.manifest.name.clone(), verified.manifest.version.clone());
    if verified.manifest.policy.is_some() {
        return Err(RegistryError::Policy(name));
    }
    if access.reference.digest().is_some() {
        return Err(access.reference.wrong("a digest can not be chosen; push to a tag"));
    }
    let artifact = Artifact::of(&verified);
    let mut client = Client::new(access)?;
    for blob in [&artifact.component, &artifact.config] {
        client.push_blob(blob)?;
    }
    let digest = client.push_manifest(&artifact.manifest)?;
    Ok(Pushed { digest, name, version })
}

/// Pulls a plugin into `parent/NAME`, which must not be there, and returns that folder. Everything
/// is verified before the folder has its name; nothing is put in use.
///
/// # Errors
/// A registry that can not be reached, something else than a plugin, or one whose digests do not
/// fit.
pub fn pull(parent: &Path, access: &Access) -> Result<(PathBuf, Pushed), RegistryError> {
    let mut client = Client::new(access)?;
    let (manifest, digest) = client.pull_manifest()?;
    let wrong = |problem: String| RegistryError::Artifact {
        reference: access.reference.to_string(),
        problem,
    };
    let described = artifact::describe(&manifest).map_err(wrong)?;
    let component = client.pull_blob(&described.component, described.component_bytes)?;
    fs::create_dir_all(parent).map_err(file(parent))?;
    // Beside where it goes, so that it can be renamed.
    let beside = tempfile::Builder::new().prefix(".pull-").tempdir_in(parent);
    let beside = beside.map_err(file(parent))?;
    let write = |name: &str, bytes: &[u8]| {
        let path = beside.path().join(name);
        fs::write(&path, bytes).map_err(file(&path))
    };
    write("component.wasm", &component)?;
    if let Some(signature) = &described.signature {
        write("plugin.sig", signature.as_bytes())?;
    }
    write("plugin.toml", described.plugin.as_bytes())?;
    let nowhere = beside.path().join("no-grants");
    let verified = Package::read(beside.path(), &described.name, &nowhere)?.verify()?;
    let folder = parent.join(&described.name);
    if folder.exists() {
        return Err(RegistryError::Exists(folder));
    }
    let path = beside.keep();
    readable(&path).and_then(|()| fs::rename(&path, &folder)).map_err(file(&folder))?;
    let (name, version) = (described.name, verified.manifest.version);
    Ok((folder, Pushed { digest, name, version }))
}

/// A folder for everybody to read, as the build makes it; a temporary one is not.
fn readable(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}

fn file(path: &Path) -> impl FnOnce(io::Error) -> RegistryError {
    let path = path.to_owned();
    move |source| RegistryError::File { path, source }
}
