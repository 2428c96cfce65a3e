//! The files of a system in a lab: certificates, configuration folder, the agents' own files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::{CONTROL_PORT, OPERATOR_TOKEN, PAIR, SIP_PORT, Server, Settings, VIEWER_TOKEN};
use crate::api::PAGE_PORT;
use crate::lab::namespace::run;
use crate::lab::{Lab, Net, Node, PREFIX_LENGTH, VIP};
use crate::{kamailio, programs, sipp};

/// Folder of certificates and keys.
fn pki(lab: &Lab) -> PathBuf {
    lab.state().join("pki")
}

/// Makes an authority, the control server's certificate and one for each host.
pub(super) fn make_certificates(lab: &Lab) -> Result<()> {
    let folder = pki(lab);
    let takeover = |arguments: &[&str]| {
        let mut command = Command::new(programs::takeover()?);
        command.arg("pki").args(arguments).arg("--dir").arg(&folder);
        run(&mut command)
    };
    fs::create_dir_all(&folder)?;
    takeover(&["ca"])?;
    takeover(&["control", &Node::Ctl.address(Net::Management).to_string(), "127.0.0.1"])?;
    for node in [Node::H1, Node::H2] {
        takeover(&["host", node.name()])?;
    }
    Ok(())
}

/// Writes the control server's configuration folder.
pub(super) fn write_configuration(lab: &Lab, settings: &Settings) -> Result<()> {
    let folder = lab.state().join("etc");
    fs::create_dir_all(&folder)?;
    fs::create_dir_all(lab.state().join("control"))?;
    write(&folder.join("control.toml"), &control(lab, settings)?)?;
    write(&folder.join("sip.toml"), &pair(lab, settings)?)
}

fn control(lab: &Lab, settings: &Settings) -> Result<String> {
    let pki = pki(lab);
    let pki = pki.display();
    let plugins = match &settings.plugins {
        Some(folder) => folder.clone(),
        None => programs::plugins()?,
    };
    let digest = |token: &str| -> String {
        Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let mut text = format!(
        r#"[control]
listen = "0.0.0.0:{CONTROL_PORT}"
page = "127.0.0.1:{PAGE_PORT}"
certificate = "{pki}/control.pem"
key = "{pki}/control.key"
ca = "{pki}/ca.pem"
journal = "{state}/control/journal.sqlite"
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
        state = lab.state().display(),
        plugins = plugins.display(),
        heartbeat = settings.heartbeat.as_millis(),
        more = settings.control,
        operator = digest(OPERATOR_TOKEN),
        viewer = digest(VIEWER_TOKEN),
    );
    for node in [Node::H1, Node::H2] {
        let sip = format!(r#"["{}/24", "{}/64"]"#, node.address(Net::Sip), node.address6(Net::Sip));
        text.push_str(&format!(
            "\n[[host]]\nname = \"{}\"\naddress = \"{}\"\ninterfaces = {{ sip0 = {sip}, mgt0 = \
             [\"{}/24\"] }}\n",
            node.name(),
            node.address(Net::Management),
            node.address(Net::Management),
        ));
    }
    Ok(text)
}

fn pair(lab: &Lab, settings: &Settings) -> Result<String> {
    let mut text = format!(
        "[[pair]]\nname = \"{PAIR}\"\nredundancy = \"warm\"\nhosts = [\"h1\", \"h2\"]\n\
         vip = \"{VIP}/{PREFIX_LENGTH}\"\nnetwork_interface = \"sip0\"\nport = {SIP_PORT}\n{}\n",
        settings.pair
    );
    match settings.server {
        Server::Kamailio => {
            for (node, table) in [(Node::H1, "primary"), (Node::H2, "backup")] {
                let callee = format!("{}:{}", Node::C2.address(Net::Sip), sipp::CALLEE_PORT);
                let listen = format!("{VIP}:{SIP_PORT}");
                let command = kamailio::command(lab.state(), node.name(), &listen, &callee)?;
                text.push_str(&format!("[pair.{table}]\ncommand = {command:?}\n"));
            }
        }
        Server::Responder | Server::WatchedResponder => {
            let program = programs::ours("lab_sipd")?.display().to_string();
            let listen = format!("{{vip}}:{SIP_PORT}");
            let mut command = vec![program.as_str(), "--name", "{host}", "--listen", &listen];
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

/// The agent's own file of a host.
pub(super) fn agent_file(lab: &Lab, node: Node) -> PathBuf {
    lab.state().join(node.name()).join("host-agent.toml")
}

/// Writes it, and makes the folders that it names.
pub(super) fn write_agent_file(lab: &Lab, node: Node, settings: &Settings) -> Result<()> {
    let folder = lab.state().join(node.name());
    for sub in ["state", "sockets"] {
        fs::create_dir_all(folder.join(sub))?;
    }
    let plugins = match &settings.plugins {
        Some(folder) => folder.clone(),
        None => programs::plugins()?,
    };
    let pki = pki(lab);
    let pki = pki.display();
    let text = format!(
        "host = \"{host}\"\ncontrol = \"{control}:{CONTROL_PORT}\"\n\
         certificate = \"{pki}/{host}.pem\"\nkey = \"{pki}/{host}.key\"\nca = \"{pki}/ca.pem\"\n\
         state = \"{folder}/state\"\nsockets = \"{folder}/sockets\"\nplugins = \"{plugins}\"\n",
        host = node.name(),
        control = Node::Ctl.address(Net::Management),
        folder = folder.display(),
        plugins = plugins.display(),
    );
    write(&agent_file(lab, node), &text)
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| path.display().to_string())
}
