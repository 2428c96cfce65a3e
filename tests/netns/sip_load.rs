//! A node with ten thousand telephones and a thousand calls is killed while a hundred calls a
//! second come in: nothing is lost, whatever state it is in.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use takeover_tests::lab::{Node, VIP};
use takeover_tests::sipp::{self, Calls};
use takeover_tests::system::SIP_PORT;
use takeover_tests::wait;

use crate::node_stage::{Event, all_well, figure, happen, node_settings, wait_for_figure};
use crate::stage::staged_with;

/// Their numbers.
const TELEPHONES: std::ops::Range<u32> = 10_000..20_000;

/// Calls that are answered when the node is killed.
const ESTABLISHED: u32 = 1_000;

/// New calls a second, before and after.
const RATE: u32 = 100;

/// From the answer of a call to its end: as long as it takes until so many are established.
const HOLD: Duration = Duration::from_secs((ESTABLISHED / RATE) as u64);

/// All calls: enough for two seconds of new ones after the kill. Each rings for three seconds.
const CALLS: u32 = ESTABLISHED + (3 + 2) * RATE;

#[test]
fn ten_thousand_registrations_and_a_thousand_calls_live_through_a_kill() -> Result<()> {
    let telephone = |number| format!("\n[[dn]]\nnumber = \"{number}\"\ntype = \"Extension\"\n");
    let directory: String = TELEPHONES.map(telephone).collect();
    staged_with(&["ip", "sipp", "curl"], node_settings(&directory), |stage| {
        let count = u32::try_from(TELEPHONES.len())?;
        let target = (VIP, SIP_PORT).into();
        let _callee = sipp::callee_of(stage.lab, "callee-rings.xml")?;
        let name = "load";
        let calls = Calls { name, target, port: 5080, count: CALLS, rate: RATE, hold: HOLD };
        let callers = calls.start(stage.lab)?;
        let registered = sipp::register(stage.lab, target, TELEPHONES, 2_000)?;
        all_well(registered, count)?;
        wait_for_figure(stage, (Node::H2, "registered_dns"), count)?;
        // All but those that end at this very moment.
        let nearly = f64::from(ESTABLISHED) * 0.98;
        wait::until("a thousand calls are established", Duration::from_secs(30), || {
            let found = figure(stage, Node::H1, "established_calls");
            let found = found.map_err(|error| format!("{error:#}"))?;
            if found >= nearly { Ok(()) } else { Err(format!("{found}")) }
        })?;
        let ringing = figure(stage, Node::H1, "ringing_calls")?;
        ensure!(ringing > f64::from(RATE), "only {ringing} calls ring");
        let before = Instant::now();
        happen(stage, Event::Kill)?;
        let left = figure(stage, Node::H2, "registered_dns")?;
        ensure!(left == f64::from(count), "{left} of {count} registrations are left");
        let outcome = callers.finish(Duration::from_secs(60))?;
        eprintln!("{ringing} were ringing; outage {:?}; {outcome:?}", stage.silence(before));
        all_well(outcome, CALLS)
    })
}
