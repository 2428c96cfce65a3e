//! Sends what a turn of the loop has to send: runs of messages as one, the others one by one in as
//! few calls of the kernel as it takes.

use std::io::IoSlice;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmmsg, sendmsg};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use takeover_logic::time::Instant;

use super::runs::{self, Datagram, Part};
use super::{Socket, Udp, is_unreachable, note, storage};
use crate::sip_node::limits::{BATCH_MAX, UDP_SEND_WAIT};

impl Udp {
    /// Sends datagrams, those to one destination in order. One that can not be sent is counted and
    /// left out; where its destination is why, that is told by
    /// [`unreachable`](Self::unreachable).
    pub(crate) fn send<'m>(
        &mut self,
        now: Instant,
        datagrams: impl Iterator<Item = (std::net::SocketAddr, &'m [u8])>,
    ) {
        let mut datagrams = datagrams.peekable();
        while let Some((to, bytes)) = datagrams.next() {
            let mut batch: [Datagram<'_>; BATCH_MAX] = [(to, bytes); BATCH_MAX];
            let mut count = 1;
            for place in batch.iter_mut().skip(1) {
                let Some(next) = datagrams.next_if(|(next, _)| next.is_ipv4() == to.is_ipv4())
                else {
                    break;
                };
                *place = next;
                count += 1;
            }
            self.send_batch(now, batch.get_mut(..count).unwrap_or_default());
        }
    }

    /// Sends datagrams of one family.
    fn send_batch(&mut self, now: Instant, batch: &mut [Datagram<'_>]) {
        let family = batch.first().is_some_and(|(to, _)| to.is_ipv4());
        let Some(index) = self.sockets.iter().position(|socket| socket.is_ipv4 == family) else {
            self.counts.refused += batch.len() as u64;
            return;
        };
        if batch.len() < runs::RUN_MIN || !self.may_run(now, index) {
            return self.send_singles(index, batch);
        }
        // What goes to different destinations has no order.
        batch.sort_by_key(|(to, _)| *to);
        let mut rest: &[Datagram<'_>] = batch;
        while !rest.is_empty() {
            let part = runs::first_part(rest);
            let (Part::Run(count, _) | Part::Singles(count)) = part;
            let (these, others) = rest.split_at(count.min(rest.len()));
            let is_sent = match part {
                Part::Run(_, length) => self.send_run(index, these, length),
                Part::Singles(_) => false,
            };
            if !is_sent {
                self.send_singles(index, these);
            }
            rest = others;
        }
    }

    /// Whether runs leave whole: the kernel can cut them, and nobody captures them before it does.
    fn may_run(&mut self, now: Instant, index: usize) -> bool {
        let takes_runs = self.sockets.get(index).is_some_and(|socket| socket.takes_runs);
        takes_runs && !self.captures.are_there(now)
    }

    /// Sends a run, or nothing: then its messages are to be sent one by one.
    fn send_run(&mut self, index: usize, run: &[Datagram<'_>], length: u16) -> bool {
        let Some(socket) = self.sockets.get_mut(index) else { return false };
        match socket.send_run(run, length) {
            Ok(()) => {
                self.counts.sent += run.len() as u64;
                self.counts.in_runs += run.len() as u64;
                true
            }
            Err(errno) => {
                // It may be the report about an earlier datagram.
                socket.has_errors |= !matches!(errno, Errno::EAGAIN | Errno::ENOBUFS);
                // Not of this kernel, this interface or this path.
                if matches!(errno, Errno::EINVAL | Errno::EIO | Errno::EOPNOTSUPP) {
                    socket.takes_runs = false;
                }
                false
            }
        }
    }

    fn send_singles(&mut self, index: usize, datagrams: &[Datagram<'_>]) {
        let Some(socket) = self.sockets.get_mut(index) else { return };
        let mut rest = datagrams;
        // Each turn sends one, drops one, or is the one more chance that a message gets.
        let (mut waited, mut again) = (false, false);
        while let Some((to, _)) = rest.first() {
            let sent = match socket.send(rest) {
                Ok(sent) => {
                    self.counts.sent += sent as u64;
                    again = false;
                    sent.max(1)
                }
                Err(Errno::EINTR) => continue,
                Err(Errno::EAGAIN | Errno::ENOBUFS) if !waited => {
                    waited = true;
                    socket.wait_for_room();
                    continue;
                }
                Err(Errno::EAGAIN | Errno::ENOBUFS) => {
                    self.counts.dropped += 1;
                    1
                }
                // The report about an earlier datagram comes as the error of this one.
                Err(_) if !again => {
                    (again, socket.has_errors) = (true, true);
                    continue;
                }
                Err(errno) => {
                    again = false;
                    self.counts.refused += 1;
                    if is_unreachable(errno) {
                        note(&mut self.unreachable, &mut self.counts, *to);
                    }
                    1
                }
            };
            rest = rest.get(sent..).unwrap_or_default();
        }
    }
}

impl Socket {
    /// Sends a batch, as far as the kernel takes it at once.
    fn send(&mut self, datagrams: &[Datagram<'_>]) -> Result<usize, Errno> {
        let mut slices = [[IoSlice::new(&[])]; BATCH_MAX];
        let mut addresses: [Option<SockaddrStorage>; BATCH_MAX] = [None; BATCH_MAX];
        for (place, (to, bytes)) in slices.iter_mut().zip(&mut addresses).zip(datagrams) {
            (*place.0, *place.1) = ([IoSlice::new(bytes)], Some(storage(*to)));
        }
        let slices = slices.get(..datagrams.len()).unwrap_or(&slices);
        let addresses = addresses.get(..slices.len()).unwrap_or_default();
        let no_control: [ControlMessage<'_>; 0] = [];
        let (descriptor, flags) = (self.socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
        sendmmsg(descriptor, &mut self.sent, slices, addresses, no_control, flags)
            .map(Iterator::count)
    }

    /// Sends messages to one destination with one call; the kernel cuts them where `length` says.
    fn send_run(&self, run: &[Datagram<'_>], length: u16) -> Result<(), Errno> {
        let Some((to, _)) = run.first() else { return Ok(()) };
        let mut slices = [IoSlice::new(&[]); BATCH_MAX];
        for (slice, (_, bytes)) in slices.iter_mut().zip(run) {
            *slice = IoSlice::new(bytes);
        }
        let slices = slices.get(..run.len()).unwrap_or(&slices);
        let control = [ControlMessage::UdpGsoSegments(&length)];
        let to = storage(*to);
        let descriptor = self.socket.as_raw_fd();
        sendmsg(descriptor, slices, &control, MsgFlags::MSG_DONTWAIT, Some(&to)).map(drop)
    }

    fn wait_for_room(&self) {
        let mut room = [PollFd::new(&self.socket, PollFlags::OUT)];
        let longest = Timespec::try_from(UDP_SEND_WAIT).ok();
        // Whether there is room shows when it is tried again.
        let _ = poll(&mut room, longest.as_ref());
    }
}
