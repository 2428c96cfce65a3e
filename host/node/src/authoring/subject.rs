//! What a command is about: a plugin that was built, or a text policy.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use takeover_cases::grant_of;
use takeover_engine::package::{Package, Verified};
use takeover_engine::{Engine, Plugin};

use super::policy::PolicyFile;
use super::{AuthoringError, Project};

/// Something that a host could use.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Subject {
    /// A built plugin.
    Built {
        /// The folder with the component and the manifest.
        dist: PathBuf,
        /// The project that it was built from, where that is known.
        project: Option<Project>,
    },
    /// A text policy.
    Policy(PolicyFile),
}

impl Subject {
    /// What a path names: a policy's file or folder; a folder that is a built plugin; a project,
    /// and then what it was built into.
    ///
    /// # Errors
    /// None of them, or a project that was not built.
    pub fn open(path: &Path) -> Result<Self, AuthoringError> {
        if let Some(policy) = PolicyFile::find(path)? {
            return Ok(Self::Policy(policy));
        }
        if path.join("component.wasm").exists() {
            // The loader compares the folder's name with the plugin's; `.` has none.
            let dist = path.canonicalize().map_err(AuthoringError::file(path))?;
            return Ok(Self::Built { dist, project: None });
        }
        let project = Project::open(path)?;
        let dist = project.dist();
        if !dist.join("component.wasm").exists() {
            return Err(AuthoringError::NotBuilt(dist));
        }
        Ok(Self::Built { dist, project: Some(project) })
    }

    /// The folder of its cases.
    pub fn folder(&self) -> &Path {
        match self {
            Self::Built { project: Some(project), .. } => &project.folder,
            Self::Built { dist, project: None } => dist,
            Self::Policy(policy) => &policy.folder,
        }
    }

    /// The rows of `grant.toml`, where it has one.
    ///
    /// # Errors
    /// They can not be read.
    pub fn grant(&self) -> Result<Option<String>, AuthoringError> {
        grant_of(self.folder()).map_err(AuthoringError::Cases)
    }

    /// The package as a host would read it, without what was granted.
    ///
    /// # Errors
    /// Why a host would refuse it.
    pub fn read(&self) -> Result<Verified, AuthoringError> {
        match self {
            Self::Built { dist, .. } => {
                let name = dist.file_name().unwrap_or_default().to_string_lossy();
                let nowhere = dist.join("no-grants");
                Ok(Package::read(dist, &name, &nowhere)?.verify()?)
            }
            Self::Policy(policy) => policy.read(),
        }
    }

    /// Loads it with what its `grant.toml` grants.
    ///
    /// # Errors
    /// Why a host would refuse it.
    pub fn load(&self, engine: &Engine) -> Result<Arc<Plugin>, AuthoringError> {
        let grant = self.grant()?;
        Ok(match self {
            Self::Built { dist, .. } => engine.load_plugin(dist, grant.as_deref())?,
            Self::Policy(policy) => engine.load_verified(&policy.read()?, grant.as_deref())?,
        })
    }
}
