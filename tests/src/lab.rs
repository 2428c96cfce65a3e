//! A network lab: hosts, a controller, clients and a router in network namespaces of their own,
//! joined by bridges that are in namespaces too. Nothing is made in the root namespace.
//!
//! ```text
//!   h1    h2    ctl   rtr   ref   c1    c2
//!    |     |     |     |     |     |     |     10.81.1.0/24  fd81:1::/64   SIP (sip0)
//!   [ bridge in a namespace of its own      ]
//!    |     |     |     |
//!   [ bridge in a namespace of its own      ]  10.81.2.0/24  fd81:2::/64   management (mgt0)
//! ```
//!
//! The last byte of an address is the node's ([`Node::number`]); .100 is left for the virtual IP.
//! Needs root, iproute2, and nftables for some cuts. Reading order: this file, [`cut`], then
//! [`namespace`] and [`process`].

pub mod cut;
pub mod namespace;
pub mod process;

use std::collections::BTreeSet;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use tempfile::TempDir;

pub use cut::{Cut, Door};
use namespace::{PREFIX, ip_batch};
pub use process::{Running, spawn_unblocked};

/// The virtual IP of the lab.
pub const VIP: Ipv4Addr = Ipv4Addr::new(10, 81, 1, 100);
/// Its sibling.
pub const VIP6: Ipv6Addr = Ipv6Addr::new(0xfd81, 1, 0, 0, 0, 0, 0, 0x100);
/// Prefix length of every IPv4 network here.
pub const PREFIX_LENGTH: u8 = 24;

/// A network of the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Net {
    /// Where SIP is spoken and the virtual IP lives.
    Sip,
    /// Where the host agents reach the control server.
    Management,
}

/// Both networks, for cuts.
pub const BOTH: [Net; 2] = [Net::Sip, Net::Management];

impl Net {
    /// Its name; interfaces on it are called so with a `0`.
    pub fn name(self) -> &'static str {
        match self {
            Net::Sip => "sip",
            Net::Management => "mgt",
        }
    }

    /// Name of a node's interface on it.
    pub fn interface(self) -> &'static str {
        match self {
            Net::Sip => "sip0",
            Net::Management => "mgt0",
        }
    }

    fn byte(self) -> u8 {
        match self {
            Net::Sip => 1,
            Net::Management => 2,
        }
    }
}

/// A machine of the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// First host of the pair.
    H1,
    /// Second host of the pair.
    H2,
    /// The controller.
    Ctl,
    /// On both networks; the reference by which hosts judge their network.
    Router,
    /// Third party on the SIP network: asks who has the virtual IP.
    Referee,
    /// The client, which calls.
    C1,
    /// The callee.
    C2,
}

/// Every node.
pub const NODES: [Node; 7] =
    [Node::H1, Node::H2, Node::Ctl, Node::Router, Node::Referee, Node::C1, Node::C2];

impl Node {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Node::H1 => "h1",
            Node::H2 => "h2",
            Node::Ctl => "ctl",
            Node::Router => "rtr",
            Node::Referee => "ref",
            Node::C1 => "c1",
            Node::C2 => "c2",
        }
    }

    /// Last byte of its addresses.
    pub fn number(self) -> u8 {
        match self {
            Node::H1 => 11,
            Node::H2 => 12,
            Node::Ctl => 20,
            Node::Router => 254,
            Node::Referee => 60,
            Node::C1 => 50,
            Node::C2 => 51,
        }
    }

    /// The networks that it is on.
    pub fn nets(self) -> &'static [Net] {
        match self {
            Node::H1 | Node::H2 | Node::Ctl | Node::Router => &BOTH,
            Node::Referee | Node::C1 | Node::C2 => &[Net::Sip],
        }
    }

    /// Its unique address on a network.
    pub fn address(self, net: Net) -> Ipv4Addr {
        Ipv4Addr::new(10, 81, net.byte(), self.number())
    }

    /// The same of IPv6; the digits read like those of the IPv4 address.
    pub fn address6(self, net: Net) -> Ipv6Addr {
        let digits = format!("fd81:{}::{}", net.byte(), self.number());
        digits.parse().unwrap_or(Ipv6Addr::LOCALHOST)
    }

    /// The other host of the pair; itself for everybody else.
    pub fn other(self) -> Node {
        match self {
            Node::H1 => Node::H2,
            Node::H2 => Node::H1,
            node => node,
        }
    }
}

/// A lab. Everything in it ends and disappears when it is dropped.
pub struct Lab {
    name: String,
    state: TempDir,
    started: AtomicU32,
}

impl Lab {
    /// Makes a fresh lab, after removing those whose owner was killed. Several may exist at once.
    ///
    /// # Errors
    /// Without root or iproute2.
    pub fn new() -> Result<Lab> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        namespace::remove_leftovers();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let lab = Lab {
            name: format!("{PREFIX}{}x{count}", std::process::id()),
            state: tempfile::Builder::new().prefix("takeover-lab-").tempdir()?,
            started: AtomicU32::new(0),
        };
        lab.build().context("make the lab")?;
        Ok(lab)
    }

    /// Whether this process may make one: root with iproute2.
    pub fn is_possible() -> bool {
        nix::unistd::geteuid().is_root()
            && Command::new("ip").arg("-V").stdout(Stdio::null()).status().is_ok()
    }

    /// A folder of this lab alone.
    pub fn state(&self) -> &Path {
        self.state.path()
    }

    /// Name of a node's namespace.
    pub fn namespace(&self, node: Node) -> String {
        format!("{}-{}", self.name, node.name())
    }

    /// Name of the namespace of a network's bridge.
    fn bridge(&self, net: Net) -> String {
        format!("{}-{}", self.name, net.name())
    }

    fn namespaces(&self) -> Vec<String> {
        let bridges = BOTH.iter().map(|net| self.bridge(*net));
        NODES.iter().map(|node| self.namespace(*node)).chain(bridges).collect()
    }

    fn build(&self) -> Result<()> {
        let mut lines: Vec<String> =
            self.namespaces().iter().map(|name| format!("netns add {name}")).collect();
        for node in NODES {
            for net in node.nets() {
                lines.push(format!(
                    "link add {} netns {} type veth peer name {} netns {}",
                    net.interface(),
                    self.namespace(node),
                    node.name(),
                    self.bridge(*net)
                ));
            }
        }
        ip_batch(None, &lines)?;
        for net in BOTH {
            self.set(&self.bridge(net), &[("ipv6/conf/default/disable_ipv6", "1")])?;
            let mut lines = vec![
                "link set lo up".to_owned(),
                "link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0".to_owned(),
            ];
            let ports = NODES.iter().filter(|node| node.nets().contains(&net));
            lines.extend(ports.map(|node| format!("link set {} master br0 up", node.name())));
            lines.push("link set br0 up".to_owned());
            ip_batch(Some(&self.bridge(net)), &lines)?;
        }
        for node in NODES {
            for net in node.nets() {
                // IPv6 addresses are usable at once: no router, no duplicate detection.
                let conf = format!("ipv6/conf/{}", net.interface());
                self.set(
                    &self.namespace(node),
                    &[(&format!("{conf}/accept_ra"), "0"), (&format!("{conf}/accept_dad"), "0")],
                )?;
            }
            self.plan(node)?;
        }
        self.set(
            &self.namespace(Node::Router),
            &[("ipv4/ip_forward", "1"), ("ipv6/conf/all/forwarding", "1")],
        )
    }

    /// Writes kernel settings of a namespace.
    fn set(&self, namespace: &str, settings: &[(&str, &str)]) -> Result<()> {
        namespace::inside(namespace, || {
            for (name, value) in settings {
                std::fs::write(format!("/proc/sys/net/{name}"), value)
                    .with_context(|| (*name).to_owned())?;
            }
            Ok(())
        })
    }

    /// Brings a node's interfaces up and its planned addresses on.
    fn plan(&self, node: Node) -> Result<()> {
        let mut lines = vec!["link set lo up".to_owned()];
        for net in node.nets() {
            let interface = net.interface();
            lines.push(format!("link set {interface} up"));
            lines.push(format!("addr replace {}/24 dev {interface}", node.address(*net)));
            lines.push(format!("addr replace {}/64 dev {interface} nodad", node.address6(*net)));
        }
        if node != Node::Router {
            let router = Node::Router.address(Net::Sip);
            lines.push(format!("route replace default via {router} dev sip0"));
        }
        ip_batch(Some(&self.namespace(node)), &lines)
    }

    /// Runs `f` on a thread inside a node.
    ///
    /// # Errors
    /// As `f`.
    pub fn inside<T: Send>(&self, node: Node, f: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        namespace::inside(&self.namespace(node), f)
    }

    /// Runs a program in a node to its end and returns what it printed.
    ///
    /// # Errors
    /// Where it fails, with what it wrote to standard error.
    pub fn run(&self, node: Node, argv: &[&str]) -> Result<String> {
        self.inside(node, || {
            let (program, arguments) = argv.split_first().context("empty command")?;
            namespace::run(Command::new(program).args(arguments))
        })
    }

    /// Starts a program in a node; its output goes to a file named after `name`. The process id
    /// is the program's own.
    ///
    /// # Errors
    /// Where it can not be started.
    pub fn spawn(&self, node: Node, name: &str, command: Command) -> Result<Running> {
        let name = format!("{name}-{}", node.name());
        self.start(&name, command, |command| self.inside(node, || spawn_unblocked(command)))
    }

    /// The same outside of the lab's networks, for programs that enter one by themselves.
    ///
    /// # Errors
    /// Where it can not be started.
    pub fn spawn_outside(&self, name: &str, command: Command) -> Result<Running> {
        self.start(name, command, spawn_unblocked)
    }

    fn start(
        &self,
        name: &str,
        mut command: Command,
        spawn: impl FnOnce(&mut Command) -> Result<Child> + Send,
    ) -> Result<Running> {
        let count = self.started.fetch_add(1, Ordering::Relaxed);
        let log = self.state().join(format!("{count:03}-{name}.log"));
        let file = File::create(&log).with_context(|| log.display().to_string())?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        Ok(Running::new(name.to_owned(), spawn(&mut command)?, log))
    }

    /// Every address on a node's interface to `net`, link-local ones left out.
    ///
    /// # Errors
    /// As `ip` says.
    pub fn addresses(&self, node: Node, net: Net) -> Result<BTreeSet<IpAddr>> {
        let text = namespace::run(Command::new("ip").args([
            "-n",
            &self.namespace(node),
            "-o",
            "addr",
            "show",
            "dev",
            net.interface(),
            "scope",
            "global",
        ]))?;
        let words: Vec<&str> = text.split_whitespace().collect();
        let pairs =
            words.windows(2).filter(|pair| matches!(pair.first(), Some(&"inet" | &"inet6")));
        Ok(pairs.filter_map(|pair| pair.last()?.split('/').next()?.parse().ok()).collect())
    }

    /// Whether a node has an address on the SIP network.
    ///
    /// # Errors
    /// As `ip` says.
    pub fn has(&self, node: Node, address: impl Into<IpAddr>) -> Result<bool> {
        Ok(self.addresses(node, Net::Sip)?.contains(&address.into()))
    }

    /// Link-layer address of a node on the SIP network.
    ///
    /// # Errors
    /// Where it has none.
    pub fn mac(&self, node: Node) -> Result<[u8; 6]> {
        self.inside(node, || crate::arp::mac_of(Net::Sip.interface()))
    }

    /// The power of a node fails: its links are silent and everything on it ends, at once.
    ///
    /// # Errors
    /// As the tools say.
    pub fn kill_host(&self, node: Node) -> Result<()> {
        self.cut(node, &BOTH, Cut::Silent)?;
        namespace::kill_all(&[self.namespace(node)])
    }

    /// As after a boot: nothing runs, only the planned addresses, every cut undone.
    ///
    /// # Errors
    /// As the tools say.
    pub fn revive(&self, node: Node) -> Result<()> {
        namespace::kill_all(&[self.namespace(node)])?;
        let lines: Vec<String> = node
            .nets()
            .iter()
            .map(|net| format!("addr flush dev {} scope global", net.interface()))
            .collect();
        ip_batch(Some(&self.namespace(node)), &lines)?;
        self.heal(node)
    }

    /// Makes a node forget every link-layer address that it knows.
    ///
    /// # Errors
    /// As `ip` says.
    pub fn forget_neighbors(&self, node: Node) -> Result<()> {
        let line = "neigh flush dev sip0".to_owned();
        ip_batch(Some(&self.namespace(node)), &[line])
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Err(error) = namespace::remove(&self.namespaces()) {
            eprintln!("lab {} could not be removed: {error:#}", self.name);
        }
        if std::env::var_os("LAB_KEEP").is_some() {
            self.state.disable_cleanup(true);
            eprintln!("lab {} kept its files in {}", self.name, self.state.path().display());
        }
    }
}
