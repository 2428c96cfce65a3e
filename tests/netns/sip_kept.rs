//! Registrations by the second way, the control server's store: the link between the two nodes is
//! dead all the time (guide, acceptance test 17, *Contact Sync*).

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use takeover_tests::lab::{Door, Node, VIP};
use takeover_tests::sipp;
use takeover_tests::system::{SIP_PORT, STANDBY_PORT};
use takeover_tests::wait;
use takeover_tests::wire::Wire;

use crate::node_stage::{Event, all_well, figure, happen, node_settings, wait_for_figure};
use crate::sip_tcp::Telephone;
use crate::stage::{SOON, Stage, staged_with};

const TELEPHONES: u32 = 10;

/// Waits until one of the nodes serves; which.
fn wait_for_anybody(stage: &mut Stage<'_>) -> Result<Node> {
    let both = [Node::H1, Node::H2];
    stage.system.wait_for("somebody serves", SOON, |overview| {
        let serves = |node: &Node| overview.is_serving(*node).is_ok();
        both.into_iter().find(serves).ok_or_else(|| "nobody does".to_owned())
    })
}

/// Telephones register at the primary on h1, whose link to the other node is cut in this way; then
/// `test` goes on until they are to be reached again on the node that it gives.
fn registered(door: Door, test: impl FnOnce(&mut Stage<'_>) -> Result<Node>) -> Result<()> {
    staged_with(&["ip", "nft", "curl"], node_settings(""), |stage| {
        for node in [Node::H1, Node::H2] {
            stage.lab.close_door(node, STANDBY_PORT, door)?;
        }
        let mut caller = Wire::udp(stage.lab, Node::C1, 5090, (VIP, SIP_PORT).into())?;
        let mut telephones = Vec::new();
        for number in 0..TELEPHONES {
            let port = 6000 + u16::try_from(number)?;
            telephones.push(Telephone::udp(stage.lab, 2000 + number, port)?);
        }
        for telephone in &mut telephones {
            telephone.register()?;
        }
        let holder = test(stage)?;
        let known = figure(stage, holder, "registered_dns")?;
        ensure!(known == f64::from(TELEPHONES), "{known} of {TELEPHONES} registrations are left");
        for telephone in &mut telephones {
            telephone.is_called(&mut caller)?;
        }
        Ok(())
    })
}

fn reach_the_backup_by_the_store(door: Door) -> Result<()> {
    registered(door, |stage| {
        wait_for_figure(stage, (Node::H2, "registered_dns"), TELEPHONES)?;
        happen(stage, Event::Kill)?;
        Ok(Node::H2)
    })
}

#[test]
fn registrations_reach_a_backup_whose_link_is_reset() -> Result<()> {
    reach_the_backup_by_the_store(Door::Refused)
}

#[test]
fn registrations_reach_a_backup_whose_link_is_dead_without_a_word() -> Result<()> {
    reach_the_backup_by_the_store(Door::Blackholed)
}

#[test]
fn registrations_are_known_after_the_end_of_both_nodes() -> Result<()> {
    registered(Door::Refused, |stage| {
        wait_for_figure(stage, (Node::H1, "all_kept"), 1)?;
        wait_for_figure(stage, (Node::H1, "not_yet_kept"), 0)?;
        stage.system.signal_application(Node::H2, Signal::SIGKILL)?;
        stage.system.signal_application(Node::H1, Signal::SIGKILL)?;
        let holder = wait_for_anybody(stage)?;
        wait_for_figure(stage, (holder, "registered_dns"), TELEPHONES)?;
        Ok(holder)
    })
}

#[test]
fn registrations_are_known_after_the_end_of_both_nodes_and_of_the_control_server() -> Result<()> {
    registered(Door::Refused, |stage| {
        wait_for_figure(stage, (Node::H1, "all_kept"), 1)?;
        let kept = stage.system.journal().with_file_name("kept").join("sip.jsonl");
        wait::until("what is kept is in its file", SOON, || {
            let text = std::fs::read_to_string(&kept).unwrap_or_default();
            let found = text.lines().count();
            let all = usize::try_from(TELEPHONES).unwrap_or_default() + 1;
            if found == all { Ok(()) } else { Err(format!("{found} of {all} lines")) }
        })?;
        let pids =
            [stage.system.application_pid(Node::H2)?, stage.system.application_pid(Node::H1)?];
        stage.system.kill_control()?;
        for pid in pids {
            nix::sys::signal::kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL)?;
        }
        stage.system.start_control()?;
        let holder = wait_for_anybody(stage)?;
        wait_for_figure(stage, (holder, "registered_dns"), TELEPHONES)?;
        Ok(holder)
    })
}

/// Numbers of many telephones.
const MANY: std::ops::Range<u32> = 10_000..20_000;

/// Longest time in which all of them are told: 4 MB at a hundred lines a second, twice.
const MANY_TOLD: Duration = Duration::from_secs(60);

#[test]
fn ten_thousand_registrations_reach_the_backup_and_a_pair_that_starts_anew() -> Result<()> {
    let telephone = |number| format!("\n[[dn]]\nnumber = \"{number}\"\ntype = \"Extension\"\n");
    let directory: String = MANY.map(telephone).collect();
    staged_with(&["ip", "nft", "sipp", "curl"], node_settings(&directory), |stage| {
        let count = u32::try_from(MANY.len())?;
        for node in [Node::H1, Node::H2] {
            stage.lab.close_door(node, STANDBY_PORT, Door::Blackholed)?;
        }
        let registered = sipp::register(stage.lab, (VIP, SIP_PORT).into(), MANY, 2_000)?;
        all_well(registered, count)?;
        let since = Instant::now();
        wait_for_many(stage, Node::H2, count)?;
        eprintln!("the backup knew {count} after {:?}", since.elapsed());
        wait_for_figure(stage, (Node::H1, "all_kept"), 1)?;
        for node in [Node::H2, Node::H1] {
            stage.system.signal_application(node, Signal::SIGKILL)?;
        }
        let holder = wait_for_anybody(stage)?;
        let since = Instant::now();
        wait_for_many(stage, holder, count)?;
        eprintln!("a new pair knew {count} after {:?}", since.elapsed());
        // Their channels were closed for nothing that was said about it, and all of it was kept.
        stage.never(&["90-02022", "90-07007"])
    })
}

fn wait_for_many(stage: &Stage<'_>, node: Node, count: u32) -> Result<()> {
    wait::until("all are registered", MANY_TOLD, || {
        let found = figure(stage, node, "registered_dns").map_err(|error| format!("{error:#}"))?;
        if found == f64::from(count) { Ok(()) } else { Err(format!("{found} of {count}")) }
    })
}
