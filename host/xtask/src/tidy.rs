//! `cargo xtask tidy`: the house style as a check, so that no review has to be about it.
//!
//! Every finding names file and line. The rules: [`text`] (headers, sizes, words of single files),
//! [`arrows`] (which crate may use which, and why a dependency is there), [`folders`] (what has to
//! be in the root and in a plugin's folder).

use std::fmt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run;

mod arrows;
mod folders;
mod text;

/// Something that is not as the house style wants it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// Relative to the root.
    file: String,
    /// Counted from 1; 0 where the finding is about the whole file.
    line: usize,
    /// What was found and what is allowed.
    text: String,
}

impl Finding {
    fn new(file: &str, line: usize, text: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.text),
            line => write!(f, "{}:{line}: {}", self.file, self.text),
        }
    }
}

/// Checks every file that git knows or would add.
pub(crate) fn tidy(root: &Path) -> Result<()> {
    let files = files(root)?;
    let mut findings = Vec::new();
    for file in &files {
        let bytes = std::fs::read(root.join(file)).with_context(|| file.clone())?;
        match String::from_utf8(bytes) {
            Ok(content) => {
                text::check(file, &content, &mut findings);
                folders::grant(file, &content, &files, &mut findings);
            }
            Err(_) if text::is_binary(file) => {}
            Err(_) => findings.push(Finding::new(file, 0, "is not UTF-8 text")),
        }
    }
    folders::check(&files, &mut findings);
    arrows::check(root, &files, &mut findings)?;
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!("{} findings in {} files", findings.len(), files.len());
    }
    println!("{} files are tidy", files.len());
    Ok(())
}

/// Tracked files, and new ones that are not ignored; those deleted but not yet committed are left
/// out.
fn files(root: &Path) -> Result<Vec<String>> {
    let mut command = Command::new("git");
    command.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let listed = run::output(command.current_dir(root))?;
    let mut files: Vec<String> = listed
        .split('\0')
        .filter(|file| !file.is_empty() && root.join(file).is_file())
        .map(str::to_owned)
        .collect();
    files.sort();
    files.dedup();
    Ok(files)
}
