//! Finding programs: the one under test, our own small ones, and those of the system.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The folder into which cargo put the running program, without `deps`.
fn build_folder() -> Result<PathBuf> {
    let own = env::current_exe()?;
    let folder = own.parent().context("a program without a folder")?;
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    Ok(folder.to_owned())
}

/// A program of this package, built beside the running one.
///
/// # Errors
/// Where it was not built.
pub fn ours(name: &str) -> Result<PathBuf> {
    let path = build_folder()?.join(name);
    if !path.exists() {
        bail!("{}: not found; build it with: cargo build -p takeover-tests", path.display());
    }
    Ok(path)
}

/// The program under test: `TAKEOVER_BIN`, or the one in the same build folder, or in its
/// neighbor (debug beside release).
///
/// # Errors
/// Where it was not built.
pub fn takeover() -> Result<PathBuf> {
    if let Some(path) = env::var_os("TAKEOVER_BIN") {
        return Ok(path.into());
    }
    let path = build_folder()?.join("takeover");
    if !path.exists() {
        bail!("{}: not found; build it with: cargo build -p takeover-cli", path.display());
    }
    Ok(path)
}

/// The folder of built plugins: `TAKEOVER_PLUGINS`, or `target/plugins.d`.
///
/// # Errors
/// Where they were not built.
pub fn plugins() -> Result<PathBuf> {
    if let Some(path) = env::var_os("TAKEOVER_PLUGINS") {
        return Ok(path.into());
    }
    let folder = build_folder()?;
    let path = folder.parent().unwrap_or(&folder).join("plugins.d");
    if !path.join("vip-linux").join("plugin.toml").exists() {
        bail!("{}: no plugins; build them with: cargo xtask build-plugins", path.display());
    }
    Ok(path)
}

/// The folder of plugins that only tests use, beside the built ones.
///
/// # Errors
/// Where they were not built.
pub fn test_plugins() -> Result<PathBuf> {
    let path = plugins()?.with_file_name("plugins-test.d");
    if !path.join("test-vip").join("plugin.toml").exists() {
        bail!("{}: no plugins; build them with: cargo xtask build-plugins", path.display());
    }
    Ok(path)
}

/// Those of `names` that are not installed.
pub fn missing(names: &[&str]) -> Vec<String> {
    let path = env::var_os("PATH").unwrap_or_default();
    // Tools of administrators, where a user's path leaves them out.
    let extra = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    let folders: Vec<PathBuf> = env::split_paths(&path).chain(extra).collect();
    let is_missing =
        |name: &str| !folders.iter().any(|folder| Path::new(folder).join(name).exists());
    names.iter().filter(|name| is_missing(name)).map(|name| (*name).to_owned()).collect()
}
