//! The files of a system in a lab: certificates, configuration folder, the agents' own files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::{CONTROL_PORT, OPERATOR_TOKEN, PAIR, SIP_PORT, Server, Settings, VIEWER_TOKEN};
use crate::api::PAGE_PORT;
use crate::lab::namespace::run;
use crate::lab::{Net, Node, PREFIX_LENGTH, VIP, VIP6};
use crate::{kamailio, programs, sipp};

/// Port of a SIP node's API, on loopback of its host.
pub(super) const NODE_API_PORT: u16 = 7701;

/// Port on which the two SIP nodes listen for each other.
pub(super) const STANDBY_PORT: u16 = 7700;

/// The folder of one system, in which all its files are.
#[derive(Clone, Copy, Debug)]
pub struct Files<'a> {
    pub(super) folder: &'a Path,
}

impl Files<'_> {
    /// Folder of certificates and keys.
    pub fn pki(&self) -> PathBuf {
        self.folder.join("pki")
    }

    /// Makes an authority, the control server's certificate and one for each host.
    pub(super) fn make_certificates(&self) -> Result<()> {
        fs::create_dir_all(self.pki())?;
        self.takeover_pki(&["ca"])?;
        let address = Node::Ctl.address(Net::Management).to_string();
        self.takeover_pki(&["control", &address, "127.0.0.1"])?;
        for node in [Node::H1, Node::H2] {
            self.takeover_pki(&["host", node.name()])?;
        }
        Ok(())
    }

    /// Runs `takeover pki` on this system's certificates.
    ///
    /// # Errors
    /// Where it fails, with what it wrote to standard error.
    pub fn takeover_pki(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(programs::takeover()?);
        command.arg("pki").args(arguments).arg("--dir").arg(self.pki());
        run(&mut command)
    }

    /// Writes the control server's configuration folder.
    pub(super) fn write_configuration(&self, settings: &Settings) -> Result<()> {
        let folder = self.folder.join("etc");
        fs::create_dir_all(&folder)?;
        fs::create_dir_all(self.folder.join("control"))?;
        write(&folder.join("control.toml"), &self.control(settings)?)?;
        write(&folder.join("sip.toml"), &self.pair(settings)?)
    }

    fn control(&self, settings: &Settings) -> Result<String> {
        let pki = self.pki();
        let mut text = format!(
            r#"[control]
listen = "0.0.0.0:{CONTROL_PORT}"
page = "127.0.0.1:{PAGE_PORT}"
certificate = "{pki}/control.pem"
key = "{pki}/control.key"
ca = "{pki}/ca.pem"
journal = "{folder}/control/journal.sqlite"
plugins = "{plugins}"
heartbeat_interval_ms = {heartbeat}
heartbeat_misses = 3
{more}
[[control.tokens]]
name = "lab"
role = "operator"
sha256 = "{operator}"

[[control.tokens]]
name = "watcher"
role = "viewer"
sha256 = "{viewer}"
"#,
            pki = pki.display(),
            folder = self.folder.display(),
            plugins = plugins(settings)?.display(),
            heartbeat = settings.heartbeat.as_millis(),
            more = settings.control,
            operator = digest(OPERATOR_TOKEN),
            viewer = digest(VIEWER_TOKEN),
        );
        for node in [Node::H1, Node::H2] {
            let address = node.address(Net::Management);
            let (sip, sip6) = (node.address(Net::Sip), node.address6(Net::Sip));
            text.push_str(&format!(
                "\n[[host]]\nname = \"{}\"\naddress = \"{address}\"\ninterfaces = {{ sip0 = \
                 [\"{sip}/24\", \"{sip6}/64\"], mgt0 = [\"{address}/24\"] }}\n",
                node.name(),
            ));
        }
        Ok(text)
    }

    fn pair(&self, settings: &Settings) -> Result<String> {
        let ipv6 = if settings.ipv6 { format!(", \"{VIP6}/64\"") } else { String::new() };
        let mut text = format!(
            "[[pair]]\nname = \"{PAIR}\"\nredundancy = \"{redundancy}\"\nhosts = [\"h1\", \"h2\"]\n\
             vip = [\"{VIP}/{PREFIX_LENGTH}\"{ipv6}]\n\
             network_interface = \"sip0\"\nport = {SIP_PORT}\n{}\n",
            settings.pair,
            redundancy = if settings.server == Server::SipNode { "hot" } else { "warm" },
        );
        match settings.server {
            Server::Kamailio => {
                for (node, table) in [(Node::H1, "primary"), (Node::H2, "backup")] {
                    let callee = format!("{}:{}", Node::C2.address(Net::Sip), sipp::CALLEE_PORT);
                    let listen = format!("{VIP}:{SIP_PORT}");
                    let command = kamailio::command(self.folder, node.name(), &listen, &callee)?;
                    text.push_str(&format!("[pair.{table}]\ncommand = {command:?}\n"));
                }
            }
            Server::SipNode => {
                self.write_nodes(settings)?;
                let program = programs::takeover()?.display().to_string();
                let file = self.folder.join("node-{host}.toml").display().to_string();
                let command = [&program, "sip-node", "--config", &file];
                text.push_str(&format!(
                    "[pair.application]\ncommand = {command:?}\nchannel = true\n"
                ));
            }
            Server::Responder | Server::WatchedResponder => {
                let program = programs::ours("lab_sipd")?.display().to_string();
                let listen = format!("{{vip}}:{SIP_PORT}");
                let mut command = vec![program.as_str(), "--name", "{host}", "--listen", &listen];
                let listen6 = format!("[{VIP6}]:{SIP_PORT}");
                if settings.ipv6 {
                    command.extend(["--listen", &listen6]);
                }
                let mut more = "";
                if settings.server == Server::WatchedResponder {
                    command.extend(["--notify", "--watchdog-ms", "50"]);
                    more = "notify = true\nwatchdog_s = 0.3\n";
                }
                text.push_str(&format!("[pair.application]\ncommand = {command:?}\n{more}"));
            }
        }
        text.push_str(&settings.objects);
        Ok(text)
    }

    /// Writes the files of both SIP nodes: the callee is a number, another one is a routing point.
    fn write_nodes(&self, settings: &Settings) -> Result<()> {
        let directory = format!(
            r#"[TServer]
switch = "lab"
sip-address = "{VIP}"
sip-port = {SIP_PORT}
default-dn = "callee"
router-timeout = "4 sec"
{more}
[backup-sync]
sync-reconnect-tout = "500 msec"

[registrar]
realm = "{realm}"

[[dn]]
number = "callee"
type = "Extension"
contact = "{callee}:{port}"

[[dn]]
number = "queue"
type = "Routing Point"
"#,
            callee = Node::C2.address(Net::Sip),
            port = sipp::CALLEE_PORT,
            more = settings.directory,
            realm = settings.realm,
        );
        let telephones: String = (2000..2100)
            .map(|number| format!("\n[[dn]]\nnumber = \"{number}\"\ntype = \"Extension\"\n"))
            .collect();
        write(&self.folder.join("directory.toml"), &(directory + &telephones))?;
        write(&self.folder.join("secret"), "000102030405060708090a0b0c0d0e0f\n")?;
        for (node, other) in [(Node::H1, Node::H2), (Node::H2, Node::H1)] {
            let (own, peer) = (node.address(Net::Management), other.address(Net::Management));
            let text = format!(
                r#"name = "{name}"
directory = "directory.toml"
secret = "secret"
state = "{host}/node"
plugins = "{plugins}"

[sip]
source_rate = 0

[api]
listen = "127.0.0.1:{NODE_API_PORT}"
plain = true
tokens = [{{ name = "lab", role = "operator", sha256 = "{operator}" }}]

[standby]
pair = "{PAIR}"
peer = "{peer_name}"
listen = "{own}:{STANDBY_PORT}"
peer_address = "{peer}:{STANDBY_PORT}"
plain = true
{more}"#,
                name = node.name(),
                host = node.name(),
                peer_name = other.name(),
                plugins = plugins(settings)?.display(),
                operator = digest(OPERATOR_TOKEN),
                more = settings.node,
            );
            write(&self.folder.join(format!("node-{}.toml", node.name())), &text)?;
        }
        Ok(())
    }

    /// The agent's own file of a host.
    pub fn agent_file(&self, node: Node) -> PathBuf {
        self.folder.join(node.name()).join("host-agent.toml")
    }

    /// Writes it, and makes the folders that it names.
    pub(super) fn write_agent_file(&self, node: Node, settings: &Settings) -> Result<()> {
        let folder = self.folder.join(node.name());
        for sub in ["state", "sockets"] {
            fs::create_dir_all(folder.join(sub))?;
        }
        let text = format!(
            "host = \"{host}\"\ncontrol = \"{control}:{CONTROL_PORT}\"\n\
             certificate = \"{pki}/{host}.pem\"\nkey = \"{pki}/{host}.key\"\n\
             ca = \"{pki}/ca.pem\"\n\
             state = \"{folder}/state\"\nsockets = \"{folder}/sockets\"\n\
             plugins = \"{plugins}\"\n",
            host = node.name(),
            control = Node::Ctl.address(Net::Management),
            pki = self.pki().display(),
            folder = folder.display(),
            plugins = plugins(settings)?.display(),
        );
        write(&self.agent_file(node), &text)
    }
}

/// The plugin folder of a system.
fn plugins(settings: &Settings) -> Result<PathBuf> {
    match &settings.plugins {
        Some(folder) => Ok(folder.clone()),
        None => programs::plugins(),
    }
}

/// SHA-256 in hexadecimal: what the configuration knows of a token, and a manifest of a component.
pub fn digest(bytes: impl AsRef<[u8]>) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| path.display().to_string())
}
