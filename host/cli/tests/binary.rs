//! The program as a script sees it: exit code, standard output, standard error.
//! What needs a control server is in `tests/operator`. (This test is also why `cargo test` builds
//! the program, which the end-to-end tests start.)

use std::process::{Command, Output};

#[expect(clippy::expect_used, reason = "a helper of tests, like the tests themselves")]
fn takeover(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_takeover"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TAKEOVER_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).output().expect("the program starts")
}

#[track_caller]
fn check(output: &Output, code: i32, stdout: &str, stderr: &str) {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
    assert!(out.contains(stdout), "{stdout:?} is not in {out:?}");
    assert!(err.contains(stderr), "{stderr:?} is not in {err:?}");
    assert_eq!(out.is_empty(), stdout.is_empty(), "{out:?}");
    assert_eq!(err.is_empty(), stderr.is_empty(), "{err:?}");
}

#[test]
fn what_makes_no_sense_ends_with_2_and_says_what_is_near() {
    check(&takeover(&["stauts"]), 2, "", "'status'");
    check(&takeover(&["status", "--server", "here"]), 2, "", "takeover: server \"here\": expected");
    check(&takeover(&["control", "--log", "=", "."]), 2, "", "takeover: log filter \"=\": ");
}

#[test]
fn without_a_token_it_ends_with_5_and_says_how_to_give_one() {
    check(&takeover(&["status"]), 5, "", "takeover: no token: give --token-file FILE or set");
}

#[test]
fn without_a_control_server_it_ends_with_3_and_says_where_it_looked() {
    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("token");
    std::fs::write(&token, "a-token\n").expect("a file");
    let token = token.display().to_string();
    // Nobody may listen on port 1 without being asked to.
    let server = "http://127.0.0.1:1";
    let output = takeover(&["status", "--server", server, "--token-file", &token]);
    check(&output, 3, "", "takeover: http://127.0.0.1:1: Connection refused");
}

#[test]
fn a_daemon_that_can_not_start_ends_with_1_and_says_everything_that_is_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "[control]\npaeg = \"127.0.0.1:1\"\nlisten = 7\n";
    std::fs::write(folder.path().join("control.toml"), text).expect("a file");
    let dir = folder.path().display().to_string();
    for role in ["up", "control"] {
        let output = takeover(&[role, &dir]);
        check(&output, 1, "", "control.toml:2");
        check(&output, 1, "", "control.toml:3");
    }
}

#[test]
fn help_and_completions_go_to_standard_output() {
    check(&takeover(&["--help"]), 0, "Exit codes:", "");
    check(&takeover(&["completions", "zsh"]), 0, "#compdef takeover", "");
    check(&takeover(&["--version"]), 0, concat!("takeover ", env!("CARGO_PKG_VERSION")), "");
}
