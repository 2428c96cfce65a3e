//! Two ends and a link that can be cut, slow or silent.
//!
//! What is asserted for any course of events: [`laws`].

use std::sync::Arc;

use takeover_logic::time::Timestamp;

use super::*;
use crate::directory::Registrar;
use crate::flow::Flow;
use crate::limits::{STANDBY_LINE_BYTES_MAX, STANDBY_LOG_BYTES_MAX, STANDBY_WAIT};
use crate::open::{InviteKey, OpenInvite, Raw};

mod laws;

/// One node.
struct End {
    node: Standby,
    state: State,
    /// Lines on their way to it.
    inbox: VecDeque<(LinkId, Vec<u8>)>,
    said: Vec<String>,
    waits: Vec<WaitId>,
    acknowledged: Vec<WaitId>,
    given_up: Vec<WaitId>,
}

/// Two nodes and what is between them.
struct Rig {
    ends: [End; 2],
    link: Option<LinkId>,
    links: u64,
    ms: u64,
    term: u64,
    /// Whether a dial finds somebody.
    is_reachable: bool,
}

fn settings(which: usize) -> Settings {
    Settings {
        pair: "sip".into(),
        application: format!("sip-{which}").into(),
        machine: 0,
        dials: which == 1,
        reconnect: Duration::from_secs(20),
        timeout: Duration::from_secs(5),
        remote_timeout: Duration::ZERO,
        is_addp: true,
        trace: crate::directory::AddpTrace::Off,
    }
}

fn empty() -> State {
    State::new(Registrar::default(), [1; 16])
}

fn invite(bytes: usize, since: u64) -> OpenInvite {
    OpenInvite {
        from: Flow::udp(([10, 0, 0, 1], 5060).into()),
        destination: None,
        target: "sip:7001".into(),
        flow: None,
        invite: Raw(vec![b'x'; bytes].into()),
        last_response: None,
        canceled: false,
        since: Timestamp(since),
    }
}

impl Rig {
    fn new() -> Rig {
        Rig::with([settings(0), settings(1)])
    }

    fn with(settings: [Settings; 2]) -> Rig {
        let now = Now { instant: Instant(0), at: Timestamp(1000) };
        let ends = settings.map(|settings| End {
            node: Standby::new(settings, now),
            state: empty(),
            inbox: VecDeque::new(),
            said: Vec::new(),
            waits: Vec::new(),
            acknowledged: Vec::new(),
            given_up: Vec::new(),
        });
        Rig { ends, link: None, links: 0, ms: 0, term: 0, is_reachable: true }
    }

    fn now(&self) -> Now {
        Now { instant: Instant(self.ms * 1_000_000), at: Timestamp(1000 + self.ms) }
    }

    /// Carries out what an end wants; lines stay on their way.
    fn drain(&mut self, which: usize) {
        let now = self.now();
        while let Some(output) = self.ends[which].node.poll() {
            match output {
                Output::Send { id, line } => {
                    assert!(line.len() <= STANDBY_LINE_BYTES_MAX);
                    if self.link == Some(id) {
                        self.ends[1 - which].inbox.push_back((id, line));
                    }
                }
                Output::Dial if self.is_reachable => self.connect(),
                Output::Dial => self.ends[which].node.dial_failed(now),
                Output::Close(id) => {
                    if self.link == Some(id) {
                        self.link = None;
                        // What was sent before arrives, then the end of the link.
                        while let Some((id, line)) = self.ends[1 - which].inbox.pop_front() {
                            let end = &mut self.ends[1 - which];
                            end.node.receive(now, id, &line, &mut end.state);
                        }
                        self.ends[1 - which].node.disconnected(now, id);
                        self.ends[which].inbox.clear();
                        self.drain(1 - which);
                    }
                }
                Output::Acknowledged(wait) => self.ends[which].acknowledged.push(wait),
                Output::GivenUp(wait) => self.ends[which].given_up.push(wait),
                Output::Standing(standing) => {
                    self.ends[which].said.push(format!("{standing:?}"));
                }
                Output::Event(event) => self.ends[which].said.push(event.to_string()),
            }
        }
    }

    fn connect(&mut self) {
        self.links += 1;
        let id = LinkId(self.links);
        self.link = Some(id);
        let now = self.now();
        for which in [0, 1] {
            self.ends[which].inbox.clear();
            self.ends[which].node.connected(now, id);
        }
        self.drain(0);
        self.drain(1);
    }

    /// The link ends; what is on its way is lost.
    fn cut(&mut self) {
        let Some(id) = self.link.take() else { return };
        let now = self.now();
        for which in [0, 1] {
            self.ends[which].inbox.clear();
            self.ends[which].node.disconnected(now, id);
            self.drain(which);
        }
    }

    /// Hands over at most so many lines to an end.
    fn deliver(&mut self, which: usize, lines: usize) -> usize {
        let now = self.now();
        let mut count = 0;
        while count < lines
            && let Some((id, line)) = self.ends[which].inbox.pop_front()
        {
            let end = &mut self.ends[which];
            end.node.receive(now, id, &line, &mut end.state);
            count += 1;
        }
        self.drain(which);
        count
    }

    /// Lets both talk until they have nothing to say.
    fn settle(&mut self) {
        for _ in 0..10_000 {
            if self.deliver(0, usize::MAX) + self.deliver(1, usize::MAX) == 0 {
                return;
            }
        }
        panic!("they talk without end: {:?}", self.ends[0].said);
    }

    fn wait(&mut self, ms: u64) {
        let until = self.ms + ms;
        loop {
            let due = self.ends.iter().filter_map(|end| end.node.deadline()).min();
            let due_ms = due.map_or(u64::MAX, |due| due.0.div_ceil(1_000_000));
            if due_ms > until {
                break;
            }
            self.ms = self.ms.max(due_ms);
            let now = self.now();
            for which in [0, 1] {
                let end = &mut self.ends[which];
                end.node.tick(now, &end.state);
                self.drain(which);
            }
        }
        self.ms = until;
    }

    fn serve(&mut self, which: usize, serves: bool) {
        let (now, term) = (self.now(), Term(self.term));
        let end = &mut self.ends[which];
        if serves {
            end.state.take_over();
        }
        end.node.serve(now, serves, term, &mut end.state);
        self.drain(which);
    }

    /// One end serves from now on, the other stands by.
    fn promote(&mut self, which: usize) {
        self.term += 1;
        self.serve(1 - which, false);
        self.serve(which, true);
    }

    fn publish(&mut self, which: usize, wait: bool) -> Option<WaitId> {
        let now = self.now();
        let end = &mut self.ends[which];
        let waiting = end.node.publish(now, &mut end.state, wait);
        end.waits.extend(waiting);
        self.drain(which);
        waiting
    }

    /// A call begins at the first node.
    fn call(&mut self, key: u128, wait: bool) -> Option<WaitId> {
        let since = self.ms;
        self.ends[0].state.open.put(InviteKey(key), invite(100, since));
        self.publish(0, wait)
    }

    fn linked() -> Rig {
        let mut rig = Rig::new();
        rig.promote(0);
        rig.wait(0);
        rig.settle();
        rig
    }

    fn are_equal(&self) -> bool {
        self.ends[0].state == self.ends[1].state
    }
}

#[test]
fn a_newcomer_is_told_everything_and_then_follows() {
    let mut rig = Rig::new();
    rig.promote(0);
    rig.call(1, false);
    rig.call(2, false);
    assert_eq!(rig.ends[1].node.standing(), Standing::Initializing);
    rig.wait(0);
    rig.settle();
    assert!(rig.are_equal() && rig.ends[0].node.is_in_step());
    assert_eq!(rig.ends[1].state.open.len(), 2);
    rig.call(3, false);
    rig.ends[0].state.open.remove(InviteKey(1));
    rig.publish(0, false);
    rig.settle();
    assert!(rig.are_equal());
    assert_eq!(
        rig.ends[1].said,
        [
            "linked with the other node, which serves in term 1",
            "everything the other node knows is here: 2 entries",
            "Ready"
        ]
    );
    let said = ["Ready", "linked with the other node, which stands by"];
    assert_eq!(rig.ends[0].said[..2], said);
    assert_eq!(rig.ends[0].said[2], "the other node has everything and follows");
}

#[test]
fn a_newcomer_alone_is_ready() {
    let mut dialing = Rig::new();
    dialing.is_reachable = false;
    dialing.wait(9_999);
    assert_eq!(dialing.ends[1].said, ["Ready"], "it found nobody");
    assert_eq!(dialing.ends[0].node.standing(), Standing::Initializing);
    dialing.wait(1);
    assert_eq!(dialing.ends[0].said, ["Ready"], "nobody came");
    let mut both = Rig::new();
    both.wait(0);
    both.settle();
    assert_eq!(both.ends[1].node.standing(), Standing::Ready, "the other one does not serve");
}

#[test]
fn a_node_of_another_pair_or_version_is_refused_with_a_reason() {
    let own = settings(1);
    let cases = [
        (Settings { pair: "other".into(), ..own.clone() }, "pair \"other\", this is \"sip\""),
        (
            Settings { application: "sip-0".into(), ..own.clone() },
            "application \"sip-0\", which this is",
        ),
        (Settings { machine: 3, ..own }, "machine 3, this is 0"),
    ];
    for (other, reason) in cases {
        let mut rig = Rig::with([settings(0), other]);
        rig.promote(0);
        rig.wait(0);
        rig.deliver(0, 1);
        let expected = format!("link with the other node down: refused: {reason}");
        assert_eq!(rig.ends[0].said.last(), Some(&expected));
        assert!(rig.ends[1].said[0].contains("refused"), "it found the same");
        assert_eq!(rig.link, None);
    }
    let mut rig = Rig::new();
    rig.wait(0);
    let (id, line) = rig.ends[0].inbox.pop_front().unwrap();
    let line = String::from_utf8(line).unwrap().replace("\"protocol\":2", "\"protocol\":9");
    rig.ends[0].inbox.push_back((id, line.into()));
    rig.deliver(0, 1);
    let told = "link with the other node down: the other node refuses: version 9";
    assert!(rig.ends[1].said.iter().any(|said| said.starts_with(told)), "{:?}", rig.ends[1].said);
    let reason = "refused: version 9 of the protocol, this is 2";
    assert!(rig.ends[0].said[0].ends_with(reason), "{:?}", rig.ends[0].said);
}

#[test]
fn who_waits_learns_when_the_change_is_on_the_other_node() {
    let mut rig = Rig::linked();
    assert_eq!(rig.publish(0, true), None, "there is nothing to wait for");
    let wait = rig.call(1, true).unwrap();
    assert!(rig.ends[0].acknowledged.is_empty());
    rig.deliver(1, 1);
    assert!(rig.ends[1].state.open.get(InviteKey(1)).is_some());
    rig.deliver(0, 1);
    assert_eq!(rig.ends[0].acknowledged, [wait]);
    rig.wait(60);
    assert!(rig.ends[0].given_up.is_empty());
}

#[test]
fn nobody_waits_long_nor_for_a_node_that_lags_behind() {
    let mut rig = Rig::linked();
    let (first, second) = (rig.call(1, true).unwrap(), rig.call(2, true).unwrap());
    let bound = u64::try_from(STANDBY_WAIT.as_millis()).unwrap();
    rig.wait(bound - 1);
    assert!(rig.ends[0].given_up.is_empty());
    rig.wait(1);
    assert_eq!(rig.ends[0].given_up, [first, second]);
    assert_eq!(rig.call(3, true), None, "the other node lags behind");
    rig.settle();
    assert!(rig.ends[0].acknowledged.is_empty(), "nobody is told twice");
    let third = rig.call(4, true).unwrap();
    rig.cut();
    assert_eq!(rig.ends[0].given_up, [first, second, third]);
    assert_eq!(rig.call(5, true), None, "there is no link");
}

#[test]
fn who_waits_in_one_term_is_not_taken_for_who_waits_in_another() {
    let mut rig = Rig::linked();
    let first = rig.call(1, true).unwrap();
    rig.promote(1);
    assert_eq!(rig.ends[0].given_up, [first], "it ended to serve");
    rig.promote(0);
    rig.settle();
    assert_ne!(rig.call(2, true), Some(first));
}

#[test]
fn nobody_waits_before_the_snapshot_is_whole() {
    let mut rig = Rig::new();
    rig.promote(0);
    rig.wait(0);
    assert_eq!(rig.call(1, true), None);
    rig.deliver(0, 1);
    assert_eq!(rig.call(2, true), None);
    rig.settle();
    assert!(rig.call(3, true).is_some());
}

#[test]
fn after_a_short_cut_only_what_is_missing_is_told() {
    let mut rig = Rig::linked();
    rig.call(1, false);
    rig.cut();
    rig.call(2, false);
    rig.wait(19_999);
    assert_eq!(rig.link, None, "sync-reconnect-tout is not over");
    rig.wait(1);
    rig.settle();
    assert!(rig.are_equal() && rig.ends[1].state.open.len() == 2);
    let whole = |end: &End| end.said.iter().filter(|said| said.contains("everything")).count();
    assert_eq!(whole(&rig.ends[1]), 1, "there was no second snapshot");
}

#[test]
fn what_the_keep_alive_does_is_noted_where_it_is_wanted() {
    let traced = |mut rig: Rig| {
        rig.promote(0);
        rig.wait(0);
        rig.settle();
        rig.wait(5_000);
        rig.settle();
        rig.ends.map(|end| {
            let of_it = end.said.iter().filter_map(|said| said.strip_prefix("keep-alive: "));
            of_it.map(str::to_owned).collect::<Vec<String>>()
        })
    };
    let with = |trace| Settings { trace, ..settings(1) };
    let asked = "asked for a sign of life after 5000 ms of silence";
    let [first, second] = traced(Rig::with([settings(0), with(AddpTrace::Local)]));
    assert_eq!((first.len(), second.first().map(String::as_str)), (0, Some(asked)));
    let [first, second] = traced(Rig::with([settings(0), with(AddpTrace::Remote)]));
    assert!(second.is_empty() && first.iter().any(|said| said.contains("asked")), "{first:?}");
    let off = traced(Rig::with([settings(0), settings(1)]));
    assert_eq!(off, [Vec::<String>::new(), Vec::new()]);
    let silent = |trace| {
        let mut rig = Rig::with([settings(0), with(trace)]);
        rig.promote(0);
        rig.wait(0);
        rig.settle();
        rig.wait(5_000);
        rig.ends.iter_mut().for_each(|end| end.inbox.clear());
        rig.wait(5_000);
        rig.ends.map(|end| end.said).concat()
    };
    let unanswered = "keep-alive: nothing heard for 5000 ms after it was asked".to_owned();
    assert!(silent(AddpTrace::Both).contains(&unanswered));
    assert!(!silent(AddpTrace::Off).contains(&unanswered));
}

#[test]
fn a_full_log_becomes_a_snapshot() {
    let mut rig = Rig::linked();
    rig.cut();
    let mut told = 0;
    for key in 0.. {
        rig.ends[0].state.open.put(InviteKey(key), invite(60_000, 0));
        rig.publish(0, false);
        told += 80_000;
        if told > STANDBY_LOG_BYTES_MAX + 1_000_000 {
            break;
        }
    }
    let (unacknowledged, overflows, _) = rig.ends[0].node.counts();
    assert_eq!((unacknowledged, overflows), (0, 1));
    rig.wait(20_000);
    rig.settle();
    assert!(rig.are_equal() && rig.ends[0].node.is_in_step());
}

#[test]
fn an_item_that_is_too_large_is_not_told_and_counted() {
    let mut rig = Rig::linked();
    rig.ends[0].state.open.put(InviteKey(1), invite(500_000, 0));
    rig.publish(0, true);
    rig.settle();
    assert_eq!(rig.ends[0].node.counts().2, 1);
    assert!(rig.ends[1].state.open.is_empty() && rig.link.is_some());
}

#[test]
fn a_gap_asks_for_a_snapshot_once() {
    let mut rig = Rig::linked();
    rig.call(1, false);
    rig.call(2, false);
    rig.call(3, false);
    rig.ends[1].inbox.pop_front();
    rig.settle();
    assert!(rig.are_equal() && rig.ends[1].state.open.len() == 3);
    let again = "the other node missed something: told anew";
    assert_eq!(rig.ends[0].said.iter().filter(|said| *said == again).count(), 1);
}

#[test]
fn only_an_idle_link_is_asked_for_a_sign_of_life() {
    let mut rig = Rig::linked();
    for key in 0..4 {
        rig.wait(4_000);
        rig.call(key, false);
        rig.settle();
    }
    rig.wait(4_999);
    assert!(rig.ends.iter().all(|end| end.inbox.is_empty()), "nothing was asked");
    rig.wait(1);
    let asks = |end: &End| end.inbox.iter().any(|(_, line)| line.starts_with(b"{\"is\":\"ping\""));
    assert!(asks(&rig.ends[0]) || asks(&rig.ends[1]));
    rig.settle();
    rig.wait(4_999);
    rig.settle();
    assert!(rig.link.is_some(), "it answered");
    rig.wait(1);
    rig.ends.iter_mut().for_each(|end| end.inbox.clear());
    rig.wait(5_000);
    assert_eq!(rig.link, None);
    let silent = "link with the other node down: no sign of life in time";
    assert!(rig.ends.iter().any(|end| end.said.last().is_some_and(|said| said == silent)));
}

#[test]
fn the_other_ends_wish_for_a_sign_of_life_counts_where_there_is_no_own() {
    let quiet = Settings { timeout: Duration::ZERO, ..settings(0) };
    assert_eq!(quiet.timeout_with(Duration::ZERO), None);
    let wish = Duration::from_secs(3);
    assert_eq!(quiet.timeout_with(wish), Some(wish));
    assert_eq!(settings(0).timeout_with(wish), Some(Duration::from_secs(5)));
    let off = Settings { is_addp: false, ..settings(0) };
    assert_eq!(off.timeout_with(wish), None);
}

#[test]
fn a_line_that_can_not_be_used_ends_the_link() {
    let long = vec![b' '; STANDBY_LINE_BYTES_MAX + 1];
    for (line, reason) in [
        (&long[..], "a line of 1048577 bytes, at most 1048576 are allowed"),
        (b"{}", "not a message of this protocol: missing field `is` at line 1 column 2"),
        (b"{\"is\":\"ping\"}", "did not say hello first"),
    ] {
        let mut rig = Rig::new();
        rig.wait(0);
        let (id, _) = rig.ends[0].inbox.pop_front().unwrap();
        rig.ends[0].inbox.push_front((id, line.to_vec()));
        rig.deliver(0, 1);
        assert_eq!(rig.ends[0].said[0], format!("link with the other node down: {reason}"));
        assert_eq!(rig.link, None);
    }
    let mut rig = Rig::new();
    rig.wait(0);
    rig.ends.iter_mut().for_each(|end| end.inbox.clear());
    rig.wait(5_000);
    assert_eq!(rig.ends[0].said[0], "link with the other node down: no hello in time");
}

#[test]
fn what_is_known_stays_until_a_new_snapshot_is_whole() {
    let mut rig = Rig::linked();
    rig.call(1, false);
    rig.settle();
    rig.cut();
    // The first node begins a new life, in which it does not know the call.
    let now = rig.now();
    rig.ends[0].node = Standby::new(settings(0), now);
    rig.ends[0].state = empty();
    rig.term += 1;
    rig.serve(0, true);
    for key in 2..2000 {
        rig.call(key, false);
    }
    rig.connect();
    rig.deliver(0, 1);
    rig.deliver(1, 2);
    assert!(rig.ends[1].state.open.get(InviteKey(1)).is_some(), "half a snapshot is here");
    rig.cut();
    rig.term += 1;
    rig.serve(1, true);
    let open = &rig.ends[1].state.open;
    assert!(open.get(InviteKey(1)).is_some(), "nobody can say that it ended");
    assert!(open.len() > 1 && open.len() < 1999, "{}", open.len());
}

#[test]
fn two_that_serve_tell_each_other_nothing() {
    let mut rig = Rig::linked();
    rig.cut();
    rig.term += 1;
    rig.serve(1, true);
    rig.call(1, false);
    rig.connect();
    rig.settle();
    assert!(rig.ends[1].state.open.is_empty());
    let both = "both nodes serve, in terms 2 and 1";
    assert_eq!(rig.ends[1].said.last().map(String::as_str), Some(both));
    rig.serve(0, false);
    rig.settle();
    assert!(rig.are_equal(), "the older one follows once it stands by");
    assert!(rig.ends[0].state.open.is_empty());
}
