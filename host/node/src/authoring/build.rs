//! Builds a project: the right tool for its language, then component and manifest into
//! `dist/NAME/`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{AuthoringError, Language, Project, stage, tools};

/// What components of Rust are compiled to.
const RUST_TARGET: &str = "wasm32-wasip2";

/// What was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// The folder to copy.
    pub dist: PathBuf,
    /// Size of the component in bytes.
    pub size_bytes: u64,
}

/// Builds a project. Its tools write their progress to standard error.
///
/// # Errors
/// A tool that is not installed, with what installs it; a tool that ended with an error or not in
/// time; a file that can not be written.
pub fn build(project: &Project) -> Result<Built, AuthoringError> {
    let component = match project.language {
        Language::Rust => rust(&project.folder)?,
        Language::Python => python(project)?,
        Language::JavaScript => javascript(project)?,
        // It has no manifest, so that it was not opened as a project.
        Language::Script => return Err(AuthoringError::NotAProject(project.folder.clone())),
    };
    let size_bytes = stage::stage(project, &component)?;
    Ok(Built { dist: project.dist(), size_bytes })
}

/// `cargo` in the folder of a project.
pub(crate) fn cargo(folder: &Path) -> Result<Command, AuthoringError> {
    tools::need("cargo", "https://rustup.rs installs it")?;
    let mut command = Command::new("cargo");
    command.current_dir(folder);
    Ok(command)
}

fn rust(folder: &Path) -> Result<PathBuf, AuthoringError> {
    let mut build = cargo(folder)?;
    let sysroot = tools::output(Command::new("rustc").args(["--print", "sysroot"]))?;
    if !Path::new(sysroot.trim()).join("lib/rustlib").join(RUST_TARGET).is_dir() {
        let install = "`rustup target add wasm32-wasip2` installs it";
        return Err(AuthoringError::Missing { tool: "the Rust target wasm32-wasip2", install });
    }
    tools::run(build.args(["build", "--release", "--target", RUST_TARGET]))?;
    let (target, library) = rust_output(folder)?;
    Ok(target.join(RUST_TARGET).join("release").join(format!("{library}.wasm")))
}

/// Cargo's target folder and the name of the project's library. The project may be one package of
/// a workspace, and the target folder anywhere.
fn rust_output(folder: &Path) -> Result<(PathBuf, String), AuthoringError> {
    let args = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    let unreadable = |how: &str| AuthoringError::Tool {
        command: "cargo metadata".to_owned(),
        how: how.to_owned(),
    };
    let metadata = tools::output(cargo(folder)?.args(args))?;
    let metadata: Value =
        serde_json::from_str(&metadata).map_err(|error| unreadable(&error.to_string()))?;
    let list = |value: &Value, key: &str| {
        value.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let text = |value: &Value, key: &str| {
        value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let own = folder.join("Cargo.toml");
    let package = list(&metadata, "packages")
        .into_iter()
        .find(|package| Path::new(&text(package, "manifest_path")) == own)
        .ok_or_else(|| unreadable("the project is not among its packages"))?;
    let library = list(&package, "targets")
        .into_iter()
        .find(|target| list(target, "crate_types").iter().any(|kind| kind == "cdylib"))
        .ok_or_else(|| unreadable("Cargo.toml has no [lib] with crate-type = [\"cdylib\"]"))?;
    let target = PathBuf::from(text(&metadata, "target_directory"));
    Ok((target, text(&library, "name").replace('-', "_")))
}

/// The folder for what a build leaves beside `dist`.
fn scratch(folder: &Path) -> Result<PathBuf, AuthoringError> {
    let scratch = folder.join("build");
    std::fs::create_dir_all(&scratch).map_err(AuthoringError::file(&scratch))?;
    Ok(scratch)
}

/// Tools come from requirements.txt into a virtual environment of the project's own.
fn python(project: &Project) -> Result<PathBuf, AuthoringError> {
    let folder = &project.folder;
    let tool = folder.join(".venv/bin/componentize-py");
    if !tool.is_file() {
        tools::need("python3", "https://www.python.org or the packages python3 and python3-venv")?;
        let mut venv = Command::new("python3");
        tools::run(venv.args(["-m", "venv", ".venv"]).current_dir(folder))?;
        let mut pip = Command::new(folder.join(".venv/bin/pip"));
        pip.args(["install", "--disable-pip-version-check", "--requirement", "requirements.txt"]);
        tools::run(pip.current_dir(folder))?;
    }
    let component = scratch(folder)?.join("component.wasm");
    let mut build = Command::new(tool);
    build.args(["--wit-path", "wit", "--world", project.manifest.kind.word(), "componentize"]);
    build.args(["plugin", "--output"]).arg(&component);
    tools::run(build.current_dir(folder))?;
    Ok(component)
}

/// Tools come from package.json into the project's node_modules.
fn javascript(project: &Project) -> Result<PathBuf, AuthoringError> {
    let folder = &project.folder;
    let tool = folder.join("node_modules/.bin/componentize-qjs");
    tools::need("node", "https://nodejs.org or the package nodejs, version 18 or newer")?;
    if !tool.is_file() {
        tools::need("npm", "it comes with https://nodejs.org, or the package npm")?;
        let mut install = Command::new("npm");
        install.args(["install", "--no-audit", "--no-fund"]).current_dir(folder);
        tools::run(&mut install)?;
    }
    let component = scratch(folder)?.join("component.wasm");
    let mut build = Command::new(tool);
    // Without --sync the component would need asynchronous calls, which the sandbox has not got.
    build.args(["--wit", "wit", "--js", "plugin.js", "--sync"]);
    build.args(["--world", project.manifest.kind.word(), "--output"]).arg(&component);
    tools::run(build.current_dir(folder))?;
    Ok(component)
}
