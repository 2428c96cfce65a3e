//! Calls through our own SIP node while its host, its process or its role goes: the guide's tests 1
//! to 3, and every state in which a call can be at that moment.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use takeover_tests::lab::{Node, VIP};
use takeover_tests::sipp::{self, Calls};
use takeover_tests::system::SIP_PORT;
use takeover_tests::wait;

use crate::node_stage::{
    CALLS, Event, all_well, figure, happen, happen_to, node, wait_for_figure, wait_in_step,
};
use crate::stage::Stage;

/// Fifty calls of a kind, the event when the primary counts all of them in the figure that says so,
/// and all of them end as their scenario says.
fn survive(
    stage: &mut Stage<'_>,
    (caller, callee, figure): (&'static str, &'static str, &'static str),
    service: &'static str,
    (hold, event): (Duration, Event),
) -> Result<()> {
    let _callee = sipp::callee_of(stage.lab, callee)?;
    let calls = Calls {
        name: "calls",
        target: (VIP, SIP_PORT).into(),
        port: 5080,
        count: CALLS,
        rate: 200,
        hold,
    };
    let callers = calls.start_scenario(stage.lab, caller, service)?;
    wait_for_figure(stage, (Node::H1, figure), CALLS)?;
    let before = Instant::now();
    happen(stage, event)?;
    stage.silence_within(before, Duration::from_millis(500))?;
    let outcome = callers.finish(Duration::from_secs(60))?;
    all_well(outcome, CALLS)
}

const HOLDS: (&str, &str, &str) = ("caller-holds.xml", "callee-holds.xml", "established_calls");
const RINGS: (&str, &str, &str) = ("caller.xml", "callee-rings.xml", "ringing_calls");
const CANCELS: (&str, &str, &str) = ("caller-cancels.xml", "callee-canceled.xml", "ringing_calls");

const UNACKNOWLEDGED: (&str, &str, &str) =
    ("caller-acks-late.xml", "callee.xml", "established_calls");

/// Long enough for the event to fall between two steps of a call.
const PAUSE: Duration = Duration::from_secs(3);

/// The answer of a call comes again meanwhile, several times.
const ACK_DELAY: Duration = Duration::from_secs(2);

#[test]
fn established_calls_are_held_retrieved_transferred_and_released_after_a_kill() -> Result<()> {
    node(|stage| survive(stage, HOLDS, "callee", (PAUSE, Event::Kill)))
}

#[test]
fn the_same_after_a_switchover() -> Result<()> {
    node(|stage| survive(stage, HOLDS, "callee", (PAUSE, Event::Manual)))
}

#[test]
fn the_same_after_a_stop_of_the_primary() -> Result<()> {
    node(|stage| survive(stage, HOLDS, "callee", (PAUSE, Event::Stop)))
}

#[test]
fn established_calls_live_through_a_switchover_and_the_one_back() -> Result<()> {
    node(|stage| {
        let (caller, callee, figure) = HOLDS;
        let _callee = sipp::callee_of(stage.lab, callee)?;
        let (target, hold) = ((VIP, SIP_PORT).into(), Duration::from_secs(6));
        let calls = Calls { name: "twice", target, port: 5080, count: CALLS, rate: 200, hold };
        let callers = calls.start_scenario(stage.lab, caller, "callee")?;
        for holder in [Node::H1, Node::H2] {
            wait_for_figure(stage, (holder, figure), CALLS)?;
            happen_to(stage, holder, Event::Manual)?;
            wait_in_step(stage, holder.other())?;
        }
        let still = callers.so_far();
        ensure!(still.current == u64::from(CALLS), "ended before the second move: {still:?}");
        all_well(callers.finish(Duration::from_secs(30))?, CALLS)
    })
}

#[test]
fn answers_that_nobody_acknowledged_yet_are_after_a_kill() -> Result<()> {
    node(|stage| survive(stage, UNACKNOWLEDGED, "callee", (ACK_DELAY, Event::Kill)))
}

#[test]
fn answers_that_nobody_acknowledged_yet_are_after_a_switchover() -> Result<()> {
    node(|stage| survive(stage, UNACKNOWLEDGED, "callee", (ACK_DELAY, Event::Manual)))
}

#[test]
fn ringing_calls_are_answered_after_a_kill() -> Result<()> {
    node(|stage| survive(stage, RINGS, "callee", (Duration::from_secs(1), Event::Kill)))
}

#[test]
fn ringing_calls_are_answered_after_a_switchover() -> Result<()> {
    node(|stage| survive(stage, RINGS, "callee", (Duration::from_secs(1), Event::Manual)))
}

#[test]
fn ringing_calls_are_taken_back_after_a_kill() -> Result<()> {
    node(|stage| survive(stage, CANCELS, "callee", (PAUSE, Event::Kill)))
}

#[test]
fn ringing_calls_are_taken_back_after_a_switchover() -> Result<()> {
    node(|stage| survive(stage, CANCELS, "callee", (PAUSE, Event::Manual)))
}

#[test]
fn parked_calls_are_routed_after_a_kill() -> Result<()> {
    let parked = ("caller.xml", "callee.xml", "parked_calls");
    node(|stage| survive(stage, parked, "queue", (Duration::from_secs(1), Event::Kill)))
}

#[test]
fn calls_come_in_all_the_time_and_none_is_lost_by_a_kill() -> Result<()> {
    node(|stage| {
        let _callee = sipp::callee(stage.lab)?;
        let target = (VIP, SIP_PORT).into();
        let (name, hold) = ("flow", Duration::from_millis(300));
        let calls = Calls { name, target, port: 5080, count: 600, rate: 100, hold };
        let callers = calls.start(stage.lab)?;
        wait::until("calls come in", Duration::from_secs(10), || {
            let outcome = callers.so_far();
            if outcome.successful > 50 { Ok(()) } else { Err(format!("{outcome:?}")) }
        })?;
        happen(stage, Event::Kill)?;
        let outcome = callers.finish(Duration::from_secs(60))?;
        ensure!(outcome.successful == 600 && outcome.failed == 0, "{outcome:?}");
        Ok(())
    })
}

#[test]
fn registrations_are_known_to_the_other_node() -> Result<()> {
    node(|stage| {
        let registered = sipp::register(stage.lab, (VIP, SIP_PORT).into(), 2000..2050, 1000)?;
        ensure!(registered.successful == 50 && registered.failed == 0, "{registered:?}");
        wait_for_figure(stage, (Node::H2, "registered_dns"), 50)?;
        happen(stage, Event::Kill)?;
        let left = figure(stage, Node::H2, "registered_dns")?;
        ensure!(left == 50.0, "{left} of 50 registrations are left");
        Ok(())
    })
}
