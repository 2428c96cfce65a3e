//! The referee: asks "who has this address?" every few milliseconds from a third party's place
//! and remembers every machine that answers, so that two holders at once can not go unseen.
//!
//! Each question carries a sender address of its own, which the answer repeats, so that a late
//! answer counts for the question it belongs to. IPv4 only.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{
    AddressFamily, LinkAddr, SockFlag, SockProtocol, SockType, bind, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;
use nix::unistd::{read, write};

use crate::lab::{Lab, Net, Node};

/// A link-layer address.
pub type Mac = [u8; 6];

/// Time between two questions.
const INTERVAL: Duration = Duration::from_millis(4);

/// Sender addresses in turn: 10.81.1.200 to .249. An answer later than their 200 ms would count
/// for a wrong question; the slowest seen on a loaded machine took 40 ms.
const SENDERS: u32 = 50;
const FIRST_SENDER: u32 = 200;

const FRAME_BYTES: usize = 42;
const REQUEST: u8 = 1;
const REPLY: u8 = 2;

/// The link-layer address of an interface in the calling thread's namespace.
///
/// # Errors
/// Where there is no such interface.
pub fn mac_of(interface: &str) -> Result<Mac> {
    link_address(interface)?.addr().context("no link-layer address")
}

fn link_address(interface: &str) -> Result<LinkAddr> {
    getifaddrs()?
        .filter(|found| found.interface_name == interface)
        .find_map(|found| found.address?.as_link_addr().copied())
        .with_context(|| format!("interface {interface}: not found"))
}

/// An Ethernet socket on one interface that sends and receives ARP.
pub struct ArpSocket {
    socket: OwnedFd,
    mac: Mac,
}

/// What an ARP packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArpPacket {
    /// Question or answer.
    pub is_reply: bool,
    /// Who says it.
    pub sender_mac: Mac,
    /// Which address the sender claims.
    pub sender: Ipv4Addr,
    /// Which address it is about.
    pub target: Ipv4Addr,
}

impl ArpSocket {
    /// Opens it in the calling thread's namespace. `patience` bounds one `receive`.
    ///
    /// # Errors
    /// Without the privilege or the interface.
    pub fn open(interface: &str, patience: Duration) -> Result<Self> {
        let address = link_address(interface)?;
        let socket = socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::EthAll,
        )?;
        bind(std::os::fd::AsRawFd::as_raw_fd(&socket), &address)?;
        let micros = i64::try_from(patience.as_micros()).unwrap_or(i64::MAX);
        let timeout = TimeVal::new(micros / 1_000_000, micros % 1_000_000);
        setsockopt(&socket, sockopt::ReceiveTimeout, &timeout)?;
        Ok(Self { socket, mac: address.addr().context("no link-layer address")? })
    }

    /// Asks everybody who has `target`, in the name of `sender`.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn ask(&self, sender: Ipv4Addr, target: Ipv4Addr) -> Result<()> {
        self.send(REQUEST, sender, target)
    }

    /// Announces that `address` is here (a question for one's own address, RFC 5227 section 3).
    ///
    /// # Errors
    /// As the kernel says.
    pub fn announce(&self, address: Ipv4Addr) -> Result<()> {
        self.send(REQUEST, address, address)
    }

    fn send(&self, operation: u8, sender: Ipv4Addr, target: Ipv4Addr) -> Result<()> {
        let mut frame = Vec::with_capacity(FRAME_BYTES);
        frame.extend([0xff; 6]);
        frame.extend(self.mac);
        // Ethernet type ARP; then Ethernet and IPv4 addresses of 6 and 4 bytes.
        frame.extend([0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, operation]);
        frame.extend(self.mac);
        frame.extend(sender.octets());
        frame.extend([0; 6]);
        frame.extend(target.octets());
        write(&self.socket, &frame)?;
        Ok(())
    }

    /// The next ARP packet; none where the patience ran out or another packet came.
    ///
    /// # Errors
    /// As the kernel says.
    pub fn receive(&self) -> Result<Option<ArpPacket>> {
        let mut frame = [0; 2048];
        match read(&self.socket, &mut frame) {
            Ok(length) => Ok(parse(frame.get(..length).unwrap_or_default())),
            Err(error) => {
                let error = std::io::Error::from(error);
                match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(None),
                    _ => Err(error.into()),
                }
            }
        }
    }
}

/// What an Ethernet frame says, where it is an ARP packet.
fn parse(frame: &[u8]) -> Option<ArpPacket> {
    if frame.get(12..20)? != [0x08, 0x06, 0, 1, 0x08, 0, 6, 4] {
        return None;
    }
    let address = |at: usize| -> Option<Ipv4Addr> {
        Some(Ipv4Addr::from(<[u8; 4]>::try_from(frame.get(at..at + 4)?).ok()?))
    };
    Some(ArpPacket {
        is_reply: *frame.get(21)? == REPLY,
        sender_mac: frame.get(22..28)?.try_into().ok()?,
        sender: address(28)?,
        target: address(38)?,
    })
}

/// One question and who answered it.
#[derive(Clone, Debug)]
struct Round {
    asked: Instant,
    holders: BTreeSet<Mac>,
}

/// A stretch of time in which more than one machine answered for the address.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// Since the referee began.
    pub after: Duration,
    /// From the first to the last question of the stretch; one question alone lasts zero.
    pub lasted: Duration,
    /// Who answered, by node name where known.
    pub holders: Vec<String>,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let holders = self.holders.join(" and ");
        write!(f, "{:?} after the start for {:?}: {holders}", self.after, self.lasted)
    }
}

/// Asks and remembers until it is dropped.
pub struct Referee {
    start: Instant,
    names: BTreeMap<Mac, &'static str>,
    rounds: Arc<Mutex<Vec<Round>>>,
    announcements: Arc<Mutex<Vec<(Instant, Mac)>>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<()>>>,
}

impl Referee {
    /// Begins to ask for `address` from the referee's place in the lab.
    ///
    /// # Errors
    /// As [`ArpSocket::open`].
    pub fn start(lab: &Lab, address: Ipv4Addr) -> Result<Self> {
        let names = [Node::H1, Node::H2]
            .iter()
            .map(|node| Ok((lab.mac(*node)?, node.name())))
            .collect::<Result<_>>()?;
        let mut referee = Self {
            start: Instant::now(),
            names,
            rounds: Arc::default(),
            announcements: Arc::default(),
            stop: Arc::default(),
            threads: Vec::new(),
        };
        let socket = lab.inside(Node::Referee, || {
            ArpSocket::open(Net::Sip.interface(), Duration::from_millis(50))
        })?;
        let socket = Arc::new(socket);
        let (asking, rounds, stop) =
            (Arc::clone(&socket), Arc::clone(&referee.rounds), Arc::clone(&referee.stop));
        referee.threads.push(std::thread::spawn(move || ask(&asking, address, &rounds, &stop)));
        let (rounds, stop) = (Arc::clone(&referee.rounds), Arc::clone(&referee.stop));
        let announcements = Arc::clone(&referee.announcements);
        referee.threads.push(std::thread::spawn(move || {
            listen(&socket, address, &rounds, &announcements, &stop)
        }));
        Ok(referee)
    }

    /// Every stretch in which more than one machine answered.
    pub fn conflicts(&self) -> Vec<Conflict> {
        let rounds = lock(&self.rounds).clone();
        let mut found: Vec<Conflict> = Vec::new();
        let mut open: Option<(Instant, Instant, BTreeSet<Mac>)> = None;
        for round in &rounds {
            if round.holders.len() > 1 {
                let (_, last, holders) =
                    open.get_or_insert_with(|| (round.asked, round.asked, BTreeSet::new()));
                *last = round.asked;
                holders.extend(&round.holders);
            } else if let Some(stretch) = open.take() {
                found.push(self.conflict(stretch));
            }
        }
        found.extend(open.map(|stretch| self.conflict(stretch)));
        found
    }

    fn conflict(&self, (first, last, holders): (Instant, Instant, BTreeSet<Mac>)) -> Conflict {
        let holders: BTreeSet<String> = holders.iter().map(|mac| self.name(mac)).collect();
        Conflict {
            after: first - self.start,
            lasted: last - first,
            holders: holders.into_iter().collect(),
        }
    }

    /// Who answered the newest question that was answered at all.
    pub fn holder(&self) -> Option<String> {
        let rounds = lock(&self.rounds);
        let newest = rounds.iter().rev().find_map(|round| round.holders.first());
        newest.map(|mac| self.name(mac))
    }

    /// Who answered the last few questions, nobody included: the present state.
    pub fn holders_now(&self) -> BTreeSet<String> {
        let rounds = lock(&self.rounds);
        let recent = rounds.iter().rev().skip(2).take(5);
        recent.flat_map(|round| &round.holders).map(|mac| self.name(mac)).collect()
    }

    /// When whom was heard to announce the address without being asked.
    pub fn announcements(&self) -> Vec<(Instant, String)> {
        lock(&self.announcements).iter().map(|(at, mac)| (*at, self.name(mac))).collect()
    }

    /// Fails where more than one machine answered for longer than `grace`. A single question
    /// with two answers is not a conflict: it reaches the two hosts at two moments, and the
    /// address may rightly have moved between them.
    ///
    /// # Errors
    /// With every stretch that was too long.
    pub fn verdict(&self, grace: Duration) -> Result<()> {
        let conflicts = self.conflicts();
        let bad: Vec<String> = conflicts
            .iter()
            .filter(|conflict| conflict.lasted > grace)
            .map(ToString::to_string)
            .collect();
        if lock(&self.rounds).iter().all(|round| round.holders.is_empty()) {
            bail!("the referee never got an answer, so it can not judge");
        }
        if !bad.is_empty() {
            bail!("more than one holder (grace {grace:?}): {}", bad.join("; "));
        }
        Ok(())
    }

    fn name(&self, mac: &Mac) -> String {
        match self.names.get(mac) {
            Some(name) => (*name).to_owned(),
            None => mac.map(|byte| format!("{byte:02x}")).join(":"),
        }
    }
}

impl Drop for Referee {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            match thread.join() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => eprintln!("the referee stopped: {error:#}"),
                Err(_) => eprintln!("the referee panicked"),
            }
        }
    }
}

/// Sender address of a question.
fn sender(round: u32) -> Ipv4Addr {
    let byte = u8::try_from(FIRST_SENDER + round % SENDERS).unwrap_or(u8::MAX);
    Ipv4Addr::new(10, 81, 1, byte)
}

fn ask(
    socket: &ArpSocket,
    address: Ipv4Addr,
    rounds: &Mutex<Vec<Round>>,
    stop: &AtomicBool,
) -> Result<()> {
    let mut next = Instant::now();
    for round in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let asked = Instant::now();
        lock(rounds).push(Round { asked, holders: BTreeSet::new() });
        socket.ask(sender(round), address)?;
        next = (next + INTERVAL).max(asked);
        sleep(next.saturating_duration_since(Instant::now()));
    }
    Ok(())
}

fn listen(
    socket: &ArpSocket,
    address: Ipv4Addr,
    rounds: &Mutex<Vec<Round>>,
    announcements: &Mutex<Vec<(Instant, Mac)>>,
    stop: &AtomicBool,
) -> Result<()> {
    while !stop.load(Ordering::Relaxed) {
        let Some(packet) = socket.receive()? else { continue };
        if packet.sender != address {
            continue;
        }
        if packet.target == address {
            lock(announcements).push((Instant::now(), packet.sender_mac));
        } else if packet.is_reply {
            let mut rounds = lock(rounds);
            // The newest question that was asked in the name which the answer is sent to.
            let last = u32::try_from(rounds.len()).unwrap_or(u32::MAX);
            let number = (last.saturating_sub(SENDERS)..last)
                .rev()
                .find(|round| sender(*round) == packet.target);
            if let Some(round) = number.and_then(|number| rounds.get_mut(number as usize)) {
                round.holders.insert(packet.sender_mac);
            }
        }
    }
    Ok(())
}

/// What a lock protects here is never half changed, so a panic elsewhere does no harm.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::{ArpPacket, parse};

    #[test]
    fn reply_is_read_and_other_frames_are_not() {
        let mut frame = vec![0xff; 12];
        frame.extend([0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 2]);
        frame.extend([2, 0, 0, 0, 0, 7]);
        frame.extend([10, 81, 1, 100]);
        frame.extend([2, 0, 0, 0, 0, 9]);
        frame.extend([10, 81, 1, 200]);
        let expected = ArpPacket {
            is_reply: true,
            sender_mac: [2, 0, 0, 0, 0, 7],
            sender: "10.81.1.100".parse().expect("address"),
            target: "10.81.1.200".parse().expect("address"),
        };
        assert_eq!(parse(&frame), Some(expected));
        assert_eq!(parse(&frame[..41]), None, "too short");
        frame[13] = 0;
        assert_eq!(parse(&frame), None, "not ARP");
    }
}
