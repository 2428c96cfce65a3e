//! The demo without root: `takeover up` with a pair of SIP nodes on one host. They share one port:
//! only the primary has it. A call that the first one set up goes on through the second one.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use takeover_tests::api::Api;
use takeover_tests::lab::spawn_unblocked;
use takeover_tests::probe::{INTERVAL, Probe};
use takeover_tests::statistics::milliseconds;
use takeover_tests::system::{BACKUP, OPERATOR_TOKEN, Overview, PAIR, PRIMARY, digest};
use takeover_tests::{programs, wait};

use crate::{TAKEOVER_TIMEOUT, call, say, wait_for_stop};

/// Longest wait for an orderly end.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) fn run(once: bool) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("takeover-demo-").tempdir()?;
    let sip_port = free_port()?;
    let page_port = free_port()?;
    let ports = [(); 4].map(|()| free_port()).into_iter().collect::<Result<Vec<_>>>()?;
    let callee = call::callee()?;
    fs::create_dir(folder.path().join("nodes"))?;
    for (name, other) in [("primary", "backup"), ("backup", "primary")] {
        let file = folder.path().join("nodes").join(format!("{name}.toml"));
        fs::write(file, node((name, other), &ports)?)?;
    }
    fs::write(folder.path().join("nodes/directory.toml"), directory(sip_port, callee))?;
    fs::write(folder.path().join("nodes/secret"), secret()?)?;
    fs::write(folder.path().join("demo.toml"), configuration(folder.path(), sip_port, page_port)?)?;
    let log = folder.path().join("takeover.log");
    let output = fs::File::create(&log)?;
    let mut command = Command::new(programs::takeover()?);
    command.arg("up").arg(folder.path()).current_dir(folder.path());
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    let mut takeover = Takeover(spawn_unblocked(&mut command)?);
    let api = Api::new(None, OPERATOR_TOKEN).at_port(page_port);
    let result = show(&api, sip_port, page_port, once);
    takeover.stop(&api);
    result.with_context(|| fs::read_to_string(&log).unwrap_or_default())
}

fn show(api: &Api, sip_port: u16, page_port: u16, once: bool) -> Result<()> {
    let overview = || Ok::<_, anyhow::Error>(Overview(api.get("/v1/overview")?));
    let primary_is = |name: &str| {
        wait::until(&format!("{name} is primary"), TAKEOVER_TIMEOUT, || {
            let overview = overview().map_err(|error| format!("{error:#}"))?;
            let pair = overview.pair();
            let found = pair.get("primary").cloned().unwrap_or(Value::Null);
            if found == name { Ok(()) } else { Err(format!("primary is {found}")) }
        })
    };
    primary_is(PRIMARY)?;
    wait::until("the backup stands by", TAKEOVER_TIMEOUT, || {
        let overview = overview().map_err(|error| format!("{error:#}"))?;
        let status = overview.application(BACKUP).get("status").cloned().unwrap_or_default();
        if status == "running" { Ok(()) } else { Err(format!("it is {status}")) }
    })?;
    let target = SocketAddr::from((Ipv4Addr::LOCALHOST, sip_port));
    let probe = Probe::start_in(None, target, INTERVAL, false)?;
    probe.wait_for("primary", TAKEOVER_TIMEOUT)?;
    say(&format!("Up. The page: http://127.0.0.1:{page_port}/#token={OPERATOR_TOKEN}"));
    say(&format!("{PRIMARY} answers SIP on {target}."));
    let mut caller = call::Caller::call(target)?;
    say("A call is up. Killing the node that set it up ...");
    let pid = overview()?.application(PRIMARY).get("pid").and_then(Value::as_i64).context("pid")?;
    let event = Instant::now();
    kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGKILL)?;
    primary_is(BACKUP)?;
    probe.wait_for("backup", TAKEOVER_TIMEOUT)?;
    let seen = probe.so_far().takeover(event, "primary", "backup");
    let takeover = seen.context("no takeover was seen")?;
    say(&format!(
        "{BACKUP} answers now. Callers got no answer for {:.1} ms.",
        milliseconds(takeover.outage)
    ));
    ensure!(takeover.outage < Duration::from_secs(2), "that was too long");
    for (method, what) in [("INVITE", "held"), ("INVITE", "retrieved"), ("BYE", "ended")] {
        caller.ask(method).with_context(|| format!("the call could not be {what}"))?;
        say(&format!("The call was {what} through {BACKUP}."));
    }
    if once {
        return Ok(());
    }
    say("Keeps running. Ctrl-C ends it.");
    wait_for_stop()
}

fn configuration(folder: &Path, sip_port: u16, page_port: u16) -> Result<String> {
    let plugins = programs::plugins()?;
    let program = programs::takeover()?;
    let command = |name: &str| {
        let (program, file) =
            (program.display(), folder.join("nodes").join(format!("{name}.toml")));
        format!("[\"{program}\", \"sip-node\", \"--config\", \"{}\"]", file.display())
    };
    Ok(format!(
        r#"[control]
page = "127.0.0.1:{page_port}"
plugins = "{plugins}"

[[control.tokens]]
name = "demo"
role = "operator"
sha256 = "{digest}"

[[host]]
name = "here"
address = "127.0.0.1"

[[pair]]
name = "{PAIR}"
redundancy = "hot"
hosts = ["here", "here"]
port = {sip_port}

[pair.application]
channel = true

[pair.primary]
command = {primary}

[pair.backup]
command = {backup}
"#,
        plugins = plugins.display(),
        digest = digest(OPERATOR_TOKEN),
        primary = command("primary"),
        backup = command("backup"),
    ))
}

/// The file of one node; `ports`: of their APIs, then of their link.
fn node((name, other): (&str, &str), ports: &[u16]) -> Result<String> {
    let at = |index: usize| ports.get(index).copied().context("a port for everything");
    let (api, own, peer) = match name {
        "primary" => (at(0)?, at(2)?, at(3)?),
        _ => (at(1)?, at(3)?, at(2)?),
    };
    Ok(format!(
        r#"name = "{name}"
secret = "secret"
state = "{name}"

[sip]
source_rate = 0

[api]
listen = "127.0.0.1:{api}"
plain = true

[standby]
pair = "{PAIR}"
peer = "{other}"
listen = "127.0.0.1:{own}"
peer_address = "127.0.0.1:{peer}"
plain = true
"#
    ))
}

fn directory(sip_port: u16, callee: SocketAddr) -> String {
    format!(
        r#"[TServer]
switch = "demo"
sip-address = "127.0.0.1"
sip-port = {sip_port}

[backup-sync]
sync-reconnect-tout = "500 msec"

[[dn]]
number = "callee"
type = "Extension"
contact = "{callee}"
"#
    )
}

/// A key that both nodes have.
fn secret() -> Result<String> {
    let bytes = fs::read("/proc/sys/kernel/random/uuid").context("random bytes")?;
    Ok(String::from_utf8_lossy(&bytes).replace('-', ""))
}

/// A port that nobody has at the moment.
fn free_port() -> Result<u16> {
    Ok(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The program, and with it what it runs.
struct Takeover(Child);

impl Takeover {
    /// Stops both applications, then the program: its own end leaves applications running.
    fn stop(&mut self, api: &Api) {
        for name in [PRIMARY, BACKUP] {
            // The program itself may be what failed; then its applications are looked for below.
            let _ = api.post(&format!("/v1/applications/{name}/stop"));
        }
        let _ = kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGTERM);
        let _ = wait::until("the program ends", STOP_TIMEOUT, || match self.0.try_wait() {
            Ok(Some(_)) => Ok(()),
            _ => Err("it runs"),
        });
    }

    /// Process ids of what it runs; children belong to the thread that started them.
    fn children(&self) -> Vec<i32> {
        let Ok(threads) = fs::read_dir(format!("/proc/{}/task", self.0.id())) else {
            return Vec::new();
        };
        let lists = threads
            .flatten()
            .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
        lists
            .flat_map(|list| list.split_whitespace().map(str::parse).collect::<Vec<_>>())
            .flatten()
            .collect()
    }
}

impl Drop for Takeover {
    fn drop(&mut self) {
        for pid in self.children() {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        // Gone already is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
