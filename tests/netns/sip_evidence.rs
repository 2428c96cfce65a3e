//! What a backup sees of a primary whose host is lost to the control server: the management network
//! of that host is cut, its SIP network lives and it goes on serving. The takeover waits for that,
//! and nobody takes the address while it is answered for (decision 0002).

use std::time::Duration;

use anyhow::{Result, ensure};
use takeover_tests::lab::{Cut, Net, Node, VIP};
use takeover_tests::sipp::{self, Callers, Calls};
use takeover_tests::system::{BACKUP, PRIMARY, SIP_PORT, Settings};
use takeover_tests::trace::{self, Traced};
use takeover_tests::wait;

use crate::node_stage::{CALLS, all_well, node_settings, wait_for_figure, wait_in_step};
use crate::stage::{SOON, Stage, UNCONFIRMED_GRACE, staged_with};

/// The link to a host's agent is lost.
const LOST: &str = "90-02008";
/// It is there.
const LINKED: &str = "90-02009";
/// The takeover waits.
const POSTPONED: &str = "90-01022";
/// Somebody is to become primary.
const DECIDED: &str = "90-01001";
/// Two were primary when a link came back.
const BOTH: &str = "90-01007";
/// The address was not put on a host.
const NOT_ADDED: &str = "90-03002";
/// Somebody became primary, or backup (guide).
const RUN_MODES: [&str; 2] = ["00-05150", "00-05151"];

/// More than a link needs to come back, and an address to be let go of.
const LONG_WAIT_S: u64 = 30;
/// So short that a test sees its end.
const SHORT_WAIT_S: u64 = 2;

/// An order to take an address that is answered for fails after its Timeout Startup, 8 s.
const REFUSED: Duration = SOON.saturating_add(Duration::from_secs(8));

/// Runs a test on two SIP nodes, with calls that are up from its beginning and must end as their
/// scenario says.
fn with_calls(
    (wait_s, pair): (u64, &str),
    hold: Duration,
    test: impl FnOnce(&mut Stage<'_>) -> Result<()>,
) -> Result<()> {
    let settings = Settings {
        control: format!("evidence_wait_s = {wait_s}\n"),
        pair: pair.to_owned(),
        // A machine that stands still for a moment is not to be taken for a lost host.
        heartbeat: Duration::from_millis(300),
        ..node_settings("")
    };
    staged_with(&["ip", "sipp", "curl"], settings, |stage| {
        let _callee = sipp::callee_of(stage.lab, "callee-holds.xml")?;
        let callers = calls(stage, ("up", 5080), (CALLS, hold))?;
        wait_for_figure(stage, (Node::H1, "established_calls"), CALLS)?;
        stage.mark()?;
        test(stage)?;
        all_well(callers.finish(Duration::from_secs(60))?, CALLS)
    })
}

/// Calls that are held, retrieved, transferred and ended.
fn calls(
    stage: &Stage<'_>,
    (name, port): (&'static str, u16),
    (count, hold): (u32, Duration),
) -> Result<Callers> {
    let target = (VIP, SIP_PORT).into();
    let calls = Calls { name, target, port, count, rate: 200, hold };
    calls.start_scenario(stage.lab, "caller-holds.xml", "callee")
}

/// New calls come in, and end well.
fn new_calls_are_served(stage: &Stage<'_>, name: &'static str, port: u16) -> Result<()> {
    let new = calls(stage, (name, port), (5, Duration::from_millis(100)))?;
    all_well(new.finish(Duration::from_secs(60))?, 5)
}

/// The control server loses h1, h2 still sees it serve, and the takeover waits: told, and shown.
fn lose_a_primary_that_serves(stage: &mut Stage<'_>, wait_s: u64) -> Result<()> {
    stage.lab.cut(Node::H1, &[Net::Management], Cut::Silent)?;
    stage.wait_event(LOST, Some("h1"))?;
    let told = stage.wait_event(POSTPONED, None)?;
    let expected = format!(
        "pair sip: the host of {PRIMARY} is lost, but {BACKUP} still sees it serve; the takeover \
         waits for at most {wait_s} s"
    );
    ensure!(told.text == expected, "{}", told.text);
    Ok(())
}

/// Whether these events came since the mark in this order, each once.
fn in_order(stage: &Stage<'_>, ids: &[&str]) -> Result<()> {
    let events: Vec<Traced> = stage.events()?;
    let found: Vec<&str> =
        events.iter().map(|event| &*event.id).filter(|id| ids.contains(id)).collect();
    ensure!(found == ids, "{found:?}, expected {ids:?}:\n{}", trace::render(&events));
    Ok(())
}

/// Waits until the last decision has this step, as operators are told it. The journal, where that
/// is read, may be behind what they see.
fn told_why(stage: &Stage<'_>, step: &str) -> Result<()> {
    wait::until(&format!("step {step:?}"), SOON, || {
        let why = stage.system.operator(&["why", "last"]).map_err(|error| format!("{error:#}"))?;
        if why.contains(step) { Ok(()) } else { Err(why) }
    })
}

/// The link comes back while the takeover waits: nobody was replaced, and calls never noticed.
#[test]
fn a_primary_that_still_serves_stays_when_its_host_comes_back_in_time() -> Result<()> {
    with_calls((LONG_WAIT_S, ""), Duration::from_secs(8), |stage| {
        let term = stage.system.overview()?.term();
        lose_a_primary_that_serves(stage, LONG_WAIT_S)?;
        let pair = stage.system.overview()?.pair().clone();
        let state = pair["state"].as_str().unwrap_or_default();
        ensure!(pair["primary"] == PRIMARY && state.contains("still sees it serve"), "{pair}");
        new_calls_are_served(stage, "meanwhile", 5090)?;
        stage.lab.heal(Node::H1)?;
        stage.wait_event(LINKED, Some("h1"))?;
        wait_in_step(stage, Node::H1)?;
        let after = stage.system.overview()?.term();
        ensure!(after == term, "term {term} -> {after}");
        in_order(stage, &[LOST, POSTPONED, LINKED])?;
        stage.never(&[DECIDED, BOTH, NOT_ADDED])?;
        stage.never(&RUN_MODES)?;
        new_calls_are_served(stage, "after", 5095)
    })
}

/// It does not come back: after the wait the backup is told to be primary. The address stays where
/// it is answered for, and so do the calls, until the host is back and stands by.
#[test]
fn a_primary_that_serves_beyond_the_wait_loses_the_role_and_keeps_the_address() -> Result<()> {
    with_calls((SHORT_WAIT_S, ""), Duration::from_secs(16), |stage| {
        lose_a_primary_that_serves(stage, SHORT_WAIT_S)?;
        let decided = stage.wait_event(DECIDED, None)?;
        ensure!(decided.text.contains(&format!("{BACKUP} is to become primary")), "{decided:?}");
        told_why(stage, &format!("still saw it serve after {SHORT_WAIT_S} s"))?;
        let refused = stage.wait_event_for(NOT_ADDED, None, REFUSED)?;
        ensure!(refused.text.contains("still answers for it"), "{refused:?}");
        in_order(stage, &[LOST, POSTPONED, DECIDED, NOT_ADDED])?;
        // The referee of the stage saw one holder at a time, and it is still the same.
        stage.wait_holder(Node::H1)?;
        new_calls_are_served(stage, "meanwhile", 5090)?;
        stage.lab.heal(Node::H1)?;
        stage.wait_event(BOTH, None)?;
        stage.wait_settled(Node::H2)?;
        ensure!(!stage.lab.has(Node::H1, VIP)?, "h1 still has the address");
        wait_in_step(stage, Node::H2)?;
        new_calls_are_served(stage, "after", 5095)
    })
}

/// It lets go of the address because it is cut off (isolation `release`): the backup sees it fall
/// silent, and the rest of the wait is not waited for.
#[test]
fn a_primary_that_falls_silent_is_replaced_before_the_wait_is_over() -> Result<()> {
    let settings = (LONG_WAIT_S, "isolation = \"release\"\n");
    with_calls(settings, Duration::from_secs(8), |stage| {
        stage.grace = UNCONFIRMED_GRACE;
        lose_a_primary_that_serves(stage, LONG_WAIT_S)?;
        stage.wait_serving(Node::H2)?;
        told_why(stage, "saw that it does not serve")?;
        stage.wait_event(DECIDED, None)?;
        in_order(stage, &[LOST, POSTPONED, DECIDED])?;
        ensure!(!stage.lab.has(Node::H1, VIP)?, "h1 still has the address");
        stage.lab.heal(Node::H1)?;
        wait_in_step(stage, Node::H2)?;
        new_calls_are_served(stage, "after", 5095)
    })
}
