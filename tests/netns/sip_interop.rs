//! The SIP node between machines of others: behind a Kamailio as an edge, in front of one as a
//! trunk, and spoken to by the scenarios that sipp itself has.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use takeover_tests::lab::{Lab, Net, Node, Running, VIP};
use takeover_tests::sipp::{self, CALLEE_PORT, Calls};
use takeover_tests::system::SIP_PORT;
use takeover_tests::wire::{self, Wire};
use takeover_tests::{kamailio, wait};

use crate::node_stage::{CALLS, Event, all_well, happen_to, node_settings, wait_for_figure};
use crate::stage::{SOON, Stage, staged_with};

const NODE: (std::net::Ipv4Addr, u16) = (VIP, SIP_PORT);

/// Where the Kamailio in front of the node is, and the one behind it.
const EDGE: Node = Node::Router;
const BEHIND: Node = Node::Referee;

fn address(node: Node, port: u16) -> SocketAddr {
    (node.address(Net::Sip), port).into()
}

/// Calls to numbers that begin with 9 go to the Kamailio behind.
fn directory() -> String {
    format!(
        "\n[[dn]]\nnumber = \"GATEWAY\"\ntype = \"Trunk\"\nprefix = \"9\"\ncontact = \"{}\"\n",
        address(BEHIND, SIP_PORT)
    )
}

/// Starts a Kamailio, and returns when it answers.
fn start(lab: &Lab, node: Node, words: &[String]) -> Result<Running> {
    let (program, arguments) = words.split_first().context("empty command")?;
    let mut command = Command::new(program);
    command.args(arguments);
    let mut running = lab.spawn(node, "kamailio", command)?;
    let mut wire = Wire::udp(lab, Node::C1, 5099, address(node, SIP_PORT))?;
    wait::until("Kamailio answers", SOON, || {
        let local = wire.local();
        let request = format!(
            "OPTIONS sip:kamailio SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKask;rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:a@{local}>;tag=a\r\nTo: <sip:kamailio>\r\n\
             Call-ID: ask\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        let asked = wire.send(request.as_bytes()).and_then(|()| wire.next(LOOK));
        match asked {
            Ok(Some(_)) => Ok(()),
            other => Err(format!("{other:?}\n{}", running.story())),
        }
    })?;
    Ok(running)
}

/// Time for an answer in the lab.
const LOOK: Duration = Duration::from_millis(100);

/// A telephone registers through the edge: its contact is the callee's.
fn register_callee(lab: &Lab, number: u32) -> Result<()> {
    let mut wire = Wire::udp(lab, Node::C2, 5098, address(EDGE, SIP_PORT))?;
    let local = wire.local();
    let contact = address(Node::C2, CALLEE_PORT);
    let request = format!(
        "REGISTER sip:{VIP} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKreg;rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:{number}@{VIP}>;tag=r\r\nTo: <sip:{number}@{VIP}>\r\n\
         Call-ID: register\r\nCSeq: 1 REGISTER\r\nContact: <sip:{number}@{contact}>\r\n\
         Expires: 600\r\nContent-Length: 0\r\n\r\n"
    );
    wire.send(request.as_bytes())?;
    let answer = wire.expect("answer to REGISTER", wire::is_final)?;
    ensure!(wire::code(&answer) == Some(200), "{answer}");
    Ok(())
}

fn calls(name: &'static str, hold: Duration) -> Calls {
    Calls { name, target: NODE.into(), port: 5080, count: CALLS, rate: 100, hold }
}

#[test]
fn calls_and_registrations_through_a_kamailio_in_front_live_through_a_kill() -> Result<()> {
    staged_with(&["ip", "sipp", "kamailio", "curl"], node_settings(""), |stage| {
        let (lab, edge) = (stage.lab, address(EDGE, SIP_PORT));
        let words = kamailio::edge(lab.state(), "edge", &edge.to_string(), NODE.into())?;
        let _edge = start(lab, EDGE, &words)?;
        let numbers = 2000..2049;
        let count = u32::try_from(numbers.len())?;
        all_well(sipp::register_through(lab, edge, NODE.into(), (numbers, 1_000))?, count)?;
        register_callee(lab, 2049)?;
        wait_for_figure(stage, (Node::H2, "registered_dns"), count + 1)?;
        let _callee = sipp::callee_of(lab, "callee-holds.xml")?;
        let calls = calls("edge", Duration::from_secs(3));
        let callers = calls.start_through(lab, edge, ("caller-holds.xml", "2049"))?;
        wait_for_figure(stage, (Node::H1, "established_calls"), CALLS)?;
        happen_to(stage, Node::H1, Event::Kill)?;
        all_well(callers.finish(Duration::from_secs(60))?, CALLS)?;
        wait_for_figure(stage, (Node::H2, "registered_dns"), count + 1)
    })
}

/// Calls through the trunk, while the primary is moved.
fn through_the_trunk(stage: &mut Stage<'_>) -> Result<()> {
    let (lab, behind) = (stage.lab, address(BEHIND, SIP_PORT));
    let callee = address(Node::C2, CALLEE_PORT).to_string();
    let words = kamailio::command(lab.state(), "behind", &behind.to_string(), &callee)?;
    let _behind = start(lab, BEHIND, &words)?;
    let _callee = sipp::callee_of(lab, "callee-holds.xml")?;
    let calls = calls("trunk", Duration::from_secs(3));
    let callers = calls.start_scenario(lab, "caller-holds.xml", "9555")?;
    wait_for_figure(stage, (Node::H1, "established_calls"), CALLS)?;
    happen_to(stage, Node::H1, Event::Manual)?;
    all_well(callers.finish(Duration::from_secs(60))?, CALLS).context("trunk")
}

/// The scenarios that sipp has itself: they know no Route headers.
fn as_sipp_comes(stage: &Stage<'_>) -> Result<()> {
    let _callee = sipp::standard_callee(stage.lab, "uas")?;
    for scenario in ["uac", "regexp"] {
        let calls = calls("standard", Duration::from_millis(200));
        let callers = calls.start_standard(stage.lab, scenario, "callee")?;
        all_well(callers.finish(Duration::from_secs(60))?, CALLS).context(scenario)?;
    }
    Ok(())
}

#[test]
fn calls_through_a_kamailio_as_trunk_and_those_of_sipps_own_scenarios() -> Result<()> {
    let settings = node_settings(&directory());
    staged_with(&["ip", "sipp", "kamailio", "curl"], settings, |stage| {
        through_the_trunk(stage)?;
        as_sipp_comes(stage)
    })
}
