//! The links of the control server by host: which one is the present one, and what is sent on it.

use std::collections::BTreeMap;
use std::sync::Arc;

use takeover_logic::control::io::{Input, LinkEnd};
use takeover_logic::ids::HostName;
use takeover_logic::link::ControlMessage;

use crate::link::{LinkEvent, LinkNews, LinkSender};

/// The present link of each host that has one.
#[derive(Default)]
pub(super) struct Links {
    by_host: BTreeMap<HostName, Present>,
}

struct Present {
    link: u64,
    /// None: closed by us; what still comes in is not heard any more.
    sender: Option<LinkSender<ControlMessage>>,
}

impl Links {
    /// Sends on the present link of a host, if it has one. A link whose peer does not read is
    /// closed.
    pub(super) fn send(&mut self, host: &HostName, message: ControlMessage) {
        let Some(present) = self.by_host.get_mut(host) else { return };
        let Some(sender) = &present.sender else { return };
        if let Err(error) = sender.send(message) {
            tracing::warn!(%host, "link closed: {error}");
            present.sender = None;
        }
    }

    /// Sends on one link of a host, unless another has taken its place.
    pub(super) fn send_on(&mut self, host: &HostName, link: u64, message: ControlMessage) {
        if self.link(host) == Some(link) {
            self.send(host, message);
        }
    }

    /// The present link of a host.
    pub(super) fn link(&self, host: &HostName) -> Option<u64> {
        self.by_host.get(host).map(|present| present.link)
    }

    /// Closes the link of a host after what was sent before.
    pub(super) fn close(&mut self, host: &HostName, reason: &Arc<str>) {
        if let Some(present) = self.by_host.get_mut(host)
            && present.sender.take().is_some()
        {
            tracing::warn!(%host, "link closed: {reason}");
        }
    }

    /// What news of a link mean for the machines. A new link of a host ends the one before it,
    /// whose peer may be gone without a word.
    pub(super) fn take(&mut self, news: LinkNews, known: impl Fn(&HostName) -> bool) -> Vec<Input> {
        let LinkNews { host, link, event } = news;
        match event {
            LinkEvent::Linked(sender) if !known(&host) => {
                let reason = format!("host {host} is not in the configuration");
                tracing::warn!("link refused: {reason}");
                // The queue is new and empty; dropping the sender closes the link behind it.
                let _ = sender.send(ControlMessage::Refused(reason.into()));
                vec![]
            }
            LinkEvent::Linked(sender) => {
                let present = Present { link, sender: Some(sender) };
                let before = self.by_host.insert(host.clone(), present);
                before
                    .map(|_| Input::LinkEnded { host, end: LinkEnd::Closed })
                    .into_iter()
                    .collect()
            }
            LinkEvent::Message(message) => {
                let hears = self
                    .by_host
                    .get(&host)
                    .is_some_and(|present| present.link == link && present.sender.is_some());
                if hears { vec![Input::Received { host, message }] } else { vec![] }
            }
            LinkEvent::Ended { end, .. } => {
                if self.link(&host) != Some(link) {
                    return vec![];
                }
                self.by_host.remove(&host);
                vec![Input::LinkEnded { host, end }]
            }
        }
    }
}
