//! The SIP port: bound as primary only, given up at once as backup (the two instances of a
//! single-host pair share it).
//!
//! ```text
//!   backup --primary--> trying --bound--> serving
//!     ^                  |   ^ |
//!     |    every 500 ms  +---+ +-- the first failure: 00-04200
//!     |                        +-- once, when the peer is there: SERVICE_UNAVAILABLE, so that the
//!     +------- backup             pair alternates until one of the two can bind
//! ```
//!
//! What is done with the sockets must not matter here.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, bind, listen, setsockopt, socket, sockopt,
};
use takeover_logic::time::Instant;
use takeover_sip::flow::Transport;

use super::limits::BIND_RETRY_INTERVAL;
use super::udp;

/// What kind of socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// UDP.
    Datagram,
    /// TCP.
    Stream,
}

/// Opens and binds a socket, whether or not the address is on this host yet.
pub(super) fn open(kind: Kind, address: SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let kind_of = match kind {
        Kind::Datagram => SockType::Datagram,
        Kind::Stream => SockType::Stream,
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let opened = socket(family, kind_of, flags, None)?;
    if kind == Kind::Stream {
        // Connections of an earlier time as primary linger; for UDP it would share the port.
        setsockopt(&opened, sockopt::ReuseAddr, &true)?;
    }
    if address.is_ipv6() {
        // Both families on their own sockets: one set of addresses, no mapped ones.
        setsockopt(&opened, sockopt::Ipv6V6Only, &true)?;
    }
    // The virtual IP comes when its alarm reaction has run, which may be later. The kernel takes
    // this option of IPv4 for sockets of IPv6, too.
    setsockopt(&opened, sockopt::IpFreebind, &true)?;
    bind(opened.as_raw_fd(), &udp::storage(address))?;
    Ok(opened)
}

/// Where a node listens for SIP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listen {
    /// By UDP.
    pub(crate) udp: Vec<SocketAddr>,
    /// By TCP.
    pub(crate) tcp: Vec<SocketAddr>,
    /// By TLS.
    pub(crate) tls: Vec<SocketAddr>,
}

/// The sockets of a node that serves.
#[derive(Debug, Default)]
pub(crate) struct Bound {
    pub(crate) udp: Vec<UdpSocket>,
    pub(crate) tcp: Vec<TcpListener>,
    pub(crate) tls: Vec<TcpListener>,
}

/// Why the SIP port can not be bound.
#[derive(Debug, thiserror::Error)]
#[error("bind {transport} {address}: {source}")]
pub(crate) struct BindError {
    transport: Transport,
    address: SocketAddr,
    source: io::Error,
}

impl Listen {
    /// Binds all of them or none.
    ///
    /// # Errors
    /// The first that can not be bound.
    pub(crate) fn bind(&self) -> Result<Bound, BindError> {
        Ok(Bound {
            udp: each(Transport::Udp, &self.udp, udp::bind)?,
            tcp: each(Transport::Tcp, &self.tcp, tcp_listener)?,
            tls: each(Transport::Tls, &self.tls, tcp_listener)?,
        })
    }
}

fn each<S>(
    transport: Transport,
    addresses: &[SocketAddr],
    bind: fn(SocketAddr) -> io::Result<S>,
) -> Result<Vec<S>, BindError> {
    let bind = |address: &SocketAddr| {
        bind(*address).map_err(|source| BindError { transport, address: *address, source })
    };
    addresses.iter().map(bind).collect()
}

fn tcp_listener(address: SocketAddr) -> io::Result<TcpListener> {
    let opened = open(Kind::Stream, address)?;
    listen(&opened, Backlog::MAXCONN)?;
    Ok(TcpListener::from(opened))
}

/// What came of an attempt, or of a change of the run mode.
#[derive(Debug)]
pub(crate) enum News {
    /// Service is given from now on, by these.
    Bound(Bound),
    /// The first failure since the node became primary: 00-04200.
    Failed(BindError),
    /// The other node should try: SERVICE_UNAVAILABLE.
    Unavailable(String),
    /// It was said to be unavailable and is not any more: SERVICE_RUNNING.
    Available,
}

/// Whether the port is bound, should be, and what was said about it.
#[derive(Debug)]
pub(crate) struct Binding {
    listen: Listen,
    state: State,
    told_unavailable: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Backup,
    Trying { retry_at: Instant, failed: Option<String> },
    Serving,
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            State::Backup => f.write_str("not bound, as backup"),
            State::Trying { failed: None, .. } => f.write_str("about to be bound"),
            State::Trying { failed: Some(error), .. } => write!(f, "not bound: {error}"),
            State::Serving => f.write_str("bound"),
        }
    }
}

impl Binding {
    /// As backup.
    pub(crate) fn new(listen: Listen) -> Self {
        Self { listen, state: State::Backup, told_unavailable: false }
    }

    /// The node is primary from now on; the first attempt is due.
    pub(crate) fn wish(&mut self, now: Instant) {
        if self.state == State::Backup {
            self.state = State::Trying { retry_at: now, failed: None };
        }
    }

    /// The node is backup from now on; whoever has the sockets closes them first.
    pub(crate) fn give_up(&mut self) -> Option<News> {
        self.state = State::Backup;
        std::mem::take(&mut self.told_unavailable).then_some(News::Available)
    }

    /// When the next attempt is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Trying { retry_at, .. } => Some(*retry_at),
            State::Backup | State::Serving => None,
        }
    }

    /// It is bound.
    pub(crate) fn is_bound(&self) -> bool {
        self.state == State::Serving
    }

    /// Makes the attempt that is due. `has_peer`: the other node of the pair is there.
    pub(crate) fn attempt(&mut self, now: Instant, has_peer: bool) -> Vec<News> {
        let State::Trying { retry_at, failed } = &mut self.state else { return Vec::new() };
        if now < *retry_at {
            return Vec::new();
        }
        let mut news = Vec::new();
        match self.listen.bind() {
            Ok(bound) => {
                self.state = State::Serving;
                news.push(News::Bound(bound));
                if std::mem::take(&mut self.told_unavailable) {
                    news.push(News::Available);
                }
            }
            Err(error) => {
                *retry_at = now + BIND_RETRY_INTERVAL;
                let text = error.to_string();
                if failed.replace(text.clone()).is_none() {
                    news.push(News::Failed(error));
                }
                if has_peer && !std::mem::replace(&mut self.told_unavailable, true) {
                    news.push(News::Unavailable(text));
                }
            }
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Instant {
        Instant(milliseconds * 1_000_000)
    }

    /// An occupied port, and a node that wants it by UDP and TCP.
    fn occupied() -> (UdpSocket, Binding) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let listen = Listen { udp: vec![address], tcp: vec![address], tls: vec![] };
        (socket, Binding::new(listen))
    }

    #[test]
    fn bound_as_primary_only() {
        let (occupied, mut binding) = occupied();
        drop(occupied);
        assert!(binding.attempt(at(0), true).is_empty());
        binding.wish(at(1));
        assert_eq!(binding.deadline(), Some(at(1)));
        let news = binding.attempt(at(1), true);
        let [News::Bound(bound)] = &news[..] else { panic!("{news:?}") };
        assert_eq!((bound.udp.len(), bound.tcp.len()), (1, 1));
        assert!(binding.is_bound() && binding.deadline().is_none());
        assert!(binding.give_up().is_none());
        drop(news);
        // Given up, it can be bound again at once, by whoever.
        assert!(binding.listen.bind().is_ok());
    }

    #[test]
    fn a_failure_is_told_once_and_tried_again_until_it_works() {
        let (occupied, mut binding) = occupied();
        binding.wish(at(0));
        let news = binding.attempt(at(0), false);
        let [News::Failed(error)] = &news[..] else { panic!("{news:?}") };
        assert!(error.to_string().contains("in use"), "{error}");
        assert!(binding.attempt(at(499), false).is_empty(), "before its time");
        assert!(binding.attempt(at(500), false).is_empty(), "told already");
        // The peer has come: it is its turn, and it is told once.
        let news = binding.attempt(at(1000), true);
        assert!(matches!(&news[..], [News::Unavailable(_)]), "{news:?}");
        assert!(binding.attempt(at(1500), true).is_empty());
        drop(occupied);
        let news = binding.attempt(at(2000), true);
        assert!(matches!(&news[..], [News::Bound(_), News::Available]), "{news:?}");
    }

    #[test]
    fn as_backup_it_is_available_again() {
        let (_occupied, mut binding) = occupied();
        binding.wish(at(0));
        assert_eq!(binding.attempt(at(0), true).len(), 2);
        assert!(matches!(binding.give_up(), Some(News::Available)));
        assert!(binding.give_up().is_none());
        assert_eq!(binding.deadline(), None);
        // Another promotion tells again.
        binding.wish(at(9000));
        assert_eq!(binding.attempt(at(9000), true).len(), 2);
    }
}
