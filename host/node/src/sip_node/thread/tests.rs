//! The loop with a machine that echoes, on real sockets of the loopback.

use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc;
use std::time::Duration;

use takeover_logic::ids::Term;
use takeover_logic::link::RunMode;

use super::*;
use crate::sip_node::bind::Listen;
use crate::sip_node::wake::{NotPosted, Post};

const WAIT: Duration = Duration::from_secs(10);

/// Echoes every message; by a word in it something else. Binds as primary.
#[derive(Default)]
pub(crate) struct Echo {
    out: Vec<(Flow, Vec<u8>)>,
    wishes: std::collections::VecDeque<Wish>,
    deadline: Option<Instant>,
    is_always_due: bool,
    pub(crate) heard: Option<mpsc::Sender<Input>>,
}

impl Machine for Echo {
    fn receive(&mut self, now: Now, from: &Flow, message: &[u8]) {
        if let Some(to) = message.strip_prefix(b"send to ") {
            let to = std::str::from_utf8(to).unwrap().parse().unwrap();
            self.out.push((Flow::udp(to), b"hello".to_vec()));
        } else if message == b"later" {
            self.deadline = Some(now.instant + Duration::from_millis(20));
            self.out.push((*from, b"soon".to_vec()));
            self.wishes.push_back(Wish::Standby("before".into()));
        } else if message == b"always" {
            (self.deadline, self.is_always_due) = (Some(now.instant), true);
        } else {
            self.out.push((*from, message.to_vec()));
        }
    }

    fn handle(&mut self, _: Now, input: Input) {
        match &input {
            Input::RunMode { mode: RunMode::Primary, .. } => self.wishes.push_back(Wish::Bind),
            Input::RunMode { .. } => self.wishes.push_back(Wish::Unbind),
            _ => {}
        }
        if let Some(heard) = &self.heard {
            let _ = heard.send(input);
        }
    }

    fn tick(&mut self, now: Now) {
        self.deadline = self.is_always_due.then_some(now.instant);
        self.wishes.push_back(Wish::Standby("tick".into()));
    }

    fn deadline(&self, _: Now) -> Option<Instant> {
        self.deadline
    }

    fn sends(&self) -> impl Iterator<Item = (&Flow, &[u8])> {
        self.out.iter().map(|(flow, message)| (flow, &message[..]))
    }

    fn sent(&mut self) {
        self.out.clear();
    }

    fn wish(&mut self) -> Option<Wish> {
        self.wishes.pop_front()
    }

    fn sample(&mut self, _: Now) -> Option<MonitorSample> {
        None
    }

    fn metrics(&self) -> Vec<Metric> {
        vec![Metric { name: "echoes_total", help: "echoes", value: 1.0 }]
    }
}

/// What the effects were asked for.
#[derive(Debug, PartialEq)]
enum Done {
    Listening(usize),
    Closed,
    Report(Report),
    Wish(Wish),
}

struct Fake {
    done: mpsc::Sender<Done>,
    has_peer: bool,
}

impl Effects for Fake {
    fn send(&mut self, _: &Flow, _: &[u8]) -> bool {
        false
    }

    fn listen(&mut self, tcp: Vec<TcpListener>, tls: Vec<TcpListener>) {
        let _ = self.done.send(Done::Listening(tcp.len() + tls.len()));
    }

    fn close_all(&mut self) {
        let _ = self.done.send(Done::Closed);
    }

    fn has_peer(&self) -> bool {
        self.has_peer
    }

    fn report(&mut self, report: Report) {
        let _ = self.done.send(Done::Report(report));
    }

    fn carry_out(&mut self, wish: Wish) {
        let _ = self.done.send(Done::Wish(wish));
    }
}

struct Bench {
    post: Post<Item>,
    done: mpsc::Receiver<Done>,
    heard: mpsc::Receiver<Input>,
    address: SocketAddr,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Bench {
    fn new(address: SocketAddr, has_peer: bool) -> Bench {
        let (post, inbox) = Inbox::new().unwrap();
        let (done, done_here) = mpsc::channel();
        let (heard, heard_here) = mpsc::channel();
        let listen = Listen { udp: vec![address], tcp: vec![address], tls: vec![] };
        let machine = Echo { heard: Some(heard), ..Echo::default() };
        let thread = std::thread::spawn(move || {
            let around = (Binding::new(listen), Clock::new());
            SipThread::new(machine, Fake { done, has_peer }, inbox, around).run();
        });
        Bench { post, done: done_here, heard: heard_here, address, thread: Some(thread) }
    }

    fn input(&self, input: Input) {
        self.post.try_send(Item::Input(input)).unwrap();
    }

    fn run_mode(&self, mode: RunMode) {
        self.input(Input::RunMode { mode, term: Term(1) });
    }

    fn done(&self) -> Done {
        self.done.recv_timeout(WAIT).expect("nothing done within 10 s")
    }

    fn primary() -> Bench {
        let bench = Bench::new(free_address(), false);
        bench.run_mode(RunMode::Primary);
        assert_eq!(bench.done(), Done::Listening(1));
        bench
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        // The queue can be full of what the test sent last.
        while self.post.try_send(Item::Stop) == Err(NotPosted::Full) {
            std::thread::yield_now();
        }
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// A port of the loopback that is free by UDP and TCP.
pub(crate) fn free_address() -> SocketAddr {
    loop {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        if std::net::TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

fn peer() -> UdpSocket {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_read_timeout(Some(WAIT)).unwrap();
    peer
}

fn hear(peer: &UdpSocket) -> String {
    let mut bytes = [0; 2000];
    let (length, _) = peer.recv_from(&mut bytes).unwrap();
    String::from_utf8(bytes[..length].to_vec()).unwrap()
}

#[test]
fn messages_go_through_the_machine_while_primary() {
    let bench = Bench::primary();
    let peer = peer();
    // As many at a time as the peer's own buffer surely takes.
    for round in 0..3 {
        let numbers = round * 100..(round + 1) * 100;
        for number in numbers.clone() {
            peer.send_to(format!("message {number}").as_bytes(), bench.address).unwrap();
        }
        for number in numbers {
            assert_eq!(hear(&peer), format!("message {number}"));
        }
    }
    let (answer, counts) = oneshot::channel();
    bench.post.try_send(Item::Counts(answer)).unwrap();
    let counts = counts.blocking_recv().unwrap();
    assert_eq!((counts.udp.received, counts.udp.sent), (300, 300));
    assert!(counts.is_bound);
    bench.run_mode(RunMode::Backup);
    assert_eq!(bench.done(), Done::Closed);
    // The port is given up at once.
    UdpSocket::bind(bench.address).unwrap();
}

#[test]
fn the_other_node_is_told_before_the_caller_and_deadlines_come() {
    let bench = Bench::primary();
    let peer = peer();
    peer.send_to(b"later", bench.address).unwrap();
    assert_eq!(hear(&peer), "soon");
    assert_eq!(bench.done.try_recv().unwrap(), Done::Wish(Wish::Standby("before".into())));
    assert_eq!(bench.done(), Done::Wish(Wish::Standby("tick".into())));
}

#[test]
fn what_is_always_due_gets_a_look_now_and_then() {
    let bench = Bench::primary();
    let peer = peer();
    let began = std::time::Instant::now();
    peer.send_to(b"always", bench.address).unwrap();
    for _ in 0..3 {
        assert_eq!(bench.done(), Done::Wish(Wish::Standby("tick".into())));
    }
    for number in 0..20 {
        peer.send_to(format!("{number}").as_bytes(), bench.address).unwrap();
        assert_eq!(hear(&peer), number.to_string());
    }
    let looks = 3 + bench.done.try_iter().count() as u128;
    let most = began.elapsed().as_millis() / DEADLINE_INTERVAL_MIN.as_millis() + 1;
    assert!(looks <= most, "{looks} looks, at most {most}");
}

#[test]
fn what_can_not_be_delivered_is_told_to_the_machine() {
    let bench = Bench::primary();
    let gone = free_address();
    peer().send_to(format!("send to {gone}").as_bytes(), bench.address).unwrap();
    let mut heard = std::iter::from_fn(|| bench.heard.recv_timeout(WAIT).ok());
    let told = heard.find(|input| matches!(input, Input::Unreachable(_)));
    assert_eq!(told, Some(Input::Unreachable(Flow::udp(gone))));
    let flow = Flow { transport: Transport::Tcp, remote: gone, connection: None };
    bench.post.try_send(Item::Message(flow, Box::from(*b"by TCP"))).unwrap();
    let told = heard.find(|input| matches!(input, Input::Unreachable(_)));
    assert_eq!(told, Some(Input::Unreachable(flow)));
}

#[test]
fn a_port_that_is_taken_is_reported_and_taken_when_it_is_free() {
    let occupied = UdpSocket::bind("127.0.0.1:0").unwrap();
    let bench = Bench::new(occupied.local_addr().unwrap(), true);
    bench.run_mode(RunMode::Primary);
    let Done::Report(Report::Event { number: 4200, reason }) = bench.done() else { panic!() };
    assert!(reason.contains("in use"), "{reason}");
    assert!(matches!(bench.done(), Done::Report(Report::Service(Err(_)))));
    drop(occupied);
    assert_eq!(bench.done(), Done::Listening(1));
    assert_eq!(bench.done(), Done::Report(Report::Service(Ok(()))));
}

#[test]
fn a_flood_of_inputs_leaves_datagrams_their_turn() {
    let bench = Bench::primary();
    // The flood ends with its end of this channel, also when the test fails.
    let (going_on, over) = mpsc::channel::<()>();
    let post = bench.post.clone();
    let flood = std::thread::spawn(move || {
        while over.try_recv() == Err(mpsc::TryRecvError::Empty) {
            let _ = post.try_send(Item::Input(Input::Suspend));
        }
    });
    let peer = peer();
    for _ in 0..20 {
        peer.send_to(b"hello", bench.address).unwrap();
        assert_eq!(hear(&peer), "hello");
    }
    drop(going_on);
    flood.join().unwrap();
}

/// A stand-in for the SIP thread that only listens to its inbox.
pub(crate) struct Heard {
    inbox: Inbox<Item>,
}

impl Heard {
    pub(crate) fn new() -> (Post<Item>, Heard) {
        let (post, inbox) = Inbox::new().unwrap();
        (post, Heard { inbox })
    }

    /// The next item, or none when nobody can send any more.
    pub(crate) fn next_or_end(&mut self) -> Option<Item> {
        self.inbox.wait_for_one()
    }

    /// The next item, waiting for it.
    pub(crate) fn next(&mut self) -> Item {
        loop {
            if let Some(item) = self.inbox.take() {
                return item;
            }
            let mut ready = [PollFd::from_borrowed_fd(self.inbox.descriptor(), PollFlags::IN)];
            let longest = Timespec { tv_sec: 10, tv_nsec: 0 };
            assert_eq!(poll(&mut ready, Some(&longest)).unwrap(), 1, "nothing within 10 s");
            self.inbox.answer();
        }
    }
}
