//! A control server and two host agents on loopback, without root: certificates, configuration,
//! plugins, processes.
//!
//! The pair `sip` is on one host and needs no virtual IP. The pair `victim` is on both, is never
//! started, and lends its virtual IPs to the hostile backend, which is asked to take them off.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use takeover_tests::api::Api;
use takeover_tests::lab::namespace::run;
use takeover_tests::lab::spawn_unblocked;
use takeover_tests::system::{BACKUP, OPERATOR_TOKEN, Overview, PAIR, PRIMARY, digest};
use takeover_tests::{programs, wait};

use crate::hostile::{CALM, CALM_CONDITIONS, Hostile, VICTIM_WORDS};
use crate::relay::Relay;

/// Time between two heartbeats: the default.
pub(crate) const HEARTBEAT: Duration = Duration::from_millis(100);

const HOSTS: [&str; 2] = ["h1", "h2"];

/// Longest wait for the pair, and for an orderly end.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A running system.
pub(crate) struct System {
    folder: tempfile::TempDir,
    /// Its API.
    pub(crate) api: Api,
    /// Between each agent and the control server.
    pub(crate) relays: Vec<Relay>,
    daemons: Vec<Daemon>,
}

impl System {
    /// Writes everything, starts everything and waits until the pair is up.
    pub(crate) fn up(hostile: &[Hostile]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("takeover-hostile-").tempdir()?;
        let root = folder.path().to_owned();
        let (page, links, sip) = (free_tcp()?, free_tcp()?, free_udp()?);
        make_certificates(&root)?;
        for one in hostile {
            one.put(&root.join("plugins.d"), 0)?;
        }
        fs::create_dir_all(root.join("etc"))?;
        let text = configuration(&root, (page, links, sip), hostile)?;
        fs::write(root.join("etc/takeover.toml"), text)?;
        let api = Api::new(None, OPERATOR_TOKEN).at_port(page);
        let mut system = Self { folder, api, relays: Vec::new(), daemons: Vec::new() };
        let mut control = command("control")?;
        control.arg(root.join("etc"));
        control.args(["--log", "info,takeover::control::reactions=debug"]);
        system.start("control", control)?;
        for host in HOSTS {
            let relay = Relay::start(SocketAddr::from((Ipv4Addr::LOCALHOST, links)))?;
            let file = write_agent_file(&root, host, relay.address())?;
            let mut agent = command("host-agent")?;
            agent.arg(file);
            system.start(host, agent)?;
            system.relays.push(relay);
        }
        system.wait_for_pair()?;
        Ok(system)
    }

    /// Where operators put plugins.
    pub(crate) fn plugins(&self) -> PathBuf {
        self.folder.path().join("plugins.d")
    }

    /// What the control server wrote to its log.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("control.log")
    }

    fn start(&mut self, name: &str, mut command: Command) -> Result<()> {
        let output = File::create(self.folder.path().join(format!("{name}.log")))?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        command.current_dir(self.folder.path());
        self.daemons.push(Daemon(spawn_unblocked(&mut command)?));
        Ok(())
    }

    fn wait_for_pair(&self) -> Result<()> {
        wait::until("the pair is up", TIMEOUT, || {
            let overview = self.api.get("/v1/overview").map(Overview);
            let overview = overview.map_err(|error| format!("{error:#}"))?;
            let primary = overview.pair().get("primary").cloned().unwrap_or_default();
            let status = |name: &str| overview.application(name).get("status").cloned();
            let states = (primary, status(PRIMARY), status(BACKUP));
            let runs =
                |it: &Option<serde_json::Value>| it.as_ref().is_some_and(|it| it == "running");
            if states.0 == PRIMARY && runs(&states.1) && runs(&states.2) {
                return Ok(());
            }
            Err(format!("{states:?}"))
        })
        .with_context(|| fs::read_to_string(self.log()).unwrap_or_default())
    }
}

impl Drop for System {
    /// Applications outlive their agents, so they are stopped first.
    fn drop(&mut self) {
        for name in [BACKUP, PRIMARY] {
            // What does not answer is killed below.
            let _ = self.api.post(&format!("/v1/applications/{name}/stop"));
        }
        self.daemons.clear();
    }
}

/// A process, and with it what it runs.
struct Daemon(Child);

impl Daemon {
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

impl Drop for Daemon {
    fn drop(&mut self) {
        for pid in self.children() {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL); // gone already is as good
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn command(role: &str) -> Result<Command> {
    let mut command = Command::new(programs::takeover()?);
    command.arg(role);
    Ok(command)
}

fn make_certificates(root: &Path) -> Result<()> {
    let pki = root.join("pki");
    fs::create_dir_all(&pki)?;
    let calls: [&[&str]; 4] =
        [&["ca"], &["control", "127.0.0.1"], &["host", "h1"], &["host", "h2"]];
    for words in calls {
        let mut command = command("pki")?;
        command.args(words).arg("--dir").arg(&pki);
        run(&mut command)?;
    }
    Ok(())
}

fn write_agent_file(root: &Path, host: &str, control: SocketAddr) -> Result<PathBuf> {
    let folder = root.join(host);
    for sub in ["state", "sockets"] {
        fs::create_dir_all(folder.join(sub))?;
    }
    let (root, own) = (root.display(), folder.display());
    let text = format!(
        "host = \"{host}\"\ncontrol = \"{control}\"\ncertificate = \"{root}/pki/{host}.pem\"\n\
         key = \"{root}/pki/{host}.key\"\nca = \"{root}/pki/ca.pem\"\nstate = \"{own}/state\"\n\
         sockets = \"{own}/sockets\"\nplugins = \"{root}/plugins.d\"\n",
    );
    let file = folder.join("host-agent.toml");
    fs::write(&file, text)?;
    Ok(file)
}

fn configuration(
    root: &Path,
    (page, links, sip): (u16, u16, u16),
    hostile: &[Hostile],
) -> Result<String> {
    let server = programs::ours("lab_sipd")?;
    let (root, server) = (root.display(), server.display());
    let mut text = format!(
        r#"[control]
listen = "127.0.0.1:{links}"
page = "127.0.0.1:{page}"
certificate = "{root}/pki/control.pem"
key = "{root}/pki/control.key"
ca = "{root}/pki/ca.pem"
journal = "{root}/control/journal.sqlite"
plugins = "{root}/plugins.d"
heartbeat_interval_ms = {heartbeat}

[[control.tokens]]
name = "bench"
role = "operator"
sha256 = "{digest}"

[[host]]
name = "h1"
address = "127.0.0.1"
interfaces = {{ lo = ["192.0.2.1/24"] }}

[[host]]
name = "h2"
address = "127.0.0.2"
interfaces = {{ lo = ["192.0.2.2/24"] }}

[[pair]]
name = "{PAIR}"
hosts = ["h1", "h1"]
port = {sip}
[pair.application]
notify = true
[pair.primary]
command = ["{server}", "--name", "a", "--listen", "127.0.0.1:{sip}", "--wait", "--notify"]
[pair.backup]
command = ["{server}", "--name", "b", "--listen", "127.0.0.1:{sip}", "--wait", "--notify"]
"#,
        heartbeat = HEARTBEAT.as_millis(),
        digest = digest(OPERATOR_TOKEN),
    );
    write_victims(&mut text)?;
    for number in 0..CALM_CONDITIONS {
        write_condition(&mut text, &format!("{CALM}-{number}"), CALM)?;
    }
    writeln!(text, "\n[[reaction]]\nname = \"{CALM}\"\nplugin = \"{CALM}\"")?;
    for one in hostile.iter().filter(|one| one.is_reaction() && one.name != CALM) {
        let name = &one.name;
        write_condition(&mut text, name, name)?;
        writeln!(text, "\n[[reaction]]\nname = \"{name}\"\nplugin = \"{name}\"\ntimeout_s = 2")?;
    }
    Ok(text)
}

/// Virtual IPs whose backend misbehaves when they are to be taken off.
fn write_victims(text: &mut String) -> Result<()> {
    writeln!(
        text,
        "\n[[pair]]\nname = \"victim\"\nhosts = [\"h1\", \"h2\"]\nvip = \"192.0.2.100/24\"\n\
         network_interface = \"lo\"\nport = 5060\nbackend = \"test-vip\"\n\
         [pair.application]\nautostart = false\ncommand = [\"/bin/true\"]"
    )?;
    for (number, word) in VICTIM_WORDS.iter().enumerate() {
        writeln!(
            text,
            "\n[[vip]]\nname = \"victim-{word}\"\npair = \"victim\"\n\
             address = \"192.0.2.{address}/24\"\nbackend_settings = {{ down = \"{word}\" }}\n\
             \n[[application]]\nname = \"take-off-{word}\"\nhost = \"h2\"\n\
             vip = \"victim-{word}\"\naction = \"down\"\nstartup_timeout_s = 2",
            address = 101 + number,
        )?;
    }
    Ok(())
}

/// A condition that an operator tests again and again.
fn write_condition(text: &mut String, name: &str, reaction: &str) -> Result<()> {
    writeln!(
        text,
        "\n[[condition]]\nname = \"{name}\"\ncategory = \"minor\"\n\
         detect = {{ event = \"42-00001\", any = true }}\ncancel_timeout_s = 1\n\
         reactions = [\"{reaction}\"]"
    )?;
    Ok(())
}

/// A port that nobody has at the moment.
fn free_tcp() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The same, for SIP.
fn free_udp() -> Result<u16> {
    Ok(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
