//! What the SIP thread has done elsewhere: hands each wish to the part of the node that can do it.

use std::net::TcpListener;
use std::sync::Arc;

use takeover_sip::flow::{Flow, Transport};
use tokio::runtime::Handle;

use super::api::hub::Hub;
use super::connections::Connections;
use super::machine::{Input, Question, Report, Target, Wish};
use super::resolve::Resolver;
use super::standby_link::StandbyLink;
use super::thread::{Effects, Item};
use super::wake::Post;

/// Every part of a node but its SIP thread.
pub(crate) struct NodeEffects {
    pub(crate) connections: Connections,
    pub(crate) resolver: Resolver,
    pub(crate) standby: Option<StandbyLink>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) post: Post<Item>,
    /// The supervisor. Must not wait.
    pub(crate) reports: Box<dyn FnMut(Report) + Send>,
    pub(crate) runtime: Handle,
}

impl Effects for NodeEffects {
    fn send(&mut self, flow: &Flow, message: &[u8]) -> bool {
        self.connections.send(flow, message)
    }

    fn listen(&mut self, tcp: Vec<TcpListener>, tls: Vec<TcpListener>) {
        self.connections.listen(tcp, tls);
    }

    fn close_all(&mut self) {
        self.connections.close_all();
    }

    fn has_peer(&self) -> bool {
        self.standby.as_ref().is_some_and(StandbyLink::is_up)
    }

    fn report(&mut self, report: Report) {
        (self.reports)(report);
    }

    fn carry_out(&mut self, wish: Wish) {
        match wish {
            Wish::Resolve(question) => self.resolve(question),
            Wish::Standby(line) => {
                if let Some(standby) = &self.standby {
                    standby.send(line);
                }
            }
            Wish::Dial => {
                if let Some(standby) = &self.standby {
                    standby.dial();
                }
            }
            Wish::CutLink => {
                if let Some(standby) = &self.standby {
                    standby.cut();
                }
            }
            Wish::Link(wanted) => {
                if let Some(standby) = &self.standby {
                    standby.set_wanted(wanted);
                }
            }
            Wish::Close(id) => self.connections.close(id),
            Wish::Tell { client, event } => self.hub.tell(client, &event),
            // The SIP thread does these itself.
            Wish::Bind | Wish::Unbind | Wish::Report(_) => {}
        }
    }
}

impl NodeEffects {
    fn resolve(&self, question: Question) {
        let (resolver, connections) = (self.resolver.clone(), self.connections.clone());
        let post = self.post.clone();
        let room = resolver.begin(&question);
        self.runtime.spawn(async move {
            let answer = match room {
                Ok(room) => resolver.resolve(&question, room).await,
                Err(busy) => Err(busy),
            };
            if let Ok(targets) = &answer {
                let is_tls = |target: &&Target| target.transport == Transport::Tls;
                for target in targets.iter().filter(is_tls) {
                    // The name in the URI is the one to be proven, not what DNS made of it
                    // (RFC 5922 section 4).
                    connections.expect(target.address, &question.host);
                }
            }
            let answer = answer.map_err(|error| error.to_string());
            let resolved = Input::Resolved { question: question.number, answer };
            // An error is the end of the node.
            let _ = post.send(Item::Input(resolved)).await;
        });
    }
}
