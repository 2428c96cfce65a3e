//! Measures the exchange of a plugin while the system runs: a component of about 100 KB is copied
//! into a watched folder, each time another one, so that it is compiled anew. The time is that from
//! the last rename to the moment that calls go to it. Second part of `cargo xtask bench plugins`.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use takeover::plugins::{PluginFolders, Plugins, Uses};
use takeover_engine::{Engine, EngineSettings, Kind};
use takeover_logic::plugin::io::Action;

/// Reloads that are counted.
const RELOADS: u32 = 30;
/// Reloads before those.
const WARM_UP: u32 = 2;
/// A reload that takes longer failed.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Between two looks at the version in use.
const LOOK_INTERVAL: Duration = Duration::from_micros(200);
/// To be reached by the median.
const RELOAD_GOAL_MS: f64 = 300.0;
/// The shipped component whose size is nearest to 100 KB.
const SUBJECT: &str = "reaction-snmp-trap";

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut times = runtime.block_on(measure())?;
    times.sort_by(f64::total_cmp);
    let at = |part: usize| times.get((times.len() - 1) * part / 100).copied();
    let (Some(median), Some(p95), Some(max)) = (at(50), at(95), at(100)) else {
        return Err("nothing was measured".into());
    };
    println!("reload of a plugin, ms: median {median:.1}, p95 {p95:.1}, max {max:.1}");
    println!("goal: {RELOAD_GOAL_MS:.0} ms from the last rename to its use, compiling included");
    println!("result plugins.reload.median {median:.1} ms");
    Ok(())
}

async fn measure() -> Result<Vec<f64>, Box<dyn Error>> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/plugins.d").join(SUBJECT);
    let component = fs::read(built.join("component.wasm"))
        .map_err(|error| format!("{SUBJECT}: {error}; run `cargo xtask build-plugins`"))?;
    let manifest = fs::read_to_string(built.join("plugin.toml"))?;
    let folder = tempfile::tempdir()?;
    let to = folder.path().join("plugins.d").join(SUBJECT);
    fs::create_dir_all(&to)?;
    put(&to, &component, &manifest, 0)?;
    let engine = Arc::new(Engine::start(EngineSettings::default())?);
    let (plugins, state) = (folder.path().join("plugins.d"), folder.path().join("state"));
    let folders = PluginFolders::beside(plugins, state, &[Kind::AlarmReaction]);
    let plugins = Plugins::start(engine, folders, None, Uses::new()).await?;
    println!("{SUBJECT}: {} bytes", component.len());
    let mut times = Vec::new();
    for number in 1..=WARM_UP + RELOADS {
        put(&to, &component, &manifest, number)?;
        let began = Instant::now();
        let version = number.to_string();
        let in_use = || plugins.plugin(SUBJECT).map(|plugin| plugin.manifest.version.clone());
        while in_use().as_ref() != Some(&version) {
            if began.elapsed() > RELOAD_TIMEOUT {
                let found = in_use().unwrap_or_default();
                return Err(format!("version {version}: {found:?} is still in use").into());
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        if number > WARM_UP {
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        // Trusted at once, so that each exchange begins in the same state.
        plugins.operate(SUBJECT, Action::Promote)?;
    }
    Ok(times)
}

/// Puts a version into the folder as it should be done: beside, then renamed, the manifest last.
fn put(to: &Path, component: &[u8], manifest: &str, number: u32) -> Result<(), Box<dyn Error>> {
    let component = marked(component, number)?;
    let manifest = manifest_of(manifest, &component, number)?;
    for (name, bytes) in [("component.wasm", &component[..]), ("plugin.toml", manifest.as_bytes())]
    {
        let beside = to.join(".part");
        fs::write(&beside, bytes)?;
        fs::rename(&beside, to.join(name))?;
    }
    Ok(())
}

/// The component with a custom section behind it (id, size, name, content) that does nothing but
/// make it another one.
fn marked(component: &[u8], number: u32) -> Result<Vec<u8>, Box<dyn Error>> {
    let (name, text) = (b"mark", number.to_string());
    let mut bytes = component.to_vec();
    bytes.extend([0, u8::try_from(1 + name.len() + text.len())?, u8::try_from(name.len())?]);
    bytes.extend(name);
    bytes.extend(text.as_bytes());
    Ok(bytes)
}

/// The manifest of that version. It asks for nothing, so that nothing need be granted.
fn manifest_of(text: &str, component: &[u8], number: u32) -> Result<String, Box<dyn Error>> {
    let mut manifest: toml::Table = toml::from_str(text)?;
    manifest.remove("permission");
    manifest.insert("version".to_owned(), number.to_string().into());
    let mut file = toml::Table::new();
    file.insert("sha256".to_owned(), format!("{:x}", Sha256::digest(component)).into());
    file.insert("size_bytes".to_owned(), i64::try_from(component.len())?.into());
    manifest.insert("component".to_owned(), file.into());
    Ok(toml::to_string(&manifest)?)
}
