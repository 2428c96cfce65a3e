//! The four contestants of the bench behind one interface: start with the address on h1, kill
//! the SIP server, switch over by order.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use takeover_tests::keepalived::{self, Setup};
use takeover_tests::lab::{Lab, Net, Node, PREFIX_LENGTH, Running, VIP};
use takeover_tests::system::{Settings, System};
use takeover_tests::{programs, scheduling, wait};

use crate::PORT;

/// Port of the floor program's datagrams.
const FLOOR_PORT: u16 = 7000;

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// The program under test.
    Ours,
    /// keepalived as most examples set it up.
    KeepalivedUsual,
    /// keepalived as an expert sets it up.
    KeepalivedExpert,
    /// The least that a takeover needs.
    Floor,
}

impl Who {
    /// Every contestant.
    pub(crate) const ALL: [Who; 4] =
        [Who::Ours, Who::KeepalivedUsual, Who::KeepalivedExpert, Who::Floor];

    /// By its name on the command line.
    pub(crate) fn from_name(name: &str) -> Result<Who> {
        Ok(match name {
            "ours" => Who::Ours,
            "keepalived-usual" => Who::KeepalivedUsual,
            "keepalived-expert" => Who::KeepalivedExpert,
            "floor" => Who::Floor,
            _ => {
                bail!("{name}: unknown; there are ours, keepalived-usual, keepalived-expert, floor")
            }
        })
    }

    /// Its name in the table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Who::Ours => "takeover",
            Who::KeepalivedUsual => "keepalived, 1 s, 150/100",
            Who::KeepalivedExpert => "keepalived, 10 ms, 254/253",
            Who::Floor => "floor",
        }
    }

    /// Its longest timer: the event comes at a random moment of it.
    pub(crate) fn longest_timer(self) -> Duration {
        self.setup().map_or(Duration::from_millis(100), |setup| {
            Duration::from_secs_f64(setup.interval_s()).max(Duration::from_millis(100))
        })
    }

    /// Its configuration, where it is keepalived.
    pub(crate) fn setup(self) -> Option<Setup> {
        match self {
            Who::KeepalivedUsual => Some(Setup::Usual),
            Who::KeepalivedExpert => Some(Setup::Expert),
            Who::Ours | Who::Floor => None,
        }
    }
}

/// A contestant at work.
pub(crate) struct Contestant<'a> {
    servers: Vec<Running>,
    programs: Vec<Running>,
    system: Option<System<'a>>,
}

impl<'a> Contestant<'a> {
    /// Starts it, and waits until h1 holds the address and h2 is ready to take it.
    pub(crate) fn start(lab: &'a Lab, who: Who, realtime: bool) -> Result<Self> {
        match who {
            Who::Ours => Self::ours(lab, realtime),
            Who::Floor => Self::floor(lab, realtime),
            Who::KeepalivedUsual => Self::keepalived(lab, Setup::Usual, realtime),
            Who::KeepalivedExpert => Self::keepalived(lab, Setup::Expert, realtime),
        }
    }

    fn ours(lab: &'a Lab, realtime: bool) -> Result<Self> {
        let settings =
            Settings { heartbeat: Duration::from_millis(50), realtime, ..Settings::default() };
        let system = Some(System::up(lab, settings)?);
        Ok(Contestant { servers: Vec::new(), programs: Vec::new(), system })
    }

    fn floor(lab: &Lab, realtime: bool) -> Result<Self> {
        let servers = vec![sipd(lab, Node::H1, realtime)?, sipd(lab, Node::H2, realtime)?];
        let pid = servers.first().context("no server")?.pid();
        let start = |node, arguments: &str| {
            let mut command =
                program(&programs::ours("lab_floor")?, realtime, scheduling::TAKEOVER);
            command.args(arguments.split(' '));
            lab.spawn(node, "floor", command)
        };
        let vip = format!("{VIP} {PREFIX_LENGTH} {}", Net::Sip.interface());
        let take = start(Node::H2, &format!("take {vip} {FLOOR_PORT} 50 3"))?;
        wait::until("the floor listens on h2", Duration::from_secs(3), || {
            let sockets = lab.run(Node::H2, &["ss", "-Hlun"]).map_err(|error| error.to_string())?;
            if sockets.contains(&format!(":{FLOOR_PORT}")) { Ok(()) } else { Err(sockets) }
        })?;
        let to = Node::H2.address(Net::Management);
        let watch = start(Node::H1, &format!("watch {vip} {to}:{FLOOR_PORT} {pid} 50"))?;
        // The one that is signaled is first.
        let mut contestant = Contestant { servers, programs: vec![watch, take], system: None };
        contestant.wait_until_held(lab)?;
        Ok(contestant)
    }

    fn keepalived(lab: &Lab, setup: Setup, realtime: bool) -> Result<Self> {
        let mut contestant = Contestant { servers: Vec::new(), programs: Vec::new(), system: None };
        for node in [Node::H1, Node::H2] {
            // keepalived knows programs by name, machine-wide, so that each has a name of its own.
            let name = format!("sd{}{}", std::process::id(), node.name());
            let path = lab.state().join(&name);
            if !path.exists() {
                fs::copy(programs::ours("lab_sipd")?, &path)?;
            }
            let mut command = program(&path, realtime, scheduling::RESPONDER);
            command.args(["--name", node.name(), "--listen", &format!("{VIP}:{PORT}")]);
            contestant.servers.push(lab.spawn(node, "sipd", command)?);
            wait_for_server(lab, node)?;
            contestant.programs.push(keepalived::start(lab, node, setup, &name, realtime)?);
            if node == Node::H1 {
                contestant.wait_until_held(lab)?;
            }
        }
        wait::until("h2 hears h1", Duration::from_secs(5), || {
            let text = contestant.programs.last().map(Running::output).unwrap_or_default();
            if text.contains("Entering BACKUP STATE") { Ok(()) } else { Err(text) }
        })?;
        // The backup's timer runs with the holder's interval once it has heard it.
        std::thread::sleep(Duration::from_secs_f64(setup.interval_s() * 1.3));
        Ok(contestant)
    }

    fn wait_until_held(&mut self, lab: &Lab) -> Result<()> {
        wait::until("h1 holds the address", Duration::from_secs(10), || {
            match lab.has(Node::H1, VIP) {
                Ok(true) => Ok(()),
                Ok(false) => Err("h1 has no such address".to_owned()),
                Err(error) => Err(error.to_string()),
            }
        })
        .with_context(|| self.story())
    }

    /// SIGKILL to the SIP server of the holder.
    pub(crate) fn kill_server(&mut self) -> Result<()> {
        match &self.system {
            Some(system) => system.signal_application(Node::H1, Signal::SIGKILL),
            None => {
                self.servers.first_mut().context("no server")?.kill();
                Ok(())
            }
        }
    }

    /// Orders a switchover. keepalived knows none under `nopreempt`; stopping it is the way.
    pub(crate) fn switch_over(&mut self) -> Result<()> {
        match &self.system {
            Some(system) => system.switch_over().map(drop),
            None => self.programs.first().context("no program")?.signal(Signal::SIGTERM),
        }
    }

    /// What its programs wrote last.
    pub(crate) fn story(&mut self) -> String {
        if let Some(system) = &mut self.system {
            return format!("{:#}", system.explain(anyhow::anyhow!("ours")));
        }
        let programs = self.programs.iter_mut().chain(&mut self.servers);
        programs.map(Running::story).collect::<Vec<_>>().join("\n")
    }

    /// Ends everything.
    pub(crate) fn stop(self) {
        drop(self);
    }
}

/// A command, with SCHED_FIFO where wanted.
fn program(path: &std::path::Path, realtime: bool, priority: u8) -> Command {
    if !realtime {
        return Command::new(path);
    }
    let [chrt, arguments @ ..] = scheduling::realtime_prefix(priority);
    let mut command = Command::new(chrt);
    command.args(arguments).arg(path);
    command
}

/// Starts a responder and waits until it listens.
fn sipd(lab: &Lab, node: Node, realtime: bool) -> Result<Running> {
    let mut command = program(&programs::ours("lab_sipd")?, realtime, scheduling::RESPONDER);
    command.args(["--name", node.name(), "--listen", &format!("{VIP}:{PORT}")]);
    let running = lab.spawn(node, "sipd", command)?;
    wait_for_server(lab, node)?;
    Ok(running)
}

fn wait_for_server(lab: &Lab, node: Node) -> Result<()> {
    wait::until("the responder listens", Duration::from_secs(3), || {
        let sockets = lab.run(node, &["ss", "-Hlun"]).map_err(|error| error.to_string())?;
        if sockets.contains(&format!(":{PORT}")) { Ok(()) } else { Err(sockets) }
    })
}
