//! Requests that are sent on, with their transactions and timers (RFC 3261 sections 16 and 17,
//! RFC 6026).
//!
//! One request that came in is one [`Context`]: the server transaction, and a branch for each
//! target. What belongs to no context is relayed without one ([`stateless`]), which is how a node
//! goes on with what the other node of its pair began. Nothing here knows who is registered or what
//! is configured: targets come in ready.

pub mod context;
mod final_response;
pub mod forward;
mod own;
pub mod response;
pub mod stateless;
#[cfg(test)]
mod tests;
mod timeout;
pub mod waiting;
pub mod write;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;

use slab::Slab;
use takeover_logic::time::{Instant, Now};

use crate::branch::{self, Secret};
use crate::dialogs::CallKey;
use crate::flow::{Flow, Transport};
use crate::limits::{T4, TRANSACTIONS_MAX};
use crate::message::edit::Edits;
use crate::message::{HeaderName, Message, Method, Via};
use crate::outbox::Outbox;
use context::Context;
use waiting::ServerKey;

/// A message that came in.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a, 'm> {
    /// When.
    pub now: Now,
    /// What.
    pub message: &'a Message<'m>,
    /// From where.
    pub from: &'a Flow,
}

/// A call got its final answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Final {
    /// Its transaction.
    pub key: ServerKey,
    /// Which call.
    pub call: CallKey,
    /// The answer where nobody took it; none: somebody did.
    pub refused: Option<u16>,
}

/// One branch of one context, at a moment.
#[derive(Clone, Copy, Debug)]
struct Spot {
    now: Instant,
    id: usize,
    index: usize,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Replaces the Request-URI; none leaves it.
    pub uri: Option<Box<[u8]>>,
    /// Hosts in the order in which they are tried (RFC 3263 section 4.3); at least one.
    pub hops: Vec<Flow>,
    /// Route values that go on top, for example a Path (RFC 3327).
    pub route: Option<Box<[u8]>>,
}

/// How this node names itself in Via and Record-Route.
#[derive(Clone, Debug)]
pub struct Names {
    /// For UDP, TCP and TLS.
    names: [Name; 3],
}

#[derive(Clone, Debug)]
struct Name {
    sent_by: Box<str>,
    /// Where the host is in it, without the brackets of IPv6.
    host: Range<usize>,
    /// None: it names nobody, as nothing is sent without a port.
    port: Option<u16>,
}

impl Names {
    /// `host:port` for UDP, TCP and TLS: the virtual IP, never a host's own address.
    pub fn new(sent_by: [Box<str>; 3]) -> Names {
        Names { names: sent_by.map(Name::new) }
    }

    /// The name for a transport.
    pub fn of(&self, transport: Transport) -> &str {
        let [udp, tcp, tls] = &self.names;
        match transport {
            Transport::Udp => &udp.sent_by,
            Transport::Tcp => &tcp.sent_by,
            Transport::Tls => &tls.sent_by,
        }
    }

    /// Whether a Via, Route or Request-URI names this node: the host and, where written, the port.
    pub fn are(&self, host: &[u8], port: Option<u16>) -> bool {
        self.names.iter().zip([Transport::Udp, Transport::Tcp, Transport::Tls]).any(
            |(name, transport)| {
                name.port == Some(port.unwrap_or(transport.default_port()))
                    && name.host().eq_ignore_ascii_case(host)
            },
        )
    }
}

impl Name {
    fn new(sent_by: Box<str>) -> Name {
        let (host, port) = match sent_by.rsplit_once(':') {
            Some((host, port)) => (0..host.len(), port.parse().ok()),
            None => (0..sent_by.len(), None),
        };
        let is_bracketed = sent_by.starts_with('[') && host.end > 1;
        let host = if is_bracketed { 1..host.end - 1 } else { host };
        Name { sent_by, host, port }
    }

    fn host(&self) -> &[u8] {
        self.sent_by.as_bytes().get(self.host.clone()).unwrap_or_default()
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests that came again.
    pub request_repeats: u64,
    /// Requests and responses that this node sent again.
    pub resent: u64,
    /// Transactions that were over and forgotten before their time, for want of room.
    pub forgotten: u64,
    /// Branches that ended without a final answer.
    pub timeouts: u64,
    /// Responses, ACKs and CANCELs that belonged to no transaction here and were relayed.
    pub stateless: u64,
    /// Messages that were dropped because nobody could say where they belong.
    pub dropped: u64,
}

/// The contexts and what finds them.
#[derive(Debug)]
pub struct Proxy {
    secret: Secret,
    names: Names,
    contexts: Slab<Context>,
    by_server: HashMap<u128, usize, BuildHasherDefault<AlreadyHashed>>,
    by_client: HashMap<u128, (usize, usize), BuildHasherDefault<AlreadyHashed>>,
    due: BTreeSet<(Instant, usize)>,
    /// Those that are over, and since when, in that order; some are forgotten already.
    over: VecDeque<(Instant, usize)>,
    /// How many there may be.
    room: usize,
    edits: Edits,
    own_answers: VecDeque<(u64, Option<u16>)>,
    finals: VecDeque<Final>,
    counters: Counters,
}

impl Proxy {
    /// A proxy without transactions.
    pub fn new(secret: Secret, names: Names) -> Proxy {
        Proxy {
            secret,
            names,
            contexts: Slab::new(),
            by_server: HashMap::default(),
            by_client: HashMap::default(),
            due: BTreeSet::new(),
            over: VecDeque::new(),
            room: TRANSACTIONS_MAX,
            edits: Edits::default(),
            own_answers: VecDeque::new(),
            finals: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// Its names.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// What was counted since it began.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Transactions at present.
    pub fn len(&self) -> usize {
        self.contexts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.contexts.is_empty()
    }

    /// Makes room for another transaction where there is none. False: there is none to be made.
    ///
    /// The one that has been over for longest goes, if a message that was sent before its end can
    /// no longer be on its way. Should a request of it come again all the same, it is sent on
    /// with the same branch, and the next hop knows it; answers are relayed without a transaction.
    pub fn make_room(&mut self, now: Instant) -> bool {
        while self.contexts.len() >= self.room {
            let Some(&(since, id)) = self.over.front() else { return false };
            if now.since(since) < T4 {
                return false;
            }
            self.counters.forgotten += 1;
            self.over.pop_front();
            self.forget(id);
        }
        true
    }

    /// Forgets every transaction without a word: they are another node's now.
    pub fn forget_all(&mut self) {
        let (names, counters) = (self.names.clone(), self.counters);
        *self = Proxy { counters, ..Proxy::new(self.secret, names) };
    }

    /// When [`Proxy::tick`] wants to be called.
    pub fn deadline(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The next call that got its final answer.
    pub fn poll_final(&mut self) -> Option<Final> {
        self.finals.pop_front()
    }

    /// A request of a transaction that is here: a retransmission gets the last answer again, an ACK
    /// ends the waiting for it. False where it is new, or a CANCEL.
    pub fn absorb(&mut self, now: Instant, message: &Message<'_>, out: &mut Outbox) -> bool {
        // A node that only redirects and answers has none: there the key need not be made.
        if self.by_server.is_empty() {
            return false;
        }
        let Some(via) = message.top_via() else { return false };
        if message.method() == Some(Method::Cancel) {
            return false;
        }
        let key = branch::server_key(&self.secret, message, &via);
        let Some(&id) = self.by_server.get(&key) else { return false };
        let Some(context) = self.contexts.get_mut(id) else { return false };
        if message.method() == Some(Method::Ack) {
            let mine = context.acknowledge(now);
            self.reschedule(now, id);
            return mine;
        }
        self.counters.request_repeats += 1;
        if !context.last.is_empty() {
            let (reply, last) = (context.reply, &context.last);
            out.send(reply, |bytes| bytes.extend_from_slice(last));
        }
        true
    }

    /// Moves the context's entry among the timers to where its next deadline is, or forgets it.
    fn reschedule(&mut self, now: Instant, id: usize) {
        let Some(context) = self.contexts.get_mut(id) else { return };
        let next = context.next_deadline();
        if next.is_some() && context.over_since.is_none() && context.is_over() {
            context.over_since = Some(now);
            self.over.push_back((now, id));
        }
        if context.due == next {
            return;
        }
        if let Some(at) = context.due.take() {
            self.due.remove(&(at, id));
        }
        context.due = next;
        match next {
            Some(at) => {
                self.due.insert((at, id));
            }
            None => self.forget(id),
        }
    }

    fn forget(&mut self, id: usize) {
        let Some(context) = self.contexts.try_remove(id) else { return };
        self.by_server.remove(&context.server_key);
        for branch in &context.branches {
            self.by_client.remove(&branch.number);
        }
        if let Some(at) = context.due {
            self.due.remove(&(at, id));
        }
        self.tidy_over();
    }

    /// Keeps what was forgotten from being first among those that are over, and from being many.
    fn tidy_over(&mut self) {
        let contexts = &self.contexts;
        let is_there = |(since, id): &(Instant, usize)| {
            contexts.get(*id).is_some_and(|context| context.over_since == Some(*since))
        };
        while self.over.front().is_some_and(|entry| !is_there(entry)) {
            self.over.pop_front();
        }
        if self.over.len() > self.room.saturating_mul(2) {
            self.over.retain(is_there);
        }
    }
}

/// Where an answer to a request goes (RFC 3261 section 18.2.2, RFC 3581): back over its connection,
/// or to its source address. `maddr` is not followed, so that nobody can have answers sent
/// elsewhere.
pub fn reply_flow(via: &Via<'_>, from: &Flow) -> Flow {
    let mut reply = *from;
    if from.connection.is_none() && !via.has_rport {
        reply.remote.set_port(via.port_or_default());
    }
    reply
}

/// The same for a refusal, which is also for whoever wrote a Via that can not be read in whole (RFC
/// 4475 sections 3.1.2.1 and 3.1.2.16); none where the way back is not in it.
pub fn refusal_flow(message: &Message<'_>, from: &Flow) -> Option<Flow> {
    if let Some(via) = message.top_via() {
        return Some(reply_flow(&via, from));
    }
    let value = message.value(HeaderName::Via)?;
    let mut reply = *from;
    if from.connection.is_none() {
        reply.remote.set_port(Via::sender_port(value)?);
    }
    Some(reply)
}

/// Keys are hashes already.
#[derive(Debug, Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, number: u128) {
        self.0 = (number >> 64) as u64;
    }
}
