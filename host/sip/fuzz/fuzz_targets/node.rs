//! A primary and what anybody sends to it: messages with a line of `%%` between them, each from one
//! of four addresses. Whoever proved nothing gets no answer that is much longer than its request.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use takeover_logic::ids::Term;
use takeover_logic::link::RunMode;
use takeover_sip::clock::after;
use takeover_sip::limits::ANSWER_GROWTH_MAX;
use takeover_sip::message::Message;
use takeover_sip::node::Input;
use takeover_sip::outbox::Outbox;
use takeover_sip_fuzz::{Deliver, START, node, split, udp};

/// A caller, two telephones and the trunk.
const SOURCES: [&str; 4] = ["10.0.0.1:5060", "10.0.0.2:5062", "10.0.0.3:5060", "10.9.0.9:5060"];

/// More is not made up: with a node that stays, each message costs what all before it do.
const MESSAGES_MAX: usize = 30;

fuzz_target!(|bytes: &[u8]| {
    let mut node = node(None);
    let mut now = START;
    let mut out = Outbox::default();
    let primary = Input::RunMode { mode: RunMode::Primary, term: Term(1) };
    node.handle(now, primary, &mut Deliver, &mut out);
    out.clear();
    for (index, text) in split(bytes, b"\n%%\n").take(MESSAGES_MAX).enumerate() {
        let (choice, message) = text.split_first().unwrap_or((&0, &[]));
        let from = udp(SOURCES[usize::from(*choice) % SOURCES.len()]);
        node.receive(now, (&from, message), &mut Deliver, &mut out);
        let is_request = Message::scan(message).is_ok_and(|message| message.method().is_some());
        if is_request {
            let back = out.sends().filter(|(to, bytes)| {
                to.remote.ip() == from.remote.ip() && bytes.starts_with(b"SIP/2.0 ")
            });
            let back: Vec<&[u8]> = back.map(|(_, bytes)| bytes).collect();
            let total: usize = back.iter().map(|bytes| bytes.len()).sum();
            assert!(
                total <= message.len() + ANSWER_GROWTH_MAX,
                "{} bytes for {}: {}",
                total,
                message.len(),
                String::from_utf8_lossy(&back.concat()),
            );
        }
        for (_, sent) in out.sends() {
            let sent = Message::scan(sent).expect("what leaves can be read");
            // What came with a fault may be passed on with it only where nobody looks at it.
            assert!(sent.top_via().is_some() || sent.code().is_some());
        }
        out.clear();
        let step = Duration::from_millis([10, 600, 5_000, 40_000][index % 4]);
        now.instant = now.instant + step;
        now.at = after(now.at, step);
        if node.deadline(now).is_some_and(|at| at <= now.instant) {
            node.tick(now, &mut out);
            out.clear();
        }
    }
});
