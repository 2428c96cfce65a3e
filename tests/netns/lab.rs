//! The lab itself: what it promises to the other tests.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use takeover_tests::arp::{ArpSocket, Referee};
use takeover_tests::lab::{BOTH, Cut, Door, Lab, Net, Node, PREFIX_LENGTH, Running, VIP};
use takeover_tests::netlink::Addresses;
use takeover_tests::probe::Probe;
use takeover_tests::{programs, wait};

use crate::lab_test;

const PORT: u16 = 5060;

fn sipd(lab: &Lab, node: Node) -> Result<Running> {
    let mut command = Command::new(programs::ours("lab_sipd")?);
    command.args(["--name", node.name(), "--listen", &format!("{VIP}:{PORT}")]);
    lab.spawn(node, "sipd", command)
}

fn put_vip(lab: &Lab, node: Node) -> Result<()> {
    let interface = Net::Sip.interface();
    lab.inside(node, || Ok(Addresses::open()?.add(interface, VIP.into(), PREFIX_LENGTH)?))
}

fn reaches(lab: &Lab, from: Node, to: Node, net: Net) -> bool {
    let address = to.address(net).to_string();
    lab.run(from, &["ping", "-c1", "-W1", "-n", &address]).is_ok()
}

#[track_caller]
fn check(lab: &Lab, cut: Cut, sip: bool, carrier: bool) -> Result<()> {
    lab.cut(Node::H1, &[Net::Sip], cut)?;
    ensure!(reaches(lab, Node::C1, Node::H1, Net::Sip) == sip, "{cut:?}: SIP network");
    ensure!(reaches(lab, Node::Ctl, Node::H1, Net::Management), "{cut:?}: management network");
    let link = lab.run(Node::H1, &["ip", "-o", "link", "show", "dev", "sip0"])?;
    ensure!(link.contains("NO-CARRIER") != carrier, "{cut:?}: carrier: {link}");
    lab.heal(Node::H1)?;
    ensure!(reaches(lab, Node::C1, Node::H1, Net::Sip), "{cut:?}: after the heal");
    Ok(())
}

#[test]
fn every_cut_cuts_what_it_says_and_heals() -> Result<()> {
    lab_test(|lab| {
        check(lab, Cut::Silent, false, true)?;
        check(lab, Cut::Carrier, false, false)?;
        check(lab, Cut::Transmit, false, true)?;
        check(lab, Cut::Receive, false, true)?;
        check(lab, Cut::Loss(100), false, true)?;
        check(lab, Cut::Loss(0), true, true)
    })
}

#[test]
fn closed_door_refuses_or_swallows() -> Result<()> {
    lab_test(|lab| {
        let address = SocketAddr::from((Node::Ctl.address(Net::Management), 7000));
        let listener =
            lab.inside(Node::Ctl, || Ok(std::net::TcpListener::bind(("0.0.0.0", 7000))?))?;
        let connect = || {
            let timeout = Duration::from_millis(300);
            lab.inside(Node::H1, || Ok(std::net::TcpStream::connect_timeout(&address, timeout)?))
        };
        connect().context("open door")?;
        for (door, kind) in [
            (Door::Refused, std::io::ErrorKind::ConnectionRefused),
            (Door::Blackholed, std::io::ErrorKind::TimedOut),
        ] {
            lab.close_door(Node::Ctl, 7000, door)?;
            let error = connect().err().context("a closed door let somebody in")?;
            let error = error.downcast::<std::io::Error>()?;
            ensure!(error.kind() == kind, "{door:?}: {error}");
            lab.heal(Node::Ctl)?;
        }
        connect().context("door open again")?;
        drop(listener);
        Ok(())
    })
}

#[test]
fn dead_host_is_silent_and_comes_back_clean() -> Result<()> {
    lab_test(|lab| {
        let mut sipd = sipd(lab, Node::H1)?;
        put_vip(lab, Node::H1)?;
        lab.kill_host(Node::H1)?;
        sipd.wait(Duration::from_secs(2))?;
        for net in BOTH {
            ensure!(!reaches(lab, Node::H2, Node::H1, net), "{net:?} still reaches it");
        }
        lab.revive(Node::H1)?;
        ensure!(reaches(lab, Node::C1, Node::H1, Net::Sip), "not back");
        ensure!(!lab.has(Node::H1, VIP)?, "the virtual IP survived a boot");
        Ok(())
    })
}

#[test]
fn probe_sees_a_move_and_the_referee_sees_two_holders() -> Result<()> {
    lab_test(|lab| {
        let _servers = [sipd(lab, Node::H1)?, sipd(lab, Node::H2)?];
        put_vip(lab, Node::H1)?;
        let referee = Referee::start(lab, VIP)?;
        let probe = Probe::client(lab, (VIP, PORT).into())?;
        probe.wait_for("h1", Duration::from_secs(5))?;
        wait::until("referee hears h1", Duration::from_secs(2), || match referee.holder() {
            Some(holder) if holder == "h1" => Ok(()),
            other => Err(format!("{other:?}")),
        })?;
        referee.verdict(Duration::ZERO).context("one holder")?;

        put_vip(lab, Node::H2)?;
        wait::until("referee hears both", Duration::from_secs(2), || {
            let holders = referee.holders_now();
            if holders.len() == 2 { Ok(()) } else { Err(format!("{holders:?}")) }
        })?;
        let event = Instant::now();
        lab.kill_host(Node::H1)?;
        lab.forget_neighbors(Node::C1)?;
        probe.wait_for("h2", Duration::from_secs(5))?;
        let seen = probe.finish()?;
        let error = referee.verdict(Duration::ZERO).err().context("two holders went unseen")?;
        ensure!(error.to_string().contains("h1 and h2"), "{error}");
        let takeover = seen.takeover(event, "h1", "h2").context("no takeover seen")?;
        ensure!(takeover.overlap.is_zero() && takeover.lost > 0, "{takeover:?}");
        ensure!(
            seen.neighbors.iter().any(|(at, _)| *at > event),
            "no change of the neighbor entry"
        );
        Ok(())
    })
}

#[test]
fn first_announcements_are_lost_and_later_ones_arrive() -> Result<()> {
    lab_test(|lab| {
        let open = |node| {
            lab.inside(node, || ArpSocket::open(Net::Sip.interface(), Duration::from_millis(300)))
        };
        let (near, far) = (open(Node::H1)?, open(Node::C1)?);
        // An ARP packet has 42 bytes: three fit, the fourth does not.
        lab.lose_first_announcements(Node::C1, 138)?;
        let mut heard = 0;
        for _ in 0..5 {
            near.announce(VIP)?;
            let deadline = Instant::now() + Duration::from_millis(200);
            while Instant::now() < deadline {
                let announced = far.receive()?.is_some_and(|packet| packet.sender == VIP);
                if announced {
                    heard += 1;
                    break;
                }
            }
        }
        ensure!(heard == 2, "{heard} of 5 announcements arrived");
        Ok(())
    })
}
