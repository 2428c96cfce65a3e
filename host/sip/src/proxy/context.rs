//! The state of one request on its way: a server transaction and its branches.

use std::time::Duration;

use takeover_logic::time::Instant;

use super::Target;
use crate::dialogs::CallKey;
use crate::flow::Flow;
use crate::limits::{T4, TRANSACTION_TIMEOUT};

/// The server transaction's state (RFC 3261 section 17.2, RFC 6026).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    /// No final answer yet.
    Proceeding,
    /// A final answer went out, for an INVITE one that wants an ACK.
    Completed,
    /// The ACK came.
    Confirmed,
    /// A 2xx of an INVITE went out; more may follow.
    Accepted,
    /// Nothing is to be answered any more.
    Ended,
}

/// A branch's client transaction (section 17.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    /// No answer yet.
    Calling,
    /// A provisional answer came.
    Proceeding,
    /// A final answer came: its retransmissions are absorbed.
    Completed,
    /// A 2xx of an INVITE came: its retransmissions are relayed.
    Accepted,
    /// Over.
    Ended,
}

/// How far taking a branch back has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cancel {
    /// Nobody wants that.
    No,
    /// Wanted; it has to wait for a provisional answer (section 9.1).
    Wanted,
    /// The CANCEL went out; over UDP it is sent again.
    Sent,
    /// It was answered.
    Answered,
}

/// One copy of the request and what became of it.
#[derive(Debug)]
pub(super) struct Branch {
    /// The branch's number; unique.
    pub(super) number: u128,
    /// Where it went.
    pub(super) hop: Flow,
    /// Where it goes if that fails.
    pub(super) target: Target,
    /// How many of the target's hops were tried.
    pub(super) tried: usize,
    /// The request as sent; once a final answer came, the ACK to it.
    pub(super) sent: Box<[u8]>,
    pub(super) state: Client,
    pub(super) cancel: Cancel,
    /// Timers A, E, and those of a CANCEL.
    pub(super) resend_at: Option<Instant>,
    pub(super) resend_wait: Duration,
    /// Timers B, C, D, F, K, M: whichever its state has.
    pub(super) ends_at: Option<Instant>,
}

impl Branch {
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.state, Client::Calling | Client::Proceeding)
    }

    fn next_deadline(&self) -> Option<Instant> {
        Instant::earliest(self.resend_at, self.ends_at)
    }
}

/// The best final answer so far (section 16.7 step 6).
#[derive(Debug)]
pub(super) enum Best {
    /// As it came, without our Via.
    Received(u16, Box<[u8]>),
    /// One of our own.
    Own(u16),
}

impl Best {
    pub(super) fn code(&self) -> u16 {
        match self {
            Best::Received(code, _) | Best::Own(code) => *code,
        }
    }
}

/// One request on its way.
#[derive(Debug)]
pub struct Context {
    pub(super) invite: bool,
    pub(super) server: Server,
    pub(super) server_key: u128,
    /// Where it came from.
    pub(super) from: Flow,
    /// Where answers go.
    pub(super) reply: Flow,
    /// As received; empty once nothing can be sent on any more.
    pub(super) request: Box<[u8]>,
    /// The last answer, for retransmissions.
    pub(super) last: Box<[u8]>,
    pub(super) record_route: bool,
    /// Routes on top that name this node and do not travel on.
    pub(super) own_routes: usize,
    pub(super) branches: Vec<Branch>,
    pub(super) best: Option<Best>,
    pub(super) canceled: bool,
    /// The call that it begins.
    pub(super) call: Option<CallKey>,
    /// A request of the node's own: who asked.
    pub(super) own: Option<u64>,
    /// Timer G.
    pub(super) resend_at: Option<Instant>,
    pub(super) resend_wait: Duration,
    /// Timers H, I, J, L.
    pub(super) ends_at: Option<Instant>,
    /// Its entry among the timers.
    pub(super) due: Option<Instant>,
    /// Since when it is over; its entry among those that are.
    pub(super) over_since: Option<Instant>,
}

impl Context {
    /// The earliest of its deadlines; none when it is over.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let own = Instant::earliest(self.resend_at, self.ends_at);
        let branches = self.branches.iter().map(Branch::next_deadline);
        branches.fold(own, Instant::earliest)
    }

    /// An ACK with its key: true where it was meant for this transaction, false where it has to
    /// travel on (that of a 2xx).
    pub(super) fn acknowledge(&mut self, now: Instant) -> bool {
        match self.server {
            Server::Completed if self.invite => {
                self.server = Server::Confirmed;
                self.resend_at = None;
                let reliable = self.reply.transport.is_reliable();
                self.ends_at = (!reliable).then_some(now + T4);
                true
            }
            Server::Completed | Server::Confirmed => true,
            Server::Proceeding | Server::Accepted | Server::Ended => false,
        }
    }

    /// Whether every branch has had its final answer.
    pub(super) fn is_settled(&self) -> bool {
        self.branches.iter().all(|branch| !branch.is_waiting())
    }

    /// Whether nothing is to happen any more, and only what was there already can come again.
    pub(super) fn is_over(&self) -> bool {
        let is_answered = match self.server {
            Server::Proceeding => false,
            Server::Completed => !self.invite,
            Server::Confirmed | Server::Accepted | Server::Ended => true,
        };
        is_answered && self.is_settled()
    }

    /// Frees what is only needed while branches may still be added.
    pub(super) fn settle(&mut self) {
        self.request = Box::default();
    }

    /// How long ended transactions remember over this transport.
    pub(super) fn linger(&self, now: Instant) -> Option<Instant> {
        (!self.reply.transport.is_reliable()).then_some(now + TRANSACTION_TIMEOUT)
    }
}
