//! The calls that have no safe wrapper: a packet socket bound to one interface for ARP, the filter
//! of an ICMPv6 socket, waiting for a descriptor, and the slice of a thread. The only file of the
//! shell with unsafe code.
//!
//! Must not know what is sent or received.
#![allow(unsafe_code)]

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use libc::{c_int, c_void, socklen_t};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A non-blocking packet socket that sends and receives whole ARP frames on one interface.
///
/// # Errors
/// What `socket` or `bind` answer; `EPERM` without `CAP_NET_RAW`.
pub(crate) fn arp_socket(interface_index: u32) -> io::Result<OwnedFd> {
    let kind = libc::SOCK_RAW | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // Protocol 0: nothing is received before the socket is bound to its interface.
    // SAFETY: plain integers; the result is checked.
    let fd = unsafe { libc::socket(libc::AF_PACKET, kind, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: fd was just opened and belongs to nobody else.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: sockaddr_ll is plain data, for which zero is a value.
    let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
    address.sll_family = family(libc::AF_PACKET)?;
    address.sll_protocol = protocol(libc::ETH_P_ARP)?;
    address.sll_ifindex = c_int::try_from(interface_index).map_err(invalid)?;
    // SAFETY: the pointer is to a live sockaddr_ll, and the length is its own.
    let result = unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast::<libc::sockaddr>(),
            length_of::<libc::sockaddr_ll>()?,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(socket) }
}

/// Lets only ICMPv6 messages of one type through (RFC 3542 section 3.2).
///
/// # Errors
/// What `setsockopt` answers.
pub(crate) fn accept_only(icmpv6_socket: &OwnedFd, message_type: u8) -> io::Result<()> {
    const ICMP6_FILTER: c_int = 1;
    // A set bit blocks a type.
    let mut filter = [u32::MAX; 8];
    if let Some(word) = filter.get_mut(usize::from(message_type >> 5)) {
        *word &= !(1 << (message_type & 31));
    }
    // SAFETY: the pointer is to a live array, and the length is its own.
    let result = unsafe {
        libc::setsockopt(
            icmpv6_socket.as_raw_fd(),
            libc::IPPROTO_ICMPV6,
            ICMP6_FILTER,
            filter.as_ptr().cast::<c_void>(),
            length_of::<[u32; 8]>()?,
        )
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Lets a task wait until there is something to read. Panics outside a runtime, as all of tokio's
/// sockets do. One descriptor can be waited for in one place at a time.
///
/// # Errors
/// What `epoll_ctl` answers.
pub(crate) fn readable(descriptor: Arc<OwnedFd>) -> io::Result<AsyncFd<Arc<OwnedFd>>> {
    // SAFETY: an OwnedFd is open and the same descriptor until it is dropped, and the Arc, which
    // gives no mutable access to it, lives as long as what is made here.
    let registered = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) };
    registered.map_err(io::Error::from)
}

/// Sets how long the calling thread may keep the processor at a time, with the niceness that it
/// has; threads and programs that it starts have the system's own slice. Linux heeds it from 6.12
/// on, between 0.1 and 100 ms, and gives a thread with a shorter slice the processor when it wakes
/// (`sched_setattr(2)`, `SCHED_OTHER`).
///
/// # Errors
/// What `sched_setattr` answers; a thread of another policy than the usual one, which is left as
/// its operator wanted it.
pub(crate) fn set_slice(slice: Duration) -> io::Result<()> {
    // From <linux/sched.h>; libc has it for some systems only.
    const RESET_ON_FORK: u64 = 0x01;
    // SAFETY: thread 0 is the calling one.
    let policy = unsafe { libc::sched_getscheduler(0) };
    if policy & !libc::SCHED_RESET_ON_FORK != libc::SCHED_OTHER {
        return Err(invalid(io::Error::other(format!("scheduling policy {policy}"))));
    }
    let niceness = rustix::process::getpriority_process(None)?;
    let attributes = libc::sched_attr {
        size: u32::try_from(mem::size_of::<libc::sched_attr>()).map_err(invalid)?,
        sched_policy: libc::SCHED_OTHER.unsigned_abs(),
        sched_flags: RESET_ON_FORK,
        sched_nice: niceness,
        sched_priority: 0,
        sched_runtime: u64::try_from(slice.as_nanos()).map_err(invalid)?,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the pointer is to a live sched_attr whose first field is its size; thread 0 is the
    // calling one, and the last argument must be zero.
    let result = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn family(family: c_int) -> io::Result<u16> {
    u16::try_from(family).map_err(invalid)
}

/// The number of an Ethernet protocol in network byte order, as `bind` wants it.
fn protocol(number: c_int) -> io::Result<u16> {
    u16::try_from(number).map(u16::to_be).map_err(invalid)
}

fn length_of<T>() -> io::Result<socklen_t> {
    socklen_t::try_from(mem::size_of::<T>()).map_err(invalid)
}

fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}
