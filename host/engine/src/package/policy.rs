//! A text policy: one file of `policies.d`, run by the shipped script component of its kind. What
//! its first lines say of it, what it asks for, and how an error in it is shown.
//!
//! It must not know the language beyond comments, texts and names: the component reads the rest,
//! inside the sandbox.

mod calls;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};
use takeover_logic::link::Fault;

use super::folder::{RejectionReason, read_file};
use super::manifest::check_name;
use super::{Kind, Manifest};
use crate::grants::Permission;
use crate::limits::{POLICY_BYTES_MAX, POLICY_LINE_SHOWN_BYTES_MAX, POLICY_VERSION_BYTES_MAX};

/// How the name of a policy's file ends.
const ENDING: &str = ".rhai";

/// The setting of a script component that takes the text.
pub(super) const SETTING: &str = "script";

/// Digits of a policy's digest that stand for a version where its author wrote none.
const DIGITS: usize = 8;

/// The text of a policy, as it lies in `policies.d`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The name of its file, without the folder.
    pub file: Arc<str>,
    /// SHA-256 of the text, in hexadecimal.
    pub sha256: Arc<str>,
    /// The text, as the component gets it.
    text: Value,
}

/// What the first lines of a policy say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// What runs it.
    pub kind: Kind,
    /// What it does, in a sentence.
    pub description: String,
    /// Its version, where its author counts.
    pub version: Option<String>,
}

/// Why a policy was refused before anything ran it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct PolicyError {
    /// The name of its file.
    pub file: String,
    /// What is wrong.
    pub problem: String,
}

impl Kind {
    /// The component that runs text policies of this kind.
    pub fn script_component(self) -> Option<&'static str> {
        match self {
            Kind::AlarmReaction => Some("reaction-script"),
            Kind::ForwardingPolicy => Some("forwarding-script"),
            Kind::VipBackend | Kind::SipMonitor => None,
        }
    }
}

impl Policy {
    /// Reads the text of a policy; `name` is the policy's.
    ///
    /// # Errors
    /// It is no text, or its first line does not say what it is.
    pub(super) fn parse(name: &str, bytes: &[u8]) -> Result<(Self, Head), PolicyError> {
        let file = file_name(name);
        let problem = |problem: String| PolicyError { file: file.clone(), problem };
        let mut problems = Vec::new();
        check_name(name, &mut problems);
        if let Some(wrong) = problems.pop() {
            return Err(problem(wrong));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| problem("not UTF-8 text".to_owned()))?;
        let head = Head::read(text).map_err(problem)?;
        let sha256 = format!("{:x}", Sha256::digest(bytes)).into();
        Ok((Self { file: file.as_str().into(), sha256, text: Value::from(text) }, head))
    }

    /// The value of a setting that the policy itself has brought along.
    pub(super) fn setting(&self, key: &str) -> Option<&Value> {
        (key == SETTING).then_some(&self.text)
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.text.as_str().unwrap_or_default()
    }

    /// An error of the component, which begins with `line L, column C: `, with the name of the
    /// file and the line. Every other one as it is.
    pub fn explain(&self, error: &str) -> String {
        let Some((line, before, after)) = place_in(error) else { return error.to_owned() };
        let shown = self.text().lines().nth(line.saturating_sub(1)).unwrap_or_default().trim();
        let end = shown.floor_char_boundary(POLICY_LINE_SHOWN_BYTES_MAX);
        let (shown, cut) = (shown.get(..end).unwrap_or_default(), end < shown.len());
        let cut = if cut { "..." } else { "" };
        format!("{before}{}, {after} in `{shown}{cut}`", self.file)
    }

    /// A fault of the component, likewise.
    pub fn explain_fault(&self, fault: Fault) -> Fault {
        let explained = |text: Arc<str>| self.explain(&text).into();
        match fault {
            Fault::Denied(text) => Fault::Denied(explained(text)),
            Fault::NotFound(text) => Fault::NotFound(explained(text)),
            Fault::Unavailable(text) => Fault::Unavailable(explained(text)),
            Fault::Invalid(text) => Fault::Invalid(explained(text)),
            Fault::Failed(text) => Fault::Failed(explained(text)),
            without @ (Fault::InProgress | Fault::TimedOut | Fault::StaleTerm(_)) => without,
        }
    }

    /// The line that an error is about, with a mark below its column, for tools that show more
    /// than a line.
    pub fn excerpt(&self, error: &str) -> Option<String> {
        let (line, _, after) = place_in(error)?;
        let column: usize = number_after(after, "column ")?;
        let text = self.text().lines().nth(line.checked_sub(1)?)?.replace('\t', " ");
        let margin = " ".repeat(column.saturating_sub(1).min(text.chars().count()));
        Some(format!("{line:>5} | {text}\n      | {margin}^"))
    }
}

/// The line of an error, what is before the place, and the place with what follows.
fn place_in(error: &str) -> Option<(usize, &str, &str)> {
    let at = error.find("line ")?;
    let (before, after) = error.split_at_checked(at)?;
    // A place that another part of the system speaks of has no column.
    after.split_once(", column ")?;
    Some((number_after(after, "line ")?, before, after))
}

fn number_after(text: &str, word: &str) -> Option<usize> {
    let (_, rest) = text.split_once(word)?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

impl Head {
    /// Reads `// KIND: SENTENCE`, the first line, and `// version: VERSION` among the comments
    /// that follow it.
    fn read(text: &str) -> Result<Self, String> {
        let allowed = "allowed is `// alarm-reaction: WHAT IT DOES` or \
                       `// forwarding-policy: WHAT IT DOES`";
        let mut lines = text.lines().map(str::trim).skip_while(|line| line.is_empty());
        let first = lines.next().unwrap_or_default();
        let comment = |line: &str| line.strip_prefix("//").map(|it| it.trim().to_owned());
        let named = comment(first).and_then(|said| {
            let (kind, description) = said.split_once(':')?;
            let kind = [Kind::AlarmReaction, Kind::ForwardingPolicy]
                .into_iter()
                .find(|known| known.word() == kind.trim())?;
            Some((kind, description.trim().to_owned()))
        });
        let Some((kind, description)) = named else {
            let end = first.floor_char_boundary(POLICY_LINE_SHOWN_BYTES_MAX);
            let found = first.get(..end).unwrap_or_default();
            return Err(format!("its first line is `{found}`, {allowed}"));
        };
        if description.is_empty() {
            return Err(format!("its first line says nothing after {kind}, {allowed}"));
        }
        let mut said = lines.map_while(comment);
        let version = said.find_map(|it| Some(it.strip_prefix("version:")?.trim().to_owned()));
        match version {
            Some(found) if found.is_empty() || found.len() > POLICY_VERSION_BYTES_MAX => {
                let max = POLICY_VERSION_BYTES_MAX;
                Err(format!("version is {} bytes, allowed is 1 to {max}", found.len()))
            }
            version => Ok(Self { kind, description, version }),
        }
    }
}

impl Manifest {
    /// The manifest of a policy: that of the component that runs it, with what the policy says of
    /// itself, and with no more permissions than its text uses.
    pub(super) fn of_policy(self, name: &str, policy: Policy, head: Head) -> Self {
        let mut settings = self.settings;
        settings.remove(SETTING);
        let uses = calls::permissions(policy.text());
        let permissions: BTreeMap<Permission, String> = uses
            .into_iter()
            .filter(|(permission, _)| self.permissions.contains_key(permission))
            .map(|(permission, call)| (permission, call.to_string()))
            .collect();
        let digits = policy.sha256.get(..DIGITS).unwrap_or_default();
        Self {
            name: name.to_owned(),
            version: head.version.unwrap_or_else(|| digits.to_owned()),
            kind: head.kind,
            description: head.description,
            settings,
            permissions,
            policy: Some(Arc::new(policy)),
            ..self
        }
    }
}

/// The name of the file of a policy.
pub fn file_name(name: &str) -> String {
    format!("{name}{ENDING}")
}

/// The name of the file with a policy's signature, which lies beside it.
pub fn signature_name(name: &str) -> String {
    format!("{name}{ENDING}.sig")
}

/// The names of the policies in a folder, in their order. A folder that does not exist has none.
///
/// # Errors
/// The folder can not be read.
pub fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        // Hidden files are how editors keep what is not saved yet.
        if let Some(name) = name.strip_suffix(ENDING)
            && !name.starts_with('.')
            && !name.is_empty()
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The kind that a policy names; none where it can not be told.
pub fn kind_of(folder: &Path, name: &str) -> Option<Kind> {
    let bytes = read_policy_file(folder, name).ok()?;
    Some(Head::read(std::str::from_utf8(&bytes).ok()?).ok()?.kind)
}

pub(super) fn read_policy_file(folder: &Path, name: &str) -> Result<Vec<u8>, RejectionReason> {
    read_file(folder, &file_name(name), POLICY_BYTES_MAX)
}

/// Where the component of a kind is.
pub(super) fn component_of(plugins: &Path, kind: Kind) -> Result<PathBuf, RejectionReason> {
    let name = kind.script_component().unwrap_or_default();
    let folder = plugins.join(name);
    if folder.join("plugin.toml").exists() {
        return Ok(folder);
    }
    Err(RejectionReason::NoScriptComponent { kind, folder })
}

#[cfg(test)]
mod tests;
