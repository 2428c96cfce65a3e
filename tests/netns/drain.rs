//! Switchovers that wait for calls: new ones are refused, those that are up end or are kept.

use std::time::Duration;

use anyhow::{Result, ensure};
use takeover_tests::lab::{Node, VIP};
use takeover_tests::sipp::{self, Callers, Calls};
use takeover_tests::system::{PAIR, SIP_PORT};

use crate::node_stage::{all_well, node, wait_for_figure};
use crate::stage::Stage;

/// Calls that are up when this returns.
fn calls_up(stage: &Stage<'_>, count: u32, hold: Duration) -> Result<Callers> {
    let target = (VIP, SIP_PORT).into();
    let calls = Calls { name: "up", target, port: 5080, count, rate: 200, hold };
    let callers = calls.start(stage.lab)?;
    wait_for_figure(stage, (Node::H1, "established_calls"), count)?;
    Ok(callers)
}

fn end_well(callers: Callers, count: u32) -> Result<()> {
    all_well(callers.finish(Duration::from_secs(30))?, count)
}

#[test]
fn a_drain_refuses_new_calls_and_moves_when_the_last_has_ended() -> Result<()> {
    node(|stage| {
        let _callee = sipp::callee(stage.lab)?;
        let up = calls_up(stage, 20, Duration::from_secs(5))?;
        let mut operator = stage.system.start_operator(&["switchover", PAIR, "--drain", "20s"])?;
        wait_for_figure(stage, (Node::H1, "draining"), 1)?;
        let (target, hold) = ((VIP, SIP_PORT).into(), Duration::ZERO);
        let new = Calls { name: "new", target, port: 5090, count: 10, rate: 100, hold };
        end_well(new.start_scenario(stage.lab, "caller-refused.xml", "callee")?, 10)?;
        ensure!(stage.count("90-01021")? == 0, "the pair moved with calls up");
        end_well(up, 20)?;
        operator.wait(Duration::from_secs(30))?;
        let event = stage.wait_event("90-01021", None)?;
        let expected = "pair sip: 0 calls were up at the switchover, 0 were reported lost";
        ensure!(event.text == expected, "{}", event.text);
        stage.wait_serving(Node::H2)?;
        end_well(calls_after(stage)?, 5)
    })
}

#[test]
fn calls_that_outlast_a_drain_are_kept() -> Result<()> {
    node(|stage| {
        let _callee = sipp::callee(stage.lab)?;
        let up = calls_up(stage, 10, Duration::from_secs(8))?;
        stage.system.operator(&["switchover", PAIR, "--drain", "1s"])?;
        let event = stage.wait_event("90-01021", None)?;
        let expected = "pair sip: 10 calls were up at the switchover, 0 were reported lost";
        ensure!(event.text == expected, "{}", event.text);
        stage.wait_serving(Node::H2)?;
        end_well(up, 10)
    })
}

/// Calls that come after the move.
fn calls_after(stage: &Stage<'_>) -> Result<Callers> {
    let (target, hold) = ((VIP, SIP_PORT).into(), Duration::from_millis(100));
    Calls { name: "after", target, port: 5095, count: 5, rate: 50, hold }.start(stage.lab)
}
