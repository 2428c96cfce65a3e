//! Probes and announcements over a cable to another host.

use std::net::IpAddr;
use std::time::Duration;

use takeover_logic::host_agent::io::Input;

use super::namespace::{Namespace, wait_until};
use crate::host_agent::netlink::Kernel;
use crate::host_agent::network::Network;

/// Two hosts on one cable, and on the first its link-local address ready for use.
fn two_hosts(test: &str) -> Option<(Namespace, Namespace)> {
    let (here, there) = (Namespace::new(test)?, Namespace::new(test)?);
    here.connect(&there);
    here.ip("addr add 10.81.1.11/24 dev eth0");
    there.ip("addr add 10.81.1.12/24 dev eth0");
    for host in [&here, &there] {
        wait_until("link-local address", || {
            let shown = host.ip("-6 addr show eth0");
            let ready = shown.contains("fe80") && !shown.contains("tentative");
            if ready { Ok(()) } else { Err(shown) }
        });
    }
    Some((here, there))
}

fn network() -> Network {
    let mut network = Network::default();
    for interface in Kernel::open().unwrap().interfaces().unwrap() {
        network.set(interface);
    }
    network
}

/// Probes until somebody answers, or `attempts` were in vain.
async fn who_has(address: IpAddr, attempts: u32) -> Option<String> {
    let mut network = network();
    for _ in 0..attempts {
        network.probe("eth0", address).unwrap();
        let silence = tokio::time::sleep(Duration::from_millis(100));
        let heard = async {
            loop {
                network.readable().await;
                for input in network.drain() {
                    if let Input::Answered { address: of, from, .. } = input
                        && of == address
                    {
                        return from.to_string();
                    }
                }
            }
        };
        tokio::select! {
            from = heard => return Some(from),
            () = silence => {}
        }
    }
    None
}

fn probe(here: &Namespace, address: &str, attempts: u32) -> Option<String> {
    let address = address.parse().unwrap();
    here.run(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(who_has(address, attempts))
    })
}

#[test]
fn a_probe_finds_the_holder_and_only_the_holder() {
    let Some((here, there)) = two_hosts("a_probe_finds_the_holder") else {
        return;
    };
    let holder = there.mac("eth0");
    for (address, prefix) in [("10.81.1.100", 24), ("fd81:1::100", 64)] {
        assert_eq!(probe(&here, address, 3), None, "{address} before it is there");
        there.ip(&format!("addr add {address}/{prefix} dev eth0 nodad")
            .replace(if prefix == 24 { " nodad" } else { "" }, ""));
        assert_eq!(probe(&here, address, 100), Some(holder.clone()), "{address}");
    }
}

#[test]
fn the_own_address_does_not_answer_itself() {
    let Some((here, _there)) = two_hosts("the_own_address_does_not_answer_itself") else {
        return;
    };
    assert_eq!(probe(&here, "10.81.1.11", 3), None);
}

#[test]
fn an_announcement_updates_what_others_remember() {
    let Some((here, there)) = two_hosts("an_announcement_updates_what_others_remember") else {
        return;
    };
    let new = here.mac("eth0");
    for address in ["10.81.1.100", "fd81:1::100"] {
        there.ip(&format!("neigh replace {address} lladdr 02:00:00:00:00:99 dev eth0 nud stale"));
        here.run(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime
                .block_on(async { network().announce("eth0", address.parse().unwrap()).unwrap() });
        });
        wait_until("neighbor entry", || {
            let entry = there.ip(&format!("neigh show {address} dev eth0"));
            if entry.contains(&new) { Ok(()) } else { Err(entry) }
        });
    }
}

#[test]
fn an_interface_without_neighbors_is_silent() {
    let Some(here) = Namespace::new("an_interface_without_neighbors_is_silent") else {
        return;
    };
    here.run(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut network = network();
            network.probe("lo", "127.0.0.9".parse().unwrap()).unwrap();
            network.announce("lo", "127.0.0.9".parse().unwrap()).unwrap();
            let error = network.probe("none", "127.0.0.9".parse().unwrap()).unwrap_err();
            assert_eq!(error.to_string(), "no network interface none");
        });
    });
}
