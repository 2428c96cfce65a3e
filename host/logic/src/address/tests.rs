//! Scripts of inputs against a model kernel, with everything that the machine asks for.
//!
//! A line is `MILLISECONDS INPUT`; due ticks happen in between, unless the time begins with `!`:
//! then the agent stood still until then. Reads, refreshes and probes are left out of the result
//! unless the script says `show`.

use std::fmt::Write;

use expect_test::{Expect, expect};

use super::*;
use crate::component::{AddressAnswer, AddressCall};
use crate::ids::{BackendRunId, Term};
use crate::link::{Release, VipAction};

struct Rig {
    address: Address,
    now: Instant,
    present: bool,
    refuses: bool,
    expires: Option<Instant>,
    shows: bool,
    run: u64,
    text: String,
}

const MS: u64 = 1_000_000;

fn spec(isolation: Isolation) -> VipSpec {
    VipSpec {
        name: "sip".into(),
        pair: "sip".into(),
        address: "10.0.0.100".parse().unwrap(),
        prefix: 24,
        network_interface: "eth1".into(),
        port: Some(5060),
        backend: "vip-linux".into(),
        settings: Default::default(),
        other_hosts: vec!["h2".into()],
        references: vec!["10.0.0.254".parse().unwrap()],
        isolation,
        lease_ms: 3000,
        probe_interval_ms: 50,
    }
}

impl Rig {
    fn new(isolation: Isolation) -> Self {
        let contact = Contact::Linked;
        let now = Instant(0);
        Rig {
            address: Address::new("h1".into(), spec(isolation), contact, now),
            now,
            present: false,
            refuses: false,
            expires: None,
            shows: false,
            run: 0,
            text: String::new(),
        }
    }

    fn give(&mut self, input: Input) {
        self.address.handle(self.now, input);
        while let Some(output) = self.address.poll() {
            self.show(&output);
            if let Output::Kernel(operation) = output {
                let answer = self.kernel(operation);
                self.address.handle(self.now, Input::Kernel(answer));
            }
        }
    }

    fn kernel(&mut self, operation: KernelOperation) -> KernelAnswer {
        if self.expires.is_some_and(|at| at <= self.now) {
            self.present = false;
        }
        let changes = operation != KernelOperation::Read;
        let result = if self.refuses && changes { Err("not permitted".into()) } else { Ok(()) };
        if result.is_ok() {
            match operation {
                KernelOperation::Add => self.present = true,
                KernelOperation::Delete => self.present = false,
                KernelOperation::Refresh | KernelOperation::Read => {}
            }
            if changes {
                self.expires = Some(self.now + Duration::from_secs(2));
            }
        }
        let reading = if self.present { Reading::Present } else { Reading::Absent };
        KernelAnswer { result, reading }
    }

    fn show(&mut self, output: &Output) {
        let hidden = matches!(
            output,
            Output::Kernel(KernelOperation::Read | KernelOperation::Refresh)
                | Output::Probe
                | Output::ProbeReference(_)
        );
        if hidden && !self.shows {
            return;
        }
        let text = match output {
            Output::Kernel(operation) => format!("kernel {operation:?}"),
            Output::RunBackend { run, action, order, deadline } => format!(
                "run {run} {action:?} term {} release {:?} by {}",
                order.term,
                order.release,
                deadline.0 / MS
            ),
            Output::AnswerBackend { result: Ok(answer), .. } => format!("answer {answer:?}"),
            Output::AnswerBackend { result: Err(fault), .. } => format!("answer fault: {fault}"),
            Output::CancelBackend { run } => format!("cancel {run}"),
            Output::StateChanged => {
                let word = |verdict| match verdict {
                    Verdict::Good => "good".to_owned(),
                    Verdict::Bad(reason) => format!("bad ({reason})"),
                    Verdict::Unknown(reason) => format!("unknown ({reason})"),
                };
                let (present, network) = (self.address.present(), self.address.network());
                format!("state present {}, network {}", word(present), word(network))
            }
            Output::Seen(sighting) => format!("seen {sighting:?}"),
            Output::Done { order, result: Ok(()) } => format!("done {order}"),
            Output::Done { order, result: Err(fault) } => format!("done {order} fault: {fault}"),
            other => format!("{other:?}").to_lowercase(),
        };
        writeln!(self.text, "{} {text}", self.now.0 / MS).unwrap();
    }

    fn run_to(&mut self, at: Instant) {
        while let Some(due) = self.address.deadline().filter(|due| *due <= at) {
            self.now = self.now.max(due);
            self.give(Input::Tick);
        }
        self.now = at;
    }

    fn line(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        let time = words.next().unwrap();
        let (still, time) = match time.strip_prefix('!') {
            Some(time) => (true, time),
            None => (false, time),
        };
        let at = Instant(time.parse::<u64>().unwrap() * MS);
        if still {
            self.now = at;
        } else {
            self.run_to(at);
        }
        let words: Vec<&str> = words.collect();
        let run = BackendRunId(self.run);
        let call = |call| Input::BackendCall { run, request: RequestId(1), call };
        let input = match words.as_slice() {
            [] => return,
            ["show"] => return self.shows = true,
            ["refuses"] => return self.refuses = true,
            ["permits"] => return self.refuses = false,
            ["kernel", "adds"] => {
                (self.present, self.expires) = (true, None);
                Input::KernelChanged
            }
            ["kernel", "deletes"] => {
                self.present = false;
                Input::KernelChanged
            }
            ["tick"] => Input::Tick,
            ["order", action, term, rest @ ..] => {
                self.run += 1;
                Input::Order {
                    order: OrderId(self.run),
                    run: BackendRunId(self.run),
                    action: if *action == "up" { VipAction::Up } else { VipAction::Down },
                    term: Term(term.parse().unwrap()),
                    release: match rest {
                        ["unknown"] => Release::Unknown,
                        _ => Release::Confirmed,
                    },
                    time_left_ms: 7000,
                }
            }
            ["term", term] => Input::TermRaised(Term(term.parse().unwrap())),
            ["suspect"] => Input::Suspected,
            ["announce"] => Input::AnnounceAsked,
            ["linked"] => Input::Contact(Contact::Linked),
            ["lost"] => Input::Contact(Contact::Lost { since: self.now }),
            ["interface", "up"] => Input::Interface(InterfaceState::Up),
            ["interface", "down"] => Input::Interface(InterfaceState::Down),
            ["holder", mac] => self.answered("10.0.0.100", mac),
            ["reference"] => self.answered("10.0.0.254", "aa:ff"),
            ["not-sent", "probe"] => {
                Input::NotSent { packet: Packet::Probe, reason: "network down".into() }
            }
            ["not-sent", "announcement"] => {
                Input::NotSent { packet: Packet::Announcement, reason: "network down".into() }
            }
            ["call", "add"] => call(AddressCall::Add),
            ["call", "delete"] => call(AddressCall::Delete),
            ["call", "present"] => call(AddressCall::Present),
            ["call", "announce"] => call(AddressCall::Announce),
            ["call", "who-has", attempts, interval] => call(AddressCall::WhoHas {
                attempts: attempts.parse().unwrap(),
                interval_ms: interval.parse().unwrap(),
            }),
            ["ended", "ok"] => Input::BackendEnded { run, result: Ok(()) },
            ["ended", text @ ..] => {
                let fault = Fault::Failed(text.join(" ").into());
                Input::BackendEnded { run, result: Err(fault) }
            }
            ["give-up"] => Input::GiveUp("the host agent is stopped".into()),
            other => panic!("no such input: {other:?}"),
        };
        self.give(input);
    }

    fn answered(&self, address: &str, from: &str) -> Input {
        Input::Answered { address: address.parse().unwrap(), from: from.into() }
    }
}

fn run(isolation: Isolation, script: &str) -> String {
    let mut rig = Rig::new(isolation);
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        rig.line(line);
    }
    rig.text
}

fn check(script: &str, expected: Expect) {
    expected.assert_eq(&run(Isolation::Hold, script));
}

fn check_release(script: &str, expected: Expect) {
    expected.assert_eq(&run(Isolation::Release, script));
}

/// Held since 100 ms, with a reference that answers.
const HELD: &str = "
    0 tick
    10 reference
    100 order up 1
    100 call add
    100 call announce
    100 ended ok
";

fn held(script: &str) -> String {
    format!("{HELD}\n{script}")
}

#[test]
fn confirmed_up_adds_at_once_verifies_and_announces() {
    check(
        &held("6500"),
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            10 state present bad (absent), network good
            100 run 1 Up term 1 release Confirmed by 7100
            100 kernel Add
            100 answer Done
            100 state present good, network good
            100 answer Done
            100 announce
            100 done 1
            300 announce
            400 state present good, network bad (10.0.0.254 does not answer)
            1100 announce
            2100 announce
            5100 announce
        "#]],
    );
}

#[test]
fn unconfirmed_up_finds_the_evidence_of_a_suspicion_ready() {
    check(
        "0 show
         10 suspect
         150 order up 1 unknown
         150 call who-has 3 50
         180 call add
         180 ended ok",
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            10 probe
            60 probe
            100 probereference(10.0.0.254)
            110 probe
            150 run 1 Up term 1 release Unknown by 7150
            150 answer Holder(None)
            160 probe
            180 kernel Add
            180 answer Done
            180 state present good, network unknown (no reference has answered yet)
            180 kernel Read
            180 done 1
            180 probe
            180 announce
        "#]],
    );
}

#[test]
fn unconfirmed_up_probes_before_it_adds_even_when_the_backend_does_not_ask() {
    check(
        "0 tick
         100 order up 1 unknown
         100 call add
         300 ended ok",
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            100 run 1 Up term 1 release Unknown by 7100
            220 kernel Add
            220 answer Done
            220 state present good, network unknown (no reference has answered yet)
            300 state present good, network bad (10.0.0.254 does not answer)
            300 done 1
            300 announce
        "#]],
    );
}

#[test]
fn an_up_that_another_holder_prevented_tells_when_that_one_is_silent() {
    check(
        "0 tick
         100 order up 1 unknown
         100 call who-has 3 50
         110 holder aa:02
         150 ended aa:02 answers
         400 holder aa:02
         2000",
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            100 run 1 Up term 1 release Unknown by 7100
            110 answer Holder(Some("aa:02"))
            150 kernel Delete
            150 done 1 fault: aa:02 answers
            300 state present bad (absent), network bad (10.0.0.254 does not answer)
            970 seen Unclaimed
        "#]],
    );
}

#[test]
fn an_address_that_another_host_answers_for_is_not_added() {
    check(
        "0 tick
         100 order up 1 unknown
         101 holder bb:02
         110 call who-has 3 50
         111 holder bb:02
         120 call add
         121 holder bb:02
         130 ended bb:02 holds it",
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            100 run 1 Up term 1 release Unknown by 7100
            111 answer Holder(Some("bb:02"))
            121 answer fault: unavailable: bb:02 answers for it
            130 kernel Delete
            130 done 1 fault: bb:02 holds it
        "#]],
    );
}

#[test]
fn a_holder_that_lets_go_is_followed_by_silence() {
    check(
        "0 tick
         100 order up 1 unknown
         100 call who-has 3 50
         101 holder bb:02
         110 call who-has 3 50
         151 holder bb:02
         160 call who-has 3 50
         400",
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            100 run 1 Up term 1 release Unknown by 7100
            101 answer Holder(Some("bb:02"))
            151 answer Holder(Some("bb:02"))
            280 answer Holder(None)
            300 state present bad (absent), network bad (10.0.0.254 does not answer)
        "#]],
    );
}

#[test]
fn a_backend_that_traps_leaves_nothing_behind() {
    check(
        "0 tick
         100 order up 1
         100 call add
         120 ended plugin vip-linux trapped",
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            100 run 1 Up term 1 release Confirmed by 7100
            100 kernel Add
            100 answer Done
            100 state present good, network unknown (no reference has answered yet)
            120 kernel Delete
            120 state present bad (absent), network unknown (no reference has answered yet)
            120 done 1 fault: plugin vip-linux trapped
        "#]],
    );
}

#[test]
fn a_backend_that_hangs_is_ended_at_its_deadline() {
    check(
        "0 tick
         100 order up 1
         100 call add
         8000
         8000 call delete",
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            100 run 1 Up term 1 release Confirmed by 7100
            100 kernel Add
            100 answer Done
            100 state present good, network unknown (no reference has answered yet)
            300 state present good, network bad (10.0.0.254 does not answer)
            7100 cancel 1
            7100 kernel Delete
            7100 state present bad (absent), network bad (10.0.0.254 does not answer)
            7100 done 1 fault: timed out
            8000 answer fault: unavailable: the order is over
        "#]],
    );
}

#[test]
fn a_backend_that_says_more_than_it_did_is_not_believed() {
    check(
        "0 tick
         100 order up 1
         100 ended ok",
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            100 run 1 Up term 1 release Confirmed by 7100
            100 kernel Delete
            100 done 1 fault: plugin vip-linux says that it put on the address, but it is not there
        "#]],
    );
}

#[test]
fn down_takes_it_off_and_is_verified() {
    check(
        &held(
            "300 order down 2
             300 call delete
             300 ended ok
             900",
        ),
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            10 state present bad (absent), network good
            100 run 1 Up term 1 release Confirmed by 7100
            100 kernel Add
            100 answer Done
            100 state present good, network good
            100 answer Done
            100 announce
            100 done 1
            300 announce
            300 run 2 Down term 2 release Confirmed by 7300
            300 kernel Delete
            300 answer Done
            300 state present bad (absent), network good
            300 done 2
            400 state present bad (absent), network bad (10.0.0.254 does not answer)
        "#]],
    );
}

#[test]
fn down_is_done_natively_when_the_backend_fails() {
    check(
        &held(
            "300 order down 2
             310 ended plugin vip-linux trapped",
        ),
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            10 state present bad (absent), network good
            100 run 1 Up term 1 release Confirmed by 7100
            100 kernel Add
            100 answer Done
            100 state present good, network good
            100 answer Done
            100 announce
            100 done 1
            300 announce
            300 run 2 Down term 2 release Confirmed by 7300
            310 kernel Delete
            310 state present bad (absent), network good
            310 done 2 fault: plugin vip-linux trapped
        "#]],
    );
}

#[test]
fn down_supersedes_a_waiting_up() {
    check(
        "0 tick
         100 order up 1 unknown
         100 call who-has 10 1000
         300 order down 2
         300 call delete
         300 ended ok",
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            100 run 1 Up term 1 release Unknown by 7100
            300 state present bad (absent), network bad (10.0.0.254 does not answer)
            300 cancel 1
            300 done 1 fault: superseded by a newer down order
            300 run 2 Down term 2 release Confirmed by 7300
            300 kernel Delete
            300 answer Done
            300 done 2
        "#]],
    );
}

#[test]
fn a_second_order_of_the_same_kind_joins_the_first() {
    check(
        "0 tick
         100 order up 1
         110 order up 2
         112 tick",
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            100 run 1 Up term 1 release Confirmed by 7100
        "#]],
    );
}

#[test]
fn a_newer_term_ends_an_older_up_that_is_not_done() {
    check(
        "0 tick
         100 order up 1
         100 call add
         110 term 2",
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            100 run 1 Up term 1 release Confirmed by 7100
            100 kernel Add
            100 answer Done
            100 state present good, network unknown (no reference has answered yet)
            110 cancel 1
            110 kernel Delete
            110 state present bad (absent), network unknown (no reference has answered yet)
            110 done 1 fault: stale term: the newest is 2
        "#]],
    );
}

#[test]
fn a_down_order_does_not_allow_to_add() {
    check(
        "0 tick
         100 order down 1
         100 call add
         100 call who-has 0 50
         100 call announce",
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            100 run 1 Down term 1 release Confirmed by 7100
            100 answer fault: denied: a down order does not allow to add
            100 answer fault: invalid: 0 attempts 50 ms apart: allowed are 1 to 10, 1 to 1000 ms apart
            100 answer fault: the address is not on this host
        "#]],
    );
}

#[test]
fn what_vanished_by_hand_is_put_back() {
    check(
        &held("300 kernel deletes\n400"),
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            10 state present bad (absent), network good
            100 run 1 Up term 1 release Confirmed by 7100
            100 kernel Add
            100 answer Done
            100 state present good, network good
            100 answer Done
            100 announce
            100 done 1
            300 announce
            300 kernel Add
            300 state present good, network good
            300 seen Restored
            300 announce
            300 state present good, network good
            400 state present good, network bad (10.0.0.254 does not answer)
        "#]],
    );
}

#[test]
fn what_appeared_by_hand_is_taken_off() {
    check(
        "0 tick\n300 kernel adds\n400",
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            300 state present bad (absent), network bad (10.0.0.254 does not answer)
            300 kernel Delete
            300 state present bad (absent), network bad (10.0.0.254 does not answer)
            300 seen Removed
            300 state present bad (absent), network bad (10.0.0.254 does not answer)
        "#]],
    );
}

#[test]
fn what_was_there_before_the_agent_is_taken_off() {
    let mut rig = Rig::new(Isolation::Hold);
    rig.present = true;
    rig.line("0 tick");
    expect![[r#"
            0 state present good, network unknown (no reference has answered yet)
            0 kernel Delete
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 seen Removed
            0 state present bad (absent), network unknown (no reference has answered yet)
    "#]]
    .assert_eq(&rig.text);
}

#[test]
fn an_address_that_does_not_go_is_reported_and_tried_again() {
    check(
        &held(
            "300 refuses
             300 order down 2
             300 call delete
             310 ended no permission
             1500 permits
             2000",
        ),
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            10 state present bad (absent), network good
            100 run 1 Up term 1 release Confirmed by 7100
            100 kernel Add
            100 answer Done
            100 state present good, network good
            100 answer Done
            100 announce
            100 done 1
            300 announce
            300 run 2 Down term 2 release Confirmed by 7300
            300 kernel Delete
            300 answer fault: not permitted
            310 kernel Delete
            310 seen Stuck("not permitted")
            310 done 2 fault: no permission
            400 state present good, network bad (10.0.0.254 does not answer)
            810 kernel Delete
            1310 kernel Delete
            1810 kernel Delete
            1810 state present bad (absent), network bad (10.0.0.254 does not answer)
        "#]],
    );
}

#[test]
fn an_agent_that_stood_still_lets_go_before_anything_else() {
    check(
        &held("!3000 tick"),
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            10 state present bad (absent), network good
            100 run 1 Up term 1 release Confirmed by 7100
            100 kernel Add
            100 answer Done
            100 state present good, network good
            100 answer Done
            100 announce
            100 done 1
            3000 kernel Delete
            3000 seen LetGo("the host agent stood still for 2900 ms")
            3000 state present bad (absent), network good
        "#]],
    );
}

#[test]
fn an_agent_that_stood_still_for_less_than_the_lease_goes_on() {
    check(
        &held("!1500 tick\n3400"),
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            10 state present bad (absent), network good
            100 run 1 Up term 1 release Confirmed by 7100
            100 kernel Add
            100 answer Done
            100 state present good, network good
            100 answer Done
            100 announce
            100 done 1
            1500 announce
            1500 announce
            1700 state present good, network bad (10.0.0.254 does not answer)
            2100 announce
        "#]],
    );
}

#[test]
fn an_interface_that_goes_down_ends_the_service() {
    check(
        &held(
            "300 interface down
             400 order up 2
             500 interface up",
        ),
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            10 state present bad (absent), network good
            100 run 1 Up term 1 release Confirmed by 7100
            100 kernel Add
            100 answer Done
            100 state present good, network good
            100 answer Done
            100 announce
            100 done 1
            300 announce
            300 kernel Delete
            300 state present bad (absent), network bad (network interface eth1 is down)
            300 seen LetGo("network interface eth1 is down")
            300 state present bad (absent), network bad (network interface eth1 is down)
            400 done 2 fault: unavailable: network interface eth1 is down
            500 state present bad (absent), network unknown (no reference has answered yet)
        "#]],
    );
}

#[test]
fn a_holder_in_contact_announces_against_another_one() {
    check(
        &held(
            "300 holder bb:02
             500 holder bb:02
             5400 holder bb:02",
        ),
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            10 state present bad (absent), network good
            100 run 1 Up term 1 release Confirmed by 7100
            100 kernel Add
            100 answer Done
            100 state present good, network good
            100 answer Done
            100 announce
            100 done 1
            300 announce
            300 seen OtherHolder("bb:02")
            400 state present good, network bad (10.0.0.254 does not answer)
            500 announce
            700 announce
            1500 announce
            2500 announce
            5400 seen OtherHolder("bb:02")
            5400 announce
        "#]],
    );
}

#[test]
fn a_holder_out_of_contact_goes_when_it_sees_another_one() {
    check(
        &held("300 lost\n400 holder bb:02"),
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            10 state present bad (absent), network good
            100 run 1 Up term 1 release Confirmed by 7100
            100 kernel Add
            100 answer Done
            100 state present good, network good
            100 answer Done
            100 announce
            100 done 1
            300 announce
            400 state present good, network bad (10.0.0.254 does not answer)
            400 kernel Delete
            400 seen LetGo("bb:02 holds it too, and the control server is not heard")
            400 state present bad (absent), network bad (10.0.0.254 does not answer)
        "#]],
    );
}

#[test]
fn a_cut_off_holder_that_must_release_does_so_within_its_lease() {
    check_release(
        &held("300 lost\n6000"),
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            10 state present bad (absent), network good
            100 run 1 Up term 1 release Confirmed by 7100
            100 kernel Add
            100 answer Done
            100 state present good, network good
            100 answer Done
            100 announce
            100 done 1
            300 announce
            400 state present good, network bad (10.0.0.254 does not answer)
            2800 kernel Delete
            2800 seen LetGo("no contact for 2500 ms")
            2800 state present bad (absent), network bad (10.0.0.254 does not answer)
        "#]],
    );
}

#[test]
fn a_holder_that_reaches_its_references_is_not_cut_off() {
    let mut script = held("300 lost");
    for at in (400..6000).step_by(100) {
        script.push_str(&format!("\n{at} reference"));
    }
    check_release(
        &script,
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            10 state present bad (absent), network good
            100 run 1 Up term 1 release Confirmed by 7100
            100 kernel Add
            100 answer Done
            100 state present good, network good
            100 answer Done
            100 announce
            100 done 1
            300 announce
            400 state present good, network bad (10.0.0.254 does not answer)
            400 state present good, network good
            1100 announce
            2100 announce
            5100 announce
        "#]],
    );
}

#[test]
fn a_cut_off_holder_that_may_hold_keeps_it_but_does_not_announce() {
    check(
        &held("150 lost\n4000\n4000 linked\n4100"),
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            10 state present bad (absent), network good
            100 run 1 Up term 1 release Confirmed by 7100
            100 kernel Add
            100 answer Done
            100 state present good, network good
            100 answer Done
            100 announce
            100 done 1
            300 announce
            400 state present good, network bad (10.0.0.254 does not answer)
            4000 announce
            4000 announce
        "#]],
    );
}

#[test]
fn a_heal_is_answered_by_a_burst_of_announcements() {
    check(
        &held("3000\n3100 announce\n4000"),
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            10 state present bad (absent), network good
            100 run 1 Up term 1 release Confirmed by 7100
            100 kernel Add
            100 answer Done
            100 state present good, network good
            100 answer Done
            100 announce
            100 done 1
            300 announce
            400 state present good, network bad (10.0.0.254 does not answer)
            1100 announce
            2100 announce
            3100 announce
            3110 announce
            3120 announce
            3140 announce
            3200 announce
            3300 announce
            3500 announce
        "#]],
    );
}

#[test]
fn a_probe_that_can_not_be_sent_is_not_silence() {
    check(
        "0 tick
         100 order up 1 unknown
         100 call who-has 3 50
         100 not-sent probe
         100 call add
         100 not-sent probe",
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            100 run 1 Up term 1 release Unknown by 7100
            100 answer fault: unavailable: can not probe: network down
            100 answer fault: unavailable: can not probe: network down
        "#]],
    );
}

#[test]
fn an_announcement_that_can_not_be_sent_is_reported_once() {
    check(
        &held("110 not-sent announcement\n310 not-sent announcement"),
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            10 state present bad (absent), network good
            100 run 1 Up term 1 release Confirmed by 7100
            100 kernel Add
            100 answer Done
            100 state present good, network good
            100 answer Done
            100 announce
            100 done 1
            110 seen NotAnnounced("network down")
            300 announce
        "#]],
    );
}

#[test]
fn giving_up_takes_it_off() {
    check(
        &held("250 give-up\n1000"),
        expect![[r#"
            0 state present bad (absent), network unknown (no reference has answered yet)
            0 state present bad (absent), network unknown (no reference has answered yet)
            10 state present bad (absent), network good
            100 run 1 Up term 1 release Confirmed by 7100
            100 kernel Add
            100 answer Done
            100 state present good, network good
            100 answer Done
            100 announce
            100 done 1
            250 kernel Delete
            250 seen LetGo("the host agent is stopped")
            250 state present bad (absent), network good
            400 state present bad (absent), network bad (10.0.0.254 does not answer)
        "#]],
    );
}

#[test]
fn answers_of_the_backend_are_what_the_kernel_says() {
    let answers = run(Isolation::Hold, &held("300 order up 1\n300 call present\n300 call delete"));
    assert!(answers.contains("answer Present(true)"), "{answers}");
    assert!(answers.contains("300 kernel Delete\n300 answer Done\n"), "{answers}");
    assert!(!answers.contains(&format!("{:?}", AddressAnswer::Present(false))), "{answers}");
}
