//! Ways in which a network fails, made with the ports of the lab's bridges and with nftables.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::namespace::{ip_batch, run, run_with_input};
use super::{Lab, Net, Node};
use crate::wait;

/// A way to cut a node off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cut {
    /// The bridge port stops forwarding; the node sees nothing.
    Silent,
    /// The bridge port goes down; the node sees that its carrier is gone.
    Carrier,
    /// What the node sends is lost.
    Transmit,
    /// What is sent to the node is lost.
    Receive,
    /// This percentage of frames is lost, both ways.
    Loss(u8),
}

/// What happens to new connections to a port of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Answered with a reset.
    Refused,
    /// Not answered; what is open there can not say its end either.
    Blackholed,
}

impl Lab {
    /// Cuts a node off from a network.
    ///
    /// # Errors
    /// As the tools say.
    pub fn cut(&self, node: Node, nets: &[Net], cut: Cut) -> Result<()> {
        for net in nets.iter().filter(|net| node.nets().contains(net)) {
            let bridge = self.bridge(*net);
            let port = node.name();
            match cut {
                Cut::Silent => {
                    run(Command::new("bridge")
                        .args(["-n", &bridge, "link", "set", "dev", port, "state", "0"]))?;
                }
                Cut::Carrier => ip_batch(Some(&bridge), &[format!("link set {port} down")])?,
                Cut::Transmit => self.filter(*net, node, "ingress", "drop")?,
                Cut::Receive => self.filter(*net, node, "egress", "drop")?,
                Cut::Loss(percent) => {
                    let verdict = match percent {
                        0..100 => format!("numgen random mod 100 < {percent} drop"),
                        _ => "drop".to_owned(),
                    };
                    self.filter(*net, node, "ingress", &verdict)?;
                    self.filter(*net, node, "egress", &verdict)?;
                }
            }
        }
        Ok(())
    }

    /// Undoes every cut of a node, its closed doors included.
    ///
    /// # Errors
    /// As the tools say.
    pub fn heal(&self, node: Node) -> Result<()> {
        for net in node.nets() {
            let bridge = self.bridge(*net);
            let port = node.name();
            for hook in ["ingress", "egress"] {
                self.nft(&bridge, &forget("netdev", &filter_table(hook, port)))?;
            }
            ip_batch(Some(&bridge), &[format!("link set {port} up")])?;
            // Refused until the port's carrier has settled.
            wait::until("bridge port forwards", Duration::from_secs(2), || {
                run(Command::new("bridge")
                    .args(["-n", &bridge, "link", "set", "dev", port, "state", "3"]))
            })?;
        }
        self.nft(&self.namespace(node), &forget("inet", "door"))?;
        self.plan(node)
    }

    /// Closes a TCP port of a node to everybody, in one of two ways; open connections stall.
    ///
    /// # Errors
    /// As the tools say.
    pub fn close_door(&self, node: Node, port: u16, door: Door) -> Result<()> {
        let (verdict, answers) = match door {
            Door::Refused => ("reject with tcp reset", "accept"),
            Door::Blackholed => ("drop", "drop"),
        };
        let rules = format!(
            "{}table inet door {{ chain input {{ type filter hook input priority 0; \
             tcp dport {port} {verdict}; }}\nchain output {{ type filter hook output priority 0; \
             tcp sport {port} {answers}; }}\n}}\n",
            forget("inet", "door")
        );
        self.nft(&self.namespace(node), &rules)
    }

    /// Drops the first ARP packets that are sent to a node on the SIP network, as many as fit into
    /// `bytes` (a packet has 42): announcements get lost, later ones arrive.
    ///
    /// # Errors
    /// As the tools say.
    pub fn lose_first_announcements(&self, node: Node, bytes: u32) -> Result<()> {
        let verdict = format!("ether type arp quota until {bytes} bytes drop");
        self.filter(Net::Sip, node, "egress", &verdict)
    }

    /// Filters what a node sends (`ingress` of its port) or gets (`egress`).
    fn filter(&self, net: Net, node: Node, hook: &str, verdict: &str) -> Result<()> {
        let port = node.name();
        let table = filter_table(hook, port);
        let rules = format!(
            "{}table netdev {table} {{ chain cut {{ type filter hook {hook} device \"{port}\" \
             priority 0; {verdict}; }}\n}}\n",
            forget("netdev", &table)
        );
        self.nft(&self.bridge(net), &rules)
    }

    /// Loads rules in a namespace.
    fn nft(&self, namespace: &str, rules: &str) -> Result<()> {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace, "nft", "-f", "-"]);
        run_with_input(&mut command, rules).map(drop)
    }
}

/// Name of the table of one port and direction.
fn filter_table(hook: &str, port: &str) -> String {
    format!("{hook}_{port}")
}

/// Rules that remove a table whether it is there or not.
fn forget(family: &str, table: &str) -> String {
    format!("add table {family} {table}\ndelete table {family} {table}\n")
}
