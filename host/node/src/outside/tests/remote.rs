//! A real SSH server on loopback, with keys made for the test.

use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use takeover_engine::host::outside::{CommandCall, Remote};
use takeover_logic::link::Fault;

use super::{Bench, after, command, eventually, is_there, told};
use crate::outside::remote::quoted;

const SERVER: &str = "/usr/sbin/sshd";

/// An SSH server that lets one key in. Ended when dropped.
struct Server {
    folder: tempfile::TempDir,
    process: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn key(folder: &Path, name: &str) -> String {
    let file = folder.join(name);
    let made = Command::new("/usr/bin/ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "comment", "-f"])
        .arg(&file)
        .status();
    assert!(made.unwrap().success());
    fs::read_to_string(file.with_extension("pub")).unwrap()
}

impl Server {
    async fn start(test: &str) -> Option<Self> {
        let are_there = [SERVER, "/usr/bin/ssh", "/usr/bin/ssh-keygen"];
        if !are_there.iter().all(|program| is_there(test, program)) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        key(path, "host");
        let user = key(path, "user");
        key(path, "stranger");
        fs::write(path.join("authorized"), user).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let at = path.display();
        let settings = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {at}/host\nPidFile none\n\
             AuthorizedKeysFile {at}/authorized\nStrictModes no\nUsePAM no\n\
             PermitRootLogin yes\nPasswordAuthentication no\n"
        );
        fs::write(path.join("sshd_config"), settings).unwrap();
        if nix::unistd::geteuid().is_root() {
            // Debian's start script makes it.
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let process = Command::new(SERVER)
            .args(["-D", "-e", "-f"])
            .arg(path.join("sshd_config"))
            .stdin(Stdio::null())
            .stderr(fs::File::create(path.join("log")).unwrap())
            .spawn()
            .unwrap();
        let log = path.join("log");
        let server = Self { folder, process, port };
        let listens = || fs::read_to_string(&log).ok()?.contains("Server listening").then_some(());
        eventually("sshd listens", listens).await;
        Some(server)
    }

    /// Whether the kernel has an established connection (state 01) to the server.
    fn is_connected(&self) -> bool {
        let table = fs::read_to_string("/proc/net/tcp").unwrap();
        let port = format!(":{:04X}", self.port);
        table.lines().any(|line| {
            let mut columns = line.split_ascii_whitespace().skip(1);
            columns.next().is_some_and(|local| local.ends_with(&port))
                && columns.next().is_some()
                && columns.next() == Some("01")
        })
    }

    fn remote(&self) -> Remote {
        let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap();
        Remote {
            host: "127.0.0.1".into(),
            port: self.port,
            user: user.name,
            identity: self.folder.path().join("user"),
            host_key: fs::read_to_string(self.folder.path().join("host.pub")).unwrap(),
        }
    }
}

fn there(remote: Remote, program: &str, arguments: &[&str]) -> CommandCall {
    CommandCall { remote: Some(remote), ..command(program, arguments) }
}

#[tokio::test]
async fn a_program_runs_on_the_bound_host() {
    let Some(server) = Server::start("a_program_runs_on_the_bound_host").await else { return };
    let bench = Bench::start();
    let arguments = ["[%s]", "a b", "", "$HOME;`id`", "'\"\\", "*", "ä\n~", "!x"];
    let call = there(server.remote(), "/usr/bin/printf", &arguments);
    let output = bench.run(call).await.unwrap();
    assert_eq!(output.stdout, "[a b][][$HOME;`id`]['\"\\][*][ä\n~][!x]");
    assert_eq!((output.exit_code, output.stderr.as_str()), (0, ""));

    let run = |script: &'static str| bench.run(there(server.remote(), "/bin/sh", &["-c", script]));
    let output = run("echo out; echo err >&2; exit 7").await.unwrap();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("out\n", "err\n"));
    assert_eq!(output.exit_code, 7);
    assert_eq!(run("exit 255").await.unwrap().exit_code, 255);
    assert_eq!(run("kill -9 $$").await.unwrap().exit_code, 128 + 9);
    let output = bench.run(there(server.remote(), "/no/such/program", &[])).await.unwrap();
    assert_eq!(output.exit_code, 127);
    assert!(output.stderr.contains("/no/such/program"), "{}", output.stderr);
}

#[tokio::test]
async fn another_host_key_is_refused() {
    let Some(server) = Server::start("another_host_key_is_refused").await else { return };
    let bench = Bench::start();
    let mark = server.folder.path().join("mark");
    let mut remote = server.remote();
    remote.host_key = fs::read_to_string(server.folder.path().join("stranger.pub")).unwrap();
    let text = told(bench.run(there(remote, "/usr/bin/touch", &[mark.to_str().unwrap()])).await);
    let (user, port) = (server.remote().user, server.port);
    assert_eq!(
        text,
        format!(
            "ssh to {user}@127.0.0.1 port {port}: its host key is not the one that is bound \
             (ssh-ed25519), so nothing was sent"
        )
    );
    // Of a type that the server does not have.
    let mut remote = server.remote();
    remote.host_key = remote.host_key.replace("ssh-ed25519", "ssh-rsa");
    let text = told(bench.run(there(remote, "/usr/bin/touch", &[mark.to_str().unwrap()])).await);
    assert!(text.contains("its host key is not the one that is bound (ssh-rsa)"), "{text}");
    assert!(!mark.exists(), "nothing ran");
    for wrong in ["", "ssh-ed25519", "ssh-ed25519 AAAA\n* ssh-ed25519 AAAB", "a b$(id)"] {
        let remote = Remote { host_key: wrong.into(), ..server.remote() };
        let refused = bench.run(there(remote, "/bin/true", &[])).await;
        assert!(matches!(refused, Err(Fault::Invalid(_))), "{wrong:?}: {refused:?}");
    }
}

#[tokio::test]
async fn who_is_not_let_in_is_told_why() {
    let Some(server) = Server::start("who_is_not_let_in_is_told_why").await else { return };
    let bench = Bench::start();
    let run = |remote| bench.run(there(remote, "/bin/true", &[]));
    let identity = server.folder.path().join("stranger");
    let text = told(run(Remote { identity, ..server.remote() }).await);
    assert!(text.contains("Permission denied (publickey"), "{text}");
    let identity = server.folder.path().join("missing");
    let text = told(run(Remote { identity, ..server.remote() }).await);
    assert!(text.contains("missing: No such file"), "{text}");

    // A path as the client would read it otherwise.
    let odd = server.folder.path().join("a %h b");
    fs::copy(server.folder.path().join("user"), &odd).unwrap();
    assert_eq!(run(Remote { identity: odd, ..server.remote() }).await.unwrap().exit_code, 0);

    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let refused = run(Remote { port: free, ..server.remote() }).await;
    assert!(matches!(refused, Err(Fault::Unavailable(_))), "{refused:?}");
    assert!(told(refused).contains("Connection refused"));
    for wrong in ["", "-oProxyCommand=id", "a b", "$(id)"] {
        let refused = run(Remote { host: wrong.into(), ..server.remote() }).await;
        assert!(matches!(refused, Err(Fault::Invalid(_))), "{wrong}: {refused:?}");
        let refused = run(Remote { user: wrong.into(), ..server.remote() }).await;
        assert!(matches!(refused, Err(Fault::Invalid(_))), "{wrong}: {refused:?}");
    }
}

#[tokio::test]
async fn at_the_deadline_the_connection_is_closed() {
    let Some(server) = Server::start("at_the_deadline_the_connection_is_closed").await else {
        return;
    };
    let bench = Bench::start();
    let mark = server.folder.path().join("mark");
    let script = format!("echo $$ > {}; exec sleep 600", mark.display());
    let mut call = there(server.remote(), "/bin/sh", &["-c", &script]);
    call.deadline = after(Duration::from_secs(3));
    let began = Instant::now();
    let seen = || server.is_connected().then_some(());
    let (ended, ()) = tokio::join!(bench.run(call), eventually("there is a connection", seen));
    assert_eq!(ended, Err(Fault::TimedOut));
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    // What was begun there goes on; this test ends it.
    let pid: i32 = fs::read_to_string(&mark).unwrap().trim().parse().unwrap();
    let pid = nix::unistd::Pid::from_raw(pid);
    let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
    let closed = || (!server.is_connected()).then_some(());
    eventually("the connection is closed", closed).await;
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_at_the_deadline() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let name = "a_server_that_says_nothing_is_given_up_at_the_deadline";
    let Some(server) = Server::start(name).await else { return };
    let port = silent.local_addr().unwrap().port();
    let mut call = there(Remote { port, ..server.remote() }, "/bin/true", &[]);
    call.deadline = after(Duration::from_millis(500));
    assert_eq!(Bench::start().run(call).await, Err(Fault::TimedOut));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// The words arrive as they were, whatever is in them.
    #[test]
    fn a_shell_reads_quoted_words_as_they_were(
        words in prop::collection::vec(prop::collection::vec(1u8.., 0..40), 0..6)
    ) {
        let mut line = b"printf '%s\\0' x".to_vec();
        for word in &words {
            line.push(b' ');
            line.extend(quoted(word));
        }
        let output = Command::new("/bin/sh").arg("-c").arg(OsStr::from_bytes(&line)).output();
        let output = output.unwrap();
        prop_assert!(output.status.success(), "{:?}", output);
        let mut expected = b"x\0".to_vec();
        for word in &words {
            expected.extend_from_slice(word);
            expected.push(0);
        }
        prop_assert_eq!(output.stdout, expected);
    }
}
