//! Reads configuration from disk: the control server's folder and the host agent's file.
//!
//! What the texts mean is `takeover_logic::config`'s business; here they are only found, bounded
//! and decoded. Nothing is kept: a reload reads everything again.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use takeover_logic::config::host_agent::{self, HostAgentSettings};
use takeover_logic::config::{self, Checked, ConfigError};
use takeover_logic::limits::{CONFIG_FILE_BYTES_MAX, CONFIG_FILES_MAX};

/// Why a file or folder could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The operating system refused.
    #[error("{}: {source}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// A pipe, a device or a folder by the name of a file: reading it might never end.
    #[error("{}: found something else, allowed: a file", .path.display())]
    NotAFile {
        /// Which.
        path: PathBuf,
    },
    /// Beyond [`CONFIG_FILE_BYTES_MAX`].
    #[error(
        "{}: found more than {CONFIG_FILE_BYTES_MAX} bytes, allowed: at most that",
        .path.display()
    )]
    TooLarge {
        /// Which.
        path: PathBuf,
    },
    /// TOML is UTF-8.
    #[error("{}:{line}: found a byte that is not UTF-8, allowed: UTF-8 text", .path.display())]
    NotUtf8 {
        /// Which.
        path: PathBuf,
        /// Line of the first such byte, from 1.
        line: usize,
    },
    /// Beyond [`CONFIG_FILES_MAX`].
    #[error("{}: found {count} files, allowed: at most {CONFIG_FILES_MAX}", .path.display())]
    TooMany {
        /// The folder.
        path: PathBuf,
        /// How many.
        count: usize,
    },
    /// No `*.toml` at all: most likely the wrong folder.
    #[error("{}: found no file, allowed: at least one *.toml", .path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
}

/// Why there is no configuration; one line per error.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Files could not be read.
    #[error("{}", lines(.0))]
    Files(Vec<FileError>),
    /// They were read, and hold errors.
    #[error("{}", lines(.0))]
    Config(Vec<ConfigError>),
}

/// One line per error.
fn lines(errors: &[impl ToString]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Reads and checks the control server's folder.
///
/// # Errors
///
/// Every file that can not be read, or else every error in them.
pub fn load(folder: &Path) -> Result<Checked, LoadError> {
    let files = read_folder(folder).map_err(LoadError::Files)?;
    config::read(&files).map_err(LoadError::Config)
}

/// Reads and checks the host agent's file.
///
/// # Errors
///
/// Why it can not be read, or every error in it.
pub fn load_host_agent(path: &Path) -> Result<HostAgentSettings, LoadError> {
    let text = read_file(path).map_err(|error| LoadError::Files(vec![error]))?;
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    host_agent::read(&name, &text).map_err(LoadError::Config)
}

/// The `*.toml` files of a folder as names and texts, in the order of their names. Hidden ones
/// (editors leave some) and subfolders are not of the configuration.
///
/// # Errors
///
/// Every file that can not be read.
pub fn read_folder(folder: &Path) -> Result<Vec<(String, String)>, Vec<FileError>> {
    let names = names(folder).map_err(|error| vec![error])?;
    let (mut files, mut errors) = (Vec::new(), Vec::new());
    for name in names {
        match read_file(&folder.join(&name)) {
            Ok(text) => files.push((name, text)),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(files) } else { Err(errors) }
}

fn names(folder: &Path) -> Result<Vec<String>, FileError> {
    let unreadable = |source| FileError::Unreadable { path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".toml") && !name.starts_with('.') {
            names.push(name);
        }
    }
    let (path, count) = (folder.to_owned(), names.len());
    match count {
        0 => return Err(FileError::Empty { path }),
        1..=CONFIG_FILES_MAX => {}
        _ => return Err(FileError::TooMany { path, count }),
    }
    names.sort();
    Ok(names)
}

/// The text of one file.
fn read_file(path: &Path) -> Result<String, FileError> {
    let path = || path.to_owned();
    let unreadable = |source| FileError::Unreadable { path: path(), source };
    // Looked at before it is opened: opening a pipe would wait for its other end.
    if !fs::metadata(path()).map_err(unreadable)?.is_file() {
        return Err(FileError::NotAFile { path: path() });
    }
    let file = File::open(path()).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(CONFIG_FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > CONFIG_FILE_BYTES_MAX {
        return Err(FileError::TooLarge { path: path() });
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
        let line = valid.filter(|byte| **byte == b'\n').count() + 1;
        FileError::NotUtf8 { path: path(), line }
    })
}

#[cfg(test)]
mod tests;
