//! Requests on their way through a proxy, and through the other node of its pair.

mod calls;
mod room;
mod survival;

use std::time::Duration;

use takeover_logic::time::{Instant, Now, Timestamp};

use super::forward::Manner;
use super::{Arrival, Names, Proxy, Target};
use crate::branch::Secret;
use crate::flow::{Flow, Transport};
use crate::message::{HeaderName, Message};
use crate::outbox::Outbox;

const CALLER: &str = "10.0.0.1:5060";
const CALLEE: &str = "10.0.0.2:5060";
const SECOND: &str = "10.0.0.3:5060";

fn flow(address: &str) -> Flow {
    Flow::udp(address.parse().expect("address"))
}

fn target(hops: &[&str]) -> Target {
    let hops: Vec<Flow> = hops.iter().map(|hop| flow(hop)).collect();
    let uri = format!("sip:2000@{}", hops[0].remote);
    Target { uri: Some(uri.into_bytes().into()), hops, route: None }
}

/// A proxy, its clock and what it sent.
struct Stage {
    proxy: Proxy,
    now: Instant,
    out: Outbox,
}

impl Stage {
    fn new() -> Stage {
        let sent_by = ["10.0.0.9:5060", "10.0.0.9:5060", "10.0.0.9:5061"].map(Into::into);
        let proxy = Proxy::new(Secret::new([7; 16]), Names::new(sent_by));
        Stage { proxy, now: Instant(1_000_000_000), out: Outbox::default() }
    }

    /// What was sent since the last call: to whom, and its first line.
    fn sent(&mut self) -> Vec<(String, String)> {
        let sent = self.messages().into_iter();
        sent.map(|(to, bytes)| (to, first_line(&bytes))).collect()
    }

    fn messages(&mut self) -> Vec<(String, Vec<u8>)> {
        let list = self.out.sends().map(|(to, bytes)| (to.remote.to_string(), bytes.to_vec()));
        let list = list.collect();
        self.out.clear();
        list
    }

    /// The one message that went there.
    fn only(&mut self, to: &str) -> Vec<u8> {
        let all = self.messages();
        let mut there = all.iter().filter(|(whom, _)| whom == to);
        let (_, bytes) = there.next().unwrap_or_else(|| panic!("nothing to {to}: {all:?}"));
        assert!(there.next().is_none(), "more than one to {to}");
        bytes.clone()
    }

    fn arrives(&mut self, bytes: &[u8], from: &str, targets: Vec<Target>) {
        let message = Message::scan(bytes).expect("message");
        if message.method().is_none() {
            self.proxy.response(self.now, &message, &mut self.out);
            return;
        }
        let from = flow(from);
        let arrival = Arrival { now: self.at(), message: &message, from: &from };
        if !self.proxy.absorb(self.now, &message, &mut self.out) {
            let manner = Manner { record_route: true, own_routes: 0, call: None };
            self.proxy.forward(&arrival, targets, manner, &mut self.out);
        }
    }

    fn cancel(&mut self, bytes: &[u8]) -> bool {
        let message = Message::scan(bytes).expect("message");
        let from = flow(CALLER);
        let arrival = Arrival { now: self.at(), message: &message, from: &from };
        self.proxy.cancel(&arrival, &mut self.out)
    }

    fn at(&self) -> Now {
        Now { instant: self.now, at: Timestamp(0) }
    }

    fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
        self.proxy.tick(self.now, &mut self.out);
    }
}

fn first_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.lines().next().unwrap_or_default().to_owned()
}

fn request(method: &str, branch: &str) -> Vec<u8> {
    let cseq = if matches!(method, "ACK" | "CANCEL") { "1 INVITE" } else { "1" };
    let number = cseq.split(' ').next().unwrap_or_default();
    format!(
        "{method} sip:2000@10.0.0.9 SIP/2.0\r\nVia: SIP/2.0/UDP {CALLER};branch=z9hG4bK{branch}\r\n\
         From: <sip:1000@x>;tag=f\r\nTo: <sip:2000@x>\r\nCall-ID: {branch}@x\r\n\
         CSeq: {number} {method}\r\nMax-Forwards: 70\r\nContact: <sip:1000@{CALLER}>\r\n\
         Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

/// The callee's answer to what the proxy sent it.
fn answer(sent: &[u8], code: u16) -> Vec<u8> {
    use crate::message::answer::{Answer, write};
    let message = Message::scan(sent).expect("message");
    let mut out = Vec::new();
    let answer = Answer { code, tag: Some("callee"), ..Answer::default() };
    write(&message, "10.0.0.9:5060".parse().expect("address"), &answer, &mut out);
    out
}

fn value(bytes: &[u8], name: HeaderName) -> String {
    let message = Message::scan(bytes).expect("message");
    String::from_utf8_lossy(message.value(name).unwrap_or_default()).into_owned()
}

fn to(whom: &str, line: &str) -> (String, String) {
    (whom.to_owned(), line.to_owned())
}

#[test]
fn names_are_compared_with_their_ports() {
    let names = Stage::new().proxy.names().clone();
    assert!(names.are(b"10.0.0.9", None));
    assert!(names.are(b"10.0.0.9", Some(5061)));
    assert!(!names.are(b"10.0.0.9", Some(5070)));
    assert!(!names.are(b"10.0.0.8", None));
    assert_eq!(names.of(Transport::Tls), "10.0.0.9:5061");
}
