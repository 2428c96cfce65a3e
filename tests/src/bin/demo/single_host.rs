//! The demo without root: `takeover up` with a pair on one host. Both instances want the one
//! port; the standby gets it when the primary is gone.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
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

use crate::{TAKEOVER_TIMEOUT, say, wait_for_stop};

/// Longest wait for an orderly end.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) fn run(once: bool) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("takeover-demo-").tempdir()?;
    let sip_port = free_port()?;
    let page_port = free_port()?;
    fs::write(folder.path().join("demo.toml"), configuration(sip_port, page_port)?)?;
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
    say(&format!("{PRIMARY} answers SIP on {target}. Killing it ..."));
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
    if once {
        return Ok(());
    }
    say("Keeps running. Ctrl-C ends it.");
    wait_for_stop()
}

fn configuration(sip_port: u16, page_port: u16) -> Result<String> {
    let plugins = programs::plugins()?;
    let server = programs::ours("lab_sipd")?;
    let command = |name: &str, delay_ms: u32| {
        let server = server.display();
        format!(
            "[\"{server}\", \"--name\", \"{name}\", \"--listen\", \"127.0.0.1:{sip_port}\", \
             \"--wait\", \"--notify\", \"--delay-ms\", \"{delay_ms}\"]"
        )
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
hosts = ["here", "here"]
port = {sip_port}

[pair.application]
notify = true

[pair.primary]
command = {primary}

[pair.backup]
command = {backup}
"#,
        plugins = plugins.display(),
        digest = digest(OPERATOR_TOKEN),
        primary = command("primary", 0),
        backup = command("backup", 500),
    ))
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
