//! Plays the cases of a project around the real engine, with the case's clock and the case's host.
//! For Rust, the project's own tests run natively, too.

use std::path::Path;
use std::time::Duration;

use takeover_cases::grant_of;
use takeover_engine::EngineSettings;
use takeover_engine::player::{Player, Scenario};

use super::{AuthoringError, Language, Project, build, tools};

/// How a case ended.
#[derive(Clone, Debug)]
pub struct CaseResult {
    /// Name of its file.
    pub file: String,
    /// What it shows.
    pub title: String,
    /// Everything in which it differed; empty: it holds.
    pub problems: Vec<String>,
    /// What the component wrote to the log.
    pub lines: Vec<String>,
    /// Real time.
    pub took: Duration,
}

/// Whether the project's native tests can be run: it is Rust, and cargo is there.
pub fn has_native(project: &Project) -> bool {
    project.language == Language::Rust && tools::is_there("cargo")
}

/// Runs the project's own tests natively; their output goes to standard error.
///
/// # Errors
/// Tests that fail, or cargo that can not be started.
pub fn native(project: &Project) -> Result<(), AuthoringError> {
    tools::run(build::cargo(&project.folder)?.args(["test", "--quiet"]))
}

/// Plays every case of a project's folder with the plugin of another, `dist`, under the grant that
/// the project shows.
///
/// # Errors
/// Cases that can not be read, a plugin that is refused. What differs is in the results.
pub async fn cases(folder: &Path, dist: &Path) -> Result<Vec<CaseResult>, AuthoringError> {
    let mut player = Player::start(EngineSettings::default())?;
    let grant = grant_of(folder).map_err(AuthoringError::Cases)?;
    let plugin = player.engine().load_plugin(dist, grant.as_deref())?;
    let scenarios =
        Scenario::read_all(plugin.manifest.kind, folder).map_err(AuthoringError::Cases)?;
    let mut results = Vec::new();
    for (path, scenario) in scenarios {
        let played = player.play(&plugin, &scenario).await;
        let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        results.push(CaseResult {
            file,
            title: scenario.title().to_owned(),
            problems: played.problems,
            lines: played.lines,
            took: played.took,
        });
    }
    Ok(results)
}
