//! The link to the other node: what it says goes into the tables, what changes here goes out.

use takeover_logic::time::Now;

use super::{Node, StandbyInput};
use crate::outbox::Outbox;
use crate::standby::{Output, Standby, WaitId};
use crate::wish::Wish;

impl Node {
    /// Whether the other node follows every change: then it is worth telling it of open INVITEs.
    pub(super) fn has_standby(&self) -> bool {
        self.standby.as_ref().is_some_and(Standby::is_in_step)
    }

    /// Tells what changed, and waits until the other node has it, if it follows.
    pub(super) fn wait_for_standby(&mut self, now: Now, out: &mut Outbox) -> Option<WaitId> {
        let wait = self.standby.as_mut()?.publish(now, &mut self.state, true);
        self.link_outputs(now, out);
        wait
    }

    pub(super) fn standby_input(&mut self, now: Now, input: StandbyInput) {
        let Some(standby) = &mut self.standby else { return };
        match input {
            StandbyInput::Connected(id) => standby.connected(now, id),
            StandbyInput::DialFailed => standby.dial_failed(now),
            StandbyInput::Disconnected(id) => standby.disconnected(now, id),
            StandbyInput::Lines(id, lines) => {
                for line in lines {
                    standby.receive(now, id, &line, &mut self.state);
                }
            }
        }
    }

    /// Tells what changed, and does what the link wants.
    pub(super) fn tell_standby(&mut self, now: Now, out: &mut Outbox) {
        match &mut self.standby {
            Some(standby) => {
                standby.publish(now, &mut self.state, false);
            }
            None => while self.state.poll_change().is_some() {},
        }
        self.link_outputs(now, out);
    }

    fn link_outputs(&mut self, now: Now, out: &mut Outbox) {
        while let Some(output) = self.standby.as_mut().and_then(Standby::poll) {
            match output {
                Output::Dial => out.wish(Wish::Dial),
                Output::Send { id, line } => out.wish(Wish::Standby(id, line)),
                Output::Close(id) => out.wish(Wish::CloseLink(id)),
                Output::Acknowledged(wait) | Output::GivenUp(wait) => self.release(now, wait, out),
                Output::Standing(standing) => out.wish(Wish::Standing(standing)),
                Output::Event(event) => out.wish(Wish::Link(event)),
            }
        }
    }
}
