//! Components that no compiler would make: refused when they are loaded, or ended at a limit when
//! they are called; what comes after is none the worse. Contracts of other versions, and the bytes
//! that are used after they were verified.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use takeover_engine::outcome::Ended;
use takeover_engine::package::{Haste, Package};
use takeover_engine::{Call, Engine, Plugin};

use crate::crafted::{Extra, marked};
use crate::fixture::{Host, Manner, PLENTY, Sandbox, alarm, settings, shelf, wait};

const NAME: &str = "test-reaction";

fn component() -> Vec<u8> {
    fs::read(shelf("plugins-test.d").join(NAME).join("component.wasm")).unwrap()
}

/// Writes the plugin with another component and a manifest that fits it.
fn write(folder: &Path, bytes: &[u8], edit: impl Fn(String) -> String) {
    let staged = shelf("plugins-test.d").join(NAME).join("plugin.toml");
    let text = edit(fs::read_to_string(staged).unwrap());
    let (head, _) = text.split_once("\n[component]").unwrap();
    let (sha256, size) = (format!("{:x}", Sha256::digest(bytes)), bytes.len());
    let text = format!("{head}\n[component]\nsha256 = {sha256:?}\nsize_bytes = {size}\n");
    fs::create_dir_all(folder.join(NAME)).unwrap();
    fs::write(folder.join(NAME).join("component.wasm"), bytes).unwrap();
    fs::write(folder.join(NAME).join("plugin.toml"), text).unwrap();
}

fn load(bytes: &[u8], edit: impl Fn(String) -> String) -> Result<Arc<Plugin>, String> {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), bytes, edit);
    let engine = &Sandbox::shared().engine;
    engine.load_plugin(&folder.path().join(NAME), None).map_err(|reason| reason.to_string())
}

fn call(engine: &Engine, plugin: &Arc<Plugin>, timeout: Duration) -> Ended<String> {
    let (none, deadline) = (settings(&[]), Instant::now() + timeout);
    let call = Call { plugin, settings: &none, deadline };
    wait(engine.react(call, alarm("sip-a"), Host::new(Manner::Does))).ended
}

/// What becomes of a component with this in it.
fn end_of(extra: Extra, timeout: Duration) -> String {
    let loaded = load(&extra.add_to(&component()), |text| text);
    let end = match loaded {
        Ok(plugin) => call(&Sandbox::shared().engine, &plugin, timeout).to_string(),
        Err(reason) => format!("refused: {reason}"),
    };
    let sandbox = Sandbox::shared();
    let after = call(&sandbox.engine, &sandbox.reaction, PLENTY);
    assert_eq!(after, Ended::Ok("well behaved".to_owned()), "after {extra:?}");
    end
}

#[test]
fn more_memory_tables_or_instances_than_allowed_are_refused_or_end_the_call() {
    let invalid = "refused: component.wasm is not a valid component: ";
    for (extra, begin, reason) in [
        (Extra::LargeMemory, invalid, "byte size of 4294967296 which exceeds the limit of"),
        (Extra::GrowingMemory, "limit reached: ", "bytes of memory wanted, 16777216 allowed"),
        (Extra::ManyMemories, invalid, "6 Wasm linear memories, which exceeds the configured"),
        (Extra::LargeTable, invalid, "element size of 500000000 which exceeds the limit of 20000"),
        (Extra::GrowingTable, "limit reached: ", "table elements wanted, 20000 allowed"),
        (Extra::ManyTables, invalid, "11 tables, which exceeds the configured maximum of 8"),
        (Extra::ManyInstances, invalid, "which exceeds the configured maximum of 64"),
    ] {
        let found = end_of(extra, PLENTY);
        assert!(found.starts_with(begin) && found.contains(reason), "{extra:?}: {found}");
    }
}

#[test]
fn start_without_an_end_ends_at_the_deadline() {
    let end = end_of(Extra::EndlessStart, Duration::from_millis(200));
    assert_eq!(end, Ended::<String>::Deadline.to_string());
}

#[test]
fn component_with_something_harmless_behind_it_works() {
    let plugin = load(&marked(&component(), "harmless"), |text| text).unwrap();
    let ended = call(&Sandbox::shared().engine, &plugin, PLENTY);
    assert_eq!(ended, Ended::Ok("well behaved".to_owned()));
}

/// The component as if it had been built against another version of the contract.
fn built_against(version: &str) -> Vec<u8> {
    let (from, to) = (b"@1.0.0", format!("@{version}"));
    assert_eq!(from.len(), to.len(), "no other length fits into the sections");
    let mut bytes = component();
    let contract = b"takeover:plugin/";
    for at in 0..bytes.len().saturating_sub(64) {
        if !bytes[at..].starts_with(contract) {
            continue;
        }
        let end = (at + 64).min(bytes.len());
        if let Some(place) = bytes[at..end].windows(from.len()).position(|window| window == from) {
            let name = &bytes[at + contract.len()..at + place];
            if name.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'-') {
                bytes[at + place..at + place + to.len()].copy_from_slice(to.as_bytes());
            }
        }
    }
    bytes
}

#[test]
fn contract_of_another_version_is_refused_by_its_manifest() {
    for wit in ["0.9.0", "1.1.0", "2.0.0", "1.0", "one"] {
        let edit = |text: String| text.replace("wit = \"1.0.0\"", &format!("wit = {wit:?}"));
        let refusal = load(&component(), edit).unwrap_err();
        let expected = format!("plugin.toml: wit {wit:?}: this program serves the contract 1.0.x");
        assert!(refusal.starts_with(&expected), "{refusal}");
    }
}

#[test]
fn component_of_another_version_is_refused_although_its_manifest_says_otherwise() {
    for version in ["0.9.0", "2.0.0"] {
        let refusal = load(&built_against(version), |text| text).unwrap_err();
        let begin = "component was built against another version of the contract: ";
        assert!(refusal.starts_with(begin), "{refusal}");
        assert!(refusal.contains(&format!("takeover:plugin/log@{version}")), "{refusal}");
    }
}

/// What it uses is there, so it works; what is new in its contract it could not be linked with.
#[test]
fn component_of_a_newer_minor_version_that_uses_nothing_new_works() {
    let plugin = load(&built_against("1.1.0"), |text| text).unwrap();
    let ended = call(&Sandbox::shared().engine, &plugin, PLENTY);
    assert_eq!(ended, Ended::Ok("well behaved".to_owned()));
}

#[test]
fn bytes_that_were_verified_are_those_that_run_whatever_becomes_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &component(), |text| text);
    let plugin = folder.path().join(NAME);
    let package = Package::read(&plugin, NAME, &folder.path().join("grants.d")).unwrap();
    let verified = Arc::new(package.verify().unwrap());
    fs::write(plugin.join("component.wasm"), b"something else by now").unwrap();
    let sandbox = Sandbox::shared();
    let slot = wait(sandbox.engine.compile_slot()).unwrap();
    let compiled =
        wait(sandbox.engine.compile(slot, Arc::clone(&verified), None, Haste::AtOnce)).unwrap();
    let linked = Arc::new(sandbox.engine.link(&verified, &compiled).unwrap());
    let ended = call(&sandbox.engine, &linked, PLENTY);
    assert_eq!(ended, Ended::Ok("well behaved".to_owned()));
    // The next reader sees what is there.
    let again = Package::read(&plugin, NAME, &folder.path().join("grants.d")).unwrap();
    assert!(again.verify().unwrap_err().to_string().starts_with("component.wasm is 21 bytes"));
}
