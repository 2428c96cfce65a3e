//! The file by which an application learns its options: `NAME.options.json` in the run folder,
//! beside its notification socket, named by `X_TAKEOVER_OPTIONS`.
//!
//! Replaced as a whole, so that a reader sees the old options or the new ones. It is not fetched
//! from the disk again after a crash of the host: the agent writes it before every start and when
//! it takes over a process.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use takeover_logic::ids::ApplicationName;
use takeover_logic::link::ApplicationSpec;

/// The variable that names the file.
pub(super) const VARIABLE: &str = "X_TAKEOVER_OPTIONS";

/// Where the options of an application are.
pub(super) fn path(folder: &Path, name: &ApplicationName) -> PathBuf {
    folder.join(format!("{name}.options.json"))
}

/// Writes the options of an application, unless it never had any.
///
/// # Errors
/// The folder can not be written; the old file stays.
pub(super) fn write(folder: &Path, spec: &ApplicationSpec) -> io::Result<()> {
    let path = path(folder, &spec.name);
    if spec.options.is_empty() && !path.exists() {
        return Ok(());
    }
    let text = serde_json::to_vec_pretty(&spec.options).map_err(io::Error::other)?;
    if fs::read(&path).is_ok_and(|present| present == text) {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    let beside = folder.join(format!(".{}.options.part", spec.name));
    let mut file = fs::File::create(&beside)?;
    file.write_all(&text)?;
    drop(file);
    fs::rename(&beside, &path)
}

/// Removes the file of an application that is not managed any more.
pub(super) fn remove(folder: &Path, name: &ApplicationName) {
    let path = path(folder, name);
    if let Err(error) = fs::remove_file(&path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(application = %name, "{} stays: {error}", path.display());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use takeover_logic::options::OptionValue;

    use super::*;
    use crate::host_agent::tests::processes::spec;

    fn with_option(value: i64) -> ApplicationSpec {
        let section = BTreeMap::from([(Arc::from("oos-check"), OptionValue::Number(value))]);
        let options = BTreeMap::from([(Arc::from("TServer"), section)]);
        ApplicationSpec { options, ..spec(&["true"]) }
    }

    #[test]
    fn file_is_replaced_as_a_whole_and_removed_with_its_application() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("run");
        let spec = with_option(1);
        let path = path(&folder, &spec.name);
        let read =
            || -> serde_json::Value { serde_json::from_slice(&fs::read(&path).unwrap()).unwrap() };
        write(&folder, &spec).unwrap();
        assert_eq!(read(), serde_json::json!({"TServer": {"oos-check": 1}}));
        let earlier = fs::File::open(&path).unwrap();
        write(&folder, &with_option(2)).unwrap();
        assert_eq!(read(), serde_json::json!({"TServer": {"oos-check": 2}}));
        let earlier = io::read_to_string(earlier).unwrap();
        assert!(earlier.contains("1"), "who had it open reads the old one whole: {earlier}");
        let none = ApplicationSpec { options: BTreeMap::new(), ..with_option(0) };
        write(&folder, &none).unwrap();
        assert_eq!(read(), serde_json::json!({}), "it had some");
        let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|it| it.unwrap().path()).collect();
        assert_eq!(names, std::slice::from_ref(&path), "nothing else is left");
        remove(&folder, &spec.name);
        assert!(!path.exists());
        write(&folder, &none).unwrap();
        assert!(!path.exists(), "it never had any");
    }
}
