//! On real sockets of the loopback.

use std::net::UdpSocket;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use takeover_logic::time::Instant;

use super::*;

fn udp() -> (Udp, SocketAddr) {
    let socket = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let mut udp = Udp::new();
    udp.set(vec![socket]);
    (udp, address)
}

fn wait(udp: &Udp, flags: PollFlags) -> PollFlags {
    let mut ready = [PollFd::from_borrowed_fd(udp.descriptor(0).unwrap(), flags)];
    let longest = Timespec { tv_sec: 10, tv_nsec: 0 };
    assert_eq!(poll(&mut ready, Some(&longest)).unwrap(), 1, "nothing within 10 s");
    ready[0].revents()
}

fn receive_all(udp: &mut Udp, count: usize) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut all = Vec::new();
    while all.len() < count {
        wait(udp, PollFlags::IN);
        udp.receive(0, |from, bytes| all.push((from, bytes.to_vec())));
    }
    all
}

/// What could not be reached, once something is told.
fn unreachable(udp: &mut Udp) -> Vec<SocketAddr> {
    let mut told = Vec::new();
    while told.is_empty() {
        wait(udp, PollFlags::ERR);
        udp.read_errors(0);
        told.extend(udp.unreachable());
    }
    told
}

#[test]
fn batches_are_received_whole_and_in_order() {
    let (mut udp, address) = udp();
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let longest = vec![b'x'; 60_000];
    for number in 0..150u32 {
        peer.send_to(format!("message {number}").as_bytes(), address).unwrap();
    }
    peer.send_to(&longest, address).unwrap();
    peer.send_to(b"", address).unwrap();
    peer.send_to(b"last", address).unwrap();
    let all = receive_all(&mut udp, 152);
    let from = peer.local_addr().unwrap();
    assert!(all.iter().all(|(address, _)| *address == from));
    for (number, (_, bytes)) in all.iter().take(150).enumerate() {
        assert_eq!(bytes, format!("message {number}").as_bytes());
    }
    assert_eq!(all[150].1, longest);
    assert_eq!(all.last().unwrap().1, b"last");
    assert!(udp.counts().batches < 20, "{:?}", udp.counts());
}

#[test]
fn batches_are_sent_in_order_to_each_destination() {
    let (mut udp, address) = udp();
    let peers = [UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap()];
    let to = peers.each_ref().map(|peer| peer.local_addr().unwrap());
    let texts: Vec<String> = (0..200).map(|number| format!("message {number}")).collect();
    udp.send(Instant(0), texts.iter().enumerate().map(|(n, text)| (to[n % 2], text.as_bytes())));
    for (index, peer) in peers.iter().enumerate() {
        peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        for number in (index..200).step_by(2) {
            let mut bytes = [0; 100];
            let (length, from) = peer.recv_from(&mut bytes).unwrap();
            assert_eq!(&bytes[..length], format!("message {number}").as_bytes());
            assert_eq!(from, address);
        }
    }
    assert_eq!(udp.counts().sent, 200);
}

#[test]
fn a_port_where_nobody_listens_is_told_and_hinders_nobody() {
    let (mut udp, _) = udp();
    let gone = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let there = peer.local_addr().unwrap();
    udp.send(
        Instant(0),
        [(gone, &b"hello"[..]), (there, b"one"), (gone, b"again"), (there, b"two")].into_iter(),
    );
    peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    for expected in [&b"one"[..], b"two"] {
        let mut bytes = [0; 100];
        let (length, _) = peer.recv_from(&mut bytes).unwrap();
        assert_eq!(&bytes[..length], expected);
    }
    assert_eq!(unreachable(&mut udp), [gone]);
    // The socket goes on.
    peer.send_to(b"answer", udp.sockets[0].socket.local_addr().unwrap()).unwrap();
    assert_eq!(receive_all(&mut udp, 1)[0].1, b"answer");
}

#[test]
fn an_address_that_is_not_here_yet_can_be_bound() {
    let virtual_address = "192.0.2.77:0".parse().unwrap();
    assert_eq!(bind(virtual_address).unwrap().local_addr().unwrap().ip(), virtual_address.ip());
    if UdpSocket::bind("[::1]:0").is_err() {
        println!("SKIP IPv6: needs an IPv6 loopback");
        return;
    }
    let virtual_address: SocketAddr = "[2001:db8::77]:0".parse().unwrap();
    assert_eq!(bind(virtual_address).unwrap().local_addr().unwrap().ip(), virtual_address.ip());
}

#[test]
fn a_message_of_a_family_without_socket_is_counted() {
    let (mut udp, _) = udp();
    udp.send(Instant(0), [("[::1]:5060".parse().unwrap(), &b"hello"[..])].into_iter());
    assert_eq!(udp.counts().refused, 1);
}

#[test]
fn a_second_socket_on_the_port_is_refused() {
    let first = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let error = bind(first.local_addr().unwrap()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
}

/// Equal messages, by turns to each of two destinations: runs, once they are sorted.
fn send_to_two(udp: &mut Udp) {
    let peers = [UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap()];
    let to = peers.each_ref().map(|peer| peer.local_addr().unwrap());
    let texts: Vec<String> = (0..40).map(|number| format!("message {number:03}")).collect();
    let datagrams = texts.iter().enumerate().map(|(n, text)| (to[n % 2], text.as_bytes()));
    udp.send(Instant(0), datagrams);
    for (index, peer) in peers.iter().enumerate() {
        peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        for number in (index..40).step_by(2) {
            let mut bytes = [0; 100];
            let length = peer.recv(&mut bytes).unwrap();
            assert_eq!(&bytes[..length], format!("message {number:03}").as_bytes());
        }
    }
    assert_eq!(udp.counts().sent, 40);
}

/// How many of them leave in runs where the kernel lists these packet sockets.
fn in_runs(packet_sockets: &str) -> u64 {
    let (mut udp, _) = udp();
    udp.captures = captures(packet_sockets);
    send_to_two(&mut udp);
    udp.counts().in_runs
}

fn captures(packet_sockets: &str) -> Captures {
    let table = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(table.path(), packet_sockets).unwrap();
    let mut captures = Captures::listed_in(table.path());
    // Looked at once a second: the table is not needed any more.
    captures.are_there(Instant(0));
    captures
}

#[test]
fn runs_arrive_as_the_messages_that_they_are() {
    assert_eq!(in_runs(""), 40);
}

#[test]
fn who_captures_sees_each_message() {
    assert_eq!(in_runs("heading\nff 3 3 0003 0 1 0 0 51920\n"), 0);
}

#[test]
fn a_run_to_where_nobody_listens_is_told_and_the_next_one_arrives() {
    let (mut udp, _) = udp();
    udp.captures = captures("");
    let gone = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let there = peer.local_addr().unwrap();
    for to in [gone, there, gone, there] {
        udp.send(Instant(0), [(to, &b"hello"[..]); 5].into_iter());
    }
    peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    for _ in 0..10 {
        let mut bytes = [0; 100];
        assert_eq!(peer.recv(&mut bytes).unwrap(), 5);
    }
    assert!(udp.has_errors(0), "where nothing is polled for, nobody would read the report");
    assert_eq!(unreachable(&mut udp), [gone]);
}
