//! Who is connected, by number and by address, and the bounds on how many.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use takeover_sip::flow::{ConnectionId, Transport};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc};

use crate::sip_node::limits::{
    CONNECTION_QUEUE_MAX, CONNECTIONS_MAX, CONNECTIONS_PER_SOURCE_MAX, RESOLVE_CACHE_MAX,
};

/// What happened to connections since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ConnectionCounts {
    /// Open now.
    pub(crate) open: u64,
    /// Accepted.
    pub(crate) accepted: u64,
    /// Opened, whether or not the peer took them.
    pub(crate) opened: u64,
    /// Of those, that the peer did not take.
    pub(crate) failed: u64,
    /// Closed at a bound: too many, or the peer did not read.
    pub(crate) refused: u64,
}

/// What a connection's task has of it.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) id: ConnectionId,
    /// What is to be written; its end: close when that is done.
    pub(super) queue: mpsc::Receiver<Box<[u8]>>,
    /// Close at once.
    pub(super) stop: Arc<Notify>,
}

#[derive(Debug)]
struct Entry {
    transport: Transport,
    remote: SocketAddr,
    /// None: what waits is written, and nothing else.
    queue: Option<mpsc::Sender<Box<[u8]>>>,
    stop: Arc<Notify>,
    is_accepted: bool,
}

/// The connections of a node.
#[derive(Debug, Default)]
pub(super) struct Table {
    entries: HashMap<ConnectionId, Entry>,
    by_address: HashMap<(Transport, SocketAddr), ConnectionId>,
    accepted_of: HashMap<IpAddr, usize>,
    names: HashMap<SocketAddr, ServerName<'static>>,
    newest: u64,
    counts: ConnectionCounts,
}

impl Table {
    /// A connection to that address.
    pub(super) fn find(&self, transport: Transport, remote: SocketAddr) -> Option<ConnectionId> {
        self.by_address.get(&(transport, remote)).copied()
    }

    /// One that was accepted; none: there are too many.
    pub(super) fn accept(&mut self, transport: Transport, remote: SocketAddr) -> Option<Opened> {
        let of_source = self.accepted_of.get(&remote.ip()).copied().unwrap_or(0);
        if of_source >= CONNECTIONS_PER_SOURCE_MAX {
            self.counts.refused += 1;
            return None;
        }
        let opened = self.add(transport, remote, true)?;
        self.accepted_of.insert(remote.ip(), of_source + 1);
        self.counts.accepted += 1;
        Some(opened)
    }

    /// One that is being opened; none: there are too many.
    pub(super) fn open(&mut self, transport: Transport, remote: SocketAddr) -> Option<Opened> {
        let opened = self.add(transport, remote, false)?;
        self.counts.opened += 1;
        Some(opened)
    }

    fn add(
        &mut self,
        transport: Transport,
        remote: SocketAddr,
        is_accepted: bool,
    ) -> Option<Opened> {
        if self.entries.len() >= CONNECTIONS_MAX {
            self.counts.refused += 1;
            return None;
        }
        self.newest += 1;
        let id = ConnectionId(self.newest);
        let (sender, queue) = mpsc::channel(CONNECTION_QUEUE_MAX);
        let stop = Arc::new(Notify::new());
        let entry =
            Entry { transport, remote, queue: Some(sender), stop: Arc::clone(&stop), is_accepted };
        self.entries.insert(id, entry);
        self.by_address.insert((transport, remote), id);
        Some(Opened { id, queue, stop })
    }

    /// Queues a message.
    pub(super) fn queue(&self, id: ConnectionId, message: &[u8]) -> Result<(), TrySendError<()>> {
        let queue = self.entries.get(&id).and_then(|entry| entry.queue.as_ref());
        let queue = queue.ok_or(TrySendError::Closed(()))?;
        queue.try_send(message.into()).map_err(|error| match error {
            TrySendError::Full(_) => TrySendError::Full(()),
            TrySendError::Closed(_) => TrySendError::Closed(()),
        })
    }

    /// Its peer does not read: it is closed at once.
    pub(super) fn overrun(&mut self, id: ConnectionId) {
        self.counts.refused += 1;
        if let Some(entry) = self.entries.get(&id) {
            entry.stop.notify_one();
        }
        self.forget(id);
    }

    /// Nobody took it.
    pub(super) fn failed(&mut self, id: ConnectionId) {
        self.counts.failed += 1;
        self.forget(id);
    }

    /// Nobody finds it any more and its task ends when what waits is written; until then it counts.
    pub(super) fn finish(&mut self, id: ConnectionId) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.queue = None;
        let address = (entry.transport, entry.remote);
        self.leave_address(address, id);
    }

    fn leave_address(&mut self, address: (Transport, SocketAddr), id: ConnectionId) {
        if self.by_address.get(&address) == Some(&id) {
            self.by_address.remove(&address);
        }
    }

    /// It is gone.
    pub(super) fn forget(&mut self, id: ConnectionId) {
        let Some(entry) = self.entries.remove(&id) else { return };
        self.leave_address((entry.transport, entry.remote), id);
        if entry.is_accepted
            && let Some(count) = self.accepted_of.get_mut(&entry.remote.ip())
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.accepted_of.remove(&entry.remote.ip());
            }
        }
    }

    /// All of them are closed at once.
    pub(super) fn close_all(&mut self) {
        for entry in self.entries.values() {
            entry.stop.notify_one();
        }
        self.entries.clear();
        self.by_address.clear();
        self.accepted_of.clear();
    }

    /// Remembers the name that led to an address. At the bound all are forgotten: they come again
    /// with the next answers.
    pub(super) fn expect(&mut self, address: SocketAddr, name: ServerName<'static>) {
        if self.names.len() as u64 >= RESOLVE_CACHE_MAX {
            self.names.clear();
        }
        self.names.insert(address, name);
    }

    pub(super) fn expected(&self, address: SocketAddr) -> Option<ServerName<'static>> {
        self.names.get(&address).cloned()
    }

    pub(super) fn counts(&self) -> ConnectionCounts {
        ConnectionCounts { open: self.entries.len() as u64, ..self.counts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(host: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, host], port))
    }

    #[test]
    fn one_source_can_not_take_all() {
        let mut table = Table::default();
        let count = u16::try_from(CONNECTIONS_PER_SOURCE_MAX).unwrap();
        let opened: Vec<Opened> =
            (0..count).map(|port| table.accept(Transport::Tcp, remote(1, port)).unwrap()).collect();
        assert!(table.accept(Transport::Tcp, remote(1, count)).is_none());
        assert!(table.accept(Transport::Tcp, remote(2, 1)).is_some());
        table.forget(opened[0].id);
        assert!(table.accept(Transport::Tcp, remote(1, count)).is_some());
        assert_eq!(table.counts().refused, 1);
    }

    #[test]
    fn the_newest_connection_of_an_address_is_found_until_it_is_gone() {
        let mut table = Table::default();
        let first = table.accept(Transport::Tcp, remote(1, 1)).unwrap();
        let second = table.accept(Transport::Tcp, remote(1, 1)).unwrap();
        assert_eq!(table.find(Transport::Tcp, remote(1, 1)), Some(second.id));
        assert_eq!(table.find(Transport::Tls, remote(1, 1)), None);
        table.forget(first.id);
        assert_eq!(table.find(Transport::Tcp, remote(1, 1)), Some(second.id));
        table.finish(second.id);
        assert_eq!(table.find(Transport::Tcp, remote(1, 1)), None);
        assert!(matches!(table.queue(second.id, b"x"), Err(TrySendError::Closed(()))));
        assert_eq!(table.counts().open, 1, "it counts until it is gone");
        table.forget(second.id);
        assert_eq!(table.counts().open, 0);
        assert!(table.accepted_of.is_empty());
    }
}
