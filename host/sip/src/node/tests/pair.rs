//! Two nodes and what happens to calls when one of them dies.

use super::*;
use crate::message::answer::{self, Answer};
use crate::node::StandbyInput;
use crate::standby::message::PROTOCOL;
use crate::standby::{LinkId, Settings as Link};

const CALLER: &str = "10.0.0.1:5060";
const PHONE: &str = "10.0.0.2:5062";
const INVITE: &str = "sip:2000@10.0.0.9";
const LINK: LinkId = LinkId(1);

/// A primary, its backup and the link between them.
pub(super) struct Pair {
    pub(super) primary: Stage,
    pub(super) backup: Stage,
}

fn link(application: &str, dials: bool) -> Option<Link> {
    let second = Duration::from_secs(1);
    Some(Link {
        pair: "sip".into(),
        application: application.into(),
        machine: 0,
        dials,
        reconnect: second,
        timeout: Duration::ZERO,
        remote_timeout: Duration::ZERO,
        is_addp: false,
        trace: crate::directory::AddpTrace::Off,
    })
}

impl Pair {
    pub(super) fn new() -> Pair {
        let mut pair =
            Pair { primary: Stage::with(link("p1", false)), backup: Stage::with(link("p2", true)) };
        pair.primary.input(Input::RunMode { mode: RunMode::Primary, term: Term(1) });
        for stage in [&mut pair.primary, &mut pair.backup] {
            stage.input(Input::Standby(StandbyInput::Connected(LINK)));
        }
        pair.talk();
        assert!(pair.primary.node.has_standby(), "protocol {PROTOCOL}");
        pair
    }

    /// Carries lines both ways until nobody has anything to say.
    fn talk(&mut self) {
        for _ in 0..20 {
            let there = lines(&mut self.primary);
            let back = lines(&mut self.backup);
            if there.is_empty() && back.is_empty() {
                return;
            }
            self.backup.input(Input::Standby(StandbyInput::Lines(LINK, there)));
            self.primary.input(Input::Standby(StandbyInput::Lines(LINK, back)));
        }
        panic!("they talk without end");
    }

    /// The primary is gone from one moment to the next.
    fn dies(self) -> Stage {
        let mut left = self.backup;
        left.input(Input::Standby(StandbyInput::Disconnected(LINK)));
        left.input(Input::RunMode { mode: RunMode::Primary, term: Term(2) });
        left
    }
}

fn lines(stage: &mut Stage) -> Vec<Vec<u8>> {
    let said = stage.wishes().into_iter().filter_map(|wish| match wish {
        Wish::Standby(_, line) => Some(line),
        _ => None,
    });
    said.collect()
}

fn answered(sent: &str, code: u16) -> String {
    let bytes = sent.replace('\n', "\r\n").into_bytes();
    let message = Message::scan(&bytes).expect("message");
    let mut out = Vec::new();
    let answer = Answer { code, tag: Some("callee"), ..Answer::default() };
    answer::write(&message, "10.0.0.9:5060".parse().expect("address"), &answer, &mut out);
    String::from_utf8(out).expect("text").replace('\r', "")
}

fn sent_to(stage: &mut Stage, whom: &str) -> Vec<String> {
    stage.messages().into_iter().filter(|(to, _)| to == whom).map(|(_, text)| text).collect()
}

fn ringing() -> (Pair, String) {
    let mut pair = Pair::new();
    pair.primary.register("2000", PHONE);
    pair.talk();
    pair.primary.arrives(CALLER, &request("INVITE", INVITE, "2000", "a"));
    assert_eq!(pair.primary.lines(), [], "nothing leaves before the other node knows");
    pair.talk();
    let sent = pair.primary.messages();
    assert!(sent[0].1.starts_with("SIP/2.0 100 "));
    let invite = sent[1].1.clone();
    pair.primary.arrives(PHONE, &answered(&invite, 180));
    pair.talk();
    (pair, invite)
}

#[test]
fn a_call_goes_on_without_a_standby_that_does_not_answer() {
    let mut pair = Pair::new();
    pair.primary.register("2000", PHONE);
    pair.talk();
    pair.primary.arrives(CALLER, &request("INVITE", INVITE, "2000", "a"));
    let again = request("INVITE", INVITE, "2000", "a");
    pair.primary.arrives(CALLER, &again);
    assert_eq!(pair.primary.lines(), [], "the same one, still waiting");
    pair.primary.now.instant = pair.primary.now.instant + Duration::from_millis(60);
    pair.primary.node.tick(pair.primary.now, &mut pair.primary.out);
    assert_eq!(sent_to(&mut pair.primary, PHONE).len(), 1);
}

#[test]
fn a_ringing_call_is_answered_through_the_other_node() {
    let (pair, invite) = ringing();
    let mut left = pair.dies();
    let again = sent_to(&mut left, PHONE);
    assert_eq!(again, std::slice::from_ref(&invite), "the same INVITE under the same branch");
    left.arrives(PHONE, &answered(&invite, 200));
    assert!(sent_to(&mut left, CALLER)[0].starts_with("SIP/2.0 200 OK\n"));
    assert_eq!(left.node.calls(), 1);
}

#[test]
fn a_ringing_call_is_taken_back_through_the_other_node() {
    let (pair, invite) = ringing();
    let mut left = pair.dies();
    left.messages();
    left.arrives(PHONE, &answered(&invite, 180));
    left.messages();
    left.arrives(CALLER, &request("CANCEL", INVITE, "2000", "a").replace("aCANCEL", "aINVITE"));
    let sent = left.lines();
    assert_eq!(sent[0], to(CALLER, "SIP/2.0 200 OK"));
    assert_eq!(sent[1], to(PHONE, "CANCEL sip:2000@10.0.0.2:5062 SIP/2.0"));
    left.arrives(PHONE, &answered(&invite, 487));
    assert!(sent_to(&mut left, CALLER)[0].starts_with("SIP/2.0 487 "));
}

#[test]
fn a_call_that_was_being_taken_back_is_taken_back_by_the_other_node() {
    let (mut pair, invite) = ringing();
    let cancel = request("CANCEL", INVITE, "2000", "a").replace("aCANCEL", "aINVITE");
    pair.primary.arrives(CALLER, &cancel);
    pair.talk();
    let mut left = pair.dies();
    assert!(sent_to(&mut left, PHONE)[0].starts_with("INVITE "));
    left.arrives(PHONE, &answered(&invite, 180));
    assert!(sent_to(&mut left, PHONE)[0].starts_with("CANCEL sip:2000@10.0.0.2:5062 "));
}

#[test]
fn an_answered_call_is_known_and_not_sent_again() {
    let (mut pair, invite) = ringing();
    pair.primary.arrives(PHONE, &answered(&invite, 200));
    pair.talk();
    let mut left = pair.dies();
    assert_eq!(left.lines(), []);
    assert_eq!((left.node.calls(), left.node.take_over_figures().inherited), (1, 1));
    left.arrives(PHONE, &answered(&invite, 200));
    assert!(sent_to(&mut left, CALLER)[0].starts_with("SIP/2.0 200 OK\n"), "the 200 in flight");
}

#[test]
fn a_parked_call_waits_on_and_goes_where_it_should() {
    let mut pair = Pair::new();
    pair.primary.register("2000", PHONE);
    pair.talk();
    pair.primary.arrives(CALLER, &request("INVITE", "sip:9000@10.0.0.9", "9000", "a"));
    assert_eq!(pair.primary.lines()[1], to(CALLER, "SIP/2.0 182 Queued"));
    pair.talk();
    let mut left = pair.dies();
    left.messages();
    let waits = left.node.queue("9000");
    assert_eq!(waits.len(), 1);
    left.now.instant = left.now.instant + Duration::from_secs(11);
    left.now.at = crate::clock::after(left.now.at, Duration::from_secs(11));
    left.node.tick(left.now, &mut left.out);
    assert!(sent_to(&mut left, PHONE)[0].starts_with("INVITE sip:2000@10.0.0.2:5062 "));
    assert!(left.node.queue("9000").is_empty());
}

#[test]
fn a_parked_call_is_routed_or_taken_back() {
    let mut stage = Stage::new();
    stage.register("2000", PHONE);
    for call in ["a", "b"] {
        stage.arrives(CALLER, &request("INVITE", "sip:9000@10.0.0.9", "9000", call));
    }
    stage.messages();
    let key = stage.node.queue("9000")[0].key;
    let (now, number) = (stage.now, "2000".into());
    stage.node.route_call(now, key, &number, &mut stage.out).expect("routed");
    assert!(sent_to(&mut stage, PHONE)[0].starts_with("INVITE sip:2000@10.0.0.2:5062 "));
    let left = stage.node.queue("9000");
    assert_eq!(left.len(), 1);
    for call in ["a", "b"] {
        let cancel = request("CANCEL", "sip:9000@10.0.0.9", "9000", call);
        stage.arrives(
            CALLER,
            &cancel
                .replace("CANCEL;", "INVITE;")
                .replace(&format!("{call}CANCEL"), &format!("{call}INVITE")),
        );
    }
    let lines = stage.lines();
    assert!(lines.contains(&to(CALLER, "SIP/2.0 487 Request Terminated")), "{lines:?}");
    assert!(stage.node.queue("9000").is_empty());
}

#[test]
fn a_node_that_serves_again_sends_nothing_of_what_it_had_before() {
    let (mut pair, _) = ringing();
    let stage = &mut pair.primary;
    stage.input(Input::RunMode { mode: RunMode::Backup, term: Term(2) });
    stage.messages();
    stage.now.instant = stage.now.instant + Duration::from_secs(200);
    stage.node.state.open = crate::open::OpenInvites::default();
    stage.input(Input::RunMode { mode: RunMode::Primary, term: Term(3) });
    stage.node.tick(stage.now, &mut stage.out);
    let sent = stage.lines();
    assert!(sent.iter().all(|(_, line)| line.starts_with("OPTIONS ")), "{sent:?}");
}

#[test]
fn clients_of_the_other_node_are_told_of_a_call_that_began_before() {
    let mut pair = Pair::new();
    let wanted = crate::agents::Request::RegisterAddress { dn: "2000".into() };
    let Stage { node, now, out, .. } = &mut pair.primary;
    node.client_request(*now, &"desk".into(), wanted, out).expect("known");
    pair.primary.register("2000", PHONE);
    pair.talk();
    pair.primary.arrives(CALLER, &request("INVITE", INVITE, "2000", "a"));
    pair.talk();
    let invite = sent_to(&mut pair.primary, PHONE).remove(0);
    pair.primary.arrives(PHONE, &answered(&invite, 180));
    pair.primary.messages();
    let told = |stage: &mut Stage| -> Vec<crate::calls::Event> {
        let calls = stage.wishes().into_iter().filter_map(|wish| match wish {
            Wish::Call(event) => Some(event),
            Wish::Standby(_, line) => panic!("not told to the other node: {line:?}"),
            _ => None,
        });
        calls.collect()
    };
    let mut heard = Vec::new();
    let mut carried = Vec::new();
    for wish in pair.primary.wishes() {
        match wish {
            Wish::Call(event) => heard.push(event),
            Wish::Standby(_, line) => carried.push(line),
            _ => {}
        }
    }
    pair.backup.input(Input::Standby(StandbyInput::Lines(LINK, carried)));
    lines(&mut pair.backup);
    let mut left = pair.dies();
    assert_eq!(told(&mut left), [], "what was told is not told again");
    left.arrives(PHONE, &answered(&invite, 200));
    let events = told(&mut left);
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!((heard[0].call, heard[0].event), (events[0].call, crate::calls::EventName::Ringing));
    assert_eq!(events[0].event, crate::calls::EventName::Established);
    assert_eq!(events[0].clients, ["desk".into()]);
}

#[test]
fn a_call_taken_back_before_it_left_is_answered_and_forgotten() {
    let mut pair = Pair::new();
    pair.primary.register("2000", PHONE);
    pair.talk();
    pair.primary.arrives(CALLER, &request("INVITE", INVITE, "2000", "a"));
    let cancel = request("CANCEL", INVITE, "2000", "a").replace("aCANCEL", "aINVITE");
    pair.primary.arrives(CALLER, &cancel);
    let expected = ["SIP/2.0 200 OK", "SIP/2.0 487 Request Terminated"];
    assert_eq!(pair.primary.lines(), expected.map(|line| to(CALLER, line)));
    assert_eq!(pair.primary.node.calls(), 0);
    pair.talk();
    assert_eq!(pair.primary.lines(), []);
    assert_eq!(pair.dies().lines(), [], "the other node does not go on with it");
}

#[test]
fn a_call_that_was_routed_goes_on_ringing_where_it_was_routed_to() {
    let mut pair = Pair::new();
    pair.primary.register("2000", PHONE);
    pair.primary.arrives(CALLER, &request("INVITE", "sip:9000@10.0.0.9", "9000", "a"));
    pair.talk();
    let waiting = pair.primary.node.queue("9000").remove(0);
    let Stage { node, now, out, .. } = &mut pair.primary;
    node.route_call(*now, waiting.key, &"2000".into(), out).expect("routed");
    pair.talk();
    let invite = sent_to(&mut pair.primary, PHONE).remove(0);
    let mut left = pair.dies();
    assert_eq!(sent_to(&mut left, PHONE), [invite], "the same INVITE under the same branch");
}
