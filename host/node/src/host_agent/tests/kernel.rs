//! Addresses by netlink: leased, refreshed, expired, deleted, watched.

use takeover_logic::address::io::{InterfaceState, KernelOperation, Reading};
use takeover_logic::host_agent::io::Target;

use super::namespace::{Namespace, ip, wait_until};
use crate::host_agent::netlink::{Kernel, Monitor, Notice};

fn target(address: &str, prefix: u8) -> Target {
    Target { network_interface: "nic".into(), address: address.parse().unwrap(), prefix }
}

fn targets() -> [Target; 2] {
    [target("10.81.1.100", 24), target("fd81:1::100", 64)]
}

/// A namespace with an interface that is up.
fn with_interface(test: &str) -> Option<Namespace> {
    let namespace = Namespace::new(test)?;
    namespace.ip("link add nic type veth peer name far");
    namespace.ip("link set far up");
    namespace.ip("link set nic up");
    Some(namespace)
}

fn done(kernel: &mut Kernel, target: &Target, operation: KernelOperation) -> Reading {
    let answer = kernel.perform(target, operation);
    assert_eq!(answer.result, Ok(()), "{operation:?} {target:?}");
    answer.reading
}

#[test]
fn an_address_is_added_refreshed_and_deleted() {
    let Some(namespace) = with_interface("an_address_is_added_refreshed_and_deleted") else {
        return;
    };
    namespace.run(|| {
        let mut kernel = Kernel::open().unwrap();
        for target in targets() {
            assert_eq!(done(&mut kernel, &target, KernelOperation::Read), Reading::Absent);
            for operation in [KernelOperation::Add, KernelOperation::Add, KernelOperation::Refresh]
            {
                assert_eq!(done(&mut kernel, &target, operation), Reading::Present);
            }
            let shown = ip(&["addr", "show", "to", &target.address.to_string()].map(str::to_owned));
            let prefix = format!("/{} ", target.prefix);
            assert!(shown.contains(&prefix) && !shown.contains("tentative"), "{shown}");
            let leased = shown.contains("valid_lft 2sec") || shown.contains("valid_lft 1sec");
            assert!(leased, "{shown}");
            for _ in 0..2 {
                let reading = done(&mut kernel, &target, KernelOperation::Delete);
                assert_eq!(reading, Reading::Absent);
            }
        }
    });
}

#[test]
fn an_address_that_is_not_refreshed_expires_and_a_refresh_does_not_bring_it_back() {
    let Some(namespace) = with_interface("an_address_that_is_not_refreshed_expires") else {
        return;
    };
    namespace.run(|| {
        let mut kernel = Kernel::open().unwrap();
        for target in targets() {
            done(&mut kernel, &target, KernelOperation::Add);
        }
        for target in targets() {
            wait_until("expiry", || match done(&mut kernel, &target, KernelOperation::Read) {
                Reading::Absent => Ok(()),
                reading => Err(reading),
            });
            assert_eq!(done(&mut kernel, &target, KernelOperation::Refresh), Reading::Absent);
        }
    });
}

#[test]
fn an_address_is_deleted_whatever_prefix_somebody_gave_it() {
    let Some(namespace) = with_interface("an_address_is_deleted_whatever_prefix") else {
        return;
    };
    namespace.ip("addr add 10.81.1.100/32 dev nic");
    namespace.ip("addr add 10.81.1.11/24 dev nic");
    namespace.run(|| {
        let mut kernel = Kernel::open().unwrap();
        let target = target("10.81.1.100", 24);
        done(&mut kernel, &target, KernelOperation::Add);
        assert_eq!(done(&mut kernel, &target, KernelOperation::Delete), Reading::Absent);
    });
    let left = namespace.ip("addr show nic");
    assert!(left.contains("10.81.1.11/24") && !left.contains("10.81.1.100"), "{left}");
}

#[test]
fn what_can_not_be_done_is_said_with_its_name() {
    let Some(namespace) = Namespace::new("what_can_not_be_done_is_said_with_its_name") else {
        return;
    };
    let answer = namespace.run(|| {
        let mut kernel = Kernel::open().unwrap();
        kernel.perform(&target("10.81.1.100", 24), KernelOperation::Add)
    });
    let error = answer.result.unwrap_err();
    assert!(error.contains("10.81.1.100/24 on nic"), "{error}");
    assert_eq!(answer.reading, Reading::Absent);
}

/// Reads notices until one is what is wanted.
fn wait_for(monitor: &mut Monitor, what: &str, wanted: impl Fn(&Notice) -> bool) {
    let mut seen = Vec::new();
    wait_until(what, || {
        seen.extend(monitor.drain());
        if seen.iter().any(&wanted) { Ok(()) } else { Err(seen.clone()) }
    });
}

#[test]
fn changes_by_hand_are_told() {
    let Some(namespace) = with_interface("changes_by_hand_are_told") else {
        return;
    };
    namespace.run(|| {
        let mut monitor = Monitor::open().unwrap();
        let run = |arguments: &str| {
            ip(&arguments.split(' ').map(str::to_owned).collect::<Vec<_>>());
        };
        for target in targets() {
            let wanted = |notice: &Notice| {
                matches!(notice, Notice::Address { address, .. } if *address == target.address)
            };
            let place = format!("{}/{} dev nic", target.address, target.prefix);
            run(&format!("addr add {place}"));
            wait_for(&mut monitor, "added", wanted);
            run(&format!("addr del {place}"));
            wait_for(&mut monitor, "deleted", wanted);
        }
        let is = |wanted: InterfaceState| {
            move |notice: &Notice| {
                matches!(notice, Notice::Interface(interface)
                    if &*interface.name == "nic" && interface.state == wanted)
            }
        };
        run("link set nic down");
        wait_for(&mut monitor, "down", is(InterfaceState::Down));
        run("link set nic up");
        wait_for(&mut monitor, "up", is(InterfaceState::Up));
        run("link del nic");
        wait_for(&mut monitor, "gone", |notice| matches!(notice, Notice::InterfaceGone(_)));
    });
}

#[test]
fn interfaces_are_read_with_their_addresses_and_kinds() {
    let Some(namespace) = with_interface("interfaces_are_read") else {
        return;
    };
    let mac = namespace.mac("nic");
    let interfaces = namespace.run(|| Kernel::open().unwrap().interfaces().unwrap());
    let find = |name: &str| interfaces.iter().find(|each| &*each.name == name).unwrap();
    let bytes: Vec<_> = find("nic").mac.unwrap().iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(bytes.join(":"), mac);
    assert_eq!(find("lo").state, InterfaceState::Up);
    assert!(!find("lo").has_neighbors);
}
