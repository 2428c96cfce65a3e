//! The link between the two SIP nodes of a pair.

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use takeover_tests::lab::{Door, Node};
use takeover_tests::system::STANDBY_PORT;
use takeover_tests::wait;

use crate::node_stage::{node_settings, wait_for_figure, wait_in_step};
use crate::stage::{SOON, Stage, staged_with};

/// Nothing is said on the link, and nobody tells the node on h1, which dials, that the other end is
/// gone: its program was killed while nothing left its host.
#[test]
fn an_end_that_has_nothing_to_say_notices_that_the_other_one_is_gone() -> Result<()> {
    staged_with(&["ip", "nft", "curl", "ss"], node_settings(""), |stage| {
        wait_in_step(stage, Node::H1)?;
        // One that was given up at the start may be remembered for a minute, in TIME-WAIT.
        let dialled = wait::until("one link on h2", SOON, || {
            let links = connections(stage).map_err(|error| format!("{error:#}"))?;
            let up: Vec<&String> = links.iter().filter(|line| line.starts_with("ESTAB")).collect();
            let [link] = up[..] else { return Err(format!("{links:?}")) };
            link.split_whitespace().last().map(str::to_owned).ok_or_else(|| link.clone())
        })?;
        // What is left of a connection without a program is given up after one try.
        let retries = "/proc/sys/net/ipv4/tcp_orphan_retries";
        stage.lab.inside(Node::H2, || Ok(std::fs::write(retries, "1")?))?;
        stage.lab.close_door(Node::H2, STANDBY_PORT, Door::Blackholed)?;
        let killed = stage.system.application_pid(Node::H2)?;
        let signal = Signal::SIGKILL;
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(killed.cast_signed()), signal)?;
        wait::until("the link is gone on h2", SOON, || {
            let found = connections(stage).map_err(|error| format!("{error:#}"))?;
            let left = found.into_iter().find(|line| line.ends_with(&dialled));
            left.map_or(Ok(()), Err)
        })?;
        wait::until("another program runs on h2", SOON, || {
            let pid =
                stage.system.application_pid(Node::H2).map_err(|error| format!("{error:#}"))?;
            if pid == killed { Err(format!("still {pid}")) } else { Ok(()) }
        })?;
        wait_for_figure(stage, (Node::H2, "standby_up"), 0)?;
        stage.lab.heal(Node::H2)?;
        wait_for_figure(stage, (Node::H2, "standby_up"), 1)?;
        ensure!(stage.system.application_pid(Node::H2)? != killed);
        wait_in_step(stage, Node::H1)
    })
}

/// What the system of h2 knows of connections to the standby port, in the lines of `ss`.
fn connections(stage: &Stage<'_>) -> Result<Vec<String>> {
    let port = format!(":{STANDBY_PORT}");
    let found = stage.lab.run(Node::H2, &["ss", "-Htan", "sport", "=", &port])?;
    let lines = found.lines().map(|line| line.trim_end().to_owned());
    Ok(lines.filter(|line| !line.starts_with("LISTEN")).collect())
}
