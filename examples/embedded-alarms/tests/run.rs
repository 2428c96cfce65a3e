//! Runs the example as a user would.

use std::path::Path;
use std::process::Command;

#[test]
fn example_raises_an_alarm_pages_and_clears_it() {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins-test.d");
    let component = plugins.join("test-desk/component.wasm");
    assert!(component.exists(), "no test-desk: run `cargo xtask build-plugins` first");
    let program = env!("CARGO_BIN_EXE_embedded-alarms");
    let output = Command::new(program).arg(&plugins).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{said}");
    for line in [
        "42-00001 31 calls wait in the queue",
        "paging Ada: queue_full: 31 calls wait in the queue",
        "Succeeded(\"Ada was paged\")",
    ] {
        assert!(text.contains(line), "{line} is not in:\n{text}\n{said}");
    }
}

#[test]
fn component_without_its_interface_is_named() {
    let empty = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_embedded-alarms");
    let output = Command::new(program).arg(empty.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("reaction page: plugin test-desk is not loaded"), "{said}");
}
