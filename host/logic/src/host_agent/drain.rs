//! Waiting until a program has few enough calls for a switchover.
//!
//! The agent passes the request on and watches the numbers; it must not know what comes after.

use crate::channel::{Calls, Reject, ToProgram};
use crate::ids::{ApplicationName, OrderId};
use crate::link::{AgentMessage, Fault};
use crate::time::Instant;

use super::HostAgent;

/// A program that is being drained.
#[derive(Clone, Debug)]
pub(super) struct Drain {
    pub(super) order: OrderId,
    pub(super) reject: Reject,
    pub(super) max_calls: u32,
    pub(super) until: Instant,
}

impl Drain {
    fn is_over(&self, calls: Option<Calls>, now: Instant) -> bool {
        self.until <= now || calls.is_some_and(|calls| calls.up() <= self.max_calls)
    }

    fn message(&self, now: Instant) -> ToProgram {
        let left = self.until.since(now).as_millis();
        let time_left_ms = u64::try_from(left).unwrap_or(u64::MAX);
        ToProgram::Drain { reject: self.reject.clone(), time_left_ms }
    }
}

impl HostAgent {
    /// Asks a program to take no new calls. Only one that is connected can say how many are left.
    pub(super) fn begin_drain(&mut self, now: Instant, name: &ApplicationName, drain: Drain) {
        let channel = self.channels.get_mut(name).filter(|channel| channel.is_connected());
        let Some(channel) = channel else {
            let text = format!("{name} is not connected to an application channel");
            return self.done(drain.order, Err(Fault::Unavailable(text.into())));
        };
        let message = drain.message(now);
        let earlier = channel.drain.replace(drain);
        if let Some(earlier) = earlier {
            self.done(earlier.order, Err(Fault::InProgress));
        }
        self.tell_program(name, message);
        self.tell_calls(name);
        self.advance_drains(now);
    }

    /// The switchover does not come.
    pub(super) fn end_drain(&mut self, name: &ApplicationName) {
        let drain = self.channels.get_mut(name).and_then(|channel| channel.drain.take());
        if let Some(drain) = drain {
            self.done(drain.order, Err(Fault::Unavailable("the drain was ended".into())));
        }
        self.tell_program(name, ToProgram::DrainOver);
    }

    /// Asks again on a new connection.
    pub(super) fn repeat_drain(&mut self, name: &ApplicationName) {
        let now = self.now.instant;
        let drain = self.channels.get(name).and_then(|channel| channel.drain.as_ref());
        if let Some(message) = drain.map(|drain| drain.message(now)) {
            self.tell_program(name, message);
        }
    }

    /// A program told how many calls it has. The control server hears of it while the program is
    /// drained, and of every call that was lost.
    pub(super) fn calls_told(&mut self, name: &ApplicationName, calls: Calls) {
        let Some(channel) = self.channels.get_mut(name) else { return };
        let before = channel.calls.replace(calls);
        let lost = before.unwrap_or_default().lost != calls.lost;
        if lost || channel.drain.is_some() && before != Some(calls) {
            self.tell_calls(name);
        }
    }

    /// Answers the orders of drains that are over.
    pub(super) fn advance_drains(&mut self, now: Instant) {
        let over: Vec<_> = (self.channels.iter_mut())
            .filter_map(|(name, channel)| {
                let calls = channel.calls;
                let drain = channel.drain.take_if(|drain| drain.is_over(calls, now))?;
                Some((name.clone(), drain.order))
            })
            .collect();
        for (name, order) in over {
            self.tell_calls(&name);
            self.done(order, Ok(()));
        }
    }

    fn tell_calls(&mut self, name: &ApplicationName) {
        if let Some(calls) = self.calls(name) {
            self.send(AgentMessage::Calls { application: name.clone(), calls });
        }
    }
}
