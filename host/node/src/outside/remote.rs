//! Programs on another host, by the OpenSSH client of this one.
//!
//! Must not know why. Only the host key that the grant binds is accepted, only the key that it
//! names is shown, and nothing else of the client's configuration counts. At the deadline the
//! client is killed, which closes the connection; a program there that does not notice goes on.
//!
//! SSH hands the remote side one string, which the user's shell there reads; it has to be a POSIX
//! shell. Its answer for a program that is not there is exit code 127 (126: not executable), with
//! its own words on stderr.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Instant;

use takeover_engine::host::outside::{CommandCall, CommandOutput, Remote};
use takeover_logic::link::Fault;
use tempfile::TempDir;

use super::command::Programs;
use super::reach::without_brackets;
use super::{failed, invalid, unavailable};
use crate::limits::SSH_LOG_BYTES_MAX;

/// Where Debian, Red Hat and SUSE have it.
const CLIENT: &str = "/usr/bin/ssh";

/// Name of the host in the file of known hosts: the same however it is reached.
const ALIAS: &str = "bound";

/// Exit code of the client's own troubles. A program may leave it, too; then the log is empty.
const CLIENT_FAILED: i32 = 255;

/// Runs the program of a call over there.
///
/// # Cancel safety
/// Dropping the future kills the client.
pub(super) async fn run(
    programs: &Programs,
    there: &Remote,
    call: &CommandCall,
) -> Result<CommandOutput, Fault> {
    let (remote, deadline) = (there.clone(), call.deadline);
    let command = command_line(&call.program, &call.arguments)?;
    let preparing = tokio::task::spawn_blocking(move || Session::new(&remote, command, deadline));
    let session = preparing.await.unwrap_or_else(|_| Err(unavailable("no program is started")))?;
    let output = programs.run(PathBuf::from(CLIENT), session.arguments.clone()).await?;
    if output.exit_code != CLIENT_FAILED {
        return Ok(output);
    }
    let reading = tokio::task::spawn_blocking(move || session.log());
    let log = reading.await.unwrap_or_default();
    if log.is_empty() { Ok(output) } else { Err(fault(there, &log)) }
}

/// One use of the client, with a private folder that goes away with it.
struct Session {
    arguments: Vec<OsString>,
    folder: TempDir,
}

impl Session {
    fn new(there: &Remote, command: OsString, deadline: Instant) -> Result<Self, Fault> {
        let host = without_brackets(&there.host);
        check_names(host, &there.user)?;
        check_identity(host, &there.identity)?;
        let unmade = |error: std::io::Error| failed(format!("ssh to {host}: {error}"));
        // Only its owner can enter it.
        let folder = TempDir::new().map_err(unmade)?;
        let known_hosts = folder.path().join("known_hosts");
        fs::write(&known_hosts, format!("{ALIAS} {}\n", host_key(there)?)).map_err(unmade)?;
        let left = deadline.saturating_duration_since(Instant::now());
        let files = [
            file_option("UserKnownHostsFile", &known_hosts)?,
            file_option("IdentityFile", &there.identity)?,
        ];
        let mut arguments: Vec<OsString> = ["-T", "-F", "none", "-E"].map(Into::into).into();
        arguments.push(folder.path().join("log").into());
        let connect_timeout = format!("ConnectTimeout={}", left.as_secs().saturating_add(1));
        let alias = format!("HostKeyAlias={ALIAS}");
        let options = OPTIONS.iter().copied().chain([connect_timeout.as_str(), &alias]);
        for option in options.map(OsString::from).chain(files) {
            arguments.extend(["-o".into(), option]);
        }
        arguments.extend(["-p".into(), there.port.to_string().into()]);
        arguments.extend(["-l".into(), OsString::from(&there.user)]);
        arguments.extend(["--".into(), OsString::from(host), command]);
        Ok(Self { arguments, folder })
    }

    /// What the client itself had to say, apart from what the program wrote.
    fn log(&self) -> String {
        let mut bytes = Vec::new();
        if let Ok(file) = File::open(self.folder.path().join("log")) {
            let _ = file.take(SSH_LOG_BYTES_MAX).read_to_end(&mut bytes);
        }
        let log = String::from_utf8_lossy(&bytes).into_owned();
        let lines = log.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.collect::<Vec<_>>().join("; ")
    }
}

/// Everything that the client could ask, offer, forward or look up besides what it is for is off.
const OPTIONS: &[&str] = &[
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "GlobalKnownHostsFile=none",
    "KnownHostsCommand=none",
    "UpdateHostKeys=no",
    "VerifyHostKeyDNS=no",
    "CheckHostIP=no",
    "CanonicalizeHostname=no",
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "AddKeysToAgent=no",
    "PreferredAuthentications=publickey",
    "PubkeyAuthentication=yes",
    "PasswordAuthentication=no",
    "KbdInteractiveAuthentication=no",
    "HostbasedAuthentication=no",
    "GSSAPIAuthentication=no",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "Tunnel=no",
    "PermitLocalCommand=no",
    "ProxyCommand=none",
    "ProxyJump=none",
    "ControlMaster=no",
    "ControlPath=none",
    "EscapeChar=none",
    "RequestTTY=no",
    "ConnectionAttempts=1",
    "LogLevel=ERROR",
];

/// The program and its arguments as a POSIX shell reads them, and nothing else. The exit keeps the
/// shell beside the program, so that it tells a signal as 128 + n; SSH itself would not.
fn command_line(program: &Path, arguments: &[String]) -> Result<OsString, Fault> {
    let mut line = quoted(program.as_os_str().as_bytes());
    for argument in arguments {
        line.push(b' ');
        line.extend(quoted(argument.as_bytes()));
    }
    if line.contains(&0) {
        let program = program.display();
        return Err(invalid(format!("program {program}: an argument has a zero byte in it")));
    }
    line.extend_from_slice(b"; exit $?");
    Ok(OsString::from_vec(line))
}

/// One word of a POSIX shell (section 2.2.2 of its language): everything but a single quote stands
/// for itself between single quotes.
pub(super) fn quoted(word: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'\''];
    for byte in word {
        match byte {
            b'\'' => quoted.extend_from_slice(br"'\''"),
            byte => quoted.push(*byte),
        }
    }
    quoted.push(b'\'');
    quoted
}

/// An option with a path, which the client would split at spaces and expand otherwise.
fn file_option(name: &str, path: &Path) -> Result<OsString, Fault> {
    let bytes = path.as_os_str().as_bytes();
    let is_plain = |byte: &u8| !byte.is_ascii_control() && !matches!(byte, b'"' | b'\\' | b'$');
    if !path.is_absolute() || !bytes.iter().all(is_plain) {
        return Err(invalid(format!(
            "ssh: file {}: allowed is an absolute path without \", \\ and $",
            path.display()
        )));
    }
    let mut option = format!("{name}=\"").into_bytes();
    for byte in bytes {
        option.push(*byte);
        if *byte == b'%' {
            option.push(b'%');
        }
    }
    option.push(b'"');
    Ok(OsString::from_vec(option))
}

/// The client refuses other names on its own, but in words that look like the program's.
fn check_names(host: &str, user: &str) -> Result<(), Fault> {
    let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:%".contains(c);
    if host.is_empty() || host.starts_with('-') || !host.chars().all(is_host) {
        return Err(invalid(format!("ssh: host {host}: is neither a name nor an address")));
    }
    let is_user = |c: char| c.is_ascii_alphanumeric() || "-._@+$".contains(c);
    if user.is_empty() || user.starts_with('-') || !user.chars().all(is_user) {
        return Err(invalid(format!(
            "ssh to {host}: user {user}: allowed are letters, digits and -._@+$"
        )));
    }
    Ok(())
}

/// The client says little where its key can not be used, so that is looked at first.
fn check_identity(host: &str, identity: &Path) -> Result<(), Fault> {
    let file = File::open(identity).and_then(|file| file.metadata());
    match file {
        Ok(file) if file.is_file() => Ok(()),
        Ok(_) => Err(failed(format!("ssh to {host}: key {} is no file", identity.display()))),
        Err(error) => Err(failed(format!("ssh to {host}: key {}: {error}", identity.display()))),
    }
}

/// Type and key, nothing before or after them.
fn host_key(there: &Remote) -> Result<String, Fault> {
    let mut words = there.host_key.split_ascii_whitespace();
    let is_type =
        |word: &&str| word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-@.".contains(&b));
    let is_key =
        |word: &&str| word.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
    match (words.next().filter(is_type), words.next().filter(is_key)) {
        (Some(kind), Some(key)) if there.host_key.lines().count() == 1 => {
            Ok(format!("{kind} {key}"))
        }
        _ => Err(invalid(format!(
            "ssh to {}: host key: allowed is one line such as ssh-ed25519 AAAA...",
            there.host
        ))),
    }
}

/// What the client's own words mean to a component.
fn fault(there: &Remote, log: &str) -> Fault {
    let peer = format!("ssh to {}@{} port {}", there.user, there.host, there.port);
    let has = |words: &[&str]| words.iter().any(|word| log.contains(word));
    if has(&["Host key verification failed", "no matching host key type"]) {
        let kind = there.host_key.split_ascii_whitespace().next().unwrap_or_default();
        return failed(format!(
            "{peer}: its host key is not the one that is bound ({kind}), so nothing was sent"
        ));
    }
    let unreachable = [
        "Connection refused",
        "Connection timed out",
        "Connection reset",
        "Connection closed",
        "Could not resolve hostname",
        "No route to host",
        "Network is unreachable",
        "kex_exchange_identification",
    ];
    let text = format!("{peer}: {log}");
    if has(&unreachable) { unavailable(text) } else { failed(text) }
}
