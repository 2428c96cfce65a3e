//! UDP sockets of the SIP node: whole batches of datagrams in and out with one call of the kernel
//! each. What is in a datagram must not matter here.
//!
//! Errors that routers and hosts report (ICMP) never stop a socket: they are told as destinations
//! that could not be reached.

mod captures;
mod runs;
mod sending;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, recvmsg, setsockopt,
    sockopt,
};

use super::bind::{Kind, open};
use super::limits::{
    BATCH_MAX, MESSAGE_BYTES_MAX, UDP_RECEIVE_BUFFER_BYTES, UDP_SEND_BUFFER_BYTES, UNREACHABLE_MAX,
};
use captures::Captures;

/// Room for one datagram: whole cache lines, and one more than a power of two has, so that the
/// beginnings of a batch do not all fall into the same lines of the cache.
const ROOM: usize = (MESSAGE_BYTES_MAX + 1) + 64;

/// What the sockets of a node did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct UdpCounts {
    /// Datagrams received.
    pub(crate) received: u64,
    /// Calls of the kernel that brought at least one.
    pub(crate) batches: u64,
    /// Datagrams sent.
    pub(crate) sent: u64,
    /// Those of them that left in runs.
    pub(crate) in_runs: u64,
    /// Datagrams not sent: the kernel refused them, or no socket has their family.
    pub(crate) refused: u64,
    /// Datagrams dropped because the send buffer was full.
    pub(crate) dropped: u64,
    /// Reports of destinations that could not be reached.
    pub(crate) unreachable: u64,
}

/// The UDP sockets of a node, one for each local address, and the memory that they share.
pub(crate) struct Udp {
    sockets: Vec<Socket>,
    room: Box<[u8]>,
    unreachable: Vec<SocketAddr>,
    captures: Captures,
    counts: UdpCounts,
}

struct Socket {
    socket: UdpSocket,
    is_ipv4: bool,
    /// The kernel has said that something is in its queue of errors.
    has_errors: bool,
    /// The kernel cuts runs into their messages.
    takes_runs: bool,
    received: MultiHeaders<SockaddrStorage>,
    sent: MultiHeaders<SockaddrStorage>,
}

impl std::fmt::Debug for Udp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Udp").field("counts", &self.counts).finish_non_exhaustive()
    }
}

impl Udp {
    /// No sockets yet.
    pub(crate) fn new() -> Self {
        Self {
            sockets: Vec::new(),
            room: vec![0; ROOM * BATCH_MAX].into_boxed_slice(),
            unreachable: Vec::with_capacity(UNREACHABLE_MAX),
            captures: Captures::default(),
            counts: UdpCounts::default(),
        }
    }

    /// Takes sockets that [`bind`] made, instead of those before.
    pub(crate) fn set(&mut self, sockets: Vec<UdpSocket>) {
        self.sockets = sockets.into_iter().map(Socket::new).collect();
    }

    /// Closes them at once.
    pub(crate) fn close(&mut self) {
        self.sockets.clear();
        self.unreachable.clear();
    }

    /// What they did since the start.
    pub(crate) fn counts(&self) -> UdpCounts {
        self.counts
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.sockets.len()
    }

    /// The descriptor of one of them, for `poll`.
    pub(crate) fn descriptor(&self, index: usize) -> Option<BorrowedFd<'_>> {
        self.sockets.get(index).map(|socket| socket.socket.as_fd())
    }

    /// Takes one batch of datagrams from a socket, whole and in order, and says how many there
    /// were. [`BATCH_MAX`]: there may be more.
    pub(crate) fn receive(
        &mut self,
        index: usize,
        mut each: impl FnMut(SocketAddr, &[u8]),
    ) -> usize {
        let Some(socket) = self.sockets.get_mut(index) else { return 0 };
        let rooms = self.room.chunks_exact_mut(ROOM);
        let mut slices: Vec<[io::IoSliceMut<'_>; 1]> =
            rooms.map(|room| [io::IoSliceMut::new(room)]).collect();
        let descriptor = socket.socket.as_raw_fd();
        let flags = MsgFlags::MSG_DONTWAIT;
        let batch = recvmmsg(descriptor, &mut socket.received, slices.iter_mut(), flags, None);
        let batch = match batch {
            Ok(batch) => batch,
            Err(errno) => {
                // Nothing there, or a report about something sent earlier.
                socket.has_errors |= errno != Errno::EAGAIN;
                return 0;
            }
        };
        let mut count = 0;
        for datagram in batch {
            count += 1;
            let Some(from) = datagram.address.as_ref().and_then(address) else { continue };
            if let Some(bytes) = datagram.iovs().next() {
                each(from, bytes);
            }
        }
        self.counts.batches += u64::from(count > 0);
        self.counts.received += count as u64;
        count
    }

    /// Whether the kernel has reported something since the last [`read_errors`](Self::read_errors).
    pub(crate) fn has_errors(&self, index: usize) -> bool {
        self.sockets.get(index).is_some_and(|socket| socket.has_errors)
    }

    /// Reads what routers and hosts reported about earlier datagrams of a socket.
    pub(crate) fn read_errors(&mut self, index: usize) {
        let Some(socket) = self.sockets.get_mut(index) else { return };
        socket.has_errors = false;
        // A first part of the datagram comes back with each report; nobody needs it.
        let mut space = [0; 64];
        let mut control = nix::cmsg_space!(libc::sock_extended_err, libc::sockaddr_in6);
        for _ in 0..UNREACHABLE_MAX {
            let mut slices = [io::IoSliceMut::new(&mut space)];
            let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
            let descriptor = socket.socket.as_raw_fd();
            let Ok(report) =
                recvmsg::<SockaddrStorage>(descriptor, &mut slices, Some(&mut control), flags)
            else {
                return;
            };
            let errno = report.cmsgs().ok().and_then(|mut messages| {
                messages.find_map(|message| match message {
                    ControlMessageOwned::Ipv4RecvErr(error, _)
                    | ControlMessageOwned::Ipv6RecvErr(error, _) => Some(error.ee_errno),
                    _ => None,
                })
            });
            let errno = errno.and_then(|errno| i32::try_from(errno).ok()).map(Errno::from_raw);
            if errno.is_some_and(is_unreachable)
                && let Some(to) = report.address.as_ref().and_then(address)
            {
                note(&mut self.unreachable, &mut self.counts, to);
            }
        }
    }

    /// Destinations that could not be reached since the last call; each once.
    pub(crate) fn unreachable(&mut self) -> std::vec::Drain<'_, SocketAddr> {
        self.unreachable.drain(..)
    }
}

impl Socket {
    fn new(socket: UdpSocket) -> Self {
        let is_ipv4 = socket.local_addr().is_ok_and(|address| address.is_ipv4());
        // A kernel that does not know the option would send a run as one long message.
        let takes_runs = setsockopt(&socket, sockopt::UdpGsoSegment, &0).is_ok();
        let headers = || MultiHeaders::preallocate(BATCH_MAX, None);
        let (received, sent) = (headers(), headers());
        Self { socket, is_ipv4, has_errors: false, takes_runs, received, sent }
    }
}

fn note(unreachable: &mut Vec<SocketAddr>, counts: &mut UdpCounts, to: SocketAddr) {
    counts.unreachable += 1;
    if unreachable.len() < UNREACHABLE_MAX && !unreachable.contains(&to) {
        unreachable.push(to);
    }
}

/// Errors that are about the destination, not about the message or this host's memory.
fn is_unreachable(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::ECONNREFUSED | Errno::EHOSTUNREACH | Errno::ENETUNREACH | Errno::EHOSTDOWN
    )
}

/// Binds a UDP socket. The address need not be on this host yet.
///
/// # Errors
/// The kernel's, as in "address already in use".
pub(crate) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = open(Kind::Datagram, address)?;
    for (bytes, forced) in [(UDP_RECEIVE_BUFFER_BYTES, true), (UDP_SEND_BUFFER_BYTES, false)] {
        // Beyond the system's limit only a privileged process gets it; less is taken as it is.
        let set = match forced {
            true => setsockopt(&socket, sockopt::RcvBufForce, &bytes)
                .or_else(|_| setsockopt(&socket, sockopt::RcvBuf, &bytes)),
            false => setsockopt(&socket, sockopt::SndBufForce, &bytes)
                .or_else(|_| setsockopt(&socket, sockopt::SndBuf, &bytes)),
        };
        set?;
    }
    if address.is_ipv4() {
        setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
    } else {
        setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?;
    }
    Ok(UdpSocket::from(socket))
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let ipv4 = storage.as_sockaddr_in().map(|it| SocketAddr::V4(SocketAddrV4::from(*it)));
    ipv4.or_else(|| storage.as_sockaddr_in6().map(|it| SocketAddr::V6(SocketAddrV6::from(*it))))
}

/// As the kernel wants it.
pub(super) fn storage(address: SocketAddr) -> SockaddrStorage {
    match address {
        SocketAddr::V4(address) => SockaddrStorage::from(address),
        SocketAddr::V6(address) => SockaddrStorage::from(address),
    }
}
