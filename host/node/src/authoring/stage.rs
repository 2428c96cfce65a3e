//! Puts a built component and its manifest where they can be copied from.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{AuthoringError, Project};

/// Puts both in place, the manifest last: whoever reads meanwhile sees the old plugin, the new one,
/// or a digest that does not match, but never half a file. The size in bytes.
pub(crate) fn stage(project: &Project, component: &Path) -> Result<u64, AuthoringError> {
    let bytes = fs::read(component).map_err(AuthoringError::file(component))?;
    let dist = project.dist();
    fs::create_dir_all(&dist).map_err(AuthoringError::file(&dist))?;
    replace(&dist.join("component.wasm"), &bytes)?;
    replace(&dist.join("plugin.toml"), with_component(project, &bytes).as_bytes())?;
    Ok(bytes.len() as u64)
}

/// The text of the manifest with the table that binds it to the component.
fn with_component(project: &Project, bytes: &[u8]) -> String {
    let mut text = project.manifest_text.clone();
    let digest = Sha256::digest(bytes);
    let size = bytes.len();
    // Writing to a string can not fail.
    let _ = write!(text, "\n[component]\nsha256 = \"{digest:x}\"\nsize_bytes = {size}\n");
    text
}

pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), AuthoringError> {
    let part = path.with_extension("part");
    fs::write(&part, bytes).map_err(AuthoringError::file(&part))?;
    fs::rename(&part, path).map_err(AuthoringError::file(path))
}
