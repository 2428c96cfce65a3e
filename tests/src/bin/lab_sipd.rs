//! The smallest SIP server that a test can do with: answers every UDP request with 200 and its
//! name in `Server:`, from the address that was asked, so that a virtual IP can come and go.
//!
//! `lab_sipd --name NAME --listen ADDRESS:PORT... [--wait] [--hold-mib N] [--notify]
//! [--watchdog-ms N]`
//!
//! `--wait`: while another process has a port, wait for it (the standby of a single-host pair);
//! `--delay-ms`: begin so much later, to let the other one have it first.
//! `--hold-mib`: memory to hold, since the kernel takes longer to end a bigger process.
//! `--notify`: tells READY=1 to its `NOTIFY_SOCKET`; `--watchdog-ms`: and WATCHDOG=1 so often.
//! SIGTERM ends it.

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::thread::{sleep, spawn};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, setsockopt, socket, sockopt,
};

/// What the command line says.
#[derive(Default)]
struct Arguments {
    name: String,
    listen: Vec<SocketAddr>,
    wait: bool,
    delay: Duration,
    hold_mib: usize,
    notify: bool,
    watchdog: Option<Duration>,
}

fn main() -> Result<()> {
    let arguments = arguments()?;
    sleep(arguments.delay);
    // Every page is written, or the kernel would not have to give it back.
    let held = vec![1_u8; arguments.hold_mib << 20];
    // A standby that waits for the port is as ready as it can be.
    if arguments.notify && arguments.wait {
        tell("READY=1\nSTATUS=waits for its turn")?;
    }
    let sockets: Vec<UdpSocket> =
        arguments.listen.iter().map(|at| listen(*at, arguments.wait)).collect::<Result<_>>()?;
    for socket in sockets {
        let name = arguments.name.clone();
        spawn(move || serve(&socket, &name));
    }
    if arguments.notify {
        tell("READY=1\nSTATUS=answers OPTIONS")?;
    }
    loop {
        match arguments.watchdog {
            Some(interval) => {
                tell("WATCHDOG=1")?;
                sleep(interval);
            }
            None => sleep(Duration::from_secs(3600)),
        }
        std::hint::black_box(&held);
    }
}

fn arguments() -> Result<Arguments> {
    let mut arguments = Arguments::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--notify" => arguments.notify = true,
            "--wait" => arguments.wait = true,
            _ => {
                let value = words.next().with_context(|| format!("{word}: value missing"))?;
                arguments.set(&word, value)?;
            }
        }
    }
    if arguments.listen.is_empty() {
        bail!("--listen: missing");
    }
    Ok(arguments)
}

impl Arguments {
    fn set(&mut self, word: &str, value: String) -> Result<()> {
        match word {
            "--name" => self.name = value,
            "--listen" => self.listen.push(value.parse().context(value)?),
            "--hold-mib" => self.hold_mib = value.parse().context(value)?,
            "--delay-ms" => self.delay = Duration::from_millis(value.parse().context(value)?),
            "--watchdog-ms" => {
                self.watchdog = Some(Duration::from_millis(value.parse().context(value)?));
            }
            _ => bail!("{word}: unknown"),
        }
        Ok(())
    }
}

/// A socket bound to an address that need not be here yet.
fn listen(address: SocketAddr, wait: bool) -> Result<UdpSocket> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let socket = socket(family, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    // The IPv4 option works for both families: the kernel keeps one flag.
    setsockopt(&socket, sockopt::IpFreebind, &true)?;
    loop {
        match bind(socket.as_raw_fd(), &SockaddrStorage::from(address)) {
            Err(Errno::EADDRINUSE) if wait => sleep(Duration::from_millis(1)),
            result => break result.with_context(|| format!("listen on {address}"))?,
        }
    }
    Ok(UdpSocket::from(socket))
}

/// Answers until the process ends. A failed send is the sender's problem: SIP repeats.
fn serve(socket: &UdpSocket, name: &str) {
    let mut buffer = [0; 8192];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        let request = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
        if let Some(response) = respond(&request, name) {
            let _ = socket.send_to(response.as_bytes(), from);
        }
    }
}

/// 200 to every request but ACK.
fn respond(request: &str, name: &str) -> Option<String> {
    let method = request.split(' ').next()?;
    if method == "SIP/2.0" || method == "ACK" {
        return None;
    }
    let mut response = String::from("SIP/2.0 200 OK\r\n");
    for line in request.lines().skip(1).take_while(|line| !line.trim().is_empty()) {
        let header = line.split(':').next()?.trim().to_ascii_lowercase();
        match header.as_str() {
            "via" | "v" | "from" | "f" | "call-id" | "i" | "cseq" | "record-route" => {
                response.push_str(line.trim_end());
            }
            "to" | "t" => {
                response.push_str(line.trim_end());
                if !line.contains(";tag=") {
                    response.push_str(&format!(";tag={name}"));
                }
            }
            _ => continue,
        }
        response.push_str("\r\n");
    }
    response
        .push_str(&format!("Server: {name}\r\nContact: <sip:{name}>\r\nContent-Length: 0\r\n\r\n"));
    Some(response)
}

/// Tells the program that started this one.
fn tell(message: &str) -> Result<()> {
    let path = std::env::var("NOTIFY_SOCKET").context("NOTIFY_SOCKET")?;
    let socket = UnixDatagram::unbound()?;
    if let Some(name) = path.strip_prefix('@') {
        use std::os::linux::net::SocketAddrExt;
        let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
        socket.send_to_addr(message.as_bytes(), &address)?;
    } else {
        socket.send_to(message.as_bytes(), &path)?;
    }
    Ok(())
}
