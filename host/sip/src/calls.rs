//! What clients are told of calls: what follows for each party when what is known of one changes.
//!
//! Derived from the entry before and after a change, so that a node which took over goes on telling
//! of calls that began at the other one: all that decides is in the entry, and the other node had
//! it. Must not know who listens, nor SIP text. Names are those of the guide's client library.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use takeover_logic::time::Timestamp;

use crate::dialogs::{CallKey, Dialog, Party, Stage};
use crate::limits::PARTY_NUMBER_BYTES_MAX;

#[cfg(test)]
mod tests;

/// What happened to a party of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventName {
    /// The caller's call goes out.
    Dialing,
    /// The callee's telephone rings.
    Ringing,
    /// The party talks.
    Established,
    /// The party put the call on hold.
    Held,
    /// The party took it back.
    Retrieved,
    /// The party's call has ended.
    Released,
    /// The call ended before it was answered there.
    Abandoned,
    /// The call waits on a routing point.
    Queued,
    /// Somebody is to say where it goes.
    RouteRequest,
    /// Somebody did, or the time for it passed.
    RouteUsed,
    /// It has left the routing point.
    Diverted,
}

/// Between whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CallType {
    /// Neither party is known here.
    #[default]
    Unknown,
    /// Both are here.
    Internal,
    /// It came from elsewhere.
    Inbound,
    /// It goes elsewhere.
    Outbound,
}

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Somebody hung up.
    Bye,
    /// The caller gave up.
    Canceled,
    /// Nobody took it.
    Refused,
    /// Nothing was heard of it for too long.
    Silence,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Why.
    pub cause: Cause,
    /// The final answer of a call that nobody took.
    pub code: Option<u16>,
}

impl End {
    /// An end without an answer.
    pub const fn of(cause: Cause) -> End {
        End { cause, code: None }
    }
}

/// Something to tell clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Event {
    /// What.
    pub event: EventName,
    /// Of which DN.
    pub dn: Arc<str>,
    /// Which call: 16 hexadecimal digits, the same on both nodes.
    #[serde(serialize_with = "digits")]
    pub call: CallKey,
    /// Between whom.
    pub call_type: CallType,
    /// The other party: its DN, or its number where it is none of this switch.
    pub other_dn: Arc<str>,
    /// The caller's number.
    pub ani: Arc<str>,
    /// The number that was called first.
    pub dnis: Arc<str>,
    /// Where a routed call goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub third_party_dn: Option<Arc<str>>,
    /// Why it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// The final answer of a call that nobody took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sip_code: Option<u16>,
    /// When.
    pub at: Timestamp,
    /// Who asked to be told. Not part of what they are told.
    #[serde(skip)]
    pub clients: Vec<Arc<str>>,
}

/// A key in hexadecimal digits: numbers of that size are not safe in JSON.
fn digits<S: Serializer>(key: &CallKey, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(key)
}

/// A number as far as it is kept: [`PARTY_NUMBER_BYTES_MAX`].
pub fn number(text: &str) -> Arc<str> {
    let mut end = text.len().min(PARTY_NUMBER_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().into()
}

/// One change of one call, as events are made of it.
#[derive(Debug)]
pub struct Told<'a> {
    /// When.
    pub at: Timestamp,
    /// Which call.
    pub key: CallKey,
    /// Where they go.
    pub events: &'a mut VecDeque<Event>,
}

impl Told<'_> {
    /// A call begins.
    pub fn began(&mut self, call: &Dialog) {
        self.caller(call, EventName::Dialing);
        if call.stage == Stage::Queued {
            self.callee(call, EventName::Queued);
            self.callee(call, EventName::RouteRequest);
        }
    }

    /// A call goes on.
    pub fn changed(&mut self, before: &Dialog, after: &Dialog) {
        if before.stage == Stage::Queued && after.stage != Stage::Queued {
            let to = after.parties.callee.name();
            for name in [EventName::RouteUsed, EventName::Diverted] {
                if let Some(event) = self.callee(before, name) {
                    event.third_party_dn = to.clone();
                }
            }
        }
        let rang = before.stage == Stage::Ringing && before.parties == after.parties;
        if after.stage >= Stage::Ringing && before.stage < Stage::Established && !rang {
            self.callee(after, EventName::Ringing);
        }
        if after.stage == Stage::Established && before.stage != Stage::Established {
            self.caller(after, EventName::Established);
            self.callee(after, EventName::Established);
        }
        let held = |holds| if holds { EventName::Held } else { EventName::Retrieved };
        if before.held.caller != after.held.caller {
            self.caller(after, held(after.held.caller));
        }
        if before.held.callee != after.held.callee {
            self.callee(after, held(after.held.callee));
        }
    }

    /// A call has ended.
    pub fn ended(&mut self, call: &Dialog, end: End) {
        let of_callee = match call.stage {
            Stage::Established => Some(EventName::Released),
            Stage::Ringing if end.cause == Cause::Refused => Some(EventName::Released),
            Stage::Ringing | Stage::Queued => Some(EventName::Abandoned),
            Stage::Dialing => None,
        };
        let say = |event: &mut Event| (event.cause, event.sip_code) = (Some(end.cause), end.code);
        self.caller(call, EventName::Released).map(say);
        of_callee.and_then(|event| self.callee(call, event)).map(say);
    }

    fn caller(&mut self, call: &Dialog, event: EventName) -> Option<&mut Event> {
        let parties = &call.parties;
        self.tell(call, event, (&parties.caller, &parties.callee))
    }

    fn callee(&mut self, call: &Dialog, event: EventName) -> Option<&mut Event> {
        let parties = &call.parties;
        self.tell(call, event, (&parties.callee, &parties.caller))
    }

    fn tell(
        &mut self,
        call: &Dialog,
        event: EventName,
        (party, other): (&Party, &Party),
    ) -> Option<&mut Event> {
        let dn = Arc::clone(party.dn.as_ref()?);
        self.events.push_back(Event {
            event,
            dn,
            call: self.key,
            call_type: call.parties.call_type,
            other_dn: other.name().unwrap_or_default(),
            ani: Arc::clone(&call.parties.caller.number),
            dnis: Arc::clone(&call.parties.dialed),
            third_party_dn: None,
            cause: None,
            sip_code: None,
            at: self.at,
            clients: Vec::new(),
        });
        self.events.back_mut()
    }
}
