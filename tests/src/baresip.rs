//! Telephones of others: baresip without a sound card, driven over its control port.
//!
//! Commands and events are JSON in netstrings (module `ctrl_tcp` of baresip). What it hears it
//! plays back to itself (`aubridge`), because `ausine` speaks no G.711.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::lab::{Lab, Net, Node, Running};
use crate::wait;

/// Where distributions put the modules.
const MODULE_FOLDERS: [&str; 4] = [
    "/usr/lib/baresip/modules",
    "/usr/lib/x86_64-linux-gnu/baresip/modules",
    "/usr/lib/aarch64-linux-gnu/baresip/modules",
    "/usr/lib64/baresip/modules",
];

/// Port of its own signaling; TLS would be one above.
const SIP_PORT: u16 = 5060;

/// Port of its control, on loopback of its node.
const CONTROL_PORT: u16 = 4444;

/// Longest wait for what a telephone does.
const PATIENCE: Duration = Duration::from_secs(10);

/// A telephone.
pub struct Telephone {
    number: u32,
    running: Running,
    control: TcpStream,
    /// What came and is not yet a whole netstring.
    left: Vec<u8>,
    /// Events that nobody waited for yet, oldest first.
    events: Vec<Value>,
}

impl Telephone {
    /// Starts one on a node, at most one for each, and waits until it is registered at `server`.
    /// `transport` is `udp` or `tcp`; where `answers`, it takes every call.
    ///
    /// # Errors
    /// Where baresip is missing, or is not registered.
    pub fn start(
        lab: &Lab,
        node: Node,
        (number, server, transport): (u32, SocketAddr, &str),
        answers: bool,
    ) -> Result<Telephone> {
        let folder = lab.state().join(format!("baresip-{number}"));
        configure(&folder, node, (number, server, transport), answers)?;
        let mut command = Command::new("baresip");
        command.arg("-4").arg("-f").arg(&folder).arg("-v");
        let mut running = lab.spawn(node, &format!("baresip-{number}"), command)?;
        let control = SocketAddr::from(([127, 0, 0, 1], CONTROL_PORT));
        let control = wait::until("baresip takes commands", PATIENCE, || {
            let connect = || Ok(TcpStream::connect(control)?);
            lab.inside(node, connect).map_err(|error| format!("{error:#}\n{}", running.story()))
        })?;
        control.set_nonblocking(true)?;
        let (left, events) = (Vec::new(), Vec::new());
        let mut telephone = Telephone { number, running, control, left, events };
        wait::until("baresip is registered", PATIENCE, || {
            let told = telephone.command("reginfo", "").map_err(|error| format!("{error:#}"))?;
            // Its table of accounts, in colors: the state is a word in it.
            let text = told["data"].as_str().unwrap_or_default();
            if text.contains("OK") { Ok(()) } else { Err(told.to_string()) }
        })?;
        Ok(telephone)
    }

    /// Its number.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Gives it a command, `dial` for example, and forgets what happened before; its answer.
    ///
    /// # Errors
    /// Where it does not listen, or refuses.
    pub fn command(&mut self, command: &str, parameters: &str) -> Result<Value> {
        self.read()?;
        self.events.clear();
        let text = json!({ "command": command, "params": parameters, "token": command });
        let text = text.to_string();
        self.control.write_all(format!("{}:{text},", text.len()).as_bytes())?;
        let wanted = |value: &Value| value["response"] == true && value["token"] == command;
        let answer = self.wait_for(&format!("answer to {command}"), wanted)?;
        if answer["ok"] != true {
            bail!("{}: {command} {parameters}: {answer}", self.number);
        }
        Ok(answer)
    }

    /// Waits for an event of this type, and forgets those before it.
    ///
    /// # Errors
    /// Where it does not come, with those that did.
    pub fn wait(&mut self, kind: &str) -> Result<Value> {
        self.wait_for(kind, |value| value["type"] == kind)
    }

    /// Forgets what happened so far.
    ///
    /// # Errors
    /// Where it has ended.
    pub fn forget(&mut self) -> Result<()> {
        self.read()?;
        self.events.clear();
        Ok(())
    }

    fn wait_for(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let name = format!("{} sees {what}", self.number);
        let found = wait::until(&name, PATIENCE, || {
            self.read().map_err(|error| format!("{error:#}"))?;
            match self.events.iter().position(&wanted) {
                Some(at) => Ok(self.events.drain(..=at).next_back().unwrap_or_default()),
                None => Err(format!("{:?}", self.events)),
            }
        });
        found.with_context(|| self.running.story())
    }

    /// Takes what came over the control port.
    fn read(&mut self) -> Result<()> {
        let mut buffer = [0; 4096];
        loop {
            match self.control.read(&mut buffer) {
                Ok(0) => bail!("baresip {} has ended", self.number),
                Ok(length) => self.left.extend_from_slice(buffer.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        while let Some(length) = netstring(&self.left) {
            let whole: Vec<u8> = self.left.drain(..length).collect();
            let start = whole.iter().position(|byte| *byte == b':').map_or(0, |colon| colon + 1);
            let text = whole.get(start..length - 1).unwrap_or_default();
            self.events.push(serde_json::from_slice(text).context("an event of baresip")?);
        }
        Ok(())
    }
}

/// Length of the first whole netstring: `LENGTH:BYTES,`.
fn netstring(bytes: &[u8]) -> Option<usize> {
    let colon = bytes.iter().position(|byte| *byte == b':')?;
    let length: usize = std::str::from_utf8(bytes.get(..colon)?).ok()?.parse().ok()?;
    let whole = colon + 1 + length + 1;
    (whole <= bytes.len()).then_some(whole)
}

fn configure(
    folder: &Path,
    node: Node,
    (number, server, transport): (u32, SocketAddr, &str),
    answers: bool,
) -> Result<()> {
    let modules: PathBuf = MODULE_FOLDERS
        .iter()
        .map(PathBuf::from)
        .find(|folder| folder.join("account.so").exists())
        .context("baresip is not installed: apt-get install baresip-core")?;
    fs::create_dir_all(folder)?;
    let config = format!(
        "poll_method epoll\n\
         sip_listen {address}:{SIP_PORT}\n\
         call_local_timeout 120\n\
         call_max_calls 8\n\
         audio_player aubridge,{number}\n\
         audio_source aubridge,{number}\n\
         audio_alert aubridge,alert\n\
         module_path {modules}\n\
         module g711.so\n\
         module aubridge.so\n\
         module uuid.so\n\
         module_app account.so\n\
         module_app menu.so\n\
         module ctrl_tcp.so\n\
         ctrl_tcp_listen 127.0.0.1:{CONTROL_PORT}\n",
        address = node.address(Net::Sip),
        modules = modules.display(),
    );
    let mode = if answers { "auto" } else { "manual" };
    let account = format!(
        "<sip:{number}@{server};transport={transport}>;auth_pass=none;regint=300;answermode={mode}\n"
    );
    fs::write(folder.join("config"), config)?;
    fs::write(folder.join("accounts"), account)?;
    fs::write(folder.join("contacts"), "")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_netstring_is_whole_with_its_comma() {
        assert_eq!(netstring(b"3:abc,4:"), Some(6));
        assert_eq!(netstring(b"3:abc"), None);
        assert_eq!(netstring(b"3"), None);
    }
}
