//! `cargo xtask codegen`: documentation that is made from code, and the check that it is current.
//!
//! Each generated file is compared by a test of the crate that it is made from, and written by the
//! same test when `UPDATE_EXPECT=1` is set; this task only knows which tests those are.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::run;

/// Generated files and the test that makes each.
const GENERATED: &[(&str, &str)] = &[
    ("host/docs/commands.md", "commands::tests::commands_page_is_current"),
    (
        "host/docs/generated/config.md",
        "config::tests::keys::the_page_of_configuration_is_the_one_made_from_the_tables",
    ),
    (
        "host/docs/generated/openapi.json",
        "api::tests::the_description_is_the_one_in_the_documentation",
    ),
    (
        "host/docs/generated/log-events.md",
        "catalog::tests::the_page_of_log_events_is_the_one_made_from_the_catalogue",
    ),
    (
        "host/docs/generated/permissions.md",
        "grants::page::the_page_of_permissions_is_the_one_made_from_the_code",
    ),
    (
        "host/docs/generated/sip-directory.md",
        "directory::tests::the_page_of_the_directory_is_the_one_made_from_the_tables",
    ),
];

/// Writes every generated file anew.
pub(crate) fn renew(root: &Path) -> Result<()> {
    run::run(makers(root).env("UPDATE_EXPECT", "1"))
}

/// Fails where a generated file is not what the code says, or where no test makes it.
pub(crate) fn check(root: &Path) -> Result<()> {
    orphans(root)?;
    run::run(makers(root).env_remove("UPDATE_EXPECT"))
        .context("renew with `cargo xtask codegen`, then read the difference")
}

fn makers(root: &Path) -> std::process::Command {
    // The whole workspace, though few crates have such tests: its dependencies are then built
    // with the same features as for `cargo test --workspace`, not a second time.
    let mut command = run::cargo(root, &["test", "--quiet", "--workspace", "--locked", "--lib"]);
    command.arg("--").args(GENERATED.iter().map(|(_, test)| *test));
    command
}

fn orphans(root: &Path) -> Result<()> {
    for (file, _) in GENERATED {
        if !root.join(file).is_file() {
            bail!("{file} is missing: `cargo xtask codegen` makes it");
        }
    }
    let folder = root.join("host/docs/generated");
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(&folder).context("host/docs/generated")? {
        let file = format!("host/docs/generated/{}", entry?.file_name().to_string_lossy());
        if !GENERATED.iter().any(|(known, _)| *known == file) {
            bail!("{file} is made by no test in the list of host/xtask/src/codegen.rs");
        }
    }
    Ok(())
}
