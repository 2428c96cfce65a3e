//! The file by which an application learns its options: `NAME.options.json` in the run folder,
//! beside its notification socket, named by `X_TAKEOVER_OPTIONS`.
//!
//! Replaced as a whole, so that a reader sees the old options or the new ones. It is not fetched
//! from the disk again after a crash of the host: the agent writes it before every start and when
//! it takes over a process.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use takeover_logic::ids::ApplicationName;
use takeover_logic::link::ApplicationSpec;

/// The variable that names the file.
pub(super) const VARIABLE: &str = "X_TAKEOVER_OPTIONS";

/// Where the options of an application are.
pub(super) fn path(folder: &Path, name: &ApplicationName) -> PathBuf {
    folder.join(format!("{name}.options.json"))
}

/// Writes the options of an application, unless it never had any.
///
/// # Errors
/// The folder can not be written; the old file stays.
pub(super) fn write(folder: &Path, spec: &ApplicationSpec) -> io::Result<()> {
    let path = path(folder, &spec.name);
    if spec.options.is_empty() && !path.exists() {
        return Ok(());
    }
    let text = serde_json::to_vec_pretty(&spec.options).map_err(io::Error::other)?;
    if fs::read(&path).is_ok_and(|present| present == text) {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    let beside = folder.join(format!(".{}.options.part", spec.name));
    let mut file = fs::File::create(&beside)?;
    file.write_all(&text)?;
    drop(file);
    fs::rename(&beside, &path)
}

/// Removes the file of an application that is not managed any more.
pub(super) fn remove(folder: &Path, name: &ApplicationName) {
    let path = path(folder, name);
    if let Err(error) = fs::remove_file(&path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(application = %name, "{} stays: {error}", path.display());
    }
}
