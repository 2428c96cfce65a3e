//! The hostile set as plugins on disk, each with a name of its own: what one does must not be
//! refused because another one did it before.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use takeover_tests::programs;
use takeover_tests::system::digest;

use crate::crafted::{Extra, marked};

/// The component that behaves well.
pub(crate) const CALM: &str = "calm";

/// Conditions that call it, one after another: each rests for a second after its call.
pub(crate) const CALM_CONDITIONS: u32 = 80;

/// What the backend of the victims does when it is to take an address off.
pub(crate) const VICTIM_WORDS: [&str; 6] = ["loop", "trap", "wait", "stack", "memory", "panic"];

/// What a reaction does in a call.
const WORDS: [&str; 14] = [
    "loop",
    "trap",
    "panic",
    "stack",
    "stack-wide",
    "memory",
    "memory-slowly",
    "wait",
    "sleep",
    "log",
    "answer-2-mib",
    "answer-64-kib",
    "files",
    "http",
];

/// What a reaction does in `init`, so that it is refused each time it is reloaded.
const INIT_WORDS: [&str; 5] = ["loop", "trap", "wait", "stack", "memory-slowly"];

/// What is added to a component that no compiler would add.
const EXTRAS: [(&str, Extra); 8] = [
    ("large-memory", Extra::LargeMemory),
    ("growing-memory", Extra::GrowingMemory),
    ("many-memories", Extra::ManyMemories),
    ("large-table", Extra::LargeTable),
    ("growing-table", Extra::GrowingTable),
    ("many-tables", Extra::ManyTables),
    ("many-instances", Extra::ManyInstances),
    ("endless-start", Extra::EndlessStart),
];

/// One of them.
pub(crate) struct Hostile {
    /// Its name, and that of its folder, condition and reaction.
    pub(crate) name: String,
    component: Vec<u8>,
    manifest: String,
    /// It is written without its end.
    half: bool,
}

impl Hostile {
    /// All of them, and the one that behaves well.
    pub(crate) fn all() -> Result<Vec<Self>> {
        let reaction = Built::read("test-reaction")?;
        let mut all = vec![reaction.named(CALM)];
        for word in WORDS {
            all.push(reaction.named(&format!("do-{word}")).with("do", word));
        }
        for word in INIT_WORDS {
            all.push(reaction.named(&format!("init-{word}")).with("init", word));
        }
        for (name, extra) in EXTRAS {
            let mut one = reaction.named(name);
            one.component = extra.add_to(&one.component);
            all.push(one);
        }
        let mut wrong_world = reaction.named("wrong-world");
        wrong_world.component = Built::read("test-vip")?.component;
        all.push(wrong_world);
        let mut newer = reaction.named("newer-contract");
        newer.manifest = newer.manifest.replace("wit = \"1.0.0\"", "wit = \"2.0.0\"");
        all.push(newer);
        let mut greedy = reaction.named("greedy");
        greedy.manifest = greedy.manifest.replace("name = \"vip-control\"", "name = \"http\"");
        all.push(greedy);
        all.push(Self { half: true, ..reaction.named("half-copied") });
        all.push(Built::read("test-vip")?.named("test-vip"));
        Ok(all)
    }

    /// Whether a reaction calls it.
    pub(crate) fn is_reaction(&self) -> bool {
        self.name != "test-vip"
    }

    /// Puts a version into the folder as an update does: beside, then renamed, manifest last.
    /// Each fourth version has another component, the others only another manifest.
    pub(crate) fn put(&self, plugins: &Path, version: u32) -> Result<()> {
        let folder = plugins.join(&self.name);
        fs::create_dir_all(&folder)?;
        let bytes = marked(&self.component, &(version / 4).to_string());
        let (sha256, size) = (digest(&bytes), bytes.len());
        let head = self.manifest.replace("\"0.1.0\"", &format!("\"{version}\""));
        let manifest = format!("{head}\n[component]\nsha256 = \"{sha256}\"\nsize_bytes = {size}\n");
        let written = if self.half { size / 2 } else { size };
        let component = bytes.get(..written).unwrap_or_default();
        for (name, bytes) in [("component.wasm", component), ("plugin.toml", manifest.as_bytes())] {
            let beside = folder.join(".part");
            fs::write(&beside, bytes)?;
            fs::rename(&beside, folder.join(name))?;
        }
        Ok(())
    }

    /// With this value of a setting where nobody says otherwise.
    fn with(mut self, setting: &str, word: &str) -> Self {
        let table = format!("[settings.{setting}]\n");
        let text = format!("{table}default = \"{word}\"\n");
        self.manifest = self.manifest.replace(&table, &text);
        self
    }
}

/// A plugin of the tests, as it was built.
struct Built {
    name: &'static str,
    component: Vec<u8>,
    manifest: String,
}

impl Built {
    fn read(name: &'static str) -> Result<Self> {
        let folder = programs::test_plugins()?.join(name);
        let read = |file: &str| {
            fs::read(folder.join(file)).with_context(|| folder.join(file).display().to_string())
        };
        let manifest = String::from_utf8(read("plugin.toml")?)?;
        let head = manifest.split("\n[component]").next().unwrap_or_default().to_owned();
        Ok(Self { name, component: read("component.wasm")?, manifest: head })
    }

    fn named(&self, name: &str) -> Hostile {
        let (from, to) = (format!("name = \"{}\"", self.name), format!("name = \"{name}\""));
        Hostile {
            name: name.to_owned(),
            component: self.component.clone(),
            manifest: self.manifest.replacen(&from, &to, 1),
            half: false,
        }
    }
}
