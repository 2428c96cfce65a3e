//! A running system, and an operator in front of it.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use sha2::{Digest, Sha256};
use takeover_tests::{programs, wait};
use tempfile::TempDir;

/// May do everything.
pub(crate) const OPERATOR: &str = "an-operators-token";
/// May look.
pub(crate) const VIEWER: &str = "a-viewers-token";

/// Longest wait for something that takes milliseconds on a machine that has nothing else to do.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// A control server with a host agent, and what belongs to them. Ends them when dropped.
pub(crate) struct Desk {
    folder: TempDir,
    page: u16,
    tls: u16,
    running: Option<Child>,
}

impl Desk {
    /// Starts a system and waits until its pair serves and stands by.
    pub(crate) fn open() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut desk = Self { folder, page: free_port()?, tls: free_port()?, running: None };
        desk.make_certificates()?;
        desk.write_configuration()?;
        desk.start()?;
        Ok(desk)
    }

    /// Starts the process and waits until all is well.
    pub(crate) fn start(&mut self) -> Result<()> {
        let log = fs::File::options().create(true).append(true).open(self.log())?;
        let mut command = Command::new(programs::takeover()?);
        command.arg("up").arg(self.path("etc")).env_remove("NOTIFY_SOCKET");
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.running = Some(command.spawn()?);
        wait::until("the pair serves and stands by", SOON, || {
            let output = self.takeover(&["status"]).map_err(|error| format!("{error:#}"))?;
            if output.status.success() { Ok(()) } else { Err(self.state(&output)) }
        })
    }

    /// Ends the process without warning.
    pub(crate) fn kill(&mut self) -> Result<()> {
        let mut running = self.running.take().context("it is not running")?;
        running.kill()?;
        running.wait()?;
        Ok(())
    }

    /// Stops the process for a while, so that it says nothing and closes nothing.
    pub(crate) fn freeze(&self, signal: Signal) -> Result<()> {
        let running = self.running.as_ref().context("it is not running")?;
        kill(Pid::from_raw(running.id().try_into()?), signal)?;
        Ok(())
    }

    /// Runs `takeover` as the operator, against the listener without TLS.
    pub(crate) fn takeover(&self, arguments: &[&str]) -> Result<Output> {
        let output = self.command(OPERATOR)?.args(arguments).output()?;
        Ok(output)
    }

    /// The command with token and server set.
    pub(crate) fn command(&self, token: &str) -> Result<Command> {
        let mut command = Command::new(programs::takeover()?);
        command.env("TAKEOVER_SERVER", self.url()).env("TAKEOVER_TOKEN", token);
        command.env_remove("TAKEOVER_CA").env_remove("TAKEOVER_TOKEN_FILE");
        command.stdin(Stdio::null());
        Ok(command)
    }

    /// What the command prints as JSON; its success is expected.
    pub(crate) fn json(&self, arguments: &[&str]) -> Result<Value> {
        let output = self.command(OPERATOR)?.args(arguments).arg("--json").output()?;
        serde_json::from_slice(&output.stdout).with_context(|| self.state(&output))
    }

    /// Name of the application that is primary.
    pub(crate) fn primary(&self) -> Result<String> {
        let overview = self.json(&["status"])?;
        let name = overview.pointer("/pairs/0/primary").and_then(Value::as_str);
        name.map(str::to_owned).context("no primary")
    }

    /// Address of the listener without TLS.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.page)
    }

    /// Address of the listener with TLS.
    pub(crate) fn tls_url(&self) -> String {
        format!("https://localhost:{}", self.tls)
    }

    /// A file of the system.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What a command said, and what the system wrote: for the message of a failed test.
    fn state(&self, output: &Output) -> String {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let last = lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n");
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        format!("{}\n{stdout}{stderr}\nlog:\n{last}", output.status)
    }

    fn log(&self) -> PathBuf {
        self.path("log")
    }

    fn make_certificates(&self) -> Result<()> {
        let folder = self.path("pki");
        fs::create_dir_all(&folder)?;
        for arguments in [&["ca"][..], &["control", "localhost", "127.0.0.1"], &["host", "here"]] {
            let mut command = Command::new(programs::takeover()?);
            let output = command.arg("pki").args(arguments).arg("--dir").arg(&folder).output()?;
            if !output.status.success() {
                bail!("takeover pki {arguments:?}: {}", self.state(&output));
            }
        }
        Ok(())
    }

    fn write_configuration(&self) -> Result<()> {
        let digest = |token: &str| -> String {
            Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
        };
        let text = CONFIGURATION
            .replace("{tls}", &self.tls.to_string())
            .replace("{page}", &self.page.to_string())
            .replace("{plugins}", &programs::plugins()?.display().to_string())
            .replace("{operator}", &digest(OPERATOR))
            .replace("{viewer}", &digest(VIEWER));
        fs::create_dir_all(self.path("etc"))?;
        fs::create_dir_all(self.path("state"))?;
        fs::write(self.path("etc/desk.toml"), text)?;
        Ok(())
    }

    /// Processes of applications outlive the host agent, by design; not this test.
    fn end_applications(&self) {
        let Ok(overview) = self.json(&["status"]) else { return };
        let applications = overview.get("applications").and_then(Value::as_array);
        for application in applications.into_iter().flatten() {
            let pid = application.get("pid").and_then(Value::as_i64);
            let pid = pid.and_then(|pid| i32::try_from(pid).ok());
            if let Some(pid) = pid.filter(|pid| is_ours(*pid)) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.end_applications();
        if let Some(mut running) = self.running.take() {
            let _ = running.kill();
            let _ = running.wait();
        }
    }
}

/// Whether a process is one of the configuration's programs, and not somebody else with its number.
fn is_ours(pid: i32) -> bool {
    let line = fs::read(Path::new("/proc").join(pid.to_string()).join("cmdline"));
    line.is_ok_and(|line| line.starts_with(b"sleep\0987"))
}

/// A port of loopback that nobody listens on now.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

const CONFIGURATION: &str = r#"
[control]
listen = "127.0.0.1:{tls}"
page = "127.0.0.1:{page}"
certificate = "../pki/control.pem"
key = "../pki/control.key"
ca = "../pki/ca.pem"
journal = "../state/journal.sqlite"
plugins = "{plugins}"

[[control.tokens]]
name = "anna"
role = "operator"
sha256 = "{operator}"

[[control.tokens]]
name = "screen"
role = "viewer"
sha256 = "{viewer}"

[[host]]
name = "here"
address = "127.0.0.1"

[[pair]]
name = "sip"
hosts = ["here", "here"]

[pair.primary]
name = "sip-1"
command = ["sleep", "98701"]

[pair.backup]
name = "sip-2"
command = ["sleep", "98702"]

[[application]]
name = "recorder"
host = "here"
command = ["sleep", "98703"]

[[reaction]]
name = "start_recorder"
plugin = "reaction-start-application"
settings = { application = "recorder" }

[[condition]]
name = "link_lost"
description = "The link to a voice gateway is lost: record what is said meanwhile"
category = "minor"
detect = { event = "00-04504", application = "sip-1" }
reactions = ["start_recorder"]
"#;
