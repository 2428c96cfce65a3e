//! Against a real registry (Debian package docker-registry) on this machine. Needs `cargo xtask
//! build-plugins`.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::*;

/// A running registry with a folder of its own.
struct Registry {
    folder: tempfile::TempDir,
    address: String,
    process: Child,
}

/// Long enough for its start on a busy machine.
const PLENTY: Duration = Duration::from_secs(60);

/// The user `ops` with the password `secret`, as the registry keeps it (bcrypt, cost 5).
const USERS: &str = "ops:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";

impl Registry {
    /// None: it is not installed, which is said.
    fn start(test: &str, with_users: bool) -> Option<Self> {
        let found = Command::new("docker-registry").arg("--version").output();
        if found.is_err() {
            println!("SKIP {test}: needs docker-registry");
            assert!(std::env::var_os("REQUIRE_ALL").is_none(), "{test}: needs docker-registry");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let store = folder.path().join("store");
        let mut config = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {address}\n",
            store.display()
        );
        if with_users {
            let users = folder.path().join("users");
            fs::write(&users, USERS).unwrap();
            let users = users.display();
            config.push_str(&format!("auth:\n  htpasswd:\n    realm: test\n    path: {users}\n"));
        }
        let path = folder.path().join("config.yml");
        fs::write(&path, config).unwrap();
        let process = Command::new("docker-registry")
            .args(["serve".as_ref(), path.as_os_str()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let registry = Self { folder, address, process };
        let began = Instant::now();
        while TcpStream::connect(&registry.address).is_err() {
            assert!(began.elapsed() < PLENTY, "no registry after {PLENTY:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(registry)
    }

    fn access(&self, name: &str) -> Access {
        let reference = format!("{}/{name}", self.address).parse().unwrap();
        Access { reference, credentials: None, ca: None }
    }

    fn to(&self) -> PathBuf {
        self.folder.path().join("pulled")
    }

    /// The files of the registry whose contents are these.
    fn stored(&self, contents: &[u8]) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().join("store")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().flatten() {
                match entry.path() {
                    path if path.is_dir() => folders.push(path),
                    path if fs::read(&path).unwrap() == contents => found.push(path),
                    _ => {}
                }
            }
        }
        found
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn built(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins.d").join(name)
}

fn subject(name: &str) -> Subject {
    Subject::open(&built(name)).unwrap()
}

#[test]
fn plugin_comes_back_as_it_was_sent() {
    let test = "plugin_comes_back_as_it_was_sent";
    let Some(registry) = Registry::start(test, false) else { return };
    let access = registry.access("ops/restart:1");
    let pushed = push(&subject("reaction-restart-application"), &access).unwrap();
    assert_eq!((&*pushed.name, &*pushed.version), ("reaction-restart-application", "0.1.0"));
    // Again, and under another tag: the same artifact.
    let again = registry.access("ops/restart:2");
    assert_eq!(push(&subject("reaction-restart-application"), &again).unwrap(), pushed);
    for reference in ["ops/restart:2".to_owned(), format!("ops/restart@{}", pushed.digest)] {
        let to = registry.to().join(reference.replace(['/', ':', '@'], "-"));
        let (folder, pulled) = pull(&to, &registry.access(&reference)).unwrap();
        assert_eq!(pulled, pushed);
        assert_eq!(folder, to.join("reaction-restart-application"));
        for file in ["plugin.toml", "component.wasm"] {
            let sent = fs::read(built("reaction-restart-application").join(file)).unwrap();
            assert_eq!(fs::read(folder.join(file)).unwrap(), sent, "{file}");
        }
        assert_eq!(fs::read_dir(&to).unwrap().count(), 1, "nothing else is left there");
        // A folder that is there is nobody's to replace.
        let error = pull(&to, &registry.access(&reference)).unwrap_err().to_string();
        assert_eq!(error, format!("{} is there already", folder.display()));
    }
}

#[test]
fn artifact_has_the_layout_that_other_tools_read() {
    let verified = subject("reaction-restart-application").read().unwrap();
    let artifact = Artifact::of(&verified);
    let manifest: Value = serde_json::from_slice(&artifact.manifest).unwrap();
    assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    let config: Value = serde_json::from_slice(&artifact.config.bytes).unwrap();
    assert_eq!((&config["architecture"], &config["os"]), (&"wasm".into(), &"wasip2".into()));
    assert_eq!(config["layerDigests"][0], manifest["layers"][0]["digest"]);
    let names = |key: &str| config["component"][key].as_array().unwrap().clone();
    assert!(names("imports").contains(&"takeover:plugin/management@1.0.0".into()), "{config}");
    assert!(names("exports").contains(&"takeover:plugin/reaction@1.0.0".into()), "{config}");
}

#[test]
fn changed_component_is_refused_and_leaves_nothing() {
    let Some(registry) = Registry::start("changed_component_is_refused", false) else { return };
    let access = registry.access("ops/restart:1");
    push(&subject("reaction-restart-application"), &access).unwrap();
    let component = built("reaction-restart-application").join("component.wasm");
    let bytes = fs::read(component).unwrap();
    let stored = registry.stored(&bytes);
    assert_eq!(stored.len(), 1, "{stored:?}");
    let mut changed = bytes.clone();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(&stored[0], changed).unwrap();
    let error = pull(&registry.to(), &access).unwrap_err().to_string();
    assert!(error.contains("what came is "), "{error}");
    assert!(!registry.to().join("reaction-restart-application").exists());
}

#[test]
fn registry_wants_to_know_who_asks_and_nobody_is_told() {
    let Some(registry) = Registry::start("registry_wants_to_know_who_asks", true) else { return };
    let mut access = registry.access("ops/restart:1");
    let plugin = subject("reaction-restart-application");
    let error = push(&plugin, &access).unwrap_err().to_string();
    assert!(error.ends_with("look for a blob: it wants credentials"), "{error}");
    access.credentials = Some(Credentials::new("ops", "wrong"));
    let error = push(&plugin, &access).unwrap_err();
    assert!(format!("{error} {error:?} {access:?}").find("wrong").is_none(), "{error}");
    // As `docker login` keeps them.
    let file = registry.folder.path().join("config.json");
    let auth = "b3BzOnNlY3JldA=="; // ops:secret
    let text = format!(r#"{{ "auths": {{ "{}": {{ "auth": "{auth}" }} }} }}"#, registry.address);
    fs::write(&file, text).unwrap();
    let credentials = Credentials::from_file(&file, &registry.address).unwrap();
    assert_eq!(credentials, Credentials::new("ops", "secret"));
    access.credentials = Some(credentials);
    let pushed = push(&plugin, &access).unwrap();
    assert_eq!(pull(&registry.to(), &access).unwrap().1, pushed);
    let error = Credentials::from_file(&file, "example.com").unwrap_err().to_string();
    assert!(error.ends_with("no \"auths\" entry with \"auth\" for example.com"), "{error}");
    fs::File::create(&file).unwrap().write_all(b"{ secret").unwrap();
    let error = Credentials::from_file(&file, "example.com").unwrap_err().to_string();
    assert!(error.ends_with("line 1: not JSON"), "{error}");
}

#[test]
fn what_is_not_there_is_said_in_the_registrys_words() {
    let Some(registry) = Registry::start("what_is_not_there_is_said", false) else { return };
    let error = pull(&registry.to(), &registry.access("ops/nothing:1")).unwrap_err().to_string();
    assert!(error.contains("get the manifest: HTTP 404 Not Found (MANIFEST_UNKNOWN"), "{error}");
}

#[test]
fn other_artifacts_are_refused() {
    let verified = subject("reaction-restart-application").read().unwrap();
    let manifest: Value = serde_json::from_slice(&Artifact::of(&verified).manifest).unwrap();
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut changed = manifest.clone();
        change(&mut changed);
        artifact::describe(changed.to_string().as_bytes()).unwrap_err()
    };
    assert_eq!(refused(&|it| it["layers"] = Value::Null), "it has 0 layers, a component has one");
    assert_eq!(
        refused(&|it| it["layers"][0]["mediaType"] = "application/x-tar".into()),
        "its layer is \"application/x-tar\", a component is \"application/wasm\""
    );
    assert_eq!(
        refused(&|it| it["layers"][0]["digest"] = "sha512:00".into()),
        "the digest of its layer is not one of SHA-256"
    );
    assert_eq!(
        refused(&|it| it["layers"][0]["size"] = (1_u64 << 40).into()),
        "its component is 1099511627776 bytes, at most 67108864"
    );
    assert_eq!(
        refused(&|it| it["annotations"] = Value::Null),
        "it is a component without a plugin's manifest (takeover.plugin/manifest)"
    );
    let elsewhere = "name = \"../../etc\"";
    assert_eq!(
        refused(&|it| it["annotations"]["takeover.plugin/manifest"] = elsewhere.into()),
        "the plugin's manifest does not name it"
    );
}

#[test]
fn references_name_registry_repository_and_version() {
    let digest = format!("sha256:{}", "0".repeat(64));
    for good in [
        "registry.example/ops/page:1.2.0".to_owned(),
        "localhost/a:b".to_owned(),
        format!("[::1]:5000/a_b/c-d@{digest}"),
    ] {
        let reference: Reference = good.parse().unwrap();
        assert_eq!(reference.to_string(), good);
    }
    for (bad, why) in [
        ("page", "allowed is REGISTRY/REPOSITORY:TAG"),
        ("ops/page:1", "the first part is not a registry"),
        ("a.example/page", "allowed is REGISTRY/REPOSITORY:TAG"),
        ("a.example/Page:1", "the repository is not lower-case"),
        ("a.example/../page:1", "the repository is not lower-case"),
        ("a.example/page:", "allowed is REGISTRY/REPOSITORY:TAG"),
        ("a.example/page@sha256:0", "allowed is REGISTRY/REPOSITORY:TAG"),
        ("me@a.example/page:1", "the registry is not a host"),
    ] {
        let error = bad.parse::<Reference>().unwrap_err().to_string();
        assert!(error.starts_with(&format!("reference {bad:?}: {why}")), "{error}");
    }
}

#[test]
fn only_this_machine_is_reached_without_tls() {
    for (name, base) in [
        ("127.0.0.1:5000/a:b", "http://127.0.0.1:5000"),
        ("[::1]:5000/a:b", "http://[::1]:5000"),
        ("localhost/a:b", "http://localhost"),
        ("localhost.example:80/a:b", "https://localhost.example:80"),
        ("192.0.2.1:5000/a:b", "https://192.0.2.1:5000"),
    ] {
        assert_eq!(name.parse::<Reference>().unwrap().base(), base);
    }
}

#[test]
fn challenge_is_read_by_its_names() {
    let text = r#"realm="https://a.example/token",service="r", scope="repository:a/b:pull,push""#;
    assert_eq!(client::parameter(text, "scope").as_deref(), Some("repository:a/b:pull,push"));
    assert_eq!(client::parameter(text, "realm").as_deref(), Some("https://a.example/token"));
    assert_eq!(client::parameter(text, "error"), None);
}
