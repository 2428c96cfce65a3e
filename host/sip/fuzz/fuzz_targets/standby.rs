//! Lines from the other node, which is the right one but says anything: at a backup, at a primary,
//! and at a backup that becomes primary with what it was told.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use takeover_logic::ids::Term;
use takeover_logic::link::RunMode;
use takeover_logic::time::Now;
use takeover_sip::clock::after;
use takeover_sip::limits::STANDBY_LINE_BYTES_MAX;
use takeover_sip::node::{Input, Node, StandbyInput};
use takeover_sip::outbox::Outbox;
use takeover_sip::standby::{LinkId, Settings};
use takeover_sip::wish::Wish;
use takeover_sip_fuzz::{Deliver, START, node, split, udp};

const LINK: LinkId = LinkId(1);

/// A message of somebody who calls, to see that the node still works.
const INVITE: &[u8] = b"INVITE sip:2000@10.0.0.9 SIP/2.0\r\n\
    Via: SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bKa\r\nFrom: <sip:7777@example.com>;tag=f\r\n\
    To: <sip:2000@example.com>\r\nCall-ID: a\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";

fn settings(application: &str, dials: bool) -> Option<Settings> {
    Some(Settings {
        pair: "sip".into(),
        application: application.into(),
        machine: 0,
        dials,
        reconnect: Duration::from_secs(1),
        timeout: Duration::ZERO,
        remote_timeout: Duration::ZERO,
        is_addp: false,
        trace: takeover_sip::directory::AddpTrace::Off,
    })
}

/// Gives an input; the lines that it caused.
fn give(node: &mut Node, input: Input) -> Vec<Vec<u8>> {
    let mut out = Outbox::default();
    node.handle(START, input, &mut Deliver, &mut out);
    let lines = out.wishes().filter_map(|wish| match wish {
        Wish::Standby(_, line) => Some(line),
        _ => None,
    });
    let lines: Vec<Vec<u8>> = lines.collect();
    assert!(lines.iter().all(|line| line.ends_with(b"\n") && line.len() <= STANDBY_LINE_BYTES_MAX));
    lines
}

fn mode(mode: RunMode, term: u64) -> Input {
    Input::RunMode { mode, term: Term(term) }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let serves = first & 1 == 1;
    let mut other = node(settings("p2", true));
    let mut this = node(settings("p1", false));
    let (own, others) = if serves { (1, 0) } else { (0, 1) };
    for (node, term) in [(&mut this, own), (&mut other, others)] {
        if term > 0 {
            give(node, mode(RunMode::Primary, term));
        }
    }
    let hello = give(&mut other, Input::Standby(StandbyInput::Connected(LINK)));
    give(&mut this, Input::Standby(StandbyInput::Connected(LINK)));
    give(&mut this, Input::Standby(StandbyInput::Lines(LINK, hello)));
    for line in split(rest, b"\n") {
        give(&mut this, Input::Standby(StandbyInput::Lines(LINK, vec![line.to_vec()])));
    }
    give(&mut this, Input::Standby(StandbyInput::Disconnected(LINK)));
    give(&mut this, mode(RunMode::Primary, 9));
    let mut out = Outbox::default();
    this.receive(START, (&udp("10.0.0.1:5060"), INVITE), &mut Deliver, &mut out);
    let later = Duration::from_secs(5);
    let later = Now { instant: START.instant + later, at: after(START.at, later) };
    this.tick(later, &mut out);
    this.deadline(later);
});
