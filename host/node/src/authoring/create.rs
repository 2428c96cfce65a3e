//! A new project from a template, complete: it builds, is checked and tested as it comes.

use std::fs;
use std::path::{Path, PathBuf};

use takeover_engine::Kind;

use super::project::{KINDS, Language};
use super::{AuthoringError, templates};

/// What a new project is to be.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The kind of plugin.
    pub kind: Kind,
    /// Its name, and that of its folder.
    pub name: &'a str,
    /// What it is written in.
    pub language: Language,
}

/// Writes a project into `parent/NAME` and returns that folder.
///
/// # Errors
/// A name that can not be a plugin's, a folder that is there already, no such template, or a file
/// that can not be written.
pub fn create(parent: &Path, wanted: Wanted<'_>) -> Result<PathBuf, AuthoringError> {
    let Wanted { kind, name, language } = wanted;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    if !begins || name.len() > 64 || !name.chars().all(plain) {
        return Err(AuthoringError::Name(name.to_owned()));
    }
    let Some(template) = templates::find(language, kind) else {
        let there = KINDS.into_iter().filter(|kind| templates::find(language, *kind).is_some());
        let there = there.map(Kind::word).collect();
        return Err(AuthoringError::NoTemplate { kind, language, there });
    };
    let folder = parent.join(name);
    if folder.exists() {
        return Err(AuthoringError::Exists(folder));
    }
    for (path, text) in template.files(name) {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(AuthoringError::file(parent))?;
        }
        fs::write(&path, text).map_err(AuthoringError::file(&path))?;
    }
    Ok(folder)
}
