//! `cargo xtask build-plugins`: builds the components of `plugins/` and puts each of them, with the
//! digest in its manifest, where a host or a test can load it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::run;

/// What components are compiled to.
const TARGET: &str = "wasm32-wasip2";

/// Builds every component and stages it in `target/plugins.d/NAME/`; those for tests only in
/// `target/plugins-test.d/NAME/`.
pub(crate) fn build_plugins(root: &Path) -> Result<()> {
    ensure_target(root)?;
    let plugins = root.join("plugins");
    let mut build = run::cargo(&plugins, &["build", "--workspace", "--release", "--locked"]);
    build.args(["--exclude", "takeover-cases", "--target", TARGET, "--target-dir", "target"]);
    run::run(&mut build)?;
    let built = plugins.join("target").join(TARGET).join("release");
    for folder in folders(&plugins)? {
        let name = folder.file_name().context("a folder without a name")?.to_string_lossy();
        let component = built.join(format!("{}.wasm", name.replace('-', "_")));
        let shelf = if name.starts_with("test-") { "plugins-test.d" } else { "plugins.d" };
        let staged = root.join("target").join(shelf).join(&*name);
        let size = stage(&folder.join("plugin.toml"), &component, &staged)
            .with_context(|| format!("plugin {name}"))?;
        println!("{:<32} {:>7} bytes  target/{shelf}/{name}", name, size);
    }
    Ok(())
}

/// Folders of components, in the order of their names.
fn folders(plugins: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(plugins).with_context(|| plugins.display().to_string())?;
    let mut folders = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.join("plugin.toml").is_file() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

/// Puts a component and then its manifest in place, each by a rename: whoever reads meanwhile sees
/// the old plugin, the new one, or a digest that does not match, but never half a file.
fn stage(manifest: &Path, component: &Path, folder: &Path) -> Result<usize> {
    let bytes = fs::read(component).with_context(|| component.display().to_string())?;
    let mut text = fs::read_to_string(manifest).context("plugin.toml")?;
    let table: toml::Table = text.parse().context("plugin.toml")?;
    if table.contains_key("component") {
        bail!("plugin.toml: the table [component] is written by the build, not by hand");
    }
    let digest = Sha256::digest(&bytes);
    write!(text, "\n[component]\nsha256 = \"{digest:x}\"\nsize_bytes = {}\n", bytes.len())?;
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    replace(&folder.join("component.wasm"), &bytes)?;
    replace(&folder.join("plugin.toml"), text.as_bytes())?;
    Ok(bytes.len())
}

fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let part = path.with_extension("part");
    fs::write(&part, bytes).with_context(|| part.display().to_string())?;
    fs::rename(&part, path).with_context(|| path.display().to_string())
}

/// Installs the target if the toolchain does not have it.
fn ensure_target(root: &Path) -> Result<()> {
    let sysroot =
        run::output(Command::new("rustc").args(["--print", "sysroot"]).current_dir(root))?;
    if Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).is_dir() {
        return Ok(());
    }
    let mut install = Command::new("rustup");
    install.args(["target", "add", TARGET]).current_dir(root);
    run::run(&mut install).with_context(|| {
        format!("the Rust target {TARGET} is not installed; `rustup target add {TARGET}` does it")
    })
}
