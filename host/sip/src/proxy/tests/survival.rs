//! What the other node of the pair does with calls that it knows nothing of.

use super::*;
use crate::proxy::response::Seen;

fn begun() -> (Stage, Vec<u8>) {
    let mut stage = Stage::new();
    stage.arrives(&request("INVITE", "a"), CALLER, vec![target(&[CALLEE])]);
    let invite = stage.only(CALLEE);
    (stage, invite)
}

#[test]
fn an_answer_finds_its_caller_through_the_other_node() {
    let (_, invite) = begun();
    let mut other = Stage::new();
    for (code, line) in [(180, "SIP/2.0 180 Ringing"), (200, "SIP/2.0 200 OK")] {
        let bytes = answer(&invite, code);
        let message = Message::scan(&bytes).expect("message");
        assert_eq!(other.proxy.response(other.now, &message, &mut other.out), Seen::Relayed);
        assert_eq!(other.sent(), [to(CALLER, line)]);
    }
}

#[test]
fn a_cancel_at_the_other_node_bears_the_branch_of_the_invite() {
    let (_, invite) = begun();
    let mut other = Stage::new();
    let cancel = request("CANCEL", "a");
    assert!(!other.cancel(&cancel), "it knows no such INVITE");
    let message = Message::scan(&cancel).expect("message");
    let from = flow(CALLER);
    let arrival = Arrival { now: other.at(), message: &message, from: &from };
    let manner = Manner::default();
    other.proxy.forward_stateless(&arrival, &target(&[CALLEE]), manner, &mut other.out);
    let sent = other.only(CALLEE);
    let branch = |bytes: &[u8]| {
        let message = Message::scan(bytes).expect("message");
        let via = message.top_via().expect("via");
        String::from_utf8_lossy(via.branch).split('.').next().map(str::to_owned)
    };
    assert_eq!(branch(&sent), branch(&invite));
}

#[test]
fn an_invite_that_comes_again_at_the_other_node_is_the_same_one_for_the_callee() {
    let (_, invite) = begun();
    let mut other = Stage::new();
    other.arrives(&request("INVITE", "a"), CALLER, vec![target(&[CALLEE])]);
    assert_eq!(other.only(CALLEE), invite);
}

#[test]
fn an_answer_that_names_another_proxy_is_dropped() {
    let (mut stage, invite) = begun();
    let text = String::from_utf8(answer(&invite, 200)).expect("text");
    let elsewhere = text.replace("10.0.0.9:5060", "10.0.0.8:5060");
    let message = Message::scan(elsewhere.as_bytes()).expect("message");
    assert_eq!(stage.proxy.response(stage.now, &message, &mut stage.out), Seen::Dropped);
    assert_eq!(stage.sent(), []);
}

#[test]
fn an_answer_to_a_branch_that_is_none_of_ours_is_dropped() {
    let (_, invite) = begun();
    let text = String::from_utf8(answer(&invite, 200)).expect("text");
    let foreign = text.replacen("branch=z9hG4bKt", "branch=z9hG4bKx", 1);
    let message = Message::scan(foreign.as_bytes()).expect("message");
    let mut other = Stage::new();
    assert_eq!(other.proxy.response(other.now, &message, &mut other.out), Seen::Dropped);
    assert_eq!(other.sent(), []);
}

#[test]
fn a_request_that_comes_round_again_is_seen_as_a_loop() {
    let (stage, invite) = begun();
    let message = Message::scan(&invite).expect("message");
    assert!(!stage.proxy.is_loop(&message), "its Request-URI changed: a spiral");
    let text = String::from_utf8(invite).expect("text");
    let round = text.replace("sip:2000@10.0.0.2:5060 SIP", "sip:2000@10.0.0.9 SIP");
    assert!(stage.proxy.is_loop(&Message::scan(round.as_bytes()).expect("message")));
}

proptest::proptest! {
    /// Whatever comes in whatever order: nothing panics, and ten minutes later nothing is left.
    #[test]
    fn nothing_stays_behind(
        steps in proptest::collection::vec((0..9_u8, 0..4_u8, 0..40_u64), 1..60),
    ) {
        let mut stage = Stage::new();
        let mut seen: Vec<Vec<u8>> = Vec::new();
        for (kind, which, wait) in steps {
            let name = which.to_string();
            match kind {
                0 => stage.arrives(&request("INVITE", &name), CALLER,
                    vec![target(&[CALLEE, SECOND]), target(&[SECOND])]),
                1 => stage.arrives(&request("OPTIONS", &name), CALLER, vec![target(&[CALLEE])]),
                2 => { stage.cancel(&request("CANCEL", &name)); }
                3 => { let ack = request("ACK", &name);
                    let message = Message::scan(&ack).expect("message");
                    stage.proxy.absorb(stage.now, &message, &mut stage.out); }
                4 => stage.proxy.unreachable(stage.now, &flow(SECOND), &mut stage.out),
                _ => if let Some(bytes) = seen.get(usize::from(which) * 7 % seen.len().max(1)) {
                    let code = [100, 180, 200, 404, 503, 603][(wait % 6) as usize];
                    let bytes = answer(bytes, code);
                    stage.arrives(&bytes, CALLEE, vec![]);
                },
            }
            let sent = stage.messages();
            seen.extend(sent.into_iter().filter(|(to, _)| to != CALLER).map(|(_, bytes)| bytes));
            stage.wait(Duration::from_millis(wait * wait * 20));
        }
        for _ in 0..600 {
            stage.wait(Duration::from_secs(1));
            stage.out.clear();
        }
        proptest::prop_assert!(stage.proxy.is_empty());
        proptest::prop_assert!(stage.proxy.deadline().is_none());
        proptest::prop_assert!(stage.proxy.by_client.is_empty());
        proptest::prop_assert!(stage.proxy.by_server.is_empty());
    }
}
