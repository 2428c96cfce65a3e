//! The SIP thread: takes what arrives, hands it to the machine, and carries out what that wants.
//!
//! ```text
//!   datagrams (recvmmsg) --+                       +--> datagrams (sendmmsg)
//!   inbox + eventfd -------+--> machine --> flush -+--> connections, standby link, clients
//!   deadline --------------+                       +--> bind, reports
//! ```
//!
//! Nothing on this thread waits but its own `poll`: whatever takes time happens elsewhere and comes
//! back through the inbox. Forwarding policies are asked by the machine, here and in place
//! (decision 0007).

use std::net::TcpListener;
use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use takeover_logic::component::sip::MonitorSample;
use takeover_logic::time::{Instant, Now};
use takeover_sip::flow::{ConnectionId, Flow, Transport};
use takeover_sip::limits::ADMIT_ALL;
use tokio::sync::oneshot;

use super::bind::{Binding, News};
use super::gather::Gathering;
use super::limits::{
    BATCH_MAX, DEADLINE_INTERVAL_MIN, IDLE_MAX, INBOX_TURN_MAX, LISTEN_ADDRESSES_MAX, SLEEP_MIN,
    UNREACHABLE_MAX,
};
use super::load::Load;
use super::machine::{Input, Machine, Metric, Report, Wish};
use super::udp::{Udp, UdpCounts};
use super::wake::Inbox;
use crate::clock::Clock;

/// The guide's event of a node that can not bind its port: `CRITICAL_CONDITION`, 00-04200.
const CRITICAL_CONDITION: u32 = 4200;

/// What arrives from the rest of the node.
#[derive(Debug)]
pub(crate) enum Item {
    /// For the machine as it is.
    Input(Input),
    /// A whole message that came over a connection.
    Message(Flow, Box<[u8]>),
    /// No message will come over a connection any more: it is to be closed when the answers to
    /// those before are written.
    Close(ConnectionId),
    /// What a SIP monitor is to be shown; none: there is nothing to be judged now.
    Sample(oneshot::Sender<Option<MonitorSample>>),
    /// What was counted.
    Counts(oneshot::Sender<Counts>),
    /// The end.
    Stop,
}

/// What was counted on this thread.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    /// The sockets.
    pub(crate) udp: UdpCounts,
    /// Messages that came over connections.
    pub(crate) stream_messages: u64,
    /// Turns of the loop.
    pub(crate) turns: u64,
    /// The SIP port, in words.
    pub(crate) binding: String,
    /// The port is bound.
    pub(crate) is_bound: bool,
    /// The machine's own.
    pub(crate) machine: Vec<Metric>,
}

/// Everything that is done elsewhere. No call may wait.
pub(crate) trait Effects {
    /// Sends by TCP or TLS; `false`: there is no way to that destination.
    fn send(&mut self, flow: &Flow, message: &[u8]) -> bool;
    /// Accepts connections from now on.
    fn listen(&mut self, tcp: Vec<TcpListener>, tls: Vec<TcpListener>);
    /// Closes listeners and connections.
    fn close_all(&mut self);
    /// The other node of the pair is there.
    fn has_peer(&self) -> bool;
    /// Tells the supervisor.
    fn report(&mut self, report: Report);
    /// Every other wish.
    fn carry_out(&mut self, wish: Wish);
}

/// The thread's whole world.
pub(crate) struct SipThread<M, E> {
    machine: M,
    effects: E,
    inbox: Inbox<Item>,
    udp: Udp,
    binding: Binding,
    clock: Clock,
    /// What could not be delivered and the machine does not know yet.
    failed: Vec<Flow>,
    /// Wishes that wait for the messages before them; kept for its memory.
    later: Vec<Wish>,
    counts: Counts,
    load: Load,
    gathering: Gathering,
    /// When the machine's deadlines are looked at again.
    next_tick: Instant,
    stopped: bool,
}

/// Which descriptors are ready: the inbox, then the sockets.
type Ready = [PollFlags; LISTEN_ADDRESSES_MAX + 1];

impl<M: Machine, E: Effects> SipThread<M, E> {
    pub(crate) fn new(
        machine: M,
        effects: E,
        inbox: Inbox<Item>,
        (binding, clock): (Binding, Clock),
    ) -> Self {
        Self {
            machine,
            effects,
            inbox,
            udp: Udp::new(),
            binding,
            clock,
            failed: Vec::new(),
            later: Vec::new(),
            counts: Counts::default(),
            load: Load::default(),
            gathering: Gathering::default(),
            next_tick: Instant::default(),
            stopped: false,
        }
    }

    /// Runs until told to stop.
    pub(crate) fn run(mut self) {
        // What the machine wants from the first moment on.
        let mut now = self.clock.now();
        self.flush(now);
        while !self.stopped {
            now = self.turn(now);
        }
        self.udp.close();
        self.effects.close_all();
    }

    /// Waits, does what there is to do, and says when that was.
    fn turn(&mut self, before: Now) -> Now {
        let ready = self.wait(before);
        self.counts.turns += 1;
        let now = self.clock.now();
        if ready.first().is_some_and(|inbox| !inbox.is_empty()) {
            self.take_inbox(now);
            self.flush(now);
        }
        let is_behind = self.take_datagrams(now, &ready);
        self.tell_failed(now);
        // Time has passed since the turn began.
        let now = self.clock.now();
        if self.deadline(now).is_some_and(|due| due <= now.instant) {
            self.next_tick = now.instant + DEADLINE_INTERVAL_MIN;
            self.machine.tick(now);
            self.flush(now);
        }
        if let Some(share) = self.load.note(now.instant, is_behind) {
            if self.load.is_news(now.instant) {
                tracing::warn!("overloaded: {share} of {ADMIT_ALL} new calls are let in");
            }
            self.machine.handle(now, Input::Admit(share));
            self.flush(now);
        }
        self.try_bind(now);
        now
    }

    /// When the machine is looked at: at its deadline, but some time after the last look, so that
    /// many deadlines share a turn and one that is due again at once leaves the others theirs.
    fn deadline(&self, now: Now) -> Option<Instant> {
        self.machine.deadline(now).map(|due| due.max(self.next_tick))
    }

    /// Takes a batch from each socket that is ready. Whether there is more than that.
    fn take_datagrams(&mut self, now: Now, ready: &Ready) -> bool {
        let (mut count, mut is_behind) = (0, false);
        for index in 0..self.udp.len() {
            let flags = ready.get(index + 1).copied().unwrap_or(PollFlags::empty());
            if flags.contains(PollFlags::IN) {
                let machine = &mut self.machine;
                let taken = self.udp.receive(index, |from, message| {
                    machine.receive(now, &Flow::udp(from), message);
                });
                is_behind |= taken == BATCH_MAX;
                count += taken;
                self.flush(now);
            }
            if flags.contains(PollFlags::ERR) || self.udp.has_errors(index) {
                self.udp.read_errors(index);
            }
        }
        self.gathering.note(now.instant, count, is_behind);
        is_behind
    }

    /// Leaves the sockets alone for a moment where datagrams are many, then calls all of them
    /// ready; none: nothing is to be waited for in this way.
    fn gather(&self, now: Now) -> Option<Ready> {
        let pause = self.gathering.pause(now.instant)?;
        if !self.failed.is_empty() || self.inbox.is_ringing() {
            return None;
        }
        std::thread::sleep(pause);
        let mut ready = [PollFlags::IN; LISTEN_ADDRESSES_MAX + 1];
        if let (Some(inbox), false) = (ready.first_mut(), self.inbox.is_ringing()) {
            *inbox = PollFlags::empty();
        }
        Some(ready)
    }

    /// Waits until something is ready or due.
    fn wait(&mut self, now: Now) -> Ready {
        if let Some(ready) = self.gather(now) {
            return ready;
        }
        let deadline = Instant::earliest(self.deadline(now), self.binding.deadline());
        let longest = match deadline {
            _ if !self.failed.is_empty() => std::time::Duration::ZERO,
            Some(deadline) if deadline <= now.instant => std::time::Duration::ZERO,
            Some(deadline) => deadline.since(now.instant).clamp(SLEEP_MIN, IDLE_MAX),
            None => IDLE_MAX,
        };
        let bell = self.inbox.descriptor();
        let count = self.udp.len() + 1;
        let mut polled: [PollFd<'_>; LISTEN_ADDRESSES_MAX + 1] = std::array::from_fn(|index| {
            let socket: Option<BorrowedFd<'_>> =
                index.checked_sub(1).and_then(|index| self.udp.descriptor(index));
            PollFd::from_borrowed_fd(socket.unwrap_or(bell), PollFlags::IN)
        });
        let mut ready = [PollFlags::empty(); LISTEN_ADDRESSES_MAX + 1];
        let longest = Timespec::try_from(longest).ok();
        let polled = polled.get_mut(..count).unwrap_or_default();
        // An error is an interruption by a signal: the next turn sees what there is.
        if poll(polled, longest.as_ref()).is_ok() {
            for (ready, polled) in ready.iter_mut().zip(polled) {
                *ready = polled.revents();
            }
        }
        ready
    }

    fn take_inbox(&mut self, now: Now) {
        self.inbox.answer();
        for _ in 0..INBOX_TURN_MAX {
            match self.inbox.take() {
                Some(Item::Input(input)) => self.machine.handle(now, input),
                Some(Item::Message(flow, message)) => {
                    self.counts.stream_messages += 1;
                    self.machine.receive(now, &flow, &message);
                }
                // Behind everything that is sent in this turn.
                Some(Item::Close(id)) => self.later.push(Wish::Close(id)),
                Some(Item::Sample(answer)) => {
                    let _ = answer.send(self.machine.sample(now));
                }
                Some(Item::Counts(answer)) => {
                    // Nobody waits any more: there is nobody to tell.
                    let _ = answer.send(self.counts());
                }
                Some(Item::Stop) => self.stopped = true,
                None => return,
            }
        }
        self.inbox.come_back();
    }

    fn counts(&self) -> Counts {
        Counts {
            udp: self.udp.counts(),
            binding: self.binding.to_string(),
            is_bound: self.binding.is_bound(),
            machine: self.machine.metrics(),
            ..self.counts.clone()
        }
    }

    /// Does what the machine wants: first what the other node must know before anybody else, then
    /// the messages, then the rest.
    fn flush(&mut self, now: Now) {
        while let Some(wish) = self.machine.wish() {
            match wish {
                Wish::Standby(_) => self.effects.carry_out(wish),
                wish => self.later.push(wish),
            }
        }
        let is_udp = |flow: &Flow| flow.transport == Transport::Udp;
        let datagrams = self.machine.sends().filter(|(flow, _)| is_udp(flow));
        let datagrams = datagrams.map(|(flow, message)| (flow.remote, message));
        self.udp.send(now.instant, datagrams);
        for (flow, message) in self.machine.sends().filter(|(flow, _)| !is_udp(flow)) {
            if !self.effects.send(flow, message) {
                self.failed.push(*flow);
            }
        }
        self.machine.sent();
        let mut later = std::mem::take(&mut self.later);
        for wish in later.drain(..) {
            match wish {
                Wish::Bind => self.binding.wish(now.instant),
                Wish::Unbind => self.unbind(),
                Wish::Report(report) => self.effects.report(report),
                wish => self.effects.carry_out(wish),
            }
        }
        self.later = later;
        self.failed.extend(self.udp.unreachable().map(Flow::udp));
    }

    /// Tells the machine what could not be delivered. What it does about it can fail, too: that is
    /// told in the next turn.
    fn tell_failed(&mut self, now: Now) {
        self.failed.extend(self.udp.unreachable().map(Flow::udp));
        if self.failed.is_empty() {
            return;
        }
        let told: Vec<Flow> = std::mem::take(&mut self.failed);
        for flow in told.into_iter().take(UNREACHABLE_MAX) {
            self.machine.handle(now, Input::Unreachable(flow));
        }
        self.flush(now);
    }

    fn unbind(&mut self) {
        self.udp.close();
        self.effects.close_all();
        let news = self.binding.give_up();
        self.apply(news);
    }

    fn try_bind(&mut self, now: Now) {
        if self.binding.deadline().is_some_and(|due| due <= now.instant) {
            let has_peer = self.effects.has_peer();
            let news = self.binding.attempt(now.instant, has_peer);
            self.apply(news);
        }
    }

    fn apply(&mut self, news: impl IntoIterator<Item = News>) {
        for news in news {
            match news {
                News::Bound(bound) => {
                    tracing::info!("the SIP port is bound");
                    self.udp.set(bound.udp);
                    self.effects.listen(bound.tcp, bound.tls);
                }
                News::Failed(error) => {
                    tracing::error!("{error}; it is tried again until it works");
                    let reason = error.to_string().into();
                    self.effects.report(Report::Event { number: CRITICAL_CONDITION, reason });
                }
                News::Unavailable(reason) => {
                    self.effects.report(Report::Service(Err(reason.into())));
                }
                News::Available => self.effects.report(Report::Service(Ok(()))),
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
