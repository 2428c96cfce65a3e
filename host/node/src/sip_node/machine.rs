//! The seam between the SIP thread and the machine that it drives: what goes in and what comes
//! out, as plain values. Everything that is decided is behind it.

use std::net::SocketAddr;
use std::sync::Arc;

use takeover_logic::component::sip::{MonitorSample, Refusal};
use takeover_logic::ids::Term;
use takeover_logic::keep::Keep;
use takeover_logic::link::{RunMode, Verdict};
use takeover_logic::time::{Instant, Now};
use takeover_sip::directory::Directory;
use takeover_sip::flow::{ConnectionId, Flow, Transport};
use takeover_sip::keep::KeepInput;

/// A machine for the SIP thread to drive. After each call that returns, what it caused is in
/// [`sends`](Self::sends) and [`wishes`](Self::wishes), until it is taken.
pub(crate) trait Machine {
    /// One whole message, as received.
    fn receive(&mut self, now: Now, from: &Flow, message: &[u8]);
    /// Everything else that happened.
    fn handle(&mut self, now: Now, input: Input);
    /// A deadline is due.
    fn tick(&mut self, now: Now);
    /// When it wants to be called without anything having happened.
    fn deadline(&self, now: Now) -> Option<Instant>;
    /// What is to be sent, in order.
    fn sends(&self) -> impl Iterator<Item = (&Flow, &[u8])>;
    /// What was to be sent is sent.
    fn sent(&mut self);
    /// What else is to be done, in order, each once.
    fn wish(&mut self) -> Option<Wish>;
    /// What a SIP monitor is to be shown now; none: there is nothing to be judged, as in a backup.
    fn sample(&mut self, now: Now) -> Option<MonitorSample>;
    /// What it counted, for `/metrics`: name, kind and value.
    fn metrics(&self) -> Vec<Metric>;
}

/// One number of the machine.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Metric {
    /// Its name, without the common beginning; a counter's ends in `_total`.
    pub(crate) name: &'static str,
    /// What it counts, in one line.
    pub(crate) help: &'static str,
    /// The number.
    pub(crate) value: f64,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Input {
    /// The host agent's order, or the standalone choice.
    RunMode { mode: RunMode, term: Term },
    /// A graceful shutdown begins.
    Suspend,
    /// An option was changed.
    Option { name: Arc<str>, value: Arc<str> },
    /// The directory was read again.
    Directory(Arc<Directory>),
    /// A file that was read again is wrong; what was read last stays.
    NotLoaded(Arc<str>),
    /// The standby link.
    Standby(StandbyInput),
    /// A connection is gone.
    ConnectionClosed(ConnectionId),
    /// Something could not be delivered: ICMP, or no connection.
    Unreachable(Flow),
    /// How many new calls are let in, of [`takeover_sip::limits::ADMIT_ALL`].
    Admit(u32),
    /// What the SIP monitor says of the last sample.
    Assessed(Verdict),
    /// The answer to [`Wish::Resolve`].
    Resolved { question: u64, answer: Result<Vec<Target>, String> },
    /// A client of the agents' API is there and wants its events.
    ClientCame(ClientId, Arc<str>),
    /// A client of the agents' API asks for something; it is answered by an event that has the
    /// same reference.
    Request { client: Asker, reference: u64, request: serde_json::Value },
    /// New calls are refused like this from now on, before a switchover; none: no longer.
    Drain(Option<Refusal>),
    /// A client of the agents' API is gone, or was dismissed.
    ClientGone(ClientId),
    /// The way to the store of the pair.
    Keep(KeepInput),
}

/// What happened to the standby link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StandbyInput {
    /// It is there; nothing was sent or received on it yet.
    Up,
    /// It is gone, with everything that was not acknowledged.
    Down(Arc<str>),
    /// It could not be dialed.
    DialFailed,
    /// A message of the other node.
    Message(String),
}

/// Something that the machine wants done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wish {
    /// Names to addresses; answered by [`Input::Resolved`].
    Resolve(Question),
    /// A message for the other node; lost where there is no link.
    Standby(String),
    /// The other node should be dialed once; answered by [`StandbyInput::Up`] or
    /// [`StandbyInput::DialFailed`].
    Dial,
    /// The link that is there should be cut; another one may come.
    CutLink,
    /// The standby link should be there, or should not.
    Link(bool),
    /// The SIP port should be bound.
    Bind,
    /// The SIP port should be given up at once, with every connection.
    Unbind,
    /// A connection should be closed.
    Close(ConnectionId),
    /// An event for one client, or for all of them.
    Tell { client: Option<ClientId>, event: Arc<str> },
    /// Something for the host agent or the log.
    Report(Report),
}

/// What the node tells whoever supervises it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// A log event of the catalogue, by its number in family 00, with its reason.
    Event { number: u32, reason: Arc<str> },
    /// Service is given (again), or it can not be and why.
    Service(Result<(), Arc<str>>),
    /// The run mode was taken on.
    RunMode { mode: RunMode, term: Term },
    /// A graceful shutdown has come to its end.
    Suspended,
    /// It knows what it should and could serve.
    Ready,
    /// A word to the store of the pair.
    Keep(Keep),
    /// How many calls there are, told while somebody waits for their end.
    Calls {
        /// Answered.
        established: u32,
        /// Not yet answered.
        ringing: u32,
        /// Of those that a switchover left to this node, the ones that ended without a word.
        lost: u32,
    },
}

/// Who asks: a client, and the name that it has on both nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asker {
    /// Its number here.
    pub(crate) id: ClientId,
    /// The name of its token.
    pub(crate) name: Arc<str>,
}

/// A name for which addresses are wanted (RFC 3263).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// The machine's number for it.
    pub(crate) number: u64,
    /// A name or a literal address.
    pub(crate) host: Arc<str>,
    /// The port, where one is written.
    pub(crate) port: Option<u16>,
    /// The transport, where one is written.
    pub(crate) transport: Option<Transport>,
    /// The URI is a `sips` one: TLS only.
    pub(crate) is_secure: bool,
}

/// One place to send to; the first of a list is wanted most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    /// How.
    pub(crate) transport: Transport,
    /// Where.
    pub(crate) address: SocketAddr,
}

/// Number of a client of the agents' API; never used twice by a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ClientId(pub(crate) u64);
