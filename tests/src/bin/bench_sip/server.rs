//! The servers: ours with its forwarding component, and Kamailio as a user would tune it.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use takeover_tests::programs;

use crate::load::{CALLEE_PORT, Load};

/// Where the other site of a redirect answers checks.
const PEER_PORT: u16 = 5199;

/// Longest time until a server answers.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Whose server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    /// `takeover sip-node`, standalone, `forward-dr` deciding every call.
    Ours,
    /// Kamailio, one UDP worker.
    Kamailio,
}

impl Who {
    /// Both.
    pub(crate) const ALL: [Who; 2] = [Who::Kamailio, Who::Ours];

    /// Where it listens: both run while they are compared.
    pub(crate) fn port(self) -> u16 {
        match self {
            Who::Kamailio => 5160,
            Who::Ours => 5162,
        }
    }
}

/// A server that runs.
pub(crate) struct Server {
    who: Who,
    child: Child,
    peer: Option<Child>,
}

impl Server {
    /// Starts a server that can do what `load` asks, and waits until it answers.
    pub(crate) fn start(folder: &Path, who: Who, load: Load) -> Result<Server> {
        Server::start_with(folder, who, load, &[])
    }

    /// Ours, its allocator giving memory back as soon as it is free: slower, and its memory is what
    /// it holds.
    pub(crate) fn start_thrifty(folder: &Path, load: Load) -> Result<Server> {
        Server::start_with(folder, Who::Ours, load, &[("MIMALLOC_PURGE_DELAY", "0")])
    }

    fn start_with(
        folder: &Path,
        who: Who,
        load: Load,
        environment: &[(&str, &str)],
    ) -> Result<Server> {
        let folder = folder.join(format!("{who:?}-{load:?}"));
        fs::create_dir_all(&folder)?;
        let (mut command, peer) = match who {
            Who::Ours => (ours(&folder)?, Some(peer()?)),
            Who::Kamailio => (kamailio(&folder, load)?, None),
        };
        let log = fs::File::create(folder.join("log"))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        command.envs(environment.iter().copied());
        let child = command.spawn().with_context(|| format!("{who:?}"))?;
        let mut server = Server { who, child, peer };
        server.wait_until_it_answers(&folder)?;
        Ok(server)
    }

    fn wait_until_it_answers(&mut self, folder: &Path) -> Result<()> {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        let own = socket.local_addr()?;
        let end = Instant::now() + START_TIMEOUT;
        let mut buffer = [0; 2048];
        let port = self.who.port();
        for number in 0_u32.. {
            let ended = self.child.try_wait()?;
            if ended.is_some() || Instant::now() > end {
                let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
                bail!("the server does not answer: {ended:?}\n{log}");
            }
            let options = format!(
                "OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKs{number}\r\n\
                 Max-Forwards: 70\r\nFrom: <sip:s@{own}>;tag=s\r\nTo: <sip:127.0.0.1:{port}>\r\n\
                 Call-ID: s{number}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
            );
            // Refused until it listens.
            let _ = socket.send_to(options.as_bytes(), ("127.0.0.1", port));
            if socket.recv(&mut buffer).is_ok() {
                return self.check_peer();
            }
        }
        Ok(())
    }

    fn check_peer(&mut self) -> Result<()> {
        let ended = self.peer.as_mut().map(Child::try_wait).transpose()?.flatten();
        match ended {
            Some(status) => bail!("lab_sipd on 127.0.0.2:{PEER_PORT} ended at once: {status}"),
            None => Ok(()),
        }
    }

    /// Whose it is.
    pub(crate) fn who(&self) -> Who {
        self.who
    }

    /// On-CPU time so far of all its threads and children.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let mut nanos = 0;
        for pid in family(self.child.id()) {
            let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { continue };
            for task in tasks.flatten() {
                let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
                let first = text.split_whitespace().next().unwrap_or_default();
                nanos += first.parse::<u64>().unwrap_or_default();
            }
        }
        if nanos == 0 {
            bail!("no on-CPU time: does the kernel have schedstat?");
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// Memory that is its own, shared pages counted in parts, in MiB.
    pub(crate) fn memory_mib(&self) -> Result<f64> {
        let mut kib = 0.0;
        for pid in family(self.child.id()) {
            let path = format!("/proc/{pid}/smaps_rollup");
            let text = fs::read_to_string(&path).unwrap_or_default();
            let pss = text.lines().find_map(|line| line.strip_prefix("Pss:"));
            let number = pss.and_then(|rest| rest.split_whitespace().next());
            kib += number.and_then(|number| number.parse::<f64>().ok()).unwrap_or_default();
        }
        Ok(kib / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pids: Vec<u32> = family(self.child.id());
        for pid in pids.into_iter().rev() {
            let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap_or_default());
            // It may have ended with its parent.
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        }
        let _ = self.child.wait();
        if let Some(peer) = &mut self.peer {
            let _ = peer.kill();
            let _ = peer.wait();
        }
    }
}

/// A process and its children, parents first.
fn family(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut next = 0;
    while let Some(&pid) = all.get(next) {
        next += 1;
        let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { continue };
        for task in tasks.flatten() {
            let text = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            all.extend(text.split_whitespace().filter_map(|word| word.parse::<u32>().ok()));
        }
    }
    all
}

/// Answers the checks of the trunk to the other site.
fn peer() -> Result<Child> {
    let mut command = Command::new(programs::ours("lab_sipd")?);
    command.args(["--name", "peer", "--listen", &format!("127.0.0.2:{PEER_PORT}")]);
    command.spawn().context("lab_sipd")
}

fn ours(folder: &Path) -> Result<Command> {
    let (plugins, port) = (programs::plugins()?, Who::Ours.port());
    let node = format!(
        "name = \"bench\"\nplugins = \"{}\"\n\
         [sip]\nudp = [\"127.0.0.1:{port}\"]\nsource_rate = 0\n\
         [api]\nlisten = \"127.0.0.1:5161\"\nplain = true\n\
         [forwarding]\npolicy = \"forward-dr\"\n",
        plugins.display()
    );
    let mut directory = format!(
        "[TServer]\nswitch = \"bench\"\nsip-address = \"127.0.0.1\"\nsip-port = {port}\n\
         dr-peer-trunk = \"peer\"\ndr-peer-location = \"other\"\n\
         [[dn]]\nnumber = \"callee\"\ntype = \"Extension\"\ncontact = \"127.0.0.1:{CALLEE_PORT}\"\n\
         [[dn]]\nnumber = \"1000\"\ntype = \"Extension\"\ncontact = \"127.0.0.1:{CALLEE_PORT}\"\n\
         dr-forward = \"no-agent\"\n\
         [[dn]]\nnumber = \"peer\"\ntype = \"Trunk\"\ncontact = \"127.0.0.2:{PEER_PORT}\"\n\
         prefix = \"999\"\noos-check = 300\noos-force = 10\n"
    );
    for number in 10_000..20_000 {
        directory.push_str(&format!("[[dn]]\nnumber = \"{number}\"\ntype = \"Extension\"\n"));
    }
    fs::write(folder.join("node.toml"), node)?;
    fs::write(folder.join("directory.toml"), directory)?;
    let mut command = Command::new(programs::takeover()?);
    command.args(["sip-node", "--run-mode", "primary", "--config"]).arg(folder.join("node.toml"));
    Ok(command)
}

fn kamailio(folder: &Path, load: Load) -> Result<Command> {
    const MODULES: &str = "/usr/lib/x86_64-linux-gnu/kamailio/modules";
    if !Path::new(MODULES).exists() {
        bail!("{MODULES}: not there; apt-get install kamailio");
    }
    let routes = match load {
        Load::Redirect | Load::Options => format!(
            r#"
            if ($rm == "ACK") {{ exit; }}
            if ($rm == "OPTIONS") {{ sl_send_reply("200", "OK"); exit; }}
            $ru = "sip:" + $rU + "@127.0.0.1:{PEER_PORT}";
            sl_send_reply("302", "Moved Temporarily");"#
        ),
        Load::Register => r#"
            if ($rm == "OPTIONS") { sl_send_reply("200", "OK"); exit; }
            if (is_method("REGISTER")) { save("location"); }"#
            .to_owned(),
        Load::Proxy => format!(
            r#"
            if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
            if ($rm == "OPTIONS") {{ sl_send_reply("200", "OK"); exit; }}
            if ($rm == "CANCEL") {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
            if (has_totag()) {{
                if (loose_route()) {{ t_relay(); exit; }}
                if ($rm == "ACK") {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
                sl_send_reply("404", "Not Here");
                exit;
            }}
            t_check_trans();
            if ($rm == "INVITE") {{ record_route(); }}
            $du = "sip:127.0.0.1:{CALLEE_PORT}";
            if (!t_relay()) {{ sl_reply_error(); }}"#
        ),
    };
    let port = Who::Kamailio.port();
    let mut modules = vec!["pv", "sl", "textops", "siputils"];
    match load {
        Load::Redirect | Load::Options => {}
        Load::Register => modules.extend(["usrloc", "registrar"]),
        Load::Proxy => modules.extend(["tm", "rr", "maxfwd"]),
    }
    let mut lines = format!(
        "#!KAMAILIO\ndebug=0\nlog_stderror=yes\nchildren=1\nauto_aliases=no\ndisable_tcp=yes\n\
         dns=no\nrev_dns=no\nlisten=udp:127.0.0.1:{port}\nmpath=\"{MODULES}\"\n"
    );
    // sl binds to tm where there is one, so tm comes first.
    modules.sort_by_key(|module| *module != "tm");
    for module in modules {
        lines.push_str(&format!("loadmodule \"{module}.so\"\n"));
    }
    if load == Load::Register {
        lines.push_str("modparam(\"usrloc\", \"db_mode\", 0)\n");
    }
    lines.push_str(&format!("request_route {{{routes}\n}}\n"));
    let file = folder.join("kamailio.cfg");
    fs::write(&file, lines)?;
    let mut command = Command::new("kamailio");
    command.args(["-DD", "-E", "-X", "fm", "-x", "fm", "-m", "2048", "-M", "16", "-f"]).arg(file);
    command.arg("-Y").arg(folder);
    Ok(command)
}
