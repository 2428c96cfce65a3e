//! The component that moves the address fails, hangs past its deadline, or traps: the host agent
//! cleans up after it, says so, and at no moment do two hosts have the address.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use takeover_tests::lab::{Lab, Node, VIP};
use takeover_tests::programs;
use takeover_tests::system::{PAIR, Settings};
use tempfile::TempDir;

use crate::stage::{Stage, staged};

/// Timeout Startup of a control application.
const TIMEOUT: Duration = Duration::from_secs(8);

/// The pair with the component that misbehaves on request.
fn settings(words: &str, plugins: &Path) -> Settings {
    Settings {
        pair: format!("backend = \"test-vip\"\nbackend_settings = {{ {words} }}\n"),
        plugins: Some(plugins.to_owned()),
        ..Settings::default()
    }
}

/// The shipped plugins and the one that misbehaves, in one folder.
fn plugins() -> Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("takeover-plugins-").tempdir()?;
    for (shelf, names) in [
        (programs::plugins()?, &["reaction-vip", "vip-linux"][..]),
        (programs::test_plugins()?, &["test-vip"]),
    ] {
        for name in names {
            let copy = folder.path().join(name);
            fs::create_dir(&copy)?;
            for file in ["component.wasm", "plugin.toml"] {
                fs::copy(shelf.join(name).join(file), copy.join(file))
                    .with_context(|| format!("plugin {name}"))?;
            }
        }
    }
    Ok(folder)
}

/// Runs a test with a backend that behaves well until it is told otherwise.
fn staged_with_plugins(test: impl FnOnce(&mut Stage<'_>, &Path) -> Result<()>) -> Result<()> {
    if !Lab::is_possible() {
        // Says so in the way of all tests.
        return crate::lab_test(|_| Ok(()));
    }
    let folder = plugins()?;
    staged(settings("", folder.path()), |stage| test(stage, folder.path()))
}

/// From now on the component misbehaves like this.
fn misbehave(stage: &mut Stage<'_>, words: &str, plugins: &Path) -> Result<()> {
    stage.mark()?;
    stage.system.rewrite_configuration(settings(words, plugins))?;
    stage.system.control()?.signal(Signal::SIGHUP)?;
    stage.wait_event("90-07003", None)?;
    stage.mark()
}

/// One way to fail `up`: the switchover to h2 does not get the address there, that is recorded
/// with its reason within the deadline, and nobody has half an address. Once the component behaves
/// again, the pair serves again.
fn failing_up(word: &str, reason: &str) -> Result<()> {
    staged_with_plugins(|stage, plugins| {
        misbehave(stage, &format!("up = \"{word}\""), plugins)?;
        let start = Instant::now();
        // Refused or failed, but answered.
        let path = format!("/v1/pairs/{PAIR}/switchover");
        let answer = stage.system.api().ask("POST", &path, None)?;
        ensure!(answer.status != 500, "{answer:?}");
        let failed = stage.wait_event_for("90-03002", Some("h2"), TIMEOUT * 2)?;
        ensure!(failed.text.contains(reason), "{}", failed.text);
        ensure!(start.elapsed() < TIMEOUT + Duration::from_secs(3), "{:?}", start.elapsed());
        ensure!(!stage.lab.has(Node::H2, VIP)?, "h2 kept an address that was not verified");

        misbehave(stage, "", plugins)?;
        let primary = stage.system.overview()?.pair()["primary"].clone();
        let (condition, node) = match primary == "SIP_SERVER_BACKUP" {
            true => ("ALRM_SIP_BACKUP_50_HAPrimary", Node::H2),
            false => ("ALRM_SIP_PRIMARY_50_HAPrimary", Node::H1),
        };
        stage.wait_rearmed()?;
        stage.system.api().post(&format!("/v1/conditions/{condition}/test"))?;
        stage.wait_settled(node).context("the pair serves again")
    })
}

#[test]
fn backend_that_fails_is_reported_and_leaves_nothing_behind() -> Result<()> {
    failing_up("fault", "up fails on request")
}

#[test]
fn backend_that_hangs_is_ended_at_its_deadline() -> Result<()> {
    failing_up("loop", "timed out")
}

#[test]
fn backend_that_traps_is_reported_and_leaves_nothing_behind() -> Result<()> {
    failing_up("trap", "trap")
}

/// `down` traps: the agent takes the address off itself, and the switchover works.
#[test]
fn address_moves_although_the_backend_traps_in_down() -> Result<()> {
    staged_with_plugins(|stage, plugins| {
        misbehave(stage, "down = \"trap\"", plugins)?;
        stage.system.switch_over()?;
        stage.wait_settled(Node::H2)?;
        ensure!(!stage.lab.has(Node::H1, VIP)?, "h1 kept the address");
        Ok(())
    })
}

/// A heartbeat is never late because a component computes without end.
#[test]
fn hanging_backend_delays_no_heartbeat() -> Result<()> {
    staged_with_plugins(|stage, plugins| {
        misbehave(stage, "down = \"loop\"", plugins)?;
        stage.system.api().post("/v1/applications/SIP_SERVER_BACKUP_VIP_DOWN/start").ok();
        stage.never(&["90-02008", "00-05150", "00-05151"])?;
        stage.wait_settled(Node::H1)
    })
}
