//! How fast a takeover can be at all: no configuration, no checks, no safety. A yardstick for the
//! failover bench, not a design.
//!
//! `lab_floor take VIP PREFIX INTERFACE PORT [BEAT_MS MISSES]` on the backup: puts the address on
//! and announces it when told to over UDP, or when MISSES heartbeats in a row are missing.
//!
//! `lab_floor watch VIP PREFIX INTERFACE ADDRESS:PORT PID [BEAT_MS]` on the holder: when PID ends,
//! or at SIGTERM (a manual switchover), takes the address off and tells the backup.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::SignalFd;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use takeover_tests::arp::ArpSocket;
use takeover_tests::netlink::Addresses;

const HEARTBEAT: u8 = b'H';
const TAKE: u8 = b'T';

/// The address to move, with everything opened beforehand that moving it needs.
struct Vip {
    address: Ipv4Addr,
    prefix: u8,
    interface: String,
    kernel: Addresses,
    arp: ArpSocket,
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let word =
        |index: usize| words.get(index).with_context(|| format!("argument {index}: missing"));
    let number = |index: usize| -> Result<u64> { Ok(word(index)?.parse()?) };
    let interface = word(3)?.clone();
    let vip = Vip {
        address: word(1)?.parse().context("address")?,
        prefix: word(2)?.parse().context("prefix")?,
        arp: ArpSocket::open(&interface, Duration::from_millis(1))?,
        interface,
        kernel: Addresses::open()?,
    };
    match word(0)?.as_str() {
        "take" => {
            let silence = match words.len() {
                0..=5 => None,
                _ => Some(Duration::from_millis(number(5)? * number(6)?)),
            };
            take(&vip, word(4)?.parse()?, silence)
        }
        "watch" => {
            let pid = i32::try_from(number(5)?)?;
            let beat = if words.len() > 6 { Some(Duration::from_millis(number(6)?)) } else { None };
            watch(&vip, word(4)?, pid, beat)
        }
        other => bail!("{other}: expected take or watch"),
    }
}

/// The backup's part.
fn take(vip: &Vip, port: u16, silence: Option<Duration>) -> Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?;
    let mut message = [0];
    loop {
        match socket.recv(&mut message) {
            // The first heartbeat arms the watch.
            Ok(_) if message == [HEARTBEAT] => socket.set_read_timeout(silence)?,
            Ok(_) => break,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                break;
            }
            Err(error) => return Err(error.into()),
        }
    }
    vip.kernel.add(&vip.interface, vip.address.into(), vip.prefix)?;
    vip.arp.announce(vip.address)?;
    // Holds it until it is killed.
    loop {
        std::thread::park();
    }
}

/// The holder's part.
fn watch(vip: &Vip, to: &str, pid: i32, beat: Option<Duration>) -> Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect(to)?;
    let mut stop = SigSet::empty();
    stop.add(Signal::SIGTERM);
    stop.thread_block()?;
    let stop = SignalFd::new(&stop)?;
    let pid = Pid::from_raw(pid).context("process id zero")?;
    let process = pidfd_open(pid, PidfdFlags::empty()).context("watch process")?;
    vip.kernel.add(&vip.interface, vip.address.into(), vip.prefix)?;
    vip.arp.announce(vip.address)?;
    let mut next = Instant::now();
    loop {
        if let Some(beat) = beat {
            // A lost heartbeat is what the backup is there to notice.
            let _ = socket.send(&[HEARTBEAT]);
            next += beat;
        } else {
            next = Instant::now() + Duration::from_secs(3600);
        }
        let wait = Timespec::try_from(next.saturating_duration_since(Instant::now()))?;
        let mut events = [PollFd::new(&process, PollFlags::IN), PollFd::new(&stop, PollFlags::IN)];
        if poll(&mut events, Some(&wait))? > 0 {
            break;
        }
    }
    vip.kernel.delete(&vip.interface, vip.address.into(), vip.prefix)?;
    socket.send(&[TAKE])?;
    Ok(())
}
