//! A text policy on its author's machine: a file, and its cases beside it. It needs no build; it is
//! run by a shipped component, which has to be found.

use std::env;
use std::path::{Path, PathBuf};

use takeover_engine::Kind;
use takeover_engine::package::{Package, Verified, policy};

use super::AuthoringError;

/// Names the folder of plugins that has the script components.
const PLUGINS: &str = "TAKEOVER_PLUGINS";

/// A file with a policy.
#[derive(Clone, Debug)]
pub struct PolicyFile {
    /// The file.
    pub file: PathBuf,
    /// The name of the policy.
    pub name: String,
    /// The folder of the file, with `cases/` and `grant.toml`.
    pub folder: PathBuf,
}

impl PolicyFile {
    /// The policy that a path names: a file, or a folder with one such file and no manifest. None:
    /// it names something else.
    ///
    /// # Errors
    /// A folder that can not be read, or that has several policies.
    pub fn find(path: &Path) -> Result<Option<Self>, AuthoringError> {
        let ends_so = path.extension().is_some_and(|ending| ending == "rhai");
        if ends_so && path.is_file() {
            return Self::of(path).map(Some);
        }
        if !path.is_dir() || path.join("plugin.toml").exists() {
            return Ok(None);
        }
        let names = policy::names(path).map_err(AuthoringError::file(path))?;
        match names.as_slice() {
            [] => Ok(None),
            [name] => Self::of(&path.join(policy::file_name(name))).map(Some),
            several => Err(AuthoringError::Several(path.to_owned(), several.join(", "))),
        }
    }

    fn of(file: &Path) -> Result<Self, AuthoringError> {
        let file = file.canonicalize().map_err(AuthoringError::file(file))?;
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let folder = file.parent().unwrap_or(&file).to_owned();
        Ok(Self { file, name, folder })
    }

    /// Reads it with the component that runs it, as a host would, without what was granted.
    ///
    /// # Errors
    /// It does not say what it is, or there is nothing to run it with.
    pub fn read(&self) -> Result<Verified, AuthoringError> {
        let nowhere = self.folder.join("no-grants");
        let kind = policy::kind_of(&self.folder, &self.name);
        let plugins = self.plugins(kind);
        let package = Package::read_policy(&self.folder, &self.name, &plugins, &nowhere)?;
        Ok(package.verify()?)
    }

    /// The first folder of plugins that has the component of a kind: the one that the environment
    /// names, the one beside `policies.d`, the one here, that of the program, that of an
    /// installation. The last one where none has it, for the sake of the error.
    fn plugins(&self, kind: Option<Kind>) -> PathBuf {
        if let Some(named) = env::var_os(PLUGINS) {
            return named.into();
        }
        let component = kind.and_then(Kind::script_component).unwrap_or_default();
        let program = env::current_exe().ok();
        let around = |path: Option<&Path>| path?.parent()?.parent().map(|it| it.join("plugins.d"));
        let installed = PathBuf::from("/usr/lib/takeover/plugins.d");
        [around(Some(&self.file)), Some("plugins.d".into()), around(program.as_deref())]
            .into_iter()
            .flatten()
            .find(|folder| folder.join(component).join("plugin.toml").exists())
            .unwrap_or(installed)
    }
}
