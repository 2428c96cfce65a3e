//! Agents at their devices, and the clients that are told about them.
//!
//! Holds who is logged in where and does what, and which client wants the events of which DN. Must
//! not know how clients are connected, nor SIP: what is known of a device comes with each request.
//!
//! While two sites work together (domain rules of business continuity), an agent belongs to where
//! the telephone is: login needs it here and in service, and who loses it is logged out, so that
//! the desktop logs in at the other site. With the other site lost neither holds.
//!
//! # Invariants
//!
//! - At most one agent at a DN, and each agent at most at one.
//! - Every change of a session is one event and one change for the other node.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use takeover_logic::time::Timestamp;

use crate::limits::{AGENT_TEXT_BYTES_MAX, AGENTS_MAX, REGISTRATIONS_MAX};

pub mod model;
#[cfg(test)]
mod tests;

pub use model::{
    AgentState, Continuity, Endpoint, Event, EventName, Refusal, Request, Session, WorkMode,
};

/// Reason of a logout because of the telephone (ours; the guide names none).
pub const REASON_ENDPOINT: &str = "endpoint-out-of-service";

/// Reason of everything that a graceful shutdown does to an agent (ours; the guide names none).
pub const REASON_SHUTDOWN: &str = "graceful-shutdown";

/// Something that the other node must know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Who is logged in at a DN.
    Agent {
        /// The DN.
        dn: Arc<str>,
        /// None: nobody.
        session: Option<Session>,
    },
    /// Whether a client wants the events of a DN.
    Registration {
        /// The client's name.
        client: Arc<str>,
        /// The DN.
        dn: Arc<str>,
        /// It does.
        wanted: bool,
    },
}

/// All agents and registrations.
#[derive(Debug, Default)]
pub struct Agents {
    sessions: BTreeMap<Arc<str>, Session>,
    /// Where each agent is logged in.
    places: BTreeMap<Arc<str>, Arc<str>>,
    /// Clients by DN.
    listeners: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    registrations: usize,
    continuity: Continuity,
    is_shutting_down: bool,
    events: VecDeque<Event>,
    changes: VecDeque<Change>,
}

impl Agents {
    /// Carries out a request of a client.
    ///
    /// # Errors
    /// Why it was refused; then nothing was changed.
    pub fn handle(
        &mut self,
        at: Timestamp,
        client: &Arc<str>,
        request: Request,
        endpoint: Endpoint,
    ) -> Result<(), Refusal> {
        if let Some(text) = request.texts().find(|text| !is_line(text)) {
            return Err(Refusal::Text(text.len()));
        }
        let dn = Arc::clone(request.dn());
        if !endpoint.known {
            return Err(Refusal::UnknownDn(dn));
        }
        let is_listening = self.listeners.get(&dn).is_some_and(|clients| clients.contains(client));
        match request {
            Request::RegisterAddress { .. } => return self.register(client, &dn),
            Request::UnregisterAddress { .. } => {
                self.unregister(client, &dn);
                return Ok(());
            }
            _ if !is_listening => return Err(Refusal::NotRegistered(dn)),
            Request::AgentLogin { agent, queue, work_mode, .. } => {
                let state = AgentState::NotReady;
                let session =
                    Session { agent, dn, queue, state, work_mode, reason: None, since: at };
                self.log_in(session, endpoint)
            }
            Request::AgentLogout { reason, .. } => self.log_out(at, &dn, reason),
            Request::AgentReady { .. } if self.is_shutting_down => Err(Refusal::ShuttingDown),
            Request::AgentReady { work_mode, .. } => {
                self.change(at, &dn, (AgentState::Ready, work_mode, None))
            }
            Request::AgentNotReady { work_mode, reason, .. } => {
                self.change(at, &dn, (AgentState::NotReady, work_mode, reason))
            }
            Request::AgentAfterCallWork { reason, .. } => {
                let work_mode = WorkMode::AfterCallWork;
                self.change(at, &dn, (AgentState::AfterCallWork, work_mode, reason))
            }
        }
    }

    fn register(&mut self, client: &Arc<str>, dn: &Arc<str>) -> Result<(), Refusal> {
        let known = self.listeners.get(dn).is_some_and(|clients| clients.contains(client));
        if !known && self.registrations >= REGISTRATIONS_MAX {
            return Err(Refusal::TooManyRegistrations);
        }
        self.set_registration(client, dn, true);
        Ok(())
    }

    fn unregister(&mut self, client: &Arc<str>, dn: &Arc<str>) {
        self.set_registration(client, dn, false);
    }

    fn set_registration(&mut self, client: &Arc<str>, dn: &Arc<str>, wanted: bool) {
        if self.put_registration(client, dn, wanted) {
            let (client, dn) = (Arc::clone(client), Arc::clone(dn));
            self.changes.push_back(Change::Registration { client, dn, wanted });
        }
    }

    /// Whether that changed something.
    fn put_registration(&mut self, client: &Arc<str>, dn: &Arc<str>, wanted: bool) -> bool {
        if wanted {
            let clients = self.listeners.entry(Arc::clone(dn)).or_default();
            let is_new = clients.insert(Arc::clone(client));
            self.registrations += usize::from(is_new);
            return is_new;
        }
        let Some(clients) = self.listeners.get_mut(dn) else { return false };
        let was_there = clients.remove(client);
        if clients.is_empty() {
            self.listeners.remove(dn);
        }
        self.registrations -= usize::from(was_there);
        was_there
    }

    /// A client is gone for good and wants nothing more. Agents stay logged in.
    pub fn client_left(&mut self, client: &Arc<str>) {
        let listened = self.listeners.iter().filter(|(_, clients)| clients.contains(client));
        let dns: Vec<Arc<str>> = listened.map(|(dn, _)| Arc::clone(dn)).collect();
        dns.iter().for_each(|dn| self.set_registration(client, dn, false));
    }

    fn log_in(&mut self, session: Session, endpoint: Endpoint) -> Result<(), Refusal> {
        let dn = Arc::clone(&session.dn);
        if self.is_shutting_down {
            return Err(Refusal::ShuttingDown);
        }
        if !endpoint.takes_agents {
            return Err(Refusal::NoAgents(dn));
        }
        if self.continuity == Continuity::Active {
            if !endpoint.registered {
                return Err(Refusal::EndpointNotRegistered(dn));
            }
            if !endpoint.in_service {
                return Err(Refusal::EndpointOutOfService(dn));
            }
        }
        if let Some(taken) = self.sessions.get(&dn) {
            return Err(Refusal::DnTaken { dn, agent: Arc::clone(&taken.agent) });
        }
        if let Some(dn) = self.places.get(&session.agent) {
            let agent = session.agent;
            return Err(Refusal::AgentElsewhere { agent, dn: Arc::clone(dn) });
        }
        if self.sessions.len() >= AGENTS_MAX {
            return Err(Refusal::TooManyAgents);
        }
        let at = session.since;
        self.set(at, dn, Some(session), EventName::AgentLogin);
        Ok(())
    }

    fn log_out(
        &mut self,
        at: Timestamp,
        dn: &Arc<str>,
        reason: Option<Arc<str>>,
    ) -> Result<(), Refusal> {
        let Some(session) = self.sessions.get_mut(dn) else {
            return Err(Refusal::NotLoggedIn(Arc::clone(dn)));
        };
        (session.reason, session.since) = (reason, at);
        self.set(at, Arc::clone(dn), None, EventName::AgentLogout);
        Ok(())
    }

    fn change(
        &mut self,
        at: Timestamp,
        dn: &Arc<str>,
        (state, work_mode, reason): (AgentState, WorkMode, Option<Arc<str>>),
    ) -> Result<(), Refusal> {
        let Some(before) = self.sessions.get(dn) else {
            return Err(Refusal::NotLoggedIn(Arc::clone(dn)));
        };
        let was_finishing = before.state == AgentState::AfterCallWork;
        let event = match state {
            AgentState::Ready => EventName::AgentReady,
            AgentState::NotReady => EventName::AgentNotReady,
            AgentState::AfterCallWork => EventName::AgentAfterCallWork,
        };
        let session = Session { state, work_mode, reason, since: at, ..before.clone() };
        self.set(at, Arc::clone(dn), Some(session), event);
        if self.is_shutting_down && was_finishing && state == AgentState::NotReady {
            self.log_out(at, dn, Some(REASON_SHUTDOWN.into()))?;
        }
        Ok(())
    }

    /// Puts a session in place or ends it, and tells everybody.
    fn set(&mut self, at: Timestamp, dn: Arc<str>, new: Option<Session>, event: EventName) {
        let ended = if new.is_none() { self.sessions.get(&dn).cloned() } else { None };
        self.put(&dn, new.clone());
        self.tell(at, &dn, event, new.clone().or(ended));
        self.changes.push_back(Change::Agent { dn, session: new });
    }

    fn put(&mut self, dn: &Arc<str>, session: Option<Session>) {
        let before = match session {
            Some(session) => {
                self.places.insert(Arc::clone(&session.agent), Arc::clone(dn));
                let agent = Arc::clone(&session.agent);
                self.sessions.insert(Arc::clone(dn), session).filter(|old| old.agent != agent)
            }
            None => self.sessions.remove(dn),
        };
        if let Some(before) = before
            && self.places.get(&before.agent) == Some(dn)
        {
            self.places.remove(&before.agent);
        }
    }

    fn tell(&mut self, at: Timestamp, dn: &Arc<str>, event: EventName, session: Option<Session>) {
        let Some(clients) = self.listeners.get(dn) else { return };
        let clients = clients.iter().cloned().collect();
        self.events.push_back(Event { event, dn: Arc::clone(dn), session, at, clients });
    }

    /// The device of a DN does not answer, or its telephone is no longer registered. `told`: this
    /// is an event for clients too (`DNOutOfService`).
    pub fn endpoint_lost(&mut self, at: Timestamp, dn: &Arc<str>, told: bool) {
        if told {
            let session = self.sessions.get(dn).cloned();
            self.tell(at, dn, EventName::DnOutOfService, session);
        }
        if self.continuity == Continuity::Active {
            // Nobody there: nothing to log out.
            let _ = self.log_out(at, dn, Some(REASON_ENDPOINT.into()));
        }
    }

    /// The device of a DN answers again.
    pub fn endpoint_back(&mut self, at: Timestamp, dn: &Arc<str>) {
        let session = self.sessions.get(dn).cloned();
        self.tell(at, dn, EventName::DnBackInService, session);
    }

    /// The other site was lost, or found, or `dr-peer-trunk` was changed. Nobody is logged out by
    /// that: who lost the telephone meanwhile is the caller's to tell with
    /// [`Agents::endpoint_lost`].
    pub fn set_continuity(&mut self, continuity: Continuity) {
        self.continuity = continuity;
    }

    /// A graceful shutdown begins (guide, *Graceful Migration*): everybody is NotReady, and who has
    /// no call is logged out at once unless finishing one.
    pub fn shut_down(&mut self, at: Timestamp, is_busy: impl Fn(&str) -> bool) {
        if std::mem::replace(&mut self.is_shutting_down, true) {
            return;
        }
        let dns: Vec<Arc<str>> = self.sessions.keys().cloned().collect();
        for dn in &dns {
            let Some(session) = self.sessions.get(dn) else { continue };
            if session.state == AgentState::AfterCallWork {
                continue;
            }
            let reason = Some(REASON_SHUTDOWN.into());
            // The session is there: it was just looked at.
            let _ = self.change(at, dn, (AgentState::NotReady, session.work_mode, reason));
            if !is_busy(dn) {
                let _ = self.log_out(at, dn, Some(REASON_SHUTDOWN.into()));
            }
        }
    }

    /// The last call at a DN ended. In a graceful shutdown that logs its agent out, unless
    /// finishing it.
    pub fn call_ended(&mut self, at: Timestamp, dn: &Arc<str>) {
        let finishing = |session: &Session| session.state == AgentState::AfterCallWork;
        if self.is_shutting_down && !self.sessions.get(dn).is_some_and(finishing) {
            // Nobody there: nothing to log out.
            let _ = self.log_out(at, dn, Some(REASON_SHUTDOWN.into()));
        }
    }

    /// Who is logged in at a DN.
    pub fn session(&self, dn: &str) -> Option<&Session> {
        self.sessions.get(dn)
    }

    /// All who are logged in, in the order of DNs.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.values()
    }

    /// Clients that want the events of a DN.
    pub fn listeners(&self, dn: &str) -> impl Iterator<Item = &Arc<str>> {
        self.listeners.get(dn).into_iter().flatten()
    }

    /// The next event to tell clients.
    pub fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The next change to tell the other node.
    pub fn poll_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// Takes over what the other node told.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Agent { dn, session } => self.put(&dn, session),
            Change::Registration { client, dn, wanted } => {
                self.put_registration(&client, &dn, wanted);
            }
        }
    }

    /// Every registration, as client and DN.
    pub fn registrations(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<str>)> {
        self.listeners.iter().flat_map(|(dn, clients)| clients.iter().map(move |c| (c, dn)))
    }

    /// Whether a client wants the events of a DN.
    pub fn is_registered(&self, client: &Arc<str>, dn: &str) -> bool {
        self.listeners.get(dn).is_some_and(|clients| clients.contains(client))
    }
}

impl PartialEq for Agents {
    /// Whether two nodes know the same.
    fn eq(&self, other: &Agents) -> bool {
        self.sessions == other.sessions && self.listeners == other.listeners
    }
}

fn is_line(text: &str) -> bool {
    text.len() <= AGENT_TEXT_BYTES_MAX && !text.chars().any(char::is_control)
}
