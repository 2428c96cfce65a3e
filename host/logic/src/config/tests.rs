//! Tests of the whole of reading: the cases on disk, the laws, the generated page.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

mod keys;
mod laws;
mod worst_case;

/// A folder of the repository.
fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// The `*.toml` files of a folder; `host-agent*.toml` is another program's.
fn files(folder: &Path) -> Vec<(String, String)> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut files: Vec<(String, String)> = names
        .map(|name| name.into_string().unwrap())
        .filter(|name| name.ends_with(".toml") && !name.starts_with("host-agent"))
        .map(|name| (name.clone(), fs::read_to_string(folder.join(name)).unwrap()))
        .collect();
    files.sort();
    files
}

/// One text as a configuration.
fn read_text(text: &str) -> Result<Checked, Vec<ConfigError>> {
    read(&[("a.toml".to_owned(), text.to_owned())])
}

fn error_lines(errors: &[ConfigError]) -> String {
    errors.iter().map(|error| format!("{error}\n")).collect()
}

/// Compares texts with files, or renews these, and fails in the end with every difference.
#[derive(Default)]
struct Comparison {
    different: String,
}

impl Comparison {
    fn file(&mut self, path: &Path, text: &str) {
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            return fs::write(path, text).unwrap();
        }
        let expected = fs::read_to_string(path).unwrap_or_default();
        if expected != text {
            let path = path.display();
            self.different += &format!("{path}\n--- expected\n{expected}--- is\n{text}\n");
        }
    }

    fn finish(self) {
        let different = self.different;
        assert!(different.is_empty(), "renew with UPDATE_EXPECT=1 if right:\n{different}");
    }
}

/// The law that every right configuration must keep.
fn check_expansion(checked: &Checked, name: &str) -> String {
    let text = expand(&checked.config, &checked.shell);
    let again = read_text(&text)
        .unwrap_or_else(|errors| panic!("{name}: {}\nin\n{text}", error_lines(&errors)));
    assert_eq!(again.config, checked.config, "{name}, expanded:\n{text}");
    assert_eq!(again.shell, checked.shell, "{name}, expanded:\n{text}");
    assert_eq!(expand(&again.config, &again.shell), text, "{name}, expanded twice");
    text
}

#[test]
fn cases_give_what_they_expect() {
    let mut comparison = Comparison::default();
    let mut folders: Vec<PathBuf> = fs::read_dir(folder("tests/cases/config"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    assert!(folders.len() >= 25, "the cases are gone");
    for case in folders {
        let name = case.display().to_string();
        let (expected, error) = (case.join("expected.txt"), case.join("error.txt"));
        match read(&files(&case)) {
            Ok(checked) => {
                assert!(!error.exists(), "{name} is right but has an error.txt");
                comparison.file(&expected, &report::report(&checked));
                let text = check_expansion(&checked, &name);
                if case.join("expanded.txt").exists() {
                    comparison.file(&case.join("expanded.txt"), &text);
                }
            }
            Err(errors) => {
                assert!(!errors.is_empty(), "{name} is refused without an error");
                assert!(!expected.exists(), "{name} is wrong:\n{}", error_lines(&errors));
                comparison.file(&error, &error_lines(&errors));
            }
        }
    }
    comparison.finish();
}

#[test]
fn examples_are_right() {
    let mut count = 0;
    for example in fs::read_dir(folder("examples")).unwrap() {
        let example = example.unwrap().path();
        let name = example.display().to_string();
        for config in ["config", "."].map(|below| example.join(below)) {
            // A program is an example of another kind.
            let is_program = config.join("Cargo.toml").exists();
            if is_program || !config.is_dir() || files(&config).is_empty() {
                continue;
            }
            let checked = read(&files(&config))
                .unwrap_or_else(|errors| panic!("{name}:\n{}", error_lines(&errors)));
            assert_eq!(checked.notices, [], "{name} is an example for others");
            check_expansion(&checked, &name);
            count += 1;
        }
    }
    assert!(count >= 4, "the examples are gone");
}

/// What the examples of the plugins speak of.
const AROUND_PLUGINS: &str = r#"
[[host]]
name = "h1"
address = "10.81.1.11"
interfaces = { eth0 = ["10.81.1.11/24"] }
[[host]]
name = "h2"
address = "10.81.1.12"
interfaces = { eth0 = ["10.81.1.12/24"] }
[[pair]]
name = "sip"
hosts = ["h1", "h2"]
vip = "10.81.1.100/24"
application = { command = ["sip"] }
primary = { name = "sip-a" }
backup = { name = "sip-b" }
[[application]]
name = "media"
host = "h1"
command = ["media"]
[[application]]
name = "recorder"
host = "h2"
command = ["recorder"]
"#;

#[test]
fn examples_of_the_plugins_are_right() {
    let mut count = 0;
    for plugin in fs::read_dir(folder("plugins")).unwrap() {
        let example = plugin.unwrap().path().join("example.toml");
        let Ok(text) = fs::read_to_string(&example) else { continue };
        let around = ("around.toml".to_owned(), AROUND_PLUGINS.to_owned());
        let checked = read(&[around, ("example.toml".to_owned(), text)]).unwrap_or_else(|errors| {
            panic!("{}:\n{}", example.display(), error_lines(&errors));
        });
        check_expansion(&checked, &example.display().to_string());
        count += 1;
    }
    assert!(count >= 5, "the plugins are gone");
}

#[test]
fn host_agent_files_of_the_examples_fit_their_configuration() {
    let mut count = 0;
    for example in fs::read_dir(folder("examples")).unwrap() {
        let example = example.unwrap().path();
        for file in fs::read_dir(&example).unwrap().map(|file| file.unwrap().path()) {
            let name = file.file_name().unwrap().to_str().unwrap().to_owned();
            if !name.starts_with("host-agent") {
                continue;
            }
            let settings = host_agent::read(&name, &fs::read_to_string(&file).unwrap())
                .unwrap_or_else(|errors| panic!("{name}:\n{}", error_lines(&errors)));
            let checked = read(&files(&example.join("config"))).unwrap();
            assert!(checked.config.hosts.contains_key(&settings.host), "{}", file.display());
            let listen = checked.shell.listen.port();
            for control in &settings.control {
                assert!(control.ends_with(&format!(":{listen}")), "{}", file.display());
            }
            count += 1;
        }
    }
    assert!(count >= 2, "the examples are gone");
}

#[test]
fn without_any_file_there_is_no_configuration() {
    let errors = read(&[]).unwrap_err();
    assert_eq!(error_lines(&errors), "*.toml:1: found no file, allowed: at least one\n");
}

#[test]
fn the_number_of_reported_errors_is_bounded() {
    let text = "[[host]]\n".repeat(crate::limits::CONFIG_ERRORS_MAX);
    assert_eq!(read_text(&text).unwrap_err().len(), crate::limits::CONFIG_ERRORS_MAX);
}

#[test]
fn order_and_number_of_files_make_no_difference() {
    let case = files(&folder("tests/cases/config/pair_with_two_vips_and_ipv6"));
    let one: String = case.iter().map(|(_, text)| format!("{text}\n")).collect();
    let reversed: Vec<_> = case.iter().rev().cloned().collect();
    let expected = read(&case).unwrap();
    assert_eq!(read_text(&one).unwrap().config, expected.config);
    assert_eq!(read(&reversed).unwrap(), expected);
}
