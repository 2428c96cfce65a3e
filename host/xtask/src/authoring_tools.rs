//! The tools that build plugins in Python and JavaScript, for the tests of `takeover plugin`, in
//! folders of `target/authoring/`. Their versions are those that new projects get.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{packages, run};

/// Templates of new projects.
const TEMPLATES: &str = "host/node/src/authoring/templates";

/// Installs what is missing or of another version; about ten seconds, once. Where that can not be
/// done it says so and goes on: tests that need the tools say so themselves.
pub(crate) fn ensure(root: &Path) -> Result<()> {
    let folder = root.join("target/authoring");
    let python: Install = (python, "python/requirements.txt", "requirements.txt", "python");
    let javascript: Install = (javascript, "javascript/package.json", "package.json", "javascript");
    for (install, template, list, language) in [python, javascript] {
        let template = root.join(TEMPLATES).join(template);
        let text = fs::read_to_string(&template).with_context(|| template.display().to_string())?;
        let text = text.replace("{{name}}", "authoring-tools");
        let folder = folder.join(language);
        // Written in last, so that an installation that was broken off is begun anew.
        let done = folder.join("installed");
        if fs::read_to_string(&done).is_ok_and(|installed| installed == text) {
            continue;
        }
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        fs::write(folder.join(list), &text).with_context(|| list.to_owned())?;
        match install(&folder) {
            Ok(()) => fs::write(&done, &text).with_context(|| done.display().to_string())?,
            Err(error) => println!("missing: tools of plugins in {language}: {error:#}"),
        }
    }
    Ok(())
}

/// What installs, its list among the templates and in the folder, and the folder's name.
type Install = (fn(&Path) -> Result<()>, &'static str, &'static str, &'static str);

fn python(folder: &Path) -> Result<()> {
    let venv =
        || run::run(Command::new("python3").args(["-m", "venv", ".venv"]).current_dir(folder));
    // Debian's Python has this module in a package of its own, which no program gives away.
    venv().or_else(|_| packages::install(&["python3-venv"]).and_then(|()| venv()))?;
    let mut pip = Command::new(folder.join(".venv/bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"]);
    run::run(pip.current_dir(folder))
}

fn javascript(folder: &Path) -> Result<()> {
    let args = ["install", "--no-audit", "--no-fund", "--loglevel", "error"];
    run::run(Command::new("npm").args(args).current_dir(folder))
}
