//! The forwarding policies in other languages that `bench plugins` measures: new projects as
//! authors get them, built by the tools that authors use, in `target/bench-plugins/`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{authoring_tools, run};

/// A language, and the folder of its tools in a project.
const LANGUAGES: &[(&str, &str)] = &[("python", ".venv"), ("javascript", "node_modules")];

/// Builds a policy in each language whose tools are here; says which are not. They are put where
/// the measurement looks for them: `target/bench-plugins.d/policy-LANGUAGE/`.
pub(crate) fn build(root: &Path) -> Result<()> {
    authoring_tools::ensure(root)?;
    let takeover = run::program("takeover", true)?;
    let target = root.join("target");
    for (language, tools) in LANGUAGES {
        let name = format!("policy-{language}");
        let staged = target.join("bench-plugins.d").join(&name);
        if staged.exists() {
            fs::remove_dir_all(&staged).with_context(|| staged.display().to_string())?;
        }
        let tools_here = target.join("authoring").join(language).join(tools);
        if !tools_here.exists() {
            println!("missing: tools of plugins in {language}: its policy is not measured");
            continue;
        }
        let projects = target.join("bench-plugins");
        fs::create_dir_all(&projects).with_context(|| projects.display().to_string())?;
        let project = projects.join(&name);
        if project.exists() {
            fs::remove_dir_all(&project).with_context(|| project.display().to_string())?;
        }
        let mut new = Command::new(&takeover);
        new.args(["plugin", "new", "forwarding-policy", &name, "--language", language, "--dir"]);
        run::run(new.arg(&projects))?;
        symlink(&tools_here, project.join(tools)).context("tools of the project")?;
        run::run(Command::new(&takeover).args(["plugin", "build"]).arg(&project))?;
        stage(&project.join("dist").join(&name), &staged)?;
    }
    Ok(())
}

/// Copies what a build made.
fn stage(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for file in ["component.wasm", "plugin.toml"] {
        let path = from.join(file);
        if !path.is_file() {
            bail!("{} is not there", path.display());
        }
        fs::copy(&path, to.join(file)).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
