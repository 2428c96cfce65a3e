//! Folders with something wrong in them: one sentence each, and the rest still loads.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::OnceLock;

use sha2::{Digest, Sha256};
use takeover_engine::{Engine, EngineSettings};

use crate::fixture::{shelf, wait};

/// The smallest component there is: the preamble, and nothing in it.
const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// The smallest core module, which is not a component.
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::start(EngineSettings::default()).unwrap())
}

/// A folder with one good plugin and one under test, which starts as a copy of a shipped one.
struct Bench {
    folder: tempfile::TempDir,
}

const SUBJECT: &str = "reaction-restart-application";
const GOOD: &str = "reaction-vip";

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in [SUBJECT, GOOD] {
            let to = folder.path().join(name);
            fs::create_dir(&to).unwrap();
            for file in ["plugin.toml", "component.wasm"] {
                fs::copy(shelf("plugins.d").join(name).join(file), to.join(file)).unwrap();
            }
        }
        Self { folder }
    }

    fn path(&self, file: &str) -> std::path::PathBuf {
        self.folder.path().join(SUBJECT).join(file)
    }

    /// Puts in another component, with a digest that fits it.
    fn set_component(&self, bytes: &[u8]) {
        fs::write(self.path("component.wasm"), bytes).unwrap();
        let text = fs::read_to_string(self.path("plugin.toml")).unwrap();
        let (head, _) = text.split_once("\n[component]").unwrap();
        let digest = format!("{:x}", Sha256::digest(bytes));
        let tail = format!("\n[component]\nsha256 = \"{digest}\"\nsize_bytes = {}\n", bytes.len());
        fs::write(self.path("plugin.toml"), format!("{head}{tail}")).unwrap();
    }

    fn edit_manifest(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.path("plugin.toml")).unwrap();
        assert!(text.contains(from), "{from:?} is not in plugin.toml");
        fs::write(self.path("plugin.toml"), text.replace(from, to)).unwrap();
    }

    /// Loads the folder: the good plugin is there, and the other is refused with this sentence.
    #[track_caller]
    fn check(&self, sentence: &str) {
        let loaded = wait(engine().load_folder(self.folder.path()));
        let names: Vec<&str> = loaded.plugins.iter().map(|p| p.manifest.name.as_str()).collect();
        assert_eq!(names, [GOOD]);
        let reasons: Vec<String> = loaded.rejected.iter().map(|r| r.reason.to_string()).collect();
        assert!(
            reasons.len() == 1 && reasons[0].contains(sentence),
            "rejected: {reasons:#?}\nexpected: {sentence}"
        );
    }
}

#[test]
fn truncated_component_does_not_match_its_digest() {
    let bench = Bench::new();
    let bytes = fs::read(bench.path("component.wasm")).unwrap();
    fs::write(bench.path("component.wasm"), &bytes[..bytes.len() / 2]).unwrap();
    bench.check("plugin.toml says");
}

#[test]
fn changed_component_does_not_match_its_digest() {
    let bench = Bench::new();
    let mut bytes = fs::read(bench.path("component.wasm")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(bench.path("component.wasm"), &bytes).unwrap();
    bench.check("component.wasm is");
}

#[test]
fn bytes_that_are_no_component_are_refused() {
    for bytes in [CORE_MODULE, b"", b"nonsense that is long enough", &EMPTY_COMPONENT[..5]] {
        let bench = Bench::new();
        bench.set_component(bytes);
        bench.check("component.wasm is not a valid component");
    }
}

#[test]
fn every_part_of_a_component_is_refused_without_a_crash() {
    let bench = Bench::new();
    let bytes = fs::read(bench.path("component.wasm")).unwrap();
    for part in 1..12 {
        bench.set_component(&bytes[..bytes.len() * part / 12]);
        bench.check("component");
    }
}

#[test]
fn component_without_the_exports_of_its_kind_is_refused() {
    let bench = Bench::new();
    bench.set_component(EMPTY_COMPONENT);
    bench.check(
        "component does not export takeover:plugin/lifecycle, which kind alarm-reaction needs; \
         it exports nothing",
    );
}

#[test]
fn component_of_another_world_is_refused() {
    let bench = Bench::new();
    bench.set_component(&fs::read(shelf("plugins.d").join("vip-linux/component.wasm")).unwrap());
    bench.check(
        "component imports takeover:plugin/addresses@1.0.0, which the world alarm-reaction does \
         not offer",
    );
}

#[test]
fn component_of_another_kind_than_its_manifest_says_is_refused() {
    for kind in ["sip-monitor", "forwarding-policy"] {
        let bench = Bench::new();
        bench.edit_manifest("\"alarm-reaction\"", &format!("\"{kind}\""));
        bench.check(&format!(
            "component imports takeover:plugin/management@1.0.0, which the world {kind} does not \
             offer"
        ));
    }
}

#[test]
fn permission_that_the_component_could_not_use_is_refused() {
    let bench = Bench::new();
    bench.edit_manifest("name = \"management\"", "name = \"vip-control\"");
    bench.check("plugin.toml asks for vip-control, but the component does not import vip-control");
}

#[test]
fn links_are_not_followed() {
    for file in ["component.wasm", "plugin.toml"] {
        let bench = Bench::new();
        let elsewhere = bench.folder.path().join(".elsewhere");
        fs::rename(bench.path(file), &elsewhere).unwrap();
        symlink(&elsewhere, bench.path(file)).unwrap();
        bench.check(&format!("{file} is a symbolic link"));
    }
    let bench = Bench::new();
    let folder = bench.folder.path();
    fs::rename(folder.join(SUBJECT), folder.join(".elsewhere")).unwrap();
    symlink(folder.join(".elsewhere"), folder.join(SUBJECT)).unwrap();
    bench.check("reaction-restart-application is a symbolic link");
}

#[test]
fn oversized_files_are_refused() {
    let grow = |path: &Path, size: u64| {
        fs::OpenOptions::new().write(true).open(path).unwrap().set_len(size).unwrap();
    };
    let bench = Bench::new();
    grow(&bench.path("component.wasm"), (64 << 20) + 1);
    bench.check("component.wasm: 67108865 bytes, at most 67108864");
    let bench = Bench::new();
    grow(&bench.path("plugin.toml"), (64 << 10) + 1);
    bench.check("plugin.toml: 65537 bytes, at most 65536");
}

#[test]
fn missing_files_are_named() {
    for file in ["component.wasm", "plugin.toml"] {
        let bench = Bench::new();
        fs::remove_file(bench.path(file)).unwrap();
        bench.check(&format!("{file}: No such file"));
    }
}

#[test]
fn what_is_no_file_is_not_opened() {
    let bench = Bench::new();
    fs::remove_file(bench.path("component.wasm")).unwrap();
    fs::create_dir(bench.path("component.wasm")).unwrap();
    bench.check("component.wasm is not a regular file");
}

#[test]
fn folder_must_bear_the_plugins_name() {
    let bench = Bench::new();
    bench.edit_manifest("name = \"reaction-restart-application\"", "name = \"another\"");
    bench.check("plugin.toml names the plugin another; its folder must bear the same name");
}

#[test]
fn loose_component_is_refused_and_other_files_are_nobodys_business() {
    let bench = Bench::new();
    fs::remove_dir_all(bench.folder.path().join(SUBJECT)).unwrap();
    for file in ["README.md", ".hidden.wasm", "reaction-x.wasm"] {
        fs::write(bench.folder.path().join(file), EMPTY_COMPONENT).unwrap();
    }
    bench.check("a component belongs in a folder of its own");
}

#[test]
fn manifest_that_is_no_text_is_refused() {
    let bench = Bench::new();
    fs::write(bench.path("plugin.toml"), [0xff, 0xfe]).unwrap();
    bench.check("plugin.toml: not UTF-8 text");
}

#[test]
fn folder_that_is_not_there_is_one_rejection() {
    let loaded = wait(engine().load_folder(Path::new("/nonexistent/plugins.d")));
    assert!(loaded.plugins.is_empty());
    let [rejection] = &loaded.rejected[..] else { panic!("{:?}", loaded.rejected) };
    assert!(rejection.reason.to_string().starts_with("plugin folder: No such file"));
}
