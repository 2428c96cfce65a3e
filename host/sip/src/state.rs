//! Everything that the other node of a pair must know, as one table of changes.
//!
//! A [`Change`] holds all that is known under its [`Key`], so changes of different keys may be told
//! in any order, and one told twice does no harm. Must not know how they are told
//! ([`crate::standby`]).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::agents::{self, Agents};
use crate::devices::{self, Devices};
use crate::dialogs::{self, CallKey, Dialogs};
use crate::directory::Registrar;
use crate::location::{self, Location};
use crate::open::{self, InviteKey, OpenInvites};
use crate::parked::{self, Parked};

/// What is known under one key now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Contacts of a DN.
    Location(location::Change),
    /// Whether a device is in service.
    Device(devices::Change),
    /// Agents and registrations of clients.
    Agents(agents::Change),
    /// A call.
    Call(dialogs::Change),
    /// A call that waits on a routing point.
    Parked(parked::Change),
    /// An INVITE without a final answer.
    Invite(open::Change),
}

/// What a change is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// Contacts of a DN.
    Location(Arc<str>),
    /// Whether a device is in service.
    Device(Arc<str>),
    /// Who is logged in at a DN.
    Agent(Arc<str>),
    /// Whether a client wants the events of a DN.
    Registration {
        /// The client.
        client: Arc<str>,
        /// The DN.
        dn: Arc<str>,
    },
    /// A call.
    Call(CallKey),
    /// A call that waits on a routing point.
    Parked(InviteKey),
    /// An INVITE without a final answer.
    Invite(InviteKey),
}

impl Change {
    /// What it is about.
    pub fn key(&self) -> Key {
        match self {
            Change::Location(change) => Key::Location(Arc::clone(&change.dn)),
            Change::Device(change) => Key::Device(Arc::clone(&change.dn)),
            Change::Agents(agents::Change::Agent { dn, .. }) => Key::Agent(Arc::clone(dn)),
            Change::Agents(agents::Change::Registration { client, dn, .. }) => {
                Key::Registration { client: Arc::clone(client), dn: Arc::clone(dn) }
            }
            Change::Call(change) => Key::Call(change.key),
            Change::Parked(change) => Key::Parked(change.key),
            Change::Invite(change) => Key::Invite(change.key),
        }
    }

    /// Whether nothing is left under its key.
    pub fn is_removal(&self) -> bool {
        match self {
            Change::Location(change) => change.bindings.is_empty(),
            Change::Device(change) => change.out_since.is_none(),
            Change::Agents(agents::Change::Agent { session, .. }) => session.is_none(),
            Change::Agents(agents::Change::Registration { wanted, .. }) => !wanted,
            Change::Call(change) => change.dialog.is_none(),
            Change::Parked(change) => change.call.is_none(),
            Change::Invite(change) => change.record.is_none(),
        }
    }
}

impl Key {
    /// The change that leaves nothing under this key.
    pub fn removal(self) -> Change {
        match self {
            Key::Location(dn) => Change::Location(location::Change { dn, bindings: Vec::new() }),
            Key::Device(dn) => Change::Device(devices::Change { dn, out_since: None }),
            Key::Agent(dn) => Change::Agents(agents::Change::Agent { dn, session: None }),
            Key::Registration { client, dn } => {
                Change::Agents(agents::Change::Registration { client, dn, wanted: false })
            }
            Key::Call(key) => Change::Call(dialogs::Change { key, dialog: None }),
            Key::Parked(key) => Change::Parked(parked::Change { key, call: None }),
            Key::Invite(key) => Change::Invite(open::Change { key, record: None }),
        }
    }
}

/// The tables.
#[derive(Debug, PartialEq)]
pub struct State {
    /// Who is registered.
    pub location: Location,
    /// Which devices answer.
    pub devices: Devices,
    /// Who is logged in, and who wants to be told.
    pub agents: Agents,
    /// Which calls there are.
    pub dialogs: Dialogs,
    /// Which calls wait.
    pub parked: Parked,
    /// Which INVITEs have no final answer.
    pub open: OpenInvites,
}

impl State {
    /// Nothing is known. Both nodes of a pair have the same key.
    pub fn new(limits: Registrar, key: [u8; 16]) -> State {
        State {
            location: Location::new(limits),
            devices: Devices::default(),
            agents: Agents::default(),
            dialogs: Dialogs::new(key),
            parked: Parked::default(),
            open: OpenInvites::default(),
        }
    }

    /// The next change to tell the other node. Registrations first, INVITEs last: what an INVITE
    /// needs is there before it.
    pub fn poll_change(&mut self) -> Option<Change> {
        self.location
            .poll_change()
            .map(Change::Location)
            .or_else(|| self.devices.poll_change().map(Change::Device))
            .or_else(|| self.agents.poll_change().map(Change::Agents))
            .or_else(|| self.dialogs.poll_change().map(Change::Call))
            .or_else(|| self.parked.poll_change().map(Change::Parked))
            .or_else(|| self.open.poll_change().map(Change::Invite))
    }

    /// Takes over what the other node told.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Location(change) => self.location.apply(change),
            Change::Device(change) => self.devices.apply(change),
            Change::Agents(change) => self.agents.apply(change),
            Change::Call(change) => self.dialogs.apply(change),
            Change::Parked(change) => self.parked.apply(change),
            Change::Invite(change) => self.open.apply(change),
        }
    }

    /// Everything of which something is known.
    pub fn keys(&self) -> Vec<Key> {
        let location = self.location.dns().cloned().map(Key::Location);
        let devices = self.devices.out_of_service_dns().map(|change| Key::Device(change.dn));
        let agents = self.agents.sessions().map(|session| Key::Agent(Arc::clone(&session.dn)));
        let registrations = self.agents.registrations().map(|(client, dn)| Key::Registration {
            client: Arc::clone(client),
            dn: Arc::clone(dn),
        });
        let calls = self.dialogs.keys().map(Key::Call);
        let parked = self.parked.keys().map(Key::Parked);
        let open = self.open.keys().map(Key::Invite);
        let known = location.chain(devices).chain(agents).chain(registrations);
        known.chain(calls).chain(parked).chain(open).collect()
    }

    /// What is known under a key.
    pub fn change_of(&self, key: &Key) -> Change {
        match key {
            Key::Location(dn) => Change::Location(self.location.change_of(dn)),
            Key::Device(dn) => Change::Device(self.devices.change_of(dn)),
            Key::Agent(dn) => {
                let (dn, session) = (Arc::clone(dn), self.agents.session(dn).cloned());
                Change::Agents(agents::Change::Agent { dn, session })
            }
            Key::Registration { client, dn } => {
                let wanted = self.agents.is_registered(client, dn);
                let (client, dn) = (Arc::clone(client), Arc::clone(dn));
                Change::Agents(agents::Change::Registration { client, dn, wanted })
            }
            Key::Call(key) => Change::Call(self.dialogs.change_of(*key)),
            Key::Parked(key) => Change::Parked(self.parked.change_of(*key)),
            Key::Invite(key) => Change::Invite(self.open.change_of(*key)),
        }
    }

    /// This node serves from now on: connections of the other one are gone, and what is known now
    /// is what the switchover has to keep.
    pub fn take_over(&mut self) {
        self.location.take_over();
        self.dialogs.take_over();
    }
}
