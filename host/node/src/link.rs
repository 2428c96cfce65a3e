//! The link between host agents and control server: transport only. What a message means, when a
//! silent peer is lost and what happens then is decided in the machines.
//!
//! A link is a WebSocket on the control server's TLS port, one JSON message per text frame
//! (`takeover_logic::link`); both sides prove who they are by certificates of one CA. Both see the
//! same three events: linked, message, ended. What is sent on a link that has ended is dropped, for
//! state is told whole on the next one. `takeover up` uses [`in_process()`] in place of the socket.
//!
//! Reading order: this file (the interface), [`client`], `server`, `pump` (the socket).

pub mod client;
pub(crate) mod in_process;
pub(crate) mod movable;
mod pump;
pub(crate) mod server;
#[cfg(test)]
pub(crate) mod tests;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use takeover_logic::control::io::LinkEnd;
use takeover_logic::ids::HostName;
use takeover_logic::link::{AgentMessage, ControlMessage};
use tokio::sync::mpsc;

pub use in_process::{LocalAgent, in_process};

use crate::limits::LINK_QUEUE_MAX;

/// What happens on a link. After `Linked` any number of messages, then `Ended`; then, where the
/// other side comes back, `Linked` again.
#[derive(Debug)]
pub enum LinkEvent<In, Out> {
    /// The other side is there. What is to be sent to it goes through this sender.
    Linked(LinkSender<Out>),
    /// It sent a message.
    Message(In),
    /// The link is over.
    Ended {
        /// How.
        end: LinkEnd,
        /// The same for people, one sentence.
        reason: Arc<str>,
    },
}

/// What a host agent sees of its link.
pub type AgentEvent = LinkEvent<ControlMessage, AgentMessage>;

/// What the control server sees of one link.
pub type ControlEvent = LinkEvent<AgentMessage, ControlMessage>;

/// Sends on one link. Dropping it closes the link after what was sent before.
pub struct LinkSender<M>(mpsc::Sender<M>);

/// The other side does not read, or the link has ended: drop the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the link has ended, or its peer has left {LINK_QUEUE_MAX} messages unread")]
pub struct NotSent;

impl<M> LinkSender<M> {
    /// A sender and what it sends to.
    pub(crate) fn channel() -> (Self, mpsc::Receiver<M>) {
        let (queue, outgoing) = mpsc::channel(LINK_QUEUE_MAX);
        (Self(queue), outgoing)
    }

    /// Queues a message; never waits.
    ///
    /// # Errors
    /// [`NotSent`]; the sender is of no use from then on.
    pub fn send(&self, message: M) -> Result<(), NotSent> {
        self.0.try_send(message).map_err(|_| NotSent)
    }
}

impl<M> fmt::Debug for LinkSender<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkSender")
    }
}

/// A host agent's end of its link, over a socket or inside one process. Dropping it ends the link
/// for good.
pub struct AgentLink {
    events: mpsc::Receiver<AgentEvent>,
    /// What feeds the events; begins with the first wait for one, on the runtime of whoever waits,
    /// so that messages and decisions share a thread.
    feed: Option<BoxFuture<'static, ()>>,
}

impl AgentLink {
    pub(crate) fn channel() -> (mpsc::Sender<AgentEvent>, Self) {
        let (sender, events) = mpsc::channel(LINK_QUEUE_MAX);
        (sender, Self { events, feed: None })
    }

    pub(crate) fn fed_by(mut self, feed: impl Future<Output = ()> + Send + 'static) -> Self {
        self.feed = Some(Box::pin(feed));
        self
    }

    /// The next event; none when the process is stopping. Cancel safe.
    pub async fn next(&mut self) -> Option<AgentEvent> {
        if let Some(feed) = self.feed.take() {
            tokio::spawn(feed);
        }
        self.events.recv().await
    }

    /// The next event if it is there already.
    pub fn try_next(&mut self) -> Option<AgentEvent> {
        self.events.try_recv().ok()
    }
}

impl fmt::Debug for AgentLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentLink").finish_non_exhaustive()
    }
}

/// What happens on one of the control server's links.
#[derive(Debug)]
pub(crate) struct LinkNews {
    /// Which agent: proven by its certificate.
    pub(crate) host: HostName,
    /// Which of its links: a late event of an earlier one must not be taken for the present one's.
    pub(crate) link: u64,
    /// What.
    pub(crate) event: ControlEvent,
}
