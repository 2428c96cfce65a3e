//! What the tests of our own SIP node share: a stage with two nodes, what can happen to the
//! primary, and the figures that a node shows.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use takeover_tests::lab::Node;
use takeover_tests::sipp::Outcome;
use takeover_tests::system::{BACKUP, PRIMARY, Server, Settings};
use takeover_tests::wait;

use crate::stage::{Stage, staged_with};

/// Calls in each state: the guide asks for one, fifty find what one does not.
pub(crate) const CALLS: u32 = 50;

/// What happens to the primary.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// SIGKILL to its process.
    Kill,
    /// An operator's switchover.
    Manual,
    /// An operator's stop.
    Stop,
}

/// Settings of a system whose pair is two SIP nodes, with further lines for their directory.
pub(crate) fn node_settings(directory: &str) -> Settings {
    let directory = directory.to_owned();
    Settings { server: Server::SipNode, directory, ..Settings::default() }
}

/// Runs a test on a stage with two SIP nodes.
pub(crate) fn node(test: impl FnOnce(&mut Stage<'_>) -> Result<()>) -> Result<()> {
    staged_with(&["ip", "sipp", "curl"], node_settings(""), test)
}

/// Something happens to the primary on `holder`; waits until the other node serves.
pub(crate) fn happen_to(stage: &mut Stage<'_>, holder: Node, event: Event) -> Result<()> {
    match event {
        Event::Kill => stage.system.signal_application(holder, Signal::SIGKILL)?,
        Event::Manual => {
            stage.system.switch_over()?;
        }
        Event::Stop => {
            let name = if holder == Node::H1 { PRIMARY } else { BACKUP };
            stage.system.api().post(&format!("/v1/applications/{name}/stop"))?;
        }
    }
    stage.wait_serving(holder.other())
}

/// The same to the node on h1.
pub(crate) fn happen(stage: &mut Stage<'_>, event: Event) -> Result<()> {
    happen_to(stage, Node::H1, event)
}

/// Waits until the other node is back and knows everything, so that it could serve.
pub(crate) fn wait_in_step(stage: &mut Stage<'_>, holder: Node) -> Result<()> {
    stage.wait_settled(holder)?;
    wait_for_figure(stage, (holder, "standby_in_step"), 1)
}

/// Every call of `count` ended as its scenario says.
pub(crate) fn all_well(outcome: Outcome, count: u32) -> Result<()> {
    let all = outcome.successful == u64::from(count) && outcome.failed == 0;
    ensure!(all, "{outcome:?}");
    Ok(())
}

/// Waits until a node counts so many.
pub(crate) fn wait_for_figure(
    stage: &Stage<'_>,
    (node, name): (Node, &str),
    count: u32,
) -> Result<()> {
    wait::until(&format!("{name} of {}", node.name()), Duration::from_secs(10), || {
        let found = figure(stage, node, name).map_err(|error| format!("{error:#}"))?;
        if found == f64::from(count) { Ok(()) } else { Err(format!("{found} of {count}")) }
    })
}

/// One of the figures that a node shows.
pub(crate) fn figure(stage: &Stage<'_>, node: Node, name: &str) -> Result<f64> {
    let text = stage.system.node_metrics(node)?;
    let wanted = format!("takeover_sip_{name} ");
    let line = text.lines().find(|line| line.starts_with(&wanted));
    let number = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    number.with_context(|| format!("no figure {name}: {text}"))
}
