//! What holds for any course of calls, cuts, restarts and switchovers.

use proptest::prelude::*;

use super::*;
use crate::agents::{Endpoint, Request};
use crate::dialogs::{Parties, Party, Stage};
use crate::location::{NewContact, Register, Wish};

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    /// Something changes on the node that serves; it may wait for the other one.
    Change {
        what: u8,
        which: u8,
        wait: bool,
    },
    /// So many lines reach an end.
    Deliver {
        end: usize,
        lines: usize,
    },
    Cut,
    Connect,
    /// Time passes, and what is due happens.
    Wait(u64),
    /// The other node serves from now on.
    Switch,
    /// The node that stands by begins a new life.
    Restart,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..8_u8, 0..4_u8, any::<bool>())
            .prop_map(|(what, which, wait)| Step::Change { what, which, wait }),
        8 => (0..2_usize, 1..4_usize).prop_map(|(end, lines)| Step::Deliver { end, lines }),
        1 => Just(Step::Cut),
        2 => Just(Step::Connect),
        2 => (0..200_u64).prop_map(Step::Wait),
        1 => (0..30_000_u64).prop_map(Step::Wait),
        1 => Just(Step::Switch),
        1 => Just(Step::Restart),
    ]
}

/// Something changes on a node.
fn change(rig: &mut Rig, serving: usize, what: u8, which: u8) {
    let at = rig.now().at;
    let state = &mut rig.ends[serving].state;
    let dn: Arc<str> = format!("700{which}").into();
    let key = InviteKey(u128::from(which));
    let call = state.dialogs.key(&[which], b"a");
    match what {
        0 | 1 => {
            let expires_s = Some(if what == 0 { 600 } else { 0 });
            let contact = NewContact { contact: "c", identity: 1, q: 1000, expires_s };
            let (flow, wish) = (Flow::udp(([10, 0, 0, 1], 5060).into()), Wish::Update(&[contact]));
            let cseq = u32::try_from(rig.ms + rig.links + 1).unwrap();
            let register = Register { dn: &dn, call_id: &[], cseq, flow, path: None, wish };
            // One that comes too late is refused, which changes nothing.
            let _ = state.location.register(at, &register);
        }
        2 => {
            let callee = Party { dn: Some(dn), number: "1".into() };
            let parties = Parties { callee, ..Parties::default() };
            state.dialogs.begin(at, call, parties, Stage::Dialing);
            state.open.put(key, invite(usize::from(which) * 1000, at.0));
        }
        3 => {
            state.dialogs.answered(at, call, b"b", None);
            state.open.remove(key);
        }
        4 => state.dialogs.ended(at, &[which], (b"a", b"b")),
        5 => {
            let wait = (Duration::from_secs(10), None);
            state.parked.park(at, (key, call), &dn, wait).unwrap();
        }
        6 => {
            state.parked.take(key);
        }
        _ => {
            let endpoint =
                Endpoint { known: true, takes_agents: true, registered: true, in_service: true };
            let client = "desk".into();
            let listen = Request::RegisterAddress { dn: dn.clone() };
            state.agents.handle(at, &client, listen, endpoint).unwrap();
            let (agent, queue) = (format!("ann{which}").into(), None);
            let work_mode = Default::default();
            let login = Request::AgentLogin { dn: dn.clone(), agent, queue, work_mode };
            if state.agents.handle(at, &client, login, endpoint).is_err() {
                let logout = Request::AgentLogout { dn, reason: None };
                state.agents.handle(at, &client, logout, endpoint).unwrap();
            }
        }
    }
}

/// Bounds so tight that scripts run into them, and the real ones. The log holds more than a full
/// flight and one more line of the largest items here (4.5 KB), as the real one does.
fn any_bounds() -> impl Strategy<Value = Bounds> {
    let tight = (1..600_usize, 1..2_000_usize, 12_000..40_000_usize);
    let tight = tight.prop_map(|(line, flight, log)| Bounds { line, flight, log });
    prop_oneof![1 => Just(Bounds::default()), 3 => tight]
}

fn play(steps: &[Step], bounds: Bounds) -> Rig {
    let mut rig = Rig::new();
    rig.ends.iter_mut().for_each(|end| end.node.bounds = bounds);
    rig.is_reachable = false;
    rig.promote(0);
    let mut serving = 0;
    for step in steps {
        match step {
            Step::Change { what, which, wait } => {
                change(&mut rig, serving, *what, *which);
                rig.publish(serving, *wait);
            }
            Step::Deliver { end, lines } => {
                rig.deliver(*end, *lines);
            }
            Step::Cut => rig.cut(),
            Step::Connect if rig.link.is_none() => rig.connect(),
            Step::Connect => {}
            Step::Wait(ms) => rig.wait(*ms),
            Step::Switch => {
                serving = 1 - serving;
                rig.promote(serving);
            }
            Step::Restart => {
                rig.cut();
                let (now, which) = (rig.now(), 1 - serving);
                let end = &mut rig.ends[which];
                // Who waited there is gone with its node.
                end.waits.clear();
                end.acknowledged.clear();
                end.given_up.clear();
                (end.node, end.state) = (Standby::new(settings(which), now), empty());
                end.node.bounds = bounds;
            }
        }
    }
    rig
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Once the link holds, both nodes know the same, and everybody who waited got one answer.
    #[test]
    fn both_nodes_know_the_same_in_the_end(
        steps in prop::collection::vec(any_step(), 1..80),
        bounds in any_bounds(),
    ) {
        let mut rig = play(&steps, bounds);
        rig.is_reachable = true;
        if rig.link.is_none() {
            rig.connect();
        }
        rig.settle();
        prop_assert!(rig.are_equal(), "{:?}\n{:?}", rig.ends[0].said, rig.ends[1].said);
        let is_in_step = rig.ends.iter().filter(|end| end.node.is_in_step()).count();
        prop_assert_eq!(is_in_step, 1);
        for end in &rig.ends {
            let mut answers = [&end.acknowledged[..], &end.given_up[..]].concat();
            answers.sort();
            prop_assert_eq!(&answers, &end.waits, "each wait is answered once");
            prop_assert_eq!(end.node.standing(), Standing::Ready);
        }
    }

    /// What was acknowledged survives its node.
    #[test]
    fn what_was_acknowledged_is_there_after_a_switchover(
        before in prop::collection::vec(any_step(), 0..30),
        calls in 1..20_u128,
        lines in 0..40_usize,
    ) {
        let mut rig = play(&before, Bounds::default());
        let serving = usize::from(rig.ends[1].node.serves);
        if rig.link.is_none() {
            rig.connect();
        }
        rig.settle();
        let mut waiting = Vec::new();
        for key in 100..100 + calls {
            rig.ends[serving].state.open.put(InviteKey(key), invite(100, 0));
            waiting.push((key, rig.publish(serving, true).unwrap()));
        }
        for _ in 0..lines {
            rig.deliver(1 - serving, 1);
            rig.deliver(serving, 1);
        }
        rig.cut();
        let acknowledged = rig.ends[serving].acknowledged.clone();
        rig.term += 1;
        rig.serve(1 - serving, true);
        for (key, wait) in waiting {
            if acknowledged.contains(&wait) {
                prop_assert!(rig.ends[1 - serving].state.open.get(InviteKey(key)).is_some());
            }
        }
    }
}
