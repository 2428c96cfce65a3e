//! What applications write to standard output and error: files that outlive the agent, read line
//! by line into the agent's log.
//!
//! A pipe would end with the agent and take the application with it at its next line; a file does
//! not. It is emptied when it has grown too long, with the end of it kept beside.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use takeover_logic::ids::ApplicationName;

use super::process::output_path;
use crate::limits::{OUTPUT_FILE_BYTES_MAX, OUTPUT_LINE_BYTES_MAX, OUTPUT_READ_BYTES_MAX};

#[cfg(test)]
mod tests;

/// The files of all applications.
pub(super) struct OutputFiles {
    folder: PathBuf,
    files: BTreeMap<ApplicationName, OutputFile>,
}

/// How far a file was read.
#[derive(Default)]
struct OutputFile {
    position: u64,
    /// A line whose end was not yet written.
    begun: Vec<u8>,
}

impl OutputFiles {
    /// The files in a folder.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, files: BTreeMap::new() }
    }

    /// Reads a file from its present end on: what is there was read by an earlier agent.
    pub(super) fn follow(&mut self, name: &ApplicationName) {
        let path = output_path(&self.folder, name);
        let position = fs::metadata(path).map_or(0, |metadata| metadata.len());
        self.files.entry(name.clone()).or_insert(OutputFile { position, begun: Vec::new() });
    }

    /// Reads what is new in all files and hands the lines on.
    pub(super) fn read(&mut self, mut line: impl FnMut(&ApplicationName, &str)) {
        for (name, file) in &mut self.files {
            let path = output_path(&self.folder, name);
            match file.read(&path, &mut |text| line(name, text)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::warn!(application = %name, %error, "can not read its output")
                }
            }
        }
    }
}

impl OutputFile {
    fn read(&mut self, path: &Path, line: &mut dyn FnMut(&str)) -> io::Result<()> {
        let length = fs::metadata(path)?.len();
        if length < self.position {
            // Somebody emptied it.
            self.position = 0;
        }
        if length > self.position {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(self.position))?;
            let mut new = Vec::new();
            file.take(OUTPUT_READ_BYTES_MAX).read_to_end(&mut new)?;
            self.position += u64::try_from(new.len()).unwrap_or(0);
            self.take(&new, line);
        }
        if self.position >= OUTPUT_FILE_BYTES_MAX && self.position >= length {
            fs::copy(path, path.with_extension("log.1"))?;
            // The application appends, so it goes on at the new end.
            File::options().write(true).open(path)?.set_len(0)?;
            self.position = 0;
        }
        Ok(())
    }

    /// Splits into lines; one without an end is cut where it is too long.
    fn take(&mut self, new: &[u8], line: &mut dyn FnMut(&str)) {
        for byte in new {
            if *byte != b'\n' {
                self.begun.push(*byte);
            }
            if *byte == b'\n' || self.begun.len() >= OUTPUT_LINE_BYTES_MAX {
                line(String::from_utf8_lossy(&self.begun).trim_end());
                self.begun.clear();
            }
        }
    }
}
