//! A node as its callers and telephones see it.

mod calls;
mod events;
mod keep;
mod pair;
mod registration;
mod routers;

use std::time::Duration;

use takeover_logic::component::sip::{ForwardingCall, ForwardingDecision};
use takeover_logic::ids::Term;
use takeover_logic::link::RunMode;
use takeover_logic::time::{Instant, Now, Timestamp};

use super::{Decider, Input, Node, Settings};
use crate::branch::Secret;
use crate::directory;
use crate::flow::Flow;
use crate::message::{HeaderName, Message};
use crate::outbox::Outbox;
use crate::proxy::Names;
use crate::wish::Wish;

const DIRECTORY: &str = r#"
[TServer]
switch = "site1"
sip-address = "10.0.0.9"
dr-peer-trunk = "to-site2"
dr-peer-location = "site2"

[registrar]
realm = "example.com"

[[dn]]
number = "1000"
type = "Extension"
password = "secret-1000"

[[dn]]
number = "2000"
type = "Extension"

[[dn]]
number = "3000"
type = "Extension"
contact = "phone.example.net"

[[dn]]
number = "9000"
type = "Routing Point"
default-dn = "2000"

[[dn]]
number = "to-site2"
type = "Trunk"
contact = "10.9.0.9"
prefix = "8"
oos-check = 300
oos-force = 10
"#;

/// Decides always the same, and remembers what it was asked.
struct Always(ForwardingDecision, Vec<ForwardingCall>);

impl Decider for Always {
    fn decide(&mut self, call: &ForwardingCall) -> ForwardingDecision {
        self.1.push(call.clone());
        self.0.clone()
    }
}

/// A node, its clock, its policy and what it sent.
struct Stage {
    node: Node,
    now: Now,
    policy: Always,
    out: Outbox,
}

fn flow(address: &str) -> Flow {
    Flow::udp(address.parse().expect("address"))
}

impl Stage {
    fn new() -> Stage {
        let mut stage = Stage::backup();
        stage.input(Input::RunMode { mode: RunMode::Primary, term: Term(1) });
        stage
    }

    fn backup() -> Stage {
        Stage::with(None)
    }

    fn with(standby: Option<crate::standby::Settings>) -> Stage {
        let loaded = directory::read("sip.toml", DIRECTORY);
        let directory = loaded.unwrap_or_else(|errors| panic!("{errors:?}")).directory;
        let sent_by = ["10.0.0.9:5060", "10.0.0.9:5060", "10.0.0.9:5061"].map(Into::into);
        let key = [9; 16];
        let settings = Settings {
            names: Names::new(sent_by),
            server: "test".into(),
            secret: Secret::new(key),
            key,
            machine: 1,
            standby,
            source_rate: 100,
        };
        let now = Now { instant: Instant(1_000_000_000), at: Timestamp(1_800_000_000_000) };
        let node = Node::new(settings, directory, now);
        let policy = Always(ForwardingDecision::Deliver, Vec::new());
        Stage { node, now, policy, out: Outbox::default() }
    }

    fn input(&mut self, input: Input) {
        self.node.handle(self.now, input, &mut self.policy, &mut self.out);
    }

    fn arrives(&mut self, from: &str, text: &str) {
        let bytes = text.replace('\n', "\r\n").into_bytes();
        self.node.receive(self.now, (&flow(from), &bytes), &mut self.policy, &mut self.out);
    }

    fn wait(&mut self, time: Duration) {
        self.now.instant = self.now.instant + time;
        self.now.at = crate::clock::after(self.now.at, time);
        self.node.tick(self.now, &mut self.out);
        self.out.clear();
    }

    fn messages(&mut self) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\r', "");
        let sent = self.out.sends().map(|(to, bytes)| (to.remote.to_string(), text(bytes)));
        let sent: Vec<_> = sent.collect();
        let wishes: Vec<Wish> = self.out.wishes().collect();
        self.out.clear();
        wishes.into_iter().for_each(|wish| self.out.wish(wish));
        sent
    }

    fn lines(&mut self) -> Vec<(String, String)> {
        let first = |text: String| text.lines().next().unwrap_or_default().to_owned();
        self.messages().into_iter().map(|(to, text)| (to, first(text))).collect()
    }

    fn only(&mut self) -> String {
        let all = self.messages();
        assert_eq!(all.len(), 1, "{all:?}");
        all.into_iter().next().map(|(_, text)| text).unwrap_or_default()
    }

    fn wishes(&mut self) -> Vec<Wish> {
        self.out.wishes().collect()
    }

    /// Registers a telephone without a password.
    fn register(&mut self, number: &str, at: &str) {
        self.arrives(at, &request("REGISTER", "sip:10.0.0.9", number, &format!("{number}r")));
        assert!(self.only().starts_with("SIP/2.0 200 OK\n"));
    }
}

fn request(method: &str, uri: &str, to: &str, call: &str) -> String {
    let from = if method == "REGISTER" { to } else { "7777" };
    format!(
        "{method} {uri} SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bK{call}{method}\n\
         From: <sip:{from}@example.com>;tag=f\nTo: <sip:{to}@example.com>\nCall-ID: {call}\n\
         CSeq: 1 {method}\nMax-Forwards: 70\nContact: <sip:{from}@10.0.0.2:5062>\n\
         Content-Length: 0\n\n"
    )
}

fn to(whom: &str, line: &str) -> (String, String) {
    (whom.to_owned(), line.to_owned())
}

fn value(text: &str, name: HeaderName) -> String {
    let bytes = text.replace('\n', "\r\n").into_bytes();
    let message = Message::scan(&bytes).expect("message");
    String::from_utf8_lossy(message.value(name).unwrap_or_default()).into_owned()
}
