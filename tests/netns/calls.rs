//! Real calls: sipp through Kamailio to a callee, while the address moves.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use takeover_tests::lab::{Lab, Net, Node, PREFIX_LENGTH, Running, VIP};
use takeover_tests::netlink::Addresses;
use takeover_tests::probe::Probe;
use takeover_tests::sipp::{self, Calls};
use takeover_tests::system::{Server, Settings};
use takeover_tests::{arp, kamailio, wait};

use crate::lab_test_with;
use crate::stage::staged_with;

const PORT: u16 = 5060;
const NEEDED: [&str; 3] = ["ip", "kamailio", "sipp"];

fn kamailio_on(lab: &Lab, node: Node) -> Result<Running> {
    let callee = format!("{}:{}", Node::C2.address(Net::Sip), sipp::CALLEE_PORT);
    let argv = kamailio::command(lab.state(), node.name(), &format!("{VIP}:{PORT}"), &callee)?;
    let (program, arguments) = argv.split_first().context("empty command")?;
    let mut command = Command::new(program);
    command.args(arguments);
    lab.spawn(node, "kamailio", command)
}

/// Without the program under test: shows that the calls of the other tests can succeed, so that
/// a lost call there is the program's fault.
#[test]
fn calls_survive_a_move_of_the_address_by_hand() -> Result<()> {
    lab_test_with(&NEEDED, |lab| {
        let servers = [kamailio_on(lab, Node::H1)?, kamailio_on(lab, Node::H2)?];
        let _callee = sipp::callee(lab)?;
        let interface = Net::Sip.interface();
        lab.inside(Node::H1, || {
            Ok(Addresses::open()?.add(interface, VIP.into(), PREFIX_LENGTH)?)
        })?;
        let probe = Probe::client(lab, (VIP, PORT).into())?;
        probe.wait_for("h1", Duration::from_secs(10))?;
        let target = (VIP, PORT).into();
        let calls = Calls {
            name: "established",
            target,
            port: 5080,
            count: 10,
            rate: 50,
            hold: Duration::from_secs(3),
        };
        let callers = calls.start(lab)?;
        wait::until("all calls are up", Duration::from_secs(5), || {
            let outcome = callers.so_far();
            if outcome.created == 10 && outcome.current == 10 {
                Ok(())
            } else {
                Err(format!("{outcome:?}"))
            }
        })?;
        let event = Instant::now();
        lab.inside(Node::H1, || {
            Ok(Addresses::open()?.delete(interface, VIP.into(), PREFIX_LENGTH)?)
        })?;
        lab.inside(Node::H2, || {
            Addresses::open()?.add(interface, VIP.into(), PREFIX_LENGTH)?;
            arp::ArpSocket::open(interface, Duration::ZERO)?.announce(VIP)
        })?;
        probe.wait_for("h2", Duration::from_secs(2))?;
        let outcome = callers.finish(Duration::from_secs(20))?;
        ensure!(outcome.successful == 10 && outcome.failed == 0, "{outcome:?}");
        let seen = probe.finish()?;
        ensure!(seen.takeover(event, "h1", "h2").is_some(), "no takeover seen");
        drop(servers);
        Ok(())
    })
}

/// The real thing: Kamailio on the holder is killed with calls up and new ones coming. Calls that
/// were up end as planned, because the proxy's routes are in the requests; new ones go on after
/// the gap, because SIP repeats what is not answered.
#[test]
fn calls_survive_the_death_of_the_primary_kamailio() -> Result<()> {
    let settings = Settings { server: Server::Kamailio, ..Settings::default() };
    staged_with(&["ip", "kamailio", "sipp"], settings, |stage| {
        let _callee = sipp::callee(stage.lab)?;
        let target = (VIP, PORT).into();
        let held = Calls {
            name: "established",
            target,
            port: 5080,
            count: 20,
            rate: 100,
            hold: Duration::from_secs(4),
        };
        let held = held.start(stage.lab)?;
        wait::until("all calls are up", Duration::from_secs(10), || {
            let outcome = held.so_far();
            if outcome.current == 20 { Ok(()) } else { Err(format!("{outcome:?}")) }
        })?;
        let new = Calls {
            name: "new",
            target,
            port: 5090,
            count: 150,
            rate: 50,
            hold: Duration::from_millis(200),
        };
        let new = new.start(stage.lab)?;
        wait::until("new calls come in", Duration::from_secs(10), || {
            let outcome = new.so_far();
            if outcome.successful > 5 { Ok(()) } else { Err(format!("{outcome:?}")) }
        })?;
        let event = Instant::now();
        stage.system.signal_application(Node::H1, Signal::SIGKILL)?;
        stage.wait_serving(Node::H2)?;
        stage.silence_within(event, Duration::from_millis(500))?;
        for (callers, count) in [(held, 20), (new, 150)] {
            let outcome = callers.finish(Duration::from_secs(40))?;
            ensure!(outcome.successful == count && outcome.failed == 0, "{outcome:?}");
        }
        stage.wait_settled(Node::H2)
    })
}
