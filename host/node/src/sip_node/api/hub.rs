//! Who listens: the clients of the agents' API and what waits for each of them. What an event says
//! must not matter here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc};

use crate::sip_node::limits::{CLIENT_QUEUE_MAX, CLIENTS_MAX};
use crate::sip_node::machine::{Asker, ClientId};

/// The clients of a node.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    clients: Mutex<Clients>,
}

#[derive(Debug, Default)]
struct Clients {
    entries: HashMap<ClientId, Entry>,
    newest: u64,
    counts: HubCounts,
}

#[derive(Debug)]
struct Entry {
    events: mpsc::Sender<Arc<str>>,
    end: Arc<End>,
}

/// What happened to clients since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HubCounts {
    /// There now.
    pub(crate) clients: u64,
    /// Events queued for clients.
    pub(crate) events: u64,
    /// Clients that were too slow.
    pub(crate) slow: u64,
    /// Clients that found no room.
    pub(crate) refused: u64,
}

/// Why a client has to go, once it has to.
#[derive(Debug, Default)]
pub(crate) struct End {
    reason: OnceLock<Arc<str>>,
    told: Notify,
}

impl End {
    /// Waits until the client has to go; says why.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub(super) async fn wait(&self) -> Arc<str> {
        loop {
            if let Some(reason) = self.reason.get() {
                return Arc::clone(reason);
            }
            self.told.notified().await;
        }
    }

    fn tell(&self, reason: Arc<str>) {
        // The first reason is the one.
        let _ = self.reason.set(reason);
        self.told.notify_one();
    }
}

/// A client's own end.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: ClientId,
    /// The name of its token.
    pub(super) name: Arc<str>,
    pub(super) events: mpsc::Receiver<Arc<str>>,
    pub(super) end: Arc<End>,
}

impl Client {
    /// Who it is, for the machine.
    pub(super) fn asker(&self) -> Asker {
        Asker { id: self.id, name: Arc::clone(&self.name) }
    }
}

impl Hub {
    fn lock(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new client; none: there are too many.
    pub(super) fn join(&self, name: &Arc<str>) -> Option<Client> {
        let mut clients = self.lock();
        if clients.entries.len() >= CLIENTS_MAX {
            clients.counts.refused += 1;
            return None;
        }
        clients.newest += 1;
        let id = ClientId(clients.newest);
        let (sender, events) = mpsc::channel(CLIENT_QUEUE_MAX);
        let end = Arc::new(End::default());
        clients.entries.insert(id, Entry { events: sender, end: Arc::clone(&end) });
        Some(Client { id, name: Arc::clone(name), events, end })
    }

    /// A client is gone.
    pub(super) fn leave(&self, id: ClientId) {
        self.lock().entries.remove(&id);
    }

    /// Queues an event for a client, or for all of them. Never waits: whoever is too far behind is
    /// told so and disconnected.
    pub(crate) fn tell(&self, client: Option<ClientId>, event: &Arc<str>) {
        let mut clients = self.lock();
        let mut slow = Vec::new();
        let mut queued = 0;
        let one = client.and_then(|id| Some((id, clients.entries.get(&id)?)));
        let all = clients.entries.iter().map(|(id, entry)| (*id, entry));
        let all = all.filter(|_| client.is_none());
        for (id, entry) in one.into_iter().chain(all) {
            match entry.events.try_send(Arc::clone(event)) {
                Ok(()) => queued += 1,
                Err(TrySendError::Full(_)) => slow.push(id),
                Err(TrySendError::Closed(_)) => {}
            }
        }
        clients.counts.events += queued;
        clients.counts.slow += slow.len() as u64;
        for id in slow {
            if let Some(entry) = clients.entries.remove(&id) {
                let reason = format!("too slow: {CLIENT_QUEUE_MAX} events are waiting");
                entry.end.tell(reason.into());
            }
        }
    }

    /// What happened since the start.
    pub(crate) fn counts(&self) -> HubCounts {
        let clients = self.lock();
        HubCounts { clients: clients.entries.len() as u64, ..clients.counts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_client_is_told_why_and_hinders_nobody() {
        let (hub, name) = (Hub::default(), "desk".into());
        let (mut quick, slow) = (hub.join(&name).unwrap(), hub.join(&name).unwrap());
        for number in 0..=CLIENT_QUEUE_MAX {
            let event: Arc<str> = number.to_string().into();
            hub.tell(None, &event);
            assert_eq!(quick.events.recv().await, Some(event));
        }
        assert_eq!(&*slow.end.wait().await, "too slow: 512 events are waiting");
        assert_eq!((hub.counts().clients, hub.counts().slow), (1, 1));
        hub.tell(Some(slow.id), &"gone".into());
        hub.tell(Some(quick.id), &"for one".into());
        assert_eq!(quick.events.recv().await.as_deref(), Some("for one"));
    }

    #[test]
    fn no_more_clients_than_allowed() {
        let (hub, name) = (Hub::default(), "desk".into());
        let clients: Vec<Client> = (0..CLIENTS_MAX).map(|_| hub.join(&name).unwrap()).collect();
        assert!(hub.join(&name).is_none());
        hub.leave(clients[0].id);
        assert!(hub.join(&name).is_some());
        assert_eq!(hub.counts().refused, 1);
    }
}
