//! Real calls: sipp through Kamailio to a callee, while the address moves.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use takeover_tests::lab::{Lab, Net, Node, PREFIX_LENGTH, Running, VIP};
use takeover_tests::netlink::Addresses;
use takeover_tests::probe::Probe;
use takeover_tests::sipp::{self, Calls};
use takeover_tests::{arp, kamailio, wait};

use crate::lab_test_with;

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
