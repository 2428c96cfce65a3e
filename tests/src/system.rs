//! A whole takeover system in a lab: certificates, configuration, the control server on the
//! controller, a host agent on each host, and a SIP server under management on both.
//!
//! The pair is called `sip`, its applications [`PRIMARY`] on h1 and [`BACKUP`] on h2.

mod files;
mod overview;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use serde_json::Value;

pub use self::files::{Files, digest};
pub use self::overview::Overview;
use crate::api::Api;
use crate::lab::{Lab, Node, Running};
use crate::trace::Traced;
use crate::{programs, scheduling, wait};

/// The pair.
pub const PAIR: &str = "sip";
/// The application configured as primary; on h1.
pub const PRIMARY: &str = "SIP_SERVER_PRIMARY";
/// The application configured as backup; on h2.
pub const BACKUP: &str = "SIP_SERVER_BACKUP";
/// Port of the SIP servers.
pub const SIP_PORT: u16 = 5060;
/// Port of the control server's TLS listener.
pub const CONTROL_PORT: u16 = 7600;
/// Token of an operator.
pub const OPERATOR_TOKEN: &str = "lab-operator-token";
/// Token of a viewer.
pub const VIEWER_TOKEN: &str = "lab-viewer-token";

/// Longest wait for a fresh system to be up.
const UP_TIMEOUT: Duration = Duration::from_secs(30);

/// Which program serves SIP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// Our small responder: starts and dies in a millisecond.
    Responder,
    /// The responder with `sd_notify` and a watchdog of 300 ms.
    WatchedResponder,
    /// Kamailio, in front of the callee.
    Kamailio,
    /// Our own SIP node, with a hot standby.
    SipNode,
}

/// Port on which the two SIP nodes listen for each other.
pub const STANDBY_PORT: u16 = files::STANDBY_PORT;

/// How a system is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which program serves SIP.
    pub server: Server,
    /// Time between two heartbeats; three missing ones are a lost host.
    pub heartbeat: Duration,
    /// A second virtual IP beside the first, of IPv6.
    pub ipv6: bool,
    /// Lines for `[control]`.
    pub control: String,
    /// Lines for `[[pair]]`.
    pub pair: String,
    /// Lines for `[TServer]` of the SIP nodes' directory, and further objects in it.
    pub directory: String,
    /// Realm of the SIP nodes' registrar, which is also the name of their domain.
    pub realm: &'static str,
    /// Lines at the end of the SIP nodes' own files.
    pub node: String,
    /// Further objects.
    pub objects: String,
    /// The plugin folder; none: the built one.
    pub plugins: Option<PathBuf>,
    /// SCHED_FIFO for everything, for measurements.
    pub realtime: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            server: Server::Responder,
            heartbeat: Duration::from_millis(100),
            ipv6: false,
            control: String::new(),
            pair: String::new(),
            directory: String::new(),
            realm: "lab",
            node: String::new(),
            objects: String::new(),
            plugins: None,
            realtime: false,
        }
    }
}

/// A running system.
pub struct System<'a> {
    lab: &'a Lab,
    folder: PathBuf,
    settings: Settings,
    api: Api,
    control: Option<Running>,
    agents: BTreeMap<&'static str, Running>,
    /// Programs that ended, for their last words.
    ended: Vec<Running>,
}

impl<'a> System<'a> {
    /// Writes every file and starts every program; does not wait for the pair.
    ///
    /// # Errors
    /// Where a program is missing or can not be started.
    pub fn start(lab: &'a Lab, settings: Settings) -> Result<System<'a>> {
        let api = Api::new(Some(lab.namespace(Node::Ctl)), OPERATOR_TOKEN);
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = lab.state().join(format!("system-{count}"));
        std::fs::create_dir(&folder)?;
        let mut system = System {
            lab,
            folder,
            settings,
            api,
            control: None,
            agents: BTreeMap::new(),
            ended: Vec::new(),
        };
        system.files().make_certificates()?;
        system.files().write_configuration(&system.settings)?;
        system.start_control()?;
        for node in [Node::H1, Node::H2] {
            system.files().write_agent_file(node, &system.settings)?;
            system.start_agent(node)?;
        }
        Ok(system)
    }

    /// The same, and waits until h1's application is primary, holds the address, h2's stands by,
    /// and nothing is under way.
    ///
    /// # Errors
    /// Where that does not come about, with what every program wrote last.
    pub fn up(lab: &'a Lab, settings: Settings) -> Result<System<'a>> {
        let mut system = System::start(lab, settings)?;
        system.wait_settled(Node::H1, UP_TIMEOUT).map_err(|error| system.explain(error))?;
        Ok(system)
    }

    /// Its files.
    pub fn files(&self) -> Files<'_> {
        Files { folder: &self.folder }
    }

    /// Its HTTP API, with an operator's token.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Folder of the configuration.
    pub fn config_folder(&self) -> PathBuf {
        self.folder.join("etc")
    }

    /// File of the journal.
    pub fn journal(&self) -> PathBuf {
        self.folder.join("control").join("journal.sqlite")
    }

    /// Starts the control server.
    ///
    /// # Errors
    /// Where it can not be started.
    pub fn start_control(&mut self) -> Result<()> {
        let mut command = self.takeover("control")?;
        command.arg(self.config_folder());
        self.control = Some(self.lab.spawn(Node::Ctl, "control", command)?);
        Ok(())
    }

    /// SIGKILL to the control server.
    ///
    /// # Errors
    /// Where it is not running.
    pub fn kill_control(&mut self) -> Result<()> {
        let mut control = self.control.take().context("the control server is not running")?;
        control.kill();
        self.ended.push(control);
        Ok(())
    }

    /// The control server's process.
    ///
    /// # Errors
    /// Where it is not running.
    pub fn control(&mut self) -> Result<&mut Running> {
        self.control.as_mut().context("the control server is not running")
    }

    /// Starts the agent of a host.
    ///
    /// # Errors
    /// Where it can not be started.
    pub fn start_agent(&mut self, node: Node) -> Result<()> {
        let mut command = self.takeover("host-agent")?;
        command.arg(self.files().agent_file(node));
        let running = self.lab.spawn(node, "host-agent", command)?;
        if let Some(earlier) = self.agents.insert(node.name(), running) {
            self.ended.push(earlier);
        }
        Ok(())
    }

    /// Sends a signal to the agent of a host.
    ///
    /// # Errors
    /// Where it is not running.
    pub fn signal_agent(&mut self, node: Node, signal: Signal) -> Result<()> {
        self.agents.get(node.name()).context("no agent")?.signal(signal)
    }

    /// The agent's process of a host.
    ///
    /// # Errors
    /// Where it was never started.
    pub fn agent(&mut self, node: Node) -> Result<&mut Running> {
        self.agents.get_mut(node.name()).context("no agent")
    }

    /// A command of the program under test that runs a daemon.
    fn takeover(&self, role: &str) -> Result<Command> {
        let program = programs::takeover()?;
        let mut command = if self.settings.realtime {
            let [chrt, arguments @ ..] = scheduling::realtime_prefix(scheduling::TAKEOVER);
            let mut command = Command::new(chrt);
            command.args(arguments).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.arg(role).env("RUST_BACKTRACE", "1");
        Ok(command)
    }

    /// Runs an operator's command where the control server is, and returns what it printed.
    ///
    /// # Errors
    /// Where it fails, with what it wrote to standard error.
    pub fn operator(&self, arguments: &[&str]) -> Result<String> {
        self.lab.inside(Node::Ctl, || {
            let mut command = Command::new(programs::takeover()?);
            command.args(arguments).env("TAKEOVER_TOKEN", OPERATOR_TOKEN);
            crate::lab::namespace::run(&mut command)
        })
    }

    /// Starts an operator's command where the control server is; for one that takes a while.
    ///
    /// # Errors
    /// Where it can not be started.
    pub fn start_operator(&self, arguments: &[&str]) -> Result<Running> {
        let mut command = Command::new(programs::takeover()?);
        command.args(arguments).env("TAKEOVER_TOKEN", OPERATOR_TOKEN);
        self.lab.spawn(Node::Ctl, "operator", command)
    }

    /// Everything that operators see.
    ///
    /// # Errors
    /// Where the control server does not answer.
    pub fn overview(&self) -> Result<Overview> {
        Ok(Overview(self.api.get("/v1/overview")?))
    }

    /// Position of the newest log event.
    ///
    /// # Errors
    /// Where the control server does not answer.
    pub fn newest_event(&self) -> Result<u64> {
        let body = self.api.get("/v1/overview")?;
        body.get("journal_sequence").and_then(Value::as_u64).context("journal_sequence")
    }

    /// Log events behind a position, oldest first.
    ///
    /// # Errors
    /// Where the control server does not answer.
    pub fn events_after(&self, sequence: u64) -> Result<Vec<Traced>> {
        let body = self.api.get(&format!("/v1/events?after={sequence}&limit=1000"))?;
        let events = body.get("events").and_then(Value::as_array).context("events")?;
        events.iter().map(|event| Traced::read(event).context("event")).collect()
    }

    /// Orders a switchover and waits for its answer.
    ///
    /// # Errors
    /// Where it is refused.
    pub fn switch_over(&self) -> Result<Value> {
        self.api.post(&format!("/v1/pairs/{PAIR}/switchover"))
    }

    /// Waits until the application of `node` is primary and holds every address, the other one
    /// runs as backup, and no alarm is active.
    ///
    /// # Errors
    /// After `timeout`, with what is otherwise.
    pub fn wait_settled(&mut self, node: Node, timeout: Duration) -> Result<()> {
        self.wait_for("the pair is settled", timeout, |overview| overview.is_settled(node))
    }

    /// Waits until the application of `node` is primary and holds every address, whatever else.
    ///
    /// # Errors
    /// After `timeout`, with what is otherwise.
    pub fn wait_serving(&mut self, node: Node, timeout: Duration) -> Result<()> {
        self.wait_for("the host serves", timeout, |overview| overview.is_serving(node))
    }

    /// Waits until `look` accepts what operators see.
    ///
    /// # Errors
    /// After `timeout`, with what it says instead.
    pub fn wait_for<T>(
        &mut self,
        what: &str,
        timeout: Duration,
        look: impl Fn(&Overview) -> Result<T, String>,
    ) -> Result<T> {
        wait::until(what, timeout, || {
            let overview = self.overview().map_err(|error| format!("{error:#}"))?;
            look(&overview)
        })
    }

    /// Process id of the application on a node.
    ///
    /// # Errors
    /// Where it does not run.
    pub fn application_pid(&self, node: Node) -> Result<u32> {
        let pid = self.overview()?.pid(node);
        Ok(u32::try_from(pid.with_context(|| format!("{} does not run", application(node)))?)?)
    }

    /// Sends a signal to the application's process on a node.
    ///
    /// # Errors
    /// Where it does not run.
    pub fn signal_application(&self, node: Node, signal: Signal) -> Result<()> {
        let pid = nix::unistd::Pid::from_raw(self.application_pid(node)?.cast_signed());
        Ok(nix::sys::signal::kill(pid, signal)?)
    }

    /// What the SIP node of a host counts, as its API shows it.
    ///
    /// # Errors
    /// Where it does not answer.
    pub fn node_metrics(&self, node: Node) -> Result<String> {
        let url = format!("http://127.0.0.1:{}/metrics", files::NODE_API_PORT);
        let token = format!("Authorization: Bearer {OPERATOR_TOKEN}");
        self.lab.run(node, &["curl", "-sS", "--max-time", "5", "-H", &token, &url])
    }

    /// An error, and after it what every program wrote last and the newest events.
    pub fn explain(&mut self, error: anyhow::Error) -> anyhow::Error {
        let mut story = String::new();
        let agents = self.agents.values_mut();
        for running in self.control.iter_mut().chain(agents).chain(&mut self.ended) {
            story.push_str(&running.story());
            story.push('\n');
        }
        if let Ok(events) = self.events_after(0) {
            story.push_str("--- events\n");
            story.push_str(&crate::trace::render(&events));
        }
        if let Ok(overview) = self.overview() {
            story.push_str(&format!("--- overview\n{}\n", overview.0));
        }
        let first = format!("{error:#}\n\nthe system's story:\n{story}");
        error.context(first)
    }

    /// Writes the configuration folder again. The control server notices.
    ///
    /// # Errors
    /// Where it can not be written.
    pub fn rewrite_configuration(&mut self, settings: Settings) -> Result<()> {
        self.files().write_configuration(&settings)?;
        self.settings = settings;
        Ok(())
    }
}

/// The application on a node.
pub fn application(node: Node) -> &'static str {
    if node == Node::H1 { PRIMARY } else { BACKUP }
}
