//! A plugin project on disk: its language, its name and its kind.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use takeover_engine::{Kind, Manifest};

use super::AuthoringError;

/// What a plugin is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Rust, built by cargo.
    Rust,
    /// Python, built by componentize-py.
    Python,
    /// JavaScript, built by componentize-qjs.
    JavaScript,
    /// A text policy, which a shipped component runs: nothing is built.
    Script,
}

impl Language {
    /// Every language, in the order of preference.
    pub const ALL: [Language; 4] =
        [Language::Rust, Language::Python, Language::JavaScript, Language::Script];

    /// Its word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Language::Rust => "rust",
            Language::Python => "python",
            Language::JavaScript => "javascript",
            Language::Script => "script",
        }
    }

    /// The language of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.word() == word)
    }

    /// The file by which a project of this language is known: what its tool reads. None: it needs
    /// no tool, and is no project with a manifest.
    fn mark(self) -> Option<&'static str> {
        match self {
            Language::Rust => Some("Cargo.toml"),
            Language::Python => Some("requirements.txt"),
            Language::JavaScript => Some("package.json"),
            Language::Script => None,
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The kind of this word.
pub fn kind_from_word(word: &str) -> Option<Kind> {
    KINDS.into_iter().find(|kind| kind.word() == word)
}

/// Every kind of plugin.
pub const KINDS: [Kind; 4] =
    [Kind::AlarmReaction, Kind::VipBackend, Kind::SipMonitor, Kind::ForwardingPolicy];

/// A project whose manifest was read.
#[derive(Clone, Debug)]
pub struct Project {
    /// Its folder.
    pub folder: PathBuf,
    /// What it is written in.
    pub language: Language,
    /// Its manifest, with a component of no bytes: that one is not built yet.
    pub manifest: Manifest,
    /// The text of the manifest.
    pub(crate) manifest_text: String,
}

impl Project {
    /// Reads the manifest of a project and finds out its language.
    ///
    /// # Errors
    /// A folder that holds no project, or a manifest that is not right.
    pub fn open(folder: &Path) -> Result<Self, AuthoringError> {
        let path = folder.join("plugin.toml");
        let language = Language::ALL
            .into_iter()
            .find(|language| language.mark().is_some_and(|mark| folder.join(mark).is_file()));
        let (Some(language), true) = (language, path.is_file()) else {
            return Err(AuthoringError::NotAProject(folder.to_owned()));
        };
        // Programs are started with it as their folder, so a relative one would be used twice.
        let folder = folder.canonicalize().map_err(AuthoringError::file(folder))?;
        let manifest_text = fs::read_to_string(&path).map_err(AuthoringError::file(&path))?;
        let nothing = format!("\n[component]\nsha256 = \"{}\"\nsize_bytes = 0\n", "0".repeat(64));
        let manifest = Manifest::parse(&format!("{manifest_text}{nothing}"))?;
        Ok(Self { folder, language, manifest, manifest_text })
    }

    /// Where the built plugin is put, ready to be copied to a host.
    pub fn dist(&self) -> PathBuf {
        self.folder.join("dist").join(&self.manifest.name)
    }
}
