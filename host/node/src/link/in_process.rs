//! The same link without a socket, for a control server and an agent in one process.

use std::sync::atomic::{AtomicU64, Ordering};

use takeover_logic::control::io::LinkEnd;
use takeover_logic::ids::HostName;
use takeover_logic::link::{AgentMessage, ControlMessage};
use tokio::sync::mpsc;

use super::server::is_first_of;
use super::{AgentEvent, AgentLink, ControlEvent, LinkEvent, LinkNews, LinkSender};
use crate::limits::LINK_BACKOFF_MIN;

/// The control server's end of an in-process link.
#[derive(Debug)]
pub struct LocalAgent {
    host: HostName,
    agent: mpsc::Sender<AgentEvent>,
}

/// Both ends of a link inside one process.
pub fn in_process(host: HostName) -> (AgentLink, LocalAgent) {
    let (agent, link) = AgentLink::channel();
    (link, LocalAgent { host, agent })
}

impl LocalAgent {
    /// Links the two ends, and again whenever one of them closed the link, until one is gone.
    pub(crate) async fn serve(self, links: &AtomicU64, news: mpsc::Sender<LinkNews>) {
        let mut control_lives = true;
        while control_lives && !self.agent.is_closed() {
            let link = links.fetch_add(1, Ordering::Relaxed);
            control_lives = self.live(link, &news).await;
            tokio::time::sleep(LINK_BACKOFF_MIN).await;
        }
    }

    /// One link; false when the control server is stopping.
    async fn live(&self, link: u64, news: &mpsc::Sender<LinkNews>) -> bool {
        let (to_control, mut from_agent) = LinkSender::<AgentMessage>::channel();
        if self.agent.send(LinkEvent::Linked(to_control)).await.is_err() {
            return true;
        }
        let tell =
            |event: ControlEvent| news.send(LinkNews { host: self.host.clone(), link, event });
        let mut lives = true;
        match from_agent.recv().await {
            Some(hello) if is_first_of(&self.host, &hello) => {
                let (to_agent, mut from_control) = LinkSender::channel();
                lives = tell(LinkEvent::Linked(to_agent)).await.is_ok()
                    && tell(LinkEvent::Message(hello)).await.is_ok();
                while lives {
                    match self.step(&mut from_agent, &mut from_control).await {
                        Some(Step::ToControl(message)) => {
                            lives = tell(LinkEvent::Message(message)).await.is_ok();
                        }
                        Some(Step::ToAgent(message)) => {
                            let _ = self.agent.send(LinkEvent::Message(message)).await;
                        }
                        None => break,
                    }
                }
                let reason = "closed inside the process".into();
                lives &= tell(LinkEvent::Ended { end: LinkEnd::Closed, reason }).await.is_ok();
            }
            _ => tracing::error!(host = %self.host, "in-process agent did not begin with hello"),
        }
        let reason = "closed inside the process".into();
        // An agent that is gone is seen by the caller.
        let _ = self.agent.send(LinkEvent::Ended { end: LinkEnd::Closed, reason }).await;
        lives
    }

    /// The next message in either direction; none when one side closed the link.
    async fn step(
        &self,
        from_agent: &mut mpsc::Receiver<AgentMessage>,
        from_control: &mut mpsc::Receiver<ControlMessage>,
    ) -> Option<Step> {
        tokio::select! {
            biased;
            message = from_agent.recv() => message.map(Step::ToControl),
            message = from_control.recv() => message.map(Step::ToAgent),
        }
    }
}

enum Step {
    ToControl(AgentMessage),
    ToAgent(ControlMessage),
}
