//! Text policies: what happens to a file of `policies.d`, and what is called because of it.

use super::*;

const NAME: &str = "page";

/// A folder with the script component, and a folder of policies.
struct Desk {
    bench: Bench,
}

impl Desk {
    /// Starts with a policy in the folder, or with none.
    async fn new(text: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let component = folder.path().join("plugins.d/reaction-script");
        fs::create_dir_all(&component).unwrap();
        for file in ["component.wasm", "plugin.toml"] {
            let built = built("plugins.d", "reaction-script").join(file);
            fs::copy(built, component.join(file)).unwrap();
        }
        fs::create_dir(folder.path().join("policies.d")).unwrap();
        if let Some(text) = text {
            fs::write(file(folder.path(), NAME), text).unwrap();
        }
        let bench = Bench::open(folder).await;
        let is_loaded = || {
            let view = bench.plugins.view(NAME)?;
            Some(!view.version.is_empty() || !view.rejected.is_empty())
        };
        let waited = async {
            while text.is_some() && is_loaded() != Some(true) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(tokio::time::timeout(PLENTY, waited).await.is_ok(), "{:?}", bench.seen);
        Self { bench }
    }

    fn path(&self) -> &Path {
        self.bench.folder.path()
    }

    /// Saves a policy as an editor does.
    fn save(&self, name: &str, text: &str) {
        let path = file(self.path(), name);
        let beside = path.with_extension("swp");
        fs::write(&beside, text).unwrap();
        fs::rename(&beside, path).unwrap();
    }

    async fn call(&self, name: &str) -> String {
        let settings = [("application".to_owned(), "sip-b".into())].into();
        call_with(&self.bench.plugins, name, settings, "an alarm").await
    }

    /// Waits until this is what the policy answers.
    async fn until_answers(&self, words: &str) {
        let mut answer = String::new();
        let waited = async {
            while answer != words {
                tokio::time::sleep(Duration::from_millis(5)).await;
                answer = self.call(NAME).await;
            }
        };
        let waited = tokio::time::timeout(PLENTY, waited).await;
        assert!(waited.is_ok(), "{answer:?} is not {words:?} after {PLENTY:?}");
    }

    async fn told(&mut self, words: &str) {
        self.bench.told(words).await;
    }
}

fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join("policies.d").join(format!("{name}.rhai"))
}

/// A policy that answers with these words.
fn saying(words: &str) -> String {
    format!("// alarm-reaction: says {words}\n\"{words}\"\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policy_is_a_plugin_of_the_name_of_its_file() {
    let text = "// alarm-reaction: Tells what it got.\n// version: 7\n\
                `${alarm.application}, ${settings::get(\"application\")}`";
    let desk = Desk::new(Some(text)).await;
    assert_eq!(desk.call(NAME).await, "sip-a, sip-b");
    let view = desk.bench.plugins.view(NAME).unwrap();
    assert_eq!((&*view.version, &*view.kind, &*view.state), ("7", "alarm-reaction", "active"));
    assert_eq!(view.sha256, hex(&Sha256::digest(text)));
    let shown = view.policy_file.unwrap();
    assert_eq!(Path::new(&shown), file(desk.path(), NAME));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policies_come_change_and_go_while_others_are_called() {
    let mut desk = Desk::new(None).await;
    assert_eq!(desk.call(NAME).await, "refused: plugin page is not loaded");
    desk.save(NAME, &saying("one"));
    desk.until_answers("one").await;
    desk.save(NAME, &saying("two"));
    desk.until_answers("two").await;
    desk.told("plugin page").await;
    // As a plugin does, it goes back to the version before.
    desk.bench.plugins.operate(NAME, Action::Rollback).unwrap();
    desk.until_answers("one").await;
    desk.save(NAME, &saying("three"));
    desk.until_answers("three").await;
    fs::remove_file(file(desk.path(), NAME)).unwrap();
    desk.until_answers("refused: plugin page: it is not loaded").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_text_is_refused_with_its_place_and_the_good_one_stays() {
    let mut desk = Desk::new(Some(&saying("good"))).await;
    desk.save(NAME, "// alarm-reaction: x\nlet a = 1;\n  a + nobody;\n");
    desk.told("page.rhai, line 3, column 7: undefined variable: nobody in `a + nobody;`").await;
    assert_eq!(desk.call(NAME).await, "good");
    desk.save(NAME, "let a = 1;");
    desk.told("page.rhai: its first line is `let a = 1;`, allowed is `// alarm-reaction:").await;
    assert_eq!(desk.call(NAME).await, "good");
    desk.save(NAME, &format!("// alarm-reaction: x\n{}", "\n".repeat(64 << 10)));
    desk.told("page.rhai: 65557 bytes, at most 65536").await;
    assert_eq!(desk.call(NAME).await, "good");
    desk.save(NAME, &saying("better"));
    desk.until_answers("better").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_text_is_refused_although_there_is_nothing_else() {
    let mut desk = Desk::new(Some("// alarm-reaction: x\nlet = 1;")).await;
    desk.told("page.rhai, line 2, column 5: ").await;
    assert!(desk.call(NAME).await.starts_with("refused: plugin page"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_component_is_one_clear_error() {
    let mut desk = Desk::new(None).await;
    desk.save("way", "// forwarding-policy: x\ndeliver()");
    // Another process runs those.
    let text = saying("good");
    desk.save(NAME, &text);
    desk.until_answers("good").await;
    assert!(desk.bench.plugins.view("way").is_none());
    fs::remove_dir_all(desk.path().join("plugins.d/reaction-script")).unwrap();
    desk.told("policies of kind alarm-reaction are run by the component reaction-script, and")
        .await;
    assert_eq!(desk.call(NAME).await, "good");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn name_of_a_plugin_is_not_taken_from_it() {
    let mut desk = Desk::new(None).await;
    let restart = "reaction-restart-application";
    let folder = desk.path().join("plugins.d").join(restart);
    fs::create_dir(&folder).unwrap();
    for file in ["component.wasm", "plugin.toml"] {
        fs::copy(built("plugins.d", restart).join(file), folder.join(file)).unwrap();
    }
    desk.told("plugin reaction-restart-application 0.1.0 ").await;
    desk.save(restart, &saying("mine"));
    desk.told("there is a plugin and a policy of this name").await;
    let view = desk.bench.plugins.view(restart).unwrap();
    assert_eq!((view.policy_file, &*view.version), (None, "0.1.0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policy_asks_for_what_it_uses_and_waits_for_its_own_grant() {
    let text = "// alarm-reaction: x\nmanagement::start_application(\"sip-a\");\n\
                http::send(#{url: \"https://other.example/\"});";
    let mut desk = Desk::new(Some(&saying("good"))).await;
    desk.save(NAME, text);
    desk.told("it asks for http (line 3 calls http::send), and grants.d/page.toml does not exist")
        .await;
    assert_eq!(desk.call(NAME).await, "good");
    let grants = desk.path().join("grants.d");
    fs::create_dir(&grants).unwrap();
    let sha256 = hex(&Sha256::digest(text));
    let grant = format!(
        "sha256 = \"{sha256}\"\n[[grant]]\npermission = \"http\"\ndestinations = [\"https://hooks.example/\"]\n\
         [[grant]]\npermission = \"management\"\n"
    );
    fs::write(grants.join("page.toml"), grant).unwrap();
    // What it is not granted is denied with its place.
    let mut answer = String::new();
    let waited = async {
        while !answer.contains("denied") {
            tokio::time::sleep(Duration::from_millis(5)).await;
            answer = desk.call(NAME).await;
        }
    };
    assert!(tokio::time::timeout(PLENTY, waited).await.is_ok(), "{answer}");
    assert!(answer.contains("line 3, column "), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restart_begins_with_the_kept_copy() {
    let desk = Desk::new(Some(&saying("good"))).await;
    assert_eq!(desk.call(NAME).await, "good");
    fs::remove_dir_all(desk.path().join("plugins.d/reaction-script")).unwrap();
    let desk = Desk { bench: desk.bench.restart().await };
    assert_eq!(desk.call(NAME).await, "good");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policies_beyond_the_bound_are_refused() {
    let max = takeover_engine::limits::POLICIES_MAX;
    let mut desk = Desk::new(None).await;
    // They have no component, so that nothing is compiled for them.
    fs::remove_dir_all(desk.path().join("plugins.d/reaction-script")).unwrap();
    for number in 0..=max {
        desk.save(&format!("p{number:03}"), &saying("x"));
    }
    desk.told(&format!("plugin p{max:03} rejected: verify: more than {max} policies")).await;
    let others = desk.bench.seen.iter().filter(|text| text.contains("more than"));
    assert!(others.count() <= 1);
}
