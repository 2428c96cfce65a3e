//! Reading the files of cases, whatever form they have.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// Settings by name.
pub(crate) type Settings = BTreeMap<String, toml::Value>;

/// The cases of a plugin folder in the order of their names, and the defaults of its settings.
///
/// # Errors
/// A file that can not be read or is not a case; a folder without cases.
pub(crate) fn read<T: DeserializeOwned>(
    folder: &Path,
) -> Result<(Vec<(PathBuf, T)>, Settings), String> {
    let defaults = crate::defaults(folder)?;
    let cases = folder.join("cases");
    let name = cases.display();
    let entries = std::fs::read_dir(&cases).map_err(|error| format!("{name}: {error}"))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    paths.sort();
    if paths.is_empty() {
        return Err(format!("{name}: no cases"));
    }
    let read = |path: PathBuf| crate::read_toml(&path).map(|case| (path, case));
    Ok((paths.into_iter().map(read).collect::<Result<_, _>>()?, defaults))
}

/// The value of a setting as a component sees it: text as it is, everything else as JSON.
pub(crate) fn setting(written: &Settings, defaults: &Settings, key: &str) -> Option<String> {
    let value = written.get(key).or_else(|| defaults.get(key))?;
    Some(match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

/// Whether an outcome is the expected one. A trap holds when the host's words contain what was
/// expected: it adds its own around them.
pub(crate) fn holds(expected: &str, outcome: &str) -> bool {
    match (expected.strip_prefix("trap: "), outcome.strip_prefix("trap: ")) {
        (Some(expected), Some(found)) => found.contains(expected),
        _ => expected == outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_holds_by_its_last_words_and_everything_else_to_the_letter() {
        assert!(holds("trap: line 1: x", "trap: wasm trap: unreachable: line 1: x"));
        assert!(!holds("trap: line 1: x", "trap: line 2: x"));
        assert!(!holds("deliver", "deliver it") && holds("deliver", "deliver"));
    }
}
