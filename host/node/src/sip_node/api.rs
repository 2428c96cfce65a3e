//! The agents' and devices' API, on the host's own address and on both nodes of a pair at all
//! times: a client that is connected to both sees `PrimaryChanged` and nothing else at a
//! switchover.
//!
//! It decides nothing: requests go to the machine as they are, events come from it. Reading order:
//! [`types`] (the messages), `hub` (who listens), `routes` (HTTP), `client` (WebSocket), `metrics`.

mod client;
pub(crate) mod hub;
mod metrics;
mod routes;
#[cfg(test)]
mod tests;
pub mod types;

use std::sync::Arc;

use takeover_logic::config::shell::Token;
use tokio::net::TcpListener;
use tokio::sync::watch;

use self::hub::{Client, Hub};
pub use self::routes::document;
use super::connections::Connections;
use super::policy::Decisions;
use super::standby_link::StandbyLink;
use super::thread::Item;
use super::wake::Post;
use crate::api::listen::{CurrentTls, Listeners};

/// What the handlers have.
pub(crate) struct Shared {
    pub(crate) post: Post<Item>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) tokens: Vec<Token>,
    pub(crate) connections: Connections,
    pub(crate) standby: Option<StandbyLink>,
    pub(crate) decisions: Arc<Decisions>,
}

impl Shared {
    fn has_standby(&self) -> bool {
        self.standby.as_ref().is_some_and(StandbyLink::is_up)
    }
}

/// Serves the API until told to stop; by TLS where there are settings for it.
pub(crate) async fn serve(
    shared: Shared,
    listener: TcpListener,
    tls: Option<CurrentTls>,
    stop: watch::Receiver<bool>,
) {
    let router = routes::router(Arc::new(shared));
    Listeners::new(router, stop).serve(listener, tls).await;
}
