//! What clients of the API ask for, and what becomes of devices, calls and shutdowns for agents.

use std::sync::Arc;

use takeover_logic::time::Now;

use super::Node;
use crate::agents::{Continuity, Endpoint, Refusal, Request, Session};
use crate::dialogs::{CallKey, Dialog, Figures};
use crate::outbox::Outbox;
use crate::parked::ParkedCall;
use crate::wish::Wish;

/// What is known of a DN, for a client.
#[derive(Clone, Debug, PartialEq)]
pub struct DnView {
    /// The number.
    pub dn: Arc<str>,
    /// Its type, as the guide writes it.
    pub kind: &'static str,
    /// Somebody registered there.
    pub registered: bool,
    /// It is in service.
    pub in_service: bool,
    /// Who is logged in.
    pub session: Option<Session>,
    /// Calls there now.
    pub calls: u32,
}

/// One call, for a client.
#[derive(Clone, Debug, PartialEq)]
pub struct CallView {
    /// Which.
    pub call: CallKey,
    /// What is known of it.
    pub dialog: Dialog,
}

impl Node {
    /// Carries out a request of a client.
    ///
    /// # Errors
    /// Why it was refused.
    pub fn client_request(
        &mut self,
        now: Now,
        client: &Arc<str>,
        request: Request,
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        let endpoint = self.endpoint(now, request.dn());
        let result = self.state.agents.handle(now.at, client, request, endpoint);
        self.settle(now, out);
        result
    }

    /// A client is gone for good.
    pub fn client_left(&mut self, client: &Arc<str>) {
        self.state.agents.client_left(client);
    }

    /// What is known of a DN; none: there is no such DN.
    pub fn dn_view(&self, now: Now, number: &str) -> Option<DnView> {
        let dn = self.directory.dn(number)?;
        Some(DnView {
            dn: Arc::clone(&dn.number),
            kind: dn.kind.name(),
            registered: self.state.location.is_registered(number, now.at),
            in_service: self.state.devices.is_in_service(number),
            session: self.state.agents.session(number).cloned(),
            calls: self.state.dialogs.calls_of(number),
        })
    }

    /// Calls that wait on a routing point, longest first.
    pub fn queue(&self, dn: &str) -> Vec<ParkedCall> {
        self.state.parked.queue(dn).cloned().collect()
    }

    /// Calls after one, in the order of their keys, at a DN or all; at most
    /// [`CALLS_LISTED_MAX`](crate::limits::CALLS_LISTED_MAX).
    pub fn call_list(&self, dn: Option<&str>, after: Option<CallKey>) -> Vec<CallView> {
        let calls = self.state.dialogs.list(dn, after).into_iter();
        calls.map(|(call, dialog)| CallView { call, dialog: dialog.clone() }).collect()
    }

    /// Calls at present.
    pub fn calls(&self) -> usize {
        self.state.dialogs.len()
    }

    /// Calls that were answered, and calls that were not yet.
    pub fn call_counts(&self) -> (usize, usize) {
        let confirmed = self.state.dialogs.confirmed();
        (confirmed, self.state.dialogs.len().saturating_sub(confirmed))
    }

    /// How the last take-over went for the calls that were there.
    pub fn take_over_figures(&self) -> Figures {
        self.state.dialogs.figures()
    }

    fn endpoint(&self, now: Now, number: &str) -> Endpoint {
        let Some(dn) = self.directory.dn(number) else { return Endpoint::default() };
        Endpoint {
            known: true,
            takes_agents: dn.kind.takes_agents(),
            registered: dn.contact.is_some() || self.state.location.is_registered(number, now.at),
            in_service: self.state.devices.is_in_service(number),
        }
    }

    /// Whether this site works together with another one now.
    pub(super) fn note_continuity(&mut self) {
        let continuity = match self.directory.peer_trunk() {
            None => Continuity::Off,
            Some(trunk) if self.state.devices.is_in_service(&trunk.number) => Continuity::Active,
            Some(_) => Continuity::SingleSite,
        };
        self.state.agents.set_continuity(continuity);
    }

    /// The other site is there again: whoever has no telephone here belongs there.
    pub(super) fn peer_is_back(&mut self, now: Now) {
        let sessions = self.state.agents.sessions().map(|session| Arc::clone(&session.dn));
        let dns: Vec<Arc<str>> = sessions.collect();
        for dn in dns {
            let endpoint = self.endpoint(now, &dn);
            if !endpoint.registered || !endpoint.in_service {
                self.state.agents.endpoint_lost(now.at, &dn, false);
            }
        }
    }

    /// A graceful shutdown begins (guide, *Graceful Migration*).
    pub(super) fn shut_down(&mut self, now: Now) {
        self.suspended = true;
        let dialogs = &self.state.dialogs;
        self.state.agents.shut_down(now.at, |dn| dialogs.calls_of(dn) > 0);
    }

    /// Tells clients what happened, and the host agent when the last call has ended.
    pub(super) fn tell(&mut self, now: Now, out: &mut Outbox) {
        while let Some(mut event) = self.state.dialogs.poll_event() {
            event.clients = self.state.agents.listeners(&event.dn).cloned().collect();
            if self.is_serving() && !event.clients.is_empty() {
                out.wish(Wish::Call(event));
            }
        }
        while let Some(dn) = self.state.dialogs.poll_idle() {
            self.state.agents.call_ended(now.at, &dn);
        }
        while let Some(event) = self.state.agents.poll() {
            if self.is_serving() {
                out.wish(Wish::Agent(event));
            }
        }
        if self.suspended && !self.said_suspended && self.state.dialogs.is_empty() {
            self.said_suspended = true;
            out.wish(Wish::Suspended);
        }
    }
}
