//! `takeover plugin keygen`, `sign` and `grant`.

use std::path::Path;

use anyhow::Context as _;
use takeover::authoring::vouch::{self, BindTo};

use super::{Grant, failure};
use crate::exit::{Exit, Failure};
use crate::out::Out;

/// Makes a key and shows its public half.
pub(crate) fn keygen(file: &Path) -> Result<Exit, Failure> {
    let public = vouch::keygen(file).map_err(failure)?;
    Out::new().print(&format!("{public}\n"))?;
    Ok(Exit::Ok)
}

/// Signs a built plugin.
pub(crate) fn sign(dir: &Path, key: &Path) -> Result<Exit, Failure> {
    let public = vouch::sign(dir, key).map_err(failure)?;
    Out::new().print(&format!("signed by {public}\n"))?;
    Ok(Exit::Ok)
}

/// Writes a grant and says what is in it.
pub(crate) fn grant(wanted: &Grant) -> Result<Exit, Failure> {
    let Grant { to, rows, signer, replace, dir } = wanted;
    let read = |path: &std::path::PathBuf| {
        std::fs::read_to_string(path).with_context(|| path.display().to_string())
    };
    let rows = rows.as_ref().map(read).transpose()?;
    let bind = if *signer { BindTo::Signer } else { BindTo::Digest };
    let granted = vouch::grant(dir, to, rows.as_deref(), (bind, *replace)).map_err(failure)?;
    let (file, permissions) = (granted.file.display(), granted.permissions.join(", "));
    Out::new().print(&format!("{file}: {permissions}\n"))?;
    Ok(Exit::Ok)
}
