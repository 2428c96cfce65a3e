//! This node becomes primary: what the other one had begun goes on here.

use std::collections::BTreeMap;

use takeover_logic::time::Now;

use super::Node;
use super::deliver::invite_key;
use crate::clock::{after, instant_of};
use crate::limits::PARK_GRACE;
use crate::message::Message;
use crate::open::{InviteKey, OpenInvite};
use crate::outbox::Outbox;
use crate::proxy::forward::Manner;
use crate::proxy::waiting::ServerKey;
use crate::proxy::{Arrival, Target};

impl Node {
    /// Goes on with every INVITE that has no final answer: sent again under the same branch, so
    /// that whoever has it answers again and whoever has it not gets it; or waiting again.
    pub(super) fn go_on(&mut self, now: Now, out: &mut Outbox) {
        let mut calls: BTreeMap<u128, Vec<OpenInvite>> = BTreeMap::new();
        for (_, record) in self.state.open.iter() {
            let Ok(message) = Message::scan(&record.invite.0) else { continue };
            if let Some(key) = self.proxy.key(&message) {
                calls.entry(key.0).or_default().push(record.clone());
            }
        }
        for (key, records) in calls {
            self.go_on_with(now, ServerKey(key), &records, out);
        }
    }

    fn go_on_with(&mut self, now: Now, key: ServerKey, records: &[OpenInvite], out: &mut Outbox) {
        let Some(first) = records.first() else { return };
        let Ok(message) = Message::scan(&first.invite.0) else { return };
        let arrival = Arrival { now, message: &message, from: &first.from };
        let call = super::deliver::call_key(self, &message);
        let own_routes = super::deliver::own_routes(&message);
        let manner = Manner { record_route: true, own_routes, call: Some(call) };
        let targets: Vec<Target> = records.iter().filter_map(target).collect();
        if targets.is_empty() {
            let parked = self.state.parked.call(InviteKey(key.0));
            let until = parked.map_or(now.at, |call| after(call.deadline, PARK_GRACE));
            self.proxy.wait(&arrival, manner, instant_of(now, until), out);
        } else {
            self.proxy.forward(&arrival, targets, manner, out);
        }
        if first.canceled {
            self.proxy.cancel_key(now.instant, key, out);
        }
    }

    /// A caller gave up; the other node has to know, in case it has to say so to the callee.
    pub(super) fn note_cancel(&mut self, now: Now, message: &Message<'_>) {
        let Some(key) = self.proxy.key(message) else { return };
        let call = super::deliver::call_key(self, message);
        self.state.dialogs.canceled(now.at, call);
        let mut index = 0;
        while let Some(record) = self.state.open.get(invite_key(key, index)).cloned() {
            self.state.open.put(invite_key(key, index), OpenInvite { canceled: true, ..record });
            index += 1;
        }
        self.state.parked.take(InviteKey(key.0));
    }
}

fn target(record: &OpenInvite) -> Option<Target> {
    let hop = record.flow?;
    let uri = (!record.target.is_empty()).then(|| record.target.as_bytes().into());
    Some(Target { uri, hops: vec![hop], route: None })
}
