//! Telephones of others (baresip) whose calls live through the loss of the primary: three of them
//! register at the virtual IP, call, and after the move hold, resume, transfer and hang up.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use takeover_tests::baresip::Telephone;
use takeover_tests::lab::{Node, VIP};
use takeover_tests::system::SIP_PORT;

use crate::node_stage::{Event, happen_to, node_settings, wait_for_figure, wait_in_step};
use crate::stage::{Stage, staged_with};

const SERVER: (std::net::Ipv4Addr, u16) = (VIP, SIP_PORT);

/// A calls B. After the event A holds and resumes the call, sends B on to C and is out; then B
/// hangs up, and C hears that.
fn call_through(
    stage: &mut Stage<'_>,
    [a, b, c]: [&mut Telephone; 3],
    (holder, event): (Node, Event),
) -> Result<()> {
    b.forget()?;
    a.command("dial", &format!("sip:{}@{VIP}:{SIP_PORT}", b.number()))?;
    a.wait("CALL_ESTABLISHED")?;
    b.wait("CALL_ESTABLISHED")?;
    wait_for_figure(stage, (holder, "established_calls"), 1)?;
    happen_to(stage, holder, event)?;
    b.forget()?;
    a.command("hold", "").context("hold")?;
    b.wait("CALL_REMOTE_SDP").context("hold")?;
    b.forget()?;
    a.command("resume", "").context("resume")?;
    b.wait("CALL_REMOTE_SDP").context("resume")?;
    c.forget()?;
    a.command("transfer", &format!("sip:{}@{VIP}:{SIP_PORT}", c.number())).context("transfer")?;
    c.wait("CALL_ESTABLISHED").context("transfer")?;
    a.wait("CALL_CLOSED").context("transfer")?;
    c.forget()?;
    b.command("hangup", "").context("hang up")?;
    c.wait("CALL_CLOSED").context("hang up")?;
    wait_for_figure(stage, (holder.other(), "established_calls"), 0)?;
    wait_in_step(stage, holder.other())
}

/// Three telephones, the first of which speaks by this transport, live through a kill and the
/// switchover back.
fn live_through_two_moves(transport: &str) -> Result<()> {
    staged_with(&["ip", "baresip", "curl"], node_settings(""), |stage| {
        let server = SocketAddr::from(SERVER);
        let start = |node, number, transport, answers| {
            Telephone::start(stage.lab, node, (number, server, transport), answers)
        };
        let mut a = start(Node::C1, 2000, transport, false)?;
        let mut b = start(Node::C2, 2001, "udp", true)?;
        let mut c = start(Node::Referee, 2002, "udp", true)?;
        for (holder, event) in [(Node::H1, Event::Kill), (Node::H2, Event::Manual)] {
            let three = [&mut a, &mut b, &mut c];
            call_through(stage, three, (holder, event)).with_context(|| format!("{event:?}"))?;
        }
        Ok(())
    })
}

#[test]
fn telephones_hold_resume_transfer_and_hang_up_after_a_kill_and_a_switchover() -> Result<()> {
    live_through_two_moves("udp")
}

#[test]
fn a_telephone_on_tcp_does_the_same_over_new_connections() -> Result<()> {
    live_through_two_moves("tcp")
}
