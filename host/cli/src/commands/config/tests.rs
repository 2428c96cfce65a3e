//! What the commands say of right and wrong configurations; the many cases of these are tested
//! where they are read (`takeover_logic::config`).

use super::*;

fn repository(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

#[test]
fn check_reports_a_right_folder_and_a_right_agents_file() {
    let (text, exit) = check(&repository("examples/pair-kamailio/config")).expect("readable");
    assert_eq!(exit, Exit::Ok);
    assert!(text.starts_with("ok: 2 hosts, 1 pair,"), "{text}");
    assert!(text.contains("pair \"sip\", worst-case failover:"), "{text}");
    let file = repository("examples/pair-kamailio/host-agent-h1.toml");
    let expected = "ok: host agent of \"h1\", control server at 10.82.1.1:7600\n";
    assert_eq!(check(&file).expect("readable"), (expected.to_owned(), Exit::Ok));
}

#[test]
fn check_reports_every_error_and_their_number() {
    let case = repository("tests/cases/config/unknown_host");
    let (text, exit) = check(&case).expect("readable");
    let errors = std::fs::read_to_string(case.join("error.txt")).expect("a case");
    assert_eq!(text, format!("{errors}2 errors\n"));
    assert_eq!(exit, Exit::Problems);
}

#[test]
fn what_can_not_be_read_is_a_matter_of_usage() {
    let failure = check(&repository("no/such/folder")).expect_err("missing");
    assert_eq!(failure.exit(), Exit::Usage);
    assert!(
        failure
            .sentence()
            .is_some_and(|text| text.ends_with("No such file or directory (os error 2)"))
    );
}

#[test]
fn expand_refuses_a_wrong_configuration() {
    let dir = repository("tests/cases/config/two_vips_alike");
    let failure = run(ConfigCommand::Expand { dir }).expect_err("wrong");
    assert_eq!(failure.exit(), Exit::Problems);
}
