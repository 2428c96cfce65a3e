//! A plugin project in each language, from the template to its cases in the sandbox, by the program
//! as an author runs it.
//!
//! Rust needs what `cargo xtask build-plugins` fetched; Python and JavaScript need the tools that
//! `cargo xtask test` puts into target/authoring/.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A project in a folder that goes when the test ends.
struct Author {
    _parent: tempfile::TempDir,
    project: PathBuf,
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target").canonicalize().unwrap()
}

impl Author {
    #[track_caller]
    fn new(kind: &str, name: &str, language: &str) -> Self {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().to_str().unwrap();
        let args = ["plugin", "new", kind, name, "--language", language, "--dir", dir];
        let output = takeover(&args);
        assert!(output.status.success(), "{}", said(&output));
        let project = parent.path().join(name);
        Self { _parent: parent, project }
    }

    /// `takeover plugin ARGS PROJECT`.
    fn plugin(&self, args: &[&str]) -> Output {
        let project = self.project.to_str().unwrap();
        takeover(&[&["plugin"], args, &[project]].concat())
    }

    #[track_caller]
    fn succeeds(&self, args: &[&str]) -> String {
        let output = self.plugin(args);
        assert!(output.status.success(), "{args:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.project.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }
}

fn takeover(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_takeover"));
    // One folder for all projects, so that their dependencies are built once; nothing is fetched.
    command.env("CARGO_TARGET_DIR", target().join("authoring/cargo"));
    command.env("CARGO_NET_OFFLINE", "true").env_remove("RUSTFLAGS");
    command.args(args).output().unwrap()
}

fn said(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}{}", output.status, text(&output.stdout), text(&output.stderr))
}

/// Whether the test can run; else it says what is missing.
fn has(test: &str, path: &Path, what: &str) -> bool {
    let there = path.exists();
    if !there {
        println!("SKIP {test}: needs {what}");
        assert!(std::env::var_os("REQUIRE_ALL").is_none(), "{test}: needs {what}");
    }
    there
}

#[test]
fn rust_project_builds_is_checked_and_holds_its_cases() {
    let author = Author::new("alarm-reaction", "my-reaction", "rust");
    let text = author.succeeds(&["test"]);
    assert!(text.contains("native tests passed\n"), "{text}");
    assert!(text.contains("ok   success.toml "), "{text}");
    assert!(text.ends_with("5 of 5 cases hold\n"), "{text}");
    let text = author.succeeds(&["check"]);
    for part in ["kind         alarm-reaction", "management: asks for the status", "ok: it can be"]
    {
        assert!(text.contains(part), "{part} not in {text}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&author.succeeds(&["check", "--json"])).unwrap();
    assert_eq!(json["plugin"]["permissions"][0]["name"], "management", "{json}");
    assert_eq!(json["problems"], serde_json::json!([]));
    let text = author.succeeds(&["bench", "--calls", "20"]);
    assert!(text.contains("result plugin.my-reaction.call.median "), "{text}");

    // A case that does not hold, and a component that is not what its manifest says.
    author.edit("cases/success.toml", "ok: sip-a restarted", "ok: something else");
    let output = author.plugin(&["test", "--engine-only", "--no-build"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("FAIL success.toml"), "{}", said(&output));
    std::fs::write(author.project.join("dist/my-reaction/component.wasm"), "x").unwrap();
    let output = author.plugin(&["check"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("problem: component.wasm is 1 bytes"), "{}", said(&output));
}

#[test]
fn rust_backend_holds_its_cases() {
    let author = Author::new("vip-backend", "my-backend", "rust");
    let text = author.succeeds(&["test", "--engine-only"]);
    assert!(text.ends_with("7 of 7 cases hold\n"), "{text}");
}

#[test]
fn rust_monitor_and_policy_build_and_hold_their_native_tests() {
    for kind in ["sip-monitor", "forwarding-policy"] {
        let author = Author::new(kind, &format!("my-{kind}"), "rust");
        author.succeeds(&["test", "--native-only"]);
        author.succeeds(&["build"]);
    }
}

#[test]
fn python_project_builds_and_holds_its_cases() {
    let tools = target().join("authoring/python/.venv");
    if !has("python project", &tools, "Python's tools: `cargo xtask test` installs them") {
        return;
    }
    let author = Author::new("alarm-reaction", "my-python", "python");
    std::os::unix::fs::symlink(&tools, author.project.join(".venv")).unwrap();
    let text = author.succeeds(&["test"]);
    assert!(text.ends_with("5 of 5 cases hold\n"), "{text}");
}

#[test]
fn javascript_project_builds_and_holds_its_cases() {
    let tools = target().join("authoring/javascript/node_modules");
    if !has("javascript project", &tools, "npm's tools: `cargo xtask test` installs them") {
        return;
    }
    let author = Author::new("alarm-reaction", "my-javascript", "javascript");
    std::os::unix::fs::symlink(&tools, author.project.join("node_modules")).unwrap();
    let text = author.succeeds(&["test"]);
    assert!(text.ends_with("5 of 5 cases hold\n"), "{text}");
}

#[test]
fn script_policy_needs_no_build_and_shows_the_line_that_is_wrong() {
    let author = Author::new("forwarding-policy", "my-forwarding", "script");
    let text = author.succeeds(&["test"]);
    assert!(text.ends_with("3 of 3 cases hold\n"), "{text}");
    let author = Author::new("alarm-reaction", "my-script", "script");
    let text = author.succeeds(&["test"]);
    assert!(text.ends_with("4 of 4 cases hold\n"), "{text}");
    let text = author.succeeds(&["check"]);
    let asked = "management: line 10 calls management::get_application";
    for part in ["run by reaction-script", asked] {
        assert!(text.contains(part), "{part} not in {text}");
    }
    author.edit("my-script.rhai", "if application == ()", "if applicaton == ()");
    for command in ["test", "check"] {
        let output = author.plugin(&[command]);
        assert_eq!(output.status.code(), Some(1), "{command}: {}", said(&output));
        let shown = "my-script.rhai, line 8, column 4: undefined variable: applicaton in \
                     `if applicaton == () { application = alarm.application; }`\n    \
                     8 | if applicaton == () { application = alarm.application; }\n      \
                     |    ^";
        assert!(said(&output).contains(shown), "{command}: {}", said(&output));
    }
}

#[test]
fn what_can_not_be_made_or_found_says_so_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let python = ["--language", "python"];
    let cases: [(&[&str], &str); 4] = [
        (&["new", "alarm-reaction", "My_Plugin"], "name \"My_Plugin\": allowed are"),
        (&["new", "vip-backend", "x", python[0], python[1]], "no template of kind vip-backend in"),
        (&["new", "vip-backend", "there"], "is there already"),
        (&["check"], "no plugin project: expected plugin.toml"),
    ];
    std::fs::create_dir(folder.path().join("there")).unwrap();
    for (args, expected) in cases {
        let place: &[&str] = if args[0] == "new" { &["--dir", dir] } else { &[dir] };
        let output = takeover(&[&["plugin"], args, place].concat());
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", said(&output));
        assert!(said(&output).contains(expected), "{args:?}: {}", said(&output));
    }
}
