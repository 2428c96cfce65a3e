//! The words of the client API: requests, events, states, refusals. Names are those of the guide's
//! client library, so that its users find them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use takeover_logic::time::Timestamp;

use crate::limits::{AGENTS_MAX, REGISTRATIONS_MAX};

/// What an agent who is logged in does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AgentState {
    /// Takes calls.
    Ready,
    /// Takes none.
    NotReady,
    /// Finishes what the last call left.
    AfterCallWork,
}

/// How an agent works, as the client library names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WorkMode {
    /// Not said.
    #[default]
    Unknown,
    /// Ready again by hand after each call.
    ManualIn,
    /// Ready again by itself after each call.
    AutoIn,
    /// Work after a call.
    AfterCallWork,
    /// Work beside calls.
    AuxWork,
    /// Stays on the line.
    NoCallDisconnect,
    /// Away for a while.
    WalkAway,
    /// Back again.
    ReturnBack,
}

/// An agent who is logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The agent's login id.
    pub agent: Arc<str>,
    /// Where.
    pub dn: Arc<str>,
    /// Into which queue; none: into none in particular.
    pub queue: Option<Arc<str>>,
    /// What the agent does.
    pub state: AgentState,
    /// How.
    pub work_mode: WorkMode,
    /// Why, where it was said.
    pub reason: Option<Arc<str>>,
    /// Since when.
    pub since: Timestamp,
}

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all_fields = "kebab-case")]
pub enum Request {
    /// Tell me the events of this DN.
    RegisterAddress {
        /// The DN.
        dn: Arc<str>,
    },
    /// No longer.
    UnregisterAddress {
        /// The DN.
        dn: Arc<str>,
    },
    /// An agent begins to work.
    AgentLogin {
        /// Where.
        dn: Arc<str>,
        /// Login id.
        agent: Arc<str>,
        /// Into which queue.
        #[serde(default)]
        queue: Option<Arc<str>>,
        /// How.
        #[serde(default)]
        work_mode: WorkMode,
    },
    /// An agent ends work.
    AgentLogout {
        /// Where.
        dn: Arc<str>,
        /// Why.
        #[serde(default)]
        reason: Option<Arc<str>>,
    },
    /// An agent takes calls.
    AgentReady {
        /// Where.
        dn: Arc<str>,
        /// How.
        #[serde(default)]
        work_mode: WorkMode,
    },
    /// An agent takes no calls.
    AgentNotReady {
        /// Where.
        dn: Arc<str>,
        /// How.
        #[serde(default)]
        work_mode: WorkMode,
        /// Why.
        #[serde(default)]
        reason: Option<Arc<str>>,
    },
    /// An agent finishes what a call left.
    AgentAfterCallWork {
        /// Where.
        dn: Arc<str>,
        /// Why.
        #[serde(default)]
        reason: Option<Arc<str>>,
    },
}

impl Request {
    /// The DN it is about.
    pub fn dn(&self) -> &Arc<str> {
        match self {
            Request::RegisterAddress { dn }
            | Request::UnregisterAddress { dn }
            | Request::AgentLogin { dn, .. }
            | Request::AgentLogout { dn, .. }
            | Request::AgentReady { dn, .. }
            | Request::AgentNotReady { dn, .. }
            | Request::AgentAfterCallWork { dn, .. } => dn,
        }
    }

    /// The texts in it that are kept, beside the DN.
    pub(super) fn texts(&self) -> impl Iterator<Item = &Arc<str>> {
        let [a, b] = match self {
            Request::AgentLogin { agent, queue, .. } => [Some(agent), queue.as_ref()],
            Request::AgentLogout { reason, .. }
            | Request::AgentNotReady { reason, .. }
            | Request::AgentAfterCallWork { reason, .. } => [reason.as_ref(), None],
            _ => [None, None],
        };
        a.into_iter().chain(b)
    }
}

/// What is known of the DN of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// It is configured.
    pub known: bool,
    /// Its type is one at which agents work.
    pub takes_agents: bool,
    /// Its telephone is registered here, or it has a contact.
    pub registered: bool,
    /// It is in service.
    pub in_service: bool,
}

/// Whether this site is one of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Continuity {
    /// No: `dr-peer-trunk` is not set.
    #[default]
    Off,
    /// Yes, and the other one can be reached.
    Active,
    /// Yes, but the other one is lost.
    SingleSite,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventName {
    /// An agent logged in.
    AgentLogin,
    /// An agent logged out, or was.
    AgentLogout,
    /// An agent takes calls.
    AgentReady,
    /// An agent takes none.
    AgentNotReady,
    /// An agent finishes what a call left.
    AgentAfterCallWork,
    /// The device of a DN does not answer.
    #[serde(rename = "DNOutOfService")]
    DnOutOfService,
    /// It does again.
    #[serde(rename = "DNBackInService")]
    DnBackInService,
}

/// Something to tell clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Event {
    /// What.
    pub event: EventName,
    /// Of which DN.
    pub dn: Arc<str>,
    /// The agent's session as it is now, or was; none: nobody is logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// When.
    pub at: Timestamp,
    /// Who asked to be told. Not part of what they are told.
    #[serde(skip)]
    pub clients: Vec<Arc<str>>,
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such DN.
    #[error("dn {0:?}: not configured")]
    UnknownDn(Arc<str>),
    /// No agent can work there.
    #[error("dn {0:?}: agents work at an Extension or an ACD Position")]
    NoAgents(Arc<str>),
    /// The client did not register for it.
    #[error("dn {0:?}: the client is not registered for it")]
    NotRegistered(Arc<str>),
    /// Somebody is logged in there.
    #[error("dn {dn:?}: agent {agent:?} is logged in")]
    DnTaken {
        /// Where.
        dn: Arc<str>,
        /// Who.
        agent: Arc<str>,
    },
    /// The agent is logged in somewhere else.
    #[error("agent {agent:?}: logged in at dn {dn:?}")]
    AgentElsewhere {
        /// Who.
        agent: Arc<str>,
        /// Where.
        dn: Arc<str>,
    },
    /// Nobody is logged in there.
    #[error("dn {0:?}: nobody is logged in")]
    NotLoggedIn(Arc<str>),
    /// The telephone is not registered at this site, so the agent belongs to the other one.
    #[error("dn {0:?}: its telephone is not registered at this site")]
    EndpointNotRegistered(Arc<str>),
    /// The telephone does not answer.
    #[error("dn {0:?}: out of service")]
    EndpointOutOfService(Arc<str>),
    /// This node is being shut down.
    #[error("the node is shutting down")]
    ShuttingDown,
    /// There are too many agents.
    #[error("more than {AGENTS_MAX} agents")]
    TooManyAgents,
    /// There are too many registrations.
    #[error("more than {REGISTRATIONS_MAX} registrations of clients")]
    TooManyRegistrations,
    /// A text is too long or has control characters.
    #[error("a text of {0} bytes: allowed is one line of at most 256")]
    Text(usize),
}
