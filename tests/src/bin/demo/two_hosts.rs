//! The demo with two hosts in network namespaces.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use takeover_tests::arp::Referee;
use takeover_tests::forward::forward;
use takeover_tests::lab::{Lab, Node, VIP};
use takeover_tests::probe::Probe;
use takeover_tests::sipp::{self, Calls};
use takeover_tests::statistics::milliseconds;
use takeover_tests::system::{
    OPERATOR_TOKEN, PRIMARY, SIP_PORT, Server, Settings, System, application,
};
use takeover_tests::wait;

use crate::{PAGE_PORT, TAKEOVER_TIMEOUT, say, wait_for_stop};

/// Calls that are up when the SIP node is killed.
const HELD: u32 = 20;
/// Calls that come in meanwhile, ten per second.
const NEW: u32 = 80;

pub(crate) fn run(once: bool) -> Result<()> {
    say("Making two hosts, a controller and a client in network namespaces ...");
    let lab = Lab::new()?;
    let settings = Settings { server: Server::SipNode, ..Settings::default() };
    let mut system = System::up(&lab, settings)?;
    let _callee = sipp::callee(&lab)?;
    let page = forward(PAGE_PORT, system.api().clone())?;
    say(&format!("Up. The page: http://{page}/#token={OPERATOR_TOKEN}"));
    say(&format!("{PRIMARY} (a SIP node on h1) is primary and holds the virtual IP {VIP}."));

    let referee = Referee::start(&lab, VIP)?;
    let probe = Probe::client(&lab, (VIP, SIP_PORT).into())?;
    probe.wait_for("h1", TAKEOVER_TIMEOUT)?;
    let target = (VIP, SIP_PORT).into();
    let hold = Duration::from_secs(6);
    let held = Calls { name: "held", target, port: 5080, count: HELD, rate: 50, hold };
    let held = held.start(&lab)?;
    let hold = Duration::from_millis(300);
    let new = Calls { name: "new", target, port: 5090, count: NEW, rate: 10, hold };
    let new = new.start(&lab)?;
    wait::until("calls are up", TAKEOVER_TIMEOUT, || {
        let (held, new) = (held.so_far(), new.so_far());
        let up = held.current == u64::from(HELD) && new.successful >= 10;
        if up { Ok(()) } else { Err(format!("{held:?}, {new:?}")) }
    })
    .map_err(|error| system.explain(error))?;

    let event = Instant::now();
    say(&format!(
        "{HELD} calls are up, ten new ones come each second. Killing the SIP node on h1 ..."
    ));
    system.signal_application(Node::H1, Signal::SIGKILL)?;
    probe.wait_for("h2", TAKEOVER_TIMEOUT).map_err(|error| system.explain(error))?;
    let takeover = probe.so_far().takeover(event, "h1", "h2").context("no takeover was seen")?;
    say(&format!(
        "{} answers on {VIP} now. Callers got no answer for {:.1} ms.",
        application(Node::H2),
        milliseconds(takeover.outage)
    ));
    system.wait_settled(Node::H2, TAKEOVER_TIMEOUT).map_err(|error| system.explain(error))?;
    say("The SIP node on h1 was started again and stands by.");
    let held = held.finish(Duration::from_secs(40))?;
    let new = new.finish(Duration::from_secs(40))?;
    say(&format!(
        "Calls that were up: {} of {HELD} ended as planned. New calls: {} of {NEW} went through, {} \
         messages were sent again.",
        held.successful, new.successful, new.retransmissions
    ));
    referee.verdict(Duration::ZERO)?;
    say("At no moment did two hosts answer for the address.");
    ensure!(
        held.successful == u64::from(HELD) && new.successful == u64::from(NEW),
        "some calls were lost: {held:?}, {new:?}"
    );
    if once {
        return Ok(());
    }
    say("Keeps running; try the page, or:");
    say(&format!("  TAKEOVER_TOKEN={OPERATOR_TOKEN} takeover status --server http://{page}"));
    say("Ctrl-C ends it and removes everything.");
    wait_for_stop()
}
