//! Both ends over the loopback, plain and by mutual TLS.

use std::path::Path;

use super::*;
use crate::link::tests::{files, pki_folder};
use crate::pki::create_node;
use crate::sip_node::connections::StreamTls;
use crate::sip_node::thread::tests::{Heard, free_address};
use crate::tls;

struct Node {
    link: StandbyLink,
    heard: Heard,
}

impl Node {
    fn heard(&mut self) -> StandbyInput {
        match self.heard.next() {
            Item::Input(Input::Standby(input)) => input,
            other => panic!("{other:?}"),
        }
    }
}

fn settings(
    name: &str,
    peer: &str,
    listen: SocketAddr,
    peer_address: SocketAddr,
) -> StandbySettings {
    StandbySettings {
        name: name.into(),
        peer: peer.into(),
        listen,
        peer_address: peer_address.to_string().into(),
        tls: None,
    }
}

fn node(settings: StandbySettings) -> Node {
    let (post, heard) = Heard::new();
    Node { link: StandbyLink::start(settings, post, &Handle::current()), heard }
}

fn with_tls(mut settings: StandbySettings, folder: &Path, peer_name: &str) -> StandbySettings {
    let files = files(folder, &settings.name);
    let (server, client) = (tls::server(&files).unwrap(), tls::client(&files).unwrap());
    let current = Arc::new(arc_swap::ArcSwap::from_pointee(StreamTls { server, client }));
    settings.tls = Some(StandbyTls { current, peer_name: peer_name.into() });
    settings
}

fn down(input: &StandbyInput) -> &str {
    match input {
        StandbyInput::Down(reason) => reason,
        other => panic!("{other:?}"),
    }
}

/// Dials, again where the other one does not listen yet.
fn dial(node: &mut Node) {
    node.link.set_wanted(true);
    for _ in 0..1000 {
        node.link.dial();
        match node.heard() {
            StandbyInput::Up => return,
            StandbyInput::DialFailed => std::thread::yield_now(),
            other => panic!("{other:?}"),
        }
    }
    panic!("the other node never listens");
}

/// A pair that is linked.
fn linked(a: StandbySettings, b: StandbySettings) -> (Node, Node) {
    let (mut a, mut b) = (node(a), node(b));
    b.link.set_wanted(true);
    dial(&mut a);
    assert_eq!(b.heard(), StandbyInput::Up);
    (a, b)
}

fn plain_pair() -> (StandbySettings, StandbySettings) {
    let (at_a, at_b) = (free_address(), free_address());
    (settings("a", "b", at_a, at_b), settings("b", "a", at_b, at_a))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_go_both_ways_in_order_and_a_lost_link_comes_again() {
    let (a, b) = plain_pair();
    let (mut a, mut b) = linked(a, b);
    for number in 0..2000 {
        a.link.send(format!("{{\"number\":{number}}}"));
        if number % 10 == 0 {
            b.link.send(number.to_string());
        }
    }
    for number in 0..2000 {
        assert_eq!(b.heard(), StandbyInput::Message(format!("{{\"number\":{number}}}")));
    }
    for number in 0..200 {
        assert_eq!(a.heard(), StandbyInput::Message((number * 10).to_string()));
    }
    b.link.set_wanted(false);
    assert!(down(&b.heard()).contains("not wanted"));
    assert_eq!(down(&a.heard()), "closed by the other node");
    assert!(!a.link.is_up());
    a.link.send("lost".to_owned());
    b.link.set_wanted(true);
    a.link.dial();
    assert_eq!((a.heard(), b.heard()), (StandbyInput::Up, StandbyInput::Up));
    b.link.send("again".to_owned());
    assert_eq!(a.heard(), StandbyInput::Message("again".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dial_that_finds_nobody_says_so() {
    let (a, _) = plain_pair();
    let mut a = node(a);
    for _ in 0..2 {
        a.link.dial();
        assert_eq!(a.heard(), StandbyInput::DialFailed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_beyond_the_bound_ends_the_link() {
    let (a, b) = plain_pair();
    let (a, mut b) = linked(a, b);
    let longest = "x".repeat(STANDBY_LINE_BYTES_MAX - 1);
    a.link.send(longest.clone());
    assert_eq!(b.heard(), StandbyInput::Message(longest.clone()));
    a.link.send(longest + "x");
    let mut a = a;
    assert!(down(&a.heard()).contains("allowed: 262144"), "the sender refuses it");
    assert_eq!(down(&b.heard()), "closed by the other node");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_sends_no_lines_is_closed() {
    let (a, _) = plain_pair();
    // Another program instead of the node b.
    let listener = std::net::TcpListener::bind(&*a.peer_address).unwrap();
    let mut a = node(a);
    a.link.set_wanted(true);
    a.link.dial();
    let (mut stream, _) = listener.accept().unwrap();
    assert_eq!(a.heard(), StandbyInput::Up);
    let flood = vec![b'x'; STANDBY_LINE_BYTES_MAX + 10];
    io::Write::write_all(&mut stream, &flood).unwrap();
    assert_eq!(down(&a.heard()), "a line of more than 262144 bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_side_proves_its_name() {
    let folder = pki_folder();
    for host in ["a", "b", "c"] {
        create_node(folder.path(), host, &[], 2).unwrap();
    }
    let (a, b) = plain_pair();
    let folder = folder.path();
    let (a_tls, b_tls) = (with_tls(a.clone(), folder, "b"), with_tls(b.clone(), folder, "a"));
    let (a_node, mut b_node) = linked(a_tls, b_tls);
    a_node.link.send("hello".to_owned());
    assert_eq!(b_node.heard(), StandbyInput::Message("hello".to_owned()));
    // A certificate of the same CA for another name is not enough.
    let (a, b) = plain_pair();
    let impostor = StandbySettings { name: "c".into(), ..a.clone() };
    let impostor = StandbySettings { name: "a".into(), ..with_tls(impostor, folder, "b") };
    let a_again = with_tls(a, folder, "b");
    let mut b_node = node(with_tls(b, folder, "a"));
    b_node.link.set_wanted(true);
    let mut impostor = node(impostor);
    // With TLS 1.3 the dialing side is done before it is refused.
    dial(&mut impostor);
    down(&impostor.heard());
    impostor.link.set_wanted(false);
    let mut a_node = node(a_again);
    dial(&mut a_node);
    assert_eq!(b_node.heard(), StandbyInput::Up, "the first that b hears of is a");
}
