//! Hot standby: what the node that serves tells the other one, so that calls survive it.
//!
//! One machine for both ends. It decides what to say and when to connect, give up or wait; the
//! shell carries bytes. It must not know what the tables mean ([`crate::state`]) or why a node
//! serves. Reading order: [`message`] (what is said), `sender`, `receiver`, then [`Standby`].
//!
//! ```text
//!            dial, accept            both said hello
//!    Down -----------------> Greeting ---------------> Linked
//!     ^                          |                        |
//!     +---- refused, silent, closed, not understood ------+
//! ```
//!
//! While linked, the one that serves tells the other: a snapshot, then every change, each with a
//! number. What was not acknowledged is told again on the next link; where that is no longer
//! possible a new snapshot begins.
//!
//! # Invariants
//!
//! - Only who does not serve takes items, and only from one that does, in a term not below its own.
//! - What is known stays until a new snapshot is whole.
//! - Nobody waits longer than [`STANDBY_WAIT`](crate::limits::STANDBY_WAIT), and nobody waits for a
//!   node that is not in step.
//! - The link is asked for a sign of life only while nothing comes.

use std::collections::VecDeque;
use std::time::Duration;

use takeover_logic::ids::Term;
use takeover_logic::time::{Instant, Now};

use crate::directory::AddpTrace;
use crate::limits::{STANDBY_HELLO_TIMEOUT, STANDBY_NEWCOMER_WAIT};
use crate::state::State;

pub mod io;
pub mod message;
mod receiver;
mod sender;
#[cfg(test)]
mod tests;

pub use io::{KeepAlive, LinkEvent, LinkId, Output, Settings, Standing};
use message::{Hello, Message, PROTOCOL, StreamId};
use receiver::{Receiver, Taken};
pub use sender::WaitId;
use sender::{Bounds, Sender};

/// Where the link stands.
#[derive(Debug)]
enum Link {
    /// There is none. Who dials does so at that time; none: a dial is under way.
    Down { dial_at: Option<Instant> },
    /// The other end said nothing yet.
    Greeting { id: LinkId, until: Instant },
    /// Both ends have spoken.
    Linked(Linked),
}

/// A link on which both ends have spoken.
#[derive(Debug)]
struct Linked {
    id: LinkId,
    /// The other one serves, in this term.
    serves: bool,
    term: Term,
    /// Longest silence; none: any.
    timeout: Option<Duration>,
    heard: Instant,
    /// It was asked for a sign of life.
    asked: Option<Instant>,
    /// The other end wishes that the keep-alive is noted here.
    trace: bool,
}

/// One end of the link between the two nodes of a pair.
#[derive(Debug)]
pub struct Standby {
    settings: Settings,
    bounds: Bounds,
    serves: bool,
    term: Term,
    link: Link,
    sender: Option<Sender>,
    receiver: Receiver,
    standing: Standing,
    /// It had everything once: by a snapshot, or because it served.
    was_whole: bool,
    /// Until then a newcomer waits for the other one.
    newcomer_until: Instant,
    takes: Option<message::Position>,
    last_wait: u64,
    outputs: VecDeque<Output>,
}

impl Standby {
    /// A node that does not serve yet and has no link.
    pub fn new(settings: Settings, now: Now) -> Standby {
        Standby {
            settings,
            bounds: Bounds::default(),
            serves: false,
            term: Term::default(),
            link: Link::Down { dial_at: Some(now.instant) },
            sender: None,
            receiver: Receiver::default(),
            standing: Standing::Initializing,
            was_whole: false,
            newcomer_until: now.instant + STANDBY_NEWCOMER_WAIT,
            takes: None,
            last_wait: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Takes changed options (section `backup-sync`); those of a link count from the next one on.
    pub fn set(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// This node begins to serve in a term, or ends. Tell the tables first
    /// ([`State::take_over`] when it begins).
    pub fn serve(&mut self, now: Now, serves: bool, term: Term, state: &mut State) {
        let term = term.max(self.term);
        if (self.serves, self.term) == (serves, term) {
            return;
        }
        if serves && !self.serves {
            self.receiver.stop(state);
        }
        if let Some(mut sender) = self.sender.take() {
            sender.link_lost();
            self.settle_waits(&mut sender);
        }
        (self.serves, self.term) = (serves, term);
        if serves {
            while state.poll_change().is_some() {}
            self.sender = Some(Sender::new(StreamId { term, at: now.at }, self.bounds));
            self.was_whole = true;
            self.stand(Standing::Ready);
        }
        if let Some(id) = self.link_id() {
            // Also where only hello was said yet: it said something else.
            self.send(id, &Message::Serves { term, serves });
        }
        self.pump(state);
    }

    /// A link is there, dialed or accepted. It replaces one that was there.
    pub fn connected(&mut self, now: Now, id: LinkId) {
        if let Some(old) = self.link_id() {
            self.drop_link(now, old, "replaced by a newer link");
        }
        self.receiver.link_up();
        self.link = Link::Greeting { id, until: now.instant + STANDBY_HELLO_TIMEOUT };
        let hello = Hello {
            protocol: PROTOCOL,
            pair: self.settings.pair.to_string(),
            application: self.settings.application.to_string(),
            machine: self.settings.machine,
            term: self.term,
            serves: self.serves,
            position: self.receiver.position(),
            remote_timeout_ms: io::millis(self.settings.remote_timeout),
            trace: matches!(self.settings.trace, AddpTrace::Remote | AddpTrace::Both),
        };
        self.send(id, &Message::Hello(hello));
    }

    /// A dial failed. Answer to [`Output::Dial`], as [`Standby::connected`] is.
    pub fn dial_failed(&mut self, now: Now) {
        if let Link::Down { dial_at: None } = self.link {
            self.link = Link::Down { dial_at: Some(now.instant + self.settings.reconnect) };
            self.stand_without_peer();
        }
    }

    /// A link is gone.
    pub fn disconnected(&mut self, now: Now, id: LinkId) {
        if self.link_id() == Some(id) {
            self.go_down(now, "closed by the other end");
        }
    }

    /// A line came in. All lines that are there are to be handed over before [`Standby::poll`], so
    /// that they are acknowledged together.
    pub fn receive(&mut self, now: Now, id: LinkId, line: &[u8], state: &mut State) {
        if self.link_id() != Some(id) {
            return;
        }
        let message = match Message::read(line) {
            Ok(message) => message,
            Err(error) => return self.drop_link(now, id, &error.to_string()),
        };
        if let Link::Linked(link) = &mut self.link {
            link.heard = now.instant;
            if let Some(asked) = link.asked.take() {
                self.trace(KeepAlive::Answered(now.instant.since(asked)));
            }
        }
        match (message, matches!(self.link, Link::Linked(_))) {
            (Message::Hello(hello), false) => self.greet(now, id, hello),
            (Message::Refused { reason }, _) => {
                self.drop_link(now, id, &format!("the other node refuses: {reason}"));
            }
            (Message::Hello(_), true) => self.drop_link(now, id, "said hello twice"),
            (_, false) => self.drop_link(now, id, "did not say hello first"),
            (message, true) => self.hear(id, message, state),
        }
        self.pump(state);
    }

    /// First words of the other end.
    fn greet(&mut self, now: Now, id: LinkId, hello: Hello) {
        if let Some(reason) = self.settings.refuses(&hello) {
            self.send(id, &Message::Refused { reason: reason.clone() });
            return self.drop_link(now, id, &format!("refused: {reason}"));
        }
        self.link = Link::Linked(Linked {
            id,
            serves: hello.serves,
            term: hello.term,
            timeout: self.settings.timeout_with(Duration::from_millis(hello.remote_timeout_ms)),
            heard: now.instant,
            asked: None,
            trace: hello.trace,
        });
        self.note(LinkEvent::Up { serves: hello.serves, term: hello.term });
        self.resume(hello.position);
        self.peer_serves(hello.serves, hello.term);
    }

    /// The other end serves, or does not: whether there is something to learn from it.
    fn peer_serves(&mut self, serves: bool, term: Term) {
        if serves && self.serves {
            self.note(LinkEvent::BothServe { own: self.term, other: term });
        }
        match serves && !self.was_whole {
            true => self.stand(Standing::Initializing),
            false => self.stand_without_peer(),
        }
    }

    /// The other end is there and has followed so far: goes on from there, or begins anew.
    fn resume(&mut self, position: Option<message::Position>) {
        let is_whole = self.sender.as_mut().is_some_and(|sender| sender.resume(position));
        if is_whole {
            self.note(LinkEvent::InStep);
        }
    }

    /// A message of a node that was greeted.
    fn hear(&mut self, id: LinkId, message: Message, state: &mut State) {
        match message {
            Message::Serves { term, serves } => {
                if let Link::Linked(link) = &mut self.link {
                    (link.serves, link.term) = (serves, term);
                }
                if !serves {
                    self.resume(None);
                }
                self.peer_serves(serves, term);
            }
            Message::Items { stream, first, items } => {
                let is_entitled = match &self.link {
                    Link::Linked(link) => link.serves && stream.term >= self.term,
                    _ => false,
                };
                if !self.serves && is_entitled {
                    let taken = self.receiver.take(stream, first, items, state);
                    self.answer(id, taken);
                }
            }
            Message::Taken(at) => {
                let is_whole = self.sender_of(at.stream).is_some_and(|s| s.taken(at.number));
                if is_whole {
                    self.note(LinkEvent::InStep);
                }
            }
            Message::Missing(at) => {
                if let Some(sender) = self.sender_of(at.stream) {
                    sender.restart();
                    self.note(LinkEvent::SnapshotAgain);
                }
            }
            Message::Ping => {
                self.send(id, &Message::Pong);
                self.trace(KeepAlive::WasAsked);
            }
            Message::Pong | Message::Hello(_) | Message::Refused { .. } => {}
        }
    }

    /// Says what became of items.
    fn answer(&mut self, id: LinkId, taken: Taken) {
        match taken {
            Taken::All(position) => self.takes = Some(position),
            Taken::Whole(position, entries) => {
                self.takes = Some(position);
                self.note(LinkEvent::SnapshotWhole { entries });
                self.was_whole = true;
                self.stand(Standing::Ready);
            }
            Taken::Missing(position) => self.send(id, &Message::Missing(position)),
            Taken::StillMissing => {}
        }
    }

    fn sender_of(&mut self, stream: StreamId) -> Option<&mut Sender> {
        self.sender.as_mut().filter(|sender| sender.stream() == stream)
    }

    /// Tells what changed in the tables; call it after everything that may change them. `wait`: the
    /// caller wants to know when all of it is on the other node: the answer comes as
    /// [`Output::Acknowledged`] or [`Output::GivenUp`]. None: there is nothing to wait for.
    pub fn publish(&mut self, now: Now, state: &mut State, wait: bool) -> Option<WaitId> {
        while let Some(change) = state.poll_change() {
            if let Some(sender) = &mut self.sender {
                sender.change(change);
            }
        }
        let is_linked = matches!(self.link, Link::Linked(_));
        let id = WaitId(self.last_wait + 1);
        let is_waiting = wait
            && is_linked
            && self.sender.as_mut().is_some_and(|sender| sender.wait(now.instant, id));
        self.last_wait += u64::from(is_waiting);
        self.pump(state);
        is_waiting.then_some(id)
    }

    /// Sends what may be sent, where the other end takes it.
    fn pump(&mut self, state: &State) {
        let Some(mut sender) = self.sender.take() else { return };
        if let Link::Linked(link) = &self.link
            && !link.serves
        {
            let id = link.id;
            while let Some(line) = sender.next_line(state) {
                self.outputs.push_back(Output::Send { id, line });
            }
        }
        self.settle_waits(&mut sender);
        self.sender = Some(sender);
    }

    fn settle_waits(&mut self, sender: &mut Sender) {
        let (acknowledged, given_up) = sender.drain_waits();
        self.outputs.extend(acknowledged.into_iter().map(Output::Acknowledged));
        self.outputs.extend(given_up.into_iter().map(Output::GivenUp));
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Now, state: &State) {
        match &mut self.link {
            Link::Down { dial_at } => {
                if self.settings.dials && dial_at.is_some_and(|at| at <= now.instant) {
                    *dial_at = None;
                    self.outputs.push_back(Output::Dial);
                }
            }
            Link::Greeting { id, until } => {
                if *until <= now.instant {
                    let id = *id;
                    self.drop_link(now, id, "no hello in time");
                }
            }
            Link::Linked(link) => {
                let id = link.id;
                match link.silence(now.instant) {
                    Silence::Bearable => {}
                    Silence::Long => {
                        link.asked = Some(now.instant);
                        let silence = now.instant.since(link.heard);
                        self.send(id, &Message::Ping);
                        self.trace(KeepAlive::Asked(silence));
                    }
                    Silence::Dead => {
                        let asked = link.asked.unwrap_or(link.heard);
                        self.trace(KeepAlive::Unanswered(now.instant.since(asked)));
                        self.drop_link(now, id, "no sign of life in time");
                    }
                }
            }
        }
        if now.instant >= self.newcomer_until && matches!(self.link, Link::Down { .. }) {
            self.stand_without_peer();
        }
        let is_late = self.sender.as_mut().is_some_and(|sender| sender.tick(now.instant));
        if is_late {
            self.note(LinkEvent::LagsBehind);
        }
        self.pump(state);
    }

    /// When [`Standby::tick`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        let link = match &self.link {
            Link::Down { dial_at } => dial_at.filter(|_| self.settings.dials),
            Link::Greeting { until, .. } => Some(*until),
            Link::Linked(link) => link.deadline(),
        };
        let newcomer = (self.standing == Standing::Initializing
            && matches!(self.link, Link::Down { .. }))
        .then_some(self.newcomer_until);
        let waits = self.sender.as_ref().and_then(Sender::deadline);
        Instant::earliest(Instant::earliest(link, newcomer), waits)
    }

    /// The next output.
    pub fn poll(&mut self) -> Option<Output> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        let position = self.takes.take()?;
        let id = self.link_id()?;
        Some(Output::Send { id, line: Message::Taken(position).line() })
    }

    /// Whether this node may be made primary with all that it should know.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Whether the other node follows every change.
    pub fn is_in_step(&self) -> bool {
        matches!(self.link, Link::Linked(_)) && self.sender.as_ref().is_some_and(Sender::is_in_step)
    }

    /// Whether this node stands by, and has everything that the one which serves knows.
    pub fn follows(&self) -> bool {
        let is_told = matches!(&self.link, Link::Linked(link) if link.serves);
        is_told && !self.serves && self.receiver.is_whole()
    }

    /// Changes not yet acknowledged; how often the log was full; items too large to be told.
    pub fn counts(&self) -> (usize, u64, u64) {
        self.sender.as_ref().map(Sender::counts).unwrap_or_default()
    }

    fn link_id(&self) -> Option<LinkId> {
        match &self.link {
            Link::Down { .. } => None,
            Link::Greeting { id, .. } => Some(*id),
            Link::Linked(link) => Some(link.id),
        }
    }

    fn drop_link(&mut self, now: Now, id: LinkId, reason: &str) {
        self.outputs.push_back(Output::Close(id));
        self.go_down(now, reason);
    }

    fn go_down(&mut self, now: Now, reason: &str) {
        self.link = Link::Down { dial_at: Some(now.instant + self.settings.reconnect) };
        self.takes = None;
        self.note(LinkEvent::Down { reason: reason.into() });
        if let Some(mut sender) = self.sender.take() {
            sender.link_lost();
            self.settle_waits(&mut sender);
            self.sender = Some(sender);
        }
        self.stand_without_peer();
    }

    /// There is nobody who could tell this node more than it knows.
    fn stand_without_peer(&mut self) {
        self.stand(Standing::Ready);
    }

    fn stand(&mut self, standing: Standing) {
        if self.standing != standing {
            self.standing = standing;
            self.outputs.push_back(Output::Standing(standing));
        }
    }

    fn send(&mut self, id: LinkId, message: &Message) {
        self.outputs.push_back(Output::Send { id, line: message.line() });
    }

    /// Notes what the keep-alive did, where somebody wants that.
    fn trace(&mut self, what: KeepAlive) {
        let wish = matches!(&self.link, Link::Linked(link) if link.trace);
        if self.settings.traces(wish) {
            self.note(LinkEvent::KeepAlive(what));
        }
    }

    fn note(&mut self, event: LinkEvent) {
        self.outputs.push_back(Output::Event(event));
    }
}

/// What the other end's silence means.
#[derive(Debug, PartialEq, Eq)]
enum Silence {
    Bearable,
    Long,
    Dead,
}

impl Linked {
    /// Polls only when nothing came for the time-out; the same again without an answer is the end.
    fn silence(&self, now: Instant) -> Silence {
        let Some(timeout) = self.timeout else { return Silence::Bearable };
        match self.asked {
            Some(asked) if now.since(asked) >= timeout => Silence::Dead,
            None if now.since(self.heard) >= timeout => Silence::Long,
            _ => Silence::Bearable,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.timeout.map(|timeout| self.asked.unwrap_or(self.heard) + timeout)
    }
}
