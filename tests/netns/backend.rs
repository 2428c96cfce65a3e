//! The component that moves the address fails, hangs past its deadline, or traps: the host agent
//! cleans up after it, says so, and at no moment do two hosts have the address.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use takeover_tests::lab::{Node, VIP};
use takeover_tests::system::{PAIR, Settings};

use crate::stage::{Stage, staged};

/// Timeout Startup of a control application.
const TIMEOUT: Duration = Duration::from_secs(8);

/// The pair with the component that misbehaves on request.
fn settings(words: &str) -> Settings {
    Settings {
        pair: format!("backend = \"test-vip\"\nbackend_settings = {{ {words} }}\n"),
        ..Settings::default()
    }
}

/// From now on the component misbehaves like this.
fn misbehave(stage: &mut Stage<'_>, words: &str) -> Result<()> {
    stage.mark()?;
    stage.system.rewrite_configuration(settings(words))?;
    stage.system.control()?.signal(Signal::SIGHUP)?;
    stage.wait_event("90-07003", None)?;
    stage.mark()
}

/// One way to fail `up`: the switchover to h2 does not get the address there, that is recorded
/// with its reason within the deadline, and nobody has half an address. Once the component behaves
/// again, the pair serves again.
fn failing_up(word: &str, reason: &str) -> Result<()> {
    staged(settings(""), |stage| {
        misbehave(stage, &format!("up = \"{word}\""))?;
        let start = Instant::now();
        // Refused or failed, but answered.
        let path = format!("/v1/pairs/{PAIR}/switchover");
        let answer = stage.system.api().ask("POST", &path, None)?;
        ensure!(answer.status != 500, "{answer:?}");
        let failed = stage.wait_event_for("90-03002", Some("h2"), TIMEOUT * 2)?;
        ensure!(failed.text.contains(reason), "{}", failed.text);
        ensure!(start.elapsed() < TIMEOUT + Duration::from_secs(3), "{:?}", start.elapsed());
        ensure!(!stage.lab.has(Node::H2, VIP)?, "h2 kept an address that was not verified");

        misbehave(stage, "")?;
        let primary = stage.system.overview()?.pair()["primary"].clone();
        let (condition, node) = match primary == "SIP_SERVER_BACKUP" {
            true => ("ALRM_SIP_BACKUP_50_HAPrimary", Node::H2),
            false => ("ALRM_SIP_PRIMARY_50_HAPrimary", Node::H1),
        };
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
    staged(settings(""), |stage| {
        misbehave(stage, "down = \"trap\"")?;
        stage.system.switch_over()?;
        stage.wait_settled(Node::H2)?;
        ensure!(!stage.lab.has(Node::H1, VIP)?, "h1 kept the address");
        Ok(())
    })
}

/// A heartbeat is never late because a component computes without end.
#[test]
fn hanging_backend_delays_no_heartbeat() -> Result<()> {
    staged(settings(""), |stage| {
        misbehave(stage, "down = \"loop\"")?;
        stage.system.api().post("/v1/applications/SIP_SERVER_BACKUP_VIP_DOWN/start").ok();
        stage.never(&["90-02008", "00-05150", "00-05151"])?;
        stage.wait_settled(Node::H1)
    })
}
