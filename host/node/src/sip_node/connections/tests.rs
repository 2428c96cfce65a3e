//! Real connections over the loopback: a peer of the test at one end, this node at the other.

use std::io::{Read, Write};
use std::time::Duration;

use super::*;
use crate::link::tests::{files, pki_folder};
use crate::pki::create_node;
use crate::sip_node::bind::Listen;
use crate::sip_node::limits::CONNECTION_QUEUE_MAX;
use crate::sip_node::thread::tests::{Heard, free_address};
use crate::tls;

const OPTIONS: &str = "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP a;branch=z9hG4bK1\r\n\
                       Content-Length: 4\r\n\r\nbody";

struct Node {
    connections: Connections,
    heard: Heard,
    address: SocketAddr,
}

fn node_with(tls: Option<CurrentStreamTls>) -> Node {
    let (post, heard) = Heard::new();
    let address = free_address();
    let sources = vec![address.ip()];
    let has_tls = tls.is_some();
    let connections = Connections::new(post, tls, sources, Handle::current());
    let (tcp, tls) = if has_tls { (vec![], vec![address]) } else { (vec![address], vec![]) };
    let bound = Listen { udp: vec![], tcp, tls }.bind().unwrap();
    connections.listen(bound.tcp, bound.tls);
    Node { connections, heard, address }
}

fn node() -> Node {
    node_with(None)
}

impl Node {
    fn message(&mut self) -> (Flow, String) {
        match self.heard.next() {
            Item::Message(flow, bytes) => (flow, String::from_utf8(bytes.into()).unwrap()),
            other => panic!("{other:?}"),
        }
    }

    fn input(&mut self) -> Input {
        match self.heard.next() {
            Item::Input(input) => input,
            other => panic!("{other:?}"),
        }
    }

    /// Nothing more comes over a connection: it is closed as the SIP thread does it.
    fn close_next(&mut self) -> ConnectionId {
        match self.heard.next() {
            Item::Close(id) => {
                self.connections.close(id);
                id
            }
            other => panic!("{other:?}"),
        }
    }

    /// The connection is gone.
    fn closed(&mut self, id: ConnectionId) {
        assert_eq!(self.input(), Input::ConnectionClosed(id));
        assert_eq!(self.connections.counts().open, 0);
    }

    fn peer(&self) -> std::net::TcpStream {
        let peer = std::net::TcpStream::connect(self.address).unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        peer
    }
}

fn read_exact(peer: &mut impl Read, length: usize) -> String {
    let mut bytes = vec![0; length];
    peer.read_exact(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn by_tcp(remote: SocketAddr) -> Flow {
    Flow { transport: Transport::Tcp, remote, connection: None }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_cut_from_the_stream_and_answered_on_it() {
    let mut node = node();
    let mut peer = node.peer();
    // Two and a half messages, then the rest with a keep-alive behind it.
    let (half, rest) = OPTIONS.split_at(50);
    peer.write_all(format!("{OPTIONS}{OPTIONS}{half}").as_bytes()).unwrap();
    let (flow, message) = node.message();
    assert_eq!(message, OPTIONS);
    assert_eq!((flow.transport, flow.remote), (Transport::Tcp, peer.local_addr().unwrap()));
    assert_eq!(node.message(), (flow, OPTIONS.to_owned()));
    peer.write_all(rest.as_bytes()).unwrap();
    assert_eq!(node.message(), (flow, OPTIONS.to_owned()));
    peer.write_all(b"\r\n\r\n").unwrap();
    assert_eq!(read_exact(&mut peer, 2), "\r\n");
    assert!(node.connections.send(&flow, b"answer"));
    assert_eq!(read_exact(&mut peer, 6), "answer");
    // To its address it goes over the same connection (RFC 5923).
    assert!(node.connections.send(&by_tcp(flow.remote), b"request"));
    assert_eq!(read_exact(&mut peer, 7), "request");
    drop(peer);
    assert_eq!(node.input(), Input::ConnectionClosed(flow.connection.unwrap()));
    assert!(!node.connections.send(&flow, b"too late"));
    assert_eq!(node.connections.counts().open, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_opened_once_and_used_again() {
    let mut node = node();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let flow = by_tcp(listener.local_addr().unwrap());
    for text in ["one", "two", "six"] {
        assert!(node.connections.send(&flow, text.as_bytes()));
    }
    let (mut peer, from) = listener.accept().unwrap();
    assert_eq!(from.ip(), node.address.ip(), "it comes from the node's own address");
    assert_eq!(read_exact(&mut peer, 9), "onetwosix");
    peer.write_all(OPTIONS.as_bytes()).unwrap();
    let (back, message) = node.message();
    assert_eq!((back.remote, message.as_str()), (flow.remote, OPTIONS));
    let counts = node.connections.counts();
    assert_eq!((counts.opened, counts.open), (1, 1));
    node.connections.close(back.connection.unwrap());
    assert_eq!(peer.read(&mut [0; 10]).unwrap(), 0);
    assert!(matches!(node.input(), Input::ConnectionClosed(_)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_there_is_told() {
    let mut node = node();
    let flow = by_tcp(free_address());
    assert!(node.connections.send(&flow, b"hello"));
    assert_eq!(node.input(), Input::Unreachable(flow));
    assert_eq!(node.connections.counts().failed, 1);
    let unknown = Flow { connection: Some(ConnectionId(77)), ..flow };
    assert!(!node.connections.send(&unknown, b"hello"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_framed_ends_the_connection() {
    let mut node = node();
    let mut peer = node.peer();
    // A good one, which is answered before the end, whatever comes behind it.
    peer.write_all(format!("{OPTIONS}GET / HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).unwrap();
    peer.write_all(&[b'x'; 100_000]).unwrap();
    let (flow, message) = node.message();
    assert_eq!(message, OPTIONS);
    assert!(node.connections.send(&flow, b"answer"));
    let id = node.close_next();
    assert_eq!(flow.connection, Some(id));
    assert!(!node.connections.send(&flow, b"too late"));
    let mut all = String::new();
    peer.read_to_string(&mut all).unwrap();
    assert_eq!(all, "answer");
    // The node waits for the peer's end, for a while.
    drop(peer);
    node.closed(id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_does_not_close_behind_what_can_not_be_framed_is_closed() {
    let mut node = node();
    let mut peer = node.peer();
    peer.write_all(b"\0\r\n\r\n").unwrap();
    let id = node.close_next();
    node.closed(id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_does_not_read_is_disconnected() {
    let mut node = node();
    let mut peer = node.peer();
    peer.write_all(OPTIONS.as_bytes()).unwrap();
    let (flow, _) = node.message();
    let large = vec![b'x'; 60_000];
    // The kernel takes some megabytes before the queue fills.
    let sent = (0..100_000).take_while(|_| node.connections.send(&flow, &large)).count();
    assert!((CONNECTION_QUEUE_MAX..100_000).contains(&sent), "{sent}");
    assert!(matches!(node.input(), Input::ConnectionClosed(_)));
    assert_eq!(node.connections.counts().refused, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_closed_at_once_and_the_port_is_free() {
    let mut node = node();
    let mut peer = node.peer();
    peer.write_all(OPTIONS.as_bytes()).unwrap();
    node.message();
    node.connections.close_all();
    let listen = Listen { udp: vec![], tcp: vec![node.address], tls: vec![] };
    let bound = listen.bind().expect("the port is not free");
    assert_eq!(peer.read(&mut [0; 10]).unwrap_or(0), 0);
    assert!(matches!(node.input(), Input::ConnectionClosed(_)));
    node.connections.listen(bound.tcp, bound.tls);
    node.peer().write_all(OPTIONS.as_bytes()).unwrap();
    node.message();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_both_ways_with_the_name_that_led_there() {
    let folder = pki_folder();
    create_node(folder.path(), "a", &["127.0.0.1".into()], 2).unwrap();
    create_node(folder.path(), "b", &["sip.example.com".into()], 2).unwrap();
    let stream_tls = |stem| {
        let files = files(folder.path(), stem);
        let server = sip_server(&tls::server(&files).unwrap());
        let client = tls::client(&files).unwrap();
        Arc::new(ArcSwap::from_pointee(StreamTls { server, client }))
    };
    let (mut a, mut b) = (node_with(Some(stream_tls("a"))), node_with(Some(stream_tls("b"))));
    let to =
        |node: &Node| Flow { transport: Transport::Tls, remote: node.address, connection: None };
    // The address of a is in its certificate; b's is not, only a name.
    assert!(b.connections.send(&to(&a), OPTIONS.as_bytes()));
    let (flow, message) = a.message();
    assert_eq!(message, OPTIONS);
    assert!(a.connections.send(&flow, OPTIONS.as_bytes()));
    assert_eq!(b.message().1, OPTIONS);
    assert!(a.connections.send(&to(&b), OPTIONS.as_bytes()));
    assert_eq!(a.input(), Input::Unreachable(to(&b)));
    assert!(matches!(b.input(), Input::ConnectionClosed(_)));
    a.connections.expect(b.address, "sip.example.com");
    assert!(a.connections.send(&to(&b), OPTIONS.as_bytes()));
    assert_eq!(b.message().1, OPTIONS);
}
